"""Pages of one registration for operators, who see what Clients do not: objects with their internal part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.context import Context
from app.domain.records import Access, Cursor, Listing, Stored


@dataclass(frozen=True, slots=True)
class StoredPage:
    """The objects of one page, most recently modified first, and where its neighbours begin (None at the ends)."""

    items: Sequence[Stored[Any]]
    next: Cursor | None
    previous: Cursor | None


async def stored_page(context: Context, access: Access, listing: Listing) -> StoredPage:
    """A page of a listing. One round trip; one more when Grants are due.

    `previous` may lead to an empty page, when nothing is newer any more than what the cursor came from.
    """
    found = list(await context.records.find(access, replace(listing, limit=listing.limit + 1)))
    cursor, further = listing.cursor, len(found) > listing.limit
    if cursor and cursor.newer:
        items = found[1:] if further else found
        newer, older = further, True
    else:
        items = found[: listing.limit]
        newer, older = cursor is not None, further
    return StoredPage(
        items,
        next=Cursor(items[-1].version, newer=False) if older and items else None,
        previous=Cursor(items[0].version, newer=True) if newer and items else None,
    )
