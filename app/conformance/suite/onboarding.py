"""CDS-WG1-02 section 3.6: which Messages each type of registration field brings, and how their steps end."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from app.conformance.apis import CREATED, UNAUTHORIZED, require_done
from app.conformance.checks import Need, Skipped, Stage, Unavailable, check, refuse, require, skip_unless
from app.conformance.formats import is_url, shown
from app.conformance.mailbox import Mailbox, first_mailbox, mailbox, post
from app.conformance.samples import fields_of, in_base64, pdf
from app.conformance.session import Registration, Session
from app.conformance.shapes import differing, listed
from app.conformance.suite.registration import scopes_of
from app.conformance.wire import NOBODY, Document

REGISTRATION: Final = (Need.REGISTRATION,)
STAFFED: Final = (Need.REGISTRATION, Need.OPERATOR)
PAYMENT, FORM, PDF = "payment_request", "online_form_request", "pdf_form_request"
MESSAGE_OF: Final[Mapping[str, str]] = {
    "payment_required": PAYMENT,
    "email_verification": FORM,
    "sso_verification": FORM,
    "online_form": FORM,
    "pdf_form": PDF,
}
"""By the type of a registration field, the type of the Message that it brings."""

RELATED: Final = {PAYMENT: "payment_form", FORM: "online_form", PDF: "pdf_form"}
REVIEW: Final = "internal_review"
REASON: Final = "Conformance check: rejected on purpose"
ERRORS: Final = 400
OPEN: Final = frozenset({"open", "pending"})


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval for production while nothing of what its scope requires has been done."""

    registration: Registration
    sandbox: Document
    twins: tuple[Document, ...]
    """Production objects for the same scopes that were there before."""
    before: Mailbox
    after: Mailbox


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision: the request afterwards, and what answers it, newest first."""

    request: Document
    updates: tuple[Document, ...]


@check("WG1-02-3.6-08", needs=REGISTRATION)
async def a_payment_brings_a_payment_request(session: Session) -> None:
    """At once, with its link."""
    await require_brought(session, "payment_required")


@check("WG1-02-3.6-18", needs=REGISTRATION)
async def an_email_verification_brings_an_online_form_request(session: Session) -> None:
    """At once, with its link."""
    await require_brought(session, "email_verification")


@check("WG1-02-3.6-26", needs=REGISTRATION)
async def a_sign_on_brings_an_online_form_request(session: Session) -> None:
    """At once, with its link."""
    await require_brought(session, "sso_verification")


@check("WG1-02-3.6-36", needs=REGISTRATION)
async def a_pdf_form_brings_a_pdf_form_request(session: Session) -> None:
    """At once, with a link to a PDF."""
    await require_brought(session, "pdf_form")


@check("WG1-02-3.6-46", needs=REGISTRATION)
async def an_online_form_brings_an_online_form_request(session: Session) -> None:
    """At once, with its link."""
    await require_brought(session, "online_form")


@check("WG1-02-3.6-09", needs=REGISTRATION)
async def the_link_of_a_payment_opens_more_than_once(session: Session) -> None:
    """For whoever comes back."""
    await require_lasting(session, "payment_required")


@check("WG1-02-3.6-19", needs=REGISTRATION)
async def the_link_of_an_email_verification_opens_more_than_once(session: Session) -> None:
    """For whoever comes back."""
    await require_lasting(session, "email_verification")


@check("WG1-02-3.6-27", needs=REGISTRATION)
async def the_link_of_a_sign_on_opens_more_than_once(session: Session) -> None:
    """For whoever comes back."""
    await require_lasting(session, "sso_verification")


@check("WG1-02-3.6-47", needs=REGISTRATION)
async def the_link_of_an_online_form_opens_more_than_once(session: Session) -> None:
    """For whoever comes back."""
    await require_lasting(session, "online_form")


@check("WG1-02-3.6-38", "WG1-02-3.6-43", "WG1-02-6.9-03", "WG1-02-6.9-22", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_pdf_comes_back_as_an_attachment(session: Session) -> None:
    """201, and the request is pending."""
    filled = {"filename": "form.pdf", "mime_type": "application/pdf", "data": in_base64(pdf())}
    await require_submitted(session, {"attachments": [filled], "updates_requested": []})


@check("WG1-02-3.6-43", "WG1-02-6.5-03", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_pdf_comes_back_as_a_link(session: Session) -> None:
    """201 as well."""
    link = {"field": "conformance", "uri": "https://client.example/form.pdf"}
    await require_submitted(session, {"updates_requested": [link]})


@check("WG1-02-3.6-12", needs=STAFFED, stage=Stage.CHANGE)
async def a_payment_under_way_is_told_of(session: Session) -> None:
    """As pending."""
    await require_told(session, "payment_required", "pending")


@check("WG1-02-3.6-13", "WG1-02-6.3-06", needs=STAFFED, stage=Stage.CHANGE)
async def an_accepted_payment_is_told_of(session: Session) -> None:
    """As complete."""
    await require_told(session, "payment_required", "complete")


@check("WG1-02-3.6-14", needs=STAFFED, stage=Stage.CHANGE)
async def a_rejected_payment_is_told_of(session: Session) -> None:
    """As rejected."""
    await require_told(session, "payment_required", "rejected")


@check("WG1-02-3.6-22", needs=STAFFED, stage=Stage.CHANGE)
async def a_verified_address_is_told_of(session: Session) -> None:
    """As complete."""
    await require_told(session, "email_verification", "complete")


@check("WG1-02-3.6-30", needs=STAFFED, stage=Stage.CHANGE)
async def a_sign_on_under_review_is_told_of(session: Session) -> None:
    """As pending."""
    await require_told(session, "sso_verification", "pending")


@check("WG1-02-3.6-50", needs=STAFFED, stage=Stage.CHANGE)
async def a_form_under_review_is_told_of(session: Session) -> None:
    """As pending."""
    await require_told(session, "online_form", "pending")


@check("WG1-02-3.6-31", needs=STAFFED, stage=Stage.CHANGE)
async def an_accepted_sign_on_is_told_of(session: Session) -> None:
    """As complete."""
    await require_told(session, "sso_verification", "complete")


@check("WG1-02-3.6-32", needs=STAFFED, stage=Stage.CHANGE)
async def a_rejected_sign_on_is_told_of(session: Session) -> None:
    """As rejected."""
    await require_told(session, "sso_verification", "rejected")


@check("WG1-02-3.6-39", needs=STAFFED, stage=Stage.CHANGE)
async def an_accepted_pdf_is_told_of(session: Session) -> None:
    """As complete."""
    await require_told(session, "pdf_form", "complete")


@check("WG1-02-3.6-40", needs=STAFFED, stage=Stage.CHANGE)
async def a_rejected_pdf_is_told_of(session: Session) -> None:
    """As rejected."""
    await require_told(session, "pdf_form", "rejected")


@check("WG1-02-3.6-51", needs=STAFFED, stage=Stage.CHANGE)
async def an_accepted_form_is_told_of(session: Session) -> None:
    """As complete."""
    await require_told(session, "online_form", "complete")


@check("WG1-02-3.6-52", needs=STAFFED, stage=Stage.CHANGE)
async def a_rejected_form_is_told_of(session: Session) -> None:
    """As rejected."""
    await require_told(session, "online_form", "rejected")


@check("WG1-02-6.3-07", needs=REGISTRATION)
async def what_waits_for_the_client_is_open(session: Session) -> None:
    """Every request that came with the registration."""
    found = (await first_mailbox(session)).of_type(PAYMENT, FORM, PDF)
    skip_unless(found, "no scope that we registered for asks for a step")
    for one in found:
        refuse(differing(one, {"status": "open"}, f"{one.get('type')}: "))


@check("WG1-02-3.6-05", needs=STAFFED, stage=Stage.CHANGE)
async def a_review_comes_before_production_and_is_told_of(session: Session) -> None:
    """By a Message, once it has ended."""
    seen = await approved(session, REVIEW)
    require(not seen.twins, "there is a production Client Object before the review has ended", seen.before.first)
    new = seen.after.every.keys() - seen.before.every.keys()
    require(new, "no Message tells of the end of the review", seen.after.first)
    await require_production(session, seen)


@check(
    "WG1-02-3.6-16",
    "WG1-02-3.6-24",
    "WG1-02-3.6-34",
    "WG1-02-3.6-42",
    "WG1-02-3.6-54",
    "WG1-02-4.2-19",
    needs=STAFFED,
    stage=Stage.CHANGE,
)
async def production_may_come_before_the_steps_are_done(session: Session) -> None:
    """With requests that are still open."""
    await require_production(session, await approved(session))


async def steps(session: Session) -> dict[str, list[str]]:
    """The ids of the registration fields that our scopes require and that are steps, by their type."""
    fields, scopes = await session.registration_fields(), await session.scopes()
    wanted = list(session.options.scopes or scopes)
    found: dict[str, list[str]] = {}
    for field_id in fields_of(scopes, wanted, "registration_requirements"):
        found.setdefault(str(fields.get(field_id, {}).get("type")), []).append(field_id)
    return found


async def requests_for(session: Session, kind: str, found: Mailbox) -> tuple[Document, ...]:
    """The Messages that steps of a type have brought, with those of other types that bring the same.

    Raises:
        Skipped: None of our scopes asks for such a step.
        Violated: They are not as many as there are steps.
    """
    ids = await steps(session)
    skip_unless(ids.get(kind), f"no scope that we registered for requires a {kind}")
    type_ = MESSAGE_OF[kind]
    messages = tuple(one for one in found.of_type(type_) if one.get("previous_uri") is None)
    expected = sum(len(ids.get(other, ())) for other, brought in MESSAGE_OF.items() if brought == type_)
    require(
        len(messages) == expected,
        f"there are {len(messages)} {type_} Messages for {expected} registration fields",
        found.first,
    )
    return messages


async def require_brought(session: Session, kind: str) -> None:
    """Raises: Violated: The Messages of a type of step are not as they have to be."""
    found = await first_mailbox(session)
    for one in await requests_for(session, kind, found):
        expected = {"creator": None, "status": "open", "related_type": RELATED[MESSAGE_OF[kind]], "previous_uri": None}
        refuse(differing(one, expected, f"{one.get('type')}: "), found.first)
        require(is_url(one.get("related_uri")), f"related_uri is {shown(one.get('related_uri'))}", found.first)


async def require_lasting(session: Session, kind: str) -> None:
    """Raises: Violated: A link does not open twice in the same way."""
    for one in await requests_for(session, kind, await first_mailbox(session)):
        url = str(one.get("related_uri"))
        answers = [await session.wire.get(url, NOBODY) for _ in range(2)]
        if all(answer.status == UNAUTHORIZED for answer in answers):
            continue
        for answer, time in zip(answers, ("first", "second"), strict=True):
            require(answer.status < ERRORS, f"{url} is answered with {answer.status} at the {time} visit", answer)
        require(
            answers[0].status == answers[1].status, f"{url} is answered differently at the second visit", answers[1]
        )


async def with_steps(session: Session, kind: str, purpose: str) -> Registration:
    """A registration for the first scope that requires a type of step; kept, one for each purpose and scope.

    Raises:
        Unavailable: There is no such scope, or the registration was refused.
    """
    fields, scopes = await session.registration_fields(), await session.scopes()
    for name in session.options.scopes or scopes:
        required = listed(scopes.get(name, {}), "registration_requirements")
        if any(fields.get(field_id, {}).get("type") == kind for field_id in required):
            return await session.once(f"{purpose} {name}", partial(session.new_registration, purpose, [name]))
    raise Unavailable(f"no scope that we registered for requires a {kind}")


async def require_submitted(session: Session, content: Mapping[str, object]) -> None:
    """Raises: Violated: A PDF is not taken, or its request does not become pending."""
    own = await with_steps(session, "pdf_form", "to submit a PDF")
    asked = (await mailbox(session, own)).of_type(PDF)
    require(asked, "there is no pdf_form_request")
    answer = await post(session, own, type="client_submission", previous_uri=asked[0]["uri"], **dict(content))
    submitted = require_done(answer, CREATED, "a client_submission with a PDF")
    refuse(differing(submitted, {"status": "complete", "previous_uri": asked[0]["uri"]}), answer)
    found = await mailbox(session, own)
    refuse(differing(found.every[str(asked[0]["uri"])], {"status": "pending"}, "pdf_form_request: "), found.first)
    told = [one.get("status") for one in found.replies(asked[0]["uri"])]
    require("pending" in told, "no request_update says that the PDF is pending", found.first)


async def require_told(session: Session, kind: str, status: str) -> None:
    """Decide all requests of a type of step, and look for what tells of that.

    Raises:
        Violated: Nothing does, or it says something else.
        Skipped: None of our scopes asks for such a step, or the operator cannot decide it so.
    """
    for decided in await decide(session, kind, status):
        require(decided.updates, f"no request_update answers the {decided.request.get('type')}")
        refuse(differing(decided.updates[0], {"status": status, "creator": None}, "request_update: "))
        refuse(differing(decided.request, {"status": status}, f"{decided.request.get('type')}: "))
        if status == "rejected":
            require(decided.updates[0].get("description"), "a rejection says no reason")
        if status == "complete" and decided.request.get("type") == PAYMENT:
            refuse(differing(decided.updates[0], {"related_type": "payment_receipt"}, "request_update: "))
            require(is_url(decided.updates[0].get("related_uri")), "the receipt of a payment has no link")


async def decide(session: Session, kind: str, status: str) -> list[Decided]:
    """Have the operator decide all requests of the type that a step brings, in a registration of its own."""
    own = await with_steps(session, kind, f"for steps that are {status}")

    async def make() -> list[Decided]:
        asked = [one for one in (await mailbox(session, own)).of_type(MESSAGE_OF[kind]) if one.get("status") in OPEN]
        skip_unless(asked, f"there is no open {MESSAGE_OF[kind]} any more")
        for one in asked:
            await session.operator.decide(str(one["uri"]), status, REASON if status == "rejected" else "")
        after = await mailbox(session, own)
        return [Decided(after.every[str(one["uri"])], after.replies(one["uri"])) for one in asked]

    return await session.once(f"decided {own.client_id} {MESSAGE_OF[kind]} {status}", make)


async def approved(session: Session, kind: str = "") -> Approved:
    """Have production approved for a sandbox object of a scope that requires a type of step, or any.

    Raises:
        Skipped: None of our scopes requires one and begins in the sandbox, or the operator cannot approve it.
    """
    there = await steps(session)
    kinds = [one for one in ([kind] if kind else MESSAGE_OF) if there.get(one)]
    skip_unless(kinds, f"no scope that we registered for requires a {kind or 'step'}")

    async def make() -> Approved:
        for one in kinds:
            own = await with_steps(session, one, "to be approved")
            clients = await session.clients(own)
            for sandbox in (client for client in clients if client.get("cds_status") == "sandbox"):
                twins = tuple(client for client in clients if is_twin(sandbox, client))
                before = await mailbox(session, own)
                await session.operator.approve_production(str(sandbox["client_id"]))
                return Approved(own, sandbox, twins, before, await mailbox(session, own))
        raise Skipped("no Client Object begins in the sandbox")

    return await session.once(f"approved {kind}", make)


async def require_production(session: Session, seen: Approved) -> None:
    """Raises: Violated: There is no production object for what a sandbox object is for, or it has no Credential."""
    own = seen.registration
    twins = [client for client in await session.clients(own, anew=True) if is_twin(seen.sandbox, client)]
    require(twins, "there is no production Client Object after the approval")
    if twins[0].get("token_endpoint_auth_method") not in {None, "none"}:
        found = await session.credentials(str(twins[0]["client_id"]), own)
        require(found, "the production Client Object has no Credential")


def is_twin(sandbox: Document, client: Document) -> bool:
    """Whether a Client Object is for production and for the same scopes."""
    same = set(scopes_of(sandbox)) == set(scopes_of(client))
    return (
        same
        and client.get("client_id") != sandbox["client_id"]
        and "production" in listed(client, "cds_status_options")
    )
