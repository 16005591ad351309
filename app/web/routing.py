"""One table of routes, looked up by dictionary.

A router that tries its patterns one after the other costs more than the store does (measured: 0.48 of the throughput
with 61 routes), so a path is found in at most three look-ups: as it stands, with its last segment as a parameter, or
with the one before it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

Endpoint = Callable[[Request[Any]], Awaitable[Response]]


class ErrorStyle(StrEnum):
    """How a route's errors look."""

    OAUTH = "oauth"
    """An object with `error` and `error_description` (RFC 6749 5.2, RFC 7591 3.2.2)."""
    PROBLEM = "problem"
    """RFC 9457 problem details that carry the OAuth members too (ambiguities J5)."""
    PAGE = "page"
    """A page for the user who opened it."""


class Limit(StrEnum):
    """The rate limit by source address that applies before a route does anything."""

    ANONYMOUS = "anonymous"
    REGISTRATION = "registration"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Route:
    """A path and what answers there.

    Args:
        path: As in the metadata, with `{name}` for a segment that is a parameter.
        endpoints: By method; GET serves HEAD too.
        head: Unless this is False, because a GET uses something up that whoever only tries a link out should leave.
        app: A raw ASGI application instead of endpoints, for documents that are encoded at the start.
    """

    path: str
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    app: ASGIApp | None = None
    errors: ErrorStyle = ErrorStyle.PROBLEM
    limit: Limit = Limit.NONE
    head: bool = True

    @property
    def methods(self) -> tuple[str, ...]:
        """What `Allow` says."""
        named = set(self.endpoints) or {"GET"}
        return tuple(sorted(named | ({"HEAD"} if "GET" in named and self.head else set()) | {"OPTIONS"}))


class RouteTable:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, Route] = {}
        self._shaped: dict[str, tuple[Route, str]] = {}
        for route in self.routes:
            names = [segment[1:-1] for segment in route.path.split("/") if segment.startswith("{")]
            if not names:
                taken = self._exact.setdefault(route.path, route)
            else:
                shape = route.path.replace("{" + names[0] + "}", "{}")
                taken, _ = self._shaped.setdefault(shape, (route, names[0]))
            if taken is not route:
                message = f"two routes for {route.path}"
                raise ValueError(message)

    def find(self, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a path with its parameter, or None."""
        exact = self._exact.get(path)
        if exact:
            return exact, {}
        head, _, last = path.rpartition("/")
        found = self._shaped.get(head + "/{}")
        if found and last:
            return found[0], {found[1]: last}
        before, _, middle = head.rpartition("/")
        found = self._shaped.get(f"{before}/{{}}/{last}")
        if found and middle:
            return found[0], {found[1]: middle}
        return None
