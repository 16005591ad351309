"""The file store of a server, opened when the first file comes or goes.

The library that knows all kinds of buckets takes six megabytes. Many servers never see a file.
"""

from collections.abc import AsyncIterator
from functools import cached_property
from typing import TYPE_CHECKING

from app.errors import ConfigurationError, StoreUnavailable
from app.files.directories import directory_of

if TYPE_CHECKING:
    from app.domain import file_store
    from app.files.file_store import FileStore


class LaterFileStore:
    """Fulfils `app.domain.file_store.FileStore` with the one of `files_url`, whose directory was fine at the start.

    Should it not be any more, every method raises `StoreUnavailable`.
    """

    def __init__(self, files_url: str) -> None:
        self._url = files_url

    async def put(self, key: str, data: bytes | AsyncIterator[bytes]) -> int:
        """See `FileStore.put`."""
        return await self._opened.put(key, data)

    async def get(self, key: str) -> bytes:
        """See `FileStore.get`."""
        return await self._opened.get(key)

    def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """See `FileStore.stream`."""
        return self._opened.stream(key, start, end)

    async def delete(self, key: str) -> None:
        """See `FileStore.delete`."""
        await self._opened.delete(key)

    @cached_property
    def _opened(self) -> "FileStore":
        try:
            return _opened(self._url)
        except ConfigurationError as error:
            raise StoreUnavailable("The file store cannot be used at the moment.", detail=str(error)) from error


def open_files(files_url: str) -> "file_store.FileStore":
    """The file store that `CDS_FILES_URL` names.

    What is wrong with it shows now: a directory is looked at, anything else is opened.

    Raises:
        ConfigurationError: The URL, its directory or its credentials cannot be used.
    """
    return LaterFileStore(files_url) if directory_of(files_url) else _opened(files_url)


def _opened(files_url: str) -> "FileStore":
    from app.files.file_store import FileStore  # noqa: PLC0415 -- what is said above

    return FileStore.open(files_url)
