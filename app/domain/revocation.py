"""A Client gives an access token back (RFC 7009). Its Grant stays as it is (ambiguities E15)."""

from datetime import datetime

from app.domain.admission import Admitted, admit
from app.domain.context import Context
from app.domain.records import Access, Wanted
from app.domain.token import REFUSED
from app.domain.tokens import ClientLogin, Login, Revocation, TokenStore
from app.domain.user_access import require_known
from app.errors import InvalidClient, InvalidRequest
from app.schemas.clients import Client

FOREIGN = "token was issued to another Client Object; only that one can revoke it."


async def revoke(
    context: Context,
    tokens: TokenStore,
    login: Login,
    access_token: str,
    *,
    now: datetime,
    admitted: Admitted,
) -> None:
    """Forget an access token of this Client Object; unknown and dead ones need nothing.

    One round trip, two for a caller without a secret.

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
    if not isinstance(login, ClientLogin):
        await _require_public(context, login, now)
    reference = context.access_tokens.reference_of(access_token, now=now) or ""
    outcome = await tokens.revoke(login, reference, now=now)
    if outcome is Revocation.REFUSED:
        raise InvalidClient(REFUSED)
    if outcome is Revocation.DELETED or isinstance(login, ClientLogin):
        await admit(admitted)
    if outcome is Revocation.FOREIGN:
        raise InvalidRequest(FOREIGN, field="token")


async def _require_public(context: Context, login: Login, now: datetime) -> None:
    """Refuse a caller without a secret that is no Client Object, or one with a secret."""
    (client,) = await context.records.load(Access(login.registration_id, now), Wanted(Client, login.client_id))
    if client is None:
        raise InvalidClient(REFUSED)
    require_known(login, client.object)
