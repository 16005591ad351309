"""Answers that are there as a whole leave in one step, and say the same as those that leave in pieces."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from app.web.calls import EXCHANGE, Exchange
from app.web.connections import Connection
from app.web.cycles import Cycle
from tests.patience import SECONDS

HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"5")]


async def in_one_step(exchange: Exchange, _receive: Receive, _send: Send) -> None:
    assert exchange.answer(200, HEADERS, b"hello")
    assert not exchange.answer(200, HEADERS, b"again")


async def in_pieces(_exchange: Exchange, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"hello"})


async def large(exchange: Exchange, _receive: Receive, _send: Send) -> None:
    assert exchange.answer(200, [(b"content-length", b"100000")], b"a" * 100_000)


async def without_body(exchange: Exchange, _receive: Receive, _send: Send) -> None:
    assert exchange.answer(204, [(b"x-more", b"yes")], b"")


async def last(exchange: Exchange, _receive: Receive, _send: Send) -> None:
    assert exchange.answer(200, [*HEADERS, (b"connection", b"close")], b"hello")


async def forged(exchange: Exchange, _receive: Receive, send: Send) -> None:
    with pytest.raises(RuntimeError, match="line end"):
        exchange.answer(200, [(b"x-name", b"a\r\nx-other: b")], b"")
    await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def body(exchange: Exchange, receive: Receive, _send: Send) -> None:
    """Answers what has come of the body: at once, or after waiting for it."""
    found = exchange.whole_body()
    how = b"%d at once" % len(found) if found is not None else b"%d later" % len(await rest(receive))
    assert exchange.answer(200, [(b"content-length", b"%d" % len(how))], how)


async def twice(exchange: Exchange, receive: Receive, _send: Send) -> None:
    """Takes the body, answers, and asks for more."""
    found = exchange.whole_body()
    assert exchange.answer(200, [(b"content-length", b"%d" % len(found))], found)
    assert (await receive())["type"] == "http.disconnect"


async def rest(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message["body"])
        more = message["more_body"]
    return b"".join(pieces)


APPLICATIONS = {
    f"/{one.__name__}": one for one in (in_one_step, in_pieces, large, without_body, last, forged, body, twice)
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await APPLICATIONS[scope["path"]](scope.pop(EXCHANGE), receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server with our connections."""
    options = {"http": Connection, "lifespan": "off", "log_config": None, "access_log": False, "server_header": False}
    server = Server(Config(application, port=0, date_header=False, **options))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def answer(port: int, request: bytes, *, until: bytes) -> bytes:
    """What comes back for a request, to the end of `until`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.readuntil(until), SECONDS)
    finally:
        writer.close()


def request(path: str, method: str = "GET", more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\n{more}\r\n".encode()


async def test_an_answer_in_one_step_is_the_same_as_one_in_pieces(port: int) -> None:
    whole = await answer(port, request("/in_one_step"), until=b"hello")

    assert whole == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
    assert whole == await answer(port, request("/in_pieces"), until=b"hello")


async def test_head_gets_the_headers_and_no_body(port: int) -> None:
    two = request("/in_one_step", "HEAD") + request("/in_one_step")

    both = await answer(port, two, until=b"hello")

    assert both.count(b"content-length: 5\r\n") == 2
    assert both.count(b"hello") == 1


async def test_a_long_body_follows_its_head(port: int) -> None:
    assert (await answer(port, request("/large"), until=b"a" * 100_000)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_an_answer_without_a_body_has_no_length_either(port: int) -> None:
    assert await answer(port, request("/without_body"), until=b"\r\n\r\n") == (
        b"HTTP/1.1 204 No Content\r\nx-more: yes\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("path", "more"),
    [("/last", ""), ("/in_one_step", "Connection: close\r\n"), ("/in_pieces", "Connection: close\r\n")],
)
async def test_the_last_answer_says_so_once_and_the_connection_ends(port: int, path: str, more: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(path, more=more))

    whole = await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()

    assert whole.count(b"connection: close") == 1
    assert whole.endswith(b"\r\n\r\nhello")


async def test_a_header_with_a_line_end_is_not_sent(port: int) -> None:
    assert b"x-other" not in await answer(port, request("/forged"), until=b"\r\n\r\n")


async def test_a_body_that_came_with_its_head_is_there_at_once(port: int) -> None:
    posted = request("/body", "POST", "Content-Length: 3\r\n") + b"abc"

    assert (await answer(port, posted * 2, until=b"3 at once")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_body_that_is_still_coming_is_waited_for(port: int) -> None:
    length = 10 * HIGH_WATER_LIMIT
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("/body", "POST", f"Content-Length: {length}\r\nExpect: 100-continue\r\n"))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS) == b"HTTP/1.1 100 Continue\r\n\r\n"

    writer.write(b"a" * length)

    assert (await asyncio.wait_for(reader.readuntil(b" later"), SECONDS)).endswith(b"\r\n\r\n%d later" % length)
    writer.close()


async def test_who_has_taken_the_body_and_answered_learns_that_it_is_over(port: int) -> None:
    posted = request("/twice", "POST", "Content-Length: 3\r\n") + b"abc"

    assert (await answer(port, posted, until=b"\r\n\r\nabc")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_requests_that_are_answered_leave_nothing_for_the_garbage_collector(port: int) -> None:
    many = b"".join(request("/in_one_step") + request("/in_pieces") for _ in range(10)) + request("/large")
    gc.collect()
    gc.disable()
    try:
        await answer(port, many, until=b"a" * 100_000)
        left = sum(isinstance(one, Cycle) for one in gc.get_objects())
    finally:
        gc.enable()

    assert left <= 2  # the last one of the connection, and the one before while its task ends
