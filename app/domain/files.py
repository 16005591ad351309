"""Server-Provided Files as operators work with them: put into the library, shared, revised, taken back.

The bytes of a file lie in the file store under a key that is never written twice; its record lies in the library.
Sharing makes a Grant of a files scope in the registration of a Client Object, and copies the record there in the same
change. The library notes every Grant before it exists, so whoever revises or deletes a file knows where to look;
whoever shares looks at the library once more afterwards, in case somebody did so just then.

Source: CDS-WG1-02 3.3.3 and section 9; ambiguities G10, G13.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from app.crypto.tokens import is_file_id, local_id
from app.domain import file_copies
from app.domain.authorization_details import MAX_ENTRIES
from app.domain.context import Context
from app.domain.media_types import is_media_type
from app.domain.opened_files import NO_SUCH_FILE
from app.domain.records import Access, Stored
from app.domain.texts import is_blank, is_line, is_text
from app.errors import Conflict, InvalidRequest, KeyReused, NotFound
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import Grant

MAX_NAME_LENGTH: Final = 255
MAX_DESCRIPTION_LENGTH: Final = 10_000
MAX_FILES: Final = MAX_ENTRIES
"""How many files one Grant may share: a Client that gives some of them up has to send the entries of the others."""

Content = bytes | AsyncIterator[bytes]


class About(NamedTuple):
    """What is said about the bytes of a file: its name, its content type, and what it is, or ""."""

    name: str
    mime_type: str
    description: str = ""


async def create(
    context: Context, access: Access, *, name: str, mime_type: str, data: Content, description: str = ""
) -> ServerProvidedFile:
    """Put a new file into the library; nobody has access to it yet.

    Args:
        context: The server.
        access: For its time; a file belongs to no registration.
        name: With its extension, on one line.
        mime_type: Its content type.
        data: Its bytes; an iterator is passed on piece by piece.
        description: What it is, or "".

    Raises:
        InvalidRequest: The name, the description or the type is not one.
        StoreUnavailable: The store or the file store did not answer.
    """
    _require_texts(name, description, mime_type)
    file_id = context.randomness.file_id()
    key = _new_key(context, file_id)
    size_bytes = await context.files.put(key, data)
    return await _add(context, access, file_id, key, size_bytes, About(name, mime_type, description))


async def receive(
    context: Context,
    access: Access,
    data: AsyncIterator[bytes],
    about: Callable[[], Awaitable[About]],
    *,
    file_id: str = "",
) -> ServerProvidedFile:
    """Put a file into the library whose name may come after its bytes, as in a form that is read while it arrives.

    Args:
        about: Asked once all bytes are there.
        file_id: Of a request that may be repeated: the file that has it already is the answer.

    Raises:
        KeyReused: The file that has the id is another one.
        As `create`, and whatever `data` and `about` raise; nothing is kept then.
    """
    if file_id and (known := await context.library.get(file_id)):
        size_bytes = 0
        async for piece in data:
            size_bytes += len(piece)
        return _require_same(known.object, size_bytes, await about())
    new_id = file_id or context.randomness.file_id()
    key = _new_key(context, new_id)
    size_bytes = await context.files.put(key, data)
    try:
        texts = await about()
        _require_texts(texts.name, texts.description, texts.mime_type)
        return await _add(context, access, new_id, key, size_bytes, texts)
    except Conflict:  # the same request was quicker
        await context.files.delete(key)
        return _require_same((await _load(context, new_id)).object, size_bytes, texts)
    except InvalidRequest:
        await context.files.delete(key)
        raise


def _require_same(file: ServerProvidedFile, size_bytes: int, about: About) -> ServerProvidedFile:
    if (file.size, file.name, file.mime_type, file.description) != (size_bytes, *about):
        raise KeyReused("This Idempotency-Key came with another file before; each file needs one of its own.")
    return file


async def _add(
    context: Context, access: Access, file_id: str, key: str, size_bytes: int, about: About
) -> ServerProvidedFile:
    uri = context.links.file(file_id)
    file = ServerProvidedFile(
        file_id=file_id,
        uri=uri,
        created=access.now,
        modified=access.now,
        mime_type=about.mime_type,
        size=size_bytes,
        name=about.name,
        description=about.description,
        download_uri=f"{uri}/download",
    )
    await context.library.create(file, FileInternal(key=key), now=access.now)
    return file


async def get(context: Context, file_id: str) -> Stored[ServerProvidedFile]:
    """A file of the library. One round trip. Raises NotFound when there is none, or it is being deleted."""
    stored = await _load(context, file_id)
    if stored.internal.retired:
        raise NotFound(NO_SUCH_FILE)
    return stored


async def revise(
    context: Context,
    access: Access,
    file_id: str,
    *,
    name: str | None = None,
    mime_type: str | None = None,
    data: Content | None = None,
    description: str | None = None,
) -> ServerProvidedFile:
    """Change a file for everybody who has access to it; what is None stays as it is.

    When it breaks off, it can be repeated: some who have the file may see the old version until then.

    Raises:
        NotFound: There is no such file.
        InvalidRequest: As in `create`.
        Conflict: Someone else changed it meanwhile.
        StoreUnavailable: The store or the file store did not answer.
    """
    old = await get(context, file_id)
    given = {"name": name, "mime_type": mime_type, "description": description}
    new = replace(old.object, **{field: value for field, value in given.items() if value is not None})
    _require_texts(new.name, new.description, new.mime_type)
    internal = old.internal
    if data is not None:
        internal = FileInternal(key=_new_key(context, file_id))
        new = replace(new, size=await context.files.put(internal.key, data))
    if (new, internal) != (old.object, old.internal):
        new = replace(new, modified=max(access.now, old.object.modified))
        await _write(context, access, old, new, internal)
    for registration_id in await _shares(context, file_id):
        await file_copies.refresh(context, Access(registration_id, access.now), new, internal)
    if internal.key != old.internal.key:
        await context.files.delete(old.internal.key)
    return new


async def share(
    context: Context, access: Access, client_id: str, file_ids: Sequence[str], scope: str | None = None
) -> Grant:
    """Give a Client Object access to files: one Grant of a files scope with an entry for each file (G10).

    Args:
        context: The server.
        access: To the registration of the Client Object.
        client_id: A Client Object that has a scope of type cds_server_provided_files.
        file_ids: Files of the library.
        scope: Which of its files scopes; None for the first one.

    Raises:
        NotFound: There is no such Client Object, or one of the files is not in the library.
        InvalidRequest: There is no file, or more than `MAX_FILES`; or the Client Object does not have the scope.
        Conflict: The Client Object is disabled.
        StoreUnavailable: The store did not answer.
    """
    ids = list(dict.fromkeys(file_ids))
    if not 0 < len(ids) <= MAX_FILES:
        raise InvalidRequest(f"file_ids must have at least one and at most {MAX_FILES} files.", field="file_ids")
    if not all(is_file_id(file_id) for file_id in ids):
        raise NotFound(NO_SUCH_FILE, field="file_ids")
    grant, shared = await file_copies.give(context, access, client_id, ids, scope)
    try:
        current = await context.library.share(ids, grant.grant_id, now=access.now)
    except NotFound:  # deleted by somebody who looked for Grants before there was this one
        await file_copies.disable(context, access, grant.grant_id)
        for file_id in ids:
            if await _is_gone(context, file_id):
                await file_copies.withdraw(context, access, file_id, [])
        raise
    for before, after in zip(shared, current, strict=True):
        if before.version != after.version:
            await file_copies.refresh(context, access, after.object, after.internal)
    return grant


async def unshare(context: Context, access: Access, grant_id: str) -> None:
    """Take back what a Grant shares: it is `disabled`, and its tokens die at once. The files stay in the library.

    A Grant that has ended already stays as it is.

    Raises:
        NotFound: The registration has no such Grant of a files scope.
        StoreUnavailable: The store did not answer.
    """
    await file_copies.disable(context, access, grant_id)


async def delete(context: Context, access: Access, file_id: str) -> None:
    """Take a file back from everybody, and forget it and its bytes.

    A Grant that shares nothing else is `disabled`, another one is limited to the rest. From the first moment nobody can
    share the file any more; when it breaks off later, it is still listed and has to be deleted again.

    Raises:
        NotFound: There is no such file.
        StoreUnavailable: The store or the file store did not answer.
    """
    stored = await _load(context, file_id)
    if not stored.internal.retired:
        await _write(context, access, stored, stored.object, replace(stored.internal, retired=True))
    for registration_id, grant_ids in (await _shares(context, file_id)).items():
        await file_copies.withdraw(context, Access(registration_id, access.now), file_id, grant_ids)
    await context.files.delete(stored.internal.key)
    await context.library.delete(file_id, now=access.now)


def _require_texts(name: str, description: str, mime_type: str) -> None:
    if is_blank(name) or len(name) > MAX_NAME_LENGTH or not is_line(name):
        raise InvalidRequest(
            f"name must be a file name of at most {MAX_NAME_LENGTH} characters on one line.", field="name"
        )
    if len(description) > MAX_DESCRIPTION_LENGTH or not is_text(description):
        raise InvalidRequest(
            f"description must be text of at most {MAX_DESCRIPTION_LENGTH} characters.", field="description"
        )
    if not is_media_type(mime_type):
        raise InvalidRequest("mime_type must be a MIME type such as application/pdf.", field="mime_type")


def _new_key(context: Context, file_id: str) -> str:
    """A place in the file store for new content; the last part makes its entity tag."""
    return f"files/{file_id}/{context.randomness.file_id()}"


async def _load(context: Context, file_id: str) -> Stored[ServerProvidedFile]:
    stored = await context.library.get(file_id) if is_file_id(file_id) else None
    if stored is None:
        raise NotFound(NO_SUCH_FILE)
    return stored


async def _is_gone(context: Context, file_id: str) -> bool:
    stored = await context.library.get(file_id)
    return stored is None or stored.internal.retired


async def _write(
    context: Context, access: Access, old: Stored[ServerProvidedFile], new: ServerProvidedFile, internal: FileInternal
) -> None:
    """Write the successor of a file; new content that lost the race is removed again."""
    try:
        await context.library.replace(old, new, internal, now=access.now)
    except Conflict:
        if internal.key != old.internal.key:
            await context.files.delete(internal.key)
        raise


async def _shares(context: Context, file_id: str) -> dict[str, list[str]]:
    """The Grants that ever shared a file, by registration."""
    shares: dict[str, list[str]] = {}
    for grant_id in await context.library.shares(file_id):
        if parts := local_id(grant_id):
            shares.setdefault(parts.registration_id, []).append(grant_id)
    return shares
