"""What waits for operators, and everything else that is open or pending, across registrations.

Source: CDS-WG1-02 6.2, 6.3; ambiguities C29.
"""

import asyncio
from typing import Final, NamedTuple

from starlette.requests import Request

from app.console import paging, wording
from app.console.names import names_of
from app.console.shell import console_page, console_route, signed_in
from app.crypto.tokens import local_id
from app.domain.directory import OLDEST_END, MessageSearch, Tally
from app.errors import InvalidRequest
from app.schemas.messages import Message, MessageType
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/console/messages"

_WAITING_TYPES: Final = (
    MessageType.PRODUCTION_REQUEST,
    MessageType.GRANT_REQUEST,
    MessageType.FIELD_CHANGES,
    MessageType.SUPPORT_REQUEST,
    MessageType.PRIVATE_MESSAGE,
    MessageType.ONLINE_FORM_REQUEST,
    MessageType.PDF_FORM_REQUEST,
    MessageType.PAYMENT_REQUEST,
    MessageType.SERVER_REQUEST,
)

_OLD_DAYS: Final = 2
"""From when on a Message has waited for too long to be overlooked."""


class Chip(NamedTuple):
    """A filter of the inbox, with how many there are."""

    name: str
    href: str
    number: int
    oldest: str
    current: bool


class Row(NamedTuple):
    """A Message in the inbox."""

    message: Message
    type_name: str
    registration_id: str
    registration: str
    age: str
    is_old: bool


async def show(request: Request[State]) -> Answer:
    """GET: what waits for an operator, the longest waiting first; or everything open or pending, newest first."""
    acting = await signed_in(request)
    directory, now = request.state["directory"], request.state["now"]()
    everything = request.query_params.get("show") == "outstanding"
    search = MessageSearch(waiting=not everything, type=_read_type(request.query_params.get("type", "")))
    begin = paging.place(request) or (OLDEST_END if search.waiting else None)
    sheet, tally = await asyncio.gather(directory.messages(search, begin), directory.tally())
    items = sheet.items[::-1] if search.waiting else sheet.items
    ids = [local_id(one.object.message_id) for one in items]
    names = await names_of(acting.context, (one.registration_id for one in ids if one), now)
    rows = [
        Row(
            one.object,
            wording.type_name(one.object.type),
            parts.registration_id,
            names[parts.registration_id],
            wording.age(one.object.modified, now),
            (now - one.object.modified).days >= _OLD_DAYS,
        )
        for one, parts in zip(items, ids, strict=True)
        if parts
    ]
    return console_page(
        request,
        "inbox.html",
        title="Inbox",
        rows=rows,
        chips=_chips(base_path(request.state), search, tally, request),
        everything=everything,
        filtered=search.type is not None,
        pages=paging.of_sheet(request, sheet),
    )


def _read_type(value: str) -> MessageType | None:
    if not value:
        return None
    try:
        return MessageType(value)
    except ValueError as error:
        raise InvalidRequest("type must be a type of Messages.", field="type") from error


def _chips(base: str, search: MessageSearch, tally: Tally, request: Request[State]) -> list[Chip]:
    now = request.state["now"]()
    path = base + PATH
    total = sum(one.count for one in tally.waiting.values())
    chips = [Chip("All that waits", path, total, "", search.waiting and search.type is None)]
    for type_ in _WAITING_TYPES:
        waiting = tally.waiting.get(type_)
        if (waiting and waiting.count) or search.type is type_:
            oldest = wording.age(waiting.oldest, now) if waiting and waiting.oldest else ""
            href = paging.with_query(path, [("type", type_)])
            current = search.waiting and search.type is type_
            chips.append(Chip(wording.type_name(type_), href, waiting.count if waiting else 0, oldest, current))
    href = paging.with_query(path, [("show", "outstanding")])
    return [*chips, Chip("Everything open or pending", href, tally.outstanding, "", not search.waiting)]


routes: Final[list[Route]] = [console_route(PATH, GET=show)]
