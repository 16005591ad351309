"""How an authorization request begins: read what it rests on, check it, and let its user decide (RFC 6749 4.1.1).

Source: RFC 9126 4; CDS-WG1-02 8.3; ambiguities F4 to F7.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from app.crypto.tokens import Handle, local_id
from app.domain.authorization_answers import failure
from app.domain.authorization_parameters import CLIENT_ID, GRANT_ID, REDIRECT_URI, REQUEST_URI, STATE, Parameters
from app.domain.authorization_requests import CODE, LOGIN, Submitted, check, prove
from app.domain.authorization_store import AuthorizationRequest, AuthorizationStore, PushedRequest, Transaction
from app.domain.context import Context
from app.domain.grant_authorizations import require_waiting
from app.domain.grant_changes import published
from app.domain.grant_details import Extent
from app.domain.pushed_requests import handle_of
from app.domain.records import Access, Stored, Wanted
from app.errors import InvalidRequest, InvalidRequestUri, Refusal, UnauthorizedClient
from app.schemas.clients import Client
from app.schemas.grants import Grant
from app.schemas.registrations import Registration, RegistrationStatus

_UNKNOWN: Final = "client_id must be that of a client of this server."
_USED: Final = "request_uri must be one that this client has pushed within the last 90 seconds and not used yet."

TRANSACTION_TTL_SECONDS: Final = 1800
"""How long a user may take to sign in and decide."""


class Begun(NamedTuple):
    """A request that its user has to decide about now: the handle of the transaction."""

    client_id: str
    handle: str


class SentBack(NamedTuple):
    """A request that its Client has to correct: the redirect URI with the error."""

    client_id: str
    url: str


@dataclass(frozen=True, slots=True)
class _Received:
    """A request with what it rests on, as it was read."""

    submitted: Submitted
    registration_id: str
    grant: Stored[Grant] | None


async def begin(
    context: Context, authorizations: AuthorizationStore, parameters: Parameters, *, now: datetime
) -> Begun | SentBack:
    """Begin with an authorization request. Two round trips, and one more for a Grant named in a pushed request.

    Raises:
        InvalidRequest, InvalidRequestUri, UnauthorizedClient: It is not certain that there is a Client to send the
            browser back to, so this is for the user to see.

    Source: RFC 6749 4.1.1, 4.1.2.1; CDS-WG1-02 8.3.
    """
    received = await _receive(context, authorizations, parameters, now)
    submitted = received.submitted
    client_id = submitted.client.client_id
    prove(submitted)
    try:
        check(submitted)
        request = _accepted(received)
    except Refusal as refusal:
        state = submitted.parameters.only(STATE)
        return SentBack(client_id, failure(context.settings.public_url, submitted.redirect_uri, state, refusal))
    handle = context.randomness.handle(Handle.TRANSACTION, received.registration_id)
    await authorizations.begin(handle, _transaction(request, now), now=now, ttl_seconds=TRANSACTION_TTL_SECONDS)
    return Begun(client_id, handle)


async def _receive(
    context: Context, authorizations: AuthorizationStore, parameters: Parameters, now: datetime
) -> _Received:
    """Read what a request rests on; of one that was pushed only what was pushed counts (RFC 9126 4, RFC 9101 6.3).

    Raises:
        InvalidRequest: There is no such Client Object.
        InvalidRequestUri: There is no such pushed request of this Client Object, or it was used before.
        UnauthorizedClient: The registration is suspended.
    """
    client_id = parameters.only(CLIENT_ID) or ""
    parts = local_id(client_id)
    if parts is None or not parts.local.isdigit():
        raise InvalidRequest(_UNKNOWN)
    access = Access(parts.registration_id, now)
    wanted = [Wanted(Client, client_id), Wanted(Registration, parts.registration_id)]
    request_uri = parameters.only(REQUEST_URI)
    if request_uri is None:
        client, registration, *grants = await context.records.load(access, *wanted, *_grants(parameters))
    else:
        handle = handle_of(request_uri, parts.registration_id)
        if handle is None:
            raise InvalidRequestUri(_USED)
        pushed, (client, registration) = await asyncio.gather(
            authorizations.take_pushed(handle, now=now), context.records.load(access, *wanted)
        )
        parameters = _pushed_parameters(pushed, client_id)
        named = _grants(parameters)
        grants = await context.records.load(access, *named) if named else []
    if client is None or registration is None:
        raise InvalidRequest(_UNKNOWN)
    if registration.object.status is not RegistrationStatus.ACTIVE:
        raise UnauthorizedClient("The client is suspended.")
    submitted = Submitted(context, client.object, parameters, now)
    return _Received(submitted, parts.registration_id, grants[0] if grants else None)


def _grants(parameters: Parameters) -> list[Wanted]:
    """The Grant that a request names."""
    return [Wanted(Grant, grant_id) for grant_id in parameters.every(GRANT_ID)[:1]]


def _pushed_parameters(pushed: PushedRequest | None, client_id: str) -> Parameters:
    if pushed is None or pushed.client_id != client_id:
        raise InvalidRequestUri(_USED)
    return Parameters.of(pushed.parameters)


def _accepted(received: _Received) -> AuthorizationRequest:
    """The request with everything filled in. Raises UnsuitableGrant (8.3)."""
    submitted = received.submitted
    parameters = submitted.parameters
    extent = _extent_of_grant(received) if submitted.grant_id else submitted.extent
    return AuthorizationRequest(
        client_id=submitted.client.client_id,
        redirect_uri=submitted.redirect_uri,
        redirect_uri_sent=parameters.only(REDIRECT_URI) is not None,
        response_type=CODE,
        state=parameters.only(STATE),
        scope=extent.scope,
        authorization_details=extent.details,
        code_challenge=parameters.only("code_challenge"),
        prompt_login=LOGIN in (parameters.only("prompt") or "").split(),
        cds_grant_id=submitted.grant_id,
    )


def _extent_of_grant(received: _Received) -> Extent:
    """What the Grant says that waits for this request (F6)."""
    submitted = received.submitted
    waiting = require_waiting(received.grant, submitted.client, submitted.sent_scope, submitted.sent_details)
    return published(waiting.object)


def _transaction(request: AuthorizationRequest, now: datetime) -> Transaction:
    """The first page binds it to the browser; `prompt=login` makes earlier sign-ins worthless (8.3)."""
    moment = int(now.timestamp())
    return Transaction(
        request=request,
        browser_digest="",
        created_at=moment,
        authenticated_after=moment if request.prompt_login else 0,
    )
