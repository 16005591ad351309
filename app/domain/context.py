"""What every operation of the domain may use."""

import copy
from dataclasses import dataclass, field

from app.catalog import Catalog
from app.crypto.tokens import Randomness, digest
from app.domain.access_tokens import AccessTokens
from app.domain.file_library import FileLibrary
from app.domain.file_store import FileStore
from app.domain.links import Links
from app.domain.patterns import Patterns
from app.domain.records import Records
from app.schemas.encoding import encode
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
    access_tokens: AccessTokens
    links: Links
    patterns: Patterns | None = None
    """Of changes to `records`, where there are some."""
    offer: str = field(init=False)
    """Stands for the scopes of the catalog: a decision that the store remembers under it lasts as long as they do."""

    def __post_init__(self) -> None:
        """Work out what the scopes are known by."""
        object.__setattr__(self, "offer", digest(encode(self.catalog.scopes).decode())[:8])

    def keeping_in(self, records: Records, library: FileLibrary) -> "Context":
        """The same server, which reads and writes through these.

        A plain copy: `dataclasses.replace` would work `offer` out again, which takes longer than many an operation.
        """
        other = copy.copy(self)
        object.__setattr__(other, "records", records)
        object.__setattr__(other, "library", library)
        object.__setattr__(other, "patterns", None)
        return other

    def drawing_from(self, randomness: Randomness) -> "Context":
        """The same server with other ids and secrets."""
        other = copy.copy(self)
        object.__setattr__(other, "randomness", randomness)
        return other
