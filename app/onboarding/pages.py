"""`/onboarding/{message_id}`: the page of a step, and what people do on it."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request

from app.domain import email_verification, onboarding_steps
from app.domain.email_verification import Verdict
from app.domain.messages_fields import MAX_NAME_LENGTH
from app.errors import Conflict, InvalidRequest, NotFound, TooManyRequests
from app.onboarding import elsewhere, forms, sign_on, views, visits
from app.onboarding.views import Failure
from app.onboarding.visits import Visit
from app.web.answers import Answer
from app.web.bodies import read_form
from app.web.browser import require_own_form
from app.web.pages import redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State

Form = dict[str, str]
Action = Callable[[Visit, Form], Awaitable[Failure | None]]

_CHANGED: Final = "The text has changed since you opened this page. Please read it once more; nothing was accepted yet."
_NOT_TICKED: Final = "Please tick the box, if you accept the text."
_WRONG: Final = "This is not the code. Please compare it with the newest mail that we have sent."
_OVER: Final = "This code is not good any more. Please ask for a new one."
_ACCOUNT_GONE: Final = "You are not signed in any more. Please sign in once more."
_OTHERS: Final = "Somebody else was here at the same moment. Please try once more."


async def show(request: Request[State]) -> Answer:
    """GET of the page, or of what the link leads to."""
    if visits.BACK in request.query_params:
        return await views.returned(await visits.come_back(request))
    return await page_of(await visits.arrive(request))


async def act(request: Request[State]) -> Answer:
    """POST of a form of the page."""
    visit = await visits.arrive(request)
    form = await read_form(request)
    action = _ACTIONS.get((views.kind_of(visit.step.field), form.get("do", "")))
    if action is None:
        raise NotFound("There is nothing to send here.")
    if visit.is_suspended or visit.is_expired or visit.step.is_complete:
        return await page_of(visit)
    require_own_form(request, form, await _secret(visit, form), visit.purpose)
    failure = await _failure_of(action, visit, form)
    if failure:
        return await page_of(await visits.arrive(request), failure)
    return redirect(visit.action)


async def page_of(visit: Visit, failure: Failure | None = None) -> Answer:
    """What a link shows."""
    field = visit.step.field
    if visit.is_suspended:
        return views.suspended(visit)
    if field.type == "pdf_form":
        return forms.form_of(visit.context.catalog, field)
    if visit.is_expired:
        return views.expired(visit)
    if visit.step.is_complete:
        return await views.done(visit)
    if field.form and field.form.url:
        return redirect(elsewhere.link(visit.context, visit.step, field.form.url))
    if visit.step.is_waiting:
        return await views.waiting(visit)
    return await views.todo(visit, failure)


async def _secret(visit: Visit, form: Form) -> str:
    """What the form token is made of: of the session, where somebody connects the account that it shows."""
    signed_in = await sign_on.customer(visit.request) if form.get("do") == views.CONNECT else None
    return signed_in.handle if signed_in else visit.browser.secret


async def _failure_of(action: Action, visit: Visit, form: Form) -> Failure | None:
    """What somebody is told who has to try again; None when it is done."""
    try:
        return await action(visit, form)
    except InvalidRequest as error:
        return Failure(error.description, kept=form)
    except TooManyRequests as error:
        return Failure(error.description, error.status, retry_after_seconds=error.retry_after_seconds)
    except Conflict as error:
        return Failure(_OTHERS, error.status, kept=form)


async def _accept(visit: Visit, form: Form) -> Failure | None:
    if form.get("agreed") != "yes":
        return Failure(_NOT_TICKED, kept=form)
    accepted = await onboarding_steps.accept_text(
        visit.context, visit.access, visit.message_id, name=form.get("name", ""), seen=form.get("text_digest", "")
    )
    return None if accepted else Failure(_CHANGED, Conflict.status, kept={"name": form.get("name", "")})


async def _send(visit: Visit, form: Form) -> Failure | None:
    state = visit.request.state
    await email_verification.send_code(
        visit.context,
        visit.access,
        visit.message_id,
        form.get("address", ""),
        allowances=state["allowances"],
        outbox=state["outbox"],
    )
    return None


async def _check(visit: Visit, form: Form) -> Failure | None:
    verdict = await email_verification.check_code(
        visit.context, visit.access, visit.message_id, form.get("code", "")[:MAX_NAME_LENGTH]
    )
    return None if verdict is Verdict.RIGHT else Failure(_WRONG if verdict is Verdict.WRONG else _OVER)


async def _connect(visit: Visit, _: Form) -> Failure | None:
    signed_in = await sign_on.customer(visit.request)
    if signed_in is None:
        return Failure(_ACCOUNT_GONE, Conflict.status)
    session = signed_in.session
    await onboarding_steps.connect_account(
        visit.context, visit.access, visit.message_id, user_id=session.user_id, name=session.name
    )
    return None


async def _report_payment(visit: Visit, form: Form) -> Failure | None:
    await onboarding_steps.report_payment(
        visit.context, visit.access, visit.message_id, reference=form.get("reference", "")
    )
    return None


_ACTIONS: Final[dict[tuple[str, str], Action]] = {
    ("text", views.ACCEPT): _accept,
    ("email", views.SEND): _send,
    ("email", views.CHECK): _check,
    ("sign_on", views.CONNECT): _connect,
    ("payment", views.PAID): _report_payment,
}
"""By the kind of a step and the `do` of a form."""

routes = [Route(visits.PATH, {"GET": show, "POST": act}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)]
