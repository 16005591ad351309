"""The browser in front of a user: its cookies, and the proof that a form came from a page of ours.

Cookies are HttpOnly, SameSite=Lax and gone when the browser closes. `browser` binds an authorization request and the
forms before a sign-in to one browser; `user` is the handle of the session after it, `operator` that of a session in the
console, and `notice` what the console says on its next page. On https their names
begin with `__Host-`, so that no other host and no path can set or read them. http is for this machine only, and there
browsers would refuse such a name.

A form carries a token that only a page for this very browser, or this very session, can have. On top of it the request
has to come from our own pages, as far as the browser says where it comes from.

Source: RFC 6265bis 4.1.3; RFC 6749 10.12; RFC 9700 4.7; Fetch Metadata.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request

from app.crypto.tokens import digest, is_operator_session, shard_of_session
from app.errors import ForeignForm
from app.settings import Settings
from app.web.state import State

BROWSER: Final = "cds-browser"
USER: Final = "cds-user"
OPERATOR: Final = "cds-operator"
NOTICE: Final = "cds-notice"
FORM_TOKEN: Final = "form_token"  # noqa: S105 -- the name of a form field

_BROWSER_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_OWN_SITES: Final = frozenset({"same-origin", "none"})

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser, as its cookie tells it apart from others.

    Args:
        secret: 256 random bits. Only its digest may be stored.
        is_new: The browser sent no such cookie: set one with `remember_browser`.
    """

    secret: str
    is_new: bool

    @property
    def digest(self) -> str:
        """The `browser_digest` of a Transaction."""
        return digest(self.secret)


def browser_of(request: Request[State]) -> Browser:
    """The browser that sent a request, or a new one when it has no cookie of ours."""
    secret = _cookie(request, BROWSER)
    if secret and _BROWSER_SECRET.fullmatch(secret):
        return Browser(secret, is_new=False)
    return Browser(secrets.token_urlsafe(32), is_new=True)


def remember_browser(settings: Settings, browser: Browser) -> list[Header]:
    """The headers that make a new browser known; none for one that is."""
    return [_set_cookie(settings, BROWSER, browser.secret)] if browser.is_new else []


def session_handle(request: Request[State]) -> str | None:
    """The handle of the user's session, or None when there is nothing that could be one."""
    handle = _cookie(request, USER)
    return handle if handle and shard_of_session(handle) else None


def remember_session(settings: Settings, handle: str) -> Header:
    """The header that signs a user in. The handle has to be a new one, so that nobody can have planted it."""
    return _set_cookie(settings, USER, handle)


def forget_session(settings: Settings) -> Header:
    """The header that signs a user out."""
    return _set_cookie(settings, USER, "", "Max-Age=0")


def operator_handle(request: Request[State]) -> str | None:
    """The handle of the operator's session, or None when there is nothing that could be one."""
    handle = _cookie(request, OPERATOR)
    return handle if handle and is_operator_session(handle) else None


def remember_operator(settings: Settings, handle: str) -> Header:
    """The header that signs an operator in; the handle has to be a new one, as for a user."""
    return _set_cookie(settings, OPERATOR, handle)


def forget_operator(settings: Settings) -> Header:
    """The header that signs an operator out."""
    return _set_cookie(settings, OPERATOR, "", "Max-Age=0")


def notice_cookie(request: Request[State]) -> str | None:
    """What `leave_notice` left with this browser. The caller checks that it is ours."""
    return _cookie(request, NOTICE)


def leave_notice(settings: Settings, sealed: str, *, seconds: int) -> Header:
    """The header that leaves something with the browser for its next page; 0 seconds take it away."""
    return _set_cookie(settings, NOTICE, sealed, f"Max-Age={seconds}")


def form_token(secret: str, purpose: str) -> str:
    """What a form has to carry to be accepted from the holder of a secret (a Browser's, or a session's handle).

    It is good for one purpose, and says nothing about the secret.
    """
    return digest(f"form {purpose} {secret}")


def require_own_form(request: Request[State], form: Mapping[str, str], secret: str, purpose: str) -> None:
    """Refuse a form that did not come from a page of ours in this browser or session.

    Raises:
        ForeignForm: The browser names another site as its origin, or the token is missing or somebody else's.
    """
    require_own_site(request)
    submitted = form.get(FORM_TOKEN, "")
    if not hmac.compare_digest(submitted.encode(), form_token(secret, purpose).encode()):
        raise ForeignForm("This page is out of date. Go back, load it again and repeat what you did.")


def require_own_site(request: Request[State]) -> None:
    """Refuse a request that a page of another site made. Raises ForeignForm."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_own = site in _OWN_SITES
    else:
        public = urlsplit(request.state["settings"].public_url)
        is_own = request.headers.get("origin", f"{public.scheme}://{public.netloc}") == (
            f"{public.scheme}://{public.netloc}"
        )
    if not is_own:
        raise ForeignForm("This form was sent from another site, so nothing was done.")


def _cookie(request: Request[Any], name: str) -> str | None:
    """A cookie of ours, whose values have no character that would have to be escaped.

    Not with Starlette's parser: it takes the escapes out of every cookie with a function of Python that took ten
    seconds for 60 KB of backslashes until 3.11.9 and 3.12.5 (CVE-2024-7592).
    """
    wanted, found = _name(request.state["settings"], name), None
    for pair in ";".join(request.headers.getlist("cookie")).split(";"):
        key, _, value = pair.partition("=")
        if key.strip() == wanted:
            found = value.strip()
    return found


def _name(settings: Settings, name: str) -> str:
    return f"__Host-{name}" if settings.public_url.startswith("https:") else name


def _set_cookie(settings: Settings, name: str, value: str, *attributes: str) -> Header:
    secure = ["Secure"] if settings.public_url.startswith("https:") else []
    parts = [f"{_name(settings, name)}={value}", "Path=/", "HttpOnly", "SameSite=Lax", *secure, *attributes]
    return b"set-cookie", "; ".join(parts).encode("ascii")
