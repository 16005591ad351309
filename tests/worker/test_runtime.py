"""Jobs go on whatever happens, and end when they are told to."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from app.errors import StoreUnavailable
from app.worker.runtime import Runtime
from tests.patience import SECONDS

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Steps:
    """A job that does what a list says, one entry per step, and then nothing."""

    outcomes: list[bool | Exception]
    name: str = "steps"
    interval_seconds: float = 0.001
    seen: list[datetime] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run_once(self, now: datetime) -> bool:
        self.seen.append(now)
        if len(self.seen) >= len(self.outcomes):
            self.done.set()
        outcome = self.outcomes[len(self.seen) - 1] if len(self.seen) <= len(self.outcomes) else False
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Gated:
    """A job whose first step waits for a gate."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "gated"
    interval_seconds: float = 0.001
    finished: int = 0

    async def run_once(self, now: datetime) -> bool:  # noqa: ARG002 -- a job is told the time
        self.begun.set()
        await self.gate.wait()
        self.finished += 1
        return True


async def run_until(job: Steps, *others: Steps, now: Callable[[], datetime] = lambda: NOW) -> None:
    runtime = Runtime([job, *others], now, pause_unit_seconds=0.001)
    runtime.start()
    async with asyncio.timeout(SECONDS):
        for one in (job, *others):
            await one.done.wait()
    await runtime.stop()


async def test_a_job_with_work_is_called_again_at_once_and_gets_the_time():
    job = Steps([True] * 50, interval_seconds=3600)

    await run_until(job)

    assert set(job.seen) == {NOW}
    assert len(job.seen) >= 50


async def test_a_job_without_work_is_called_again_after_its_interval():
    job = Steps([False, False, True])

    await run_until(job)

    assert len(job.seen) >= 3


async def test_an_error_ends_neither_its_job_nor_another_and_is_logged_without_its_values(json_log: io.BytesIO):
    failing = Steps([ValueError("no job of ours"), StoreUnavailable("The store does not answer."), True])
    other = Steps([True, False, True], name="other")

    await run_until(failing, other)

    lines = [msgspec.json.decode(line) for line in json_log.getvalue().splitlines()]
    assert [(line["event"], line["level"], line["job"], line["failures"]) for line in lines[:2]] == [
        ("job_failed", "error", "steps", 1),
        ("job_without_store", "warning", "steps", 2),
    ]
    assert "ValueError" in lines[0]["exception"]
    assert lines[1]["pause_seconds"] == 2 * lines[0]["pause_seconds"]
    assert "exception" not in lines[1]


async def test_stop_lets_the_step_that_is_under_way_end_and_begins_no_other():
    job = Gated()
    runtime = Runtime([job], lambda: NOW)
    runtime.start()
    await job.begun.wait()

    stopping = asyncio.create_task(runtime.stop())
    await asyncio.sleep(0)
    job.gate.set()
    await stopping

    assert job.finished == 1


async def test_a_step_that_does_not_end_is_broken_off(json_log: io.BytesIO):
    job = Gated()
    runtime = Runtime([job], lambda: NOW)
    runtime.start()
    await job.begun.wait()

    await runtime.stop(limit_seconds=0)

    assert job.finished == 0
    assert b'"job_broken_off"' in json_log.getvalue()


async def test_stop_does_not_wait_for_a_job_that_rests():
    job = Steps([False], interval_seconds=3600)

    async with asyncio.timeout(SECONDS):
        await run_until(job)


async def test_a_runtime_that_was_never_started_stops():
    await Runtime([], lambda: NOW).stop()
