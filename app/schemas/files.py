"""Server-Provided Files (CDS-WG1-02 9.1)."""

from datetime import datetime

from msgspec import Struct


class ServerProvidedFile(Struct, kw_only=True, frozen=True):
    """One Server-Provided File, as 9.1 lays it out. `size` is in bytes."""

    file_id: str
    uri: str
    created: datetime
    modified: datetime
    mime_type: str
    size: int
    name: str
    description: str
    download_uri: str


class FileInternal(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we know about a Server-Provided File and do not show."""

    key: str = ""
    """Where its bytes are in the file store: `files/`, the file_id and an id of this content."""
    retired: bool = False
    """In the library: it is being deleted, and nobody may share it any more."""
