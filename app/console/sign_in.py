"""Signing in to the console with an operator key, and signing out.

Source: OWASP Session Management: a new handle with every sign-in, so that none that was planted ever becomes good.
"""

import re
from typing import Final
from urllib.parse import quote

from starlette.requests import Request

from app.console.shell import CONSOLE, FORMS, SIGN_IN_PATH, STYLE, console_route, to_console
from app.domain import operator_sessions
from app.domain.operator_sessions import Newcomer
from app.errors import WrongLogin
from app.web.access import address_of
from app.web.answers import Answer
from app.web.bodies import read_form
from app.web.browser import (
    browser_of,
    forget_operator,
    form_token,
    operator_handle,
    remember_browser,
    remember_operator,
    require_own_form,
    require_own_site,
)
from app.web.pages import base_path, page, redirect
from app.web.state import State

SIGN_IN: Final = "console sign in"
STOPPED: Final = "stopped"
"""In the query of the sign-in page: the operator has come back from the identity provider without a sign-in."""

_STOPPED: Final = "You have not been signed in. Try again if you like."
_OWN_PAGE: Final = re.compile(r"/console(?:[/?][A-Za-z0-9/?&=%._~+:@!$'()*,;-]*)?")


async def show(request: Request[State]) -> Answer:
    """GET of the sign-in page; whoever is signed in goes straight on."""
    state, handle = request.state, operator_handle(request)
    if handle and await operator_sessions.current(
        state["operator_sessions"], state["operators"], handle, now=state["now"]()
    ):
        return to_console(request, own_page(request.query_params.get("next", "")))
    return _form(request, next_=own_page(request.query_params.get("next", "")))


async def sign_in(request: Request[State]) -> Answer:
    """POST of the sign-in form."""
    form, browser = await read_form(request), browser_of(request)
    require_own_form(request, form, browser.secret, SIGN_IN)
    next_ = own_page(form.get("next", ""))
    try:
        newcomer = await _with_key(request, form.get("key", ""))
    except WrongLogin as error:
        return _form(request, next_=next_, failure=error.description)
    return await begin(request, newcomer, next_)


async def begin(request: Request[State], newcomer: Newcomer, next_: str) -> Answer:
    """Begin a session, and on to the page that was asked for. Every way to sign in ends here."""
    state = request.state
    handle = await operator_sessions.begin(
        state["operator_sessions"],
        state["context"].randomness,
        newcomer,
        before=operator_handle(request),
        now=state["now"](),
    )
    return to_console(request, own_page(next_), headers=[remember_operator(state["settings"], handle)])


async def sign_out(request: Request[State]) -> Answer:
    """POST of the button that is on every page.

    Without a session, or with the token of one that is over, the browser forgets it all the same; what comes from
    another site changes nothing.
    """
    require_own_site(request)
    state, handle = request.state, operator_handle(request)
    if handle:
        require_own_form(request, await read_form(request), handle, FORMS)
        await state["operator_sessions"].end(handle)
    return redirect(base_path(state) + SIGN_IN_PATH, headers=[forget_operator(state["settings"])])


def own_page(path: str) -> str:
    """The path of a page of the console that somebody may be sent to, or that of the first one.

    No text with which a browser could be sent anywhere else passes, and none that a log or a header could trip over.
    """
    is_own = _OWN_PAGE.fullmatch(path) and not path.startswith(SIGN_IN_PATH) and ".." not in path
    return path if is_own else CONSOLE


def sign_in_path(request: Request[State], next_: str = CONSOLE, *, stopped: bool = False) -> str:
    """The sign-in page that leads on to a page of the console."""
    query = [STOPPED] if stopped else []
    query += [f"next={quote(next_, safe='/')}"] if own_page(next_) != CONSOLE else []
    return base_path(request.state) + SIGN_IN_PATH + ("?" + "&".join(query) if query else "")


def _oidc_path(request: Request[State], next_: str) -> str:
    query = f"?next={quote(next_, safe='/')}" if next_ != CONSOLE else ""
    return f"{base_path(request.state)}{SIGN_IN_PATH}/oidc{query}"


async def _with_key(request: Request[State], key: str) -> Newcomer:
    """The operator whose key it is. Failures count against the source.

    An attempt is spent first and given back when the key is right.

    Raises:
        WrongLogin: It is nobody's, or nobody's who works here.
        TooManyRequests: There have been too many failures.
    """
    state = request.state
    failures, address = state["limiters"].failed_auth, address_of(request)
    await failures.spend(address)
    newcomer = await operator_sessions.with_key(state["operators"], key, now=state["now"]())
    failures.give_back(address)
    return newcomer


def _form(request: Request[State], *, next_: str, failure: str = "") -> Answer:
    state, browser = request.state, browser_of(request)
    return page(
        state,
        "console/templates/sign_in.html",
        status=WrongLogin.status if failure else 200,
        style=STYLE,
        headers=remember_browser(state["settings"], browser),
        title="Sign in",
        acting=None,
        crumbs=(),
        notice=None,
        lead="",
        form_token=form_token(browser.secret, SIGN_IN),
        next=next_ if next_ != CONSOLE else "",
        oidc=_oidc_path(request, next_) if state["operator_identity_provider"] else "",
        failure=failure,
        hours=operator_sessions.LONGEST_SECONDS // 3600,
        stopped=_STOPPED if STOPPED in request.query_params else "",
    )


routes = [
    console_route(SIGN_IN_PATH, GET=show, POST=sign_in),
    console_route("/console/sign-out", POST=sign_out),
]
