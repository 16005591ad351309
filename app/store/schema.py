"""The version of how things are stored.

A server works with a store of its own version and of the one before or after, so that a rollout can mix them;
anything farther away is refused at the start instead of being misread.
"""

from typing import Final

from app.errors import ConfigurationError
from app.store import keys
from app.store.connection import Connection

VERSION: Final = 1


async def require_compatible(connection: Connection) -> None:
    """Note our version in an empty store; refuse one that is too new or too old.

    Raises:
        ConfigurationError: The store was written by a version that we cannot work with.
        StoreUnavailable: The store does not answer.
    """
    await connection.command("SET", keys.SCHEMA, VERSION, "NX", writes=True)
    found = int(await connection.command("GET", keys.SCHEMA) or VERSION)
    if abs(found - VERSION) > 1:
        supported = f"{VERSION - 1} to {VERSION + 1}"
        problem = f"The store has schema version {found}, this server works with {supported}: upgrade step by step."
        raise ConfigurationError([problem])
