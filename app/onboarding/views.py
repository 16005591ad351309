"""What the page of a step shows: something to do, or how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from msgspec import UNSET

from app.catalog import RegistrationField, field_title
from app.domain import email_verification
from app.domain.consent import day_and_time
from app.domain.documentation import registration_field_documentation
from app.domain.onboarding_steps import last_answer, text_digest
from app.onboarding import sign_on
from app.onboarding.visits import STOPPED, Visit
from app.schemas.messages import Message, MessageStatus
from app.schemas.registrations import Evidence
from app.web.answers import Answer
from app.web.browser import form_token
from app.web.markdown import as_html
from app.web.pages import page

ACCEPT: Final = "accept"
SEND: Final = "send"
CHECK: Final = "check"
CONNECT: Final = "connect"
PAID: Final = "paid"
"""What the forms of a page say that they do."""

_FOLDER: Final = "onboarding/templates"
_KINDS: Final = {
    "email_verification": "email",
    "sso_verification": "sign_on",
    "payment_required": "payment",
    "pdf_form": "pdf",
}
_STOPPED: Final = "You have not been signed in, and nothing has been connected. Try again if you like."
_NOT_THE_REASON: Final = "What was submitted earlier was not accepted. The Messages of the registration say why."


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something that somebody did was not done.

    Args:
        text: For that person.
        status: Of the answer.
        retry_after_seconds: When it is worth trying again; 0 for at once.
        kept: What was typed in, so that nobody has to do it again.
    """

    text: str
    status: int = HTTPStatus.BAD_REQUEST.value
    retry_after_seconds: int = 0
    kept: Mapping[str, str] = field(default_factory=dict)


def kind_of(registration_field: RegistrationField) -> str:
    """What there is to do on the page of a step: `text`, `email`, `sign_on`, `payment`, or nothing (`operator`)."""
    form = registration_field.form
    if form and form.url:
        return "elsewhere"
    if registration_field.type == "online_form":
        return "text" if form and form.text else "operator"
    return _KINDS.get(registration_field.type, "operator")


async def todo(visit: Visit, failure: Failure | None) -> Answer:
    """The page of a step that somebody can take now."""
    kind = kind_of(visit.step.field)
    values = await _VALUES[kind](visit)
    headers = [*visit.headers]
    if failure and failure.retry_after_seconds:
        headers.append((b"retry-after", b"%d" % failure.retry_after_seconds))
    return page(
        visit.request.state,
        f"{_FOLDER}/{kind}.html",
        status=failure.status if failure else HTTPStatus.OK.value,
        headers=headers,
        **_common(visit),
        action=visit.action,
        form_token=visit.token,
        failure=failure.text if failure else "",
        kept=failure.kept if failure else {},
        rejection=await _rejection(visit),
        **values,
    )


async def waiting(visit: Visit) -> Answer:
    """The page of a step that is an operator's now."""
    return page(
        visit.request.state,
        f"{_FOLDER}/waiting.html",
        **_common(visit),
        facts=_facts(visit, visit.step.requirement.evidence),
    )


async def done(visit: Visit) -> Answer:
    """The page of a step that is complete; of a payment it is the receipt."""
    answer = await last_answer(visit.context, visit.access, visit.step)
    request = visit.step.request.object
    return page(
        visit.request.state,
        f"{_FOLDER}/done.html",
        **_common(visit),
        is_payment=kind_of(visit.step.field) == "payment" or request.amount is not UNSET,
        amount=_amount(request),
        number=request.message_id,
        completed=day_and_time(answer.created, visit.context.catalog) if answer else "",
        receipt=_receipt_elsewhere(visit, answer),
        facts=_facts(visit, visit.step.requirement.evidence, with_time=answer is None),
    )


async def returned(visit: Visit) -> Answer:
    """The page for somebody who comes back from a step elsewhere. It opens nothing."""
    return page(
        visit.request.state, f"{_FOLDER}/returned.html", **_common(visit), status_now=visit.step.request.object.status
    )


def suspended(visit: Visit) -> Answer:
    """The page while the registration is suspended."""
    return page(
        visit.request.state,
        f"{_FOLDER}/suspended.html",
        status=HTTPStatus.FORBIDDEN.value,
        heading=field_title(visit.step.field.id),
    )


def expired(visit: Visit) -> Answer:
    """The page of a link that has had its time. It leads nowhere, also not to the new link."""
    return page(visit.request.state, f"{_FOLDER}/expired.html", status=HTTPStatus.GONE.value)


def _common(visit: Visit) -> dict[str, Any]:
    step = visit.step
    return {
        "heading": field_title(step.field.id),
        "description": step.field.description,
        "client_name": step.admin.client_name,
        "registration_id": step.registration.registration_id,
        "documentation": registration_field_documentation(step.field, visit.request.state["settings"]),
    }


async def _rejection(visit: Visit) -> str:
    """Why what was submitted earlier was not accepted; empty when nothing was."""
    if visit.step.request.object.status is not MessageStatus.REJECTED:
        return ""
    answer = await last_answer(visit.context, visit.access, visit.step)
    return answer.description if answer else _NOT_THE_REASON


async def _text(visit: Visit) -> dict[str, Any]:
    form = visit.step.field.form
    text = (form.text if form else None) or ""
    return {"text": as_html(text), "text_digest": text_digest(text), "do": ACCEPT}


async def _email(visit: Visit) -> dict[str, Any]:
    code = visit.step.request.internal.code
    is_sent = email_verification.is_alive(code, visit.step.admin, visit.access.now)
    choices = email_verification.choices(visit.step)
    first = choices[0].id if choices else ""
    return {
        "addresses": choices,
        "chosen": email_verification.choice_id(visit.step, code.address) if code and is_sent else first,
        "sent_to": email_verification.masked(code.address) if code and is_sent else "",
        "minutes": email_verification.CODE_SECONDS // 60,
        "send": SEND,
        "check": CHECK,
    }


async def _sign_on(visit: Visit) -> dict[str, Any]:
    state = visit.request.state
    signed_in = await sign_on.customer(visit.request)
    has_provider = state["identity_provider"] is not None
    return {
        "has_provider": has_provider,
        "account": signed_in.name if signed_in else "",
        "account_token": form_token(signed_in.handle, visit.purpose) if signed_in else "",
        "start": sign_on.start_path(visit) if has_provider else "",
        "other_account": sign_on.start_path(visit, again=True) if has_provider else "",
        "stopped": _STOPPED if STOPPED in visit.request.query_params else "",
        "do": CONNECT,
    }


async def _payment(visit: Visit) -> dict[str, Any]:
    form = visit.step.field.form
    text = (form.text if form else None) or visit.step.field.instructions or ""
    return {"amount": _amount(visit.step.request.object), "how": as_html(text, top=3), "do": PAID}


async def _operator(_: Visit) -> dict[str, Any]:
    return {}


_VALUES: Final = {"text": _text, "email": _email, "sign_on": _sign_on, "payment": _payment, "operator": _operator}


def _amount(request: Message) -> str:
    """What is to be paid, for people."""
    return "" if request.amount is UNSET else f"{request.amount:,.2f} {request.currency}"


def _receipt_elsewhere(visit: Visit, answer: Message | None) -> str:
    """The receipt that the checkout has given, when it is not this page itself."""
    if answer is None or answer.related_uri is UNSET:
        return ""
    uri = str(answer.related_uri)
    return "" if uri.startswith(f"{visit.context.links.public_url}/") else uri


def _facts(visit: Visit, evidence: list[Evidence], *, with_time: bool = True) -> list[tuple[str, str]]:
    """What was done, from the last time that somebody did something."""
    if not evidence:
        return []
    last, catalog = evidence[-1], visit.context.catalog
    named = (
        ("Accepted by" if last.text_digest else "Account", last.name),
        ("Address", email_verification.masked(last.email) if last.email else ""),
        ("Reference", last.reference),
        ("Received", day_and_time(last.at, catalog) if with_time else ""),
    )
    return [(name, value) for name, value in named if value]
