"""Proof Key for Code Exchange, as far as authorization requests have it (RFC 7636 4.3; RFC 9700 2.1.1)."""

import re

from app.errors import InvalidRequest

METHOD = "S256"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


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
