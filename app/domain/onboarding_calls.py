"""What other systems of the utility report about onboarding steps that are taken there: a checkout, an e-sign service.

Such a system answers for requests whose link leads to it, and for no others. A report may come twice or late: the same
one again changes nothing, and what is decided stays decided.

Source: CDS-WG1-02 3.6, 6.3; ambiguities C12, C29.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from app.crypto.tokens import local_id
from app.domain import production
from app.domain.context import Context
from app.domain.messages_answers import FINAL, Case, mark_pending, refuse_silent_rejection
from app.domain.messages_decisions import add_decision, read_case
from app.domain.messages_fields import read_description, read_uri
from app.domain.onboarding_steps import with_call
from app.domain.records import Access, Change
from app.domain.retries import until_written
from app.domain.texts import one_of
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.messages import Message, MessageStatus, MessageType

_REPORTED: Final = (
    MessageStatus.PENDING,
    MessageStatus.COMPLETE,
    MessageStatus.REJECTED,
    MessageStatus.ERRORED,
)
_ELSEWHERE: Final = frozenset({MessageType.PAYMENT_REQUEST, MessageType.ONLINE_FORM_REQUEST})


@dataclass(frozen=True, slots=True)
class Report:
    """What a system reports about a request.

    Args:
        description: For the Client; a rejection needs one.
        receipt_uri: Of a payment; may be empty.
        amount: What was paid; None when the report does not say. Likewise `currency`.
    """

    message_id: str
    status: MessageStatus
    description: str = ""
    receipt_uri: str = ""
    amount: Decimal | None = None
    currency: str | None = None


def read_report(body: Mapping[str, Any]) -> Report:
    """The report in the body of a call. Raises InvalidRequest."""
    message_id, status = body.get("message_id"), body.get("status")
    if not isinstance(message_id, str) or local_id(message_id) is None:
        raise InvalidRequest("message_id must be the id of an onboarding Message.", field="message_id")
    if not isinstance(status, str) or status not in _REPORTED:
        raise InvalidRequest(f"status must be {one_of(_REPORTED)}.", field="status")
    amount, currency = body.get("amount"), body.get("currency")
    if (amount is None) != (currency is None):
        raise InvalidRequest("amount and currency come together.", field="currency" if amount is not None else "amount")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal | None):
        raise InvalidRequest("amount must be a number.", field="amount")
    if not isinstance(currency, str | None):
        raise InvalidRequest("currency must be an ISO 4217 code.", field="currency")
    description = body.get("description")
    receipt_uri = read_uri(body.get("receipt_uri"), "receipt_uri")
    report = Report(
        message_id=message_id,
        status=MessageStatus(status),
        description="" if description is None else read_description(description),
        receipt_uri="" if receipt_uri is UNSET else str(receipt_uri),
        amount=None if amount is None else Decimal(amount),
        currency=currency,
    )
    refuse_silent_rejection(report.status, report.description)
    return report


async def take_report(context: Context, access: Access, report: Report, *, call_id: str) -> Message:
    """Let a report have its effect, once.

    Args:
        call_id: Of the call; whatever else comes under the same id is the same call again.

    Returns:
        The request as it is then.

    Raises:
        NotFound: There is no such request.
        InvalidRequest: It is not for other systems to report about, or the sum is another one.
        AlreadyDecided: The opposite was decided before.
        Conflict: Others kept changing the request.
    """

    async def write() -> Message:
        case = await read_case(context, access, report.message_id)
        request: Message = case.request.object
        _require_elsewhere(context, case)
        if call_id in case.request.internal.calls:
            return request
        _refuse_other_sum(request, report)
        change = Change(access.registration_id, access.now)
        if _says_nothing_new(request, report):
            noted = with_call(case, call_id).request.internal
            change.replace(case.request, request, noted)
            status = request.status
        else:
            status = await _carry_out(context, access, change, with_call(case, call_id), report)
        await context.records.apply(change)
        return replace(request, status=status)

    return await until_written(write)


async def _carry_out(context: Context, access: Access, change: Change, case: Case, report: Report) -> MessageStatus:
    if report.status is MessageStatus.PENDING:
        mark_pending(context, change, case, report.description)
        return report.status
    if report.status is MessageStatus.COMPLETE:
        change.remind(report.message_id, None)
    await add_decision(
        context,
        change,
        case,
        report.status,
        report.description,
        advance=production.when_steps_are_met(context, access),
        receipt_uri=report.receipt_uri,
    )
    return report.status


def _require_elsewhere(context: Context, case: Case) -> None:
    """Refuse reports about what people do on our own pages."""
    request: Message = case.request.object
    field = context.catalog.registration_fields.get(case.request.internal.registration_field)
    is_own = str(request.related_uri).startswith(f"{context.links.public_url}/")
    leads_elsewhere = bool(field.form and field.form.url) if field else not is_own
    if request.type not in _ELSEWHERE or not leads_elsewhere:
        raise InvalidRequest("This Message is not about a step that another system reports on.", field="message_id")


def _refuse_other_sum(request: Message, report: Report) -> None:
    if report.amount is None:
        return
    if request.type is not MessageType.PAYMENT_REQUEST:
        raise InvalidRequest("Only a payment has an amount.", field="amount")
    if request.amount is not UNSET and report.amount != request.amount:
        raise InvalidRequest(f"The amount to be paid is {request.amount}.", field="amount")
    if request.currency is not UNSET and report.currency != request.currency:
        raise InvalidRequest(f"The currency to pay in is {request.currency}.", field="currency")


def _says_nothing_new(request: Message, report: Report) -> bool:
    """Whether a report can be passed over: it is known, or it comes after what it should have come before.

    Raises:
        AlreadyDecided: It contradicts what was decided.
    """
    if request.status is report.status:
        return True
    if report.status is MessageStatus.PENDING:
        return request.status is MessageStatus.COMPLETE
    if request.status in FINAL:
        raise AlreadyDecided(f"This request has been decided: it is {request.status}.")
    return False


def require_registration(report: Report) -> str:
    """The registration that a report is about. Raises NotFound."""
    parts = local_id(report.message_id)
    if parts is None:
        raise NotFound("There is no such Message.")
    return parts.registration_id
