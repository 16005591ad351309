"""Rate limits (CDS-WG1-02 11.3, CDS-WG1-01 8.2), counted in this process.

Each limiter is a generic cell rate algorithm over a dictionary: a caller may spend its whole allowance at once and
gets it back evenly. Counting here costs no round trip and no write; with several processes each has its own count.
"""

import heapq
import math
from collections.abc import Callable
from typing import Final

from app.errors import TooManyRequests
from app.setting_values import RateLimit

_SWEEP_SIZE: Final = 10_000
_MOST_KEYS: Final = 200_000
"""A crowd of more callers than that is not one: those who owe least are forgotten."""

_SLACK: Final = 0.01
"""How much of one request's share counts as rounding: many sums of fractions of a second."""


class RateLimiter:
    """Allows `limit` requests per key.

    Args:
        limit: None lets everything through.
        clock: Seconds that never go backwards.
        name: What metrics call it.
    """

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float], name: str = "other") -> None:
        self._limit = limit
        self._name = name
        self._clock = clock
        self._start = clock()
        self._full_at: dict[str, float] = {}
        self._sweep_size = _SWEEP_SIZE

    def hit(self, key: str) -> None:
        """Spend one request.

        Raises:
            TooManyRequests: The allowance of `key` is used up; says when there is room again.
        """
        if self._limit is None:
            return
        now = self._now()
        spacing = self._limit.period_seconds / self._limit.count
        full_at = max(self._full_at.get(key, now), now) + spacing
        self._refuse_beyond(full_at - now)
        self._full_at[key] = full_at
        if len(self._full_at) > self._sweep_size:
            self._sweep(now)

    def require_room(self, key: str) -> None:
        """Refuse when `key` has nothing left, without spending. Raises TooManyRequests."""
        if self._limit is None or key not in self._full_at:
            return
        spacing = self._limit.period_seconds / self._limit.count
        self._refuse_beyond(self._full_at[key] + spacing - self._now())

    def _now(self) -> float:
        """Seconds since the start: small numbers keep the fractions that shares are made of."""
        return self._clock() - self._start

    def _refuse_beyond(self, backlog_seconds: float) -> None:
        limit = self._limit
        if limit and backlog_seconds > limit.period_seconds * (1 + _SLACK / limit.count):
            wait = math.ceil(backlog_seconds - limit.period_seconds)
            raise TooManyRequests(
                f"More than {limit.count} requests in {limit.period_seconds} seconds; try again in {wait} s.",
                retry_after_seconds=max(wait, 1),
                limit=self._name,
            )

    def _sweep(self, now: float) -> None:
        """Forget everybody whose allowance is whole again.

        The next time is when twice as many are known as were left, so that a crowd is not counted with every request.
        """
        busy = [(full_at, key) for key, full_at in self._full_at.items() if full_at > now]
        if len(busy) > _MOST_KEYS // 2:
            busy = heapq.nlargest(_MOST_KEYS // 2, busy)
        self._full_at = {key: full_at for full_at, key in busy}
        self._sweep_size = max(_SWEEP_SIZE, 2 * len(busy))
