"""Walks through all registrations, for commands that look after the store beside running servers.

A walk sees everything that is there from its beginning to its end, and may see something twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from redis.exceptions import RedisError

from app.store import keys
from app.store.connection import Connection, refusal

BATCH = 100
"""Registrations that are looked at together; their questions share round trips."""

SCAN_COUNT = 1000

T = TypeVar("T")


class Scanned(Protocol):
    """The part of redis-py's asyncio clients (Redis and RedisCluster) that is needed here."""

    def scan_iter(self, match: str, count: int) -> AsyncIterator[bytes]:
        """Every key that matches; of a cluster, those of all primaries."""


async def listed(connection: Connection) -> AsyncIterator[list[str]]:
    """The prefixes of the registrations that the indexes of the shards list, a batch at a time."""
    for shard in keys.SHARDS:
        cursor = 0
        while True:
            cursor, found = await connection.command("ZSCAN", keys.registrations(shard), cursor, "COUNT", BATCH)
            if found:
                yield [keys.prefix(member.decode()) for member, _ in found]
            if not int(cursor):
                break


async def stored(client: Scanned, suffix: str) -> AsyncIterator[list[str]]:
    """The beginnings of all keys that end like this (`:o`), a batch at a time, whether or not an index has them.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    batch: list[str] = []
    scan = client.scan_iter(match=f"{{*}}*{suffix}", count=SCAN_COUNT)
    while (key := await _next(scan)) is not None:
        batch.append(key.decode().removesuffix(suffix))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _next(scan: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await anext(scan, None)
    except (RedisError, OSError) as error:
        raise refusal(error) from error


async def together(action: Callable[[str], Awaitable[T]], names: Sequence[str]) -> list[T]:
    """What `action` makes of each; the calls are in flight at the same time."""
    return await asyncio.gather(*(action(name) for name in names))
