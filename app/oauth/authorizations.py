"""A user's own page: what was authorized, receipts, and ending it (CDS-WG1-02 4.2, 8.2 `revoked`)."""

from typing import Any, Final

from starlette.requests import Request

from app.catalog import Catalog
from app.domain import user_authorizations
from app.domain.consent import day, scope_names
from app.domain.user_authorizations import Authorization
from app.oauth.sign_in import to_sign_in
from app.schemas.grants import GrantStatus
from app.web import sessions
from app.web.answers import Answer
from app.web.bodies import read_form
from app.web.browser import form_token, require_own_form
from app.web.pages import base_path, page, redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State

PATH: Final = "/oauth/authorizations"

_MAX_POSITION_DIGITS: Final = 18
_STATES: Final = {
    GrantStatus.ACTIVE: "Active",
    GrantStatus.FUTURE: "Not yet",
    GrantStatus.PENDING: "Being set up",
    GrantStatus.PARTIAL: "Active in part",
    GrantStatus.NEEDS_AUTHORIZATION: "Waits for you",
    GrantStatus.NEEDS_SUB_GRANTS: "Waits for others",
    GrantStatus.DISABLED: "Ended by the utility",
    GrantStatus.SUSPENDED: "Suspended",
    GrantStatus.REVOKED: "Ended by you",
    GrantStatus.CLOSED: "Ended by the application",
    GrantStatus.EXPIRED: "Expired",
    GrantStatus.DELAYED: "Active, data delayed",
    GrantStatus.STOPPED: "No new data",
    GrantStatus.ERRORED: "Being looked at",
}
"""The statuses of 8.2 as users read them."""


async def show(request: Request[State]) -> Answer:
    """GET of the list, most recent first."""
    state, signed_in = request.state, await sessions.current(request)
    if signed_in is None:
        return to_sign_in(request)
    before = _position(request.query_params.get("before", ""))
    context = state["context"]
    listing = await user_authorizations.listing(
        context, state["users"], signed_in.session, now=state["now"](), before=before
    )
    ended = request.query_params.get("ended", "")
    shown = [summary(context.catalog, one) for one in listing.authorizations]
    return page(
        state,
        "oauth/templates/authorizations.html",
        sandbox=signed_in.session.sandbox,
        user=signed_in,
        authorizations=shown,
        ended=next((one["name"] for one in shown if one["grant_id"] == ended and one["is_over"]), ""),
        next=listing.next,
        is_later_page=before is not None,
    )


async def ask_to_revoke(request: Request[State]) -> Answer:
    """GET of the page that asks once more."""
    state, grant_id = request.state, request.path_params["grant_id"]
    signed_in = await sessions.current(request)
    if signed_in is None:
        return to_sign_in(request, grant_id)
    context = state["context"]
    found = await user_authorizations.retrieve(context, signed_in.session, grant_id, now=state["now"]())
    if found.is_over:
        return _to_list(request, grant_id)
    return page(
        state,
        "oauth/templates/revoke.html",
        sandbox=signed_in.session.sandbox,
        user=signed_in,
        revoke_token=form_token(signed_in.handle, _purpose(grant_id)),
        **summary(context.catalog, found),
    )


async def revoke(request: Request[State]) -> Answer:
    """POST of that page."""
    state, grant_id = request.state, request.path_params["grant_id"]
    form, signed_in = await read_form(request), await sessions.current(request)
    if signed_in is None:
        return to_sign_in(request, grant_id)
    require_own_form(request, form, signed_in.handle, _purpose(grant_id))
    await user_authorizations.revoke(state["context"], signed_in.session, grant_id, now=state["now"]())
    return _to_list(request, grant_id)


def summary(catalog: Catalog, one: Authorization) -> dict[str, Any]:
    """What the pages say about an authorization."""
    grant = one.grant
    return {
        "grant_id": grant.grant_id,
        "name": one.client.client_name,
        "scopes": scope_names(catalog, grant.scope),
        "state": _STATES[grant.status],
        "is_over": one.is_over,
        "created": day(one.authorized_at, catalog),
        "expires": day(grant.expires, catalog) if grant.expires else "",
    }


def _to_list(request: Request[State], grant_id: str) -> Answer:
    return redirect(f"{base_path(request.state)}{PATH}?ended={grant_id}")


def _purpose(grant_id: str) -> str:
    return f"revoke {grant_id}"


def _position(text: str) -> int | None:
    """The place in the list that a link of ours names; anything else is its beginning."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_POSITION_DIGITS else None


routes = [
    Route(PATH, {"GET": show}, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    Route(
        f"{PATH}/{{grant_id}}/revoke",
        {"GET": ask_to_revoke, "POST": revoke},
        errors=ErrorStyle.PAGE,
        limit=Limit.ANONYMOUS,
    ),
]
