"""A request on its way through the service, with what every endpoint needs of it at hand.

Starlette's Request makes an object for the headers that looks through all of them at every question, and another for
the state; both cost more than what is asked of them. So the edge makes one dictionary of the headers and keeps it in
the scope.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from starlette.requests import Request, empty_send
from starlette.types import Receive, Scope

from app.web.state import Facts, State

HEADERS: Final = "cds.headers"
FACTS: Final = "cds.facts"
EXCHANGE: Final = "cds.exchange"

Headers = dict[bytes, bytes]

_CREDENTIALS: Final = frozenset({b"authorization", b"proxy-authorization"})


class Exchange(Protocol):
    """What our own server does in one step for which ASGI has several; others leave none in the scope."""

    def whole_body(self) -> bytes | None:
        """The body of the request if all of it has come and nobody has taken it, else None."""

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes | memoryview) -> bool:
        """Send a whole answer, of which the headers say the length; nothing of it is sent when this returns False.

        Raises:
            RuntimeError: A header has a line end in it.
        """


class Call(Request[State]):
    """Starlette's request, whose state is the dictionary itself."""

    # Attributes instead of properties, which each request asks for several times.
    state: State = None  # type: ignore[assignment] # set below
    path_params: dict[str, str] = None  # type: ignore[assignment]

    def __init__(self, scope: Scope, receive: Receive, exchange: Exchange | None = None) -> None:
        # All that Starlette sets, and no more calls.
        self.scope = scope
        self._receive = receive
        self._send = empty_send
        self._stream_consumed = False
        self._is_disconnected = False
        self._form = None
        self.state = scope["state"]
        self.path_params = scope["path_params"]
        self.exchange = exchange


def header(request: Request[Any], name: bytes) -> str:
    """The value of a header; "" when it was not sent."""
    headers: Headers = request.scope.get(HEADERS) or headers_of(request.scope)
    return headers.get(name, b"").decode("latin-1")


def headers_of(scope: Scope) -> Headers:
    """All headers by their names, in lower case as ASGI has them.

    What was sent several times is joined (RFC 9110 5.2). Credentials that were sent several times count as none: a
    gateway in front may have checked those that we would not look at.
    """
    found: Headers | None = scope.get(HEADERS)
    if found is None:
        raw = scope["headers"]
        found = scope[HEADERS] = dict(raw)
        if len(found) != len(raw):
            for name in found:
                values = [value for other, value in raw if other == name]
                found[name] = b"" if len(values) > 1 and name in _CREDENTIALS else b", ".join(values)
    return found


def facts_of(request: Request[Any]) -> Facts:
    """What the log line of the request is going to say."""
    facts: Facts = request.scope[FACTS]
    return facts
