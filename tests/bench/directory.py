"""How fast operators see across registrations, few and many: `python -m tests.bench.directory 10 10000`."""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
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
from tests.bench.load import load
from tests.factories import BASE, NOW
from tests.stores import start_valkey

REPEATED = 60


def questions(directory: RedisDirectory) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What the pages of the console ask."""
    active = RegistrationSearch(status=RegistrationStatus.ACTIVE)
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
        "search, a rare word": lambda: directory.registrations(RegistrationSearch(q="brightbarn0")),
        "search, a common word": lambda: directory.registrations(RegistrationSearch(q="energy")),
        "search, two common words": lambda: directory.registrations(RegistrationSearch(q="bright software")),
        "search, nothing": lambda: directory.registrations(RegistrationSearch(q="nothing at all")),
        "count, filtered": lambda: directory.count(active),
        "count of a search": lambda: directory.count(RegistrationSearch(q="energy")),
        "tally": directory.tally,
        "due": lambda: directory.due(NOW),
    }


async def _second(directory: RedisDirectory) -> Any:
    first = await directory.registrations(RegistrationSearch())
    return await directory.registrations(RegistrationSearch(), first.next)


async def measure(count: int) -> dict[str, float]:
    """Milliseconds (median) per question with so many registrations."""
    servers = start_valkey()
    store = await connect(servers.url)
    connection = Connection(store.client, answer_seconds=60)
    await connection.load(SCRIPTS)
    empty = (await store.client.info("memory"))["used_memory"]
    await load(connection, count)
    used = (await store.client.info("memory"))["used_memory"]
    sys.stdout.write(f"{count:,} registrations: {(used - empty) / count:,.0f} bytes each\n")
    directory = RedisDirectory(RedisRecords(connection, Documents(BASE), Sealer([new_key()])))
    found = {}
    for name, ask in questions(directory).items():
        took = []
        for _ in range(REPEATED):
            start = time.perf_counter()
            await ask()
            took.append((time.perf_counter() - start) * 1000)
        found[name] = statistics.median(took)
    await connection.close()
    await store.close()
    servers.stop()
    return found


async def main() -> None:
    """Measure with each number of registrations and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.directory")
    parser.add_argument("counts", type=int, nargs="+")
    counts = parser.parse_args().counts
    columns = [await measure(count) for count in counts]
    sys.stdout.write("| p50, ms | " + " | ".join(f"{count:,}" for count in counts) + " |\n")
    sys.stdout.write("| --- |" + " ---: |" * len(counts) + "\n")
    for name in columns[0]:
        sys.stdout.write(f"| {name} | " + " | ".join(f"{column[name]:.1f}" for column in columns) + " |\n")


if __name__ == "__main__":
    asyncio.run(main())
