"""The version of how things are stored, and how it changes without a pause.

A server works with a store of its own version and of the one before or after, so that a rollout can mix them; anything
farther away is refused at the start instead of being misread. The first server of a new version raises the number in
the store. From then on servers two versions back do not start any more, while those one version back go on.

How a layout changes, then:

- Members of documents and fields of hashes are added, never given another meaning. A server passes over members that it
  does not know, and keeps them when it writes the object again (`Documents.unknown`). A new member has a default,
  because the servers before do not write it.
- A new value of a status or type is first understood, and written only from the version after that on: the servers
  before would not know what to do with such an object.
- What is derived from documents (indexes, what is due, words) may be laid out anew in any version: put the version
  below, write both layouts for that version, and read the old one where the new one has nothing. When all servers have
  that version, `cds-server reindex` makes the rest, once; the version after does not start before that, and need not
  know the old layout.
- `VERSION` goes up with any of these that a server two versions back could not live with.
"""

from typing import Final

import structlog

from app.errors import ConfigurationError
from app.store import keys
from app.store.connection import Connection, Script

VERSION: Final = 1

REINDEXED: Final[frozenset[int]] = frozenset()
"""The versions whose indexes are not those of the version before."""

SCRIPT: Final = Script.load("schema", writes=True)

log = structlog.get_logger("app.store.schema")


async def require_compatible(connection: Connection, version: int = VERSION, *, importing: bool = False) -> None:
    """Note our version in an empty store and in one of the version before; refuse one that we cannot work with.

    Args:
        connection: To the store.
        version: Ours.
        importing: A store of which only a half has been imported is what is wanted.

    Raises:
        ConfigurationError: The store was written by a version that we cannot work with, or has not been prepared for
            ours, or only a half of it is there.
        StoreUnavailable: The store does not answer.
    """
    await connection.load([SCRIPT])
    if not importing and await connection.command("GET", keys.IMPORT):
        problem = "The store is being imported. If that was interrupted, import the same file again."
        raise ConfigurationError([problem])
    both = [keys.SCHEMA, keys.REINDEX]
    found, pending = await connection.run("schema", both, version, int(version in REINDEXED))
    refuse_version(found, "The store", version)
    if found < version and pending not in {0, version}:
        problem = (
            f"The store has schema version {found}, but not all of its indexes yet: "
            f"run cds-server reindex of that version before servers of version {version} start."
        )
        raise ConfigurationError([problem])
    if pending == version:
        log.warning("store_needs_reindex", version=version, command="cds-server reindex")


def refuse_version(found: int, what: str, version: int = VERSION) -> None:
    """Refuse what was written by a version that is too far away. Raises ConfigurationError."""
    if abs(found - version) > 1:
        supported = f"{version - 1} to {version + 1}"
        problem = f"{what} has schema version {found}, this server works with {supported}: upgrade step by step."
        raise ConfigurationError([problem])


async def reindexed(connection: Connection, version: int = VERSION) -> None:
    """Note that all indexes are those of our version."""
    if await connection.command("GET", keys.REINDEX) == str(version).encode():
        await connection.command("DEL", keys.REINDEX, writes=True)
