"""What the domain needs from wherever file bytes live."""

from collections.abc import AsyncIterator
from typing import Protocol


class FileStore(Protocol):
    """Bytes under keys of our own making. An object is written once and never changed afterwards.

    Every method raises `StoreUnavailable` when the file store does not answer.
    """

    async def put(self, key: str, data: bytes | AsyncIterator[bytes]) -> int:
        """Store `data` completely or not at all; returns its length in bytes."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole object. Raises `NotFound` when there is none."""
        ...

    def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces. Raises `NotFound` when there is no object."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; no complaint when there is none."""
        ...
