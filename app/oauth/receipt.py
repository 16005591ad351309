"""The redirect URI that every Client Object has from the start: a receipt for the user, or the error (CDS-WG1-02 4.2).

It gets what any redirect URI gets. The code in it is only looked at, and the browser is sent on to an address without
it, which the user can print, keep and come back to.
"""

from typing import Final

from starlette.requests import Request

from app.domain import user_authorizations
from app.domain.consent import day_and_time, in_words
from app.oauth.authorizations import PATH as AUTHORIZATIONS_PATH
from app.oauth.authorizations import summary
from app.oauth.sign_in import to_sign_in
from app.web import sessions
from app.web.answers import Answer
from app.web.pages import base_path, page, redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.sessions import SignedIn
from app.web.state import State

PATH: Final = "/oauth/receipt"

_DECLINED: Final = (
    "You declined",
    ("Nothing has been shared, and the application has been told.", "You can close this page."),
)
_TOO_LATE: Final = (
    "Your answer has been noted",
    ("The receipt is among your authorizations, where you can also end the access at any time.",),
)
_FAILED: Final = "That did not work"
_NOTHING_SHARED: Final = "Nothing has been shared. You can go back to the application and try again."
_CAUSES: Final = {
    "server_error": "Something went wrong on our side.",
    "temporarily_unavailable": "We could not answer at that moment.",
    "invalid_scope": "The application asked for something that it may not ask for.",
    "invalid_authorization_details": "The application asked for something that it may not ask for.",
    "cds_grant_id_invalid_value": "The application asked about an authorization that does not wait for anybody.",
    "cds_grant_id_invalid_user": "The application asked about an authorization that is not yours.",
}
"""By the `error` of a redirect. Its `error_description` is never shown: whoever makes a link could write anything."""


async def show(request: Request[State]) -> Answer:
    """GET with the parameters of an authorization response, or with the `grant_id` of a receipt."""
    parameters = request.query_params
    if error := parameters.get("error"):
        return _error(request, error, await sessions.current(request))
    if code := parameters.get("code"):
        return await _without_code(request, code)
    grant_id = parameters.get("grant_id")
    if not grant_id:
        return redirect(base_path(request.state) + AUTHORIZATIONS_PATH)
    signed_in = await sessions.current(request)
    if signed_in is None:
        return to_sign_in(request, grant_id)
    return await _receipt(request, grant_id, signed_in)


async def _without_code(request: Request[State], code: str) -> Answer:
    state = request.state
    facts = await state["authorizations"].code(code, now=state["now"]())
    if facts is None:
        heading, texts = _TOO_LATE
        link = ("Your authorizations", AUTHORIZATIONS_PATH)
        return page(state, "oauth/templates/notice.html", heading=heading, texts=texts, link=link)
    return redirect(f"{base_path(state)}{PATH}?grant_id={facts.grant_id}")


async def _receipt(request: Request[State], grant_id: str, signed_in: SignedIn) -> Answer:
    state = request.state
    catalog = state["context"].catalog
    found = await user_authorizations.retrieve(state["context"], signed_in.session, grant_id, now=state["now"]())
    grant = found.grant
    about = summary(catalog, found) | {"created": day_and_time(found.authorized_at, catalog)}
    return page(
        state,
        "oauth/templates/receipt.html",
        sandbox=signed_in.session.sandbox,
        user=signed_in,
        codes=grant.receipt_confirmations,
        parts=in_words(catalog, grant.scope, grant.authorization_details, authorized_at=found.authorized_at),
        **about,
    )


def _error(request: Request[State], error: str, signed_in: SignedIn | None) -> Answer:
    if error == "access_denied":
        heading, texts = _DECLINED
    else:
        heading, texts = _FAILED, (*((_CAUSES[error],) if error in _CAUSES else ()), _NOTHING_SHARED)
    return page(
        request.state,
        "oauth/templates/notice.html",
        user=signed_in,
        sandbox=bool(signed_in and signed_in.session.sandbox),
        heading=heading,
        texts=texts,
        link=None,
    )


routes = [Route(PATH, {"GET": show}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS)]
