"""Bytes that Clients have sent: attachments of Messages, and images and PDFs in registration fields.

Both are downloads, however they call themselves, and never run as ours (CDS-WG1-02 3.7, 6.7; ambiguities A5).
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.domain import attachments, field_files, registrations
from app.domain.context import Context
from app.domain.media_types import UNKNOWN_TYPE
from app.domain.messages import require_message
from app.domain.operators import VIEWING
from app.domain.records import Access
from app.errors import NotFound
from app.operator.reading import API, access_of
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State
from app.web.streaming import Download, download_answer

_NO_SUCH_FILE: Final = "There is no such file."
_LONGEST_NUMBER: Final = 3


async def get_attachment(request: Request[State]) -> Response:
    """GET: the bytes of an attachment, or a range of them; its id is that of the Message, a dot and its number."""
    context = (await acting(request, VIEWING, "messages.get")).context
    message_id, _, number = request.path_params["attachment_id"].partition(".")
    access = access_of(request, message_id)
    message = (await require_message(context, access, message_id)).object
    listed = [] if message.attachments is UNSET else message.attachments
    if not number.isdecimal() or len(number) > _LONGEST_NUMBER or int(number) >= len(listed):
        raise NotFound(_NO_SUCH_FILE)
    one = listed[int(number)]
    download = Download(
        name=one.filename,
        mime_type=one.mime_type,
        size_bytes=attachments.size_of(one),
        etag=f'"{message_id}.{number}"',
        pieces=partial(attachments.content_of, context.files, access.registration_id, one),
    )
    return await download_answer(request, download)


async def get_field_file(request: Request[State]) -> Response:
    """GET: an image or a PDF that is the value of a registration field, or is to become it.

    Its id is the registration_id, or the message_id of the `field_changes` that waits, a dot and the field's name.
    """
    context = (await acting(request, VIEWING, "registrations.get")).context
    owner_id, _, name = request.path_params["field_file_id"].partition(".")
    key = await _key(context, access_of(request, owner_id), owner_id, name)
    if not key:
        raise NotFound(_NO_SUCH_FILE)
    content = await context.files.get(key)
    known = field_files.image(content) or field_files.pdf(content)
    mime_type = known.mime_type if known else UNKNOWN_TYPE

    async def pieces(start: int, end: int) -> AsyncIterator[bytes]:
        yield content[start:end]

    etag = f'"{key.rpartition("/")[2]}"'
    name = f"{name}.{mime_type.rpartition('/')[2]}" if known else name
    return await download_answer(request, Download(name, mime_type, len(content), etag, pieces))


async def _key(context: Context, access: Access, owner_id: str, name: str) -> str:
    """Where the file is in the file store, "" when there is none."""
    if owner_id == access.registration_id:
        files = (await registrations.get(context, access)).object.field_files
    else:
        files = (await require_message(context, access, owner_id)).internal.files
    return files.get(name, "")


routes = [
    Route(f"{API}/attachments/{{attachment_id}}", {"GET": get_attachment}),
    Route(f"{API}/field-files/{{field_file_id}}", {"GET": get_field_file}),
]
