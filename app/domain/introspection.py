"""What a resource server learns about an access token (RFC 7662, RFC 9396 9.2).

Callers are the Client Objects of the registration that the token belongs to (ambiguities F12), and resource servers
with an operator key, which may ask about every registration. What is shown is what the token gives at this moment:
its scope and authorization details as far as its Grant still enables them, with relative dates turned into the dates
in effect. Two members are extensions of ours: `cds_grant_id` is the Grant that the token was issued under, and
`cds_opened_grant` shows what a grant admin token opens (CDS-WG1-02 3.3.2).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.admission import Admitted, admit
from app.domain.authorization_details_changes import resolve
from app.domain.context import Context
from app.domain.grant_details import Extent, overlap
from app.domain.grant_states import State, authorized_at, can_be_opened
from app.domain.token import REFUSED
from app.domain.tokens import ClientLogin, Inspected, NotIssued, TokenStore, subject_of
from app.errors import InvalidClient

INACTIVE: dict[str, Any] = {"active": False}
"""All that is told about a token that is not active (RFC 7662 2.2)."""

Entry = dict[str, Any]


async def introspect(
    context: Context,
    tokens: TokenStore,
    login: ClientLogin,
    access_token: str,
    *,
    now: datetime,
    admitted: Admitted,
) -> dict[str, Any]:
    """The introspection response. One round trip.

    Args:
        context: The server.
        tokens: The store of tokens.
        login: Who asks.
        access_token: The token as the caller sent it.
        now: When.
        admitted: Called when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says.
        StoreUnavailable: The store does not answer.
    """
    inspected = await tokens.inspect(login, context.access_tokens.reference_of(access_token, now=now) or "", now=now)
    if isinstance(inspected, NotIssued):
        raise InvalidClient(REFUSED)
    await admit(admitted)
    if inspected is None or inspected.grant is None:
        return INACTIVE
    return _described(context, inspected, inspected.grant)


async def introspect_any(context: Context, tokens: TokenStore, access_token: str, *, now: datetime) -> dict[str, Any]:
    """The introspection response for a resource server, which may ask about every registration. One round trip.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    inspected = await tokens.show(context.access_tokens.reference_of(access_token, now=now) or "", now=now)
    return _described(context, inspected, inspected.grant) if inspected and inspected.grant else INACTIVE


def _described(context: Context, inspected: Inspected, state: State) -> dict[str, Any]:
    facts, target, grant = inspected.facts, inspected.target, state.grant
    enabled = grant.enabled_scope.split()
    scope = [scope_id for scope_id in facts.scope.split() if scope_id in enabled]
    if facts.target_grant_id:
        scope = [one for one in scope if target is not None and can_be_opened(context.catalog, target.grant, one)]
    if not scope:
        return INACTIVE
    response: dict[str, Any] = {
        "active": True,
        "scope": " ".join(scope),
        "client_id": facts.client_id,
        "token_type": "bearer",
        "exp": facts.expires_at,
        "sub": subject_of(state) or facts.client_id,
        "aud": context.access_tokens.audience,
        "iss": context.settings.public_url,
        "cds_grant_id": grant.grant_id,
    }
    if facts.authorization_details:
        response["authorization_details"] = _details(context, facts.authorization_details, state, response["scope"])
    if target is not None:
        response["cds_opened_grant"] = _opened(context, target)
    return response


def _details(context: Context, issued: list[Entry], state: State, scope: str) -> list[Entry]:
    """The entries of a token as far as its Grant still enables them."""
    enabled = Extent(state.grant.enabled_scope, state.grant.enabled_authorization_details)
    if issued != enabled.details:
        issued = overlap(context.catalog, Extent(scope, issued), enabled, authorized_at(state)).details
    return _in_effect(context, issued, state)


def _opened(context: Context, state: State) -> dict[str, Any]:
    target = state.grant
    return {
        "grant_id": target.grant_id,
        "client_id": target.client_id,
        "scope": target.enabled_scope,
        "authorization_details": _in_effect(context, target.enabled_authorization_details, state),
    }


def _in_effect(context: Context, entries: Sequence[Entry], state: State) -> list[Entry]:
    timezone = ZoneInfo(context.catalog.server.timezone)
    return resolve(entries, scopes=context.catalog.scopes, authorized_at=authorized_at(state), timezone=timezone)
