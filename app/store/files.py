"""Server-Provided Files in Redis: the library that has all of them, and what a token opens of the copies."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.domain.feed import AuditEntry
from app.domain.opened_files import NO_SUCH_FILE
from app.domain.records import PAGE_SIZE, Access, Cursor, Page, Stored
from app.errors import Conflict, InsufficientScope, InvalidToken, NotFound
from app.schemas.encoding import encode
from app.schemas.files import FileInternal, ServerProvidedFile
from app.store import indexes, keys
from app.store.connection import Connection, Script
from app.store.documents import Documents
from app.store.records import RedisRecords

SCRIPTS = (
    Script.load("files", prelude="access"),
    Script.load("library_put", prelude="happened", writes=True),
    Script.load("library_share", writes=True),
    Script.load("library_delete", prelude="happened", writes=True),
)

_INDEX = indexes.COLLECTIONS[ServerProvidedFile].name


class RedisOpenedFiles:
    """The one implementation of `app.domain.opened_files.OpenedFiles`.

    Args:
        records: The registrations that have the Grants and the copies.
    """

    def __init__(self, records: RedisRecords) -> None:
        self._records = records

    async def page(
        self,
        access: Access,
        scopes: Mapping[str, str],
        *,
        ids: tuple[str, ...] | None = None,
        cursor: Cursor | None = None,
    ) -> Page:
        """See `OpenedFiles.page`."""
        asked: dict[str, Any] = {"newer": False, "limit": PAGE_SIZE, "suffixes": [""]}
        if ids is not None:
            asked["ids"] = ids
        if cursor:
            asked |= {"cursor": cursor.position, "newer": cursor.newer}
        return _page(self._records.documents, await self._opened(access, scopes, asked))

    async def one(self, access: Access, scopes: Mapping[str, str], file_id: str) -> Stored[ServerProvidedFile] | None:
        """See `OpenedFiles.one`."""
        asked = {"newer": False, "limit": 1, "suffixes": ["", "!"], "ids": [file_id]}
        positions, fields, _, _ = await self._opened(access, scopes, asked)
        return _stored(self._records.documents, fields[0], fields[1], positions[0]) if positions else None

    async def _opened(self, access: Access, scopes: Mapping[str, str], asked: dict[str, Any]) -> list[Any]:
        """The page that the script found. Raises InvalidToken or InsufficientScope when there is none."""
        asked["scopes"] = scopes
        what, *page = await self._records.run_reading(access, "files", encode(asked), grants=True)
        if what == b"closed":
            raise InvalidToken("The Grant of this access token gives no access any more.")
        if what == b"none":
            required = next(iter(scopes.values()), "")
            raise InsufficientScope("This needs an access token for a Grant of Server-Provided Files.", scope=required)
        found: list[Any] = page[0]
        return found


class RedisFileLibrary:
    """The one implementation of `app.domain.file_library.FileLibrary`.

    Args:
        connection: With the scripts of this module and those of `app.store.records` loaded.
        documents: Knows the public URL.
    """

    def __init__(self, connection: Connection, documents: Documents) -> None:
        self._connection = connection
        self._documents = documents

    async def create(
        self, file: ServerProvidedFile, internal: FileInternal, *, now: datetime, audit: AuditEntry | None = None
    ) -> None:
        """See `FileLibrary.create`."""
        await self._put("", file, internal, now, audit)

    async def get(self, file_id: str) -> Stored[ServerProvidedFile] | None:
        """See `FileLibrary.get`."""
        names = [file_id, f"{file_id}!"]
        answer = await self._connection.run("read", [keys.LIBRARY], "", 0, 0, len(names), *names, _INDEX, file_id)
        document, internal, position = answer[2:]
        return _stored(self._documents, document, internal, position) if document and position else None

    async def page(self, cursor: Cursor | None = None) -> Page:
        """See `FileLibrary.page`."""
        listing: dict[str, Any] = {
            "all": _INDEX,
            "groups": [[_INDEX]],
            "newer": cursor.newer if cursor else False,
            "limit": PAGE_SIZE,
            "suffixes": [""],
        }
        if cursor:
            listing["cursor"] = cursor.position
        answer = await self._connection.run("page", [keys.LIBRARY], "", 0, 0, encode([listing]))
        return _page(self._documents, answer[2])

    async def replace(
        self,
        old: Stored[ServerProvidedFile],
        new: ServerProvidedFile,
        internal: FileInternal,
        *,
        now: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        """See `FileLibrary.replace`."""
        await self._put(old.version, new, internal, now, audit)

    async def share(self, file_ids: list[str], grant_id: str, *, now: datetime) -> list[Stored[ServerProvidedFile]]:
        """See `FileLibrary.share`."""
        answer = await self._connection.run("library_share", [keys.LIBRARY], grant_id, int(now.timestamp()), *file_ids)
        if not answer[0]:
            raise NotFound(NO_SUCH_FILE, field="file_ids", detail=f"{answer[1].decode()} is not in the library")
        return [_stored(self._documents, *answer[at : at + 3]) for at in range(1, len(answer), 3)]

    async def shares(self, file_id: str) -> list[str]:
        """See `FileLibrary.shares`."""
        found: Sequence[bytes] = await self._connection.command("ZRANGE", keys.shares(file_id), 0, -1)
        return [grant_id.decode() for grant_id in found]

    async def delete(self, file_id: str, *, now: datetime, audit: AuditEntry | None = None) -> None:
        """See `FileLibrary.delete`."""
        said = (int(now.timestamp()), encode(audit) if audit else "")
        await self._connection.run("library_delete", [keys.LIBRARY, keys.LIBRARY_EVENTS], file_id, *said)

    async def _put(
        self,
        version: int | str,
        file: ServerProvidedFile,
        internal: FileInternal,
        now: datetime,
        audit: AuditEntry | None,
    ) -> None:
        document = self._documents.pack(file)
        modified = int(file.modified.timestamp())
        script_keys = [keys.LIBRARY, keys.LIBRARY_EVENTS]
        said = (int(now.timestamp()), encode(audit) if audit else "")
        if not await self._connection.run(
            "library_put", script_keys, file.file_id, version, modified, document, encode(internal), *said
        ):
            raise Conflict("The file was changed meanwhile; read it again and repeat.")


def _stored(
    documents: Documents, document: bytes, internal: bytes | None, position: bytes
) -> Stored[ServerProvidedFile]:
    known = msgspec.json.decode(internal, type=FileInternal) if internal else FileInternal()
    return Stored(documents.unpack(ServerProvidedFile, document), known, int(float(position)))


def _page(documents: Documents, page: list[Any]) -> Page:
    """A page of a script (see page.lua) whose only suffix is the document itself."""
    positions, fields, newer, older = page
    return Page(
        documents.expand(ServerProvidedFile, b",".join(fields)),
        next=Cursor(int(positions[-1]), newer=False) if older and positions else None,
        previous=Cursor(int(positions[0]), newer=True) if newer and positions else None,
    )
