"""What was asked and what came back, as it may be shown: secrets blackened, long things cut."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

import msgspec

BODY_CHARACTERS = 2_000
"""How much of a body is kept as evidence."""

SHOWN_OF_SECRET = 4
"""What is left of a secret: enough to tell two apart, too little to use one."""

SECRET_MEMBERS = (
    "client_secret",
    "access_token",
    "refresh_token",
    "registration_access_token",
    "token",
    "code",
    "code_verifier",
    "password",
    "request_uri",
    "key",
    "secret",
)
SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})

_NAMES = "|".join(SECRET_MEMBERS)
_JSON_SECRET = re.compile(rf'("(?:{_NAMES})"\s*:\s*)"((?:[^"\\]|\\.)*)"?')
_QUERY_SECRET = re.compile(rf"([?&#](?:{_NAMES})=)([^&#\s\"]*)")
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/=_-]{200,}")


class Exchange(msgspec.Struct, frozen=True):
    """One request and its answer, fit for a report."""

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: str = ""
    status: int | None = None
    """None when there was no answer; `problem` says why."""
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer_body: str = ""
    problem: str = ""
    milliseconds: int = 0


class Blackener:
    """Takes secrets out of texts: by the name of the member that holds them, and those that were learned."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, *secrets: str | None) -> None:
        """From now on these values are shown nowhere. Very short ones would blacken ordinary words and are left."""
        self._known.update(secret for secret in secrets if secret and len(secret) > 2 * SHOWN_OF_SECRET)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        text = _JSON_SECRET.sub(lambda found: f'{found[1]}"{shortened(found[2])}"', text)
        text = _QUERY_SECRET.sub(lambda found: found[1] + shortened(found[2]), text)
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, shortened(secret))
        return printable(text)

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Headers without what gives access; the scheme of an Authorization stays."""
        return tuple((name, self._header(name, value)) for name, value in headers)

    def body(self, content: bytes, content_type: str) -> str:
        """A body as text, cut, or how long it is when it is not text."""
        if not content:
            return ""
        if not _is_text(content_type) and b"\0" in content[:4096]:
            return f"({len(content)} bytes of {content_type or 'an unknown type'})"
        text = content[: 20 * BODY_CHARACTERS].decode("utf-8", errors="replace")
        if "x-www-form-urlencoded" in content_type:
            pairs = parse_qsl(text, keep_blank_values=True)
            text = urlencode([(name, _form_value(name, value)) for name, value in pairs], safe="/:.~ ")
        text = _LONG_WORD.sub(lambda found: f"{found[0][:40]}...({len(found[0])} characters)", self.text(text))
        return text if len(text) <= BODY_CHARACTERS else f"{text[:BODY_CHARACTERS]}...({len(content)} bytes in all)"

    def _header(self, name: str, value: str) -> str:
        if name.lower() not in SECRET_HEADERS:
            return self.text(value)
        scheme, blank, rest = value.partition(" ")
        return f"{scheme}{blank}..." if rest else "..."


def printable(text: str) -> str:
    """Text of a server without anything that a terminal or a viewer of logs would take for a command."""
    return _CONTROL.sub("\ufffd", text)


def shortened(secret: str) -> str:
    """The beginning of a secret."""
    return f"{secret[:SHOWN_OF_SECRET]}..."


def _form_value(name: str, value: str) -> str:
    return shortened(value) if name in SECRET_MEMBERS else value


def _is_text(content_type: str) -> bool:
    return any(kind in content_type for kind in ("json", "text/", "xml", "urlencoded"))
