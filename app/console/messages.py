"""One exchange of Messages with the decision that it waits for.

Source: CDS-WG1-02 6.2, 6.3, 6.7, 6.11.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from msgspec import UNSET, convert
from starlette.requests import Request
from starlette.responses import Response

from app.console import wording
from app.console.downloads import download, download_field
from app.console.inbox import PATH as INBOX
from app.console.names import title_of
from app.console.shell import Acting, Form, console_page, console_route, done, posted, signed_in
from app.console.threads import Entry, entries
from app.crypto.tokens import local_id
from app.domain import attachments, decision_effects, decisions, exchanges, file_requests
from app.domain.context import Context
from app.domain.exchanges import Exchange
from app.domain.messages import require_message
from app.domain.messages_answers import FINAL
from app.domain.messages_fields import MAX_NAME_LENGTH
from app.domain.operators import ADMINISTERING, SUPPORTING
from app.domain.records import Access
from app.errors import Conflict, InvalidRequest, NotFound, Refusal, ServerError, StoreUnavailable
from app.schemas.encoding import decode
from app.schemas.files import ServerProvidedFile
from app.schemas.messages import Message, MessageStatus, MessageType
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.routing import Route
from app.web.state import State
from app.web.streaming import Download

_WORDS: Final[Mapping[MessageStatus, tuple[str, str]]] = {
    MessageStatus.COMPLETE: ("Approve", "yes"),
    MessageStatus.REJECTED: ("Reject", "end"),
    MessageStatus.PENDING: ("Keep in review", ""),
    MessageStatus.OPEN: ("Hand back", ""),
    MessageStatus.ERRORED: ("Report a problem", ""),
}

_RESOLVED: Final = frozenset({MessageType.SUPPORT_REQUEST, MessageType.SERVER_REQUEST})
"""Types whose `complete` is no approval of anything."""

_OUTCOMES: Final[Mapping[MessageStatus, str]] = {
    MessageStatus.COMPLETE: "Done: the request is complete, and the Client has been told.",
    MessageStatus.REJECTED: "The request is rejected, and the Client has been told why.",
    MessageStatus.PENDING: "The Client has been told that the request is in review.",
    MessageStatus.OPEN: "The request is with the Client again.",
    MessageStatus.ERRORED: "The Client has been told that something went wrong.",
}


ANSWERED_HERE: Final = frozenset({MessageType.SERVER_REQUEST, MessageType.PDF_FORM_REQUEST})
"""Requests whose answer may come by phone or by mail: an operator writes it down as a client_submission (6.2)."""


class Choice(NamedTuple):
    """One decision that may be taken."""

    status: MessageStatus
    name: str
    style: str
    effect: str
    is_usual: bool
    """Whether it is what most requests come to."""


async def show(request: Request[State]) -> Answer:
    """GET: one exchange."""
    acting = await signed_in(request)
    return await page_of(request, acting)


async def page_of(
    request: Request[State],
    acting: Acting,
    *,
    form: Form | None = None,
    refusal: Refusal | None = None,
    wrote: bool = False,
) -> Answer:
    """The exchange; after a refusal with what was entered, and why it was refused.

    Args:
        wrote: It was a Message that was refused, not a decision.
    """
    context, now = acting.context, request.state["now"]()
    access, message_id = access_of(request)
    exchange = await exchanges.read(context, access, message_id)
    base = base_path(request.state)
    shown = entries(context, base, exchange, now)
    effects, files = await asyncio.gather(
        decision_effects.effects(context, access, exchange), _files(context, exchange)
    )
    question = exchange.question.object if exchange.question else None
    name = title_of(exchange.registration)
    return console_page(
        request,
        "message.html",
        status=refusal.status if refusal else 200,
        title=exchange.messages[0].object.name or wording.type_name(exchange.messages[0].object.type),
        crumbs=(("Inbox", INBOX), (name, f"/console/registrations/{access.registration_id}")),
        registration=exchange.registration,
        registration_name=name,
        entries=shown,
        asked=exchange.asked.object,
        question=question,
        question_entry=next((one for one in shown if question and one.message_id == question.message_id), None),
        choices=_choices(question, effects),
        takes_receipt=question is not None and question.type is MessageType.PAYMENT_REQUEST,
        files=files,
        files_scope=file_requests.files_scope_asked(context.catalog, question) if question else "",
        reply_to=_reply_to(exchange),
        reply_name=_reply_name(exchange),
        attachments_limit=wording.size(context.settings.max_attachments_bytes),
        takes_answer=question is not None and question.type in ANSWERED_HERE,
        unnoted=_unnoted(shown),
        form=form or Form([]),
        wrote=wrote,
        refusal=refusal,
        decision_refusal=None if wrote else refusal,
        reply_refusal=refusal if wrote else None,
        is_late=isinstance(refusal, Conflict),
        may_decide=acting.may(ADMINISTERING),
        may_write=acting.may(SUPPORTING),
    )


def _choices(question: Message | None, effects: Mapping[MessageStatus, str]) -> list[Choice]:
    if question is None:
        return []
    choices = [Choice(status, *_WORDS[status], effect, is_usual=status in FINAL) for status, effect in effects.items()]
    if question.type in _RESOLVED:
        return [one._replace(name="Mark as done") if one.status is MessageStatus.COMPLETE else one for one in choices]
    return choices


async def _files(context: Context, exchange: Exchange) -> list[ServerProvidedFile]:
    """Files to choose from, where a request for files waits; the hundred that were changed last."""
    if exchange.question is None or not file_requests.files_scope_asked(context.catalog, exchange.question.object):
        return []
    page = await context.library.page()
    return [convert(decode(document), ServerProvidedFile) for document in page.documents]


def _reply_to(exchange: Exchange) -> Message:
    """What an answer of ours answers: what the Client has written last, or how the exchange began."""
    return exchange.newest_from_client or exchange.messages[0].object


def _reply_name(exchange: Exchange) -> str:
    first = exchange.messages[0].object
    name = _reply_to(exchange).name or first.name or wording.type_name(first.type)
    return name if name.startswith("Re: ") else f"Re: {name}"[:MAX_NAME_LENGTH]


def _unnoted(shown: list[Entry]) -> list[Entry]:
    is_private = MessageType.PRIVATE_MESSAGE
    return [one for one in shown if one.type is is_private and one.from_client and not one.is_noted]


async def decide(request: Request[State]) -> Answer:
    """POST: a decision. A refused form is shown again with what was entered."""
    acting, form = await posted(request, ADMINISTERING, "messages.decide")
    access, message_id = access_of(request)
    try:
        status = _read_status(form.get("status"))
        await _decide(acting.context, access, form.get("message_id", message_id), status, form)
    except (ServerError, StoreUnavailable, NotFound):
        raise
    except Refusal as refusal:
        return await page_of(request, acting, form=form, refusal=refusal)
    comes_from_registration = form.get("from") == "registration"
    back = f"/console/registrations/{access.registration_id}#onboarding" if comes_from_registration else ""
    return done(request, back or f"{INBOX}/{message_id}", _OUTCOMES[status])


async def _decide(context: Context, access: Access, message_id: str, status: MessageStatus, form: Form) -> Message:
    description = form.get("description").replace("\r\n", "\n")
    if status is MessageStatus.COMPLETE and "asks_for_files" in form:
        return await file_requests.share_and_approve(context, access, message_id, form.all("file_id"), description)
    receipt = form.get("receipt_uri") if status is MessageStatus.COMPLETE else ""
    return await decisions.decide_message(context, access, message_id, status, description, receipt_uri=receipt or None)


def _read_status(value: str) -> MessageStatus:
    try:
        return MessageStatus(value)
    except ValueError as error:
        raise InvalidRequest("Choose one of the decisions.", field="status") from error


async def note(request: Request[State]) -> Answer:
    """POST: private messages of this exchange were read; they leave the inbox."""
    acting, _ = await posted(request, SUPPORTING, "messages.note")
    access, message_id = access_of(request)
    await note_all(acting.context, access, await exchanges.read(acting.context, access, message_id))
    return done(request, f"{INBOX}/{message_id}", "Noted. It no longer waits in the inbox.")


async def note_all(context: Context, access: Access, exchange: Exchange) -> None:
    """Take note of every private message of an exchange."""
    for stored in exchange.messages:
        message: Message = stored.object
        is_open = message.type is MessageType.PRIVATE_MESSAGE and message.creator is not None
        if is_open and not stored.internal.noted:
            await exchanges.note(context, access, message.message_id)


async def attachment(request: Request[State]) -> Response:
    """GET: an attachment, to be saved."""
    acting = await signed_in(request)
    access, message_id = access_of(request)
    stored = await require_message(acting.context, access, message_id)
    every = [] if stored.object.attachments is UNSET else stored.object.attachments
    number = request.query_params.get("number", "")
    if not number.isdecimal() or len(number) > 3 or int(number) >= len(every):  # noqa: PLR2004 -- at most 50 of them
        raise NotFound("There is no such attachment.")
    one = every[int(number)]
    return await download(
        request,
        Download(
            one.filename,
            one.mime_type,
            attachments.size_of(one),
            f'"{message_id}-{number}"',
            partial(attachments.content_of, acting.context.files, access.registration_id, one),
        ),
    )


async def field_file(request: Request[State]) -> Response:
    """GET: a new file that waits for a review."""
    acting = await signed_in(request)
    access, message_id = access_of(request)
    stored = await require_message(acting.context, access, message_id)
    name = request.query_params.get("name", "")
    return await download_field(request, acting.context, stored.internal.files.get(name, ""), name)


def access_of(request: Request[State]) -> tuple[Access, str]:
    """The registration of the Message in the path. Raises NotFound when it is the id of nothing."""
    message_id: str = request.path_params["message_id"]
    parts = local_id(message_id)
    if parts is None:
        raise NotFound("There is no such Message.")
    return Access(parts.registration_id, request.state["now"]()), message_id


routes: Final[list[Route]] = [
    console_route(f"{INBOX}/{{message_id}}", GET=show),
    console_route(f"{INBOX}/{{message_id}}/decision", POST=decide),
    console_route(f"{INBOX}/{{message_id}}/note", POST=note),
    console_route(f"{INBOX}/{{message_id}}/attachment", GET=attachment),
    console_route(f"{INBOX}/{{message_id}}/field", GET=field_file),
]
