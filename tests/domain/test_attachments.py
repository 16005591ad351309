"""Attachments on their way in and out (CDS-WG1-02 6.7)."""

from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attachments import (
    MAX_ATTACHMENTS,
    Reference,
    expand,
    has_references,
    length_of,
    parts_of,
    read,
)
from app.errors import ContentTooLarge, InvalidRequest
from app.schemas.encoding import decode, encode

RID = "3f0123456789ab"


class Pieces:
    """A file store whose objects come in pieces of any size."""

    def __init__(self, objects: dict[str, list[bytes]]) -> None:
        self.objects = objects

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        assert (start, end) == (0, sum(map(len, self.objects[key])))
        for piece in self.objects[key]:
            yield piece


def stored(name: str, pieces: list[bytes]) -> dict[str, str]:
    return {"data": f"\x02{sum(map(len, pieces))}:{name}"}


@given(st.lists(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5), min_size=1, max_size=4))
async def test_bytes_come_out_as_base64_however_they_are_cut(attachments: list[list[bytes]]) -> None:
    names = [f"m{number}/{number}" for number in range(len(attachments))]
    document = encode([stored(name, pieces) for name, pieces in zip(names, attachments, strict=True)])
    files = Pieces({f"attachments/{RID}/{name}": pieces for name, pieces in zip(names, attachments, strict=True)})
    parts = parts_of(document)

    out = b"".join([piece async for piece in expand(files, RID, parts)])  # type: ignore[arg-type] -- only stream is used

    assert has_references(document)
    assert [b64encode(b"".join(pieces)).decode() for pieces in attachments] == [one["data"] for one in decode(out)]
    assert len(out) == length_of(parts)


@given(st.text())
def test_no_text_without_control_characters_looks_like_a_reference(text: str) -> None:
    harmless = text.replace("\x02", "")
    document = encode({"description": harmless, "name": '"\\u0002' + harmless})

    assert not has_references(document)
    assert parts_of(document) == [document]


def test_a_document_is_cut_at_its_references() -> None:
    document = encode({"a": "\x0212:m1/0", "b": "x"})

    assert parts_of(document) == [b'{"a":"', Reference(12, "m1/0"), b'","b":"x"}']


@pytest.mark.parametrize(("size_bytes", "is_refused"), [(29, False), (30, False), (31, True), (32, True)])
def test_the_limit_is_exact_and_counts_all_attachments_together(size_bytes: int, is_refused: bool) -> None:
    one = {"filename": "a", "mime_type": "text/plain", "data": b64encode(bytes(10)).decode()}
    rest = {**one, "data": b64encode(bytes(size_bytes - 20)).decode()}

    if is_refused:
        with pytest.raises(ContentTooLarge):
            read([one, one, rest], limit_bytes=30)
    else:
        assert [len(found.content) for found in read([one, one, rest], limit_bytes=30)] == [10, 10, size_bytes - 20]


def test_there_is_a_limit_to_their_number() -> None:
    one = {"filename": "a", "mime_type": "text/plain", "data": ""}

    assert len(read([one] * MAX_ATTACHMENTS, limit_bytes=1)) == MAX_ATTACHMENTS
    with pytest.raises(InvalidRequest):
        read([one] * (MAX_ATTACHMENTS + 1), limit_bytes=1)
