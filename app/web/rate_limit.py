"""Rate limits (CDS-WG1-02 11.3, CDS-WG1-01 8.2), exact across all processes that share a store.

Each limit is a generic cell rate algorithm: a caller may spend its whole allowance at once and gets it back evenly. The
allowance is kept in the store, by its clock, and each process takes of it in portions (`app.domain.allowances`): one
request at a time of a small limit or when little is left, up to a sixteenth of what is left of a large one. So most
requests cost a look into a dictionary and the others a round trip, and never does more get through than the limit says,
however many processes are asked at once. A little less may: a process that is asked no more keeps what it has taken
until the time in which it would have come back.

Whoever was refused is refused here, without asking again, until there is room for one. When the store does not answer,
each process counts by itself with the whole limit, and tries the store again every second: what needs the store is
answered 503 anyway, and what does not goes on being served, up to as many times the limit as there are processes.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import structlog

from app.domain.allowances import Allowance, Portions
from app.errors import ServerError, StoreUnavailable, TooManyRequests
from app.setting_values import RateLimit

SHARE: Final = 16
"""A portion is at most this part of what is left."""

ALONE_SECONDS: Final = 1.0
"""How long after a failure the store is not asked again."""

_SWEEP_SIZE: Final = 10_000
_MOST_KEYS: Final = 100_000
"""A crowd of more callers than that is not one: those who owe least are forgotten."""

_SLACK: Final = 0.01
"""How much of one request's share counts as rounding: many sums of fractions of a second."""

log = structlog.get_logger("app.web.rate_limit")

T = TypeVar("T")


class Crowd(Generic[T]):
    """What is known of callers, as long as it matters and as long as there are not too many of them.

    Args:
        until: The second until which it matters.
    """

    def __init__(self, until: Callable[[T], float]) -> None:
        self.known: dict[str, T] = {}
        self._until = until
        self._sweep_size = _SWEEP_SIZE

    def note(self, key: str, fact: T, now: float) -> None:
        """Know this of a caller from now on."""
        self.known[key] = fact
        if len(self.known) > self._sweep_size:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Forget all that does not matter any more.

        The next time is when twice as many are known as were left, so that a crowd is not counted with every request.
        """
        busy = {key: fact for key, fact in self.known.items() if self._until(fact) > now}
        if len(busy) > _MOST_KEYS // 2:
            longest = heapq.nlargest(_MOST_KEYS // 2, busy.items(), key=lambda item: self._until(item[1]))
            busy = dict(longest)
        self.known = busy
        self._sweep_size = max(_SWEEP_SIZE, 2 * len(busy))


class Held:
    """A portion: a piece of time, of which every request spends its share."""

    __slots__ = ("ends", "spent")

    def __init__(self, begins: float, ends: float) -> None:
        self.spent = begins
        self.ends = ends


class LocalCount:
    """Counts in this process alone.

    Args:
        limit: How much each may.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self.spacing = limit.period_seconds / limit.count
        self.full_at: Crowd[float] = Crowd(float)

    def hit(self, key: str, now: float) -> float:
        """Spend one request; 0, or the seconds until there is room for it."""
        full_at = max(self.full_at.known.get(key, now), now) + self.spacing
        wait = self._wait(full_at - now)
        if not wait:
            self.full_at.note(key, full_at, now)
        return wait

    def wait(self, key: str, now: float) -> float:
        """The seconds until there is room for a request."""
        known = self.full_at.known.get(key)
        return 0.0 if known is None else self._wait(max(known, now) + self.spacing - now)

    def give_back(self, key: str) -> None:
        """Undo a `hit`."""
        if key in self.full_at.known:
            self.full_at.known[key] -= self.spacing

    def _wait(self, backlog_seconds: float) -> float:
        excess = backlog_seconds - self._limit.period_seconds
        return excess if excess > _SLACK * self.spacing else 0.0


class RateLimiter:
    """Allows `limit` requests per key.

    Args:
        limit: None lets everything through.
        clock: Seconds that never go backwards.
        name: What metrics and headers call it.
        portions: Where all processes count together; None counts in this one alone.
        share: The largest portion as a part of what is left; 0 for one by one, which lets not even a few less through.
    """

    def __init__(
        self,
        limit: RateLimit | None,
        clock: Callable[[], float],
        name: str = "other",
        portions: Portions | None = None,
        *,
        share: int = SHARE,
    ) -> None:
        self._limit = limit
        self._name = name
        self._clock = clock
        self._start = clock()
        self._portions = portions
        self._share = share
        self._alone = LocalCount(limit or RateLimit(1, 1))
        self._spacing = self._alone.spacing
        self._slack = _SLACK * self._spacing
        self._held: Crowd[Held] = Crowd(_end)
        self._refused: Crowd[float] = Crowd(float)
        self._wanting: dict[str, int] = {}
        self._asking: dict[str, asyncio.Event] = {}
        self._granted: dict[str, int] = {}
        self._ask_again_at: float | None = None if portions else math.inf

    @property
    def remembered(self) -> int:
        """How many callers take memory."""
        return max(len(self._held.known), len(self._refused.known), len(self._alone.full_at.known))

    def hit(self, key: str) -> Awaitable[None] | None:
        """Spend one request: done when nothing is returned, else by awaiting what is.

        Raises:
            TooManyRequests: The allowance of `key` is used up; says when there is room. Awaiting may raise it too.
        """
        if self._limit is None:
            return None
        now = self._clock() - self._start
        held = self._held.known.get(key)
        if (
            held is not None
        ):  # as in `_spend`, written out: every request passes here, and max() takes as long as the rest
            spent = (held.spent if held.spent > now else now) + self._spacing  # noqa: FURB136
            if spent <= held.ends:
                held.spent = spent
                return None
        return None if self._spend(key, now) else self._take(key)

    async def spend(self, key: str) -> None:
        """Spend one request. Raises TooManyRequests."""
        if (asking := self.hit(key)) is not None:
            await asking

    def give_back(self, key: str) -> None:
        """Undo the last `hit` of a key: what was to be counted has not happened."""
        if key in self._held.known:
            self._held.known[key].spent -= self._spacing
        else:
            self._alone.give_back(key)

    def require_room(self, key: str) -> None:
        """Refuse when this process knows that `key` has nothing left, without spending. Raises TooManyRequests."""
        if self._limit is None or (self._ask_again_at is None and key not in self._refused.known):
            return
        now = self._now()
        if self._is_alone(now):
            self._refuse(self._alone.wait(key, now))
        self._refuse(self._refused.known.get(key, now) - now)

    def _now(self) -> float:
        """Seconds since the start: small numbers keep the fractions that shares are made of."""
        return self._clock() - self._start

    def _is_alone(self, now: float) -> bool:
        return self._ask_again_at is not None and now < self._ask_again_at

    def _spend(self, key: str, now: float) -> bool:
        """Spend one request of what is known here; False when the store has to be asked. Raises TooManyRequests."""
        held = self._held.known.get(key)
        if held is not None:
            spent = max(held.spent, now) + self._spacing
            if spent <= held.ends:
                held.spent = spent
                return True
        if self._is_alone(now):
            self._refuse(self._alone.hit(key, now))
            return True
        self._refuse(self._refused.known.get(key, now) - now)
        return False

    async def _take(self, key: str) -> None:
        """Spend one request, together with whoever else waits for the same allowance. Raises TooManyRequests."""
        self._wanting[key] = self._wanting.get(key, 0) + 1
        try:
            while not self._is_granted(key) and not self._spend(key, self._now()):
                asked = self._asking.get(key)
                await (asked.wait() if asked else self._ask(key))
        finally:
            self._wanting[key] -= 1
            if not self._wanting[key]:
                del self._wanting[key]
                self._granted.pop(key, None)

    def _is_granted(self, key: str) -> bool:
        """Use up one of the requests that the store has let through.

        What somebody waits for is not held, or it would be over before it is there when the store takes its time, and
        asked for again without end.
        """
        granted = self._granted.get(key, 0)
        if granted:
            self._granted[key] = granted - 1
        return granted > 0

    async def _ask(self, key: str) -> None:
        """Have the store say what there is for all who wait for it here."""
        portions, limit, now = self._portions, self._limit, self._now()
        if portions is None or limit is None:
            return
        if self._ask_again_at is not None:
            self._ask_again_at = now + ALONE_SECONDS  # this one finds out; the others count by themselves meanwhile
        asked = self._asking[key] = asyncio.Event()
        try:
            allowance = Allowance(limit.count, limit.period_seconds)
            portion = await portions.take(self._name, key, allowance, wanted=self._wanting[key], share=self._share)
        except (StoreUnavailable, ServerError) as error:
            self._begin_alone(error)
        else:
            self._end_alone()
            # By the time before the question, so that what is held here ends rather earlier than it does in the store.
            if portion.times:
                granted = min(portion.times, self._wanting[key])
                self._granted[key] = granted
                begins = now + portion.seconds + granted * self._spacing
                held = Held(begins, begins + (portion.times - granted) * self._spacing + self._slack)
                self._held.note(key, held, now)
            else:
                self._refused.note(key, now + portion.seconds, now)
        finally:
            del self._asking[key]
            asked.set()

    def _begin_alone(self, error: StoreUnavailable | ServerError) -> None:
        if self._ask_again_at is None:
            log.warning("limit_counted_alone", limit=self._name, detail=error.detail)
        self._ask_again_at = self._now() + ALONE_SECONDS

    def _end_alone(self) -> None:
        if self._ask_again_at is not None:
            log.info("limit_counted_together", limit=self._name)
            self._ask_again_at = None
            self._alone.full_at.known.clear()

    def _refuse(self, wait_seconds: float) -> None:
        """Say when to come back, if that is not now. Raises TooManyRequests."""
        limit = self._limit
        # Half of what counts as rounding in the store, so that nobody asks it again who was told to wait.
        if limit and wait_seconds > self._slack / 2:
            wait = max(math.ceil(wait_seconds - _SLACK), 1)
            raise TooManyRequests(
                f"More than {limit.count} requests in {limit.period_seconds} seconds; try again in {wait} s.",
                retry_after_seconds=wait,
                limit=self._name,
                quota=limit.count,
                window_seconds=limit.period_seconds,
            )


def _end(held: Held) -> float:
    return held.ends
