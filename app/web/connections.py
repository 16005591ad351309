"""Connections from outside, which may neither send endless headers nor hold a place without asking for anything.

uvicorn's httptools protocol limits neither. Bodies have their own limits (`app.web.bodies`).
"""

import asyncio
import math
import select
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url
from uvicorn._types import ASGIVersions
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.web.calls import EXCHANGE, headers_of
from app.web.cycles import Cycle

MAX_HEAD_BYTES: Final = 65_536
"""The request line with all headers; also the trailers after a chunked body, and whatever else stands around chunks.

What arrives in one piece is parsed before it is counted, so up to one reading of asyncio (256 KiB) may pass.
"""

HEAD_SECONDS: Final = 30.0
"""How long a connection may take until the head of a request is complete."""

_ASGI: Final[ASGIVersions] = {"version": "3.0", "spec_version": "2.3"}

FRESH_SECONDS: Final = 1.0
"""In which whoever has opened a connection for a request has begun to send it."""


LINGER_SECONDS: Final = 5.0
"""How long the rest of a body is taken that nobody wants any more."""


class Connection(HttpToolsProtocol):
    """One connection.

    uvicorn starts a timer after every answer and stops it at the next request. Here one timer goes on for as long as
    the connection lives, and looks whenever it wakes until when this one may wait.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- uvicorn's business
        super().__init__(*args, **kwargs)
        self._pending_bytes = 0  # that came since the parser last had a whole head, a piece of a body or its end
        self._patient_until = math.inf
        self._watch: asyncio.TimerHandle | None = None
        self._is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._patient_until = self.loop.time() + HEAD_SECONDS
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        if self._watch:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse a head that has become too long."""
        is_new = not self._pending_bytes
        self._pending_bytes += len(data)
        self._parse(data)
        if not self._pending_bytes or self.transport.is_closing():
            return
        if self._pending_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif is_new or self._patient_until == math.inf:
            self._patient_until = self.loop.time() + HEAD_SECONDS

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as pause:
            self._parse_without_upgrade(data[pause.args[0] :])
        except HttpParserError:
            self._refuse_nonsense()

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Read a request once more, as if it did not ask for another protocol; there is none here (RFC 9110 7.8).

        The parser takes what follows the head of such a request for the other protocol. So its body would be lost, and
        what arrives later read as further requests, while a proxy in front knows that it is the body.
        """
        kept = [(name, value) for name, value in self.headers if name != b"upgrade"]
        if len(kept) == len(self.headers):  # CONNECT
            self._refuse_nonsense()
            return
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version), *map(b": ".join, kept)]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self._parse(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _refuse_nonsense(self) -> None:
        message = "Invalid HTTP request received."
        self.logger.warning(message)
        self.send_400_response(message)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is there."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A request is there: answer it, or keep it until those before it are answered."""
        if self.parser.should_upgrade():
            return  # it comes once more
        self._pending_bytes = 0
        self._patient_until = math.inf
        version = self.parser.get_http_version()
        self._describe(version)
        before: RequestResponseCycle | None = self.cycle  # None until the first request, whatever uvicorn's types say
        scope: dict[str, Any] = self.scope  # type: ignore[assignment] # which uvicorn lets have nothing beside what ASGI names
        self.cycle = scope[EXCHANGE] = Cycle(
            self,
            keep_alive=version != "1.0" and self.parser.should_keep_alive() and not self._is_ending,
            expects_continue=headers_of(scope).get(b"expect", b"").lower() == b"100-continue",
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _describe(self, version: str) -> None:
        """What the request line and the headers said, as ASGI has it."""
        url = self.url
        if url[:1] == b"/" and b"?" not in url and b"#" not in url:
            path, query = url, b""
        else:
            parsed = parse_url(url)
            path, query = parsed.path, parsed.query or b""
        decoded = path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme or "http",
            "path": unquote(decoded) if "%" in decoded else decoded,
            "raw_path": path,
            "query_string": query,
            "root_path": self.root_path,
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
            "state": self.app_state,
        }

    def on_body(self, body: bytes) -> None:
        """A piece of a body is there."""
        self._pending_bytes = 0
        self._patient_until = math.inf
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """A request has ended."""
        if self.parser.should_upgrade():
            return  # it comes once more
        self._pending_bytes = 0
        self._patient_until = math.inf
        cycle: Any = self.cycle
        if cycle.response_complete:  # before the end of the request
            self._patient_until = self.loop.time() + self.timeout_keep_alive
        else:
            cycle.more_body = False
            cycle.has_news = True
            if cycle.waiter:
                cycle.set()

    def on_response_complete(self) -> None:
        """An answer is on its way; go on with the next request, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self.cycle.keep_alive:
            self._linger()
        elif not self._pending_bytes:
            self._patient_until = self.loop.time() + self.timeout_keep_alive

    def shutdown(self) -> None:
        """End with the server, but not between a request that was sent and its answer.

        The last answer is the one to a request that is under way, that has begun to come, or that a connection which
        was opened a moment ago is for.
        """
        self._is_ending = True
        if self._is_answering():
            self.cycle.keep_alive = False
        elif self.cycle is None and not self._pending_bytes and self._watch:
            self._watch.cancel()
            self._patient_until += FRESH_SECONDS - HEAD_SECONDS
            self._look()
        elif not self._pending_bytes and not self._has_unread():
            self.transport.close()

    def _linger(self) -> None:
        """Close when the other side has got its last answer, which came before the end of the body that it sends.

        Closed at once, the connection would be reset by what still comes, and the answer with it.
        """
        if self._watch:
            self._watch.cancel()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.set_protocol(_Rest(self))
        self._watch = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _has_unread(self) -> bool:
        """Whether something has come that the event loop has not brought here yet."""
        if self.transport.is_closing():
            return False
        looking = select.poll()
        looking.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(looking.poll(0))

    def _look(self) -> None:
        """Close a connection whose time is over."""
        left = self._patient_until - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(min(left, HEAD_SECONDS), self._look)
        elif self._is_answering() or (not self._pending_bytes and self._has_unread()):
            self._watch = self.loop.call_later(HEAD_SECONDS, self._look)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Close; with an answer unless one to an earlier request is being written, or nothing has been asked."""
        if self._pending_bytes and not self._is_answering():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request, whatever uvicorn's types say
        return cycle is not None and not cycle.response_complete


class _Rest(asyncio.Protocol):
    """What still comes on a connection whose last answer has been given."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has closed, or its time is over."""
        self._connection.connection_lost(exc)
