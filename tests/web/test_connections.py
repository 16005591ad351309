"""Connections that send endless headers, or nothing for long, do not cost the server more than a moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server

from app.web import connections
from app.web.connections import MAX_HEAD_BYTES, Connection
from tests.patience import SECONDS

REGISTER = b"POST /oauth/register HTTP/1.1\r\nHost: here\r\n"


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """An application that waits for the whole body and answers how long it was."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def refusal(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An application that wants no body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Both."""
    await (refusal if scope["path"] == "/refuse" else echo)(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server with our connections."""
    server = Server(Config(application, port=0, http=Connection, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def conversation(port: int, *pieces: bytes, pause_seconds: float = 0.02) -> bytes:
    """Send pieces one after the other; what came back until the server closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answering = asyncio.create_task(everything(reader))
    try:
        for piece in pieces:
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(pause_seconds)
        return await asyncio.wait_for(answering, timeout=SECONDS)
    finally:
        writer.close()


async def everything(reader: asyncio.StreamReader) -> bytes:
    """What comes, until the connection ends in whatever way."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            received += piece
    return received


@pytest.mark.parametrize(
    "line",
    [b"X-Long: " + b"a" * 8000, b"X-Many: a\r\n" * 800, b"Cookie: " + b"c" * 8000],
    ids=["long", "many", "cookie"],
)
async def test_endless_headers_end_with_431(port: int, line: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nHost: here\r\n"

    answer = await conversation(port, head, *[line] * (MAX_HEAD_BYTES // 8000 + 1))

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_an_endless_request_line_ends_too(port: int) -> None:
    assert b" 431 " in await conversation(port, b"GET /", *[b"a" * 16_000] * 5)


async def test_endless_trailers_end_the_connection(port: int) -> None:
    chunked = REGISTER + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"

    assert b" 200 " not in await conversation(port, chunked, *[b"X-More: " + b"a" * 8000 + b"\r\n"] * 20)


async def test_long_bodies_and_many_requests_on_one_connection_are_no_headers(port: int) -> None:
    length = 4 * MAX_HEAD_BYTES
    plain = REGISTER + b"Content-Length: %d\r\n\r\n" % length + b"a" * length
    chunks = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    last = (
        REGISTER + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks * (length // 4096) + b"0\r\n\r\n"
    )

    answer = await conversation(port, plain, plain, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 100, last)

    assert answer.count(b"HTTP/1.1 200 ") == 103
    assert answer.endswith(str(length).encode())


async def test_a_head_that_never_comes_to_its_end_is_408(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)

    assert (await conversation(port, b"GET / HTTP/1.1\r\n")).startswith(b"HTTP/1.1 408 ")
    second = await conversation(port, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b"GET / HTTP/1.1\r\n")
    assert second.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in second


async def test_whoever_connects_and_asks_nothing_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)

    assert await conversation(port) == b""


async def test_a_slow_body_is_not_a_slow_head(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    head = REGISTER + b"Connection: close\r\nContent-Length: 20\r\n\r\n"

    assert b" 200 " in await conversation(port, head, *[b"a"] * 20, pause_seconds=0.04)


REFUSED = b"POST /refuse HTTP/1.1\r\nHost: here\r\nContent-Length: 20000000\r\n"


@pytest.mark.parametrize("line", [b"Connection: close\r\n", b""], ids=["close", "keep"])
async def test_an_answer_before_the_end_of_a_long_body_arrives(port: int, line: bytes) -> None:
    """Whoever sends all before it reads anything still gets it, on the last request of a connection too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(REFUSED + line + b"\r\n")
        for _ in range(200):
            writer.write(b"a" * 100_000)
            await writer.drain()
        answer = await asyncio.wait_for(reader.readuntil(b"no"), timeout=SECONDS)
    finally:
        writer.close()

    assert answer.startswith(b"HTTP/1.1 401 ")


async def endless(writer: asyncio.StreamWriter) -> None:
    """Send for as long as somebody takes it."""
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_whoever_never_ends_a_body_that_nobody_wants_is_let_go(port, monkeypatch) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(REFUSED + b"Connection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), timeout=SECONDS)).endswith(b"no")
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(endless(writer), timeout=SECONDS)
    finally:
        writer.close()


async def test_a_connection_that_was_refused_early_does_not_wait_for_ever(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"POST /refuse HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.wait_for(reader.readuntil(b"no"), timeout=SECONDS)
        writer.write(b"cdGET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.read(), timeout=SECONDS)
    finally:
        writer.close()
