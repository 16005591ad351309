"""Access tokens: how they are asked for, found and forgotten in the store.

Source: RFC 6749 4.4 and 5, RFC 7009, RFC 7662; CDS-WG1-02 3.3.2 for those of a grant admin scope.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from app.domain.grant_states import State, authorized_at
from app.domain.records import Stored, TokenFacts
from app.schemas.clients import Client
from app.schemas.grants import Grant


class ClientLogin(NamedTuple):
    """Who calls an OAuth endpoint: the id as presented and the digest of the secret."""

    registration_id: str
    client_id: str
    secret_digest: str


class PublicLogin(NamedTuple):
    """Who says that it is a Client Object without a secret; nothing proves it but what it presents besides."""

    registration_id: str
    client_id: str


Login = ClientLogin | PublicLogin


class StandingFacts(Struct, frozen=True, omit_defaults=True):
    """What a standing Grant (ambiguities E2) gives to each token that is issued under it."""

    scope: str
    authorization_details: list[dict[str, Any]]
    authorized_at: int = 0
    """Unix second from which relative dates in the details count; 0 when there are no details."""
    subject: str = ""
    """Whom the token is about (see `subject_of`), empty when that is the Client Object itself."""


def facts_of(state: State, scope: str, authorization_details: list[dict[str, Any]]) -> StandingFacts:
    """What a token under this Grant gives, at most what the Grant enables."""
    counted_from = int(authorized_at(state).timestamp()) if authorization_details else 0
    return StandingFacts(scope, authorization_details, counted_from, subject_of(state))


def subject_of(state: State) -> str:
    """Whom a token under this Grant is about, empty when that is the Client Object itself (RFC 9068 2.2).

    For a Grant that a user authorized it is the Grant: resource servers need to know no more, and a Client must not
    learn from a token who its user is, nor that two of them are the same.
    """
    return state.grant.grant_id if state.internal.user_id else ""


class Issued(Struct, frozen=True):
    """A token that now exists in the store."""

    facts: StandingFacts
    expires_in_seconds: int
    grant_id: str
    """The Grant that it was issued under."""


class NotIssued(StrEnum):
    """Why a token was not issued."""

    REFUSED = "refused"
    """Unknown client, wrong or expired secret, suspended registration: not told apart."""
    NO_STANDING_GRANT = "no_standing_grant"
    """The caller is who it says, but what it asks for has to be looked at first."""


class Revocation(StrEnum):
    """What became of a token that was to be revoked."""

    REFUSED = "refused"
    DELETED = "deleted"
    FOREIGN = "foreign"
    INACTIVE = "inactive"


class Inspected(Struct, frozen=True):
    """An active token with the Grants behind it."""

    facts: TokenFacts
    grant: State | None
    target: State | None


class TokenStore(Protocol):
    """What the token, revocation and introspection endpoints need of the store beyond records.

    The store knows a token by the digest of its `reference` (see `app.domain.access_tokens`); one that is empty is
    that of nothing.
    """

    async def issue(
        self, login: ClientLogin, asked: str, reference: str, *, now: datetime, ttl_seconds: int
    ) -> Issued | NotIssued:
        """Authenticate and issue under the standing Grant for `asked`, in one round trip."""

    async def stand(
        self,
        client: Stored[Client],
        asked: list[str],
        grant: Stored[Grant],
        target: Stored[Grant] | None,
        facts: StandingFacts,
    ) -> bool:
        """Make `grant` the standing one for every key in `asked`; False when one of the three changed meanwhile."""

    async def inspect(self, login: ClientLogin, reference: str, *, now: datetime) -> Inspected | NotIssued | None:
        """Authenticate and look at a token: None when it is inactive or another registration's. One round trip."""

    async def show(self, reference: str, *, now: datetime) -> Inspected | None:
        """Look at a token of any registration, for somebody who may; None when it is inactive. One round trip."""

    async def revoke(self, login: Login, reference: str, *, now: datetime) -> Revocation:
        """Authenticate and forget a token of that Client Object. One round trip.

        With a PublicLogin the caller has seen to it that the Client Object is one without a secret.
        """
