"""Answers whose headers are known before the request comes.

Starlette's Response works its headers out each time; ours are lists made once, because what wraps a request costs as
much as the store does (DESIGN.md section 8 has the measurements).
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.schemas.encoding import encode

Headers = Iterable[tuple[bytes, bytes]]

_COMMON: Final = ((b"x-content-type-options", b"nosniff"),)
NO_STORE: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
"""RFC 6749 5.1 asks for both; ambiguities J12 extends them to everything that may carry a secret."""


class Answer(Response):
    """A body with a ready list of headers.

    Args:
        body: What goes out.
        content_type: With its charset where one applies.
        headers: Beside content type, length and the common ones.
    """

    def __init__(self, body: bytes, *, content_type: bytes, status: int = 200, headers: Headers = ()) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            *_COMMON,
            *headers,
        ]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def json_answer(body: object, *, status: int = 200, headers: Headers = NO_STORE) -> Answer:
    """A JSON document: bytes go out as they are, all else is encoded. Not to be cached unless `headers` says so."""
    encoded = body if isinstance(body, bytes) else encode(body)
    return Answer(encoded, content_type=b"application/json", status=status, headers=headers)


def empty_answer(status: int, *, headers: Headers = ()) -> Answer:
    """No body: 204, or 200 where the specification says that the body does not matter (RFC 7009 2.2)."""
    answer = Answer(b"", content_type=b"application/json", status=status, headers=headers)
    # No body has no type; and a 204 must not even have a length (RFC 9110 8.6).
    del answer.raw_headers[: 2 if status == HTTPStatus.NO_CONTENT else 1]
    return answer
