"""To the identity provider, and back to the step of a single sign-on.

The way back is `/oauth/oidc/callback`, as for everybody who signs in with the provider, because that is the one address
that the provider knows. Signing in does nothing else: the step is taken on our own page afterwards, which says whose
account is about to be connected with what, so that a link from somebody else cannot do it behind one's back.
"""

from typing import Final

from starlette.requests import Request

from app.domain import oidc
from app.domain.authorization_store import SignInAttempt, UserSession
from app.errors import NotFound, SignInFailed
from app.onboarding import visits
from app.onboarding.visits import Visit
from app.web import sessions
from app.web.answers import Answer
from app.web.pages import base_path, redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.sessions import SignedIn
from app.web.state import State

AGAIN: Final = "again"
"""In the query of the way to the provider: the user wants to choose another account."""


async def start(request: Request[State]) -> Answer:
    """GET: to the identity provider, and to the page of the step afterwards."""
    visit, state = await visits.arrive(request), request.state
    provider = state["identity_provider"]
    if provider is None or visit.step.field.type != "sso_verification":
        raise NotFound("There is nothing to sign in for here.")
    now = visit.access.now
    attempt = SignInAttempt(
        browser_digest=visit.browser.digest,
        transaction="",
        grant_id="",
        again=AGAIN in request.query_params,
        started_at=int(now.timestamp()),
        onboarding=visit.path,
    )
    try:
        url = await oidc.begin(
            provider,
            state["users"],
            visit.context.randomness,
            attempt,
            browser_secret=visit.browser.secret,
            now=now,
        )
    except SignInFailed as error:
        error.way_on = visit.action
        raise
    return redirect(url, headers=visit.headers)


def start_path(visit: Visit, *, again: bool = False) -> str:
    """The path where the way to the provider begins."""
    path = f"{base_path(visit.request.state)}/onboarding/{visit.message_id}/sign-in?{visits.KEY}={visit.key}"
    return f"{path}&{AGAIN}" if again else path


async def customer(request: Request[State]) -> SignedIn | None:
    """Whoever has signed in with the provider in this browser; test accounts are made up, so they do not count."""
    signed_in = await sessions.current(request)
    return signed_in if signed_in and _is_vouched_for(signed_in.session) else None


def _is_vouched_for(session: UserSession) -> bool:
    return not session.sandbox


routes = [Route(f"{visits.PATH}/sign-in", {"GET": start}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)]
