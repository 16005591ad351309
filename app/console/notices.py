"""What a page says about the form before it: left with the browser for the one page that follows.

The text travels in a cookie under a seal that only this session can have made, so that no link and no other site can
put words into a page of ours.
"""

import base64
import binascii
import hmac
from typing import Final, NamedTuple

from starlette.requests import Request

from app.settings import Settings
from app.web.browser import Header, leave_notice, notice_cookie
from app.web.state import State

SECONDS: Final = 60
"""How long the next page may take."""

_MAX_LENGTH: Final = 400
_DONE: Final = "+"
_FAILED: Final = "-"


class Notice(NamedTuple):
    """What came of a form."""

    text: str
    failed: bool


def left(settings: Settings, handle: str, text: str, *, failed: bool) -> Header:
    """The header that leaves a notice with the browser of a session."""
    said = (_FAILED if failed else _DONE) + (text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…")
    payload = base64.urlsafe_b64encode(said.encode()).decode()
    return leave_notice(settings, f"{payload}.{_seal(handle, payload)}", seconds=SECONDS)


def left_for(request: Request[State], handle: str) -> Notice | None:
    """The notice that this browser brings, when it was left for this session."""
    payload, _, seal = (notice_cookie(request) or "").partition(".")
    if not payload or not hmac.compare_digest(seal.encode(), _seal(handle, payload).encode()):
        return None
    try:
        said = base64.urlsafe_b64decode(payload.encode()).decode()
    except (binascii.Error, UnicodeError):
        return None
    return Notice(said[1:], failed=said.startswith(_FAILED))


def taken(settings: Settings) -> Header:
    """The header that takes the notice away again."""
    return leave_notice(settings, "", seconds=0)


def _seal(handle: str, payload: str) -> str:
    sealed = hmac.digest(handle.encode(), f"notice {payload}".encode(), "sha256")
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")
