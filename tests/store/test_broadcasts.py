"""Broadcasts on every kind of store."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from app.domain.broadcasts import Broadcast, BroadcastStatus, Walk
from app.domain.feed import Actor, AuditEntry
from app.domain.records import Access, Change, Wanted
from app.schemas.registrations import Registration, RegistrationStatus, Requirement, RequirementStatus
from app.store import keys
from app.store.broadcasts import RedisBroadcasts
from app.store.connection import Connection
from app.store.records import RedisRecords
from tests.factories import NOW, new_registration

AUDIT = AuditEntry(actor=Actor(name="anna", role="admin", via="api"), action="broadcasts.create", changes=[])


def make_broadcast(broadcast_id: str = "b1") -> Broadcast:
    return Broadcast(
        broadcast_id=broadcast_id,
        name="Outage",
        description="On Sunday.",
        scopes=[],
        created=NOW,
        created_by="anna",
        recipients=0,
    )


@pytest.fixture
def broadcasts(connection: Connection) -> RedisBroadcasts:
    """None yet."""
    return RedisBroadcasts(connection)


async def register(records: RedisRecords, shard: str, **fields) -> str:
    """A registration in that shard."""
    change, *_ = new_registration()
    put = change.puts[0]
    registration_id = shard + change.registration_id[2:]
    registration = msgspec.structs.replace(put.object, registration_id=registration_id, **fields)
    await records.apply(replace(change, registration_id=registration_id, puts=[put._replace(object=registration)]))
    return registration_id


async def walk_through(broadcasts: RedisBroadcasts, shard: str, scopes: list[str], limit: int) -> list[str]:
    """Everybody in a shard whom a broadcast reaches, in the order in which it does."""
    found: list[str] = []
    walk: Walk | None = Walk(shard, "")
    while walk:
        reach = await broadcasts.reach(scopes, NOW, walk, limit=limit)
        found += reach.registration_ids
        walk = Walk(shard, reach.further) if reach.further else None
    return found


async def test_a_walk_reaches_active_registrations_of_before_each_once_whatever_its_steps(records, broadcasts):
    everybody = [await register(records, "3f") for _ in range(5)]
    grid = await register(records, "3f", scope="cds_client_admin grid")
    await register(records, "3f", created=NOW + timedelta(seconds=1))
    await register(records, "3f", status=RegistrationStatus.SUSPENDED)
    await register(records, "40")

    for limit in (1, 2, 3, 8, 100):
        assert await walk_through(broadcasts, "3f", [], limit) == sorted([*everybody, grid])
        assert await walk_through(broadcasts, "3f", ["grid", "other"], limit) == [grid]
    assert await walk_through(broadcasts, "41", [], 10) == []


async def test_counting_follows_what_registrations_ask_for_and_their_status(records, broadcasts):
    gone = await register(records, "00", scope="cds_client_admin grid")
    await register(records, "80", scope="cds_client_admin grid rates")
    await register(records, "ff", scope="cds_client_admin rates")
    counts = [await broadcasts.count(scopes) for scopes in ([], ["grid"], ["grid", "rates"], ["nothing"])]

    (stored,) = await records.load(Access(gone, NOW), Wanted(Registration, gone))
    change = Change(gone, NOW)
    change.replace(stored, msgspec.structs.replace(stored.object, status=RegistrationStatus.SUSPENDED))
    await records.apply(change)

    assert counts == [3, 2, 3, 0]
    assert [await broadcasts.count(scopes) for scopes in ([], ["grid"], ["grid", "rates"])] == [2, 1, 2]


async def test_whoever_asked_for_several_of_the_scopes_counts_once(records, broadcasts):
    names = ("a", "b", "c", "d", "e")
    asked = [some for size in range(4) for some in itertools.combinations(names, size)]
    open_ = {"terms": Requirement(status=RequirementStatus.OPEN)}
    for number, some in enumerate(asked):
        requirements = open_ if number % 3 else {}
        await register(records, "3f", scope=" ".join(["cds_client_admin", *some]), requirements=requirements)

    for size in range(1, 6):
        scopes = names[:size]
        assert await broadcasts.count(scopes) == sum(1 for some in asked if set(some) & set(scopes)), scopes


async def test_a_broadcast_is_complete_when_every_shard_is_done_and_progress_counts_once(broadcasts):
    await broadcasts.create(make_broadcast(), AUDIT)
    picked: Counter[str] = Counter()

    while found := await broadcasts.running(limit=10):
        _, walks = found
        for walk in walks:
            picked[walk.shard] += 1
            step = "x" if not walk.after else None
            calls = [broadcasts.advance("b1", walk, step, sent=3, now=NOW) for _ in range(4)]
            await asyncio.gather(*calls)

    assert picked == Counter(dict.fromkeys(keys.SHARDS, 2))
    done = await broadcasts.get("b1")
    assert (done.status, done.sent, done.completed) == (BroadcastStatus.COMPLETE, 256 * 2 * 3, NOW)


async def test_the_same_broadcast_created_a_hundred_times_is_one(connection, broadcasts):
    kept = await asyncio.gather(*(broadcasts.create(make_broadcast(), AUDIT) for _ in range(100)))

    assert kept == [make_broadcast()] * 100
    page = await broadcasts.page(None)
    assert (page.items, page.next, page.previous) == ([make_broadcast()], None, None)
    assert await connection.command("XLEN", keys.OPERATOR_EVENTS) == 1


async def test_pages_have_neighbours(broadcasts):
    for number in range(7):
        await broadcasts.create(make_broadcast(f"b{number}"), AUDIT)

    first = await broadcasts.page(None, limit=3)
    second = await broadcasts.page(first.next, limit=3)
    third = await broadcasts.page(second.next, limit=3)

    pages = [[one.broadcast_id for one in page.items] for page in (first, second, third)]
    assert pages == [["b6", "b5", "b4"], ["b3", "b2", "b1"], ["b0"]]
    assert (first.previous, third.next) == (None, None)
    assert (await broadcasts.page(third.previous, limit=3)).items == second.items
    assert (await broadcasts.page(second.previous, limit=3)) == first


async def test_there_is_no_broadcast_that_nobody_has_made(broadcasts):
    assert await broadcasts.get("b1") is None
    assert await broadcasts.running(limit=4) is None
    assert (await broadcasts.page(None)).items == []
