"""The file store: bytes in, bytes out, constant memory, nothing half-written."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from obstore import delete_async, get_async, get_range_async, put_async
from obstore import list as obstore_list
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from app.errors import NotFound, Refusal, StoreUnavailable
from app.files.locations import open_location

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists for type checkers only

PIECE_BYTES = 1024 * 1024
"""How much of an object one download holds in memory."""

PART_BYTES = 5 * 1024 * 1024
"""How much of an upload of unknown length travels at once; the smallest part that S3 accepts."""

PARTS_AT_ONCE = 2

KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", re.ASCII)


class FileStore:
    """Objects in one directory or bucket. Fulfils `app.domain.file_store.FileStore`.

    An object appears under its key when all of it is stored: a directory writes beside and renames, a bucket
    completes an upload. What a broken upload leaves behind cannot be read; a bucket forgets it by its own lifecycle
    rule for incomplete multipart uploads.
    """

    def __init__(self, objects: ObjectStore, directory: Path | None = None) -> None:
        self.objects = objects
        self.directory = directory

    @classmethod
    def open(cls, files_url: str) -> Self:
        """The file store that `CDS_FILES_URL` names.

        Raises:
            ConfigurationError: The URL, its directory or its credentials cannot be used.
        """
        return cls(*open_location(files_url))

    async def put(self, key: str, data: bytes | AsyncIterator[bytes]) -> int:
        """Store `data` completely or not at all, replacing what was there; returns its length in bytes.

        In a directory it is on the disk, not only with the kernel, when this returns. An error of the iterator itself
        comes out as it is.

        Raises:
            StoreUnavailable: The file store did not take it.
        """
        refuse_foreign_key(key)
        if isinstance(data, bytes):
            with refusals(key):
                await put_async(self.objects, key, data, use_multipart=False)
            size_bytes = len(data)
        else:
            size_bytes = await self.put_pieces(key, data)
        if self.directory is not None:
            with refusals(key):
                await asyncio.to_thread(flush_to_disk, self.directory, key)
        return size_bytes

    async def put_pieces(self, key: str, pieces: AsyncIterator[bytes]) -> int:
        """The part of `put` for an upload whose length is not known yet."""
        upload = Upload(pieces)
        try:
            with refusals(key):
                await put_async(self.objects, key, upload, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        except Refusal:
            if upload.failure is not None:
                raise upload.failure from None
            raise
        return upload.size_bytes

    async def get(self, key: str) -> bytes:
        """The whole object, in memory: for attachments and other small things.

        Raises:
            NotFound: There is no such object.
            StoreUnavailable: The file store did not answer.
        """
        refuse_foreign_key(key)
        with refusals(key):
            result = await get_async(self.objects, key)
            return (await result.bytes_async()).to_bytes()

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces of at most `PIECE_BYTES`.

        Each piece is a request of its own, made when the reader wants it: a slow reader keeps no connection to the
        bucket open, and one that leaves causes no further reading.

        Raises:
            NotFound: There is no such object.
            StoreUnavailable: The file store did not answer, or the object ends before `end`.
        """
        refuse_foreign_key(key)
        for piece_start in range(start, end, PIECE_BYTES):
            piece_end = min(piece_start + PIECE_BYTES, end)
            with refusals(key):
                piece = await get_range_async(self.objects, key, start=piece_start, end=piece_end)
            if len(piece) != piece_end - piece_start:
                raise StoreUnavailable(SILENT, detail=f"{key}: shorter than {piece_end} bytes")
            yield piece.to_bytes()

    async def listed(self, after: str = "") -> AsyncIterator[tuple[str, int]]:
        """Every object behind a key in alphabetical order, with its size in bytes; what is no object of ours is not.

        A directory is looked through before the first one comes, because it keeps no order; the names of a million
        objects take some 100 MB then.

        Raises:
            StoreUnavailable: The file store did not answer.
        """
        with refusals("list"):
            if self.directory is not None:
                found = [one for batch in obstore_list(self.objects) for one in batch]
                batches: Iterator[Sequence[ObjectMeta]] = iter([sorted(found, key=lambda one: one["path"])])
            else:
                batches = iter(obstore_list(self.objects, offset=after or None))
        while (batch := await asyncio.to_thread(_next_batch, batches)) is not None:
            for one in batch:
                if one["path"] > after and KEY.fullmatch(one["path"]):
                    yield one["path"], one["size"]

    async def delete(self, key: str) -> None:
        """Remove the object; no complaint when there is none, so that it can be repeated.

        Raises:
            StoreUnavailable: The file store did not answer.
        """
        refuse_foreign_key(key)
        try:
            with refusals(key):
                await delete_async(self.objects, key)
        except NotFound:
            return


def _next_batch(batches: "Iterator[Sequence[ObjectMeta]]") -> "Sequence[ObjectMeta] | None":
    with refusals("list"):
        return next(batches, None)


SILENT = "The file store does not answer at the moment; please try again."


class Upload:
    """Pieces on their way into the store: how much has been taken, and whether their source broke off."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self.pieces = pieces
        self.size_bytes = 0
        self.failure: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self.pieces)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        self.size_bytes += len(piece)
        return piece


@contextmanager
def refusals(key: str) -> Iterator[None]:
    """Turn what the library raises into our refusals; its first line tells what happened, without credentials."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("The file does not exist.", detail=f"{key} is missing in the file store") from error
    except (BaseError, OSError) as error:
        raise StoreUnavailable(SILENT, detail=f"{key}: {str(error).partition(chr(10))[0]}") from error


def refuse_foreign_key(key: str) -> None:
    """Only keys of our own making reach a path or a bucket. Raises ValueError, because a Client cannot cause it."""
    if not KEY.fullmatch(key):
        raise ValueError("a key has segments of A-Z a-z 0-9 _ - with single slashes between them")


def flush_to_disk(directory: Path, key: str) -> None:
    """Wait until the object and the directory entries that lead to it would survive a power failure."""
    path = directory / key
    for place in (path, *[parent for parent in path.parents if parent.is_relative_to(directory)]):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
