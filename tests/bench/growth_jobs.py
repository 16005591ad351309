"""What background jobs cost that find nothing to do, however many registrations there are."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from statistics import median
from typing import Any

from app.catalog import load_catalog
from app.main import SCRIPTS, Parts, background_jobs, build_state
from app.settings import Settings
from app.store.connect import connect
from app.store.connection import Connection
from app.worker.runtime import Job
from tests.factories import BASE

STEPS = 10
"""Steps of each job in a round."""

Figures = dict[str, dict[int, dict[str, float]]]


async def measure(stores: Mapping[int, str], secret_keys: str, rounds: int) -> Figures:
    """Per step of each job and number of registrations: milliseconds (median) and commands."""
    async with contextlib.AsyncExitStack() as stack:
        jobs = {size: await _opened(stack, url, secret_keys) for size, url in stores.items()}
        took: dict[str, dict[int, list[tuple[float, int]]]] = {}
        for number in range(rounds + 1):
            for place in range(len(next(iter(jobs.values()))[1])):
                for size, (client, all_jobs) in jobs.items():
                    job = all_jobs[place]
                    one = await _steps(client, job)
                    if number:
                        took.setdefault(job.name, {}).setdefault(size, []).append(one)
    return {
        name: {
            size: {"ms": median(one[0] for one in some), "commands": median(one[1] for one in some)}
            for size, some in by_size.items()
        }
        for name, by_size in took.items()
    }


async def _opened(stack: contextlib.AsyncExitStack, url: str, secret_keys: str) -> tuple[Any, list[Job]]:
    store = await connect(url)
    stack.push_async_callback(store.close)
    connection = Connection(store.client, answer_seconds=60)
    stack.push_async_callback(connection.close)
    await connection.load(SCRIPTS)
    environ = {"CDS_FILES_URL": "memory:", "CDS_PUBLIC_URL": BASE, "CDS_STORE_URL": "memory:"}
    settings = Settings.from_environment(environ | {"CDS_SECRET_KEYS": secret_keys})
    return store.client, background_jobs(build_state(settings, load_catalog(None), connection, Parts()))


async def _steps(client: Any, job: Job) -> tuple[float, int]:
    """Milliseconds and commands of a step."""
    before, start = await _calls(client), time.perf_counter()
    for _ in range(STEPS):
        await job.run_once(datetime.now(UTC))
        await asyncio.sleep(0)
    seconds = time.perf_counter() - start
    return seconds / STEPS * 1000, (await _calls(client) - before - 1) // STEPS


async def _calls(client: Any) -> int:
    return sum(int(one["calls"]) for one in (await client.info("commandstats")).values())
