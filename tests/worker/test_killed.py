"""Workers that are killed at any point lose nothing and do nothing twice."""

import asyncio
import contextlib
import random
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.catalog import Catalog
from app.domain import broadcasts
from app.domain.feed import Actor, FeedEvent
from app.main import Parts, Service, utc_now
from app.settings import Settings
from app.store import keys
from app.web.state import State
from tests.factories import new_registration
from tests.stores import start_valkey
from tests.worker.processes import settings_for, spawn_worker

REGISTRATIONS = 600
ENOUGH_SECONDS = 600
ANNA = Actor(name="anna", role="admin", via="api")
OUTAGE = {"name": "Maintenance on Sunday", "description": "Data will be late."}


@pytest.fixture
async def house(tmp_path: Path, demo_catalog: Catalog) -> AsyncIterator[tuple[Service, dict[str, str]]]:
    """A store of its own with registrations in it, opened by a service, and the settings for workers beside that."""
    servers = start_valkey()
    settings = settings_for(tmp_path, servers.url)
    service = Service(Settings.from_environment(settings), demo_catalog, Parts())
    state = await service.open()
    for _ in range(REGISTRATIONS // 100):
        changes = [new_registration()[0] for _ in range(100)]
        await asyncio.gather(*(state["context"].records.apply(change) for change in changes))
    yield service, settings
    await service.stop()
    servers.stop()


async def sent(state: State, broadcast_id: str) -> int:
    """How many Messages are noted as sent."""
    return (await broadcasts.get(state["broadcasts"], broadcast_id)).sent


async def every_event(state: State) -> list[FeedEvent]:
    """The whole feed."""
    events: list[FeedEvent] = []
    while page := await state["feed"].events(after=events[-1].id if events else None, limit=1000):
        events += page
    return events


def kill(*workers: subprocess.Popen[bytes]) -> None:
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.wait()


async def test_of_a_broadcast_every_registration_has_one_message_and_the_feed_every_event_once(
    house: tuple[Service, dict[str, str]], tmp_path: Path
) -> None:
    """One worker is killed again and again in the middle of it; another one works beside it for a while, and is too."""
    service, settings = house
    assert service.state
    state = service.state
    chance = random.Random(4)  # noqa: S311 -- where to kill
    created = await broadcasts.create(state["context"], state["broadcasts"], ANNA, OUTAGE, now=utc_now())
    kills, seen = 0, 0

    async with asyncio.timeout(ENOUGH_SECONDS):
        while seen < REGISTRATIONS:
            workers = [spawn_worker(tmp_path, **settings) for _ in range(1 + (kills % 3 == 1))]
            with contextlib.closing(contextlib.ExitStack()) as stack:
                stack.callback(kill, *workers)
                goal = min(seen + chance.randint(50, 150), REGISTRATIONS)
                while (seen := await sent(state, created.broadcast_id)) < goal:  # noqa: ASYNC110 -- see below
                    await asyncio.sleep(0.001)  # no event crosses from the process that is to be killed
            kills += 1

    await state["feed"].relay()
    assert kills >= 4
    assert (await broadcasts.get(state["broadcasts"], created.broadcast_id)).recipients == REGISTRATIONS
    ids = [one for shard in keys.SHARDS for one in await state["directory"].registration_ids(shard)]
    boxes = [await service.connection.command("ZCARD", f"{keys.prefix(one)}:i:messages") for one in ids]
    assert boxes == [1] * REGISTRATIONS
    events = Counter((event.type, event.object_id) for event in await every_event(state))
    local = f"-m{created.broadcast_id[1:]}"
    expected = {("registration.created", one) for one in ids} | {("message.created", one + local) for one in ids}
    assert events == Counter(expected | {("broadcast.created", created.broadcast_id)})
