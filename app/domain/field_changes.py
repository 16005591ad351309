"""Changes of Client Objects that wait for an operator (CDS-WG1-02 5.5 and `field_changes` in 6.2 to 6.5).

The fields that the catalog names in `policies.field_review` keep their value until an operator decides about the
`field_changes` Message that lists them (ambiguities B20, B21, C11).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.changelog import note_client, server_message
from app.domain.client_changes import is_same
from app.domain.client_effects import discard_files, take_over
from app.domain.client_values import mismatches, refuse_mismatches, with_fields
from app.domain.context import Context
from app.domain.messages_answers import refuse_silent_rejection
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.registration_files import is_same_content
from app.domain.retries import until_written
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.clients import Client, ClientInternal
from app.schemas.documents import document_of
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType, RelatedType, UpdateRequest
from app.schemas.registrations import Registration

_DECISIONS = {
    MessageStatus.COMPLETE: "Approved.",
    MessageStatus.REJECTED: "Rejected:",
    MessageStatus.ERRORED: "This could not be processed.",
    MessageStatus.PENDING: "Still under review.",
}
SUPERSEDED = "Superseded by a newer change of the same field."


class Asked(NamedTuple):
    """A new value that waits; null where the field goes.

    For an image or a PDF the value only says its `mime_type` and `size`, because file contents are not shown (A5), and
    `key` is where it is in the file store, "" when the file goes.
    """

    value: Any
    key: str | None = None


class Review(NamedTuple):
    """What a PUT means for the reviews of a Client Object."""

    asked: dict[str, Asked]
    """What a new Message has to list: new values, and those of superseded Messages that still wait."""
    superseded: list[Stored[Message]]
    at_once: frozenset[str]
    """Fields that are changed now, so that nothing waits for them any more."""
    is_pending: bool
    """Whether something that was submitted has to wait, now or since an earlier PUT."""


def to_review(
    catalog: Catalog, client: Client, fields: Mapping[str, Any], files: Collection[str], now: datetime
) -> set[str]:
    """The changed fields that have to wait.

    A change that would not fit to the Client Object without one that waits (a default that is not yet in its list)
    waits together with it (B7).
    """
    waiting = {name for name in (*fields, *files) if name in catalog.policies.field_review}
    while True:
        at_once = {name: value for name, value in fields.items() if name not in waiting}
        pairs = mismatches(with_fields(catalog, client, at_once, now)) if waiting else []
        joining = {name for pair in pairs for name in pair if name in at_once}
        if not joining:
            return waiting
        waiting |= joining


async def pending_messages(
    context: Context, access: Access, internal: ClientInternal, names: Collection[str]
) -> dict[str, Stored[Message]]:
    """The undecided Message for each of these fields that is under review. One round trip, none without a review."""
    ids = list(dict.fromkeys(internal.pending_changes[name] for name in names if name in internal.pending_changes))
    if not ids:
        return {}
    loaded = await context.records.load(access, *(Wanted(Message, message_id) for message_id in ids))
    undecided = {one.object.message_id: one for one in loaded if one and one.object.status is MessageStatus.PENDING}
    return {
        name: undecided[internal.pending_changes[name]]
        for name in names
        if internal.pending_changes.get(name) in undecided
    }


def plan(
    internal: ClientInternal,
    pending: Mapping[str, Stored[Message]],
    at_once: Collection[str],
    asked: Mapping[str, Asked],
) -> Review:
    """What becomes of reviews when some fields change at once and others have to wait (B21).

    A value that waits already goes on waiting. Another one supersedes the Message of its field; whatever else that
    Message lists moves to the new one.
    """
    waiting = {name for name, new in asked.items() if name in pending and _is_asked(pending[name], name, new)}
    new = {name: one for name, one in asked.items() if name not in waiting}
    superseded = {
        stored.object.message_id: stored for name, stored in pending.items() if name in new or name in at_once
    }
    carried = {
        update.field: Asked(update.new_value, stored.internal.files.get(update.field))
        for message_id, stored in superseded.items()
        for update in updates_in(stored.object)
        if internal.pending_changes.get(update.field) == message_id and update.field not in at_once
    }
    return Review(carried | new, list(superseded.values()), frozenset(at_once), is_pending=bool(asked))


def abandoned_files(review: Review) -> list[str]:
    """The new files of superseded Messages that nobody waits for any more."""
    kept = {one.key for one in review.asked.values()}
    return [key for stored in review.superseded for key in stored.internal.files.values() if key and key not in kept]


def add_review(
    context: Context, change: Change, client: Client, internal: ClientInternal, review: Review
) -> ClientInternal:
    """Add what `plan` found to `change`: the new Message, the end of superseded ones. Returns the internal part."""
    gone = {stored.object.message_id for stored in review.superseded}
    pending = {
        name: message_id
        for name, message_id in internal.pending_changes.items()
        if message_id not in gone and name not in review.at_once
    }
    for stored in review.superseded:
        _answer(change, stored, MessageStatus.REJECTED, SUPERSEDED)
    if review.asked:
        message = _ask(context, change, client, review.asked)
        pending |= dict.fromkeys(review.asked, message.message_id)
    return replace(internal, pending_changes=pending)


async def decide_field_changes(
    context: Context, access: Access, message_id: str, status: MessageStatus, description: str = ""
) -> Message:
    """An operator's decision: `complete` sets the new values, `rejected` (with a reason) and `errored` do not.

    `pending` only puts the description into the Message. An errored review can still be decided.

    Raises:
        NotFound: The registration has no such `field_changes` Message, or no longer the Client Object.
        InvalidRequest: The status is none of these, or a rejection does not say why.
        InvalidClientMetadata: The new values do not fit to the Client Object as it is by now.
        AlreadyDecided: It was decided or superseded.

    Source: CDS-WG1-02 6.3; ambiguities C11.
    """
    if status not in _DECISIONS:
        raise InvalidRequest(
            "A field_changes Message can become complete, rejected, errored or pending.", field="status"
        )
    refuse_silent_rejection(status, description)

    async def attempt() -> Message:
        (stored,) = await context.records.load(access, Wanted(Message, message_id))
        if stored is None or stored.object.type is not MessageType.FIELD_CHANGES:
            raise NotFound("There is no such field_changes Message.")
        if stored.object.status in {MessageStatus.COMPLETE, MessageStatus.REJECTED}:
            raise AlreadyDecided(f"This has been decided: it is {stored.object.status}.")
        return await _decide(context, access, stored, status, description)

    return await until_written(attempt)


async def _decide(
    context: Context, access: Access, stored: Stored[Message], status: MessageStatus, description: str
) -> Message:
    client, registration = await context.records.load(
        access,
        Wanted(Client, str(stored.object.related_uri).rpartition("/")[2]),
        Wanted(Registration, access.registration_id),
    )
    if client is None or registration is None:
        raise NotFound("The Client Object of this Message is gone.")
    message_id, pending = stored.object.message_id, client.internal.pending_changes
    listed = [update for update in updates_in(stored.object) if pending.get(update.field) == message_id]
    if not listed:
        raise AlreadyDecided("Newer changes of the same fields have taken its place.")
    change = Change(access.registration_id, access.now)
    new: Client = client.object
    obsolete: list[str] = []
    if status is MessageStatus.COMPLETE:
        new, obsolete = await _take_over(context, change, client.object, registration, stored, listed)
    elif status is MessageStatus.REJECTED:
        obsolete = [key for key in stored.internal.files.values() if key]
    if status in {MessageStatus.COMPLETE, MessageStatus.REJECTED}:
        left = {name: other for name, other in pending.items() if other != message_id}
        change.replace(client, new, replace(client.internal, pending_changes=left))
    answered = _answer(change, stored, status, f"{_DECISIONS[status]} {description}".strip())
    await context.records.apply(change)
    await discard_files(context, obsolete)
    return answered


async def _take_over(
    context: Context,
    change: Change,
    client: Client,
    registration: Stored[Registration],
    message: Stored[Message],
    listed: Sequence[UpdateRequest],
) -> tuple[Client, list[str]]:
    """The Client Object with the values that a Message lists, and the files that they replace."""
    files = {one.field: message.internal.files[one.field] for one in listed if one.field in message.internal.files}
    fields = {one.field: _as_field(one) for one in listed if one.field not in files}
    new = await take_over(context, change, client, registration, fields, files)
    refuse_mismatches(new)
    names = ", ".join(one.field for one in listed)
    note_client(context, change, client.client_id, f"was modified after a review: {names}.")
    change.event("client.modified", client.client_id)
    return new, [registration.object.field_files[name] for name in files if name in registration.object.field_files]


def _ask(context: Context, change: Change, client: Client, asked: Mapping[str, Asked]) -> Message:
    """Add the Message that lists what waits."""
    current = document_of(client)
    names = ", ".join(asked)
    message = server_message(
        context,
        change,
        MessageType.FIELD_CHANGES,
        status=MessageStatus.PENDING,
        name="Changes under review",
        description=f"We review your change of Client Object {client.client_id}: {names}.",
        updates_requested=[
            UpdateRequest(field=name, previous_value=current.get(name), new_value=one.value)
            for name, one in asked.items()
        ],
        related_uri=client.cds_client_uri,
        related_type=RelatedType.CLIENT,
    )
    files = {name: one.key for name, one in asked.items() if one.key is not None}
    change.create(message, MessageInternal(files=files))
    change.event("message.created", message.message_id)
    return message


def _answer(change: Change, stored: Stored[Message], status: MessageStatus, text: str) -> Message:
    """Put an outcome into a Message, unread, so that it shows up again (C11)."""
    answered: Message = replace(stored.object, status=status, description=text, read=False, modified=change.now)
    change.replace(stored, answered)
    change.event("message.modified", answered.message_id)
    return answered


def updates_in(message: Message) -> Sequence[UpdateRequest]:
    """What a Message lists, nothing when it has no list."""
    return () if isinstance(message.updates_requested, UnsetType) else message.updates_requested


def _is_asked(stored: Stored[Message], name: str, new: Asked) -> bool:
    key = stored.internal.files.get(name)
    if key is not None and new.key is not None:
        return is_same_content(key, new.key)
    return any(one.field == name and is_same(one.new_value, new.value) for one in updates_in(stored.object))


def _as_field(update: UpdateRequest) -> Any:  # noqa: ANN401 -- whatever the field takes
    """A listed value for the Client Object: null means that a field of RFC 7591 goes."""
    gone = update.new_value is None and not update.field.startswith("cds_")
    return UNSET if gone else update.new_value
