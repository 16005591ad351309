"""Messages: the inbox, one exchange, what operators write, what they decide (CDS-WG1-02 section 6)."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain import decisions, exchanges, messages
from app.domain.context import Context
from app.domain.directory import MessageSearch
from app.domain.messages_from_server import post_from_server
from app.domain.operators import ADMINISTERING, SUPPORTING, VIEWING, require_role
from app.domain.records import Listing
from app.domain.stored_pages import stored_page
from app.domain.texts import one_of
from app.errors import InvalidRequest
from app.operator import shown
from app.operator.paging import page_answer, place, sheet_answer
from app.operator.reading import (
    API,
    access_of,
    access_to,
    context_for,
    created_answer,
    make_once,
    refuse_other_fields,
    refuse_other_parameters,
    text,
    texts,
)
from app.schemas.messages import Message, MessageStatus, MessageType
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.paging import cursor
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/messages"

_EVERYWHERE: Final = ("outstanding", "waiting")
_OF_ONE: Final = ("all", "outstanding", "waiting", "unread", "read")
_POSTED: Final = (
    "type", "name", "description", "previous_uri", "related_uri", "related_type", "updates_requested", "amount",
    "currency", "attachments",
)  # fmt: skip


async def list_messages(request: Request[State]) -> Response:
    """GET: Messages by `status` and `type`, of all registrations or of that in `registration_id`."""
    context = (await acting(request, VIEWING, "messages.list")).context
    refuse_other_parameters(request, "registration_id", "status", "type", "cursor")
    registration_id, type_ = request.query_params.get("registration_id"), _type(request)
    if registration_id:
        return await _list_of_one(request, registration_id, type_)
    search = MessageSearch(waiting=_status(request, _EVERYWHERE) == "waiting", type=type_)
    sheet = await request.state["directory"].messages(search, place(request))
    return sheet_answer(request, PATH, "messages", [shown.message(context.links, one) for one in sheet.items], sheet)


async def _list_of_one(request: Request[State], registration_id: str, type_: MessageType | None) -> Response:
    """A page of one registration; of a type it may have fewer than there is room for, and still a `next`."""
    context, status = request.state["context"], _status(request, _OF_ONE)
    filters = () if status == "all" else (((status, ""),),)
    access = access_to(request, registration_id)
    page = await stored_page(context, access, Listing(Message, filters=filters, cursor=cursor(request)))
    items = [shown.message(context.links, one) for one in page.items if type_ in {None, one.object.type}]
    return page_answer(request, PATH, "messages", items, page)


def _status(request: Request[State], offered: tuple[str, ...]) -> str:
    status = request.query_params.get("status") or offered[0]
    if status not in offered:
        raise InvalidRequest(f"status must be {one_of(offered)}.", field="status")
    return status


def _type(request: Request[State]) -> MessageType | None:
    value = request.query_params.get("type")
    if value and value not in set(MessageType):
        raise InvalidRequest(f"type must be {one_of(MessageType)}.", field="type")
    return MessageType(value) if value else None


async def get_message(request: Request[State]) -> Response:
    """GET: a Message, the exchange that it belongs to (oldest first), and what there is to decide in it."""
    context = (await acting(request, VIEWING, "messages.get")).context
    message_id = request.path_params["message_id"]
    exchange = await exchanges.read(context, access_of(request, message_id), message_id)
    question = exchange.question
    return json_answer(
        shown.message(context.links, exchange.asked)
        | {
            "thread": [shown.message(context.links, one) for one in exchange.messages],
            "question": question
            and {"message_id": question.object.message_id, "decisions": [str(one) for one in exchange.choices]},
        }
    )


async def post_message(request: Request[State]) -> Response:
    """POST: a Message from the Server to the Client of a registration (6.2), attachments included."""
    doing = await acting(request, SUPPORTING, "messages.post")
    access = access_to(request, request.path_params["registration_id"])
    settings = request.state["settings"]
    limit_bytes = (settings.max_attachments_bytes + 2) // 3 * 4 + settings.max_body_bytes
    submitted = await read_json(request, limit_bytes=limit_bytes)
    refuse_other_fields(submitted, _POSTED)

    async def make(context: Context) -> str:
        return (await post_from_server(context, access, submitted)).message_id

    message_id = await make_once(request, doing, access, submitted, Message, make)
    stored = await messages.require_message(doing.context, access, message_id)
    return created_answer(request, f"{PATH}/{message_id}", shown.message(doing.context.links, stored))


async def post_decision(request: Request[State]) -> Response:
    """POST: decide about a Message, with all that its type implies; noting a private_message needs no admin."""
    doing = await acting(request, SUPPORTING, "messages.note")
    message_id = request.path_params["message_id"]
    access = access_of(request, message_id)
    submitted = await read_json(request)
    stored = await messages.require_message(doing.context, access, message_id)
    if stored.object.type is not MessageType.PRIVATE_MESSAGE:
        require_role(doing.operator, ADMINISTERING)
        doing = doing._replace(context=context_for(request, doing, "messages.decide"))
    decided = await decisions.decide_message(doing.context, access, message_id, **_decision(submitted))
    return json_answer(shown.message_document(doing.context.links, decided))


def _decision(submitted: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `decide_message`. Raises InvalidRequest."""
    refuse_other_fields(submitted, ("status", "description", "receipt_uri", "file_ids"))
    status = submitted.get("status")
    if not isinstance(status, str) or status not in set(MessageStatus):
        raise InvalidRequest(f"status must be {one_of(MessageStatus)}.", field="status")
    return {
        "status": MessageStatus(status),
        "description": text(submitted, "description", ""),
        "receipt_uri": submitted.get("receipt_uri"),
        "file_ids": texts(submitted, "file_ids"),
    }


routes = [
    Route(PATH, {"GET": list_messages}),
    Route(PATH + "/{message_id}", {"GET": get_message}),
    Route(PATH + "/{message_id}/decision", {"POST": post_decision}),
    Route(f"{API}/registrations/{{registration_id}}/messages", {"POST": post_message}),
]
