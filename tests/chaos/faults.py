"""What goes wrong, one thing at a time. A fault begins, lasts as long as it says, and is over when it returns."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.topology import RESTART_SECONDS, House

PAUSE_SECONDS = 8.0
"""Longer than a failover takes, so that who comes back finds somebody else in its place."""

FULL_SECONDS = 5.0
CUT_SECONDS = 6.0
HEADROOM_BYTES = 64 * 1024


@dataclass(frozen=True)
class Scenario:
    """A fault by its name in the table."""

    name: str
    strike: Callable[[House], Awaitable[None]]
    reads_go_on: bool = False
    """Whether only changes are refused meanwhile."""
    reason: str = ""
    """What a log line has to say about the refusals."""


def _struck(house: House) -> None:
    house.struck = house.released = time.monotonic()


async def kill_server(house: House) -> None:
    """One of the servers dies and is started again."""
    house.starting.add(0)
    house.servers[0].kill()
    _struck(house)
    await asyncio.to_thread(house.servers[0].wait)
    await asyncio.sleep(RESTART_SECONDS)
    house.spawn_server(0)
    await house.until_ready(0)
    house.starting.discard(0)


async def kill_worker(house: House) -> None:
    """The worker dies with whatever it has under way; another one is started."""
    house.workers[0].kill()
    _struck(house)
    await asyncio.to_thread(house.workers[0].wait)
    await asyncio.sleep(RESTART_SECONDS)
    house.spawn_worker()


async def kill_primary(house: House) -> None:
    """A primary dies. When another node has taken over it is started again, as its replica."""
    house.store.processes[0].kill()
    _struck(house)
    await asyncio.to_thread(house.store.processes[0].wait)
    await house.until_failed_over()
    await asyncio.sleep(RESTART_SECONDS)
    house.store.run_again(0, *house.follow_arguments())
    await house.until_following(0)


async def replace_primary(house: House) -> None:
    """A replica takes over because somebody asks for it, for instance to upgrade the primary, which lives on."""
    house.hand_over()
    _struck(house)
    await house.until_failed_over()
    await house.until_following(0)


async def pause_primary(house: House) -> None:
    """A primary hangs until after the failover and then believes for a moment that nothing has happened."""
    house.signal_node(0, signal.SIGSTOP)
    _struck(house)
    try:
        await asyncio.sleep(PAUSE_SECONDS)
        await house.until_failed_over()
    finally:
        house.signal_node(0, signal.SIGCONT)
    await house.until_following(0)


async def fill_memory(house: House) -> None:
    """All primaries run full; then they get more memory."""
    for number in house.topology.primaries:
        with house.redis(number) as redis:
            redis.config_set("maxmemory-policy", "noeviction")
            redis.config_set("maxmemory", int(redis.info("memory")["used_memory"]) + HEADROOM_BYTES)
    _struck(house)
    await asyncio.sleep(FULL_SECONDS)
    for number in house.topology.primaries:
        with house.redis(number) as redis:
            redis.config_set("maxmemory", 0)
    house.released = time.monotonic()


async def cut_replicas(house: House) -> None:
    """The replicas of a primary cannot be reached; then they are back."""
    numbers = house.topology.replicas if house.topology.kind == "sentinel" else house.topology.replicas[:1]
    for number in numbers:
        house.signal_node(number, signal.SIGSTOP)
    _struck(house)
    try:
        await asyncio.sleep(CUT_SECONDS)
    finally:
        for number in numbers:
            house.signal_node(number, signal.SIGCONT)
    house.released = time.monotonic()
    for number in numbers:
        await house.until_following(number)


SCENARIOS = (
    Scenario("kill -9 a server", kill_server),
    Scenario("kill -9 the worker", kill_worker),
    Scenario("kill -9 a primary", kill_primary),
    Scenario("pause a primary", pause_primary),
    Scenario("replace a living primary", replace_primary),
    Scenario("fill the memory", fill_memory, reads_go_on=True, reason="OutOfMemory"),
    Scenario("cut off the replicas", cut_replicas),
)
