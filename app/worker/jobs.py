"""The jobs that are about registrations: the feed moves on, what is due happens, broadcasts are sent."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.domain import broadcasts
from app.domain.broadcasts import BroadcastStore
from app.domain.context import Context
from app.domain.directory import Directory
from app.domain.feed import Feed
from app.domain.unused import UnusedStore, forget_unused

SHARDS: Final = 256
WALK_BATCH: Final = 200
WALK_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Relaying:
    """Moves what has happened on to the feed and to the audit log."""

    feed: Feed
    name: str = "relay"
    interval_seconds: float = 0.5

    async def run_once(self, now: datetime) -> bool:  # noqa: ARG002 -- entries have their own time
        """See `Job.run_once`."""
        return await self.feed.relay(in_turn=True) > 0


@dataclass(slots=True)
class Forgetting:
    """Forgets registrations that nobody has used; once a day somebody walks through all of them, a few at a time.

    Args:
        days: How old they have to be.
    """

    context: Context
    directory: Directory
    store: UnusedStore
    days: int
    name: str = "forget"
    interval_seconds: float = 300.0
    _shards: list[str] = field(default_factory=list)
    _after: str = ""

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`."""
        if not self._shards:
            if await self.store.begin_walk(seconds=WALK_SECONDS):
                self._shards = [f"{number:02x}" for number in range(SHARDS)]
            return bool(self._shards)
        found = await self.directory.registration_ids(self._shards[-1], after=self._after, limit=WALK_BATCH)
        if len(found) < WALK_BATCH:
            self._shards.pop()
            self._after = ""
        else:
            self._after = found[-1]
        await forget_unused(self.context, self.store, found, before=now - timedelta(days=self.days), now=now)
        return bool(self._shards)


@dataclass(frozen=True, slots=True)
class Broadcasting:
    """Sends broadcasts."""

    context: Context
    store: BroadcastStore
    name: str = "broadcasts"
    interval_seconds: float = 1.0

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`."""
        return await broadcasts.send_some(self.context, self.store, now)
