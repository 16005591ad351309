"""What every operation of the domain may use."""

from dataclasses import dataclass

from app.catalog import Catalog
from app.crypto.tokens import Randomness
from app.domain.file_library import FileLibrary
from app.domain.file_store import FileStore
from app.domain.links import Links
from app.domain.records import Records
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The server as the rules see it: what it offers, where it keeps things, what its URLs are."""

    settings: Settings
    catalog: Catalog
    records: Records
    files: FileStore
    library: FileLibrary
    randomness: Randomness
    links: Links
