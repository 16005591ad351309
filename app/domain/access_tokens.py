"""What an access token looks like: an opaque text, or a JSON Web Token (RFC 9068) that resource servers read.

Either way the store knows everything about it, by the digest of its reference: so it can be cut off, revoked and
introspected all the same. The reference of an opaque token is the token. That of a JWT is its `jti`, because what a
JWT says is only known when the store has issued it, and that has to stay one round trip. A `jti` is no secret
(resource servers may log it), so it proves nothing: a JWT counts only once its signature is found good, and a `jti`
alone does not have the shape of a token.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from app.catalog import Catalog
from app.crypto.signing import Signer
from app.crypto.tokens import Randomness, digest, registration_of_access_token, registration_of_jti
from app.domain.authorization_details_changes import resolve
from app.domain.tokens import StandingFacts
from app.settings import Settings

KIND: Final = "at+jwt"
"""The `typ` of a JWT access token (RFC 9068 2.1)."""

REMEMBERED: Final = 4096
"""JWTs whose good signature is remembered, so that it is not verified for each request that the same Client makes."""


class _Jti(msgspec.Struct):
    jti: str


class AccessTokens:
    """Makes access tokens, and finds out what the store knows them by.

    Args:
        settings: Say which format new ones have. Both are recognised, so that the format can be changed.
        catalog: Has the scopes whose details may hold relative dates.
        randomness: For new references.
        signer: Signs and verifies JWTs.
    """

    def __init__(self, settings: Settings, catalog: Catalog, randomness: Randomness, signer: Signer) -> None:
        self.signer = signer
        self.audience = settings.public_url
        """For whom all access tokens are: the resource servers of this utility (the default of RFC 9068 3)."""
        self._issuer = settings.public_url
        self._are_jwts = settings.access_tokens_are_jwts
        self._scopes = catalog.scopes
        self._timezone = ZoneInfo(catalog.server.timezone)
        self._randomness = randomness
        self._good: dict[str, str] = {}
        self._generation = signer.generation

    def new_reference(self, registration_id: str) -> str:
        """What the store is to know a new access token by."""
        if self._are_jwts:
            return self._randomness.jti(registration_id)
        return self._randomness.access_token(registration_id)

    def text(
        self,
        reference: str,
        client_id: str,
        grant_id: str,
        facts: StandingFacts,
        *,
        now: datetime,
        expires_in_seconds: int,
    ) -> str:
        """The access token that the store has just issued under this reference.

        Args:
            reference: From `new_reference`.
            client_id: The Client Object that gets it.
            grant_id: The Grant that it was issued under.
            facts: What it gives.
            now: When it was issued.
            expires_in_seconds: How long it lives.
        """
        if not self._are_jwts or registration_of_jti(reference) is None:
            return reference
        issued_at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": facts.subject or client_id,
            "aud": self.audience,
            "client_id": client_id,
            "iat": issued_at,
            "exp": issued_at + expires_in_seconds,
            "jti": reference,
            "scope": facts.scope,
            "cds_grant_id": grant_id,
        }
        if facts.authorization_details:
            claims["authorization_details"] = self._in_effect(facts)
        return self.signer.sign(claims, kind=KIND, now=issued_at)

    def reference_of(self, access_token: str, *, now: datetime) -> str | None:
        """What the store knows a token by that somebody presents, or None when it is none of ours.

        Whether it is still good is for the store to say.
        """
        if registration_of_access_token(access_token):
            return access_token
        if access_token.count(".") != 2:  # noqa: PLR2004 -- a JWS has three parts
            return None
        if self._generation != self.signer.generation:  # what was good with a key that is gone is good no more
            self._good.clear()
            self._generation = self.signer.generation
        known = digest(access_token)
        reference = self._good.get(known)
        if reference is None:
            reference = self._verified(access_token, now)
            if reference:
                self._remember(known, reference)
        return reference

    def _verified(self, access_token: str, now: datetime) -> str | None:
        payload = self.signer.verify(access_token, kind=KIND, now=int(now.timestamp()))
        if payload is None:
            return None
        try:
            reference = msgspec.json.decode(payload, type=_Jti).jti
        except msgspec.DecodeError:  # signed with our key, and still no token of ours
            return None
        return reference if registration_of_jti(reference) else None

    def _remember(self, known: str, reference: str) -> None:
        if len(self._good) >= REMEMBERED:
            del self._good[next(iter(self._good))]
        self._good[known] = reference

    def _in_effect(self, facts: StandingFacts) -> Sequence[dict[str, Any]]:
        """The entries as a resource server needs them: with the dates that relative ones stand for."""
        if not facts.authorized_at:
            return facts.authorization_details
        authorized_at = datetime.fromtimestamp(facts.authorized_at, UTC)
        return resolve(
            facts.authorization_details, scopes=self._scopes, authorized_at=authorized_at, timezone=self._timezone
        )
