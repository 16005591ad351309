"""Signatures of ID tokens by the keys of an identity provider (RFC 7515, RFC 7517; OpenID Connect Core 3.1.3.7, 10.1).

Only signatures that need a private key count: neither `none` nor the HS family, whose key the client has as well.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Collection, Sequence
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.crypto.public_keys import require_rsa_size

MAX_ID_TOKEN_LENGTH: Final = 64 * 1024
_MAX_KEYS: Final = 100
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS: Final = frozenset({*_RSA, *_CURVES})
"""What we accept as `alg`."""

VerificationKey = RSAKey | ECKey


class UnknownKey(Exception):
    """None of the keys is the one that an ID token names; newer ones may have it."""


class BadIdToken(Exception):
    """What it is that makes an ID token unusable; never any part of it."""


def verification_keys(document: object) -> list[VerificationKey]:
    """The keys of a JWK Set that can check signatures; those of other kinds or for other uses are left aside.

    Raises:
        ValueError: It is no JWK Set, or an absurdly long one.
    """
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > _MAX_KEYS:
        raise ValueError("not a JWK Set")
    return [key for member in members if (key := _verification_key(member))]


def claims_of(id_token: str, keys: Sequence[VerificationKey], algorithms: Collection[str]) -> dict[str, Any]:
    """The claims of an ID token whose signature one of the keys proves.

    Args:
        id_token: As it came.
        keys: Of the identity provider.
        algorithms: What it says that it signs with; of those only `ALGORITHMS` count.

    Raises:
        UnknownKey: The token names a key that is not among them.
        BadIdToken: It is no signed token, its signature is wrong, or it is signed in a way that does not count.
    """
    header = _header(id_token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or algorithm not in algorithms:
        raise BadIdToken("alg is not acceptable")
    key = _key_for(keys, algorithm, header.get("kid"))
    try:
        payload = jws.deserialize_compact(id_token, key, algorithms=[algorithm]).payload
        claims = json.loads(payload or b"")
    except JoseError as error:
        raise BadIdToken(f"signature: {type(error).__name__}") from error
    except (ValueError, RecursionError) as error:
        raise BadIdToken("the payload is not JSON") from error
    if not isinstance(claims, dict):
        raise BadIdToken("the payload is not an object")
    return claims


def _header(id_token: str) -> dict[str, Any]:
    first, *others = id_token.split(".") if len(id_token) <= MAX_ID_TOKEN_LENGTH else [""]
    try:
        header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError) as error:
        raise BadIdToken("not a JWS") from error
    if not isinstance(header, dict) or len(others) != 2:  # noqa: PLR2004 -- header, payload, signature
        raise BadIdToken("not a JWS")
    return header


def _key_for(keys: Sequence[VerificationKey], algorithm: str, kid: object) -> VerificationKey:
    """The one key that a token means: by its `kid`, which may be missing where there is no choice (Core 10.1)."""
    fitting = [key for key in keys if _fits(key, algorithm) and (kid is None or kid == key.kid)]
    if not fitting:
        raise UnknownKey
    if kid is None and len(fitting) > 1:
        raise BadIdToken("kid is missing, and there are several keys")
    return fitting[0]


def _fits(key: VerificationKey, algorithm: str) -> bool:
    if key.alg not in {None, algorithm}:
        return False
    if isinstance(key, RSAKey):
        return algorithm in _RSA
    return _CURVES.get(algorithm) == key.curve_name


def _verification_key(jwk: object) -> VerificationKey | None:
    """The key with nothing but its numbers, its kid and its alg; None for one that checks no signatures of ours."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    named = ("kty", "kid", "alg", "crv", "x", "y", "n", "e")
    members = {name: jwk[name] for name in named if isinstance(jwk.get(name), str)}
    try:
        match members.get("kty"):
            case "RSA":
                require_rsa_size(members.get("n", ""))
                key: VerificationKey = RSAKey.import_key(members)
            case "EC" if members.get("crv") in _CURVES.values():
                key = ECKey.import_key(members)
            case _:
                return None
        _ = key.public_key
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, OverflowError):
        return None
    return key
