"""The first page of the console, and the same for systems: what waits, how much there is, how the store is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from app.domain.directory import OLDEST_END, Directory, MessageSearch, Tally
from app.domain.feed import Feed, FeedEvent
from app.schemas.messages import Message

INBOX: Final = 10
"""Messages that wait for an operator, on the first page."""

LATEST: Final = 20
"""Events on the first page."""


class Vitals(NamedTuple):
    """How the store is at the moment."""

    round_trip_ms: float
    used_memory_bytes: int | None
    """Of all its primaries together; None when it does not say."""


class StoreHealth(Protocol):
    """Feels the pulse of the store."""

    async def vitals(self) -> Vitals:
        """Ask it. Raises StoreUnavailable when it does not answer."""


class Entry(NamedTuple):
    """A Message that waits for an operator."""

    message: Message
    age_seconds: int
    """Since it was last modified: what is pending again waits anew."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What operators see first.

    Args:
        tally: Counts across all registrations.
        inbox: The first `INBOX` Messages that wait for an operator, the longest waiting first.
        latest: What happened last, newest first.
        vitals: How the store is.
        backlog: Entries that had not reached the feed yet when it was asked; they have now.
    """

    tally: Tally
    inbox: Sequence[Entry]
    latest: Sequence[FeedEvent]
    vitals: Vitals
    backlog: int


async def overview(directory: Directory, feed: Feed, health: StoreHealth, *, now: datetime) -> Overview:
    """What operators see first.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    tally, waiting, (backlog, latest) = await asyncio.gather(
        directory.tally(), directory.messages(MessageSearch(waiting=True), OLDEST_END), _latest(feed)
    )
    vitals = await health.vitals()  # by itself: what all the others cost says nothing about the store
    inbox = [Entry(one.object, age_seconds(one.object, now)) for one in waiting.items[: -INBOX - 1 : -1]]
    return Overview(tally, inbox, latest, vitals, backlog)


def age_seconds(message: Message, now: datetime) -> int:
    """For how long a Message has been as it is."""
    return max(0, int((now - message.modified).total_seconds()))


async def _latest(feed: Feed) -> tuple[int, Sequence[FeedEvent]]:
    backlog = await feed.relay()
    return backlog, await feed.latest_events(limit=LATEST)
