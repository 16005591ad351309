"""Forms with files, read piece by piece however they arrive (RFC 7578)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from app.errors import ContentTooLarge, InvalidRequest
from app.web.multipart import MAX_FIELDS_BYTES, MAX_PARTS, Multipart

BOUNDARY = "--frontier"
START = f"--{BOUNDARY}\r\n".encode()
END = f"--{BOUNDARY}--\r\n".encode()


def field(name: str, value: bytes) -> bytes:
    """A field of a form."""
    return START + f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"


def file(content: bytes, disposition: str = 'name="file"; filename="a.bin"', more: str = "") -> bytes:
    """A file of a form."""
    return START + f"Content-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"


def form(pieces: Sequence[bytes], boundary: str = BOUNDARY, **options: Any) -> Multipart:
    """A form that arrives in these pieces."""
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        body = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    headers = [(b"content-type", f"multipart/form-data; boundary={boundary}".encode())]
    return Multipart(Request({"type": "http", "method": "POST", "headers": headers}, receive), **options)


async def taken(one: Multipart) -> tuple[dict[str, str], bytes, dict[str, str]]:
    """The fields before the file, the file, the fields behind it."""
    before = await one.fields_before("file")
    content = b"".join([piece async for piece in one.pieces()])
    return before, content, await one.fields_behind()


@given(
    content=st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"--", BOUNDARY.encode(), b"\r\n--", b"x", b"\x00", b"\r\n----frontie"])
    ).map(b"".join),
    cuts=st.lists(st.integers(min_value=0, max_value=400)),
)
def test_a_form_is_the_same_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    """Unless the content has the boundary itself, which whoever chose it has seen to."""
    if f"\r\n--{BOUNDARY}".encode() in b"\r\n" + content + b"\r\n":
        return
    body = field("name", b"sp\xc3\xa4t") + file(content) + field("description", b"") + END
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]

    found = asyncio.run(taken(form(pieces)))

    assert found == ({"name": "spät"}, content, {"description": ""})


@pytest.mark.parametrize(
    ("disposition", "more", "filename", "content_type"),
    [
        ('name="file"; filename="a.csv"', "Content-Type: text/csv\r\n", "a.csv", "text/csv"),
        ('filename="a.csv"; name="file"', "content-type:text/csv\r\n", "a.csv", "text/csv"),
        ('name="file"; filename="a \\"b\\".csv"', "", 'a "b".csv', ""),
        ('name="file"; filename="a %22b%22.csv"', "", 'a "b".csv', ""),
        ('name="file"; filename="späte ; name=x.csv"', "", "späte ; name=x.csv", ""),
        ('name="file"; filename=""', "", "", ""),
    ],
)
async def test_a_file_says_its_name_and_type(disposition: str, more: str, filename: str, content_type: str) -> None:
    one = form([file(b"x", disposition, more) + END])

    await one.fields_before("file")

    assert one.file
    assert (one.file.filename, one.file.content_type) == (filename, content_type)


async def test_what_stands_before_the_first_boundary_does_not_count() -> None:
    found = await taken(form([b"This is a form.\r\n" + file(b"x") + END + b"The end."]))

    assert found == ({}, b"x", {})


async def test_a_boundary_may_be_quoted() -> None:
    body = (file(b"x") + END).replace(BOUNDARY.encode(), b"a b")

    assert await taken(form([body], '"a b"')) == ({}, b"x", {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        START,
        file(b"x"),
        file(b"x")[:-2],
        field("name", b"x") + END,
        field("file", b"x") + END,
        file(b"x") + file(b"y") + END,
        field("a", b"1") + field("a", b"2") + file(b"x") + END,
        field("a", b"\xff") + file(b"x") + END,
        file(b"x") + field("a", b"1") * 2 + END,
        START + b"Content-Disposition: form-data\r\n\r\n\r\n" + END,
        START + b'Content-Disposition: attachment; name="file"; filename="a"\r\n\r\n\r\n' + END,
        START + b"\xff: x\r\n\r\n\r\n" + END,
        START + b"x" * 9000 + b"\r\n\r\n" + END,
        b"".join(field(f"f{number}", b"") for number in range(MAX_PARTS + 1)) + file(b"x") + END,
    ],
)
async def test_a_form_that_is_broken_or_not_as_expected_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await taken(form([body]))


@pytest.mark.parametrize(
    "body",
    [
        field("a", b"x" * (MAX_FIELDS_BYTES + 1)) + file(b"x") + END,
        b"x" * (MAX_FIELDS_BYTES + 100),
        file(b"x") + b"".join(field(f"f{number}", b"x" * 60_000) for number in range(5)) + END,
    ],
)
async def test_fields_are_bounded_and_files_are_not(body: bytes) -> None:
    with pytest.raises(ContentTooLarge):
        await taken(form([body]))
    _, content, _ = await taken(form([file(b"x" * (2 * MAX_FIELDS_BYTES)) + END]))
    assert len(content) == 2 * MAX_FIELDS_BYTES


async def test_a_body_that_stops_arriving_is_given_up() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(10)
        raise AssertionError

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    one = Multipart(Request({"type": "http", "method": "POST", "headers": headers}, receive), idle_seconds=0.01)

    with pytest.raises(InvalidRequest, match="in time"):
        await one.fields_before("file")


@pytest.mark.parametrize(
    "content_type",
    ["", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=b", "application/json"],
)
def test_another_content_type_is_refused(content_type: str) -> None:
    async def receive() -> AsyncIterator[bytes]:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}

    with pytest.raises(InvalidRequest, match="content type"):
        Multipart(Request(scope, receive))  # type: ignore[arg-type]  # nothing is received
