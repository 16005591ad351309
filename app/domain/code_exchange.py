"""An authorization code becomes tokens, once (RFC 6749 4.1.3, RFC 7636 4.5 and 4.6, RFC 9700 4.5 and 4.8).

What comes with a code is checked before it is used up: whoever has copied one and lacks the rest cannot spoil it for
its owner, nor end what its owner got for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.admission import Admitted
from app.domain.context import Context
from app.domain.pkce import is_answered
from app.domain.records import CodeFacts
from app.domain.token import REFUSED
from app.domain.token_requests import AUTHORIZATION_CODE
from app.domain.tokens import ClientLogin, Login
from app.domain.user_access import (
    ATTEMPTS,
    Admission,
    Asked,
    UserAccess,
    issued,
    new_tokens,
    read_asked,
    require_caller,
)
from app.domain.user_tokens import NotExchanged, UserTokenStore
from app.errors import InvalidClient, InvalidGrant, InvalidRequest, StoreUnavailable

_COPIED = "A code was used twice; the tokens that it was exchanged for have been ended."
_UNKNOWN = "The code is unknown, expired or used, or it was issued to another Client Object."


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A token request with an authorization code."""

    code: str
    redirect_uri: str | None
    code_verifier: str | None
    asked: Asked


def read(form: Mapping[str, str]) -> CodeRequest:
    """The form parameters of such a request.

    Raises:
        InvalidRequest: There is no code.
        InvalidAuthorizationDetails: They are not a JSON array of objects with a type.
    """
    code = form.get("code")
    if code is None:
        raise InvalidRequest("code is required.", field="code")
    return CodeRequest(code, form.get("redirect_uri"), form.get("code_verifier"), read_asked(form, with_scope=False))


async def exchange(
    context: Context,
    store: UserTokenStore,
    login: Login,
    request: CodeRequest,
    *,
    now: datetime,
    admitted: Admitted,
) -> UserAccess:
    """Exchange a code for an access token, and for a refresh token if the Client Object may have one. Two round trips.

    Args:
        context: The server.
        store: The store of codes.
        login: Who asks.
        request: What it presents.
        now: When.
        admitted: Called once when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says, or it is disabled.
        UnauthorizedClient: It gets no tokens with codes.
        InvalidGrant: The code, or what has to come with it, is not right; or its Grant gives no access.
        InvalidAuthorizationDetails: The request asks for more than the Grant gives.
        StoreUnavailable: The store does not answer, or something changes all the time.
    """
    admission = Admission(login, admitted)
    for _ in range(ATTEMPTS):
        presented = await store.look_at_code(login, request.code, now=now)
        if presented is None:
            raise InvalidClient(REFUSED)
        require_caller(login, presented.client.object, AUTHORIZATION_CODE)
        await admission.authenticated()
        if presented.facts is None or presented.grant is None or presented.facts.client_id != login.client_id:
            raise InvalidGrant(_UNKNOWN, field="code")
        _require_bound(presented.facts, request, login)
        await admission.presented()
        if presented.is_copy:
            await store.end_copied_code(login, request.code, now=now)
            raise InvalidGrant(_UNKNOWN, field="code", detail=_COPIED)
        new = new_tokens(context, presented, presented.grant, request.asked, now=now, first=True)
        outcome = await store.redeem(login, request.code, presented, new, now=now)
        if outcome is None:
            return issued(context, presented.grant, new, new.refresh_token, now=now)
        if outcome is NotExchanged.REFUSED:
            raise InvalidClient(REFUSED)
        if outcome is not NotExchanged.CHANGED:
            copied = _COPIED if outcome is NotExchanged.REPLAYED else None
            raise InvalidGrant(_UNKNOWN, field="code", detail=copied)
    raise StoreUnavailable("The Grant for this code changes too often right now; try again.")


def _require_bound(facts: CodeFacts, request: CodeRequest, login: Login) -> None:
    """Refuse a code without what its authorization request promised. Raises InvalidGrant."""
    is_repeated = request.redirect_uri == facts.redirect_uri
    if not is_repeated and (facts.redirect_uri_sent or request.redirect_uri is not None):
        raise InvalidGrant("redirect_uri must be the one of the authorization request.", field="redirect_uri")
    if facts.code_challenge is None:
        _refuse_downgrade(request, login)
    elif request.code_verifier is None or not is_answered(facts.code_challenge, request.code_verifier):
        raise InvalidGrant(
            "code_verifier must be the one whose S256 hash the authorization request had.", field="code_verifier"
        )


def _refuse_downgrade(request: CodeRequest, login: Login) -> None:
    """A request without a challenge may have been stripped of it on its way (RFC 9700 4.8.2)."""
    if request.code_verifier is not None:
        raise InvalidGrant("The authorization request had no code_challenge to verify.", field="code_verifier")
    if not isinstance(login, ClientLogin):
        raise InvalidGrant("A Client Object without a secret needs a code_challenge.", field="code_verifier")
