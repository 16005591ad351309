"""Signs JSON Web Tokens with one key of several, and tells which keys others need to verify them.

A key is published for a while before it signs, and for a while after, so that nobody ever meets a signature whose key
cannot be found: its `nbf` is the second from which it signs, its `exp` the one from which it is forgotten.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.schemas.encoding import encode

ES256: Final = "ES256"
RS256: Final = "RS256"
ALGORITHMS: Final = (ES256, RS256)

MAX_LENGTH: Final = 65_536
"""Characters of a token that is looked at; nothing longer gets through HTTP headers."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair.

    Args:
        key: It has a `kid`.
        algorithm: ES256 or RS256.
        signs_from: Unix seconds; before, it is only published.
        forgotten_from: Unix seconds; from then on it neither signs nor verifies. None while that is not known.
    """

    key: ECKey | RSAKey
    algorithm: str
    signs_from: int = 0
    forgotten_from: int | None = None

    @property
    def kid(self) -> str:
        """Its id."""
        return str(self.key.kid)

    def is_known(self, now: float) -> bool:
        """Whether it is published at that Unix second."""
        return self.forgotten_from is None or now < self.forgotten_from

    def public_document(self) -> dict[str, Any]:
        """The public half, as others get it."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def private_document(self) -> dict[str, Any]:
        """Both halves, as they stand in a file of ours."""
        times = {"nbf": self.signs_from or None, "exp": self.forgotten_from}
        written = {name: value for name, value in times.items() if value is not None}
        return {**self.key.as_dict(private=True), "kid": self.kid, "use": "sig", "alg": self.algorithm, **written}


def never() -> None:
    """Keys that do not change."""


class Signer:
    """Signs with the first of `keys` whose time has come, and verifies with all that are not forgotten.

    Args:
        keys: The keys to begin with, none when nothing is ever signed.
        changed: Asked before something is signed or published and when a key is not known: the keys that are to be used
            from now on, or None when they are the same as before. Quick, because it is asked often.
    """

    def __init__(self, keys: Sequence[SigningKey], changed: Callable[[], Sequence[SigningKey] | None] = never) -> None:
        self._changed = changed
        self._registries = {one: jws.JWSRegistry(algorithms=[one]) for one in ALGORITHMS}
        self.generation = 0
        """Grows whenever the keys change."""
        self._use(keys)

    def sign(self, claims: Mapping[str, Any], *, kind: str, now: int) -> str:
        """A compact JWS (RFC 7515) of the claims.

        Args:
            claims: What it says.
            kind: Its `typ`, so that it cannot be taken for something else (RFC 8725 3.11).
            now: Unix seconds.
        """
        self._follow()
        one = self.signing_key(now)
        header = {"typ": kind, "alg": one.algorithm, "kid": one.kid}
        return jws.serialize_compact(header, encode(claims), one.key, registry=self._registries[one.algorithm])

    def verify(self, token: str, *, kind: str, now: int) -> bytes | None:
        """The JSON of the claims of a token that we signed; None for anything else.

        The key decides on the algorithm, not the token (RFC 8725 3.1), and what is of another kind is not looked at.
        """
        if len(token) > MAX_LENGTH:
            return None
        header = header_of(token)
        if header.get("typ") != kind:
            return None
        one = self._key(header.get("kid"), now)
        if one is None or header.get("alg") != one.algorithm:
            return None
        try:
            return jws.deserialize_compact(token, one.key, registry=self._registries[one.algorithm]).payload
        except (JoseError, ValueError):
            return None

    def published(self, now: int) -> tuple[SigningKey, ...]:
        """The keys that others have to know at that Unix second: also those that are yet to sign."""
        self._follow()
        return tuple(one for one in self._keys if one.is_known(now))

    def signing_key(self, now: int) -> SigningKey:
        """The key that signs now; when none may yet, the one that will be the first, rather than nobody."""
        known = [one for one in self._keys if one.is_known(now)]
        ready = (one for one in known if one.signs_from <= now)
        return next(ready, None) or min(known, key=lambda one: one.signs_from)

    def _key(self, kid: object, now: int) -> SigningKey | None:
        one = self._by_id.get(kid)
        if one is None and self._follow():
            one = self._by_id.get(kid)
        return one if one and one.is_known(now) else None

    def _follow(self) -> bool:
        """Take over the keys of now; whether they are others than before."""
        keys = self._changed()
        if keys is None:
            return False
        self._use(keys)
        return True

    def _use(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)
        self._by_id: dict[object, SigningKey] = {one.kid: one for one in keys}
        self.generation += 1


def header_of(token: str) -> dict[str, Any]:
    """The protected header, unchecked; empty when there is none to read."""
    first = token.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, msgspec.DecodeError):
        return {}
    kid = header.get("kid") if isinstance(header, dict) else None
    return header if isinstance(kid, str) else {}
