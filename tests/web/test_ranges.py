"""Which bytes a `Range` header names, and how a file name survives the way into a header (RFC 9110 14, RFC 6266)."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RangeNotSatisfiable
from app.web.conditional import is_unchanged
from app.web.ranges import ByteRange, content_disposition, requested_range

ETAG = '"v1"'
SIZE_BYTES = 100


def asked(*headers: str, if_range: str | None = None, size_bytes: int = SIZE_BYTES) -> tuple[int, int] | None:
    part = requested_range(headers, if_range, size_bytes=size_bytes, etag=ETAG)
    return (part.start, part.end) if part else None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=10-", (10, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=99-", (99, 100)),
        ("bytes=50-1000", (50, 100)),
        ("bytes=50-" + "9" * 5000, (50, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=-" + "9" * 5000, (0, 100)),
        ("Bytes = 007-08", (7, 9)),
        ("bytes= 1-2 ", (1, 3)),
        ("bytes=,1-2,,", (1, 3)),
        ("bytes=1-2,200-300", (1, 3)),
        ("bytes=-0, 200-, 5-5", (5, 6)),
    ],
)
def test_one_range_within_the_file_is_a_part(header, expected):
    assert asked(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=2-1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1_0-20",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "bytes=1 - 2",
        "bytes=0-1,x",
        "bytes 0-1",
        "items=0-1",
        "seconds=1-2",
    ],
)
def test_a_malformed_range_is_ignored(header):
    assert asked(header) is None


def test_several_ranges_are_the_whole_file():
    assert asked("bytes=0-1,5-6") is None
    assert asked("bytes=0-99,0-99,0-99") is None
    assert asked("bytes=" + ",".join(["0-0"] * 10_000)) is None


def test_two_range_headers_are_the_whole_file():
    assert asked("bytes=0-1", "bytes=2-3") is None


def test_no_range_header_is_the_whole_file():
    assert asked() is None


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=200-,300-", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_outside_the_file_is_refused_with_its_size(header):
    with pytest.raises(RangeNotSatisfiable) as refused:
        asked(header)

    assert refused.value.size_bytes == SIZE_BYTES


def test_an_empty_file_has_no_first_byte_but_its_last_bytes_are_all_of_it():
    with pytest.raises(RangeNotSatisfiable):
        asked("bytes=0-", size_bytes=0)
    assert asked("bytes=-5", size_bytes=0) is None


def test_if_range_with_the_present_tag_keeps_the_range():
    assert asked("bytes=0-1", if_range=ETAG) == (0, 2)


@pytest.mark.parametrize("if_range", ['"v0"', 'W/"v1"', "Mon, 06 Jul 2026 10:00:00 GMT", "", "v1"])
def test_if_range_with_anything_else_asks_for_the_whole_file(if_range):
    assert asked("bytes=0-1", if_range=if_range) is None
    assert asked("bytes=500-", if_range=if_range) is None


def test_content_range_counts_inclusively():
    assert ByteRange(10, 20, 100).content_range == "bytes 10-19/100"
    assert ByteRange(10, 20, 100).length_bytes == 10


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=40), st.integers(0, 50))
def test_whatever_is_asked_the_answer_lies_within_the_file(header, size_bytes):
    try:
        part = requested_range([header], None, size_bytes=size_bytes, etag=ETAG)
    except RangeNotSatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size_bytes


@pytest.mark.parametrize(
    ("if_none_match", "expected"),
    [
        (None, False),
        ("", False),
        ("*", True),
        ('"v1"', True),
        ('W/"v1"', True),
        ('"v0", W/"v1"', True),
        ('"v0","v2"', False),
        ('"a,b", "v1"', True),
        ('"x, "v1"', False),
        ("v1", False),
    ],
)
def test_if_none_match_tells_whether_the_caller_has_it(if_none_match, expected):
    assert is_unchanged(if_none_match, ETAG) is expected
    assert is_unchanged(if_none_match, f"W/{ETAG}") is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("DR API docs v1.0.pdf", 'attachment; filename="DR API docs v1.0.pdf"'),
        ("Übersicht.pdf", "attachment; filename=\"Ubersicht.pdf\"; filename*=UTF-8''%C3%9Cbersicht.pdf"),
        ("日本語.pdf", "attachment; filename=\"download.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.pdf"),
        ('a"b.pdf', "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%22b.pdf"),
        ("100%41.pdf", "attachment; filename=\"100_41.pdf\"; filename*=UTF-8''100%2541.pdf"),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        ("C:\\temp\\x.txt", 'attachment; filename="C__temp_x.txt"'),
        ("a\r\nX-Evil: 1.pdf", 'attachment; filename="a X-Evil_ 1.pdf"'),
        ("a\x00\x7fb.pdf", 'attachment; filename="ab.pdf"'),
        ("invoice\u202efdp.exe", 'attachment; filename="invoicefdp.exe"'),
        ("a\ud800b.pdf", 'attachment; filename="ab.pdf"'),
        ("a\uff0fb\uff02.pdf", "attachment; filename=\"a_b_.pdf\"; filename*=UTF-8''a%EF%BC%8Fb%EF%BC%82.pdf"),
        ("", 'attachment; filename="download"'),
        ("...", 'attachment; filename="download"'),
        ("\t\n", 'attachment; filename="download"'),
    ],
)
def test_a_file_name_cannot_break_the_header_or_leave_the_folder(name, expected):
    assert content_disposition(name) == expected


def test_a_long_name_keeps_its_extension():
    assert content_disposition("x" * 300 + ".pdf") == f'attachment; filename="{"x" * 196}.pdf"'
    assert content_disposition("x." + "y" * 300) == f'attachment; filename="x.{"y" * 198}"'


@given(st.text(max_size=300))
def test_any_name_makes_a_header_of_plain_printable_ascii(name):
    header = content_disposition(name)
    match = re.fullmatch(
        r"""attachment; filename="([ -~]+)"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+))?""", header
    )

    assert match is not None
    assert not set(match[1]) & set('"/\\:%')
    assert not set(unquote(match[2] or "")) & set("/\\\r\n\0")
    assert len(header) < 4000
