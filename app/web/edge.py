"""What every request passes: route, limit, endpoint, errors, request id, one log line.

One plain ASGI application instead of a row of middlewares, because each wrapper costs (DESIGN.md section 8).
"""

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    BadCallSignature,
    InvalidClient,
    InvalidToken,
    MethodNotAllowed,
    NotFound,
    Refusal,
    ServerError,
    TooManyRequests,
    WrongLogin,
)
from app.logs import RequestLine, request_lines
from app.web.addresses import limit_key
from app.web.answers import Answer, empty_answer
from app.web.errors import error_answer
from app.web.pages import error_page
from app.web.routing import ErrorStyle, Limit, Route, RouteTable
from app.web.state import Facts, State
from app.web.traces import trace_id_of

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,128}")
_UNAUTHENTICATED: Final = (InvalidToken, InvalidClient, BadCallSignature, WrongLogin)
_CLIENT_CLOSED: Final = 499
_OPTIONS: Final = "OPTIONS"

ErrorPage = Callable[[Refusal], Answer]
ERROR_PAGE: Final = "cds.error_page"
"""Where an endpoint leaves an `ErrorPage` in the scope of its request, if its errors are to look like its pages."""


class Edge:
    """Serves a table of routes.

    Args:
        routes: All of them.
        state: What endpoints may use; filled before the first request.
        log: A structlog logger; one line per request goes there.
    """

    def __init__(self, routes: Iterable[Route], state: State, log: Any) -> None:  # noqa: ANN401 -- structlog's type
        self.table = RouteTable(routes)
        self._state = state
        self._log = log.bind()  # what structlog gives out looks itself up at every call
        self._write = request_lines(self._log)
        self._request_ids = _RequestIds()
        self._metrics = state["metrics"]
        self._traces = state["traces"]
        public = urlsplit(state["settings"].public_url)
        self._prefix = public.path
        self._transport = [(b"strict-transport-security", b"max-age=63072000")] if public.scheme == "https" else []

    def drain(self) -> None:
        """From now on every answer closes its connection, so that callers and proxies open the next one elsewhere."""
        self._transport = [*self._transport, (b"connection", b"close")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.perf_counter()
        self._metrics.request_began()
        facts = self._request_ids.facts(scope)
        if self._traces is None:
            await self._serve(scope, receive, send, facts, started)
        else:
            with self._traces.request(scope, facts):
                await self._serve(scope, receive, send, facts, started)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, facts: Facts, started: float) -> None:
        scope["state"] = self._state
        scope["cds.facts"] = facts
        exchange = _Exchange(send, facts.request_id, self._transport, head=scope["method"] == "HEAD")
        style = ErrorStyle.PROBLEM
        try:
            route = self._route(scope)
            style, facts.route = route.errors, route.path
            await self._application(route, scope)(scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = _CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 -- whatever it is, the caller gets an answer and the log the cause
            refusal = await self._refusal(error, scope, facts)
            if not exchange.status:
                await self._error_answer(refusal, style, facts, scope)(scope, receive, exchange.send)
        finally:
            facts.status = exchange.status
            seconds = time.perf_counter() - started
            self._metrics.request_ended(facts.route, scope["method"], facts.status, seconds)
            self._write_line(scope["method"], facts, seconds)

    def _route(self, scope: Scope) -> Route:
        """The route of a request. Raises NotFound when there is none."""
        found = self.table.find(self._own_path(scope["path"]))
        if found is None:
            raise NotFound("There is nothing at this address.")
        route, scope["path_params"] = found
        return route

    def _application(self, route: Route, scope: Scope) -> ASGIApp:
        """What answers a request to a route.

        Raises:
            MethodNotAllowed: Nothing does.
            TooManyRequests: The source address has used up its allowance for this kind of route; when it is only the
                store that knows, what is returned raises it.
        """
        if route.app:
            return _after(self._spend(route, scope), route.app)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        endpoint = route.endpoints.get(method)
        if endpoint is None:
            if method == _OPTIONS:
                return empty_answer(204, headers=[(b"allow", ", ".join(route.methods).encode())])
            raise MethodNotAllowed(route.methods)
        asking = self._spend(route, scope)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await endpoint(Request(scope, receive))
            await answer(scope, receive, send)

        return _after(asking, application)

    def _own_path(self, path: str) -> str:
        """The path below our public URL, whether or not a proxy has stripped its prefix."""
        if not self._prefix or not path.startswith(self._prefix):
            return path
        own = path[len(self._prefix) :]
        return own if own.startswith("/") else path if own else "/"

    def _spend(self, route: Route, scope: Scope) -> Awaitable[None] | None:
        """Count a request; done when nothing is returned, else by awaiting what is."""
        if route.limit is Limit.NONE:
            return None
        limiters = self._state["limiters"]
        limiter = limiters.registration if route.limit is Limit.REGISTRATION else limiters.anonymous
        return limiter.hit(limit_key(scope, self._state["settings"].trusted_proxies))

    def _error_answer(self, refusal: Refusal, style: ErrorStyle, facts: Facts, scope: Scope) -> Answer:
        if style is ErrorStyle.PAGE and ERROR_PAGE in scope:
            own: ErrorPage = scope[ERROR_PAGE]
            return own(refusal)
        if style is ErrorStyle.PAGE:
            return error_page(self._state, refusal, facts.request_id)
        return error_answer(refusal, style, facts.request_id)

    async def _refusal(self, error: Exception, scope: Scope, facts: Facts) -> Refusal:
        """What the caller is told about an error; failed authentication counts against its source.

        Beyond the limit a failure is told to come back later. Those who authenticate are served all the same: they may
        share an address with somebody who guesses, and secrets of 256 random bits are not found by guessing.
        """
        if not isinstance(error, Refusal):
            self._log.error("failed", request_id=facts.request_id, route=facts.route, exc_info=error)
            return ServerError(f"Something went wrong here; the request id is {facts.request_id}.")
        if error.detail:
            self._log.info("refused", request_id=facts.request_id, error=error.code, detail=error.detail)
        if isinstance(error, _UNAUTHENTICATED):
            self._metrics.authentication_failed(error.code)
        if isinstance(error, InvalidToken | InvalidClient):
            try:
                source = limit_key(scope, self._state["settings"].trusted_proxies)
                await self._state["limiters"].failed_auth.spend(source)
            except TooManyRequests as limit:
                error = limit
        if isinstance(error, TooManyRequests):
            self._metrics.rate_limited(error.limit)
        return error

    def _write_line(self, method: str, facts: Facts, seconds: float) -> None:
        self._write(
            RequestLine(
                facts.request_id,
                facts.registration_id,
                facts.client_id,
                method,
                facts.route,
                facts.status,
                round(seconds * 1000, 2),
                facts.operator,
                facts.trace_id,
            )
        )


def _after(asking: Awaitable[None] | None, application: ASGIApp) -> ASGIApp:
    """An application that answers when something else is done."""
    if asking is None:
        return application
    first = asking

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await first
        await application(scope, receive, send)

    return waiting


class _Exchange:
    """Sends an answer with the headers that every answer has, and remembers its status."""

    __slots__ = ("_extra", "_head", "_send", "status")

    def __init__(self, send: Send, request_id: str, transport: list[tuple[bytes, bytes]], *, head: bool) -> None:
        self._send = send
        self._extra = [(b"x-request-id", request_id.encode()), *transport]
        self._head = head
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass an ASGI message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._extra]
        elif self._head:
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        await self._send(message)


class _RequestIds:
    """Request ids of this process: a random beginning and a running number, so that making one costs nothing."""

    def __init__(self) -> None:
        self._beginning = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    def facts(self, scope: Scope) -> Facts:
        """What is known of a request at its beginning: its id, and the trace that it is part of, if it says so.

        The id is the one that a proxy gave, when it is a sensible one, else a new one.
        """
        request_id = trace_id = ""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and not request_id and _REQUEST_ID.fullmatch(value):
                request_id = str(value, "ascii")
            elif name == b"traceparent":
                trace_id = trace_id_of(value)
        return Facts(request_id or f"{self._beginning}{next(self._numbers):06x}", trace_id=trace_id)
