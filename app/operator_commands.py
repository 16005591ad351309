"""`cds-server operator`: who works for the utility, also while servers run."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

from app.crypto.tokens import Randomness
from app.domain import operators
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.operators import SCRIPTS, RedisOperators
from app.upkeep import opened, require_store, somebody

COLUMN: Final = "  "

Tell = Callable[[str], object]


@contextlib.asynccontextmanager
async def store_of(settings: Settings) -> AsyncIterator[RedisOperators]:
    """The operators of the store that the settings name.

    Raises:
        ConfigurationError: It does not suit, or an embedded one is not there.
        StoreUnavailable: It does not answer.
    """
    require_store(settings)
    async with opened(settings) as (_, connection):
        await connection.load(SCRIPTS)
        yield RedisOperators(connection)


async def add(settings: Settings, name: str, role: str, show_key: Tell, tell: Tell) -> bool:
    """Make an operator; False when the name is taken.

    Args:
        settings: Of the installation.
        name: What the operator is to be called.
        role: One of `operators.Role`.
        show_key: Gets the key.
        tell: Told in a sentence how it went.

    Raises:
        ConfigurationError: Nobody may be called so, or see `store_of`.
        StoreUnavailable: The store does not answer.
    """
    if not operators.is_name(name):
        raise ConfigurationError([f"NAME has to be {operators.NAME_RULE}."])
    async with store_of(settings) as store:
        now = datetime.now(UTC)
        key = await operators.add(store, Randomness(), somebody(), name, operators.Role(role), now=now)
    if key is None:
        tell(f"There is an operator {name} already; revoke that one first, or choose another name.")
        return False
    show_key(key)
    tell(f"This is the key of operator {name}, role {role}. It is not shown again.")
    return True


async def show(settings: Settings, tell: Tell) -> bool:
    """List the operators, one per line. Raises as `store_of` does."""
    async with store_of(settings) as store:
        found = await store.list()
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        since = datetime.fromtimestamp(one.created_at, UTC).strftime("%Y-%m-%d")
        tell(COLUMN.join([one.name.ljust(width), one.role.ljust(len(operators.Role.INTROSPECTOR)), since]))
    return True


async def revoke(settings: Settings, name: str, tell: Tell) -> bool:
    """Forget an operator; False when there is none of that name. Raises as `store_of` does."""
    async with store_of(settings) as store:
        known = await operators.revoke(store, somebody(), name, now=datetime.now(UTC))
    tell(
        f"The key of operator {name} is worthless now, on running servers within {operators.CHECK_SECONDS} seconds."
        if known
        else f"There is no operator {name}."
    )
    return known
