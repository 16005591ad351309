"""What every request passes: route, limit, endpoint, errors, request id, one log line.

One plain ASGI application instead of a row of middlewares, because each wrapper costs (DESIGN.md section 8).
"""

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

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
from app.logs import SECRET_SHAPE, request_lines
from app.web.addresses import limit_key
from app.web.answers import Answer, empty_answer
from app.web.calls import EXCHANGE, FACTS, HEADERS, Call, Exchange, Headers, headers_of
from app.web.errors import error_answer
from app.web.pages import error_page
from app.web.routing import Endpoint, ErrorStyle, Limit, Route, RouteTable
from app.web.state import Facts, State
from app.web.traces import Traces, trace_id_of

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

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one HTTP request."""
        headers = scope.get(HEADERS) or headers_of(scope)
        facts = scope[FACTS] = self._request_ids.facts(scope["method"], headers)
        scope["state"] = self._state
        if self._traces is None:
            return self._serve(scope, receive, send, facts)
        return self._traced(self._traces, scope, receive, send, facts)

    async def _traced(self, traces: Traces, scope: Scope, receive: Receive, send: Send, facts: Facts) -> None:
        with traces.request(scope, facts):
            await self._serve(scope, receive, send, facts)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, facts: Facts) -> None:
        started = time.perf_counter()
        self._metrics.request_began()
        exchange: Exchange | None = scope.pop(EXCHANGE, None)
        style = ErrorStyle.PROBLEM
        try:
            path = scope["path"]
            found = self.table.find(self._own_path(path) if self._prefix else path)
            if found is None:
                raise NotFound("There is nothing at this address.")  # noqa: TRY301 -- see below
            route, scope["path_params"] = found
            style, facts.route = route.errors, route.path
            endpoint = None if route.app else route.endpoints.get(facts.method) or _endpoint(route, facts.method)
            if route.limit is not Limit.NONE:
                await self._spend(route, scope)
            answer = route.app if endpoint is None else await endpoint(Call(scope, receive, exchange))
            if answer and not (exchange and type(answer) is Answer and self._sent(answer, exchange, facts)):
                await answer(scope, receive, _Sending(send, facts, self._transport).send)
        except ClientDisconnect:
            facts.status = _CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 -- whatever it is, the caller gets an answer and the log the cause
            refusal = await self._refusal(error, scope, facts)
            if not facts.status:
                answer = self._error_answer(refusal, style, facts, scope)
                await answer(scope, receive, _Sending(send, facts, self._transport).send)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.request_ended(facts.route, facts.method, facts.status, seconds)
            facts.duration_ms = int(seconds * 100_000) / 100
            self._write(facts)

    def _sent(self, answer: Answer, exchange: Exchange, facts: Facts) -> bool:
        """Send an answer in one step; False when that cannot be done now."""
        own = (b"x-request-id", facts.request_id.encode())
        if not exchange.answer(answer.status_code, [*answer.raw_headers, own, *self._transport], answer.body):
            return False
        facts.status = answer.status_code
        return True

    def _own_path(self, path: str) -> str:
        """The path below our public URL, whether or not a proxy has stripped its prefix."""
        if not path.startswith(self._prefix):
            return path
        own = path[len(self._prefix) :]
        return own if own.startswith("/") else path if own else "/"

    async def _spend(self, route: Route, scope: Scope) -> None:
        """Count a request. Raises TooManyRequests when its source has used up its allowance for such routes."""
        if scope["method"] == _OPTIONS:
            return
        limiters = self._state["limiters"]
        limiter = limiters.registration if route.limit is Limit.REGISTRATION else limiters.anonymous
        asking = limiter.hit(limit_key(scope, self._state["settings"].trusted_proxies))
        if asking is not None:
            await asking

    def _error_answer(self, refusal: Refusal, style: ErrorStyle, facts: Facts, scope: Scope) -> Answer:
        if not facts.route and b"text/html" in headers_of(scope).get(b"accept", b""):
            style = ErrorStyle.PAGE  # somebody has followed or typed a link that leads nowhere
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


def _endpoint(route: Route, method: str) -> Endpoint:
    """What answers a request to a route. Raises MethodNotAllowed when nothing does."""
    endpoint = route.endpoints.get("GET" if method == "HEAD" and route.head else method)
    if endpoint:
        return endpoint
    if method == _OPTIONS:
        return partial(_allowed, route)
    raise MethodNotAllowed(route.methods)


async def _allowed(route: Route, _request: Request[State]) -> Answer:
    return empty_answer(204, headers=[(b"allow", ", ".join(route.methods).encode())])


class _Sending:
    """Sends an answer with the headers that every answer has, and notes its status."""

    __slots__ = ("_facts", "_send", "_transport")

    def __init__(self, send: Send, facts: Facts, transport: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._facts = facts
        self._transport = transport

    def send(self, message: Message) -> Awaitable[None]:
        """Pass an ASGI message on."""
        if message["type"] == "http.response.start":
            self._facts.status = message["status"]
            own = (b"x-request-id", self._facts.request_id.encode())
            message["headers"] = [*message["headers"], own, *self._transport]
        elif self._facts.method == "HEAD":
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        return self._send(message)


class _RequestIds:
    """Request ids of this process: a random beginning and a running number, so that making one costs nothing."""

    def __init__(self) -> None:
        self._beginning = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    def facts(self, method: str, headers: Headers) -> Facts:
        """What is known of a request at its beginning: its id, and the trace that it is part of, if it says so.

        The id is the one that a proxy gave, when it is a sensible one, else a new one.
        """
        given, trace = headers.get(b"x-request-id"), headers.get(b"traceparent")
        if given and _REQUEST_ID.fullmatch(given) and not SECRET_SHAPE.search(given):
            request_id = str(given, "ascii")
        else:
            request_id = f"{self._beginning}{next(self._numbers):06x}"
        return Facts(request_id, "", "", method, "", 0, 0.0, trace_id=trace_id_of(trace) if trace else "")
