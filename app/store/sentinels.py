"""Who the primary is, asked of sentinels, and leaving one that is none any more."""

import asyncio
import contextlib
from typing import Final

import structlog
from redis.asyncio import Sentinel
from redis.asyncio.sentinel import MasterNotFoundError, SentinelConnectionPool
from redis.exceptions import RedisError

SENTINEL_SECONDS = 1.0
"""How long a sentinel may think about who the primary is; the others are not waited for any longer."""

WATCH_SECONDS: Final = 1.0

log = structlog.get_logger("app.store.sentinels")


class Sentinels(Sentinel):
    """Asks all sentinels at once who the primary is and believes those that know of the latest failover.

    redis-py believes the first one that answers. One that has slept through a failover names the old primary, and when
    that one is back, with what it had or with nothing, it would be read from and written to.
    """

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port. Raises MasterNotFoundError."""
        calls = (asyncio.wait_for(one.sentinel_masters(), SENTINEL_SECONDS) for one in self.sentinels)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        states = [one[service_name] for one in answers if isinstance(one, dict) and service_name in one]
        latest = max((state["config-epoch"] for state in states), default=0)
        for state in states:
            if state["config-epoch"] == latest and self.check_master_state(state, service_name):
                return state["ip"], state["port"]
        cause = next((one for one in answers if isinstance(one, BaseException)), None)
        raise MasterNotFoundError(f"No master found for {service_name!r}") from cause


class Watch:
    """Takes all connections away from a primary that sentinels have replaced, though it lives and answers.

    It was only slow, or somebody has asked for the failover. Sentinels make a replica of it some ten seconds later, and
    then it forgets what it was told meanwhile. Who is connected to it would not notice before.

    Args:
        sentinels: Who is asked.
        pool: Connections to the primary.
        pause_seconds: How long to wait before asking again.
    """

    def __init__(
        self, sentinels: Sentinels, pool: SentinelConnectionPool, *, pause_seconds: float = WATCH_SECONDS
    ) -> None:
        self._sentinels = sentinels
        self._pool = pool
        self._pause_seconds = pause_seconds
        self._task: asyncio.Task[None] | None = None
        self._known: tuple[str, int] | None = None
        self._leaves = 0

    def start(self) -> None:
        """Begin to ask now and then."""
        self._task = asyncio.create_task(self._run(), name="watch sentinels")

    async def stop(self) -> None:
        """Ask no more."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        self._known = self._pool.master_address
        while True:
            await asyncio.sleep(self._pause_seconds)
            with contextlib.suppress(RedisError, OSError):  # nobody says, or a connection broke while it was closed
                await self._look()

    async def _look(self) -> None:
        found = await self._sentinels.discover_master(self._pool.service_name)
        if found != self._known:
            log.warning("store_primary_replaced", primary=found)
            self._known, self._leaves = found, 2  # times: a connection to the old one may just be being opened
        if self._leaves:
            await self._leave()
            self._leaves -= 1

    async def _leave(self) -> None:
        """Close the connections that nobody uses; the others when their answers are there."""
        await self._pool.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]  # redis-py has not annotated it
        await self._pool.disconnect(inuse_connections=False)
