"""Signing in and out: with a test account here, with the utility's identity provider elsewhere.

The page of an authorization request offers what fits its Client Object: test accounts for a sandbox one, the identity
provider for a production one (ambiguities F8). The page by itself, which leads to a user's own authorizations, offers
both. `/oauth/authorize/{transaction}/oidc` and `/oauth/sign-in/oidc` are where the way to the identity provider begins.
"""

from typing import Final

from starlette.requests import Request

from app.crypto.tokens import Handle, local_id, registration_of_handle
from app.domain.users import User, limit_key, sign_in_with_test_account
from app.errors import InvalidRequest, WrongLogin
from app.oauth import visits
from app.oauth.visits import Visit
from app.web import sessions
from app.web.access import address_of
from app.web.answers import Answer
from app.web.bodies import read_form
from app.web.browser import Browser, browser_of, form_token, remember_browser, require_own_form
from app.web.pages import Policy, base_path, page, redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State

SIGN_IN: Final = "sign in"
DECLINE: Final = "decline"
SIGN_IN_PATH: Final = "/oauth/sign-in"
STOPPED: Final = "stopped"
"""In the query of a sign-in page: the user has come back from the identity provider without having signed in."""

_STOPPED: Final = "You have not been signed in, and nothing has been shared. Try again if you like."
_TEMPLATE: Final = "oauth/templates/sign_in.html"


async def sign_in_for_request(request: Request[State]) -> Answer:
    """POST of the sign-in form of an authorization request."""
    visit = await visits.arrive(request)
    form = await read_form(request)
    require_own_form(request, form, visit.secret(SIGN_IN), visit.purpose(SIGN_IN))
    if not visit.sandbox:
        raise InvalidRequest("Test accounts are for applications in the sandbox.")
    try:
        user = await _user(request, form)
    except WrongLogin as error:
        return for_request(request, visit, failure=error.description, username=form.get("username", ""))
    return await visits.signed_in(request, visit.handle, user)


def for_request(request: Request[State], visit: Visit, *, failure: str = "", username: str = "") -> Answer:
    """The sign-in page of an authorization request. Whoever does not want to sign in can decline right there."""
    state = request.state
    return page(
        state,
        _TEMPLATE,
        status=WrongLogin.status if failure else 200,
        policy=Policy(forms=form_targets(visit.transaction.request.redirect_uri)),
        headers=visit.headers,
        sandbox=visit.sandbox,
        asker=visit.client.client_name,
        action=visits.path_of(state, visit.handle, "sign-in"),
        decision=visits.path_of(state, visit.handle, "decision"),
        form_token=visit.token(SIGN_IN),
        decline_token=visit.token(DECLINE),
        oidc=visits.path_of(state, visit.handle, "oidc") if not visit.sandbox and _has_oidc(state) else "",
        has_test_accounts=visit.sandbox,
        failure=failure,
        stopped=_stopped(request),
        username=username,
        grant_id="",
    )


async def show_sign_in(request: Request[State]) -> Answer:
    """GET of the sign-in page by itself; `grant_id` names the receipt that is to be shown afterwards."""
    return _by_itself(request, browser_of(request), grant_id_of(request))


async def sign_in(request: Request[State]) -> Answer:
    """POST of the sign-in form by itself."""
    form, browser = await read_form(request), browser_of(request)
    require_own_form(request, form, browser.secret, SIGN_IN)
    grant_id = _grant_id(form.get("grant_id", ""))
    try:
        user = await _user(request, form)
    except WrongLogin as error:
        return _by_itself(request, browser, grant_id, failure=error.description, username=form.get("username", ""))
    return await signed_in(request, grant_id, user)


async def signed_in(request: Request[State], grant_id: str, user: User) -> Answer:
    """Sign a user in who then sees the receipt of a Grant, or all authorizations when `grant_id` is empty."""
    cookie = await sessions.begin(request, user)
    own = f"/oauth/receipt?grant_id={_grant_id(grant_id)}" if _grant_id(grant_id) else "/oauth/authorizations"
    return redirect(base_path(request.state) + own, headers=[cookie])


def grant_id_of(request: Request[State]) -> str:
    """The Grant that the query of a sign-in page names, or nothing."""
    return _grant_id(request.query_params.get("grant_id", ""))


def path_by_itself(state: State, grant_id: str = "", *, below: str = "", stopped: bool = False) -> str:
    """The path of the sign-in page by itself, or of something below it."""
    query = [f"grant_id={grant_id}"] if _grant_id(grant_id) else []
    query += [STOPPED] if stopped else []
    return base_path(state) + SIGN_IN_PATH + below + ("?" + "&".join(query) if query else "")


def to_sign_in(request: Request[State], grant_id: str = "") -> Answer:
    """Send a user to the sign-in page, and on to the receipt of a Grant afterwards."""
    return redirect(path_by_itself(request.state, grant_id))


async def sign_out(request: Request[State]) -> Answer:
    """POST of the sign-out form: on to the sign-in page of the authorization request that it was sent from, if any."""
    form = await read_form(request)
    cookie = await sessions.end(request, form)
    handle = form.get("transaction", "")
    if registration_of_handle(Handle.TRANSACTION, handle):
        return redirect(visits.path_of(request.state, handle), headers=[cookie])
    return redirect(base_path(request.state) + SIGN_IN_PATH, headers=[cookie])


def form_targets(redirect_uri: str) -> str:
    """Where a form may lead that ends at a Client, for the policy of its page.

    The redirect URI is https, or http of this machine. From there a Client may lead on to wherever it wants, and
    browsers hold that to the policy too; so every https address is allowed.
    """
    if redirect_uri.startswith("http:"):
        # An address in brackets cannot be written in a policy, so it is the scheme alone.
        return "https: http:"
    return "https:"


def _by_itself(
    request: Request[State], browser: Browser, grant_id: str, *, failure: str = "", username: str = ""
) -> Answer:
    state = request.state
    accounts = state["context"].catalog.test_accounts
    return page(
        state,
        _TEMPLATE,
        status=WrongLogin.status if failure else 200,
        headers=remember_browser(state["settings"], browser),
        sandbox=bool(accounts) and not _has_oidc(state),
        asker="",
        action=base_path(state) + SIGN_IN_PATH,
        form_token=form_token(browser.secret, SIGN_IN),
        decline_token="",
        oidc=path_by_itself(state, grant_id, below="/oidc") if _has_oidc(state) else "",
        has_test_accounts=bool(accounts),
        failure=failure,
        stopped=_stopped(request),
        username=username,
        grant_id=grant_id,
    )


async def _user(request: Request[State], form: dict[str, str]) -> User:
    """The test account of a form. Failures count against the address and against the username.

    An attempt is spent before the password is looked at and given back when that is right, so that of many attempts at
    once no more are looked at than may fail.

    Raises:
        WrongLogin: There is no such account.
        TooManyRequests: There have been too many failures.
    """
    failures = request.state["limiters"].failed_auth
    username = form.get("username", "")
    keys = (address_of(request), limit_key(username))
    for key in keys:
        await failures.spend(key)
    user = sign_in_with_test_account(request.state["context"].catalog, username, form.get("password", ""))
    for key in keys:
        failures.give_back(key)
    return user


def _grant_id(text: str) -> str:
    return text if local_id(text) else ""


def _has_oidc(state: State) -> bool:
    return state["identity_provider"] is not None


def _stopped(request: Request[State]) -> str:
    return _STOPPED if STOPPED in request.query_params else ""


routes = [
    Route(
        "/oauth/authorize/{transaction}/sign-in",
        {"POST": sign_in_for_request},
        errors=ErrorStyle.PAGE,
        limit=Limit.ANONYMOUS,
    ),
    Route(SIGN_IN_PATH, {"GET": show_sign_in, "POST": sign_in}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    Route("/oauth/sign-out", {"POST": sign_out}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
]
