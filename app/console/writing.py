"""Messages that operators write: answers in an exchange, and new ones of every type that the Server may begin.

Source: CDS-WG1-02 6.1, 6.2, 6.5, 6.7.
"""

from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from app.console import entered, messages, wording
from app.console.inbox import PATH as INBOX
from app.console.names import title_of
from app.console.shell import Acting, Form, console_page, console_route, done, require_token, signed_in
from app.crypto.tokens import local_id
from app.domain import registrations
from app.domain.context import Context
from app.domain.field_changes import updates_in
from app.domain.messages import require_message
from app.domain.messages_from_server import CREATED_STATUS, post_from_server
from app.domain.operators import SUPPORTING
from app.domain.records import Access
from app.errors import InvalidRequest, NotFound, Refusal, ServerError, StoreUnavailable
from app.schemas.messages import Message, MessageType
from app.web.answers import Answer
from app.web.browser import require_own_site
from app.web.multipart import File, Multipart
from app.web.pages import base_path
from app.web.routing import Route
from app.web.state import State

_PATH: Final = "/console/registrations"
_ROWS: Final = range(8)
"""So many fields a server_request of the console may ask for; the API takes more."""

_TYPES: Final = {
    MessageType.PRIVATE_MESSAGE: "For this Client alone. No answer is asked for.",
    MessageType.NOTIFICATION: "News that concern several Clients. To write to all of them at once, make a broadcast.",
    MessageType.SERVER_REQUEST: "Asks the Client to submit something. It stays open until the Client does, and then"
    " waits in the inbox.",
    MessageType.PAYMENT_REQUEST: "Asks the Client to pay on a page of yours.",
    MessageType.ONLINE_FORM_REQUEST: "Asks the Client to fill in a form on a page of yours.",
    MessageType.PDF_FORM_REQUEST: "Asks the Client to fill in a PDF form and to send it back.",
}
_LINKED: Final = frozenset({MessageType.PAYMENT_REQUEST, MessageType.ONLINE_FORM_REQUEST, MessageType.PDF_FORM_REQUEST})


_PARTS: Final = ("field", "name", "description", "uri")


class Sent(NamedTuple):
    """A form with files, whose token has been checked."""

    acting: Acting
    form: Form
    files: Sequence[File]


async def reply(request: Request[State]) -> Answer:
    """POST: a private message in an exchange."""
    sent = await _sent(request)
    form, context = sent.form, sent.acting.context
    access, message_id = messages.access_of(request)
    previous = form.get("previous", message_id)
    submitted = {
        "type": MessageType.PRIVATE_MESSAGE,
        "name": form.get("name"),
        "description": entered.text(form, "text"),
        "previous_uri": context.links.message(previous),
        "attachments": _attachments(sent.files),
    }
    try:
        await post_from_server(context, access, submitted)
    except (ServerError, StoreUnavailable, NotFound):
        raise
    except Refusal as refusal:
        return await messages.page_of(request, sent.acting, form=form, refusal=refusal, wrote=True)
    return done(request, f"{INBOX}/{message_id}#reply", "Sent to the Client.")


async def show(request: Request[State]) -> Answer:
    """GET: what is to be written."""
    acting = await signed_in(request, SUPPORTING)
    return await _page(request, acting, Form(list(request.query_params.multi_items())))


async def write(request: Request[State]) -> Answer:
    """POST: a new Message to one registration."""
    sent = await _sent(request)
    access, form = _access(request), sent.form
    try:
        type_ = _read_type(form.get("type"))
        message = await post_from_server(sent.acting.context, access, await _submitted(sent, access, type_))
    except (ServerError, StoreUnavailable, NotFound):
        raise
    except Refusal as refusal:
        return await _page(request, sent.acting, form, refusal=refusal)
    return done(request, f"{INBOX}/{message.message_id}", "Sent to the Client.")


async def _page(request: Request[State], acting: Acting, form: Form, *, refusal: Refusal | None = None) -> Answer:
    access, context = _access(request), acting.context
    registration = (await registrations.get(context, access)).object
    previous = await _previous(context, access, form.get("previous"))
    try:
        type_ = _read_type(form.get("type", MessageType.PRIVATE_MESSAGE))
    except InvalidRequest:
        type_ = MessageType.PRIVATE_MESSAGE
    name, home = title_of(registration), f"{_PATH}/{access.registration_id}"
    is_answer = type_ is MessageType.CLIENT_SUBMISSION
    return console_page(
        request,
        "write.html",
        status=refusal.status if refusal else 200,
        title="Write down an answer" if is_answer else "Write a Message",
        crumbs=(("Registrations", _PATH), (name, home)),
        registration=registration,
        registration_name=name,
        type=type_,
        is_answer=is_answer,
        previous=previous,
        asked=updates_in(previous) if previous else (),
        tabs=[
            (wording.type_name(one), f"{base_path(request.state)}{home}/write?type={one}", one is type_, None)
            for one in _TYPES
        ],
        explanation=_TYPES.get(type_, ""),
        needs_link=type_ in _LINKED,
        rows=_ROWS,
        wrong=_wrong_rows(form, refusal),
        form=form,
        refusal=refusal,
        limit=wording.size(context.settings.max_attachments_bytes),
    )


async def _previous(context: Context, access: Access, message_id: str) -> Message | None:
    if not message_id:
        return None
    message: Message = (await require_message(context, access, message_id)).object
    return message


async def _sent(request: Request[State]) -> Sent:
    """The form of a Message, read as a whole: attachments are small together."""
    require_own_site(request)
    acting = await signed_in(request, SUPPORTING, "messages.post")
    limit_bytes = acting.context.settings.max_attachments_bytes
    fields, files = await Multipart(request).whole(limit_bytes=limit_bytes)
    require_token(request, acting, fields.get("form_token", ""))
    return Sent(acting, Form(list(fields.items())), files)


def _attachments(files: Sequence[File]) -> list[dict[str, str]]:
    return [
        {
            "filename": one.filename.replace("\\", "/").rpartition("/")[2],
            "mime_type": one.content_type,
            "data": b64encode(one.content).decode(),
        }
        for one in files
    ]


async def _submitted(sent: Sent, access: Access, type_: MessageType) -> dict[str, Any]:
    """The form as the domain takes a Message."""
    form, context = sent.form, sent.acting.context
    submitted: dict[str, Any] = {
        "type": type_,
        "name": form.get("name"),
        "description": entered.text(form, "description"),
        "previous_uri": context.links.message(form.get("previous")) if form.get("previous") else None,
        "attachments": _attachments(sent.files) or None,
        "related_uri": form.get("related_uri") or None,
        "related_type": (form.get("related_type") or None) if form.get("related_uri") else None,
    }
    if type_ is MessageType.PAYMENT_REQUEST and (form.get("amount") or form.get("currency")):
        submitted |= {"amount": _amount(form.get("amount")), "currency": form.get("currency")}
    if type_ is MessageType.SERVER_REQUEST:
        submitted["updates_requested"] = _asked(form)
    if type_ is MessageType.CLIENT_SUBMISSION:
        request = await _previous(context, access, form.get("previous"))
        submitted["updates_requested"] = _answers(form, [one.field for one in updates_in(request)] if request else [])
    return submitted


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidRequest("amount must be a number such as 250.00.", field="amount") from error


def _asked(form: Form) -> list[dict[str, Any]]:
    """The rows of what is asked for, without the empty ones."""
    rows = [{part: form.get(f"{part}.{number}") for part in _PARTS} for number in _filled(form)]
    return [{**row, "uri": row["uri"] or None} for row in rows]


def _filled(form: Form) -> list[int]:
    """The rows in which something was entered."""
    return [number for number in _ROWS if any(form.get(f"{part}.{number}") for part in _PARTS)]


def _wrong_rows(form: Form, refusal: Refusal | None) -> dict[str, str]:
    """What is wrong with an input of a row, by its name."""
    field, _, part = (
        (refusal.field or "").removeprefix("updates_requested.").partition(".") if refusal else ("", "", "")
    )
    filled = _filled(form)
    if refusal is None or not field.isdecimal() or int(field) >= len(filled):
        return {}
    return {f"{part}.{filled[int(field)]}": refusal.description}


def _answers(form: Form, fields: Sequence[str]) -> list[dict[str, Any]] | None:
    """What came by phone, per field; a form may come as an attachment alone."""
    answers = []
    for field in [*fields, *([] if fields else ["form"])]:
        text, uri = form.get(f"answer.{field}"), form.get(f"uri.{field}")
        if text or uri:
            answers.append({"field": field, "description": text or None, "uri": uri or None})
    return answers or None


def _read_type(value: str) -> MessageType:
    if value in set(CREATED_STATUS):
        return MessageType(value)
    raise InvalidRequest("type must be one that the Server may write.", field="type")


def _access(request: Request[State]) -> Access:
    """The registration in the path. Raises NotFound when it is the id of nothing."""
    registration_id: str = request.path_params["registration_id"]
    if local_id(registration_id) is None:
        raise NotFound("There is no such registration.")
    return Access(registration_id, request.state["now"]())


routes: Final[list[Route]] = [
    console_route(f"{INBOX}/{{message_id}}/reply", POST=reply),
    console_route(f"{_PATH}/{{registration_id}}/write", GET=show, POST=write),
]
