"""Signing in with the identity provider of the utility: the way there, and the way back.

Real customers, for production Client Objects (ambiguities F8) and for the page of their own authorizations. Whatever
goes wrong, the user ends on a page from where it can be tried again, and an authorization request goes on waiting.

Source: OpenID Connect Core 1.0 3.1.2; RFC 9700 2.1.
"""

from typing import Final

from starlette.requests import Request

from app.domain import oidc
from app.domain.authorization_store import SignInAttempt
from app.domain.oidc import IdentityProvider
from app.errors import InvalidRequest, NotFound, SignInFailed, SignInStopped
from app.oauth import sign_in, visits
from app.web import sessions
from app.web.answers import Answer
from app.web.browser import Browser, browser_of, remember_browser
from app.web.pages import base_path, redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.sign_in_answers import read_answer
from app.web.state import State

CALLBACK_PATH: Final = "/oauth/oidc/callback"


async def start_for_request(request: Request[State]) -> Answer:
    """GET: to the identity provider, and to an authorization request afterwards."""
    _provider(request)
    visit = await visits.arrive(request)
    if visit.sandbox:
        raise InvalidRequest("Applications in the sandbox are for test accounts.")
    if visit.browser.is_new:
        # The request has just been bound to a cookie that the browser does not have yet, and has to have first.
        return redirect(visits.path_of(request.state, visit.handle), headers=visit.headers)
    return await _start(request, visit.browser, transaction=visit.handle, again=visit.transaction.request.prompt_login)


async def start(request: Request[State]) -> Answer:
    """GET: to the identity provider, and to the receipt of `grant_id` or the user's authorizations afterwards."""
    return await _start(request, browser_of(request), grant_id=sign_in.grant_id_of(request))


async def come_back(request: Request[State]) -> Answer:
    """GET of the redirect URI: the user is signed in, or is told why not.

    There is no HEAD, which would use the `state` of a link up.
    """
    state, provider, browser = request.state, _provider(request), browser_of(request)
    answer, now = read_answer(request), state["now"]()
    attempt = await oidc.attempt_of(state["users"], answer, browser_digest=browser.digest, now=now)
    try:
        user = await oidc.finish(provider, attempt, answer, browser_secret=browser.secret, now=now)
    except SignInStopped:
        return redirect(_sign_in_path(state, attempt, stopped=True))
    except SignInFailed as error:
        error.way_on = _sign_in_path(state, attempt)
        raise
    if attempt.transaction:
        return await visits.signed_in(request, attempt.transaction, user)
    if attempt.onboarding:
        return redirect(_sign_in_path(state, attempt), headers=[await sessions.begin(request, user)])
    return await sign_in.signed_in(request, attempt.grant_id, user)


async def _start(
    request: Request[State], browser: Browser, *, transaction: str = "", grant_id: str = "", again: bool = False
) -> Answer:
    state, provider, now = request.state, _provider(request), request.state["now"]()
    attempt = SignInAttempt(
        browser_digest=browser.digest,
        transaction=transaction,
        grant_id=grant_id,
        again=again,
        started_at=int(now.timestamp()),
    )
    randomness = state["context"].randomness
    try:
        url = await oidc.begin(provider, state["users"], randomness, attempt, browser_secret=browser.secret, now=now)
    except SignInFailed as error:
        error.way_on = _sign_in_path(state, attempt)
        raise
    return redirect(url, headers=remember_browser(state["settings"], browser))


def _provider(request: Request[State]) -> IdentityProvider:
    """The identity provider. Raises NotFound when there is none."""
    provider = request.state["identity_provider"]
    if provider is None:
        raise NotFound("There is nothing at this address.")
    return provider


def _sign_in_path(state: State, attempt: SignInAttempt, *, stopped: bool = False) -> str:
    """The page where an attempt began."""
    if attempt.transaction:
        return visits.path_of(state, attempt.transaction) + (f"?{sign_in.STOPPED}" if stopped else "")
    if attempt.onboarding:
        return base_path(state) + attempt.onboarding + (f"&{sign_in.STOPPED}" if stopped else "")
    return sign_in.path_by_itself(state, attempt.grant_id, stopped=stopped)


routes = [
    Route(
        "/oauth/authorize/{transaction}/oidc",
        {"GET": start_for_request},
        errors=ErrorStyle.PAGE,
        limit=Limit.ANONYMOUS,
    ),
    Route(f"{sign_in.SIGN_IN_PATH}/oidc", {"GET": start}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    Route(CALLBACK_PATH, {"GET": come_back}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS, head=False),
]
