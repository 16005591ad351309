"""The answer to a download: the whole file, a part of it, or word that the caller has it already."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.domain.media_types import UNKNOWN_TYPE, is_media_type
from app.web.conditional import is_unchanged
from app.web.ranges import content_disposition, requested_range


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a caller may read.

    `pieces(start, end)` reads the bytes from `start` up to, not including, `end`. `etag` is strong, with its quotes,
    and changes whenever the bytes do.
    """

    name: str
    mime_type: str
    size_bytes: int
    etag: str
    pieces: Callable[[int, int], AsyncIterator[bytes]]


async def download_answer(request: Request[Any], download: Download) -> Response:
    """Answer a GET or HEAD for a file: 200, 206 with `Content-Range`, or 304.

    The first piece is read before the status goes out, so that a file store that is down is a 503 and not half a
    file. When it fails later the connection breaks off, which `Content-Length` makes visible to the caller; a caller
    who leaves ends the reading.

    Raises:
        RangeNotSatisfiable: The range is outside the file.
        NotFound, StoreUnavailable: From `pieces`.

    Source: CDS-WG1-02 9.4; RFC 9110 13.1.2, 14; ambiguities G12 and J12.
    """
    if is_unchanged(request.headers.get("if-none-match"), download.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED.value, headers=common_headers(download))
    ranges = request.headers.getlist("range") if request.method == "GET" else []
    part = requested_range(ranges, request.headers.get("if-range"), size_bytes=download.size_bytes, etag=download.etag)
    start, end = (part.start, part.end) if part else (0, download.size_bytes)
    headers = common_headers(download) | content_headers(download, end - start)
    if part:
        headers["content-range"] = part.content_range
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(
        await started(download.pieces(start, end)),
        status_code=(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK).value,
        headers=headers,
    )


def common_headers(download: Download) -> dict[str, str]:
    """The headers of every answer about the file, 304 included."""
    return {"etag": download.etag, "accept-ranges": "bytes", "cache-control": "no-store"}


def content_headers(download: Download, length_bytes: int) -> dict[str, str]:
    """The headers that describe the bytes, of which no browser may make more than a saved file (G12)."""
    return {
        "content-type": download.mime_type if is_media_type(download.mime_type) else UNKNOWN_TYPE,
        "content-length": str(length_bytes),
        "content-disposition": content_disposition(download.name),
        "x-content-type-options": "nosniff",
    }


async def started(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, of which the first is here already: what could go wrong at once has gone wrong by now."""
    first = await anext(pieces, b"")

    async def all_pieces() -> AsyncIterator[bytes]:
        if first:
            yield first
        async for piece in pieces:
            yield piece

    return all_pieces()
