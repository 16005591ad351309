"""How fast operators see across registrations, few and many: `python -m tests.bench.directory 10 10000`."""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from app.crypto.sealing import Sealer
from app.crypto.secret_keys import new_key
from app.domain.directory import MessageSearch, RegistrationSearch
from app.main import SCRIPTS
from app.schemas.messages import MessageType
from app.schemas.registrations import RegistrationStatus
from app.store.connect import connect
from app.store.connection import Connection
from app.store.directory import RedisDirectory
from app.store.documents import Documents
from app.store.records import RedisRecords
from tests.bench.load import ADJECTIVES, KINDS, load, name_of
from tests.factories import BASE, NOW
from tests.stores import start_valkey

REPEATED = 60


def questions(directory: RedisDirectory) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What the pages of the console ask."""
    active, both = RegistrationSearch(status=RegistrationStatus.ACTIVE), f"{ADJECTIVES[0]} {KINDS[0]}"
    return {
        "registrations": lambda: directory.registrations(RegistrationSearch()),
        "registrations, filtered": lambda: directory.registrations(
            RegistrationSearch(status=RegistrationStatus.ACTIVE, scope="ple_grid_status", onboarding=True)
        ),
        "registrations, a page in the middle": lambda: _second(directory),
        "inbox": lambda: directory.messages(MessageSearch(waiting=True)),
        "inbox of one type": lambda: directory.messages(
            MessageSearch(waiting=True, type=MessageType.PRODUCTION_REQUEST)
        ),
        "outstanding Messages": lambda: directory.messages(MessageSearch()),
        "Grants": directory.grants,
        "search, a rare word": lambda: directory.registrations(RegistrationSearch(q=name_of(0)[0])),
        "search, a common word": lambda: directory.registrations(RegistrationSearch(q=KINDS[0])),
        "search, two common words": lambda: directory.registrations(RegistrationSearch(q=both)),
        "search, nothing": lambda: directory.registrations(RegistrationSearch(q="nothing at all")),
        "count, filtered": lambda: directory.count(active),
        "count of a search": lambda: directory.count(RegistrationSearch(q=KINDS[0])),
        "tally": directory.tally,
        "due": lambda: directory.due(NOW),
    }


async def _second(directory: RedisDirectory) -> Any:
    first = await directory.registrations(RegistrationSearch())
    return await directory.registrations(RegistrationSearch(), first.next)


async def opened(stack: contextlib.AsyncExitStack, count: int) -> RedisDirectory:
    """A store of its own with so many registrations."""
    servers = start_valkey()
    stack.callback(servers.stop)
    store = await connect(servers.url)
    stack.push_async_callback(store.close)
    connection = Connection(store.client, answer_seconds=60)
    stack.push_async_callback(connection.close)
    await connection.load(SCRIPTS)
    empty = (await store.client.info("memory"))["used_memory"]
    sealer = Sealer([new_key()])
    await load(servers.url, count, sealer=sealer)
    used = (await store.client.info("memory"))["used_memory"]
    sys.stdout.write(f"{count:,} registrations: {(used - empty) / count:,.0f} bytes each\n")
    return RedisDirectory(RedisRecords(connection, Documents(BASE), sealer))


async def measure(asked: Sequence[Callable[[], Awaitable[Any]]]) -> list[float]:
    """Milliseconds (median) of each; in turns, so that a slow moment of the machine hits all of them."""
    took: list[list[float]] = [[] for _ in asked]
    for _ in range(REPEATED):
        for ask, times in zip(asked, took, strict=True):
            start = time.perf_counter()
            await ask()
            times.append((time.perf_counter() - start) * 1000)
    return [statistics.median(times) for times in took]


async def main() -> None:
    """Measure with each number of registrations and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.directory")
    parser.add_argument("counts", type=int, nargs="+")
    counts = parser.parse_args().counts
    async with contextlib.AsyncExitStack() as stack:
        columns = [questions(await opened(stack, count)) for count in counts]
        sys.stdout.write("| p50, ms | " + " | ".join(f"{count:,}" for count in counts) + " |\n")
        sys.stdout.write("| --- |" + " ---: |" * len(counts) + "\n")
        for name in columns[0]:
            figures = await measure([column[name] for column in columns])
            sys.stdout.write(f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |\n")


if __name__ == "__main__":
    asyncio.run(main())
