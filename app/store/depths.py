"""How much waits, from Redis: the one implementation of `app.domain.depths.DepthGauge`."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.domain.depths import Depths, Waiting
from app.store import keys
from app.store.connection import Connection, Script
from app.store.relay import BEFORE_ALL, SOURCES

SCRIPTS = (
    Script.load("depth_mails"),
    Script.load("depth_deliveries"),
    Script.load("depth_followers"),
    Script.load("depth_backlog"),
)

OF_EACH: Final = 100
"""Entries of a source that are looked at: enough to see that the feed stands still, and little to read when it does."""


class _Written(Struct):
    """All that this wants to know of a mail."""

    created: datetime


_written = msgspec.json.Decoder(_Written)


class RedisDepths:
    """Two round trips: the second one has to know how far the feed has got.

    Args:
        connection: With the scripts of this module loaded.
        clock: Unix seconds as the clock of the store has them, by which entries of streams are numbered.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock

    async def measure(self, now: datetime) -> Depths:
        """See `DepthGauge.measure`."""
        both = [keys.DELIVERIES, keys.WEBHOOKS, keys.BROADCASTS]
        (mails, oldest_mail, failed), deliveries, (flat, lags) = await asyncio.gather(
            self._connection.run("depth_mails", [keys.OUTBOX]),
            self._connection.run("depth_deliveries", both),
            self._connection.run("depth_followers", [keys.FEED]),
        )
        webhooks, waiting, since, dead, broadcasts = deliveries
        written = _written.decode(oldest_mail).created if oldest_mail else now
        return Depths(
            mails=Waiting(mails, max(0.0, (now - written).total_seconds())),
            mails_failed=failed,
            webhooks=webhooks,
            deliveries=Waiting(waiting, max(0.0, now.timestamp() - since) if since else 0.0),
            deliveries_dead=dead,
            backlog=await self._backlog(dict(_pairs(flat))),
            lags={name: int(lag) for name, lag in _pairs(lags)},
            broadcasts=broadcasts,
        )

    async def _backlog(self, places: Mapping[str, Any]) -> Waiting:
        groups = [[source] for source in SOURCES] if self._connection.is_cluster else [list(SOURCES)]
        calls = (
            self._connection.run("depth_backlog", group, OF_EACH, *(places.get(one, BEFORE_ALL) for one in group))
            for group in groups
        )
        answers = await asyncio.gather(*calls)
        oldest = [int(place.partition(b"-")[0]) / 1000 for _, place in answers if place]
        age = max(0.0, self._clock() - min(oldest)) if oldest else 0.0
        return Waiting(sum(count for count, _ in answers), age)


def _pairs(flat: list[Any]) -> list[tuple[str, Any]]:
    return [(flat[at].decode(), flat[at + 1]) for at in range(0, len(flat), 2)]
