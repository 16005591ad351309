"""Attachments of Messages (CDS-WG1-02 6.1, 6.7, 6.9; ambiguities C3, C22)."""

import asyncio
import dataclasses
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.messages_from_server import post_from_server
from app.errors import Conflict, NotFound, StoreUnavailable
from tests.conftest import Registered, Server
from tests.message_objects import (
    EVERYTHING,
    MESSAGES,
    PRIVATE,
    SUPPORT,
    attachment,
    created,
    operator_asks,
    operator_decides,
    operator_posts,
    refused,
    reread,
)

MIB = 1024 * 1024


@pytest.mark.clause("WG1-02-6.1-08", "WG1-02-6.7-01", "WG1-02-6.7-02")
async def test_attachments_come_back_unchanged_wherever_a_message_is_shown(server: Server) -> None:
    client = await server.register()
    files = [
        attachment(b"%PDF-1.7 one"),
        attachment(b"\x00\xff" * 7, filename="Ärger & co.bin", mime_type="application/octet-stream"),
        attachment(b"", filename="nothing.txt", mime_type="text/plain; charset=utf-8"),
    ]

    message = await created(client, SUPPORT | {"attachments": files})

    assert message["attachments"] == files
    assert await reread(client, message) == message
    listing = (await client.get(MESSAGES)).json()
    assert listing["read"] == listing["outstanding"] == [message]
    answer = await client.patch(message["uri"], {"read": False})
    assert answer.json()["attachments"] == files
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_many_messages_with_and_without_attachments_share_a_listing(server: Server) -> None:
    client = await server.register()
    messages = []
    for number in range(6):
        files = [attachment(bytes([number]) * size) for size in range(number)]
        messages.append(await created(client, PRIVATE | ({"attachments": files} if files else {})))

    assert (await client.get(MESSAGES)).json()["read"] == messages[::-1]


@pytest.mark.parametrize("type_", ["private_message", "support_request", "production_request", "grant_request"])
async def test_every_type_takes_attachments(server: Server, type_: str) -> None:
    client = await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_customer_data"]
    body = SUPPORT | {
        "type": type_,
        "related_uri": sandbox["cds_client_uri"],
        "grants_requested": [{"scope": "ple_customer_data", "authorization_details": []}],
        "attachments": [attachment()],
    }

    assert (await created(client, body))["attachments"] == body["attachments"]


async def test_a_submission_takes_attachments(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "licence")
    body = {
        "previous_uri": request["uri"],
        "type": "client_submission",
        "name": "",
        "description": "",
        "updates_requested": [{"field": "licence", "description": "attached"}],
        "attachments": [attachment()],
    }

    assert (await created(client, body))["attachments"] == body["attachments"]


@pytest.mark.parametrize("nothing", [None, []])
async def test_no_attachments_are_no_member(server: Server, nothing: Any) -> None:
    client = await server.register()

    assert "attachments" not in await created(client, PRIVATE | {"attachments": nothing})


@pytest.mark.clause("WG1-02-6.7-01", "WG1-02-6.9-14")
@pytest.mark.parametrize(
    ("attachments", "field"),
    [
        ({}, "attachments"),
        ("file", "attachments"),
        ([attachment()] * 51, "attachments"),
        (["file"], "attachments.0"),
        ([{}], "attachments.0.data"),
        ([attachment(filename=None)], "attachments.0.filename"),
        ([attachment(filename="")], "attachments.0.filename"),
        ([attachment(filename="../../etc/passwd")], "attachments.0.filename"),
        ([attachment(filename="..")], "attachments.0.filename"),
        ([attachment(filename="C:\\x")], "attachments.0.filename"),
        ([attachment(filename="a\nb")], "attachments.0.filename"),
        ([attachment(filename="x" * 256)], "attachments.0.filename"),
        ([attachment(mime_type=None)], "attachments.0.mime_type"),
        ([attachment(mime_type="pdf")], "attachments.0.mime_type"),
        ([attachment(mime_type="text/html\r\nx: y")], "attachments.0.mime_type"),
        ([attachment(mime_type="a/b/c")], "attachments.0.mime_type"),
        ([attachment(data=None)], "attachments.0.data"),
        ([attachment(data="not base64!")], "attachments.0.data"),
        ([attachment(data="AAAA\nAAAA")], "attachments.0.data"),
        ([attachment(data="AAAAA")], "attachments.0.data"),
        ([attachment(data="12:m0123456789/0")], "attachments.0.data"),
        ([attachment(), attachment(data="=")], "attachments.1.data"),
    ],
)
async def test_malformed_attachments_are_refused(server: Server, attachments: Any, field: str) -> None:
    client = await server.register()

    await refused(client, PRIVATE | {"attachments": attachments}, field=field)


async def test_a_reference_into_the_file_store_cannot_be_smuggled_in(server: Server) -> None:
    """Neither as data nor as text that looks like one."""
    client, other = await server.register(), await server.register()
    secret = await created(other, PRIVATE | {"attachments": [attachment(b"secret")]})
    local = secret["message_id"].partition("-")[2]
    marks = [f"\x02{6}:{local}/0", f'"\\u0002{6}:{local}/0"', f"\\u0002{6}:{local}/0"]

    await refused(client, PRIVATE | {"attachments": [attachment(data=marks[0])]})
    await refused(client, PRIVATE | {"description": marks[0]})
    for text in marks[1:]:
        message = await created(client, PRIVATE | {"name": text, "description": text})
        assert (await reread(client, message))["description"] == text


@pytest.mark.clause("WG1-02-6.7-02")
async def test_an_unknown_type_is_an_octet_stream(server: Server) -> None:
    client = await server.register()

    message = await created(client, PRIVATE | {"attachments": [attachment(mime_type="")]})

    assert message["attachments"][0]["mime_type"] == "application/octet-stream"


async def test_other_spellings_of_base64_are_tolerated(server: Server) -> None:
    client = await server.register()
    content = b"\xfb\xff\xfe?"
    urlsafe = urlsafe_b64encode(content).decode().rstrip("=")

    message = await created(client, PRIVATE | {"attachments": [attachment(data=urlsafe)]})

    assert message["attachments"][0]["data"] == b64encode(content).decode()


@pytest.mark.clause("WG1-02-6.9-16", "WG1-02-6.9-15")
async def test_ten_megabytes_are_accepted_and_more_than_the_limit_is_not(server: Server) -> None:
    client = await server.register()
    content = bytes(range(256)) * (10 * MIB // 256)

    message = await created(client, PRIVATE | {"attachments": [attachment(content)]})

    assert message["attachments"] == [attachment(content)]
    assert await reread(client, message) == message
    limit = server.settings.max_attachments_bytes
    whole = [attachment(content), attachment(bytes(limit - len(content)))]
    assert (await client.post(MESSAGES, PRIVATE | {"attachments": whole})).status_code == 201
    too_much = [attachment(content), attachment(bytes(limit - len(content) + 1))]
    answer = await client.post(MESSAGES, PRIVATE | {"attachments": too_much})
    assert answer.status_code == 413
    assert answer.json()["error"] == "content_too_large"
    assert answer.json()["errors"][0]["field"] == "attachments"


@pytest.mark.clause("WG1-02-6.9-15")
async def test_a_body_beyond_all_limits_is_not_even_read(server: Server) -> None:
    client = await server.register()
    await client.messages()

    answer = await client.call("POST", MESSAGES, content=b"", headers={"content-length": str(10**12)})

    assert answer.status_code == 413


async def test_long_bodies_are_read_only_for_a_good_token(server: Server) -> None:
    """A chunked one counts as long, because nobody knows."""
    client = await server.register()
    await client.messages()
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"{}"

    stranger = {"Authorization": f"Bearer {client.token[:-5]}aaaaa", "content-type": "application/json"}
    answer = await server.http.post(MESSAGES, content=body(), headers=stranger)

    assert answer.status_code == 401
    assert (await client.call("POST", MESSAGES, content=body())).status_code == 400


async def test_attachments_never_reach_the_store(server: Server) -> None:
    client = await server.register()
    content = b"only for the file store " * 10
    message = await created(client, PRIVATE | {"attachments": [attachment(content)]})

    dump = ""
    store: Any = server.service.parts.store
    async for key in store.client.scan_iter():
        if await store.client.type(key) == b"hash":
            dump += str(await store.client.hgetall(key))

    assert message["message_id"].partition("-")[2] in dump
    assert b64encode(content).decode()[:40] not in dump
    assert content.decode()[:20] not in dump


async def test_a_listing_holds_one_piece_at_a_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many attachments a listing has, they go out in pieces of a megabyte or so."""
    client = await server.register()
    for _ in range(3):
        await created(client, PRIVATE | {"attachments": [attachment(bytes(3 * MIB))]})
    sizes: list[int] = []

    async def send(message: Any) -> None:
        sizes.append(len(message.get("body", b"")))

    await raw_get(server, client, send)

    assert sum(sizes) > 12 * MIB
    assert max(sizes) < 2 * MIB


async def raw_get(server: Server, client: Registered, send: Any) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": MESSAGES,
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {client.token}".encode())],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await server.service(scope, receive, send)


async def test_head_reads_no_attachment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await server.register()
    message = await created(client, PRIVATE | {"attachments": [attachment(bytes(1000))]})
    got = await client.get(message["uri"])
    break_files(server, monkeypatch, "stream")

    head = await client.call("HEAD", message["uri"])

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]


class Broken:
    """A file store of which one method fails."""

    def __init__(self, files: Any, method: str, error: Exception) -> None:
        self._files, self._method, self._error = files, method, error
        self.deleted: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    async def put(self, key: str, data: Any) -> int:
        if self._method == "put" and not key.endswith("/0"):
            raise self._error
        size: int = await self._files.put(key, data)
        return size

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if self._method == "stream":
            raise self._error
        async for piece in self._files.stream(key, start, end):
            yield piece

    async def delete(self, key: str) -> None:
        self.deleted.append(key)
        await self._files.delete(key)


def break_files(server: Server, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception | None = None) -> Broken:
    broken = Broken(server.context.files, method, error or StoreUnavailable("The file store does not answer."))
    changed = dataclasses.replace(server.context, files=broken)
    assert server.service.state
    monkeypatch.setitem(server.service.state, "context", changed)
    return broken


async def test_a_silent_file_store_is_a_503_and_not_half_a_message(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await server.register()
    message = await created(client, PRIVATE | {"attachments": [attachment()]})
    plain = await created(client, PRIVATE)
    break_files(server, monkeypatch, "stream")

    for path in (message["uri"], MESSAGES):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
    assert (await client.get(plain["uri"])).status_code == 200


async def test_a_lost_attachment_is_our_error_and_not_a_missing_message(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await server.register()
    message = await created(client, PRIVATE | {"attachments": [attachment()]})
    break_files(server, monkeypatch, "stream", NotFound("The file does not exist."))

    answer = await client.get(message["uri"])

    assert answer.status_code == 500
    assert answer.json()["error"] == "server_error"


async def test_bytes_that_cannot_be_kept_leave_no_message(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await server.register()
    broken = break_files(server, monkeypatch, "put")

    answer = await client.post(MESSAGES, PRIVATE | {"attachments": [attachment(), attachment(b"x")]})

    assert answer.status_code == 503
    assert len(broken.deleted) == 1
    assert await client.messages("private_message") == []


async def test_a_message_that_came_too_late_leaves_no_bytes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator completes the request while the Client uploads its answer."""
    client = await server.register()
    request = await operator_asks(client, "licence")
    files = break_files(server, monkeypatch, "nothing")
    keep = files.put

    async def slow_put(key: str, data: Any) -> int:
        await operator_decides(client, request, "complete")
        return await keep(key, data)

    monkeypatch.setattr(files, "put", slow_put)
    answer = await client.post(
        MESSAGES,
        {
            "previous_uri": request["uri"],
            "type": "client_submission",
            "name": "",
            "description": "",
            "updates_requested": [{"field": "licence", "description": "attached"}],
            "attachments": [attachment()],
        },
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "previous_uri"
    assert len(files.deleted) == 1
    assert await client.messages("client_submission") == []


@pytest.mark.clause("WG1-02-6.7-02")
async def test_operators_attach_files_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await server.register()

    message = await operator_posts(client, attachments=[attachment(), attachment(mime_type="")])

    assert message["attachments"] == [attachment(), attachment(mime_type="application/octet-stream")]
    files = break_files(server, monkeypatch, "nothing")

    async def refuse(_: Any) -> None:
        raise Conflict("meanwhile")

    monkeypatch.setattr(server.context.records, "apply", refuse)
    body = {"type": "private_message", "name": "x", "description": "y", "attachments": [attachment()]}
    with pytest.raises(Conflict):
        await post_from_server(server.context, client.access, body)
    assert len(files.deleted) == 1


async def test_uploads_at_once_keep_apart(server: Server) -> None:
    client = await server.register()
    await client.messages()
    bodies = [PRIVATE | {"attachments": [attachment(bytes([number]) * 1000)]} for number in range(20)]

    answers = await asyncio.gather(*(client.post(MESSAGES, body) for body in bodies))

    for answer, body in zip(answers, bodies, strict=True):
        assert answer.json()["attachments"] == body["attachments"]
        assert await reread(client, answer.json()) == answer.json()
