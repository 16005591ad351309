"""The end of a listener and of its connections loses nobody (app/web/listening.py, app/web/connections.py)."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server

from app.web import connections
from app.web.connections import Connection
from app.web.listening import QUEUE_SECONDS, SETTLE_SECONDS, Drain, queued
from tests.patience import SECONDS

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Clock:
    """Monotonic seconds."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def caller_of(listener: socket.socket) -> socket.socket:
    """A connection that the kernel has completed and nobody has accepted."""
    return socket.create_connection(listener.getsockname())


def test_everybody_is_let_in_until_the_time_has_come(listener):
    clock = Clock()
    drain = Drain(listener, 5, clock)
    clock.seconds += 4.9

    assert not drain.is_over()
    with caller_of(listener):
        assert queued(listener) == 1


def test_then_nobody_is_let_in_and_those_who_wait_are_waited_for(listener):
    clock = Clock()
    drain = Drain(listener, 5, clock)
    with caller_of(listener) as early:
        clock.seconds += 6
        assert not drain.is_over()
        with socket.socket() as late:
            late.setblocking(False)
            assert late.connect_ex(listener.getsockname())
            clock.seconds += 2 * SETTLE_SECONDS
            assert not drain.is_over()
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"good")
                assert early.recv(4) == b"good"
            assert queued(listener) == 0
            assert drain.is_over()


def test_a_process_that_does_not_accept_is_not_waited_for_for_ever(listener):
    clock = Clock()
    drain = Drain(listener, 0, clock)
    with caller_of(listener):
        assert not drain.is_over()
        clock.seconds += 2 * QUEUE_SECONDS

        assert drain.is_over()


def test_a_connection_that_had_begun_has_a_moment_to_come_into_the_queue(listener):
    clock = Clock()
    drain = Drain(listener, 0, clock)
    assert not drain.is_over()
    assert not drain.is_over()
    clock.seconds += 2 * SETTLE_SECONDS

    assert drain.is_over()


async def greet(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server with our connections, which is not told that it ends."""
    server = Server(Config(greet, port=0, http=Connection, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    await serving


@contextlib.asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, socket.socket]]:
    """A connection that the server knows; what is written to the socket it does not notice at once."""
    known = len(server.server_state.connections)
    caller = socket.create_connection(server.servers[0].sockets[0].getsockname())
    written = caller.dup()
    reader, writer = await asyncio.open_connection(sock=caller)
    while len(server.server_state.connections) == known:  # noqa: ASYNC110 -- likewise
        await asyncio.sleep(0.01)
    try:
        yield reader, written
    finally:
        written.close()
        writer.close()


def end(server: Server) -> None:
    """What uvicorn does with connections when it ends."""
    for one in list(server.server_state.connections):
        one.shutdown()


async def answer(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), timeout=SECONDS)


async def test_a_request_that_nobody_has_read_yet_is_answered_on_a_connection_that_was_idle(server):
    async with connected(server) as (reader, caller):
        caller.sendall(REQUEST)
        first = await asyncio.wait_for(reader.readuntil(b"hi"), timeout=SECONDS)
        caller.sendall(REQUEST)
        end(server)
        second = await answer(reader)

    assert b"connection" not in first
    assert second.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in second


async def test_an_idle_connection_is_closed_at_once(server):
    async with connected(server) as (reader, caller):
        caller.sendall(REQUEST)
        await asyncio.wait_for(reader.readuntil(b"hi"), timeout=SECONDS)
        end(server)

        assert await answer(reader) == b""


@pytest.mark.parametrize("pieces", [[REQUEST], [REQUEST[:7], REQUEST[7:]]], ids=["whole", "halves"])
async def test_a_connection_that_has_just_been_opened_is_for_a_request(server, pieces, monkeypatch):
    monkeypatch.setattr(connections, "FRESH_SECONDS", 20.0)
    async with connected(server) as (reader, caller):
        for piece in pieces[:-1]:
            caller.sendall(piece)
            await asyncio.sleep(0.05)
        end(server)
        await asyncio.sleep(0.05)
        caller.sendall(pieces[-1])

        assert (await answer(reader)).endswith(b"connection: close\r\n\r\nhi")


async def test_one_that_was_opened_for_nothing_is_closed_soon(server, monkeypatch):
    monkeypatch.setattr(connections, "FRESH_SECONDS", 0.1)
    async with connected(server) as (reader, _):
        end(server)

        assert await answer(reader) == b""
