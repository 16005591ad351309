"""Broadcasts in Redis: the one implementation of `app.domain.broadcasts.BroadcastStore`.

They belong to no registration and lie where operators do; whom they are for is asked shard by shard.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.domain.broadcasts import PAGE_SIZE, Broadcast, BroadcastPage, BroadcastStatus, Reach, Walk
from app.domain.directory import RegistrationSearch
from app.domain.feed import AuditEntry
from app.domain.records import Cursor
from app.schemas.encoding import encode
from app.schemas.registrations import RegistrationStatus
from app.store import keys, shard_indexes
from app.store.connection import Connection, Script

SCRIPTS = (
    Script.load("broadcast_create", prelude="happened", writes=True),
    Script.load("broadcast_running"),
    Script.load("broadcast_reach"),
    Script.load("broadcast_count"),
    Script.load("broadcast_advance", writes=True),
    Script.load("broadcast_page"),
)

COMPARED_AT_ONCE: Final = 32
"""Shards whose registrations are compared in one round trip, so that others are answered in between."""


class RedisBroadcasts:
    """Keeps broadcasts.

    Args:
        connection: With the scripts of this module loaded.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, broadcast: Broadcast, audit: AuditEntry) -> Broadcast:
        """See `BroadcastStore.create`."""
        said = (encode(broadcast), int(broadcast.created.timestamp()), encode(audit))
        both = [keys.BROADCASTS, keys.OPERATOR_EVENTS]
        return read(await self._connection.run("broadcast_create", both, broadcast.broadcast_id, *said, *keys.SHARDS))

    async def get(self, broadcast_id: str) -> Broadcast | None:
        """See `BroadcastStore.get`."""
        key = keys.broadcast(broadcast_id)
        body, sent, completed = await self._connection.command("HMGET", key, "body", "sent", "completed")
        return _as_it_is(body, sent, completed) if body else None

    async def page(self, cursor: Cursor | None, *, limit: int = PAGE_SIZE) -> BroadcastPage:
        """See `BroadcastStore.page`."""
        place = (str(cursor.position), "1" if cursor.newer else "") if cursor else ("", "")
        page, newer, older = await self._connection.run("broadcast_page", [keys.BROADCASTS], *place, limit)
        return BroadcastPage(
            [_as_it_is(*fields) for _, *fields in page],
            next=Cursor(int(page[-1][0]), newer=False) if older else None,
            previous=Cursor(int(page[0][0]), newer=True) if newer else None,
        )

    async def running(self, *, limit: int) -> tuple[Broadcast, list[Walk]] | None:
        """See `BroadcastStore.running`."""
        found = await self._connection.run("broadcast_running", [keys.BROADCASTS], limit)
        if not found:
            return None
        await self._connection.confirm([keys.BROADCASTS])
        body, left = found
        return read(body), [Walk(shard, after) for shard, after in _pairs(left)]

    async def reach(self, scopes: Sequence[str], until: datetime, walk: Walk, *, limit: int) -> Reach:
        """See `BroadcastStore.reach`."""
        key = keys.registrations(walk.shard)
        latest = encode(until).strip(b'"')
        further, found = await self._connection.run("broadcast_reach", [key], walk.after, latest, limit, *scopes)
        return Reach([one.decode() for one in found], further.decode() if further else None)

    async def count(self, scopes: Sequence[str]) -> int:
        """See `BroadcastStore.count`."""
        asked: Sequence[str | None] = scopes or [None]
        searches = [
            RegistrationSearch(status=RegistrationStatus.ACTIVE, scope=scope, onboarding=onboarding)
            for onboarding in (True, False)
            for scope in asked
        ]
        names = [name for search in searches for name in shard_indexes.of_registrations(search)]
        count, at_once = 0, len(keys.SHARDS) if len(asked) == 1 else COMPARED_AT_ONCE
        for start in range(0, len(keys.SHARDS), at_once):
            some = keys.SHARDS[start : start + at_once]
            calls = [self._connection.run("broadcast_count", [keys.shard(one)], len(asked), *names) for one in some]
            count += sum(await asyncio.gather(*calls))
        return count

    async def advance(self, broadcast_id: str, walk: Walk, further: str | None, *, sent: int, now: datetime) -> None:
        """See `BroadcastStore.advance`."""
        noted = (broadcast_id, *walk, further or "", sent, int(now.timestamp()))
        await self._connection.run("broadcast_advance", [keys.BROADCASTS], *noted)


def read(body: bytes) -> Broadcast:
    """The broadcast as it was created."""
    return msgspec.json.decode(body, type=Broadcast)


def _as_it_is(body: bytes, sent: bytes, completed: bytes | None) -> Broadcast:
    broadcast = replace(read(body), sent=int(sent))
    if not completed:
        return broadcast
    at = datetime.fromtimestamp(int(completed), UTC)
    return replace(broadcast, status=BroadcastStatus.COMPLETE, completed=at)


def _pairs(flat: list[Any]) -> list[tuple[str, str]]:
    return [(flat[at].decode(), flat[at + 1].decode()) for at in range(0, len(flat), 2)]
