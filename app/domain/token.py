"""Access tokens for client_credentials (RFC 6749 4.4; CDS-WG1-02 section 8, 3.3.2).

A token is issued under the standing Grant for what is asked (ambiguities E2). The store remembers which one that is, so
a request that was made before costs one round trip. The first one, and the first after something changed, is looked at:
is it allowed, is there a standing Grant, and may the store remember it? Then it asks again. Whatever changes in between
makes the store refuse to remember, and the look is repeated. A server with other scopes in its catalog remembers apart.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from app.domain import changelog, token_requests
from app.domain.admission import Admitted, admit
from app.domain.context import Context
from app.domain.grant_states import State
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.standing_grants import find_standing, standing_grant
from app.domain.token_requests import Allowed, Asked
from app.domain.tokens import ClientLogin, Issued, NotIssued, TokenStore, facts_of
from app.errors import Conflict, InvalidClient, InvalidGrant, StoreUnavailable
from app.schemas.clients import Client
from app.schemas.grants import Grant

_ATTEMPTS = 8
"""Looks at one request; one is enough, and each further one means that something changed meanwhile."""

REFUSED = "The client_id or the client_secret is wrong, expired or disabled."


class AccessToken(Struct, frozen=True):
    """A new access token and what it gives."""

    access_token: str
    expires_in_seconds: int
    scope: str
    authorization_details: list[dict[str, object]]


async def issue(
    context: Context,
    tokens: TokenStore,
    login: ClientLogin,
    asked: Asked,
    *,
    now: datetime,
    admitted: Admitted,
) -> AccessToken:
    """Authenticate a Client Object and issue an access token. One round trip when the same was asked before.

    Args:
        context: The server.
        tokens: The store of tokens.
        login: Who asks.
        asked: What for.
        now: When.
        admitted: Called once when the caller has proved who it is; may refuse, as a rate limit does.

    Raises:
        InvalidClient: The id or the secret is wrong or expired, the Client Object disabled, the registration suspended.
        UnauthorizedClient, InvalidScope, InvalidAuthorizationDetails: The Client Object may not have what it asks for.
        InvalidGrant: The Server has ended or suspended the Grant for it.
        StoreUnavailable: The store does not answer, or something changes all the time.
    """
    reference = context.access_tokens.new_reference(login.registration_id)
    key = f"{context.offer} {asked.key}"
    ttl_seconds = context.settings.access_token_ttl_seconds
    for attempt in range(_ATTEMPTS):
        answer = await tokens.issue(login, key, reference, now=now, ttl_seconds=ttl_seconds)
        if answer is NotIssued.REFUSED:
            raise InvalidClient(REFUSED)
        if not attempt:
            await admit(admitted)
        if isinstance(answer, Issued):
            return access_token(context, reference, login.client_id, answer, now)
        await _look(context, tokens, login, asked, key, now)
    raise StoreUnavailable("The Grant for this request changes too often right now; try again.")


def access_token(context: Context, reference: str, client_id: str, issued: Issued, now: datetime) -> AccessToken:
    """The token that the store has just issued to a Client Object under this reference, in the format of the day."""
    facts, seconds = issued.facts, issued.expires_in_seconds
    text = context.access_tokens.text(reference, client_id, issued.grant_id, facts, now=now, expires_in_seconds=seconds)
    return AccessToken(text, seconds, facts.scope, facts.authorization_details)


@dataclass(frozen=True, slots=True)
class _Request:
    """A token request that may be served, with the objects that it rests on as they were read."""

    client: Stored[Client]
    allowed: Allowed
    target: Stored[Grant] | None
    holder: Stored[Client] | None


async def _look(
    context: Context, tokens: TokenStore, login: ClientLogin, asked: Asked, key: str, now: datetime
) -> None:
    """Let the store remember the standing Grant for a request; without effect when something changed meanwhile.

    Raises:
        Refusal: The request is not allowed; see `issue`.
    """
    access = Access(login.registration_id, now)
    request = await _allowed_request(context, access, login, asked)
    client, allowed = request.client, request.allowed
    grant = await find_standing(context, access, client.object.client_id, allowed.scope, allowed.details)
    if grant is None:
        try:
            await _create(context, Change(login.registration_id, now), request)
        except Conflict:
            return
        grant = await find_standing(context, access, client.object.client_id, allowed.scope, allowed.details)
    if grant is None:
        return
    _refuse_without_access(grant.object)
    state = State(grant.object, grant.internal)
    facts = facts_of(state, grant.object.enabled_scope, grant.object.enabled_authorization_details)
    await tokens.stand(client, [key], grant, request.target, facts)


async def _allowed_request(context: Context, access: Access, login: ClientLogin, asked: Asked) -> _Request:
    """Read what a request rests on and check it. One round trip."""
    wanted = [Wanted(Client, login.client_id)]
    if asked.grant_admin_ids:
        holder_id, target_id = asked.grant_admin_ids
        wanted += [Wanted(Grant, target_id), Wanted(Client, holder_id)]
    client, target, holder = ([*await context.records.load(access, *wanted), None, None])[:3]
    if client is None:
        raise InvalidClient(REFUSED)
    allowed = token_requests.allow(context, client.object, asked, now=access.now)
    if not token_requests.is_grant_admin(context, allowed):
        return _Request(client, allowed, None, None)
    token_requests.require_openable(
        context, allowed, target.object if target else None, holder.object if holder else None
    )
    return _Request(client, allowed, target, holder)


async def _create(context: Context, change: Change, request: _Request) -> None:
    """Make the standing Grant. Raises Conflict when there is one already, or when what it rests on has changed."""
    allowed, target = request.allowed, request.target
    change.unchanged += [one for one in (request.client, target, request.holder) if one]
    grant = standing_grant(
        context,
        change,
        request.client.object,
        allowed.scope,
        allowed.details,
        target=target.object if target else None,
    )
    changelog.note_grant(context, change, grant.grant_id, "was made by a token request.")
    await context.records.apply(change)


def _refuse_without_access(grant: Grant) -> None:
    if not grant.enabled_scope:
        raise InvalidGrant(f"Grant {grant.grant_id}, which is for this access, is {grant.status} and gives none now.")
