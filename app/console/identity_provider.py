"""Signing in to the console with the identity provider of the utility: the way there, and the way back.

Source: OpenID Connect Core 1.0 3.1.2; RFC 9700 2.1.
"""

from dataclasses import replace
from typing import Final

from starlette.requests import Request

from app.console import sign_in
from app.console.shell import SIGN_IN_PATH, console_route
from app.domain import oidc, operator_sign_in
from app.domain.authorization_store import SignInAttempt
from app.domain.oidc import IdentityProvider
from app.errors import NotFound, SignInStopped
from app.web.answers import Answer
from app.web.browser import browser_of, remember_browser
from app.web.pages import redirect
from app.web.sign_in_answers import read_answer
from app.web.state import State

CALLBACK_PATH: Final = "/console/oidc/callback"


async def start(request: Request[State]) -> Answer:
    """GET: to the identity provider, and to the page of the console that `next` names afterwards."""
    state, provider, browser = request.state, _provider(request), browser_of(request)
    now = state["now"]()
    attempt = SignInAttempt(
        browser_digest=browser.digest,
        transaction="",
        grant_id="",
        again=False,
        started_at=int(now.timestamp()),
        console_page=sign_in.own_page(request.query_params.get("next", "")),
    )
    randomness = state["context"].randomness
    url = await oidc.begin(provider, state["users"], randomness, attempt, browser_secret=browser.secret, now=now)
    return redirect(url, headers=remember_browser(state["settings"], browser))


async def come_back(request: Request[State]) -> Answer:
    """GET of the redirect URI: the operator is signed in, or is told why not.

    There is no HEAD, which would use the `state` of a link up.
    """
    state, provider, browser = request.state, _provider(request), browser_of(request)
    answer, now = read_answer(request), state["now"]()
    attempt = await oidc.attempt_of(state["users"], answer, browser_digest=browser.digest, now=now, console=True)
    try:
        newcomer = await operator_sign_in.finish(
            provider,
            attempt,
            answer,
            role_claim=state["settings"].operator_oidc_role_claim,
            browser_secret=browser.secret,
            now=now,
        )
    except SignInStopped:
        return redirect(sign_in.sign_in_path(request, attempt.console_page, stopped=True))
    return await sign_in.begin(request, newcomer, attempt.console_page)


def _provider(request: Request[State]) -> IdentityProvider:
    """The identity provider of operators. Raises NotFound when there is none."""
    provider = request.state["operator_identity_provider"]
    if provider is None:
        raise NotFound("There is nothing at this address.")
    return provider


routes = [
    console_route(f"{SIGN_IN_PATH}/oidc", GET=start),
    replace(console_route(CALLBACK_PATH, GET=come_back), head=False),
]
