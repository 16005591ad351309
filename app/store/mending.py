"""Reads objects and puts right what indexes say about them: the hands of `app.store.reindex`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.schemas.encoding import encode
from app.store.connection import Connection, Script
from app.store.documents import Documents
from app.store.placing import REGISTRATION, Entry, Found, Known, Unreadable, entry_of, known_of, words_to_place
from app.store.words import WORDS

SCRIPTS: Final = (
    Script.load("mend", prelude="words", writes=True),
    Script.load("weed", prelude="words", writes=True),
)


@dataclass(slots=True)
class Progress:
    """What the walks have seen and done so far."""

    registrations: int = 0
    objects: int = 0
    indexes: int = 0
    mended: int = 0
    """Index entries that were missing, wrong or left over."""
    unreadable: list[str] = field(default_factory=list)
    """Objects that are none, as key and field; nothing was done about them."""

    def count(self, mended: int) -> None:
        """Add up; in a line of its own, because `+= await` would read the sum before it waits."""
        self.mended += mended


class Mender:
    """Mends.

    Args:
        connection: With the scripts of this module loaded.
        documents: Knows the public URL.
        done: Where to count.
    """

    def __init__(self, connection: Connection, documents: Documents, done: Progress) -> None:
        self.connection = connection
        self.documents = documents
        self.done = done

    async def read(self, prefix: str, locals_: Sequence[str]) -> list[Found]:
        """Objects as they are; one that is not there has an empty document."""
        if not locals_:
            return []
        names = [name for local in locals_ for name in (local, f"{local}!")]
        values = await self.connection.command("HMGET", f"{prefix}:o", *names)
        return [Found(local, values[2 * at] or b"", values[2 * at + 1] or b"") for at, local in enumerate(locals_)]

    async def mend(self, prefix: str, entries: Sequence[tuple[Entry, Found]]) -> None:
        """Put objects where they belong, unless they have changed since they were read."""
        if entries:
            plan = encode([entry for entry, _ in entries])
            values = [value for _, found in entries for value in (found.document, found.internal)]
            shard = prefix[: prefix.index("}") + 1]
            self.done.count(await self.connection.run("mend", [prefix, shard], plan, *values))

    def entry_of(self, prefix: str, found: Found) -> Entry | None:
        """Where an object belongs; None for something that is no object, which is noted."""
        try:
            return entry_of(self.documents, found)
        except Unreadable as error:
            problem = f"{prefix}:o {found.local}: {error}"
            if problem not in self.done.unreadable:
                self.done.unreadable.append(problem)
            return None

    async def add_words(self, prefix: str, placed: Sequence[tuple[Entry, Found]]) -> None:
        """Note which words those of these objects have that have words."""
        with_words = [(entry, found) for entry, found in placed if found.local == REGISTRATION or found.local.isdigit()]
        if not with_words:
            return
        registration, text = await self.connection.command("HMGET", f"{prefix}:o", REGISTRATION, WORDS)
        known: Known = known_of(self.documents, Found(REGISTRATION, registration or b"", b""), text or b"")
        for entry, found in with_words:
            entry.words = words_to_place(self.documents, found, known)
