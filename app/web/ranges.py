"""Which bytes of a file a download asks for, and under which name it is saved.

One range is answered with 206. A request for several gets the whole file with 200, unless only one of them lies within
the file: RFC 9110 14.2 lets a server ignore `Range`, and multipart answers serve no client that we know of while they
invite requests that make one download into thousands of pieces.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from app.errors import RangeNotSatisfiable

LONGEST_NAME = 200
"""Code points of a file name in a header; several programs cut or refuse longer ones."""

UNNAMED = "download"
ATTR_CHARS = "!#$&+-.^_`|~"
"""What RFC 8187 leaves unescaped besides letters and digits."""

_INVISIBLE = {"Cc", "Cf", "Cs"}
_POSITION_DIGITS = 18
_RANGE_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_FOLDER_SEPARATORS = re.compile(r"[/\\:]")
_UNSAFE_IN_QUOTES = re.compile(r'["\\%/:]')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Part of a file: from byte `start` up to, not including, byte `end`."""

    start: int
    end: int
    size_bytes: int

    @property
    def length_bytes(self) -> int:
        """How many bytes that is."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """The `Content-Range` of the 206; its last position is inclusive."""
        return f"bytes {self.start}-{self.end - 1}/{self.size_bytes}"


def requested_range(headers: Sequence[str], if_range: str | None, *, size_bytes: int, etag: str) -> ByteRange | None:
    """The part of the file that a GET asks for; None stands for the whole file.

    A header that is malformed, of another unit or sent twice is ignored, as RFC 9110 14.2 says. So is any range when
    `If-Range` names another version of the file; dates never match there, because we send no `Last-Modified`.

    Args:
        headers: The values of all `Range` headers of the request. HEAD has no ranges: pass none.
        if_range: The value of `If-Range`.
        size_bytes: The length of the whole file.
        etag: The strong tag of the file, quotes included.

    Raises:
        RangeNotSatisfiable: No byte of the file is in what was asked for.
    """
    if len(headers) != 1 or (if_range is not None and if_range.strip() != etag):
        return None
    specs = range_specs(headers[0])
    if not specs:
        return None
    found = [part for spec in specs if (part := resolve(spec, size_bytes)) is not None]
    if not found:
        raise RangeNotSatisfiable(size_bytes)
    if len(found) > 1 or found[0].length_bytes == 0:
        return None
    return found[0]


def range_specs(header: str) -> list[tuple[str, str]]:
    """The first and last positions as they were written, either of them perhaps empty; [] for a malformed header."""
    unit, equals, text = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return []
    specs = []
    for part in text.split(","):
        if not part.strip():
            continue  # a list may have empty elements (RFC 9110 5.6.1)
        match = _RANGE_SPEC.fullmatch(part.strip())
        if match is None or not (match[1] or match[2]):
            return []
        if match[1] and match[2] and position(match[1]) > position(match[2]):
            return []
        specs.append((match[1], match[2]))
    return specs


def resolve(spec: tuple[str, str], size_bytes: int) -> ByteRange | None:
    """The part of a file of `size_bytes` that one range names; None when it lies outside (RFC 9110 14.1.2).

    The last bytes of an empty file are the whole of it: a range of length 0.
    """
    first, last = spec
    if not first:
        suffix_bytes = position(last)
        return ByteRange(max(size_bytes - suffix_bytes, 0), size_bytes, size_bytes) if suffix_bytes else None
    start = position(first)
    if start >= size_bytes:
        return None
    end = min(position(last) + 1, size_bytes) if last else size_bytes
    return ByteRange(start, end, size_bytes)


def position(digits: str) -> int:
    """The number, or one beyond any file when it is absurdly long: Python refuses to read thousands of digits."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _POSITION_DIGITS else 10**_POSITION_DIGITS


def content_disposition(name: str) -> str:
    """The `Content-Disposition` that makes a browser save, never show, the file under `name` (RFC 6266).

    Names beyond plain ASCII come twice: in a form that everything reads, and exactly, as RFC 8187 encodes them.
    """
    cleaned = saved_name(name)
    plain = unicodedata.normalize("NFKD", cleaned).encode("ascii", "ignore").decode("ascii")
    plain = _UNSAFE_IN_QUOTES.sub("_", plain).strip()
    if plain == cleaned:
        return f'attachment; filename="{cleaned}"'
    fallback = plain if plain.partition(".")[0] else f"{UNNAMED}{plain}"
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(cleaned, safe=ATTR_CHARS)}"


def saved_name(name: str) -> str:
    """`name` without anything that leads out of a folder, breaks a header or disguises the name's end.

    Control characters, those that turn the direction of text, and lone surrogates fall away; separators of folders
    become `_`; what has no name left is called `download`.
    """
    visible = "".join(mark for mark in name if mark.isspace() or unicodedata.category(mark) not in _INVISIBLE)
    flat = " ".join(_FOLDER_SEPARATORS.sub("_", visible).split()).strip(". ")
    if len(flat) <= LONGEST_NAME:
        return flat or UNNAMED
    stem, dot, extension = flat.rpartition(".")
    if not dot or len(extension) > LONGEST_NAME // 10:
        return flat[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - len(extension) - 1]}.{extension}"
