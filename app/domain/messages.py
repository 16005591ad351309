"""Reading Messages, marking them as read, following an exchange (CDS-WG1-02 6.8, 6.10, 6.11)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from app.crypto.tokens import local_id
from app.domain.context import Context
from app.domain.records import Access, Change, Cursor, Listing, Page, Stored, Wanted
from app.domain.retries import until_written
from app.errors import InvalidRequest, NotFound
from app.schemas.messages import Message

LISTS: Final = ("outstanding", "unread", "read")
"""The three lists of a listing, in the order of 6.8. A Message may be in two of them (ambiguities C15)."""


async def list_messages(
    context: Context, access: Access, ids: tuple[str, ...] | None, cursors: Mapping[str, Cursor]
) -> dict[str, Page]:
    """A page of each list, newest change first; with cursors only of those lists (6.8, ambiguities C16).

    Args:
        ids: When given, only these Messages.
        cursors: By list, where a page link leads.

    Raises:
        InvalidToken, InsufficientScope: The caller may not.
    """
    listings = [
        Listing(Message, filters=(((name, ""),),), ids=ids, cursor=cursors.get(name))
        for name in LISTS
        if not cursors or name in cursors
    ]
    pages = iter(await context.records.pages(access, *listings))
    return {name: next(pages) if not cursors or name in cursors else Page(b"", None, None) for name in LISTS}


async def get_message(context: Context, access: Access, message_id: str) -> bytes:
    """A Message as it is stored (see `app.domain.attachments`); reading it does not mark it as read (ambiguities C27).

    Raises:
        InvalidToken, InsufficientScope, NotFound: As on every read.
    """
    return await context.records.document(access, Wanted(Message, message_id))


async def modify(context: Context, access: Access, message_id: str, submitted: Mapping[str, Any]) -> Message:
    """Mark a Message as read or unread; every other field is left alone, whatever was sent (6.11, ambiguities J7).

    `modified` changes only when `read` does (ambiguities C14).

    Raises:
        NotFound: The registration has no such Message.
        InvalidRequest: `read` is not true or false.
        Conflict: Others kept changing the Message meanwhile.
    """

    async def mark() -> Message:
        stored = await require_message(context, access, message_id)
        read = submitted.get("read", stored.object.read)
        if not isinstance(read, bool):
            raise InvalidRequest("read must be true or false.", field="read")
        if read is stored.object.read:
            return stored.object
        change = Change(access.registration_id, access.now)
        marked = replace(stored.object, read=read, modified=access.now)
        change.replace(stored, marked)
        change.event("message.modified", message_id)
        await context.records.apply(change)
        return marked

    return await until_written(mark)


async def require_message(context: Context, access: Access, message_id: str) -> Stored[Message]:
    """A Message to go on with. Raises NotFound when the registration has no such Message."""
    (stored,) = await context.records.load(access, Wanted(Message, message_id))
    if stored is None:
        raise NotFound("There is no such Message.")
    return stored


async def thread(context: Context, access: Access, message_id: str) -> Sequence[Stored[Message]]:
    """The exchange that a Message belongs to, newest first: replies, amendments, submissions and decisions (6.11).

    Of a very long one the newest hundred and the Message that began it. Three round trips.

    Raises:
        NotFound: The registration has no such Message.
    """
    stored = await require_message(context, access, message_id)
    root = stored.internal.thread or stored.object.message_id
    replies = await replies_in(context, access, root)
    return [*replies, await require_message(context, access, root)]


async def replies_in(context: Context, access: Access, root_id: str) -> Sequence[Stored[Message]]:
    """What came after the Message that began an exchange, newest first, at most a hundred. One round trip."""
    root = local_id(root_id)
    return await context.records.find(access, Listing(Message, filters=((("thread", root.local if root else ""),),)))
