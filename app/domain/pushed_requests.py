"""Pushed authorization requests (RFC 9126): checked when they come, kept for a moment, used once.

`cds_grant_id` is only read here and evaluated when the request is used (ambiguities F4).
"""

from datetime import datetime
from typing import Final, NamedTuple

from app.crypto.tokens import Handle, registration_of_handle
from app.domain.admission import Admitted, admit
from app.domain.authorization_parameters import Parameters
from app.domain.authorization_requests import Submitted, check, prove
from app.domain.authorization_store import REQUEST_URI_PREFIX, AuthorizationStore, PushedRequest
from app.domain.context import Context
from app.domain.token import REFUSED
from app.domain.tokens import Login
from app.domain.user_access import require_known
from app.domain.user_tokens import UserTokenStore
from app.errors import InvalidClient
from app.schemas.clients import ClientStatus

TTL_SECONDS: Final = 90
"""How long a `request_uri` can be used (ambiguities F14)."""


class Pushed(NamedTuple):
    """The answer to a request that was pushed."""

    request_uri: str
    expires_in_seconds: int


async def push(
    context: Context,
    authorizations: AuthorizationStore,
    user_tokens: UserTokenStore,
    login: Login,
    parameters: Parameters,
    *,
    now: datetime,
    admitted: Admitted,
) -> Pushed:
    """Authenticate a Client Object, check its request and keep it. Two round trips.

    Args:
        context: The server.
        authorizations: Where it is kept.
        user_tokens: Knows who calls.
        login: Who says that it calls.
        parameters: What it sent.
        now: When.
        admitted: Called when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The caller is not who it says, or is disabled.
        UnauthorizedClient: Users do not authorize this Client Object.
        InvalidRequest, UnsupportedResponseType, InvalidScope, InvalidAuthorizationDetails, RequestNotSupported: The
            request would be refused at the authorization endpoint.

    Source: RFC 9126 2.1, 2.2.
    """
    client = await user_tokens.client_of(login, now=now)
    if client is None:
        raise InvalidClient(REFUSED)
    require_known(login, client.object)
    if client.object.cds_status is ClientStatus.DISABLED:
        raise InvalidClient(REFUSED)
    await admit(admitted)
    submitted = Submitted(context, client.object, parameters.with_client(login.client_id), now)
    prove(submitted)
    check(submitted)
    handle = context.randomness.handle(Handle.PUSHED_REQUEST, login.registration_id)
    request = PushedRequest(client_id=login.client_id, parameters=list(submitted.parameters.understood().pairs))
    await authorizations.push(handle, request, now=now, ttl_seconds=TTL_SECONDS)
    return Pushed(REQUEST_URI_PREFIX + handle, TTL_SECONDS)


def handle_of(request_uri: str, registration_id: str) -> str | None:
    """The handle in a `request_uri`; None when it is none of ours, or was not pushed by this registration."""
    handle = request_uri.removeprefix(REQUEST_URI_PREFIX)
    is_ours = handle != request_uri and registration_of_handle(Handle.PUSHED_REQUEST, handle) == registration_id
    return handle if is_ours else None
