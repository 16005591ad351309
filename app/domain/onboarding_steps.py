"""What people do on our own pages to meet an onboarding requirement, and what follows from it.

Whatever is submitted is confirmed at once with a `request_update` that is `pending`. Unless an operator has to look at
it, a second one with `complete` follows in a change of its own; if we stop in between, whoever comes by next does that
(`finish`). What an operator has rejected once is for an operator the next time, too.

Source: CDS-WG1-02 3.6; ambiguities A25, A26, C9, C10, C29.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from app.catalog import RegistrationField
from app.domain import production
from app.domain.context import Context
from app.domain.messages import replies_in
from app.domain.messages_answers import Case, answer
from app.domain.messages_decisions import add_decision, read_case
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.domain.texts import is_line
from app.errors import InvalidRequest, NotFound
from app.schemas.clients import Client
from app.schemas.messages import Message, MessageStatus, MessageType
from app.schemas.registrations import Evidence, Registration, Requirement, RequirementStatus

MAX_NAME_LENGTH: Final = 200
"""Characters of a name or a payment reference."""

_KEPT_EVIDENCE: Final = 20
_KEPT_CALLS: Final = 20
_THANKS: Final = "This has arrived and is accepted."


@dataclass(frozen=True, slots=True)
class Step:
    """An onboarding step as somebody finds it who has its link.

    Args:
        request: The Message that asks for it.
        registration: Whose it is.
        admin: The admin Client Object, which says what the Client is called and how it is reached.
        field: What the catalog says about it.
    """

    request: Stored[Message]
    registration: Registration
    admin: Client
    field: RegistrationField

    @property
    def requirement(self) -> Requirement:
        """How far it has got."""
        return self.registration.requirements.get(self.field.id, Requirement(status=RequirementStatus.OPEN))

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.request.object.status is MessageStatus.COMPLETE

    @property
    def is_waiting(self) -> bool:
        """Whether something was submitted that nobody has decided about."""
        return self.request.object.status is MessageStatus.PENDING and bool(self.requirement.evidence)


async def read_step(context: Context, access: Access, message_id: str) -> Step:
    """The step that an onboarding request asks for. One round trip.

    Raises:
        NotFound: There is no such request, or the catalog has no such step any more.
    """
    request, registration, admin = await context.records.load(
        access,
        Wanted(Message, message_id),
        Wanted(Registration, access.registration_id),
        Wanted(Client, access.registration_id),
    )
    if request is None or registration is None or admin is None:
        raise NotFound("There is no such onboarding step.")
    field = context.catalog.registration_fields.get(request.internal.registration_field)
    if field is None:
        raise NotFound("There is no such onboarding step any more.")
    return Step(request, registration.object, admin.object, field)


def text_digest(text: str) -> str:
    """What tells one version of a text from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def needs_operator(field: RegistrationField) -> bool:
    """Whether an operator accepts what is submitted on our own page; others are accepted as they stand."""
    if field.type in {"online_form", "sso_verification"}:
        return bool(field.form and field.form.review == "operator")
    return field.type != "email_verification"


def read_name(text: str, what: str) -> str:
    """A name or a reference that somebody has typed. Raises InvalidRequest with words for that person."""
    name = " ".join(text.split()) if len(text) <= MAX_NAME_LENGTH else text
    if not name or len(name) > MAX_NAME_LENGTH or not is_line(name):
        raise InvalidRequest(f"Please write {what}, in at most {MAX_NAME_LENGTH} characters.")
    return name


async def last_answer(context: Context, access: Access, step: Step) -> Message | None:
    """The newest `request_update` of a step that says what its request says. One round trip."""
    request = step.request
    replies = await replies_in(context, access, request.internal.thread or request.object.message_id)
    status, uri = request.object.status, request.object.uri
    updates = (one.object for one in replies if one.object.type is MessageType.REQUEST_UPDATE)
    return next((one for one in updates if (one.status, one.previous_uri) == (status, uri)), None)


async def accept_text(context: Context, access: Access, message_id: str, *, name: str, seen: str) -> bool:
    """Somebody accepts the text of an online_form.

    Args:
        name: Who it is, in their own words.
        seen: The `text_digest` of the text that was shown.

    Returns:
        False when the text has changed since, so that nothing was accepted.

    Raises:
        InvalidRequest: The name is missing or too long.
        NotFound: There is no such step, or no text in it.
        Conflict: Others kept changing the request.
    """
    step = await read_step(context, access, message_id)
    text = step.field.form.text if step.field.form else None
    if step.field.type != "online_form" or text is None:
        raise NotFound("There is nothing to accept here.")
    name = read_name(name, "your name")
    if seen != text_digest(text):
        return False
    evidence = Evidence(at=access.now, message_id=message_id, name=name, text_digest=seen)
    await submit(context, access, step.field, evidence, f"{name} has accepted the text.")
    return True


async def connect_account(context: Context, access: Access, message_id: str, *, user_id: str, name: str) -> None:
    """Somebody who has signed in with the identity provider connects that account with the registration.

    Args:
        user_id: Of a session that the identity provider has vouched for (`app.domain.oidc.finish`).
        name: What the provider calls the user.

    Raises:
        InvalidRequest: The session is another one.
        NotFound: There is no such step.
        Conflict: Others kept changing the request.
    """
    step = await read_step(context, access, message_id)
    if step.field.type != "sso_verification":
        raise NotFound("There is nothing to sign in for here.")
    issuer, _, subject = user_id.removeprefix("oidc:").partition("#")
    if not user_id.startswith("oidc:") or not subject:
        raise InvalidRequest("This account is not one of our identity provider.")
    evidence = Evidence(at=access.now, message_id=message_id, name=name, issuer=issuer, subject=subject)
    await submit(context, access, step.field, evidence, f"{name} has signed in.")


async def report_payment(context: Context, access: Access, message_id: str, *, reference: str) -> None:
    """Somebody says that they have paid; an operator will see whether the money is there.

    Raises:
        InvalidRequest: The reference is missing or too long.
        NotFound: There is no such step, or it is paid elsewhere.
        Conflict: Others kept changing the request.
    """
    step = await read_step(context, access, message_id)
    if step.field.type != "payment_required" or (step.field.form and step.field.form.url):
        raise NotFound("There is nothing to pay here.")
    reference = read_name(reference, "how we can find the payment")
    evidence = Evidence(at=access.now, message_id=message_id, reference=reference)
    await submit(context, access, step.field, evidence, f"The payment is on its way. Its reference: {reference}")


async def submit(
    context: Context, access: Access, field: RegistrationField, evidence: Evidence, description: str
) -> None:
    """Confirm what was submitted, and accept it unless an operator has to look at it first.

    Nothing happens when the step is complete, or waits for an operator already.

    Raises:
        NotFound: The registration has no such Message.
        Conflict: Others kept changing the request.
    """

    async def write() -> None:
        case = await read_case(context, access, evidence.message_id)
        if case.registration is None or _is_answered(case, field):
            return
        was_rejected = case.request.object.status is MessageStatus.REJECTED
        change = Change(access.registration_id, access.now)
        at_once = not needs_operator(field) and not was_rejected
        confirm(context, change, with_internal(case, to_accept=at_once), field, evidence, description)
        if at_once:
            change.remind(evidence.message_id, access.now)
        await context.records.apply(change)

    await until_written(write)
    await finish(context, access, evidence.message_id)


def confirm(
    context: Context, change: Change, case: Case, field: RegistrationField, evidence: Evidence, description: str
) -> None:
    """Add to a change that something was submitted, with the evidence of it."""
    if case.registration is None:
        raise ValueError("the registration has to be read before an onboarding request is answered")
    answer(context, change, with_internal(case, code=None), MessageStatus.PENDING, description)
    registration = with_evidence(case.registration.object, field.id, evidence, RequirementStatus.PENDING)
    change.replace(case.registration, structs.replace(registration, modified=change.now))


async def finish(context: Context, access: Access, message_id: str) -> None:
    """Accept what was submitted and needs nobody's review, if there is such a thing and nobody has done it.

    Raises:
        NotFound: The registration has no such Message.
        Conflict: Others kept changing the request.
    """

    async def write() -> None:
        case = await read_case(context, access, message_id)
        request = case.request
        if request.object.status is not MessageStatus.PENDING or not request.internal.to_accept:
            return
        change = Change(access.registration_id, access.now)
        await accept(context, access, change, case)
        await context.records.apply(change)

    await until_written(write)


async def accept(context: Context, access: Access, change: Change, case: Case, description: str = _THANKS) -> None:
    """Add to a change that an onboarding request is complete, with production where it was the last step."""
    case = with_internal(case, to_accept=False, code=None)
    change.remind(case.request.object.message_id, None)
    advance = production.when_steps_are_met(context, access)
    await add_decision(context, change, case, MessageStatus.COMPLETE, description, advance=advance)


def with_internal(case: Case, **known: object) -> Case:
    """A case with other things known about its request; they are written with the answer to it."""
    request = case.request
    return replace(case, request=replace(request, internal=structs.replace(request.internal, **known)))


def with_call(case: Case, call_id: str) -> Case:
    """A case in which a signed call has had its effect."""
    return with_internal(case, calls=[*case.request.internal.calls, call_id][-_KEPT_CALLS:])


def with_evidence(
    registration: Registration, field_id: str, evidence: Evidence, status: RequirementStatus | None = None
) -> Registration:
    """A Registration in which somebody has done something for a requirement, which has another status then if given."""
    old = registration.requirements.get(field_id, Requirement(status=RequirementStatus.OPEN))
    new = structs.replace(old, status=status or old.status, evidence=[*old.evidence, evidence][-_KEPT_EVIDENCE:])
    return structs.replace(registration, requirements=registration.requirements | {field_id: new})


def _is_answered(case: Case, field: RegistrationField) -> bool:
    """Whether there is nothing to submit any more, because somebody else was first."""
    if case.request.object.status is MessageStatus.COMPLETE or case.registration is None:
        return True
    requirement = case.registration.object.requirements.get(field.id)
    return case.request.object.status is MessageStatus.PENDING and bool(requirement and requirement.evidence)
