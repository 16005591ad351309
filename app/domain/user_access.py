"""What may be issued for an authorization code or a refresh token: to whom, how much, for how long.

The Grant decides, as it is at that moment (ambiguities E6, E10). A token never gives more than its Grant enables: who
looks at it sees only that part (`app.domain.introspection`). While a Grant is still filling up by itself, because data
is being gathered or sub-Grants are being completed, its tokens are issued for all that was authorized, so that they
give access to each part as soon as it is there (CDS-WG1-02 8.2, `pending`).

Source: RFC 6749 5.1 and 6, RFC 9396 6 and 7, RFC 9700 2.2.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain import authorization_details
from app.domain.admission import Admitted, admit
from app.domain.as_metadata import PUBLIC
from app.domain.context import Context
from app.domain.grant_changes import approved_extent
from app.domain.grant_details import Extent, is_within, overlap
from app.domain.grant_states import authorized_at
from app.domain.grant_writing import state_of
from app.domain.records import Stored
from app.domain.texts import one_of
from app.domain.token import REFUSED, AccessToken
from app.domain.token_requests import MAX_SCOPE_LENGTH, REFRESH_TOKEN
from app.domain.tokens import ClientLogin, Login, StandingFacts, facts_of
from app.domain.user_tokens import NewTokens, Presented
from app.errors import InvalidAuthorizationDetails, InvalidClient, InvalidGrant, InvalidScope, UnauthorizedClient
from app.schemas.clients import Client, ClientStatus
from app.schemas.grants import WITHOUT_ACCESS, Grant, GrantStatus

ATTEMPTS = 8
"""Looks at one request; one is enough, and each further one means that something changed meanwhile."""

_FILLING_UP = frozenset({GrantStatus.PENDING, GrantStatus.NEEDS_SUB_GRANTS})

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a token request narrows what it is entitled to; None where it does not."""

    scope: tuple[str, ...] | None
    details: list[Entry] | None


class UserAccess(AccessToken, frozen=True):
    """A new access token, what it gives, and the refresh token that follows it, if there is one."""

    refresh_token: str | None


class Admission:
    """Lets a request through once, which may refuse it as a rate limit does.

    A Client Object with a secret is let through when it has shown that, one without when it has presented something of
    its own: before that, anybody could use up its allowance.
    """

    def __init__(self, login: Login, admitted: Admitted) -> None:
        self._is_confidential = isinstance(login, ClientLogin)
        self._admitted: Admitted | None = admitted

    async def authenticated(self) -> None:
        """The caller is who it says, as far as it has said so."""
        if self._is_confidential:
            await self.presented()

    async def presented(self) -> None:
        """What the caller presents is its own."""
        if self._admitted:
            admitted, self._admitted = self._admitted, None
            await admit(admitted)


def read_asked(form: Mapping[str, str], *, with_scope: bool) -> Asked:
    """The parameters with which a token request may narrow its access.

    Raises:
        InvalidScope: The scope is longer than anybody needs.
        InvalidAuthorizationDetails: They are not a JSON array of objects with a type.
    """
    scope = form.get("scope") if with_scope else None
    if scope and len(scope) > MAX_SCOPE_LENGTH:
        raise InvalidScope(f"scope must have at most {MAX_SCOPE_LENGTH} characters.", field="scope")
    raw = form.get(authorization_details.PARAMETER)
    return Asked(tuple(scope.split()) if scope else None, authorization_details.parse(raw) if raw else None)


def require_caller(login: Login, client: Client, grant_type: str) -> None:
    """Refuse a caller that may not use this grant type, or that needs a secret and has shown none.

    Raises:
        InvalidClient: It has to authenticate, or it is disabled.
        UnauthorizedClient: The grant type is none of the Client Object's.
    """
    require_known(login, client)
    if client.cds_status is ClientStatus.DISABLED:
        raise InvalidClient("The Client Object is disabled.")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"This Client Object gets no access tokens with {grant_type}.")


def require_known(login: Login, client: Client) -> None:
    """Refuse a caller without a secret that claims to be a Client Object with one. Raises InvalidClient."""
    if not isinstance(login, ClientLogin) and client.token_endpoint_auth_method != PUBLIC:
        raise InvalidClient(REFUSED)


def new_tokens(
    context: Context, presented: Presented[Any], grant: Stored[Grant], asked: Asked, *, now: datetime, first: bool
) -> NewTokens:
    """The tokens to issue under a Grant.

    Args:
        context: The server.
        presented: What is exchanged.
        grant: The Grant that it belongs to.
        asked: How the request narrows it.
        now: When.
        first: Whether a family of refresh tokens begins, if the Client Object may have one.

    Raises:
        InvalidGrant: The Grant gives no access at present.
        InvalidScope, InvalidAuthorizationDetails: The request asks for more than the Grant gives.
    """
    client = presented.client.object
    registration_id = client.client_id.partition("-")[0]
    extent = narrowed(context, client, grant, asked, granted(client, grant))
    settings = context.settings
    refreshes = first and REFRESH_TOKEN in client.grant_types
    return NewTokens(
        reference=context.access_tokens.new_reference(registration_id),
        access_ttl_seconds=_at_most_until(grant.object.expires, settings.access_token_ttl_seconds, now),
        facts=facts_of(state_of(grant), extent.scope, extent.details),
        refresh_token=context.randomness.refresh_token(registration_id) if refreshes else None,
        refresh_ttl_seconds=_at_most_until(grant.object.expires, settings.refresh_token_ttl_seconds, now),
    )


def issued(
    context: Context, grant: Stored[Grant], new: NewTokens, refresh_token: str | None, *, now: datetime
) -> UserAccess:
    """The answer to a request that was served.

    A token that resource servers read themselves says what it gives at this moment, because it cannot grow.
    """
    facts, seconds = new.facts, new.access_ttl_seconds
    opened = _enabled_part(context, grant, facts)
    return UserAccess(
        access_token=context.access_tokens.text(
            new.reference, grant.object.client_id, grant.object.grant_id, opened, now=now, expires_in_seconds=seconds
        ),
        expires_in_seconds=seconds,
        scope=facts.scope,
        authorization_details=facts.authorization_details,
        refresh_token=refresh_token,
    )


def _enabled_part(context: Context, stored: Stored[Grant], facts: StandingFacts) -> StandingFacts:
    grant = stored.object
    if grant.status not in _FILLING_UP:
        return facts
    enabled = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    issued_for = Extent(facts.scope, facts.authorization_details)
    state = state_of(stored)
    part = overlap(context.catalog, issued_for, enabled, authorized_at(state))
    return facts_of(state, part.scope, part.details)


def granted(client: Client, stored: Stored[Grant]) -> Extent:
    """How much a token may be issued for. Raises InvalidGrant when the Grant gives no access."""
    grant = stored.object
    if grant.status in _FILLING_UP:
        extent = approved_extent(state_of(stored))
    else:
        extent = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    scope = " ".join(scope_id for scope_id in extent.scope.split() if scope_id in client.scope.split())
    if grant.status in WITHOUT_ACCESS or not scope:
        raise InvalidGrant(f"Grant {grant.grant_id}, which is for this access, is {grant.status} and gives none now.")
    return _within_scope(extent.details, scope)


def narrowed(context: Context, client: Client, stored: Stored[Grant], asked: Asked, extent: Extent) -> Extent:
    """The part of `extent` that a request asks for.

    Entries stand for the scope of their type, and without a scope parameter for nothing else (ambiguities F3, E9); a
    scope without an entry keeps those of the Grant.

    Raises:
        InvalidScope: It asks for a scope that was never granted, or for none that is enabled at present.
        InvalidAuthorizationDetails: An entry is not valid, or not within one of the Grant.
    """
    details = None if asked.details is None else _own_details(context, client, stored, asked.details, extent)
    if asked.scope is None and details is None:
        return extent
    wanted = {*(asked.scope or ()), *(entry["type"] for entry in details or ())}
    if not wanted <= {*stored.object.scope.split(), *extent.scope.split()}:
        offered = one_of(extent.scope.split())
        raise InvalidScope(f"scope must be within what was granted: {offered}.", field="scope")
    scope = " ".join(scope_id for scope_id in extent.scope.split() if scope_id in wanted)
    if not scope:
        raise InvalidScope("The Grant gives no access to this scope at present.", field="scope")
    named = {entry["type"] for entry in details or ()}
    kept = [entry for entry in extent.details if entry["type"] not in named]
    return _within_scope([*(details or ()), *kept], scope)


def _own_details(
    context: Context, client: Client, stored: Stored[Grant], details: list[Entry], extent: Extent
) -> list[Entry]:
    """The entries that a request asks for, validated. Raises InvalidAuthorizationDetails when they go too far."""
    counted_from = authorized_at(state_of(stored))
    own = authorization_details.validate(
        details,
        scopes=context.catalog.scopes,
        allowed_types=client.authorization_details_types,
        now=counted_from,
        timezone=ZoneInfo(context.catalog.server.timezone),
    )
    asked = Extent(authorization_details.scope_of(own), own)
    if not is_within(context.catalog, asked, extent, counted_from):
        raise InvalidAuthorizationDetails(
            "authorization_details must be entries of the Grant, or lie within them.",
            field=authorization_details.PARAMETER,
        )
    return own


def _within_scope(details: list[Entry], scope: str) -> Extent:
    return Extent(scope, [entry for entry in details if entry["type"] in scope.split()])


def _at_most_until(ends: datetime | None, ttl_seconds: int, now: datetime) -> int:
    """Nothing that is issued under a Grant outlives it."""
    return ttl_seconds if ends is None else min(ttl_seconds, int((ends - now).total_seconds()))
