"""Files that a Client or an operator has brought: saved, never shown, so that nothing in them can run here."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain.context import Context
from app.domain.field_files import FieldFile, image, pdf
from app.domain.media_types import UNKNOWN_TYPE
from app.errors import NotFound
from app.web.state import State
from app.web.streaming import Download, download_answer

_SHUT: Final = {
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}
_READERS: Final[tuple[Callable[[bytes], FieldFile | None], ...]] = (image, pdf)


async def download(request: Request[State], file: Download) -> Response:
    """A file as an attachment, under a policy that would let it do nothing if somebody opened it after all.

    Raises:
        As `app.web.streaming.download_answer`.
    """
    answer = await download_answer(request, file)
    answer.headers.update(_SHUT)
    return answer


async def download_field(request: Request[State], context: Context, key: str, name: str) -> Response:
    """A registration field value that is a file, with an ending that says what it is. Raises NotFound."""
    content = await context.files.get(key) if key else b""
    if not content:
        raise NotFound("There is no such file.")
    known = next((found for read in _READERS if (found := read(content))), None)
    mime_type = known.mime_type if known else UNKNOWN_TYPE

    async def pieces(start: int, end: int) -> AsyncIterator[bytes]:
        yield content[start:end]

    ending = mime_type.rpartition("/")[2] if known else "bin"
    file = Download(f"{name}.{ending}", mime_type, len(content), f'"{key.rpartition("/")[2]}"', pieces)
    return await download(request, file)
