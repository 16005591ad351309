"""Runs jobs until it is told to stop, whatever happens to them.

Every job may run in several processes at once: what they do is done once because the store says so, not because there
is only one of them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

import structlog

from app.errors import StoreUnavailable

STOP_SECONDS: Final = 10.0
"""How long what is under way may take once the end is near; a job is done in small steps, so that it is far less."""

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
LONGEST_OUTAGE_PAUSE_SECONDS: Final = 2.0
"""A store that does not answer costs nothing to ask again, and work waits."""

IDLE_FACTOR: Final = 2
"""How many intervals a job rests when there was nothing to do twice in a row."""


class Job(Protocol):
    """Something that is done in the background, in small steps."""

    @property
    def name(self) -> str:
        """What log lines call it."""

    @property
    def interval_seconds(self) -> float:
        """How long to rest when there was nothing to do."""

    async def run_once(self, now: datetime) -> bool:
        """Do a step. True when there was work and there may be more: then it is called again at once."""


@runtime_checkable
class Lasting(Protocol):
    """A job that has something open, or under way, between its steps."""

    async def close(self) -> None:
        """Come to an end; there will be no further step."""


class Runtime:
    """Runs each job in a task of its own.

    Args:
        jobs: What to run.
        now: The time that each step is told.
        pause_unit_seconds: The first pause after a failure, from which the others are doubled.
        stepped: Told the name of the job and `worked`, `idle` or `failed` after each step.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        now: Callable[[], datetime],
        *,
        pause_unit_seconds: float = FIRST_PAUSE_SECONDS,
        stepped: Callable[[str, str], None] = lambda _job, _outcome: None,
    ) -> None:
        self._stepped = stepped
        self._jobs = tuple(jobs)
        self._now = now
        self._unit = pause_unit_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._log: Any = structlog.get_logger("app.worker")

    def start(self) -> None:
        """Begin; nothing has happened yet when this returns."""
        self._tasks = [asyncio.create_task(self._repeat(job), name=f"job {job.name}") for job in self._jobs]

    async def stop(self, *, limit_seconds: float = STOP_SECONDS) -> None:
        """Begin no new step, and let those that are under way end; after `limit_seconds` they are broken off.

        That loses nothing: every step can be broken off anywhere, or the process could not be killed either.
        """
        self._stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=limit_seconds)
        for task in late:
            self._log.warning("job_broken_off", job=task.get_name().removeprefix("job "))
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(job.close() for job in self._jobs if isinstance(job, Lasting)), return_exceptions=True)
        self._tasks = []

    async def _repeat(self, job: Job) -> None:
        failures = idle = 0
        while not self._stopping.is_set():
            try:
                had_work = await job.run_once(self._now())
            except Exception as error:  # noqa: BLE001 -- whatever it is, the next step may succeed
                failures += 1
                self._stepped(job.name, "failed")
                await self._rest(self._after_failure(job, error, failures))
                continue
            self._stepped(job.name, "worked" if had_work else "idle")
            failures, idle = 0, 0 if had_work else idle + 1
            await self._rest(0 if had_work else job.interval_seconds * min(idle, IDLE_FACTOR))

    def _after_failure(self, job: Job, error: Exception, failures: int) -> float:
        """Log it; the seconds to wait. The doubling ends long before it could get out of hand."""
        away = isinstance(error, StoreUnavailable)
        longest = LONGEST_OUTAGE_PAUSE_SECONDS if away else LONGEST_PAUSE_SECONDS
        pause = min(self._unit * 2.0 ** min(failures - 1, 16), longest)
        facts = {"job": job.name, "failures": failures, "pause_seconds": pause}
        if away:
            self._log.warning("job_without_store", **facts)
        else:
            self._log.error("job_failed", **facts, exc_info=error)
        return pause

    async def _rest(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
