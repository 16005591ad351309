"""Messages that operators write: news, questions, requests, answers by phone (CDS-WG1-02 6.2; ambiguities C21, C23)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.domain import attachments
from app.domain.changelog import server_message
from app.domain.context import Context
from app.domain.inbox import waits_for_operator
from app.domain.messages import thread
from app.domain.messages_answers import note_submission
from app.domain.messages_fields import (
    read_description,
    read_entries,
    read_field_id,
    read_name,
    read_uri,
    target_of,
    thread_of,
    wanted_message,
)
from app.domain.messages_requests import MAX_ENTRIES, read_submission, require_answerable
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.domain.texts import one_of
from app.errors import Conflict, InvalidRequest, NotFound
from app.schemas.messages import (
    Message,
    MessageInternal,
    MessageStatus,
    MessageType,
    RelatedType,
    UpdateRequest,
)
from app.schemas.registrations import Registration

CREATED_STATUS: Final = {
    MessageType.NOTIFICATION: MessageStatus.COMPLETE,
    MessageType.PRIVATE_MESSAGE: MessageStatus.COMPLETE,
    MessageType.CLIENT_SUBMISSION: MessageStatus.COMPLETE,
    MessageType.SERVER_REQUEST: MessageStatus.OPEN,
    MessageType.PAYMENT_REQUEST: MessageStatus.OPEN,
    MessageType.ONLINE_FORM_REQUEST: MessageStatus.OPEN,
    MessageType.PDF_FORM_REQUEST: MessageStatus.OPEN,
}
"""The types that an operator may create, and the status that each begins with (C29)."""

_LINKED: Final = {
    MessageType.PAYMENT_REQUEST: RelatedType.PAYMENT_FORM,
    MessageType.ONLINE_FORM_REQUEST: RelatedType.ONLINE_FORM,
    MessageType.PDF_FORM_REQUEST: RelatedType.PDF_FORM,
}
"""The types that need a link, and the kind of it (6.1)."""

_FREE_LINKS: Final = frozenset({RelatedType.MORE_INFO, RelatedType.DOCUMENTATION, RelatedType.SUPPORT})
"""What an operator may say of a link that leads to none of our APIs (6.4)."""


class _Surroundings(NamedTuple):
    """What a new Message rests on."""

    previous: Stored[Message] | None
    registration: Stored[Registration]


async def post_from_server(context: Context, access: Access, submitted: Mapping[str, Any]) -> Message:
    """Create a Message from the Server to one registration; a broadcast calls this for each (C23). Two round trips.

    A reply to a `private_message` of the Client takes note of it, so that it no longer waits; three round trips more.

    Args:
        submitted: `type`, `name` and `description` as in 6.1; optionally `previous_uri`, `related_uri`, `related_type`,
            `updates_requested`, `amount` with `currency`, and `attachments`.

    Raises:
        NotFound: There is no such registration.
        InvalidRequest: A field is missing or not acceptable; nothing was created.
        ContentTooLarge: The attachments are over the limit.
        Conflict: Others kept changing the request that this answers.
    """
    around = await _read_surroundings(context, access, submitted.get("previous_uri"))
    files = attachments.read(submitted.get("attachments"), limit_bytes=context.settings.max_attachments_bytes)
    change = Change(access.registration_id, access.now)
    message = _compose(context, change, submitted, around.previous, has_attachments=bool(files))
    kept = await attachments.keep(context, message.message_id, files)
    message = replace(message, attachments=kept or UNSET)
    try:
        await _write(context, access, message, around)
    except (Conflict, InvalidRequest):
        # Nothing was written. After any other error that is not known, and the Message may refer to its attachments.
        await attachments.discard(context, message.message_id, len(files))
        raise
    return message


async def _read_surroundings(context: Context, access: Access, previous_uri: object) -> _Surroundings:
    previous, registration = await context.records.load(
        access, wanted_message(context.links, previous_uri), Wanted(Registration, access.registration_id)
    )
    if registration is None:
        raise NotFound("There is no such registration.")
    return _Surroundings(previous, registration)


async def _write(context: Context, access: Access, message: Message, around: _Surroundings) -> None:
    """Write a new Message with all that it changes; whoever changed the same meanwhile is read again."""
    fresh: _Surroundings | None = around

    async def attempt() -> None:
        nonlocal fresh
        here, fresh = fresh or await _read_surroundings(context, access, message.previous_uri), None
        change = Change(access.registration_id, access.now)
        step = _renewed_step(message, here.previous)
        change.create(message, MessageInternal(thread=thread_of(here.previous), registration_field=step))
        change.event("message.created", message.message_id)
        if message.type is MessageType.CLIENT_SUBMISSION:
            note_submission(context, change, require_answerable(here.previous), here.registration)
        elif here.previous:
            await _note_answered(context, access, change, here.previous)
        await context.records.apply(change)

    await until_written(attempt)


async def _note_answered(context: Context, access: Access, change: Change, previous: Stored[Message]) -> None:
    """Whoever replies to what a Client wrote has taken note of it, and of all that was written before it."""
    if previous.object.type is not MessageType.PRIVATE_MESSAGE:
        return
    for one in await thread(context, access, previous.object.message_id):
        if one.object.type is MessageType.PRIVATE_MESSAGE and waits_for_operator(one.object, one.internal):
            change.replace(one, one.object, replace(one.internal, noted=True))


def _renewed_step(message: Message, previous: Stored[Message] | None) -> str:
    """The onboarding step of a request that is sent again, because its link has expired, as a reply to itself (3.6)."""
    is_renewal = previous is not None and previous.object.type is message.type
    return previous.internal.registration_field if previous and is_renewal else ""


def _compose(
    context: Context,
    change: Change,
    submitted: Mapping[str, Any],
    previous: Stored[Message] | None,
    *,
    has_attachments: bool,
) -> Message:
    type_ = _read_type(submitted.get("type"))
    uri, related_type = read_related(context, submitted, type_)
    amount, currency = _read_amount(submitted, type_)
    answers = type_ is MessageType.CLIENT_SUBMISSION
    return server_message(
        context,
        change,
        type_,
        previous_uri=_read_previous(submitted, previous),
        status=CREATED_STATUS[type_],
        name=read_name(submitted, required=not answers),
        description=read_description(submitted.get("description"), required=not answers),
        updates_requested=_read_updates(submitted, type_, previous, has_attachments=has_attachments),
        related_uri=uri,
        related_type=related_type,
        amount=amount,
        currency=currency,
    )


def _read_type(value: object) -> MessageType:
    if isinstance(value, str) and value in CREATED_STATUS:
        return MessageType(value)
    raise InvalidRequest(f"type must be {one_of(CREATED_STATUS)}.", field="type")


def _read_previous(submitted: Mapping[str, Any], previous: Stored[Message] | None) -> str | None:
    if submitted.get("previous_uri") is None:
        return None
    if previous is None:
        raise InvalidRequest(
            "previous_uri must be null or the uri of a Message of this registration.", field="previous_uri"
        )
    return previous.object.uri


def read_related(
    context: Context, submitted: Mapping[str, Any], type_: MessageType
) -> tuple[str | UnsetType, RelatedType | UnsetType]:
    """The link of a Message of that type and what it leads to, or UNSET for none. Raises InvalidRequest."""
    uri, stated = read_uri(submitted.get("related_uri"), "related_uri"), submitted.get("related_type")
    if uri is UNSET:
        if type_ in _LINKED:
            raise InvalidRequest(f"related_uri must be where the {_LINKED[type_]} is.", field="related_uri")
        if stated is not None:
            raise InvalidRequest("related_type goes with a related_uri.", field="related_type")
        return UNSET, UNSET
    derived = _LINKED.get(type_) or target_of(context.links, uri).type
    if stated is None or stated == derived:
        return uri, derived
    accepted = _FREE_LINKS if derived is RelatedType.MORE_INFO else frozenset({derived})
    if not isinstance(stated, str) or stated not in accepted:
        raise InvalidRequest(f"related_type of this link must be {one_of(sorted(accepted))}.", field="related_type")
    return uri, RelatedType(stated)


_TOO_MUCH: Final = 10**12
"""A sum that nobody pays. Pages write sums out, and 1e999999999 would take all memory."""


def _read_amount(submitted: Mapping[str, Any], type_: MessageType) -> tuple[Decimal | UnsetType, str | UnsetType]:
    """The sum due; both parts or neither, and only where there is something to pay."""
    amount, currency = submitted.get("amount"), submitted.get("currency")
    if amount is None and currency is None:
        return UNSET, UNSET
    if type_ is not MessageType.PAYMENT_REQUEST:
        raise InvalidRequest(
            f"amount and currency go with the type {MessageType.PAYMENT_REQUEST}.",
            field="currency" if amount is None else "amount",
        )
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or not _is_sum(Decimal(amount)):
        raise InvalidRequest("amount must be a number from 0 to less than a million millions.", field="amount")
    if not isinstance(currency, str) or not _is_currency(currency):
        raise InvalidRequest("currency must be an ISO 4217 code of three capital letters.", field="currency")
    return Decimal(amount), currency


def _is_sum(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount < _TOO_MUCH


def _is_currency(code: str) -> bool:
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()  # noqa: PLR2004 -- ISO 4217


def _read_updates(
    submitted: Mapping[str, Any], type_: MessageType, previous: Stored[Message] | None, *, has_attachments: bool
) -> list[UpdateRequest] | UnsetType:
    """What a server_request asks for, or what was answered by phone (6.5)."""
    updates = submitted.get("updates_requested")
    if type_ is MessageType.CLIENT_SUBMISSION:
        request = require_answerable(previous)
        return read_submission(request.object, updates, has_attachments=has_attachments) or UNSET
    if type_ is not MessageType.SERVER_REQUEST:
        if updates:
            asking = one_of((MessageType.SERVER_REQUEST, MessageType.CLIENT_SUBMISSION))
            raise InvalidRequest(f"updates_requested goes with {asking}.", field="updates_requested")
        return UNSET
    entries = read_entries(updates, "updates_requested", limit=MAX_ENTRIES)
    asked = [_read_asked(entry, f"updates_requested.{place}") for place, entry in enumerate(entries)]
    if len({update.field for update in asked}) < len(asked):
        raise InvalidRequest("updates_requested must name each field once.", field="updates_requested")
    return asked


def _read_asked(entry: Mapping[str, Any], path: str) -> UpdateRequest:
    return UpdateRequest(
        field=read_field_id(entry.get("field"), f"{path}.field"),
        name=read_description(entry.get("name"), f"{path}.name", required=True),
        description=read_description(entry.get("description"), f"{path}.description", required=True),
        uri=read_uri(entry.get("uri"), f"{path}.uri"),
    )
