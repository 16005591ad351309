"""Walks through all registrations, for commands that look after the store beside running servers.

A walk sees everything that is there from its beginning to its end, and may see something twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from app.store import keys
from app.store.connection import Connection
from app.store.pipelines import FAILURES, refusal

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
        async for found in pages(connection, "ZSCAN", keys.registrations(shard), "COUNT", BATCH):
            yield [keys.prefix(member.decode()) for member, _ in found]


async def stored(client: Scanned, suffix: str) -> AsyncIterator[list[str]]:
    """The beginnings of all keys that end like this (`:o`), a batch at a time, whether or not an index has them.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    async for names in keys_like(client, f"{{*}}*{suffix}"):
        yield [name.removesuffix(suffix) for name in names]


async def keys_like(client: Scanned, pattern: str) -> AsyncIterator[list[str]]:
    """All keys that match, a batch at a time.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    batch: list[str] = []
    scan = client.scan_iter(match=pattern, count=SCAN_COUNT)
    while (key := await _next(scan)) is not None:
        batch.append(key.decode())
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def pages(
    connection: Connection, command: str, key: str, *options: str | int
) -> AsyncIterator[list[tuple[bytes, Any]]]:
    """What HSCAN or ZSCAN finds in one key: pairs of field and value or member and score, a page at a time."""
    cursor = 0
    while True:
        cursor, found = await connection.command(command, key, cursor, *options)
        if found:
            yield _pairs(found)
        if not int(cursor):
            return


def _pairs(found: Any) -> list[tuple[bytes, Any]]:  # noqa: ANN401 -- redis-py lays hashes out as dictionaries
    return list(found.items()) if isinstance(found, dict) else found


async def _next(scan: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await anext(scan, None)
    except FAILURES as error:
        raise refusal(error) from error


async def together(action: Callable[[str], Awaitable[T]], names: Sequence[str]) -> list[T]:
    """What `action` makes of each; the calls are in flight at the same time."""
    return await asyncio.gather(*(action(name) for name in names))
