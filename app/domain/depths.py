"""How much waits in the store, for those who watch it from outside."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol


class Waiting(NamedTuple):
    """Things that wait for something."""

    number: int
    oldest_seconds: float
    """For how long the oldest of them has; 0 when there is none."""


class Depths(NamedTuple):
    """What waits, of the whole installation."""

    mails: Waiting
    mails_failed: int
    """Those that were given up lately."""
    webhooks: int
    """Those that are turned on."""
    deliveries: Waiting
    """To webhooks that are turned on; those to others wait for an operator."""
    deliveries_dead: int
    backlog: Waiting
    """Changes that have not reached the feed; of each shard `app.store.depths` looks at some only."""
    lags: Mapping[str, int]
    """Events in the feed that a follower of it has not taken, by its name; only of those who ever took one."""
    broadcasts: int
    """Those that have not reached everybody."""


class DepthGauge(Protocol):
    """Measures how much waits."""

    async def measure(self, now: datetime) -> Depths:
        """Look now.

        Raises:
            StoreUnavailable: The store does not answer.
        """
