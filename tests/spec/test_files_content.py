"""The bytes of Server-Provided Files (CDS-WG1-02 9.4; ambiguity G12)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.errors import StoreUnavailable
from tests.conftest import MakeServer, Server
from tests.server_files import CONTENT, PATH, Opening, Party, join, party, put

__all__ = ["party"]


@pytest.mark.clause("WG1-02-9.4-01", "WG1-02-9.1-03")
async def test_the_bytes_come_as_they_were_put(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    shown = (await opening.get(f"{PATH}/{file.file_id}")).json()

    response = await opening.get(shown["download_uri"])

    assert response.content == CONTENT
    assert response.headers["content-type"] == shown["mime_type"] == "application/pdf"
    assert int(response.headers["content-length"]) == shown["size"] == len(CONTENT)
    assert response.headers["content-disposition"] == 'attachment; filename="tariffs.pdf"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


async def test_an_empty_file_is_a_file(server: Server, party: Party) -> None:
    file = await put(server, b"")
    opening = await party.opening(file.file_id)

    response = await opening.get(f"{PATH}/{file.file_id}/download")

    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "0")


async def test_a_range_is_206_and_one_outside_416(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    path = f"{PATH}/{file.file_id}/download"

    with capture_logs() as logs:
        part = await opening.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, CONTENT[100:200])
    assert [str(line["status"]) for line in logs if line["event"] == "request"] == ["206"]
    assert part.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
    beyond = await opening.get(path, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert beyond.headers["content-type"] == "application/problem+json"


async def test_a_known_file_is_304_and_head_has_no_body(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    path = f"{PATH}/{file.file_id}/download"

    head = await opening.get(path, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))
    known = await opening.get(path, headers={"If-None-Match": head.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await opening.get(f"{PATH}/{file.file_id}", method="HEAD")).status_code == 200
    assert (await opening.get(method="HEAD")).content == b""


@pytest.mark.parametrize("name", ['say "hi".pdf', "Zählerstände.pdf", "報告.pdf", "a\\b.pdf", "../../etc/passwd"])
async def test_every_name_survives_and_none_breaks_a_header(server: Server, party: Party, name: str) -> None:
    file = await put(server, name=name)
    opening = await party.opening(file.file_id)

    assert (await opening.get(f"{PATH}/{file.file_id}")).json()["name"] == name
    disposition = (await opening.get(f"{PATH}/{file.file_id}/download")).headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert "/" not in disposition
    assert "\n" not in disposition


async def test_a_big_file_travels_in_small_pieces(server: Server, party: Party) -> None:
    """20 MB in and out; nobody ever holds more than a piece."""
    piece, count = bytes(range(256)) * 1024, 80
    taken: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(count):
            taken.append(number)
            yield piece

    file = await put(server, data=pieces())
    opening = await party.opening(file.file_id)
    sizes, digest = await received(opening, f"{PATH}/{file.file_id}/download")

    assert taken == list(range(count))
    assert file.size == sum(sizes) == len(piece) * count
    assert max(sizes) <= 1024 * 1024
    assert digest == hashlib.sha256(piece * count).hexdigest()


async def received(opening: Opening, path: str) -> tuple[list[int], str]:
    """The sizes of the pieces that the application sends, and the digest of all."""
    sizes: list[int] = []
    digest = hashlib.sha256()
    headers = [(b"authorization", f"Bearer {opening.token}".encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("utility.example", 443),
    }

    async def receive() -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sizes.append(len(message["body"]))
            digest.update(message["body"])

    await opening.server.service(scope, receive, send)
    return sizes, digest.hexdigest()


async def test_a_file_store_that_is_down_is_503(server: Server, party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    async def fail(*_: object) -> AsyncIterator[bytes]:
        raise StoreUnavailable("The file store does not answer at the moment; please try again.")
        yield b""

    monkeypatch.setattr(type(server.context.files), "stream", fail)
    response = await opening.get(f"{PATH}/{file.file_id}/download")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"


async def test_bytes_that_are_missing_are_503_and_not_404(server: Server, party: Party) -> None:
    """The file is shared, so a 404 would tell the Client to give up."""
    file = await put(server)
    opening = await party.opening(file.file_id)
    stored = await server.context.library.get(file.file_id)
    assert stored
    await server.context.files.delete(stored.internal.key)

    assert (await opening.get(f"{PATH}/{file.file_id}/download")).status_code == 503


async def test_each_route_asks_the_store_once(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    for path in (PATH, f"{PATH}/{file.file_id}", f"{PATH}/{file.file_id}/download"):
        before = server.connection.round_trips
        assert (await opening.get(path)).status_code == 200
        assert server.connection.round_trips == before + 1


@pytest.mark.clause("WG1-02-11.3-02")
async def test_the_rate_limit_of_the_client_object_applies(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_CLIENT="20/minute")
    party = await join(server)
    opening = await party.opening((await put(server)).file_id)

    statuses = [(await opening.get()).status_code for _ in range(25)]

    assert 429 in statuses
    assert set(statuses) == {200, 429}
    assert (await party.registered.get("/cds-api/v1/credentials")).status_code == 200
