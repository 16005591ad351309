"""A Client gives an access token back (RFC 7009). Its Grant stays as it is (ambiguities E15)."""

from collections.abc import Callable
from datetime import datetime

from app.domain.context import Context
from app.domain.token import REFUSED
from app.domain.tokens import ClientLogin, Revocation, TokenStore
from app.errors import InvalidClient, InvalidRequest


async def revoke(
    context: Context,
    tokens: TokenStore,
    login: ClientLogin,
    access_token: str,
    *,
    now: datetime,
    admitted: Callable[[], None],
) -> None:
    """Forget an access token of this Client Object; unknown and dead ones need nothing. One round trip.

    Args:
        context: The server.
        tokens: The store of tokens.
        login: Who asks.
        access_token: The token as the caller sent it.
        now: When.
        admitted: Called when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says.
        InvalidRequest: The token belongs to another Client Object (RFC 7009 2.1); it goes on working.
        StoreUnavailable: The store does not answer, so the token may still work.
    """
    reference = context.access_tokens.reference_of(access_token, now=now) or ""
    outcome = await tokens.revoke(login, reference, now=now)
    if outcome is Revocation.REFUSED:
        raise InvalidClient(REFUSED)
    admitted()
    if outcome is Revocation.FOREIGN:
        raise InvalidRequest("token was issued to another Client Object; only that one can revoke it.", field="token")
