"""How the store is: how quickly it answers, and how much it holds."""

from collections.abc import Callable

from app.domain.overview import Vitals
from app.errors import ServerError
from app.store import keys
from app.store.connection import Connection


class RedisHealth:
    """The one implementation of `app.domain.overview.StoreHealth`.

    Args:
        connection: Any.
        clock: Seconds that never go backwards.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    async def vitals(self) -> Vitals:
        """See `StoreHealth.vitals`."""
        started = self._clock()
        await self._connection.command("EXISTS", keys.SCHEMA)
        return Vitals(round((self._clock() - started) * 1000, 2), await self._used_memory_bytes())

    async def _used_memory_bytes(self) -> int | None:
        """None where the store does not tell, as some hosted ones forbid INFO."""
        try:
            said = [one["used_memory"] for one in await self._connection.info("memory") if "used_memory" in one]
        except ServerError:
            return None
        return sum(said) if said else None
