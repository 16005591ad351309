"""A request on its way through the service, with what every endpoint needs of it at hand.

Starlette's Request makes an object for the headers that looks through all of them at every question, and another for
the state; both cost more than what is asked of them. So the edge makes one dictionary of the headers and keeps it in
the scope.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.types import Scope

from app.web.state import Facts, State

HEADERS: Final = "cds.headers"
FACTS: Final = "cds.facts"

Headers = dict[bytes, bytes]

_CREDENTIALS: Final = frozenset({b"authorization", b"proxy-authorization"})


class Call(Request[State]):
    """Starlette's request, whose state is the dictionary itself."""

    @property
    def state(self) -> State:
        """What it may use."""
        state: State = self.scope["state"]
        return state


def header(request: Request[Any], name: bytes) -> str:
    """The value of a header; "" when it was not sent."""
    return headers_of(request.scope).get(name, b"").decode("latin-1")


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
