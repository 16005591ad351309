"""What is counted in Redis: the implementations of `app.domain.allowances`."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from app.crypto.tokens import digest, shard_of
from app.domain.allowances import Allowance, Portion
from app.store import keys
from app.store.connection import Connection, Script

SCRIPTS = (
    Script.load("spend", writes=True),
    Script.load("portion"),  # writes, but nobody waits for replicas: what a failover forgets is an allowance
)

_MICROSECONDS = 1_000_000


class RedisAllowances:
    """Counts; every method is one round trip.

    Args:
        connection: With the scripts of this module loaded.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def spend(self, registration_id: str, allowances: Sequence[Allowance], *, now: datetime) -> int:
        """See `Allowances.spend`."""
        return await self._spend(keys.mails_of(registration_id), allowances, now)

    async def spend_for_address(self, address: str, allowances: Sequence[Allowance], *, now: datetime) -> int:
        """See `Allowances.spend_for_address`."""
        folded = address.casefold()
        return await self._spend(keys.mails_to(shard_of(folded), digest(folded)), allowances, now)

    async def _spend(self, key: str, allowances: Sequence[Allowance], now: datetime) -> int:
        flat = [number for allowance in allowances for number in allowance]
        # The random name tells two at the same second apart, and a call that was sent twice from a new one.
        name = secrets.token_urlsafe(6)
        wait: int = await self._connection.run("spend", [key], int(now.timestamp()), name, *flat)
        return wait


class RedisPortions:
    """Allowances of requests (`app.domain.allowances.Portions`); every method is one round trip.

    Args:
        connection: With the scripts of this module loaded.
        clock: Seconds, the same for everybody who counts; None for the clock of the store.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float] | None = None) -> None:
        self._connection = connection
        self._clock = clock

    async def take(self, limit: str, key: str, allowance: Allowance, *, wanted: int, share: int) -> Portion:
        """See `Portions.take`."""
        times, microseconds = await self._connection.run(
            "portion",
            [keys.allowance(limit, shard_of(key), digest(key))],
            allowance.times,
            allowance.period_seconds * _MICROSECONDS,
            wanted,
            share,
            "" if self._clock is None else round(self._clock() * _MICROSECONDS),
        )
        return Portion(times, microseconds / _MICROSECONDS)
