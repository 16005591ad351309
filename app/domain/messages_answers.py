"""The Server's answers to requests: a `request_update`, and what it changes about the request itself.

Source: CDS-WG1-02 3.6, 6.2, 6.3, 6.9; ambiguities C9, C10, C12, C20, C26, C29.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from app.domain.changelog import server_message
from app.domain.context import Context
from app.domain.messages_fields import Related, require_reason, thread_of
from app.domain.records import Change, Stored
from app.errors import AlreadyDecided
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType
from app.schemas.registrations import Registration, RequirementStatus

FINAL: Final = frozenset({MessageStatus.COMPLETE, MessageStatus.REJECTED})
"""A request that has one of these is decided; an errored one may still be."""

OUTSTANDING: Final = frozenset({MessageStatus.OPEN, MessageStatus.PENDING})

_TITLES: Final = {
    MessageStatus.COMPLETE: "Completed",
    MessageStatus.OPEN: "Waiting for you",
    MessageStatus.PENDING: "In review",
    MessageStatus.REJECTED: "Rejected",
    MessageStatus.ERRORED: "Failed",
}
_DESCRIPTIONS: Final = {
    MessageStatus.COMPLETE: "This is done.",
    MessageStatus.OPEN: "Something is needed from you to go on.",
    MessageStatus.PENDING: "What you submitted has arrived and is being reviewed.",
    MessageStatus.ERRORED: "Something went wrong here. A support_request that links this Message helps us to find it.",
}
_REQUIREMENTS: Final = {
    MessageStatus.COMPLETE: RequirementStatus.MET,
    MessageStatus.OPEN: RequirementStatus.OPEN,
    MessageStatus.PENDING: RequirementStatus.PENDING,
    MessageStatus.REJECTED: RequirementStatus.REJECTED,
    MessageStatus.ERRORED: RequirementStatus.PENDING,
}
_TAKES_THE_LINK: Final = frozenset({MessageType.PRODUCTION_REQUEST, MessageType.GRANT_REQUEST})
"""Requests that link what was made once they are complete (6.3). Others keep the link of their type (6.1)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request as it was read, and what else an answer to it changes.

    Args:
        request: The Message that is answered.
        updates: The earlier request_updates that its internal part names.
        registration: Needed for a request that an onboarding requirement depends on.
        siblings: Other requests for the same thing, which are decided together with it (ambiguities A19).
    """

    request: Stored[Message]
    updates: Sequence[Stored[Message]] = ()
    registration: Stored[Registration] | None = None
    siblings: Sequence["Case"] = ()


def complete(
    context: Context, change: Change, case: Case, *, description: str = "", related: Related | None = None
) -> Message:
    """Add the approval of a request, and of its siblings, to a change that already has what was approved.

    Args:
        related: What was made: the production Client Object of a production_request, the filtered listing of a
            grant_request's Grants, the receipt of a payment_request. The `request_update` links it, and so do the
            requests of the first two types (C9).

    Returns:
        The `request_update`.

    Raises:
        AlreadyDecided: The request has its final answer.
    """
    refuse_decided(case)
    return answer(context, change, case, MessageStatus.COMPLETE, description, related=related)


def refuse_decided(case: Case) -> None:
    """Raises AlreadyDecided when the request has its final answer."""
    status = case.request.object.status
    if status in FINAL:
        raise AlreadyDecided(f"This request has been decided: it is {status}.")


def refuse_silent_rejection(status: MessageStatus, description: str) -> None:
    """Raises InvalidRequest when a rejection does not say why (6.3)."""
    if status is MessageStatus.REJECTED:
        require_reason(description)


def answer(
    context: Context,
    change: Change,
    case: Case,
    status: MessageStatus,
    description: str = "",
    *,
    related: Related | None = None,
) -> Message:
    """Add a `request_update` with a new status, and give the request that status (C9); returns the `request_update`.

    Earlier updates that are still open or pending take over the new status, so that nothing stays outstanding for ever
    (C10). An onboarding requirement is left to `requirement_after`.
    """
    request, is_final = case.request, status not in OUTSTANDING
    if is_final and {one.object.message_id for one in case.updates} != set(request.internal.updates):
        raise ValueError("the earlier updates of a request have to be read before its final answer")
    for sibling in case.siblings if is_final else ():
        answer(context, change, sibling, status, description, related=related)
    for earlier in case.updates:
        _set_status(change, earlier, status)
    update = server_message(
        context,
        change,
        MessageType.REQUEST_UPDATE,
        previous_uri=request.object.uri,
        status=status,
        name=_title(request.object, status),
        description=description.strip() or _DESCRIPTIONS.get(status, ""),
        related_uri=related[0] if related else UNSET,
        related_type=related[1] if related else UNSET,
    )
    outstanding = [] if is_final else [*request.internal.updates, update.message_id]
    _set_status(change, request, status, updates=outstanding, related=related)
    change.create(update, MessageInternal(thread=thread_of(request)))
    change.event("message.created", update.message_id)
    return update


def note_submission(
    context: Context, change: Change, request: Stored[Message], registration: Stored[Registration] | None
) -> None:
    """Move the request that a client_submission answers on to `pending`, whatever it was before (6.9, C20).

    The answer to a pdf_form_request is confirmed by a `request_update` too (3.6); a server_request has none before it
    is decided (C26).
    """
    if request.object.type is MessageType.PDF_FORM_REQUEST:
        mark_pending(context, change, Case(request, registration=registration))
    elif request.object.status is MessageStatus.PENDING:
        change.unchanged.append(request)
    else:
        _set_status(change, request, MessageStatus.PENDING, updates=request.internal.updates)


def mark_pending(context: Context, change: Change, case: Case, description: str = "") -> Message | None:
    """Add the `request_update` which says that something was submitted and is being reviewed (3.6).

    Returns:
        None when the last one said so already; the change then only rests on the request staying as it is.

    Raises:
        AlreadyDecided: The request is complete.
    """
    request = case.request
    if request.object.status is MessageStatus.COMPLETE:
        raise AlreadyDecided("This request is complete.")
    if request.object.status is MessageStatus.PENDING and request.internal.updates:
        change.unchanged.append(request)
        return None
    update = answer(context, change, case, MessageStatus.PENDING, description)
    requirement = requirement_after(case, MessageStatus.PENDING, change)
    if requirement and case.registration:
        change.replace(case.registration, requirement)
    return update


def requirement_after(case: Case, status: MessageStatus, change: Change) -> Registration | None:
    """The Registration once the onboarding requirement behind a request follows its status (3.6), None without one."""
    field_id = case.request.internal.registration_field
    if not field_id:
        return None
    if case.registration is None:
        raise ValueError("the registration has to be read before an answer to an onboarding request")
    registration: Registration = case.registration.object
    requirement = registration.requirements.get(field_id)
    if requirement is None or requirement.status is _REQUIREMENTS[status]:
        return None
    requirements = registration.requirements | {field_id: replace(requirement, status=_REQUIREMENTS[status])}
    return replace(registration, modified=change.now, requirements=requirements)


def _set_status(
    change: Change,
    stored: Stored[Message],
    status: MessageStatus,
    *,
    updates: list[str] | None = None,
    related: Related | None = None,
) -> None:
    """Give a Message a new status; `updates` becomes its list of outstanding updates unless None."""
    message, internal = stored.object, stored.internal
    if updates is not None:
        internal = replace(internal, updates=updates)
    if related and message.type in _TAKES_THE_LINK:
        message = replace(message, related_uri=related[0], related_type=related[1])
    if message.status is not status or message is not stored.object:
        message = replace(message, status=status, modified=change.now)
        change.event("message.modified", message.message_id)
    if message is not stored.object or internal != stored.internal:
        change.replace(stored, message, internal)


def _title(request: Message, status: MessageStatus) -> str:
    subject = request.name or request.type.replace("_", " ")
    return f"{_TITLES[status]}: {subject}"
