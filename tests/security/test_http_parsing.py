"""What one program takes for one request and another for two is refused: nothing can be smuggled past a proxy.

Every request here is followed by a second one on the same connection. Whoever reads a head, a length or a chunk in
another way than we do would see that one begin somewhere else (RFC 9112 11.2).
"""

import asyncio
import contextlib
import re

import pytest
import pytest_asyncio
from uvicorn import Config, Server

from app.web.connections import Connection
from tests.patience import SECONDS

POST = b"POST /first HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Upgrade: anything, else\r\nConnection: keep-alive, Upgrade\r\n",
]


class Witness:
    """An application that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = []

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.asked.append((scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served():
    """A server with our connections, and what it was asked."""
    witness = Witness()
    server = Server(Config(witness, port=0, http=Connection, ws="none", lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1], witness
    server.should_exit = True
    await serving


async def asked(served, *pieces):
    """The statuses of all answers to what was sent, piece by piece, and what the application was asked."""
    port, witness = served
    witness.asked.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(65_536), timeout=SECONDS):
                received += piece
    finally:
        writer.close()
    return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)], list(witness.asked)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(
            POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", id="length-and-chunks"
        ),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG", id="chunks-and-length"
        ),
        pytest.param(POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", id="two-lengths"),
        pytest.param(POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", id="a-length-twice"),
        pytest.param(POST + b"Content-Length: 2, 2\r\n\r\nab", id="list-of-lengths"),
        pytest.param(POST + b"Content-Length: +2\r\n\r\nab", id="plus"),
        pytest.param(POST + b"Content-Length: -2\r\n\r\nab", id="minus"),
        pytest.param(POST + b"Content-Length: 0x2\r\n\r\nab", id="hexadecimal"),
        pytest.param(POST + b"Content-Length: 18446744073709551618\r\n\r\nab", id="overflow"),
        pytest.param(POST + b"Content-Length : 2\r\n\r\nab", id="blank-before-colon"),
        pytest.param(POST + b"Transfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", id="hidden-chunks"),
        pytest.param(POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", id="vertical-tab"),
        pytest.param(POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", id="folded-coding"),
        pytest.param(POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunks-not-last"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", id="two-codings"
        ),
        pytest.param(POST + b"X-One: a\r\n b\r\nContent-Length: 2\r\n\r\nab", id="folded-header"),
        pytest.param(POST.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\nab", id="line-feeds"),
        pytest.param(POST + b"X-One: a\nX-Two: b\r\n\r\n", id="one-line-feed"),
        pytest.param(POST + b"X-One: a\rX-Two: b\r\n\r\n", id="carriage-return"),
        pytest.param(POST + b"X-One: a\x00b\r\n\r\n", id="nul"),
        pytest.param(POST + b"X\x00One: a\r\n\r\n", id="nul-in-name"),
        pytest.param(b"GET /a b HTTP/1.1\r\nHost: here\r\n\r\n", id="blank-in-path"),
        pytest.param(b"GET /a\x01b HTTP/1.1\r\nHost: here\r\n\r\n", id="control-in-path"),
        pytest.param(b"GET /a\xffb HTTP/1.1\r\nHost: here\r\n\r\n", id="eight-bits-in-path"),
        pytest.param(b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: here\r\n\r\n", id="connect"),
        pytest.param(
            b"CONNECT elsewhere:443 HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="connect-upgrade"
        ),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http2-preface"),
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_ends(served, request_):
    statuses, found = await asked(served, request_ + SECOND)

    assert statuses == [400]
    assert found == []


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"-1\r\n\r\n", id="minus"),
        pytest.param(b"0x2\r\nab\r\n0\r\n\r\n", id="hexadecimal-prefix"),
        pytest.param(b"2 \r\nab\r\n0\r\n\r\n", id="blank"),
        pytest.param(b"2\nab\n0\n\n", id="line-feeds"),
        pytest.param(b"2;a\nb\r\nab\r\n0\r\n\r\n", id="line-feed-in-extension"),
        pytest.param(b"2\r\nabXX0\r\n\r\n", id="no-end-of-chunk"),
        pytest.param(b"10000000000000002\r\nab\r\n0\r\n\r\n", id="overflow"),
    ],
)
async def test_a_broken_chunk_ends_the_connection_and_nothing_behind_it_is_a_request(served, chunks):
    statuses, found = await asked(served, CHUNKED + chunks + SECOND)

    assert statuses == [400]
    assert ("GET", "/second", b"") not in found


@pytest.mark.parametrize("upgrade", UPGRADES, ids=["h2c", "websocket", "other"])
@pytest.mark.parametrize("apart", [False, True], ids=["at-once", "apart"])
async def test_the_body_of_a_request_that_asks_for_another_protocol_is_its_body(served, upgrade, apart):
    """We speak no other, so it is answered as any other request; what looks like a request in its body is none."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: here\r\n\r\n"
    head = POST + upgrade + b"Content-Length: %d\r\n\r\n" % len(hidden)

    statuses, found = await asked(served, *([head, hidden, SECOND] if apart else [head + hidden + SECOND]))

    assert statuses == [200, 200]
    assert found == [("POST", "/first", hidden), ("GET", "/second", b"")]


@pytest.mark.parametrize("upgrade", UPGRADES, ids=["h2c", "websocket", "other"])
async def test_chunks_and_requests_behind_an_upgrade_are_read_as_ever(served, upgrade):
    chunked = POST + upgrade + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    bare = b"GET /bare?a=b HTTP/1.1\r\nHost: here\r\n" + upgrade + b"\r\n"

    statuses, found = await asked(served, chunked + bare + bare + SECOND)

    assert statuses == [200, 200, 200, 200]
    assert found == [("POST", "/first", b"abc"), *[("GET", "/bare", b"")] * 2, ("GET", "/second", b"")]
