"""Files inside registration fields: Base64, and images and PDFs recognized by their content (CDS-WG1-02 3.7).

The checks walk through the structure of a file; they do not decode it. Whoever shows one still serves it as an
attachment.
"""

import re
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from typing import NamedTuple

MAX_PIXELS = 100_000_000
"""Width times height of an image, at most: a small file may unpack to something that stops a browser."""

PNG, JPEG, PDF = "image/png", "image/jpeg", "application/pdf"

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_SIZE = 13
_PNG_CHUNK_OVERHEAD = 12
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits per sample by colour type."""

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_JPEG_SCAN = 0xDA
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers that have no length and no content."""

_PDF_HEADER = re.compile(rb"%PDF-[12]\.[0-9][\s%]")
_PDF_TAIL_BYTES = 1024

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9_-]*={0,2}")
_BASE64_GROUP = 4


class FieldFile(NamedTuple):
    """The bytes of a submitted file, and its kind as its content shows it."""

    content: bytes
    mime_type: str


def decode_base64(text: str, *, max_size_bytes: int | None = None) -> bytes | None:
    """The bytes, or None when `text` is not Base64 or they are more than `max_size_bytes`.

    The standard alphabet with padding is expected; missing padding and the URL-safe alphabet are tolerated (ambiguities
    A22), blanks and line ends are not.
    """
    if max_size_bytes is not None and len(text) > (max_size_bytes + 2) // 3 * _BASE64_GROUP:
        return None
    if not text.isascii() or _BASE64.fullmatch(text) is None:
        return None
    digits = text.rstrip("=")
    missing = -len(digits) % _BASE64_GROUP
    if len(text) - len(digits) not in {0, missing}:
        return None
    try:
        content = b64decode(digits.replace("-", "+").replace("_", "/") + "=" * missing, validate=True)
    except Base64Error:
        return None
    return content if max_size_bytes is None or len(content) <= max_size_bytes else None


def image(content: bytes) -> FieldFile | None:
    """The PNG or JPEG file that `content` is, or None."""
    if _is_png(content):
        return FieldFile(content, PNG)
    return FieldFile(content, JPEG) if _is_jpeg(content) else None


def pdf(content: bytes) -> FieldFile | None:
    """The PDF file that `content` is, or None: its header comes first and its end marker within the last 1024 bytes."""
    if _PDF_HEADER.match(content) is None or b"%%EOF" not in content[-_PDF_TAIL_BYTES:]:
        return None
    return FieldFile(content, PDF)


def _is_png(content: bytes) -> bool:
    """Whether every chunk is whole, the first is a sound IHDR, there is image data, and the last is IEND."""
    if not content.startswith(_PNG_SIGNATURE):
        return False
    place, has_pixels = len(_PNG_SIGNATURE), False
    while place + _PNG_CHUNK_OVERHEAD <= len(content):
        size = int.from_bytes(content[place : place + 4])
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        end = place + _PNG_CHUNK_OVERHEAD + size
        if end > len(content) or zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(content[end - 4 : end]):
            return False
        if place == len(_PNG_SIGNATURE) and not (kind == b"IHDR" and _is_png_header(body)):
            return False
        if kind == b"IEND":
            return has_pixels and size == 0
        has_pixels = has_pixels or (kind == b"IDAT" and size > 0)
        place = end
    return False


def _is_png_header(body: bytes) -> bool:
    if len(body) != _PNG_HEADER_SIZE:
        return False
    width, height = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
    depth, colour, compression, filtering, interlace = body[8:]
    return (
        0 < width * height <= MAX_PIXELS
        and depth in _PNG_DEPTHS.get(colour, ())
        and (compression, filtering) == (0, 0)
        and interlace in {0, 1}
    )


def _is_jpeg(content: bytes) -> bool:
    """Whether whole segments, a frame header among them, lead to a scan that has an end."""
    if not content.startswith(_JPEG_START):
        return False
    place, has_frame = len(_JPEG_START), False
    while place + 4 <= len(content) and content[place] == 0xFF:  # noqa: PLR2004 -- every marker starts with it
        marker = content[place + 1]
        if marker == 0xFF:  # noqa: PLR2004 -- fill byte before a marker
            place += 1
            continue
        if marker in _JPEG_BARE:
            place += 2
            continue
        size = int.from_bytes(content[place + 2 : place + 4])
        body = content[place + 4 : place + 2 + size]
        if size < 2 or len(body) != size - 2:  # noqa: PLR2004 -- the length counts its own two bytes
            return False
        if marker == _JPEG_SCAN:
            return has_frame and content.find(_JPEG_END, place + 2 + size) != -1
        if marker in _JPEG_FRAMES:
            has_frame = _is_jpeg_frame(body)
        place += 2 + size
    return False


def _is_jpeg_frame(body: bytes) -> bool:
    height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    # A height of 0 is given later, in the stream: rare, and its size could not be checked here.
    return len(body) >= 9 and 0 < width * height <= MAX_PIXELS  # noqa: PLR2004 -- with at least one component
