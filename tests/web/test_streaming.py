"""What a download answers: status, headers, the right bytes, and no reading for someone who left."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.errors import RangeNotSatisfiable, StoreUnavailable
from app.web.streaming import Download, download_answer

CONTENT = bytes(range(256)) * 4
URL = "http://test/download"


class Pieces:
    """A file of three pieces that remembers how far it was read."""

    def __init__(self, content: bytes = CONTENT, failing_from: int | None = None) -> None:
        self.content = content
        self.failing_from = failing_from
        self.asked: list[tuple[int, int]] = []
        self.read_bytes = 0

    async def __call__(self, start: int, end: int) -> AsyncIterator[bytes]:
        self.asked.append((start, end))
        for at in range(start, end, 400):
            if self.failing_from is not None and at >= self.failing_from:
                raise StoreUnavailable("down")
            piece = self.content[at : min(at + 400, end)]
            self.read_bytes += len(piece)
            yield piece


def app_for(pieces: Pieces, name: str = "report.pdf", mime_type: str = "application/pdf") -> Starlette:
    download = Download(name=name, mime_type=mime_type, size_bytes=len(pieces.content), etag='"f1-1"', pieces=pieces)

    async def endpoint(request: Request) -> Response:
        return await download_answer(request, download)

    return Starlette(routes=[Route("/download", endpoint, methods=["GET", "HEAD"])])


@pytest.fixture
def pieces() -> Pieces:
    return Pieces()


@pytest.fixture
async def http(pieces: Pieces) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app_for(pieces))) as http:
        yield http


async def test_the_whole_file_comes_with_the_headers_that_make_it_a_saved_file(http):
    answer = await http.get(URL)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert dict(answer.headers) == {
        "content-type": "application/pdf",
        "content-length": "1024",
        "content-disposition": 'attachment; filename="report.pdf"',
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
        "etag": '"f1-1"',
        "cache-control": "no-store",
    }


async def test_a_range_is_a_partial_answer(http, pieces):
    answer = await http.get(URL, headers={"Range": "bytes=300-899"})

    assert (answer.status_code, answer.content) == (206, CONTENT[300:900])
    assert answer.headers["content-range"] == "bytes 300-899/1024"
    assert answer.headers["content-length"] == "600"
    assert answer.headers["etag"] == '"f1-1"'
    assert pieces.asked == [(300, 900)]


async def test_a_download_is_resumed_only_while_the_file_is_the_same(http):
    same = await http.get(URL, headers={"Range": "bytes=1000-", "If-Range": '"f1-1"'})
    other = await http.get(URL, headers={"Range": "bytes=1000-", "If-Range": '"f1-0"'})

    assert (same.status_code, same.content) == (206, CONTENT[1000:])
    assert (other.status_code, other.content) == (200, CONTENT)


async def test_a_range_outside_the_file_is_refused(http):
    with pytest.raises(RangeNotSatisfiable):
        await http.get(URL, headers={"Range": "bytes=1024-"})


async def test_head_answers_as_for_the_whole_file_and_reads_nothing(http, pieces):
    whole = await http.get(URL)
    pieces.asked.clear()

    head = await http.head(URL, headers={"Range": "bytes=0-9"})

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers
    assert pieces.asked == []


async def test_who_has_the_file_already_is_told_so(http, pieces):
    answer = await http.get(URL, headers={"If-None-Match": '"f1-1"', "Range": "bytes=0-9"})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"f1-1"'
    assert "content-length" not in answer.headers
    assert pieces.asked == []


async def test_an_empty_file_is_an_empty_answer():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app_for(Pieces(b"")))) as http:
        answer = await http.get(URL)

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize("mime_type", ["", "text/html\r\nX-Evil: 1", "html", "text/ü", "a/b; charset=\r\n"])
async def test_a_type_that_is_none_is_sent_as_plain_bytes(mime_type):
    transport = httpx.ASGITransport(app=app_for(Pieces(), mime_type=mime_type))
    async with httpx.AsyncClient(transport=transport) as http:
        answer = await http.get(URL)

    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in answer.headers


async def test_a_file_store_that_is_down_is_not_half_a_file():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app_for(Pieces(failing_from=0)))) as http:
        with pytest.raises(StoreUnavailable):
            await http.get(URL)


async def asgi(pieces: Pieces, spec_version: str, *, leaves_after_bytes: int) -> list[dict[str, object]]:
    """Drive the app by hand as a server does whose caller hangs up after so many bytes."""
    sent: list[dict[str, object]] = []
    gone = asyncio.Event()

    async def send(message: dict[str, object]) -> None:
        await asyncio.sleep(0)
        if gone.is_set() and spec_version == "2.4":
            raise OSError
        sent.append(message)
        if sum(len(part.get("body", b"")) for part in sent) >= leaves_after_bytes:
            gone.set()

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "method": "GET",
        "path": "/download",
        "query_string": b"",
        "headers": [],
    }
    await app_for(pieces)(scope, receive, send)
    return sent


async def test_a_failure_half_way_breaks_off_without_a_proper_end():
    pieces = Pieces(failing_from=400)
    sent: list[dict[str, object]] = []

    async def keep(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.3"},
        "method": "GET",
        "path": "/download",
        "query_string": b"",
        "headers": [],
    }
    with pytest.raises(StoreUnavailable):
        await app_for(pieces)(scope, receive, keep)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True


async def test_reading_ends_when_the_caller_leaves():
    pieces = Pieces()
    await asgi(pieces, "2.3", leaves_after_bytes=400)

    assert pieces.read_bytes < len(CONTENT)


async def test_reading_ends_when_the_server_says_that_the_caller_left():
    pieces = Pieces()
    with pytest.raises(ClientDisconnect):
        await asgi(pieces, "2.4", leaves_after_bytes=400)

    assert pieces.read_bytes < len(CONTENT)
