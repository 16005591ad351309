"""Attachments of Messages: checked on their way in, kept in the file store, put back into the JSON on its way out.

In the stored Message `data` is a reference: the control character 0x02, the size in bytes, a colon and a name. No
Message can hold such a text otherwise, because control characters are refused in everything that comes in. The name is
completed to a key with the registration_id of whoever reads, so a reference cannot lead into another registration.

Source: CDS-WG1-02 6.1, 6.7 and 6.9; ambiguities C3, C22.
"""

import re
from binascii import b2a_base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from app.crypto.tokens import local_id
from app.domain.context import Context
from app.domain.field_files import decode_base64
from app.domain.file_store import FileStore
from app.domain.media_types import UNKNOWN_TYPE, is_media_type
from app.domain.texts import is_line
from app.errors import ContentTooLarge, InvalidRequest, NotFound, ServerError, StoreUnavailable
from app.schemas.messages import MessageAttachment

MAX_ATTACHMENTS: Final = 50
MAX_FILENAME_LENGTH: Final = 255

_MARK: Final = "\x02"
_MARK_IN_JSON: Final = b'"\\u0002'
_REFERENCE_IN_JSON = re.compile(rb'"\\u0002([0-9]{1,12}):(m[0-9a-z]{1,20}/[0-9]{1,3})"')


class Attachment(NamedTuple):
    """A checked attachment with its bytes."""

    filename: str
    mime_type: str
    content: bytes


class Reference(NamedTuple):
    """Where the bytes of a stored attachment are."""

    size_bytes: int
    name: str


def read(submitted: object, *, limit_bytes: int) -> list[Attachment]:
    """The attachments of a submitted Message; null and a missing list are no attachments.

    Args:
        limit_bytes: How much they may hold together, decoded.

    Raises:
        InvalidRequest: One of them is not as 6.7 says.
        ContentTooLarge: Together they are over the limit.
    """
    if submitted is None:
        return []
    if not isinstance(submitted, list) or len(submitted) > MAX_ATTACHMENTS:
        raise InvalidRequest(f"attachments must be a list of at most {MAX_ATTACHMENTS} objects.", field="attachments")
    _refuse_too_large(submitted, limit_bytes)
    return [_read_one(one, f"attachments.{place}") for place, one in enumerate(submitted)]


def _refuse_too_large(submitted: Sequence[object], limit_bytes: int) -> None:
    """Compare sizes before anything is decoded: four characters of Base64 are three bytes."""
    texts = [one["data"].rstrip("=") for one in submitted if isinstance(one, dict) and isinstance(one.get("data"), str)]
    if sum(len(text) * 3 // 4 for text in texts) > limit_bytes:
        raise ContentTooLarge(
            f"The attachments of a Message may hold {limit_bytes} bytes together, before Base64 encoding.",
            field="attachments",
        )


def _read_one(submitted: object, path: str) -> Attachment:
    if not isinstance(submitted, Mapping):
        raise InvalidRequest(f"{path} must be an object with filename, mime_type and data.", field=path)
    data = submitted.get("data")
    content = decode_base64(data) if isinstance(data, str) else None
    if content is None:
        raise InvalidRequest(f"{path}.data must be a string in Base64 (RFC 4648 section 4).", field=f"{path}.data")
    return Attachment(
        _filename(submitted.get("filename"), f"{path}.filename"),
        _mime_type(submitted.get("mime_type"), f"{path}.mime_type"),
        content,
    )


def _filename(value: object, path: str) -> str:
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= MAX_FILENAME_LENGTH
        or not is_line(value)
        or "/" in value
        or "\\" in value
        or not value.strip(". ")
    ):
        raise InvalidRequest(
            f"{path} must be a name of at most {MAX_FILENAME_LENGTH} characters without slashes or line ends.",
            field=path,
        )
    return value


def _mime_type(value: object, path: str) -> str:
    if value == "":
        # What a browser says of a file whose type it does not know; 6.7 has one name for that.
        return UNKNOWN_TYPE
    if not isinstance(value, str) or not is_media_type(value):
        raise InvalidRequest(f"{path} must be a MIME type such as application/pdf, or {UNKNOWN_TYPE}.", field=path)
    return value


async def keep(context: Context, message_id: str, attachments: Sequence[Attachment]) -> list[MessageAttachment]:
    """Put the bytes of a new Message's attachments into the file store; what it returns belongs in the Message.

    Raises:
        StoreUnavailable: The file store did not take them; what it took is removed again.
    """
    kept: list[MessageAttachment] = []
    for number, one in enumerate(attachments):
        data = _reference_to(message_id, number, len(one.content)) if one.content else ""
        kept.append(MessageAttachment(filename=one.filename, mime_type=one.mime_type, data=data))
        if one.content:
            try:
                await context.files.put(_key_of(message_id, number), one.content)
            except StoreUnavailable:
                await discard(context, message_id, number)
                raise
    return kept


async def discard(context: Context, message_id: str, count: int) -> None:
    """Remove the bytes of the first `count` attachments of a Message that was not written after all."""
    for number in range(count):
        # Bytes that no Message refers to harm nobody, so the reason why there is no Message stays the news.
        with suppress(StoreUnavailable):
            await context.files.delete(_key_of(message_id, number))


def reference_of(attachment: MessageAttachment) -> Reference | None:
    """Where the bytes of a stored attachment are; None when it has none."""
    size, _, name = attachment.data.removeprefix(_MARK).partition(":")
    return Reference(int(size), name) if name else None


def size_of(attachment: MessageAttachment) -> int:
    """The length of a stored attachment in bytes."""
    reference = reference_of(attachment)
    return reference.size_bytes if reference else 0


def content_of(
    files: FileStore, registration_id: str, attachment: MessageAttachment, start: int, end: int
) -> AsyncIterator[bytes]:
    """The bytes of a stored attachment from `start` up to, not including, `end`.

    Raises:
        NotFound: It has none, or the file store has lost them.
        StoreUnavailable: The file store does not answer.
    """
    reference = reference_of(attachment)
    name = reference.name if reference else ""
    return files.stream(f"attachments/{registration_id}/{name}", start, end)


def has_references(document: bytes) -> bool:
    """Whether a Message or a list of them, as stored, has attachments whose bytes are in the file store."""
    return _MARK_IN_JSON in document


def parts_of(document: bytes) -> list[bytes | Reference]:
    """A document as it goes out: its JSON, cut where the Base64 text of an attachment belongs between quotes."""
    parts: list[bytes | Reference] = []
    end = 0
    for match in _REFERENCE_IN_JSON.finditer(document):
        parts += [document[end : match.start() + 1], Reference(int(match[1]), match[2].decode())]
        end = match.end() - 1
    return [*parts, document[end:]]


def length_of(parts: Sequence[bytes | Reference]) -> int:
    """How many bytes a document has when all its attachments are in it."""
    return sum((part.size_bytes + 2) // 3 * 4 if isinstance(part, Reference) else len(part) for part in parts)


async def expand(files: FileStore, registration_id: str, parts: Sequence[bytes | Reference]) -> AsyncIterator[bytes]:
    """The bytes of a document with the attachments put in, in pieces of little more than one piece of the file store.

    JSON before an attachment comes together with the attachment's beginning, so that the first piece shows whether the
    file store answers.

    Raises:
        StoreUnavailable: The file store does not answer.
        ServerError: It has lost an attachment.
    """
    waiting = b""
    for part in parts:
        if isinstance(part, bytes):
            waiting += part
            continue
        async for piece in _base64(_content(files, registration_id, part)):
            yield waiting + piece
            waiting = b""
    if waiting:
        yield waiting


async def _content(files: FileStore, registration_id: str, reference: Reference) -> AsyncIterator[bytes]:
    key = f"attachments/{registration_id}/{reference.name}"
    try:
        async for piece in files.stream(key, 0, reference.size_bytes):
            yield piece
    except NotFound as error:
        raise ServerError("An attachment of this Message is lost.", detail=key) from error


async def _base64(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Base64 of pieces of any length: only whole groups of three bytes may be encoded before the end."""
    rest = b""
    async for piece in pieces:
        joined = rest + piece
        whole = len(joined) - len(joined) % 3
        rest = joined[whole:]
        yield b2a_base64(joined[:whole], newline=False)
    if rest:
        yield b2a_base64(rest, newline=False)


def _name_of(message_id: str, number: int) -> str:
    parts = local_id(message_id)
    if parts is None:
        raise ValueError(message_id)
    return f"{parts.local}/{number}"


def _key_of(message_id: str, number: int) -> str:
    return f"attachments/{message_id.partition('-')[0]}/{_name_of(message_id, number)}"


def _reference_to(message_id: str, number: int, size_bytes: int) -> str:
    return f"{_MARK}{size_bytes}:{_name_of(message_id, number)}"
