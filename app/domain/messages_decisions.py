"""What operators decide about Messages, and what happens at a distance: a payment arrives, a form is submitted.

Source: CDS-WG1-02 3.6, 6.2, 6.3 and 6.9; ambiguities A19, C9 to C13, C29.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from app.domain.context import Context
from app.domain.messages import replies_in
from app.domain.messages_answers import (
    FINAL,
    Case,
    answer,
    refuse_decided,
    refuse_silent_rejection,
    requirement_after,
)
from app.domain.messages_fields import Related, read_description, read_uri, wanted_message
from app.domain.records import Access, Change, Listing, Stored, Wanted
from app.domain.retries import until_written
from app.domain.texts import one_of
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.messages import Message, MessageStatus, MessageType, RelatedType
from app.schemas.registrations import Registration, RequirementStatus

_ANY: Final = frozenset(MessageStatus)
_REVIEWED: Final = frozenset({MessageStatus.PENDING, MessageStatus.COMPLETE, MessageStatus.REJECTED})

DECISIONS: Final = {
    MessageType.SERVER_REQUEST: _ANY,
    MessageType.PAYMENT_REQUEST: _ANY,
    MessageType.ONLINE_FORM_REQUEST: _ANY,
    MessageType.PDF_FORM_REQUEST: _ANY,
    MessageType.PRODUCTION_REQUEST: _REVIEWED,
    MessageType.GRANT_REQUEST: _REVIEWED,
    MessageType.SUPPORT_REQUEST: frozenset({MessageStatus.PENDING, MessageStatus.COMPLETE}),
}
"""The statuses that a decision may give to a request of each type (6.3, C13)."""

_SUBMITTABLE: Final = frozenset(
    {MessageType.PAYMENT_REQUEST, MessageType.ONLINE_FORM_REQUEST, MessageType.PDF_FORM_REQUEST}
)

_MADE_BY_OTHERS: Final = frozenset({MessageType.PRODUCTION_REQUEST, MessageType.GRANT_REQUEST})

Execute = Callable[[Change, Case, MessageStatus], Awaitable[Related | None]]
"""Adds to a change what an approval implies beyond Messages, and says what was made: the production Client Object, or
the listing of the Grants."""

Advance = Callable[[Change, Registration], Awaitable[Registration]]
"""Called when an onboarding requirement is met, with the Registration as it is then: may add to the change what follows
from it, such as a production Client Object, and returns the Registration to store."""


async def read_case(context: Context, access: Access, message_id: str) -> Case:
    """A Message that waits for a decision, with everything that the decision will change. Up to five round trips.

    For a client_submission that is the request which it answers: its own status is always `complete`.

    Raises:
        NotFound: The registration has no such Message.
        AlreadyDecided: The submission has been replaced by a newer one (6.11).
        InvalidRequest: The submission answers nothing.
    """
    stored, registration = await context.records.load(
        access, Wanted(Message, message_id), Wanted(Registration, access.registration_id)
    )
    if stored is None:
        raise NotFound("There is no such Message.")
    if stored.object.type is MessageType.CLIENT_SUBMISSION:
        stored = await _answered_by(context, access, stored)
    case = await _with_updates(context, access, stored, registration)
    siblings = [await _with_updates(context, access, one) for one in await _siblings(context, access, stored)]
    return replace(case, siblings=siblings)


async def _answered_by(context: Context, access: Access, submission: Stored[Message]) -> Stored[Message]:
    (request,) = await context.records.load(access, wanted_message(context.links, submission.object.previous_uri))
    if request is None:
        raise InvalidRequest("This submission does not answer a request, so there is nothing to decide.")
    replies = await replies_in(context, access, submission.internal.thread)
    newest = next((one.object for one in replies if _is_answer(one.object, request.object)), submission.object)
    if newest.message_id != submission.object.message_id:
        raise AlreadyDecided(f"A newer submission has replaced this one: {newest.message_id}.")
    return request


def _is_answer(message: Message, request: Message) -> bool:
    return message.type is MessageType.CLIENT_SUBMISSION and message.previous_uri == request.uri


async def _with_updates(
    context: Context, access: Access, request: Stored[Message], registration: Stored[Registration] | None = None
) -> Case:
    names = [Wanted(Message, update_id) for update_id in request.internal.updates]
    updates = [one for one in await context.records.load(access, *names) if one] if names else []
    return Case(request, updates, registration)


async def _siblings(context: Context, access: Access, request: Stored[Message]) -> list[Stored[Message]]:
    """Undecided requests for the same thing, which one decision answers together.

    They are other production_requests for the same Client Object (A19), and payment and form requests that were sent
    again because a link had expired (3.6, A25).
    """
    if request.object.type is MessageType.PRODUCTION_REQUEST:
        others = await context.records.find(access, Listing(Message, filters=((("outstanding", ""),),)))
    elif request.object.type in _SUBMITTABLE:
        others = await _exchange_of(context, access, request)
    else:
        return []
    return [
        one
        for one in others
        if one.object.type is request.object.type
        and one.object.status not in FINAL
        and one.object.message_id != request.object.message_id
        and (one.object.type in _SUBMITTABLE or one.object.related_uri == request.object.related_uri)
    ]


async def _exchange_of(context: Context, access: Access, request: Stored[Message]) -> Sequence[Stored[Message]]:
    root_id = request.internal.thread or request.object.message_id
    replies = await replies_in(context, access, root_id)
    if root_id == request.object.message_id:
        return replies
    (root,) = await context.records.load(access, Wanted(Message, root_id))
    return [*replies, *([root] if root else [])]


async def decide(
    context: Context,
    access: Access,
    message_id: str,
    status: MessageStatus,
    description: str = "",
    *,
    execute: Execute | None = None,
    advance: Advance | None = None,
    receipt_uri: str | None = None,
) -> Message:
    """Give a request the status that an operator decided on, with all that follows from it in one change.

    Args:
        status: What `DECISIONS` has for the type of the Message.
        description: What the Client reads; a rejection needs one.
        execute: Needed to complete a production_request or a grant_request.
        advance: What follows from an onboarding requirement that is met.
        receipt_uri: For a completed payment_request; without it the payment page, which shows the receipt once paid.

    Returns:
        The `request_update`.

    Raises:
        NotFound: The registration has no such Message.
        InvalidRequest: Its type knows no such decision, or a rejection has no reason.
        AlreadyDecided: It has its final answer.
        Conflict: Others kept changing the same objects.
    """
    read_description(description)
    receipt = read_uri(receipt_uri, "receipt_uri")

    async def write() -> Message:
        case = await read_case(context, access, message_id)
        change = Change(access.registration_id, access.now)
        update = await add_decision(
            context, change, case, status, description, execute=execute, advance=advance, receipt_uri=receipt or ""
        )
        await context.records.apply(change)
        return update

    return await until_written(write)


async def add_decision(
    context: Context,
    change: Change,
    case: Case,
    status: MessageStatus,
    description: str = "",
    *,
    execute: Execute | None = None,
    advance: Advance | None = None,
    receipt_uri: str = "",
) -> Message:
    """Add a decision with all that follows from it to a change; `decide` says what, and what it raises.

    Returns:
        The `request_update`.
    """
    request: Message = case.request.object
    _refuse_impossible(case, status, description)
    related: Related | None = None
    if status is MessageStatus.COMPLETE:
        related = await _carry_out(change, case, execute, receipt_uri or request.related_uri or request.uri)
    update = answer(context, change, case, status, description, related=related)
    await _follow_requirement(change, case, status, advance)
    return update


def _refuse_impossible(case: Case, status: MessageStatus, description: str) -> None:
    request: Message = case.request.object
    allowed = DECISIONS.get(request.type)
    if allowed is None:
        raise InvalidRequest(f"A {request.type} does not wait for a decision.")
    if status not in allowed:
        raise InvalidRequest(f"The status of a {request.type} can become {one_of(sorted(allowed))}.", field="status")
    refuse_decided(case)
    refuse_silent_rejection(status, description)


async def _carry_out(change: Change, case: Case, execute: Execute | None, receipt_uri: str) -> Related | None:
    """Do what an approval implies; returns what the answer links."""
    request: Message = case.request.object
    if request.type is MessageType.PAYMENT_REQUEST:
        return receipt_uri, RelatedType.PAYMENT_RECEIPT
    if request.type in _MADE_BY_OTHERS:
        if execute is None:
            raise ValueError(f"a {request.type} is completed by making what it asks for (6.3)")
        return await execute(change, case, MessageStatus.COMPLETE)
    return None


async def _follow_requirement(change: Change, case: Case, status: MessageStatus, advance: Advance | None) -> None:
    registration = requirement_after(case, status, change)
    if registration is None or case.registration is None:
        return
    field_id = case.request.internal.registration_field
    if advance and registration.requirements[field_id].status is RequirementStatus.MET:
        registration = await advance(change, registration)
    change.replace(case.registration, registration)
