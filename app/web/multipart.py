"""Forms with files (multipart/form-data, RFC 7578), read while they arrive: a file of any size is never in memory.

Parts come in the order in which they were sent. Browsers and curl put fields and files in any order, so whoever passes
a file on may have to ask for fields before it and for fields behind it:

    form = Multipart(request)
    fields = await form.fields_before("file")
    … pass form.pieces() on …
    fields |= await form.fields_behind()
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from app.errors import ContentTooLarge, InvalidRequest

IDLE_SECONDS: Final = 60
"""How long the next piece of a body may take; how long all of it takes does not matter."""

MAX_FIELDS_BYTES: Final = 256 * 1024
"""How much all fields together may hold, without files."""

MAX_PARTS: Final = 100

_MAX_HEADERS_BYTES: Final = 8 * 1024
_BOUNDARY = re.compile(r"""boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))""", re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE | re.DOTALL)
_ESCAPES: Final = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))
_BROKEN: Final = "The body is not a complete multipart/form-data form."


class Part(NamedTuple):
    """The beginning of a part: `filename` is None for a field, and `content_type` may be empty."""

    name: str
    filename: str | None
    content_type: str


class File(NamedTuple):
    """A whole file of a form."""

    name: str
    filename: str
    content_type: str
    content: bytes


class Multipart:
    """One form, read from its beginning to its end.

    Args:
        request: Its headers say that there is one. Raises InvalidRequest when they do not.
        idle_seconds: How long the next piece may take.
    """

    def __init__(self, request: Request[Any], *, idle_seconds: float = IDLE_SECONDS) -> None:
        content_type = request.headers.get("content-type", "")
        boundary = _BOUNDARY.search(content_type)
        if content_type.partition(";")[0].strip().lower() != "multipart/form-data" or boundary is None:
            raise InvalidRequest("The content type has to be multipart/form-data with a boundary.")
        self._delimiter = b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1", "replace")
        self._stream = request.stream()
        self._idle_seconds = idle_seconds
        # The first delimiter has no line end before it, all others have: now it has one too.
        self._buffer = b"\r\n"
        self._room_bytes = MAX_FIELDS_BYTES
        self._parts = 0
        self.file: Part | None = None
        """The file that `fields_before` has come to."""

    async def fields_before(self, name: str) -> dict[str, str]:
        """The fields before the file of that name, whose bytes are the next `pieces`.

        Raises:
            InvalidRequest: There is no such file, or the form is broken.
            ContentTooLarge: The fields are too long.
        """
        fields: dict[str, str] = {}
        await self._skip_preamble()
        while part := await self._next_part():
            if part.name == name and part.filename is not None:
                self.file = part
                return fields
            await self._read_field(part, fields)
        raise InvalidRequest(f"{name} must be a file.", field=name)

    async def fields_behind(self) -> dict[str, str]:
        """All fields after the file. Raises as `fields_before`, also when there is another file."""
        fields: dict[str, str] = {}
        while part := await self._next_part():
            await self._read_field(part, fields)
        return fields

    async def whole(self, *, limit_bytes: int) -> tuple[dict[str, str], list[File]]:
        """All fields and all files, for files that are small together. A file input left empty counts as none.

        Raises:
            InvalidRequest: The form is broken.
            ContentTooLarge: The fields are too long, or the files have more than `limit_bytes` together.
        """
        fields: dict[str, str] = {}
        files: list[File] = []
        room_bytes = limit_bytes
        await self._skip_preamble()
        while part := await self._next_part():
            if part.filename is None:
                await self._read_field(part, fields)
                continue
            content = bytearray()  # bytes would be copied as a whole for each piece, however small that is
            async for piece in self.pieces():
                content += piece
                if len(content) > room_bytes:
                    raise ContentTooLarge(f"The files may have {limit_bytes} bytes together.", field=_field(part.name))
            room_bytes -= len(content)
            if part.filename or content:
                files.append(File(part.name, part.filename, part.content_type, bytes(content)))
        return fields, files

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the part that was begun, to its end. Raises InvalidRequest when the body ends before."""
        keep = len(self._delimiter) - 1
        while (end := self._buffer.find(self._delimiter)) < 0:
            ready, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
            if ready:
                yield ready
            await self._more()
        last, self._buffer = self._buffer[:end], self._buffer[end + len(self._delimiter) :]
        if last:
            yield last

    async def _skip_preamble(self) -> None:
        async for piece in self.pieces():
            self._spend(piece)

    async def _next_part(self) -> Part | None:
        """The beginning of the next part, behind a delimiter; None at the end of the form."""
        while len(self._buffer) < 2:  # noqa: PLR2004 -- two hyphens, or a line end
            await self._more()
        if self._buffer.startswith(b"--"):
            return None
        self._parts += 1
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEADERS_BYTES:
                raise InvalidRequest(_BROKEN)
            await self._more()
        headers, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        if self._parts > MAX_PARTS or len(headers) > _MAX_HEADERS_BYTES:
            raise InvalidRequest(_BROKEN)
        return _part_of(headers)

    async def _read_field(self, part: Part, fields: dict[str, str]) -> None:
        if part.filename is not None:
            raise InvalidRequest("There is a file that nobody asked for.", field=_field(part.name))
        value = bytearray()
        async for piece in self.pieces():
            self._spend(piece)
            value += piece
        if part.name in fields:
            raise InvalidRequest("A field appears more than once.", field=_field(part.name))
        try:
            fields[part.name] = value.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest("A field is not text in UTF-8.", field=_field(part.name)) from error

    def _spend(self, piece: bytes) -> None:
        self._room_bytes -= len(piece)
        if self._room_bytes < 0:
            raise ContentTooLarge(f"The fields of the form may have {MAX_FIELDS_BYTES} bytes, without the file.")

    async def _more(self) -> None:
        try:
            async with asyncio.timeout(self._idle_seconds):
                self._buffer += await anext(self._stream)
        except StopAsyncIteration as error:
            raise InvalidRequest(_BROKEN) from error
        except TimeoutError as error:
            raise InvalidRequest("The body did not arrive in time.") from error


def _part_of(headers: bytes) -> Part:
    """What the headers of a part say. Raises InvalidRequest when it is no part of a form."""
    try:
        lines = headers.decode().split("\r\n")[1:]
    except UnicodeDecodeError as error:
        raise InvalidRequest(_BROKEN) from error
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    disposition = named.get("content-disposition", "")
    parameters = {name.lower(): _unescaped(value) for name, value in _PARAMETER.findall(disposition)}
    if not disposition.lower().startswith("form-data") or "name" not in parameters:
        raise InvalidRequest(_BROKEN)
    return Part(parameters["name"], parameters.get("filename"), named.get("content-type", ""))


def _unescaped(value: str) -> str:
    """Browsers escape with percent signs (WHATWG), others with backslashes; no name has a line end in it."""
    for escape, character in _ESCAPES:
        value = value.replace(escape, character)
    return re.sub(r'\\(["\\])', r"\1", value)


def _field(name: str) -> str | None:
    return name if name.isidentifier() else None
