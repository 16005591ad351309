"""Connections from outside, which may neither send endless headers nor hold a place without asking for anything.

uvicorn's httptools protocol limits neither. Bodies have their own limits (`app.web.bodies`).
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES: Final = 65_536
"""The request line with all headers; also the trailers after a chunked body, and whatever else stands around chunks.

What arrives in one piece is parsed before it is counted, so up to one reading of asyncio (256 KiB) may pass.
"""

HEAD_SECONDS: Final = 30.0
"""How long a connection may take until the head of a request is complete."""


class Connection(HttpToolsProtocol):
    """One connection. `_pending_bytes` came since the parser last had a whole head, a piece of a body or its end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- uvicorn's business
        super().__init__(*args, **kwargs)
        self._pending_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse a head that has become too long."""
        self._pending_bytes += len(data)
        super().data_received(data)
        if not self._pending_bytes or self.transport.is_closing():
            return
        if self._pending_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._patience is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """A request is there."""
        self._progress()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body is there."""
        self._progress()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has ended."""
        self._progress()
        super().on_message_complete()

    def _progress(self) -> None:
        self._pending_bytes = 0
        if self._patience is not None:
            self._stop_waiting()

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self._is_answering():
            self._wait()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Close; with an answer unless one to an earlier request is being written, or nothing has been asked."""
        self._stop_waiting()
        if self._pending_bytes and not self._is_answering():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request, whatever uvicorn's types say
        return cycle is not None and not cycle.response_complete
