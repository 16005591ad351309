"""Messages that Clients create (CDS-WG1-02 6.9; ambiguities C1 to C8, C17 to C25)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.crypto.tokens import local_id
from app.domain import attachments, grant_requests, messages_requests
from app.domain.context import Context
from app.domain.messages_answers import note_submission
from app.domain.messages_fields import (
    Related,
    read_description,
    read_name,
    read_uri,
    target_of,
    thread_of,
    wanted_message,
)
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.domain.texts import one_of
from app.errors import Conflict, ContentTooLarge, InvalidRequest, Refusal
from app.schemas.clients import Client
from app.schemas.encoding import encode
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType
from app.schemas.registrations import Registration

CREATED_STATUS: Final = {
    MessageType.PRIVATE_MESSAGE: MessageStatus.COMPLETE,
    MessageType.PRODUCTION_REQUEST: MessageStatus.PENDING,
    MessageType.SUPPORT_REQUEST: MessageStatus.PENDING,
    MessageType.GRANT_REQUEST: MessageStatus.PENDING,
    MessageType.CLIENT_SUBMISSION: MessageStatus.COMPLETE,
}
"""The types that a Client may create, and the status that each begins with."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a new Message refers to, as far as it exists and the Client may refer to it."""

    previous: Stored[Message] | None
    target: Stored[Client] | None
    registration: Stored[Registration] | None


async def create(context: Context, access: Access, submitted: Mapping[str, Any]) -> Message:
    """Create the Message that a Client submits. A submission also moves on the request that it answers.

    Two round trips; more for a grant_request that names somebody else's Client Object or is approved at once.
    Attachments are in the file store before the Message is in the store of registrations, so a Message never refers to
    bytes that are not there.

    Raises:
        InvalidToken, InsufficientScope: The caller may not.
        InvalidRequest, InvalidAuthorizationDetails: A field is missing or not acceptable; nothing was created.
        ContentTooLarge: The attachments, or everything else, are over the limit.
        Conflict: Others kept changing the request that this answers.
    """
    around = await _read_surroundings(context, access, submitted)
    files = attachments.read(submitted.get("attachments"), limit_bytes=context.settings.max_attachments_bytes)
    message = _compose(context, access, around, submitted, has_attachments=bool(files))
    _refuse_too_long(context, message)
    kept = await attachments.keep(context, message.message_id, files)
    message = replace(message, attachments=kept or UNSET)
    try:
        await _write(context, access, message, around)
    except (Conflict, InvalidRequest):
        # Nothing was written. After any other error that is not known, and the Message may refer to its attachments.
        await attachments.discard(context, message.message_id, len(files))
        raise
    if message.type is MessageType.GRANT_REQUEST:
        await _approve_at_once(context, access, message)
    return message


async def _read_surroundings(context: Context, access: Access, submitted: Mapping[str, Any]) -> Surroundings:
    """Read what a Message names, and check the token with it."""
    uri = submitted.get("related_uri")
    wanted = target_of(context.links, uri).wanted if isinstance(uri, str) else None
    target = wanted if wanted and wanted.kind is Client else Wanted(Client, "")
    previous, client, registration = await context.records.load(
        access,
        wanted_message(context.links, submitted.get("previous_uri")),
        target,
        Wanted(Registration, access.registration_id),
    )
    if client is None and submitted.get("type") == MessageType.GRANT_REQUEST:
        client = await _read_foreign_client(context, access, target.object_id)
    return Surroundings(previous, client, registration)


async def _read_foreign_client(context: Context, access: Access, client_id: str) -> Stored[Client] | None:
    """A Client Object of another registration: a Client may ask for Grants for it and learns nothing about it (C24)."""
    parts = local_id(client_id)
    if parts is None or parts.registration_id == access.registration_id:
        return None
    own_right = Access(parts.registration_id, access.now)
    (client,) = await context.records.load(own_right, Wanted(Client, client_id))
    return client


def _compose(
    context: Context, access: Access, around: Surroundings, submitted: Mapping[str, Any], *, has_attachments: bool
) -> Message:
    type_ = _read_type(submitted.get("type"))
    if type_ is MessageType.CLIENT_SUBMISSION:
        messages_requests.refuse_texts(submitted)
    message_id = context.randomness.object_id(access.registration_id, "m")
    related = _read_related(context, around, submitted, type_)
    message = Message(
        message_id=message_id,
        uri=context.links.message(message_id),
        previous_uri=_read_previous(around, submitted),
        type=type_,
        read=True,
        creator=access.registration_id,
        created=access.now,
        modified=access.now,
        status=CREATED_STATUS[type_],
        name=read_name(submitted),
        description=read_description(submitted.get("description")),
        related_uri=related[0] if related else UNSET,
        related_type=related[1] if related else UNSET,
    )
    if type_ is MessageType.GRANT_REQUEST:
        return _with_grants(context, access, around, submitted, message)
    if type_ is MessageType.CLIENT_SUBMISSION:
        return _with_answers(around, submitted, message, has_attachments=has_attachments)
    return message


def _with_grants(
    context: Context, access: Access, around: Surroundings, submitted: Mapping[str, Any], message: Message
) -> Message:
    if around.registration is None:
        raise Conflict("The registration is gone.")
    target = around.target.object if around.target else None
    allowance = messages_requests.allowance_of(context, target, around.registration.object)
    asked = submitted.get("grants_requested")
    grants = messages_requests.read_grants_requested(context, access, asked, allowance)
    return replace(message, grants_requested=grants)


def _with_answers(
    around: Surroundings, submitted: Mapping[str, Any], message: Message, *, has_attachments: bool
) -> Message:
    request = messages_requests.require_answerable(around.previous)
    answers = messages_requests.read_submission(
        request.object, submitted.get("updates_requested"), has_attachments=has_attachments
    )
    return replace(message, updates_requested=answers or UNSET)


def _read_type(value: object) -> MessageType:
    if isinstance(value, str) and value in CREATED_STATUS:
        return MessageType(value)
    raise InvalidRequest(f"type must be {one_of(CREATED_STATUS)}.", field="type")


def _read_previous(around: Surroundings, submitted: Mapping[str, Any]) -> str | None:
    """The Message that this answers; left out means null (C1)."""
    if submitted.get("previous_uri") is None:
        return None
    if around.previous is None:
        raise InvalidRequest("previous_uri must be null or the uri of one of your Messages.", field="previous_uri")
    return around.previous.object.uri


def _read_related(
    context: Context, around: Surroundings, submitted: Mapping[str, Any], type_: MessageType
) -> Related | None:
    uri: str | UnsetType = read_uri(submitted.get("related_uri"), "related_uri")
    if type_ is MessageType.PRODUCTION_REQUEST:
        messages_requests.require_sandbox_object(around.target)
    if uri is UNSET:
        return None
    if type_ is MessageType.GRANT_REQUEST and around.target is None:
        raise InvalidRequest(
            "related_uri must be the cds_client_uri of a Client Object of this server.", field="related_uri"
        )
    return uri, target_of(context.links, uri).type


def _refuse_too_long(context: Context, message: Message) -> None:
    """Hold everything but the attachments to the limit of an ordinary body, however long this body was."""
    limit_bytes = context.settings.max_body_bytes
    if len(encode(message)) > limit_bytes:
        raise ContentTooLarge(f"Without its attachments a Message may have {limit_bytes} bytes.")


async def _write(context: Context, access: Access, message: Message, around: Surroundings) -> None:
    fresh: Surroundings | None = around

    async def write() -> None:
        nonlocal fresh
        here, fresh = fresh or await _read_again(context, access, message), None
        change = Change(access.registration_id, access.now)
        change.create(message, MessageInternal(thread=thread_of(here.previous)))
        change.event("message.created", message.message_id)
        if message.type is MessageType.CLIENT_SUBMISSION:
            request = messages_requests.require_answerable(here.previous)
            note_submission(context, change, request, here.registration)
        await context.records.apply(change)

    await until_written(write)


async def _approve_at_once(context: Context, access: Access, message: Message) -> None:
    """Approve a grant_request where the catalog wants nobody to look at it; its answer says `pending` all the same."""
    # The request exists by now, so whatever stands against its approval leaves it pending, for an operator to see.
    with suppress(Refusal):
        await grant_requests.approve_automatically(context, access, message)


async def _read_again(context: Context, access: Access, message: Message) -> Surroundings:
    previous, registration = await context.records.load(
        access, wanted_message(context.links, message.previous_uri), Wanted(Registration, access.registration_id)
    )
    return Surroundings(previous, None, registration)
