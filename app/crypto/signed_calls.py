"""Calls that somebody has signed with a secret that we share: Standard Webhooks, seen from the receiving end.

The signature is over the id of the call, its time and its body. The library's own check reads the clock of the machine;
ours is told the time, so that tests can move it.

Source: Standard Webhooks 1.0, "Verifying webhook authenticity".
"""

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

TOLERANCE_SECONDS: Final = 300
"""How old a call may be, and how far the clock of its sender may be ahead of ours."""

_MAX_ID_LENGTH: Final = 256
_MAX_SIGNATURES_LENGTH: Final = 4096
_MAX_DIGITS: Final = 12


class BadSignature(Exception):
    """A call that is not, or not provably, from somebody who knows the secret. The text says why and is no secret."""


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    """The id of a call that was signed with one of the secrets.

    Args:
        secrets: Each in the form `whsec_…`; several while one is replaced by another.
        headers: Their names in lower case.
        body: As it came.
        now: When it came.

    Raises:
        BadSignature: A header is missing or malformed, the call is too old, or no signature is right.
    """
    call_id, time, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not call_id or not time or not signatures:
        raise BadSignature("the headers webhook-id, webhook-timestamp and webhook-signature are needed")
    if len(call_id) > _MAX_ID_LENGTH or len(signatures) > _MAX_SIGNATURES_LENGTH or not call_id.isprintable():
        raise BadSignature("webhook-id or webhook-signature is malformed")
    if not (time.isascii() and time.isdigit()) or len(time) > _MAX_DIGITS:
        raise BadSignature("webhook-timestamp has to be in Unix seconds")
    if abs(int(now.timestamp()) - int(time)) > TOLERANCE_SECONDS:
        raise BadSignature("webhook-timestamp is too far from now")
    text = _text_of(body)
    moment = datetime.fromtimestamp(int(time), UTC)
    expected = [Webhook(secret).sign(call_id, moment, text).encode() for secret in secrets]
    given = [one.encode() for one in signatures.split()]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise BadSignature("webhook-signature is not right")
    return call_id


def _text_of(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadSignature("the body is not UTF-8") from None
