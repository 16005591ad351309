"""Server-Provided Files as a Client meets them: what its grant admin token opens, and nothing else.

A token opens the files that the enabled authorization details of its Grant name, looked at anew with every request
(ambiguities G8). That a file lies in the registration, or once was shared, counts for nothing.

Source: CDS-WG1-02 9.2 to 9.4.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from app.catalog import SERVER_PROVIDED_FILES, Catalog
from app.domain.file_store import FileStore
from app.domain.records import Access, Cursor, Page, Stored
from app.errors import NotFound, StoreUnavailable
from app.schemas.files import FileInternal, ServerProvidedFile

NO_SUCH_FILE = "There is no such file."


class OpenedFiles(Protocol):
    """What the store finds for the bearer of a grant admin token, in one round trip.

    `scopes` are the files scopes of the catalog, each with the grant admin scope that opens its Grants. Every method
    raises

        InvalidToken: The token is unknown, expired or cut off, or its Grant gives no access now.
        InsufficientScope: The token opens no Grant of a files scope.
        StoreUnavailable: The store does not answer.
    """

    async def page(
        self,
        access: Access,
        scopes: Mapping[str, str],
        *,
        ids: tuple[str, ...] | None = None,
        cursor: Cursor | None = None,
    ) -> Page:
        """One page of the files, most recently modified first; only those in `ids`, when given."""

    async def one(self, access: Access, scopes: Mapping[str, str], file_id: str) -> Stored[ServerProvidedFile] | None:
        """One file, or None when the token does not open it."""


def files_scopes(catalog: Catalog) -> dict[str, str]:
    """The scopes of files, each with the grant admin scope whose tokens open its Grants (3.3.3)."""
    return {
        scope.id: scope.grant_admin_scope
        for scope in catalog.scopes.values()
        if scope.type == SERVER_PROVIDED_FILES and scope.grant_admin_scope
    }


async def document(opened: OpenedFiles, access: Access, scopes: Mapping[str, str], file_id: str) -> bytes:
    """One file object as it goes out.

    Raises:
        NotFound: The token does not open such a file.
        Refusal: As every method of `OpenedFiles`.
    """
    page = await opened.page(access, scopes, ids=(file_id,))
    if not page.listed:
        raise NotFound(NO_SUCH_FILE)
    return page.documents[0]


async def download(
    opened: OpenedFiles, access: Access, scopes: Mapping[str, str], file_id: str
) -> tuple[ServerProvidedFile, FileInternal]:
    """A file whose bytes may be read, and where they are. Raises as `document` does."""
    stored = await opened.one(access, scopes, file_id)
    if stored is None:
        raise NotFound(NO_SUCH_FILE)
    return stored.object, stored.internal


async def pieces(files: FileStore, key: str, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of a shared file from `start` up to, not including, `end`.

    Raises:
        StoreUnavailable: The file store does not answer; or it does not have the bytes although the file is shared,
            because they are just being replaced: asking again helps, and a 404 would be wrong.
    """
    try:
        async for piece in files.stream(key, start, end):
            yield piece
    except NotFound as error:
        message = "The content of this file cannot be read at the moment; please try again."
        raise StoreUnavailable(message, detail=error.detail) from error
