"""The Messages API (CDS-WG1-02 section 6)."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.api.repeating import make_once
from app.catalog import CLIENT_ADMIN
from app.domain import messages, messages_creation
from app.domain.records import Access, Page
from app.schemas.encoding import encode
from app.schemas.messages import Message
from app.web.access import bearer
from app.web.attachments import message_answer
from app.web.bodies import read_json
from app.web.paging import cursor, link, words
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/cds-api/v1/messages"
_CURSORS: Final = {name: f"{name}_cursor" for name in messages.LISTS}


async def list_messages(request: Request[State]) -> Response:
    """GET: outstanding, unread and read Messages (6.8)."""
    access = bearer(request, CLIENT_ADMIN)
    context = request.state["context"]
    cursors = {name: place for name, parameter in _CURSORS.items() if (place := cursor(request, parameter))}
    pages = await messages.list_messages(context, access, words(request, "message_ids"), cursors)
    body = b"{%b}" % b",".join(_list_members(request, name, page) for name, page in pages.items())
    return message_answer(context.files, access.registration_id, body)


def _list_members(request: Request[State], name: str, page: Page) -> bytes:
    """One list with its two links; the links leave the places in the other lists out (C16)."""
    others = [parameter for parameter in _CURSORS.values() if parameter != _CURSORS[name]]
    return b'"%b":[%b],"%b_next":%b,"%b_previous":%b' % (
        name.encode(),
        page.listed,
        name.encode(),
        encode(link(request, PATH, page.next, name=_CURSORS[name], drop=others)),
        name.encode(),
        encode(link(request, PATH, page.previous, name=_CURSORS[name], drop=others)),
    )


async def post_message(request: Request[State]) -> Response:
    """POST: a Message from the Client (6.9). With an Idempotency-Key it is the same one, however often it is posted."""
    access = bearer(request, CLIENT_ADMIN)
    context = request.state["context"]
    submitted = await read_json(request, limit_bytes=await _body_limit_bytes(request, access))
    message = await make_once(
        request, access, submitted, Message, lambda guarded: messages_creation.create(guarded, access, submitted)
    )
    if isinstance(message, str):
        document, uri = await messages.get_message(context, access, message), context.links.message(message)
    else:
        document, uri = encode(message), message.uri
    location = [(b"location", uri.encode())]
    return message_answer(context.files, access.registration_id, document, status=201, headers=location)


async def _body_limit_bytes(request: Request[State], access: Access) -> int:
    """How long the body may be: long ones, which carry attachments, are read only after the token was checked (C22).

    Raises:
        InvalidToken, InsufficientScope: The caller may not.
    """
    settings, declared = request.state["settings"], request.headers.get("content-length", "")
    ordinary: int = settings.max_body_bytes
    if declared.isdecimal() and int(declared) <= ordinary:
        return ordinary
    await request.state["context"].records.load(access)
    return (settings.max_attachments_bytes + 2) // 3 * 4 + ordinary


async def get_message(request: Request[State]) -> Response:
    """GET: one Message (6.10)."""
    access = bearer(request, CLIENT_ADMIN)
    context = request.state["context"]
    document = await messages.get_message(context, access, request.path_params["message_id"])
    return message_answer(context.files, access.registration_id, document)


async def patch_message(request: Request[State]) -> Response:
    """PATCH: mark a Message as read or unread (6.11)."""
    access = bearer(request, CLIENT_ADMIN)
    context = request.state["context"]
    submitted = await read_json(request)
    message = await messages.modify(context, access, request.path_params["message_id"], submitted)
    return message_answer(context.files, access.registration_id, encode(message))


routes = [
    Route(PATH, {"GET": list_messages, "POST": post_message}),
    Route(f"{PATH}/{{message_id}}", {"GET": get_message, "PATCH": patch_message}),
]
