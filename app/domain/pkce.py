"""Proof Key for Code Exchange: the challenge of an authorization request and its answer (RFC 7636; RFC 9700 2.1.1)."""

import base64
import hashlib
import hmac
import re

from app.errors import InvalidRequest

METHOD = "S256"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def require_challenge(challenge: str | None, method: str | None, *, required: bool) -> None:
    """Refuse a code challenge that proves nothing, or none where one is demanded.

    A challenge without a method is one of method `plain` (RFC 7636 4.3), and that is never accepted (CDS-WG1-02 3.4).

    Args:
        challenge: The parameter `code_challenge`.
        method: The parameter `code_challenge_method`.
        required: Whether there has to be one (ambiguities F1).

    Raises:
        InvalidRequest: Says what is accepted.
    """
    if challenge is None:
        if required:
            raise InvalidRequest("code_challenge is required, with the code_challenge_method S256.")
        if method is not None:
            raise InvalidRequest("code_challenge_method goes with a code_challenge only.")
        return
    if method != METHOD:
        raise InvalidRequest("code_challenge_method must be S256; left out it would mean plain.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge must be the SHA-256 of the code_verifier in base64url, 43 characters.")


def is_answered(challenge: str, verifier: str) -> bool:
    """Whether this `code_verifier` is the one that the challenge was made of (RFC 7636 4.1 and 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(hashed, challenge.encode())
