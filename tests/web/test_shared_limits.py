"""One limit over several processes, whatever the order in which things happen; an object plays the store here."""

import asyncio
import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.allowances import Allowance, Portion
from app.errors import ServerError, StoreUnavailable, TooManyRequests
from app.setting_values import RateLimit
from app.web.rate_limit import ALONE_SECONDS, SHARE, RateLimiter

HOUR = 3600


@dataclass
class Clock:
    """Seconds that pass when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def dice(seed: int) -> random.Random:
    """Chance that can be had again."""
    return random.Random(seed)  # noqa: S311 -- decides only in which order things happen


@dataclass
class Shared:
    """What `app.store.allowances.RedisPortions` does, on a dictionary; answers take as long as `chance` says."""

    clock: Clock
    chance: random.Random = field(default_factory=lambda: dice(1))
    slowest: int = 0
    failure: Exception | None = None
    asked: int = 0
    full_at: dict[str, float] = field(default_factory=dict)

    async def take(self, _limit: str, key: str, allowance: Allowance, *, wanted: int, share: int) -> Portion:
        """See `Portions.take`."""
        self.asked += 1
        await self._pass()
        if self.failure:
            raise self.failure
        each = allowance.period_seconds / allowance.times
        missing = max(self.full_at.get(key, 0.0) - self.clock.now, 0.0)
        left = math.floor((allowance.period_seconds - missing) / each + 0.01)
        if left < 1:
            answer = Portion(0, missing + each - allowance.period_seconds)
        else:
            taken = max(min(wanted, left), left // share if share else 0)
            self.full_at[key] = self.clock.now + missing + taken * each
            answer = Portion(taken, missing)
        await self._pass()
        return answer

    async def _pass(self) -> None:
        for _ in range(self.chance.randint(0, self.slowest)):
            await asyncio.sleep(0)


async def passes(limiter: RateLimiter, key: str = "k") -> bool:
    """Whether a hit gets through."""
    try:
        if (asking := limiter.hit(key)) is not None:
            await asking
    except TooManyRequests:
        return False
    return True


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 60),
    share=st.sampled_from([0, 2, SHARE]),
    processes=st.integers(1, 5),
    seed=st.integers(0, 2**32),
    slowest=st.integers(0, 6),
)
def test_of_hits_at_once_exactly_the_limit_gets_through(
    count: int, share: int, processes: int, seed: int, slowest: int
) -> None:
    """In any order of questions and answers, as long as every process is asked for as much as could pass."""

    async def scenario() -> int:
        clock = Clock()
        shared = Shared(clock, dice(seed), slowest)
        limiters = [RateLimiter(RateLimit(count, 60), clock, "a", shared, share=share) for _ in range(processes)]
        hits = [limiter for limiter in limiters for _ in range(count + 1)]
        dice(seed).shuffle(hits)
        return sum(await asyncio.gather(*(passes(limiter) for limiter in hits)))

    assert asyncio.run(scenario()) == count


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 80),
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 30), st.one_of(st.just(0.0), st.floats(0, 100))), max_size=25
    ),
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0, 2, SHARE]),
)
def test_never_does_more_get_through_than_the_limit_says(
    count: int, steps: list[tuple[int, int, float]], seed: int, share: int
) -> None:
    """At any time a whole allowance at most, and then what comes back: over every stretch of time there is."""

    async def scenario() -> list[float]:
        clock = Clock()
        shared = Shared(clock, dice(seed), 3)
        limiters = [RateLimiter(RateLimit(count, 60), clock, "a", shared, share=share) for _ in range(4)]
        times: list[float] = []
        for process, hits, pause in steps:
            through = await asyncio.gather(*(passes(limiters[process]) for _ in range(hits)))
            times += [clock.now] * sum(through)
            clock.now += pause
        return times

    times = asyncio.run(scenario())
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= count * (1 + (times[last] - begin) / 60) + 0.05


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 12),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=60),
)
def test_one_by_one_several_processes_let_through_what_one_would(count: int, steps: list[tuple[int, int]]) -> None:
    async def decisions(processes: int, *, shared: bool) -> list[bool]:
        clock = Clock()
        store = Shared(clock) if shared else None
        limiters = [RateLimiter(RateLimit(count, 60), clock, "a", store, share=0) for _ in range(processes)]
        found = []
        for process, pause in steps:
            found.append(await passes(limiters[process % processes]))
            clock.now += pause
        return found

    async def scenario() -> None:
        assert await decisions(3, shared=True) == await decisions(1, shared=False)

    asyncio.run(scenario())


async def test_what_one_process_has_taken_and_not_used_comes_back_to_all() -> None:
    """It passes into other hands share by share, just as fast as it would have come back."""
    clock = Clock()
    shared = Shared(clock)
    first, second = (RateLimiter(RateLimit(160, 60), clock, "a", shared) for _ in range(2))
    assert await passes(first)  # and nine more requests are its own now

    through = sum([await passes(second) for _ in range(200)])
    assert through == 150
    clock.now = 10 * 60 / 160

    assert sum([await passes(second) for _ in range(20)]) == 10
    assert not await passes(first)


async def test_when_the_store_is_down_each_process_counts_by_itself_until_it_is_back() -> None:
    clock = Clock()
    shared = Shared(clock, failure=StoreUnavailable("The store does not answer."))
    first, second = (RateLimiter(RateLimit(5, HOUR), clock, "a", shared) for _ in range(2))

    assert [sum([await passes(one) for _ in range(9)]) for one in (first, second)] == [5, 5]
    assert shared.asked == 2
    clock.now += ALONE_SECONDS
    assert not await passes(first)
    assert shared.asked == 3
    shared.failure = None
    clock.now += ALONE_SECONDS
    assert sum([await passes(one) for one in (first, second) for _ in range(9)]) == 5
    assert shared.asked > 3


async def test_only_one_request_at_a_time_finds_out_whether_the_store_is_back() -> None:
    clock = Clock()
    shared = Shared(clock, slowest=3, failure=ServerError("The store refused an operation."))
    limiter = RateLimiter(RateLimit(100, HOUR), clock, "a", shared)
    await asyncio.gather(*(passes(limiter, f"{number}") for number in range(10)))
    before = shared.asked
    clock.now += ALONE_SECONDS
    await asyncio.gather(*(passes(limiter, f"{number}") for number in range(10)))

    assert shared.asked == before + 1


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    """Those who wait for the answer to its question ask again."""
    clock = Clock()
    limiter = RateLimiter(RateLimit(5, HOUR), clock, "a", Shared(clock, dice(2), slowest=50))
    asking, *others = (asyncio.ensure_future(passes(limiter)) for _ in range(8))
    await asyncio.sleep(0)
    asking.cancel()

    assert sum(await asyncio.gather(*others)) >= 4
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_what_was_given_back_may_be_spent_again() -> None:
    clock = Clock()
    for shared in (Shared(clock), None):
        limiter = RateLimiter(RateLimit(3, HOUR), clock, "a", shared, share=0)
        for _ in range(20):
            assert await passes(limiter)
            limiter.give_back("k")

        assert sum([await passes(limiter) for _ in range(9)]) == 3


async def test_room_is_asked_for_as_far_as_it_is_known_here() -> None:
    clock = Clock()
    limiter = RateLimiter(RateLimit(3, HOUR), clock, "a", Shared(clock))
    limiter.require_room("k")
    assert sum([await passes(limiter) for _ in range(9)]) == 3

    with pytest.raises(TooManyRequests):
        limiter.require_room("k")
    clock.now += 1200
    limiter.require_room("k")
