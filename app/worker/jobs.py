"""The jobs that are about registrations: the feed moves on, what is due happens, broadcasts are sent."""

from dataclasses import dataclass
from datetime import datetime

from app.domain import broadcasts
from app.domain.broadcasts import BroadcastStore
from app.domain.context import Context
from app.domain.feed import Feed


@dataclass(frozen=True, slots=True)
class Relaying:
    """Moves what has happened on to the feed and to the audit log."""

    feed: Feed
    name: str = "relay"
    interval_seconds: float = 0.5

    async def run_once(self, now: datetime) -> bool:  # noqa: ARG002 -- entries have their own time
        """See `Job.run_once`."""
        return await self.feed.relay(in_turn=True) > 0


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
