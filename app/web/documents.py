"""Public documents that are encoded once: metadata, coverage and maps before the first request, others at their first.

They are raw ASGI applications, because these are the most requested paths and nothing is left to do for them but to
compare an entity tag (DESIGN.md section 8).
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from app.errors import MethodNotAllowed
from app.web.answers import Headers
from app.web.conditional import is_unchanged

METHODS: Final = ("GET", "HEAD", "OPTIONS")
CACHE_CONTROL: Final = b"public, max-age=300"
"""Five minutes, so that a changed catalog is soon known; after that a 304 is all it takes."""

PUBLIC: Final = ((b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff"))
"""Scripts of any origin may read these documents (ambiguities H12)."""

PREFLIGHT: Final = [
    (b"allow", ", ".join(METHODS).encode()),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", ", ".join(METHODS).encode()),
    (b"access-control-allow-headers", b"Accept, Authorization, Content-Type, If-None-Match"),
    (b"access-control-max-age", b"86400"),
]


class Document:
    """A body that stays the same while the server runs.

    Args:
        body: What GET answers.
        content_type: Its media type.
        headers: Beside the usual ones.
    """

    __slots__ = ("_body", "_headers", "_tag", "_unchanged_headers", "etag")

    def __init__(self, body: bytes, content_type: str = "application/json", *, headers: Headers = ()) -> None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:18]).decode()
        self.etag = f'"{digest}"'
        self._tag = self.etag.encode()
        self._body = body
        self._unchanged_headers = [
            (b"etag", self._tag),
            (b"cache-control", CACHE_CONTROL),
            (b"access-control-expose-headers", b"ETag"),
            *PUBLIC,
            *headers,
        ]
        self._headers = [
            (b"content-type", content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(body)),
            *self._unchanged_headers,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer 200, or 304 to somebody who has it already; or a preflight.

        Raises:
            MethodNotAllowed: For everything but GET, HEAD and OPTIONS.
        """
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await answer_preflight(method, send)
            return
        if self._is_known(scope["headers"]):
            await send({"type": "http.response.start", "status": 304, "headers": self._unchanged_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body if method == "GET" else b""})

    def _is_known(self, headers: Headers) -> bool:
        """Whether `If-None-Match` names this document (RFC 9110 13.1.2)."""
        for name, value in headers:
            if name == b"if-none-match" and (value == self._tag or is_unchanged(value.decode("latin-1"), self.etag)):
                return True
        return False


class LaterDocument:
    """A document that is made when somebody asks for it first: most servers are never asked, and others start sooner.

    Args:
        make: Makes it, in a thread of its own.
    """

    __slots__ = ("_made", "_make", "_turn")

    def __init__(self, make: Callable[[], Document]) -> None:
        self._make = make
        self._made: Document | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the document does."""
        made = self._made or await self._make_once()
        await made(scope, receive, send)

    async def _make_once(self) -> Document:
        async with self._turn:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return self._made


class MovedDocument:
    """A document that is somewhere else for good: 301, which clients may remember (WG1-01 section 5)."""

    __slots__ = ("_headers",)

    def __init__(self, location: str) -> None:
        self._headers = [
            (b"location", location.encode("ascii")),
            (b"content-length", b"0"),
            (b"cache-control", CACHE_CONTROL),
            *PUBLIC,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Say where it is.

        Raises:
            MethodNotAllowed: For everything but GET, HEAD and OPTIONS.
        """
        if scope["method"] not in {"GET", "HEAD"}:
            await answer_preflight(scope["method"], send)
            return
        await send({"type": "http.response.start", "status": 301, "headers": self._headers})
        await send({"type": "http.response.body", "body": b""})


async def answer_preflight(method: str, send: Send) -> None:
    """What a browser asks before it lets a script of another origin send unusual headers.

    Raises:
        MethodNotAllowed: It is not OPTIONS.
    """
    if method != "OPTIONS":
        raise MethodNotAllowed(METHODS)
    await send({"type": "http.response.start", "status": 204, "headers": PREFLIGHT})
    await send({"type": "http.response.body", "body": b""})
