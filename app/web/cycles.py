"""One request and its answer on a connection of uvicorn, written with less work for each header.

uvicorn looks at every header of every answer with two regular expressions and two comparisons, and writes the head and
the body apart. Our answers have up to ten headers, so that was a tenth of the time of a cached document. Here the head
is joined in one go, looked at as a whole, and leaves together with the first piece of the body.

Most answers are there as a whole, and so are most bodies of requests when somebody asks for them. These need no
messages, events or coroutines either (`app.web.calls.Exchange`).
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Headers = Iterable[tuple[bytes, bytes]]

_COLON: Final = b": "
_LINE_END: Final = b"\r\n"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\ncontent-length: "
_CHUNKED: Final = b"\ntransfer-encoding: chunked"
_CLOSE: Final = b"\nconnection: close"
_STATUS_LINES: Final = {status: line.removesuffix(_LINE_END) for status, line in STATUS_LINE.items()}
_WORTH_NO_COPY: Final = 16_384
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Cycle(RequestResponseCycle):
    """A request that is being answered. Header names of answers are in lower case, as everywhere in this project."""

    def __init__(self, connection: Any, *, keep_alive: bool, expects_continue: bool) -> None:  # noqa: ANN401 -- a Connection
        # All that uvicorn sets, and no more calls.
        self.scope = connection.scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.access_logger = connection.access_logger
        self.access_log = False
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects_continue
        self.body = bytearray()
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding = None
        self.expected_content_length = 0
        self.has_news = False
        self.waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._is_bodiless = False

    @property
    def message_event(self) -> Any:  # type: ignore[override]  # noqa: ANN401 -- nobody else's to set
        """What uvicorn calls `set` of, and nothing else. As an attribute it would make garbage of every request."""
        return self

    def set(self) -> None:
        """There is more of the body, or the end of it, or of the connection, or of the answer."""
        self.has_news = True
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    async def receive(self) -> Message:  # type: ignore[override] # uvicorn names each kind of message
        """Wait for a piece of the body; see ASGI's `http.request`. For one caller at a time."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not (self.has_news or self.disconnected or self.response_complete):
            self.flow.resume_reading()
            self.waiter = asyncio.get_running_loop().create_future()
            try:
                await self.waiter
            finally:
                self.waiter = None
        self.has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        self.flow.resume_reading()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def whole_body(self) -> bytes | None:
        """See `Exchange.whole_body`."""
        if self.more_body or self.disconnected or self.response_complete:
            return None
        self.has_news = False
        body, self.body = bytes(self.body), bytearray()
        return body

    def answer(self, status: int, headers: Headers, body: bytes | memoryview) -> bool:
        """See `Exchange.answer`."""
        if self.response_started or self.flow.write_paused:
            return False
        if self.disconnected:
            return True
        head = self._joined(status, headers)
        if self.scope["method"] == "HEAD":
            body = b""
        if _CLOSE in head:
            self.keep_alive = False
        elif not self.keep_alive:
            head += _LINE_END + _CLOSE[1:]
        self.response_started = True
        self.waiting_for_100_continue = False
        if len(body) > _WORTH_NO_COPY:
            self.transport.writelines((head + _END, body))
        else:
            self.transport.write(head + _END + body)
        self._finish()
        return True

    async def send(self, message: Message) -> None:  # type: ignore[override] # uvicorn names each kind of message
        """Take the head or a piece of the body; see ASGI's `http.response.start` and `http.response.body`.

        Raises:
            RuntimeError: The answer is not one that HTTP knows: a header with a line end in it, or a body of another
                length than its head says. The connection is closed then, or answered 500.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
        elif self.response_complete or not self.response_started:
            raise RuntimeError("a piece of a body before its head or after its end")
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    def _joined(self, status: int, headers: Headers) -> bytes:
        lines = [_STATUS_LINES[status], *map(_COLON.join, self.default_headers), *map(_COLON.join, headers)]
        head = _LINE_END.join(lines)
        if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
            raise RuntimeError("a header with a line end or NUL in it")
        return head

    def _begin(self, status: int, headers: Headers) -> None:
        head = self._joined(status, headers)
        self.response_started = True
        self.waiting_for_100_continue = False
        self._is_bodiless = status in _BODILESS or self.scope["method"] == "HEAD"
        self.chunked_encoding = _CHUNKED in head
        if not self.chunked_encoding and not self._is_bodiless:
            head = self._with_length(head)
        if _CLOSE in head:
            self.keep_alive = False
        elif not self.keep_alive:
            head += _LINE_END + _CLOSE[1:]
        self._head = head + _END

    def _with_length(self, head: bytes) -> bytes:
        """Note how long the body will be; it goes in chunks when nobody knows."""
        at = head.find(_LENGTH)
        if at < 0:
            self.chunked_encoding = True
            return head + b"\r" + _CHUNKED
        end = head.find(b"\r", at)
        self.expected_content_length = int(head[at + len(_LENGTH) : end if end >= 0 else None])
        return head

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self._is_bodiless:
            body = b""
        elif self.chunked_encoding:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("a body of another length than its head says")
        head, self._head = self._head, b""
        if len(body) > _WORTH_NO_COPY:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head + body)
        if not more:
            self._finish()

    def _finish(self) -> None:
        self.response_complete = True
        if self.waiter:
            self.set()
        if not self.keep_alive and not self.more_body:
            self.transport.close()
        done: Any = self.on_response
        done()
