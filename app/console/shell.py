"""What every page of the console has: who works on it and may do what, the way around, forms and what came of them.

A page reads `acting = await signed_in(request)`, asks the domain, and answers `console_page(request, template, …)`. A
form's endpoint reads `acting, form = await posted(request, ADMINISTERING, "keys.add")`, lets the domain do it, and
answers `done(request, path, "…")`: the browser goes on with a GET, and the page there says what was done.

Source: RFC 9700 4.7, 4.16; OWASP on sessions and CSRF.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app.console import navigation, notices, wording
from app.domain import operator_sessions
from app.domain.audit import acting_as
from app.domain.context import Context
from app.domain.feed import Actor
from app.domain.operator_sessions import SignedIn
from app.domain.operators import VIEWING, Operator, Role, require_role
from app.errors import NotFound, Refusal, SignInNeeded
from app.web.access import note_operator
from app.web.answers import Answer, Headers
from app.web.bodies import read_form_pairs
from app.web.browser import form_token, operator_handle, require_own_form, require_own_site
from app.web.calls import facts_of
from app.web.edge import ERROR_PAGE
from app.web.errors import public_description, refusal_headers
from app.web.pages import STILL, Policy, Style, base_path, page, redirect
from app.web.routing import Endpoint, ErrorStyle, Limit, Route
from app.web.state import State

CONSOLE: Final = "/console"
SIGN_IN_PATH: Final = "/console/sign-in"
STYLE: Final = Style.read("console/templates/console.css")

_ACTING: Final = "cds.acting"
FORMS: Final = "console"
"""What the form token of a session is for."""
_HEADINGS: Final = {
    "insufficient_role": "This needs another role",
    "foreign_form": "Nothing was done",
    "cookies_needed": "We need a cookie here",
    "request_over": "This sign-in is over",
    "sign_in_failed": "You are not signed in",
    "sign_in_unavailable": "You cannot sign in right now",
    "not_found": "There is nothing here",
    "method_not_allowed": "There is nothing here",
    "conflict": "Somebody was faster",
    "content_too_large": "That was too much",
    "too_many_requests": "Please wait a moment",
    "server_error": "Something went wrong here",
    "temporarily_unavailable": "The store does not answer",
}
"""By the code of a refusal; any other one means that something in a form or an address was not acceptable."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The operator behind a request, and the server as this operator changes it.

    Args:
        context: What domain functions take first; changes made with it are in the audit log under the operator's name.
        actor: How the audit log calls the operator.
        signed_in: The session.
    """

    operator: Operator
    context: Context
    actor: Actor
    signed_in: SignedIn

    @property
    def shown(self) -> str:
        """What pages call the operator."""
        return self.signed_in.session.shown

    @property
    def form_token(self) -> str:
        """What every form of this session has to carry, as `form_token`."""
        return form_token(self.signed_in.handle, FORMS)

    def may(self, roles: frozenset[Role]) -> bool:
        """Whether the operator has one of these roles."""
        return self.operator.role in roles


class Form:
    """What was filled in, in the order of the page; a name may be there several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """The last value of a field, without blanks around it; `default` when it is empty or was not sent."""
        return next((value.strip() for key, value in reversed(self.pairs) if key == name), "") or default

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that is not empty: what was ticked of several."""
        return tuple(value for key, value in self.pairs if key == name and value)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)


def console_route(path: str, **endpoints: Endpoint) -> Route:
    """A route of the console, whose errors are pages of it: `console_route("/console/keys", GET=show, POST=add)`."""
    framed = {method: partial(_framed, endpoint) for method, endpoint in endpoints.items()}
    return Route(path, framed, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)


async def _framed(endpoint: Endpoint, request: Request[State]) -> Response:
    request.scope[ERROR_PAGE] = partial(_error_page, request)
    return await endpoint(request)


async def signed_in(request: Request[State], roles: frozenset[Role] = VIEWING, action: str = "console.view") -> Acting:
    """Who is at work.

    Args:
        roles: Who may do this.
        action: What the audit log calls it, when something is changed.

    Raises:
        SignInNeeded: Nobody is; the browser is sent to the sign-in page and back here afterwards.
        InsufficientRole: The operator is of another role.
    """
    state = request.state
    handle = operator_handle(request)
    found = (
        await operator_sessions.current(state["operator_sessions"], state["operators"], handle, now=state["now"]())
        if handle
        else None
    )
    if found is None:
        raise SignInNeeded("Sign in to the console first.")
    note_operator(request, found.session.log_name)
    actor = Actor(name=found.operator.name, role=found.operator.role, via="console")
    acting = Acting(found.operator, acting_as(state["context"], actor, action), actor, found)
    request.scope[_ACTING] = acting
    require_role(found.operator, roles)
    return acting


async def posted(request: Request[State], roles: frozenset[Role], action: str) -> tuple[Acting, Form]:
    """Who has sent a form, and what is in it.

    Args:
        roles: Who may do this.
        action: What the audit log calls it.

    Raises:
        SignInNeeded, InsufficientRole: As for `signed_in`.
        ForeignForm: It did not come from a page of this session.
        InvalidRequest: It is not a form.
    """
    require_own_site(request)
    acting = await signed_in(request, roles, action)
    form = Form(await read_form_pairs(request))
    require_token(request, acting, form.get("form_token"))
    return acting, form


def require_token(request: Request[State], acting: Acting, token: str) -> None:
    """Refuse a form of another site or session: for forms that carry files, whose fields are read one by one.

    Raises:
        ForeignForm: It is one.
    """
    require_own_form(request, {"form_token": token}, acting.signed_in.handle, FORMS)


def console_page(
    request: Request[State],
    template: str,
    /,
    *,
    status: int = 200,
    policy: Policy = STILL,
    headers: Headers = (),
    **values: object,
) -> Answer:
    """A page for whoever has signed in with this request.

    Args:
        template: Its path below `app/console/templates`; it extends `console.html` and imports `parts.html`.
        policy: As for `app.web.pages.page`.
        headers: Beside those that every page has.
        values: What the template shows. `title` is for the window and the heading, `crumbs` are the pages above this
            one as (name, path below the public URL). Everything is escaped.
    """
    state, acting = request.state, _acting(request)
    found = notices.left_for(request, acting.signed_in.handle) if acting else None
    return page(
        state,
        f"console/templates/{template}",
        status=status,
        policy=policy,
        style=STYLE,
        headers=[*headers, *([notices.taken(state["settings"])] if found else [])],
        **(_around(request, acting) | {"notice": found} | values),
    )


def done(request: Request[State], path: str, notice: str, *, failed: bool = False) -> Answer:
    """What follows a form: on to a page of ours, which says what came of it.

    Args:
        path: Below the public URL, with a query if need be.
        notice: A sentence. It travels with the browser, so nothing that is secret belongs into it.
        failed: It was not done, and the notice says why not.
    """
    acting = _acting(request)
    cookies = []
    if acting:
        cookies = [notices.left(request.state["settings"], acting.signed_in.handle, notice, failed=failed)]
    return redirect(base_path(request.state) + path, headers=cookies)


def to_console(request: Request[State], path: str = CONSOLE, *, headers: Headers = ()) -> Answer:
    """On to a page of the console."""
    return redirect(base_path(request.state) + path, headers=headers)


def to_sign_in(request: Request[State]) -> Answer:
    """To the sign-in page, and back to the page that was asked for."""
    base = base_path(request.state)
    own = request.url.path.removeprefix(base) + (f"?{request.url.query}" if request.url.query else "")
    is_page = request.method in {"GET", "HEAD"} and own != CONSOLE
    return redirect(base + SIGN_IN_PATH + (f"?next={quote(own, safe='/')}" if is_page else ""))


def _acting(request: Request[State]) -> Acting | None:
    acting: Acting | None = request.scope.get(_ACTING)
    return acting


def _around(request: Request[State], acting: Acting | None) -> dict[str, Any]:
    """What the frame of a page shows, and what the parts in it need."""
    state = request.state
    path = request.url.path.removeprefix(base_path(state))
    catalog, now = state["context"].catalog, state["now"]()
    return {
        "acting": acting,
        "form_token": acting.form_token if acting else "",
        "navigation": navigation.groups_for(acting.operator.role, path) if acting else (),
        "moment_of": lambda at: wording.moment(_moment(at), now, catalog),
        "age_of": lambda at: wording.age(_moment(at), now),
        "badge_of": wording.badge,
        "crumbs": (),
        "lead": "",
        "notice": None,
        "q": "",
    }


def _moment(at: datetime | int) -> datetime:
    """Moments are Unix seconds here and there."""
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int) else at


def _error_page(request: Request[State], refusal: Refusal) -> Answer:
    """The page about a refusal, in the frame of the console if somebody has signed in."""
    if isinstance(refusal, SignInNeeded):
        return to_sign_in(request)
    facts = facts_of(request)
    is_lost = isinstance(refusal, NotFound)
    return console_page(
        request,
        "error.html",
        status=refusal.status,
        headers=[header for header in refusal_headers(refusal) if header[0] != b"www-authenticate"],
        title=_HEADINGS.get(refusal.code, "This was not accepted"),
        description=public_description(refusal),
        request_id="" if is_lost else facts.request_id,
    )
