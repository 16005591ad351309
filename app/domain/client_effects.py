"""What else changes when the fields of a Client Object do: its Registration, its files, tokens of a scope it loses."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from app.crypto.tokens import local_id
from app.domain.client_values import with_fields
from app.domain.context import Context
from app.domain.records import Access, Change, Cursor, Listing, Stored
from app.errors import StoreUnavailable
from app.schemas.clients import Client
from app.schemas.grants import Grant
from app.schemas.registrations import Registration

BATCH = 500
"""Grants that are read at once."""


async def take_over(
    context: Context,
    change: Change,
    client: Client,
    registration: Stored[Registration],
    fields: Mapping[str, Any],
    files: Mapping[str, str],
) -> Client:
    """The Client Object with new values; what follows from them is added to `change`, the Client Object itself is not.

    The values of registration fields become those of the Registration too, where later Client Objects get theirs from
    (ambiguities A4). `files` has keys in the file store by `field_name`, "" for a file that goes. One round trip for
    each 500 Grants when the object loses a scope.
    """
    new = with_fields(context.catalog, client, fields, change.now)
    if new.scope != client.scope:
        change.forget_standing.append(client.client_id)
        lost = set(client.scope.split()) - set(new.scope.split())
        change.cut_off += await _grants_with(context, change, client.client_id, lost)
    values = {name: new.extra[name] for name in fields if name in new.extra and name.startswith("cds_")}
    if values or files:
        old = registration.object
        kept = {name: key for name, key in (old.field_files | dict(files)).items() if key}
        change.replace(
            registration,
            replace(old, modified=change.now, field_values=old.field_values | values, field_files=kept),
        )
    return new


async def _grants_with(context: Context, change: Change, client_id: str, scope_ids: Iterable[str]) -> list[str]:
    """The Grants of a Client Object that have one of these scopes; their tokens must not be used any more (B8)."""
    parts = local_id(client_id)
    filters = (
        (("client", parts.local if parts else ""),),
        tuple(("scope", scope_id) for scope_id in sorted(scope_ids)),
    )
    found: list[str] = []
    cursor: Cursor | None = None
    while filters[1]:
        listing = Listing(Grant, filters=filters, cursor=cursor, limit=BATCH)
        page = await context.records.find(Access(change.registration_id, change.now), listing)
        found += [one.object.grant_id for one in page]
        if len(page) < BATCH:
            break
        cursor = Cursor(page[-1].version, newer=False)
    return found


async def discard_files(context: Context, keys: Iterable[str]) -> None:
    """Remove files that nothing refers to any more."""
    for key in keys:
        # The change is written; a file that nobody refers to does no harm, so its removal must not fail the request.
        with suppress(StoreUnavailable):
            await context.files.delete(key)
