"""Messages about changes of a Client Object that wait for a review (CDS-WG1-02 5.5, 6.2; ambiguities B20, B21, C11).

No `request_update` may answer a `field_changes` Message, so the decision goes into the Message itself, which turns unread.
What happens to the Client Object belongs to `app.domain` modules about clients.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from app.domain.changelog import server_message
from app.domain.context import Context
from app.domain.messages_answers import Case, refuse_decided, refuse_silent_rejection
from app.domain.records import Change, Stored
from app.schemas.clients import Client
from app.schemas.messages import (
    Message,
    MessageInternal,
    MessageStatus,
    MessageType,
    RelatedType,
    UpdateRequest,
)

_RESULTS: Final = {
    MessageStatus.COMPLETE: "The changes were approved and are in effect.",
    MessageStatus.REJECTED: "The changes were rejected.",
    MessageStatus.PENDING: "The changes are still being reviewed.",
    MessageStatus.ERRORED: "Something went wrong here while the changes were made.",
}


def field_changes(
    context: Context,
    change: Change,
    client: Client,
    updates: Sequence[UpdateRequest],
    *,
    files: Mapping[str, str] | None = None,
) -> Message:
    """Add the Message that tells of changes of a Client Object which wait for a review.

    Args:
        updates: One entry per field (B20) with `previous_value` and `new_value`; null stands for a field that is not there.
        files: New files under review, as `MessageInternal.files` has them.
    """
    names = ", ".join(update.field for update in updates)
    message = server_message(
        context,
        change,
        MessageType.FIELD_CHANGES,
        status=MessageStatus.PENDING,
        name="Changes under review",
        description=f"We review the changes of {names} before they take effect.",
        updates_requested=[_complete(update) for update in updates],
        related_uri=client.cds_client_uri,
        related_type=RelatedType.CLIENT,
    )
    change.create(message, MessageInternal(files=dict(files or {})))
    change.event("message.created", message.message_id)
    return message


def _complete(update: UpdateRequest) -> UpdateRequest:
    """Both values are there, because 6.5 demands it of this type."""
    previous = None if update.previous_value is UNSET else update.previous_value
    new = None if update.new_value is UNSET else update.new_value
    return replace(update, previous_value=previous, new_value=new)


def conclude(change: Change, case: Case, status: MessageStatus, description: str = "") -> Message:
    """Add the decision about a `field_changes` Message to a change; returns the Message as it is then.

    Raises:
        AlreadyDecided: It was decided before.
        InvalidRequest: A rejection without a reason.
    """
    refuse_decided(case)
    refuse_silent_rejection(status, description)
    return _decided(change, case.request, status, description)


def supersede(change: Change, stored: Stored[Message]) -> Message:
    """Add to a change that a newer PUT has taken the place of the changes under review in this Message (B21)."""
    return _decided(change, stored, MessageStatus.REJECTED, "Newer values were submitted for the same fields (superseded).")


def _decided(change: Change, stored: Stored[Message], status: MessageStatus, reason: str) -> Message:
    message: Message = stored.object
    result = " ".join(part for part in (_RESULTS[status], reason.strip()) if part)
    decided = replace(
        message, status=status, read=False, modified=change.now, description=f"{message.description}\n\n{result}"
    )
    change.replace(stored, decided)
    change.event("message.modified", message.message_id)
    return decided
