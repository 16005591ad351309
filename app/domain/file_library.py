"""What the domain asks of the store for the Server-Provided Files themselves, which belong to no registration.

The library has the one record of each file. A registration that a file is shared with has a copy of that record beside
its Grant, so that a Client's request finds everything in one place and cannot reach any other.
"""

from datetime import datetime
from typing import Protocol

from app.domain.feed import AuditEntry
from app.domain.records import Cursor, Page, Stored
from app.schemas.files import FileInternal, ServerProvidedFile


class FileLibrary(Protocol):
    """All Server-Provided Files.

    What creates, replaces or deletes one appends an event to the feed in the same step, and `audit` to the audit log
    when an operator does it (`app.domain.audit` fills it in).

    Every method is one round trip, and raises StoreUnavailable when the store does not answer.
    """

    async def create(
        self, file: ServerProvidedFile, internal: FileInternal, *, now: datetime, audit: AuditEntry | None = None
    ) -> None:
        """Add a file. Raises Conflict when there is one with its id."""

    async def get(self, file_id: str) -> Stored[ServerProvidedFile] | None:
        """One file, or None."""

    async def page(self, cursor: Cursor | None = None) -> Page:
        """One page of all files, most recently modified first."""

    async def replace(
        self,
        old: Stored[ServerProvidedFile],
        new: ServerProvidedFile,
        internal: FileInternal,
        *,
        now: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        """Write the successor of exactly that version. Raises Conflict when it is no longer the present one."""

    async def share(self, file_ids: list[str], grant_id: str, *, now: datetime) -> list[Stored[ServerProvidedFile]]:
        """Note a Grant for every one of the files, and return them as they are now; it may be noted again.

        Raises:
            NotFound: One of them is not there, or is being deleted; nothing was noted.
        """

    async def shares(self, file_id: str) -> list[str]:
        """Every grant_id that was ever noted for a file, oldest first; what became of the Grant is not looked at."""

    async def delete(self, file_id: str, *, now: datetime, audit: AuditEntry | None = None) -> None:
        """Forget a file and who it was shared with; no complaint when there is none."""
