"""What of an identity provider's documents and ID tokens we believe.

Source: OpenID Connect Core 1.0 2, 3.1.2.1, 3.1.3.7 and 5.3; OpenID Connect Discovery 1.0 3 and 4.3.
"""

import hmac
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from app.crypto.id_tokens import ALGORITHMS
from app.domain.urls import parse
from app.errors import IdentityProviderUnavailable, SignInFailed

LEEWAY_SECONDS: Final = 30
"""How far the clock of the identity provider may be from ours."""

_MAX_SUBJECT_LENGTH: Final = 255
_MAX_NAME_LENGTH: Final = 100
_NAME_CLAIMS: Final = ("name", "preferred_username", "email")

_FAILED: Final = (
    "The sign-in service answered in a way that we cannot rely on, so you were not signed in. Nothing has been shared."
    " Please try again; if it happens once more, tell our help desk."
)
_UNAVAILABLE: Final = (
    "The sign-in service does not answer at the moment. Nothing is lost and nothing has been shared. Please try again"
    " in a minute."
)


def usable_metadata(document: object, issuer: str) -> Mapping[str, Any]:
    """The discovery document of this very issuer, with every URL in it that we use being acceptable.

    Raises:
        SignInFailed: It is none.
    """
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise failed("discovery: the issuer is not the one of the settings")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        url = document.get(name)
        if not (name == "userinfo_endpoint" and url is None) and not is_endpoint(url, issuer):
            raise failed(f"discovery: {name} is not an https URL")
    offered = document.get("id_token_signing_alg_values_supported", ["RS256"])
    if not isinstance(offered, list) or not ALGORITHMS.intersection(filter(_is_text, offered)):
        raise failed("discovery: no signature of ID tokens that we accept")
    challenges = document.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(challenges, list) or "S256" not in challenges:
        raise failed("discovery: no PKCE with S256")
    return document


def is_endpoint(url: object, issuer: str) -> bool:
    """Whether something is a URL that may be used: https, or http of this machine when the issuer is that, too."""
    found = parse(url) if isinstance(url, str) else None
    if found is None or found.has_fragment or found.has_userinfo:
        return False
    return found.scheme == "https" or (found.is_loopback and urlsplit(issuer).scheme == "http")


def require_claims(claims: Mapping[str, Any], issuer: str, client_id: str, *, nonce: str, now: datetime) -> None:
    """Refuse an ID token that is not about this sign-in (Core 3.1.3.7). Raises SignInFailed."""
    seconds = now.timestamp()
    if claims.get("iss") != issuer:
        raise failed("ID token: wrong iss")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise failed("ID token: wrong aud")
    if claims.get("azp", client_id if len(audiences) == 1 else None) != client_id:
        raise failed("ID token: wrong azp")
    if not _is_moment(claims.get("exp")) or claims["exp"] <= seconds - LEEWAY_SECONDS:
        raise failed("ID token: expired")
    if not _is_moment(claims.get("iat")) or claims["iat"] > seconds + LEEWAY_SECONDS:
        raise failed("ID token: iat is not in the past")
    if not _is_moment(claims.get("nbf", 0)) or claims.get("nbf", 0) > seconds + LEEWAY_SECONDS:
        raise failed("ID token: not valid yet")
    given = claims.get("nonce")
    if not isinstance(given, str) or not given.isascii() or not hmac.compare_digest(given, nonce):
        raise failed("ID token: wrong nonce")


def require_recent_sign_in(claims: Mapping[str, Any], *, since: int) -> None:
    """Refuse a user who was signed in before, when a new sign-in was asked for (Core 3.1.2.1). Raises SignInFailed."""
    if not _is_moment(claims.get("auth_time")) or claims["auth_time"] < since - LEEWAY_SECONDS:
        raise failed("ID token: the user has not signed in anew")


def subject_of(claims: Mapping[str, Any]) -> str:
    """Who a user is at the provider, for ever (Core 2). Raises SignInFailed."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT_LENGTH or not subject.isascii():
        raise failed("ID token: no usable sub")
    return subject


def shown_name(claims: Mapping[str, Any]) -> str:
    """What pages may call a user; empty when the claims have nothing for it."""
    for claim in _NAME_CLAIMS:
        value = claims.get(claim)
        if isinstance(value, str):
            name = " ".join("".join(letter if letter.isprintable() else " " for letter in value[:1000]).split())
            if name:
                return name if len(name) <= _MAX_NAME_LENGTH else f"{name[: _MAX_NAME_LENGTH - 1]}…"
    return ""


def failed(cause: str) -> SignInFailed:
    """What a user sees when the provider's answer is not good; the cause is for the log."""
    return SignInFailed(_FAILED, detail=cause)


def unavailable(cause: str) -> IdentityProviderUnavailable:
    """What a user sees when there is no answer; the cause is for the log."""
    return IdentityProviderUnavailable(_UNAVAILABLE, detail=cause)


def _is_moment(value: object) -> bool:
    """Whether something is a number of seconds; JSON, as it is commonly read, also knows NaN and infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
