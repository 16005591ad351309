"""The version of how things are stored, and how it changes without a pause.

The store knows two numbers: the version of the newest servers that have worked with it, and the oldest version whose
servers still can. In a store that is settled both are the same. The first server of the next version raises the first
one; from then on both versions work side by side, because the newer one reads both layouts and writes the older one.
When all servers have the newer version, `cds-server reindex` makes all indexes anew and raises the second number: from
their next start on servers write the new layout, and older ones do not start any more. The version after that can
follow only then. So a rollout mixes no more than two versions, can be turned back until `reindex`, and what is too far
away is refused at the start instead of being misread.

How a layout may change:

- Members of documents and of internal parts are added at the top level, with defaults, and never get another meaning.
  Those of Client Objects begin with `cds_`: others belong to Clients.
  A server passes over members that it does not know and keeps them when it writes the object again (`Stored.unknown`);
  only the library of files, which operators write by hand, forgets them.
- A new value of a status or type is first understood, and written once the store is settled.
- Documents are readable in every layout that they were ever written in, because they are rewritten only when they
  change. A new one is written once the store is settled.
- What is derived from documents (indexes, what is due, words) is read in the layout before while the store is not
  settled, and may be forgotten in the version after.

| version | what is different |
| --- | --- |
| 1 | |
| 2 | what objects of a type have in common may be stored as marks (see `app.store.documents`) |
"""

from typing import Final

import structlog

from app.errors import ConfigurationError
from app.store import keys
from app.store.connection import Connection, Script

VERSION: Final = 2

SCRIPT: Final = Script.load("schema", writes=True)

log = structlog.get_logger("app.store.schema")


async def require_compatible(connection: Connection, version: int = VERSION, *, importing: bool = False) -> bool:
    """Note our version in an empty store and in a settled one of the version before; refuse one that is not for us.

    Args:
        connection: To the store.
        version: Ours.
        importing: A store of which only a half has been imported is what is wanted.

    Returns:
        Whether the layout of our version may be written, because no server of the version before can be about.

    Raises:
        ConfigurationError: The store was written by a version that we cannot work with, or not been settled for the one
            before ours, or only a half of it is there.
        StoreUnavailable: The store does not answer.
    """
    await connection.load([SCRIPT])
    if not importing and await connection.command("GET", keys.IMPORT):
        problem = "The store is being imported. If that was interrupted, import the same file again."
        raise ConfigurationError([problem])
    found, oldest = await connection.run("schema", [keys.SCHEMA, keys.OLDEST], version)
    if version < oldest or found > version + 1:
        problem = f"The store has schema version {found}, and this server is of version {version}: use a newer one."
        raise ConfigurationError([problem])
    if version > found:
        step = f"run cds-server reindex of version {found} first" if version == found + 1 else "upgrade step by step"
        problem = f"The store has schema version {found}, and this server is of version {version}: {step}."
        raise ConfigurationError([problem])
    if oldest < version:
        log.warning("store_not_settled", version=version, oldest=oldest, when_all_are_new="cds-server reindex")
    return bool(oldest >= version)


def require_readable(version: int) -> None:
    """Refuse a file of objects that a newer version has written. Raises ConfigurationError."""
    if version > VERSION:
        problem = f"The file has schema version {version}, and this is version {VERSION}: use a newer one."
        raise ConfigurationError([problem])


async def settle(connection: Connection, version: int = VERSION) -> bool:
    """Note that all servers are of our version and all indexes as it has them; whether they were not before."""
    oldest = await connection.command("GET", keys.OLDEST)
    if oldest and int(oldest) >= version:
        return False
    await connection.command("SET", keys.OLDEST, version, writes=True)
    return True
