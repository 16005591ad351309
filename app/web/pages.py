"""Pages for people: made from templates in which everything is escaped, without scripts, under a strict policy.

The stylesheet is part of each page and allowed by its hash, so a page needs no second request, and no markup that
somebody else managed to get into one could bring a style or a script along.

Source: CSP 3; RFC 6749 10.13 and RFC 9700 4.16 (clickjacking), 4.2 (nothing in a Referer).
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from app.catalog import Catalog
from app.domain import documentation
from app.errors import InvalidRequestUri, Refusal, SignInFailed
from app.settings import Settings
from app.web.answers import NO_STORE, Answer, Headers
from app.web.documents import Document
from app.web.errors import public_description, refusal_headers
from app.web.state import State

if TYPE_CHECKING:
    from jinja2 import Environment

_ROOT: Final = Path(__file__).parent.parent
_PUBLIC_HEADERS: Final = (
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms, and we check the Origin.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
_HEADERS: Final = (*NO_STORE, *_PUBLIC_HEADERS, (b"cross-origin-resource-policy", b"same-origin"))
_HEADINGS: Final = {
    "cookies_needed": "We need a cookie here",
    "request_over": "This request is over",
    "foreign_form": "Nothing was done",
    "not_found": "There is nothing here",
    "method_not_allowed": "There is nothing here",
    "conflict": "Please try once more",
    "content_too_large": "That was too much",
    "too_many_requests": "Please wait a moment",
    "sign_in_failed": "You are not signed in",
    "sign_in_unavailable": "You cannot sign in right now",
    "server_error": "Something went wrong here",
    "temporarily_unavailable": "We are not available right now",
}
"""By the code of a refusal; any other one means that a Client has sent the user here with a bad request."""

_BAD_LINK: Final = "This link does not work"
_ASKED_BADLY: Final = (
    "The application that sent you here asked for something that cannot be done. Nothing has been shared. Go back to it"
    " and try again; if you end up here once more, please tell the makers of that application what is written below."
)
_ASKED_TOO_LATE: Final = (
    "It has been used already, or it has waited for too long. Nothing has been shared. Go back to the application and"
    " start again there."
)


@dataclass(frozen=True, slots=True)
class Style:
    """A stylesheet that is part of a page.

    Args:
        text: As it stands between the tags.
        source: Its hash, as a CSP source.
    """

    text: str
    source: str

    @classmethod
    def read(cls, *paths: str) -> "Style":
        """The stylesheets in files below `app`, as one."""
        text = "".join((_ROOT / path).read_text(encoding="utf-8") for path in paths)
        hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        return cls(text, f"'sha256-{hashed}'")


PLAIN: Final = Style.read("web/templates/style.css")
"""How pages for the public look."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a page may do beyond showing itself, as CSP source lists.

    Args:
        images: Where images may come from.
        forms: Where its forms, and the redirects that answer them, may lead beside this server. Browsers hold every
            redirect after a form to it, so a page whose form ends at a Client has to allow the Client.
        scripts: Whether it runs scripts of this server, which may send requests to this server.
    """

    images: str = "'none'"
    forms: str = ""
    scripts: bool = False

    def header(self, style: Style = PLAIN) -> tuple[bytes, bytes]:
        """The Content-Security-Policy of a page with this stylesheet."""
        parts = [
            "default-src 'none'",
            f"style-src {style.source}",
            f"img-src {self.images}",
            *(("script-src 'self'", "connect-src 'self'") if self.scripts else ()),
            f"form-action 'self' {self.forms}".rstrip(),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
        return b"content-security-policy", "; ".join(parts).encode("ascii")


STILL: Final = Policy()
"""A page without images whose forms stay here."""


def page(
    state: State,
    template: str,
    /,
    *,
    status: int = 200,
    policy: Policy = STILL,
    style: Style = PLAIN,
    headers: Headers = (),
    **values: object,
) -> Answer:
    """A page of the server.

    Args:
        state: Of the request.
        template: The path of a template below `app`; it extends `web/templates/layout.html`, or another layout that
            belongs to `style`.
        headers: Beside those that every page has, a cookie for instance.
        values: What the template shows. All of it is escaped.
    """
    return Answer(
        _rendered(state["settings"], state["context"].catalog, template, {"style": style.text, **values}),
        content_type=b"text/html; charset=utf-8",
        status=status,
        headers=[*_HEADERS, policy.header(style), *headers],
    )


def public_page(
    settings: Settings,
    catalog: Catalog,
    template: str,
    /,
    *,
    policy: Policy = STILL,
    style: Style = PLAIN,
    **values: object,
) -> Document:
    """A page that is the same for everybody, rendered once; browsers may keep it for a few minutes.

    Args:
        settings: Of the server.
        catalog: Likewise.
        template: As for `page`.
        values: Likewise.
    """
    body = _rendered(settings, catalog, template, {"style": style.text, **values})
    return Document(body, "text/html; charset=utf-8", headers=[*_PUBLIC_HEADERS, policy.header(style)])


def error_page(state: State, refusal: Refusal, request_id: str) -> Answer:
    """The page about a refused request: nothing of it leads anywhere (RFC 6749 4.1.2.1)."""
    return page(
        state,
        "web/templates/error.html",
        status=refusal.status,
        # Without the challenge, on which a browser would ask for a password of its own.
        headers=[header for header in refusal_headers(refusal) if header[0] != b"www-authenticate"],
        heading=_HEADINGS.get(refusal.code, _BAD_LINK),
        explanation="" if refusal.code in _HEADINGS else _explanation(refusal),
        description=public_description(refusal),
        code=refusal.code,
        way_on=refusal.way_on if isinstance(refusal, SignInFailed) else "",
        request_id=request_id,
    )


def _explanation(refusal: Refusal) -> str:
    return _ASKED_TOO_LATE if isinstance(refusal, InvalidRequestUri) else _ASKED_BADLY


def base_path(state: State) -> str:
    """What stands before the path of our own links: nothing, or the prefix of the public URL.

    Links have no host, so that they also work for somebody who came under another name of this machine.
    """
    return prefix(state["settings"])


def prefix(settings: Settings) -> str:
    """The path of the public URL."""
    return urlsplit(settings.public_url).path


@cache
def _templates() -> "Environment":
    # Servers whose Clients are programs may never show a page, and Jinja would be a twentieth of their start.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=FileSystemLoader(_ROOT),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _rendered(settings: Settings, catalog: Catalog, template: str, values: Mapping[str, object]) -> bytes:
    return _templates().get_template(template).render({**_common(settings, catalog), **values}).encode()


def _common(settings: Settings, catalog: Catalog) -> dict[str, Any]:
    return {
        "utility": catalog.server.name,
        "base": prefix(settings),
        "style": PLAIN.text,
        "links": (
            ("Privacy", documentation.policy(catalog, settings)),
            ("Terms", documentation.terms(catalog, settings)),
            ("Help", documentation.support(catalog, settings)),
        ),
        "sandbox": False,
        "user": None,
    }


def redirect(location: str, *, headers: Headers = ()) -> Answer:
    """Send the browser on with a GET, and let it keep nothing of the way there (RFC 9700 4.12: 303, not 307)."""
    return Answer(
        b"",
        content_type=b"text/html; charset=utf-8",
        status=303,
        headers=[(b"location", location.encode("ascii")), *_HEADERS, *headers],
    )
