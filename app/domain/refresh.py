"""Refresh tokens: exchanged for the next one, described, given back (RFC 6749 6, RFC 7009, RFC 7662, RFC 9700 4.14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.admission import Admitted, admit
from app.domain.context import Context
from app.domain.grant_writing import state_of
from app.domain.introspection import INACTIVE
from app.domain.revocation import FOREIGN
from app.domain.token import REFUSED
from app.domain.token_requests import REFRESH_TOKEN
from app.domain.tokens import ClientLogin, Login, Revocation, subject_of
from app.domain.user_access import (
    ATTEMPTS,
    Admission,
    Asked,
    UserAccess,
    granted,
    issued,
    new_tokens,
    read_asked,
    require_caller,
    require_known,
)
from app.domain.user_tokens import NotExchanged, UserTokenStore
from app.errors import InvalidClient, InvalidGrant, InvalidRequest, StoreUnavailable

_COPIED = "A refresh token was used that had been exchanged before; its successors and access tokens have been ended."
_UNKNOWN = "The refresh_token is unknown, expired, revoked or used, or it was issued to another Client Object."


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A token request with a refresh token."""

    refresh_token: str
    asked: Asked


def read(form: Mapping[str, str]) -> RefreshRequest:
    """The form parameters of such a request.

    Raises:
        InvalidRequest: There is no refresh_token.
        InvalidScope: The scope is longer than anybody needs.
        InvalidAuthorizationDetails: They are not a JSON array of objects with a type.
    """
    refresh_token = form.get("refresh_token")
    if refresh_token is None:
        raise InvalidRequest("refresh_token is required.", field="refresh_token")
    return RefreshRequest(refresh_token, read_asked(form, with_scope=True))


async def refresh(
    context: Context,
    store: UserTokenStore,
    login: Login,
    request: RefreshRequest,
    *,
    now: datetime,
    admitted: Admitted,
) -> UserAccess:
    """Exchange a refresh token for an access token and the next refresh token. Two round trips.

    One that was exchanged before has been copied by somebody, and it cannot be told who is the thief: all that came of
    it is ended.

    A narrower scope holds for the access token alone; the next refresh token is good for all that the Grant gives.

    Args:
        context: The server.
        store: The store of refresh tokens.
        login: Who asks.
        request: What it presents.
        now: When.
        admitted: Called once when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says, or it is disabled.
        UnauthorizedClient: It gets no tokens with refresh tokens.
        InvalidGrant: The refresh token is not, or no longer, one of the caller's; or its Grant gives no access.
        InvalidScope, InvalidAuthorizationDetails: The request asks for more than the Grant gives.
        StoreUnavailable: The store does not answer, or something changes all the time.
    """
    admission = Admission(login, admitted)
    for _ in range(ATTEMPTS):
        presented = await store.look_at_refresh_token(login, request.refresh_token, now=now)
        if presented is None:
            raise InvalidClient(REFUSED)
        require_caller(login, presented.client.object, REFRESH_TOKEN)
        await admission.authenticated()
        if presented.facts is None or presented.grant is None or presented.facts.client_id != login.client_id:
            raise InvalidGrant(_UNKNOWN, field="refresh_token")
        await admission.presented()
        if presented.is_copy:
            await store.give_back(login, request.refresh_token, now=now)
            raise InvalidGrant(_UNKNOWN, field="refresh_token", detail=_COPIED)
        new = new_tokens(context, presented, presented.grant, request.asked, now=now, first=False)
        outcome = await store.rotate(login, request.refresh_token, presented, new, now=now)
        if not isinstance(outcome, NotExchanged):
            return issued(context, presented.grant, new, outcome, now=now)
        if outcome is NotExchanged.REFUSED:
            raise InvalidClient(REFUSED)
        if outcome is not NotExchanged.CHANGED:
            copied = _COPIED if outcome is NotExchanged.REPLAYED else None
            raise InvalidGrant(_UNKNOWN, field="refresh_token", detail=copied)
    raise StoreUnavailable("The Grant for this refresh_token changes too often right now; try again.")


async def describe(
    context: Context,
    store: UserTokenStore,
    login: ClientLogin,
    refresh_token: str,
    *,
    now: datetime,
    admitted: Admitted,
) -> dict[str, Any]:
    """The introspection response for a refresh token. One round trip.

    It is active for the Client Object alone that holds it, and says that it is no access token: a resource server must
    not take it for one. What it shows is what an access token would be issued for now.

    Args:
        context: The server.
        store: The store of refresh tokens.
        login: Who asks.
        refresh_token: The token as the caller sent it.
        now: When.
        admitted: Called when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says.
        StoreUnavailable: The store does not answer.
    """
    presented = await store.look_at_refresh_token(login, refresh_token, now=now)
    if presented is None:
        raise InvalidClient(REFUSED)
    await admit(admitted)
    facts, grant = presented.facts, presented.grant
    if facts is None or grant is None or presented.is_copy or facts.client_id != login.client_id:
        return INACTIVE
    try:
        extent = granted(presented.client.object, grant)
    except InvalidGrant:
        return INACTIVE
    described = {
        "active": True,
        "token_use": "refresh_token",
        "scope": extent.scope,
        "client_id": facts.client_id,
        "exp": facts.expires_at,
        "sub": subject_of(state_of(grant)) or facts.client_id,
        "iss": context.settings.public_url,
        "cds_grant_id": grant.object.grant_id,
    }
    return described | ({"authorization_details": extent.details} if extent.details else {})


async def give_back(
    store: UserTokenStore,
    login: Login,
    refresh_token: str,
    *,
    now: datetime,
    admitted: Admitted,
) -> None:
    """End a refresh token, all that it would be exchanged for, and the access tokens of its Grant. Two round trips.

    The Grant stays as it is (ambiguities E15).

    Args:
        store: The store of refresh tokens.
        login: Who asks.
        refresh_token: The token as the caller sent it.
        now: When.
        admitted: Called once when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says.
        InvalidRequest: The token belongs to another Client Object (RFC 7009 2.1); it goes on working.
        StoreUnavailable: The store does not answer, so the token may still work.
    """
    admission = Admission(login, admitted)
    presented = await store.look_at_refresh_token(login, refresh_token, now=now)
    if presented is None:
        raise InvalidClient(REFUSED)
    require_known(login, presented.client.object)
    await admission.authenticated()
    outcome = await store.give_back(login, refresh_token, now=now)
    if outcome is Revocation.REFUSED:
        raise InvalidClient(REFUSED)
    if outcome is Revocation.FOREIGN:
        raise InvalidRequest(FOREIGN, field="token")
    if outcome is Revocation.DELETED:
        await admission.presented()
