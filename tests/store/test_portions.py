"""Allowances that all processes share: never more than the limit, whoever asks and in whatever order."""

import asyncio
import json
import subprocess
import sys

import pytest

from app.crypto.tokens import digest, shard_of
from app.domain.allowances import Allowance, Portion
from app.errors import TooManyRequests
from app.setting_values import RateLimit
from app.store import keys
from app.store.allowances import RedisPortions
from app.web.rate_limit import RateLimiter
from tests.limit_process import LIMITS, passed
from tests.stores import KINDS, url_of

MINUTE = Allowance(6, 60)
PROCESSES = 4


class Clock:
    """Seconds that pass when told to, the same for servers and store."""

    def __init__(self, now: float = 1_780_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def portions(connection, clock) -> RedisPortions:
    return RedisPortions(connection, clock)


async def test_one_by_one_as_many_are_given_out_as_there_are_and_they_come_back_evenly(portions, clock):
    given = [await portions.take("a", "k", MINUTE, wanted=1, share=0) for _ in range(8)]

    assert given == [Portion(1, 10.0 * number) for number in range(6)] + [Portion(0, 10.0)] * 2
    clock.now += 9.5
    assert await portions.take("a", "k", MINUTE, wanted=1, share=0) == Portion(0, 0.5)
    clock.now += 0.5
    assert await portions.take("a", "k", MINUTE, wanted=1, share=0) == Portion(1, 50.0)
    assert await portions.take("a", "k", MINUTE, wanted=1, share=0) == Portion(0, 10.0)
    clock.now += 1000
    assert await portions.take("a", "k", MINUTE, wanted=9, share=0) == Portion(6, 0.0)


async def test_whoever_wants_more_than_is_left_gets_what_is_left(portions):
    assert await portions.take("a", "k", MINUTE, wanted=4, share=16) == Portion(4, 0.0)
    assert await portions.take("a", "k", MINUTE, wanted=4, share=16) == Portion(2, 40.0)


async def test_portions_become_smaller_with_what_is_left(portions):
    sizes = []
    while (portion := await portions.take("a", "k", Allowance(1000, 60), wanted=1, share=16)).times:
        sizes.append(portion.times)

    assert sizes[:4] == [62, 58, 55, 51]
    assert sizes[-31:] == [1] * 31
    assert sum(sizes) == 1000


@pytest.mark.parametrize(
    ("count", "period"), [(1, 86400), (3, 1), (7, 60), (499, 1), (499, 86400), (999_999_937, 1), (999_999_937, 86400)]
)
async def test_no_fraction_of_a_request_is_lost_or_found(portions, count, period):
    given = 0
    while (portion := await portions.take("a", f"{count}/{period}", Allowance(count, period), wanted=1, share=4)).times:
        given += portion.times

    # Of a thousand million in a second, one request's share is less than the store can tell apart.
    assert given == count if count < 1000 else 0.999 * count <= given <= count


async def test_limits_and_callers_are_counted_apart_and_the_store_does_not_know_them(portions, connection):
    for name, key in (("a", "192.0.2.7"), ("b", "192.0.2.7"), ("a", "192.0.2.8")):
        assert (await portions.take(name, key, MINUTE, wanted=9, share=0)).times == 6

    kept = keys.allowance("a", shard_of("192.0.2.7"), digest("192.0.2.7"))
    assert "192.0.2.7" not in kept
    assert await connection.command("EXISTS", kept) == 1


async def test_what_is_whole_again_is_forgotten(connection):
    portions = RedisPortions(connection)
    await portions.take("a", "k", Allowance(60, 3600), wanted=2, share=0)

    left_ms = await connection.command("PTTL", keys.allowance("a", shard_of("k"), digest("k")))
    assert 0 < left_ms <= 120_000


async def test_a_clock_that_jumps_back_locks_nobody_out_for_longer_than_a_period(portions, clock):
    await portions.take("a", "k", MINUTE, wanted=6, share=0)
    clock.now -= 1_000_000

    assert await portions.take("a", "k", MINUTE, wanted=1, share=0) == Portion(0, 10.0)


async def test_a_refusal_writes_nothing(portions, connection):
    await portions.take("a", "k", MINUTE, wanted=6, share=0)
    kept = keys.allowance("a", shard_of("k"), digest("k"))
    before = await connection.command("GET", kept)
    await portions.take("a", "k", MINUTE, wanted=1, share=0)

    assert await connection.command("GET", kept) == before


async def test_the_clock_of_the_store_counts_when_there_is_no_other(connection):
    portions = RedisPortions(connection)
    first = await portions.take("a", "k", Allowance(2, 86400), wanted=1, share=0)
    second = await portions.take("a", "k", Allowance(2, 86400), wanted=1, share=0)
    third = await portions.take("a", "k", Allowance(2, 86400), wanted=1, share=0)

    assert first == Portion(1, 0.0)
    assert second.times == 1
    assert second.seconds == pytest.approx(43200, abs=600)
    assert third.times == 0
    assert third.seconds == pytest.approx(43200, abs=600)


@pytest.mark.clause("WG1-02-11.3-01", "WG1-02-11.3-02", "WG1-02-11.3-03")
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS.keys())
async def test_of_a_hundred_at_once_over_several_servers_exactly_the_limit_gets_through(connection, clock, limit):
    """Each server has as many hits as could pass, so nothing that was given out is left over."""
    servers = [RateLimiter(limit, clock, "a", RedisPortions(connection, clock)) for _ in range(PROCESSES)]
    hits = max(25, limit.count)

    found = await asyncio.gather(*(passed(server, "k", hits) for server in servers))

    assert sum(found) == limit.count


async def test_those_who_wait_for_the_same_ask_together(connection, clock):
    limiter = RateLimiter(RateLimit(80, 86400), clock, "a", RedisPortions(connection, clock), share=0)
    before = connection.round_trips

    assert await passed(limiter, "k", 100) == 80
    assert connection.round_trips - before <= 3


async def test_a_portion_costs_one_round_trip_for_many_requests(connection, clock):
    limiter = RateLimiter(RateLimit(1600, 60), clock, "a", RedisPortions(connection, clock))
    before = connection.round_trips
    for _ in range(100):
        await passed(limiter, "k", 1)

    assert connection.round_trips - before == 1


async def test_whoever_was_refused_is_refused_without_a_round_trip(connection, clock):
    limiter = RateLimiter(RateLimit(5, 60), clock, "a", RedisPortions(connection, clock))
    await passed(limiter, "k", 6)
    before = connection.round_trips
    with pytest.raises(TooManyRequests) as refusal:
        limiter.hit("k")

    assert refusal.value.retry_after_seconds == 12
    assert (refusal.value.quota, refusal.value.window_seconds) == (5, 60)
    assert connection.round_trips == before
    clock.now += 12
    assert await passed(limiter, "k", 3) == 1


# --- real processes ---


@pytest.fixture(scope="module")
def counted() -> dict[str, list[int]]:
    """What got through in each of four processes, a hundred hits in all, by limit and URL."""
    urls = [url_of(kind) for kind in KINDS if kind != "fakeredis"]
    command = [sys.executable, "-m", "tests.limit_process", *urls]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write(f"{100 // PROCESSES}\n")
            process.stdin.flush()
        answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return {name: [answer[name] for answer in answers] for name in answers[0]}


@pytest.mark.clause("WG1-02-11.3-01", "WG1-02-11.3-02", "WG1-02-11.3-03")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "fakeredis"])
def test_of_a_hundred_hits_over_four_processes_exactly_five_get_through(counted, kind):
    by_limit = {name: sum(counted[f"{name} {url_of(kind)}"]) for name in LIMITS}

    assert by_limit["small"] == 5
    assert 80 <= by_limit["middling"] <= 90
    assert by_limit["large"] == 100
