"""`CDS_STORE_WAIT_REPLICAS`: a change is confirmed when replicas have it, and survives a failover then."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

import pytest
from redis import Redis

from app.domain.broadcasts import Broadcast
from app.domain.feed import Actor, AuditEntry
from app.domain.records import Access, Change, Once, Wanted
from app.domain.tokens import ClientLogin, NotIssued
from app.errors import StoreUnavailable
from app.main import SCRIPTS
from app.schemas.clients import Client
from app.schemas.registrations import Registration
from app.store import keys
from app.store.broadcasts import RedisBroadcasts
from app.store.connect import connect
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.feed import RedisFeed
from app.store.records import RedisRecords
from app.store.repeats import RedisRepeats
from app.store.tokens import RedisTokens
from tests.factories import BASE, NOW, RANDOM, new_registration
from tests.patience import SECONDS
from tests.stores import PRIMARIES, SLOTS, STEADY_MS, Servers, start_cluster, start_sentinel, wait_until

T = TypeVar("T")


@pytest.fixture(scope="module")
def sentinel() -> Iterator[Servers]:
    servers = start_sentinel(down_after_ms=STEADY_MS)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def steady_cluster() -> Iterator[Servers]:
    servers = start_cluster(replicas=1)
    yield servers
    servers.stop()


@pytest.fixture
def cluster() -> Iterator[Servers]:
    """One that is changed for good."""
    servers = start_cluster(replicas=1, node_timeout_ms=2000)
    yield servers
    servers.stop()


@asynccontextmanager
async def opened(servers: Servers, wait_replicas: int = 1) -> AsyncIterator[RedisRecords]:
    """Records that confirm a change when that many replicas have it."""
    store = await connect(servers.url, wait_replicas=wait_replicas)
    connection = Connection(store.client, wait_replicas=store.wait_replicas)
    await connection.load(SCRIPTS)
    try:
        yield RedisRecords(connection, Documents(BASE), sealer=None)
    finally:
        await connection.close()
        await store.close()


@contextmanager
def asleep(servers: Servers, number: int) -> Iterator[None]:
    """A process that does nothing meanwhile, and does not end either."""
    pid = servers.processes[number].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def not_confirming(servers: Servers, number: int) -> Iterator[None]:
    """A replica that sleeps, and nobody who waits long for it."""
    with asleep(servers, number), pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.store.pipelines.WAIT_MS", 50)
        yield


async def register(records: RedisRecords, fits: Callable[[str], bool] = lambda _: True) -> str:
    """A new registration whose id fits; raises when it was not confirmed."""
    while True:
        change, *_ = new_registration()
        change.puts = [put for put in change.puts if not hasattr(put.object, "credential_id")]
        if fits(change.registration_id):
            await records.apply(change)
            return change.registration_id


async def is_there(records: RedisRecords, rid: str) -> bool:
    (found,) = await records.load(Access(rid, NOW), Wanted(Client, rid))
    return found is not None


async def eventually(action: Callable[..., Awaitable[T]], *args: Any) -> T:
    """What comes of it as soon as the store is available."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return await action(*args)
        except StoreUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


def primary_of(servers: Servers, rid: str) -> int:
    """The number of the process that has a registration, or the feed, at the beginning."""
    key = keys.FEED if rid == "feed" else keys.prefix(rid)
    with contextlib.closing(Redis(port=servers.ports[0])) as redis:
        return redis.execute_command("CLUSTER KEYSLOT", key) * PRIMARIES // SLOTS


async def test_behind_a_sentinel_a_change_without_a_replica_is_refused_and_reads_go_on(sentinel):
    async with opened(sentinel) as records:
        rid = await register(records)
        with asleep(sentinel, 1):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await register(records)
            assert await is_there(records, rid)
        await eventually(register, records)


async def test_what_a_repeated_request_finds_is_confirmed_by_replicas_before_it_is_told(sentinel):
    async with opened(sentinel) as records:
        repeats = RedisRepeats(records.connection)
        change, *_ = new_registration()
        change.puts = [put for put in change.puts if not hasattr(put.object, "credential_id")]
        change.once = Once("key", "fingerprint", Registration)
        rid = change.registration_id
        with not_confirming(sentinel, 1):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await records.apply(change)
            with pytest.raises(StoreUnavailable, match="replicas"):
                await repeats.find(rid, "key")

        found = await eventually(repeats.find, rid, "key")
        assert found.fingerprint == "fingerprint"


async def test_what_a_change_finds_done_is_confirmed_by_replicas_too(sentinel):
    """Whoever repeats a request that was refused must not be told that it is done because it left a trace."""
    async with opened(sentinel) as records:
        with not_confirming(sentinel, 1):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await records.connection.command("DEL", "done", writes=True)
            with pytest.raises(StoreUnavailable, match="replicas"):
                await records.connection.command("DEL", "done", writes=True)

        assert await eventually(delete, records) == 0


async def delete(records: RedisRecords) -> int:
    return await records.connection.command("DEL", "done", writes=True)


async def test_an_introspection_is_a_read_and_a_revocation_is_none(sentinel):
    async with opened(sentinel) as records:
        tokens, rid = RedisTokens(records), await eventually(register, records)
        nobody = ClientLogin(registration_id=rid, client_id=rid, secret_digest="nobody's")
        with not_confirming(sentinel, 1):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await tokens.revoke(nobody, "", now=NOW)
            found = await tokens.inspect(nobody, "", now=NOW)

        assert found is NotIssued.REFUSED


async def test_events_are_acted_on_when_replicas_have_them_also_by_those_who_ask_again(sentinel):
    async with opened(sentinel) as records, opened(sentinel) as others:
        feed = RedisFeed(others.connection)
        with not_confirming(sentinel, 1):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await register(records)
            with pytest.raises(StoreUnavailable, match="replicas"):
                await RedisFeed(records.connection).relay()
            with pytest.raises(StoreUnavailable, match="replicas"):
                await RedisFeed(records.connection).take("webhooks", "one")
            with pytest.raises(StoreUnavailable, match="replicas"):
                await feed.take("webhooks", "one")

        taken = await eventually(feed.take, "webhooks", "one")
        assert {event.type for event in taken} == {"registration.created"}


async def test_a_broadcast_is_sent_when_replicas_have_it(sentinel):
    broadcast = Broadcast(
        broadcast_id=RANDOM.broadcast_id(), name="Outage", description="On Sunday.", scopes=[], created=NOW,
        created_by="anna", recipients=0,
    )  # fmt: skip
    audit = AuditEntry(actor=Actor(name="anna", role="admin", via="api"), action="broadcasts.create", changes=[])
    async with opened(sentinel) as records, opened(sentinel) as others:
        broadcasts = RedisBroadcasts(others.connection)
        with not_confirming(sentinel, 1):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await RedisBroadcasts(records.connection).create(broadcast, audit)
            with pytest.raises(StoreUnavailable, match="replicas"):
                await broadcasts.running(limit=1)

        found, _ = await eventually(partial(broadcasts.running, limit=1))
        assert found == broadcast


async def test_in_a_cluster_nothing_reaches_the_feed_that_the_replica_of_its_shard_does_not_have(steady_cluster):
    home = primary_of(steady_cluster, "feed")
    async with opened(steady_cluster) as records, opened(steady_cluster) as others:
        feed = RedisFeed(others.connection)
        rid = await eventually(register, records, lambda other: primary_of(steady_cluster, other) != home)
        await eventually(feed.relay)
        (latest,) = await feed.latest_events(limit=1)
        with not_confirming(steady_cluster, PRIMARIES + primary_of(steady_cluster, rid)):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await records.apply(happening(rid))
            with pytest.raises(StoreUnavailable, match="replicas"):
                await feed.relay()
            assert await feed.latest_events(limit=1) == [latest]
        await eventually(feed.relay)

        (event,) = await feed.events(after=latest.id)
        assert event.object_id == f"{rid}-m1"


def happening(rid: str) -> Change:
    """A change that does nothing but happen."""
    change = Change(rid, NOW)
    change.event("message.created", f"{rid}-m1")
    return change


async def test_more_replicas_than_there_are_refuse_every_change(sentinel):
    async with opened(sentinel, wait_replicas=2) as records:
        with pytest.raises(StoreUnavailable, match="replicas"):
            await register(records)


async def test_in_a_cluster_each_primary_waits_for_its_own_replica(steady_cluster):
    async with opened(steady_cluster) as records:
        rid = await register(records)
        number = primary_of(steady_cluster, rid)
        with asleep(steady_cluster, PRIMARIES + number):
            with pytest.raises(StoreUnavailable, match="replicas"):
                await register(records, lambda other: primary_of(steady_cluster, other) == number)
            assert await is_there(records, rid)
            for other in set(range(PRIMARIES)) - {number}:
                await register(records, lambda rid, other=other: primary_of(steady_cluster, rid) == other)
        await eventually(register, records, lambda other: primary_of(steady_cluster, other) == number)


async def test_in_a_cluster_changes_of_one_moment_are_confirmed_or_refused_each_by_itself(steady_cluster):
    async with opened(steady_cluster) as records:
        first = await register(records)
        number = primary_of(steady_cluster, first)
        changes = [new_registration()[0] for _ in range(30)]
        for change in changes:
            change.puts = [put for put in change.puts if not hasattr(put.object, "credential_id")]
        with asleep(steady_cluster, PRIMARIES + number):
            outcomes = await asyncio.gather(*map(records.apply, changes), return_exceptions=True)

    refused = [isinstance(outcome, StoreUnavailable) for outcome in outcomes]
    assert refused == [primary_of(steady_cluster, change.registration_id) == number for change in changes]
    assert set(refused) == {True, False}


@pytest.mark.parametrize("wait_replicas", [0, 1])
async def test_a_cluster_fails_over_and_keeps_what_was_confirmed(cluster, wait_replicas):
    async with opened(cluster, wait_replicas) as records:
        rid = await register(records)
        number = primary_of(cluster, rid)

        def fits(other: str) -> bool:
            return primary_of(cluster_without(cluster, number), other) == number

        confirmed = [rid, *(await asyncio.gather(*(register(records, fits) for _ in range(20))))]
        if not wait_replicas:
            await asyncio.to_thread(wait_until, lambda: have_everything(cluster))  # nothing promises it
        cluster.kill(number)
        elsewhere = (number + 1) % PRIMARIES
        await eventually(register, records, lambda rid: primary_of(cluster_without(cluster, number), rid) == elsewhere)
        await eventually(is_there, records, rid)

        assert all([await is_there(records, one) for one in confirmed])
        if not wait_replicas:
            await eventually(register, records, fits)


def have_everything(servers: Servers) -> bool:
    """Whether all replicas have what their primaries have."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(contextlib.closing(Redis(port=port))) for port in servers.ports]
        facts = [node.info("replication") for node in nodes]
    pairs = zip(facts[:PRIMARIES], facts[PRIMARIES:], strict=True)
    return all(replica["slave_repl_offset"] >= primary["master_repl_offset"] for primary, replica in pairs)


def cluster_without(servers: Servers, number: int) -> Servers:
    """The same, asked through a node that lives."""
    ports = [port for at, port in enumerate(servers.ports) if at != number]
    return Servers(servers.directory, servers.processes, ports)


async def test_a_slot_that_moves_to_another_primary_is_followed(cluster):
    for wait_replicas in (0, 1):
        shard = RANDOM.registration_id()[:2]
        async with opened(cluster, wait_replicas) as records:
            feed = RedisFeed(records.connection)
            await feed.relay()
            move(cluster, shard)
            await feed.relay()
            moved = await asyncio.gather(
                *(register(records, lambda other, shard=shard: other[:2] == shard) for _ in range(5))
            )

            assert all([await is_there(records, one) for one in moved])
            assert await feed.relay() == 5


def move(servers: Servers, shard: str) -> None:
    """Give the slot of a shard, which is empty, to the next primary."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(contextlib.closing(Redis(port=port))) for port in servers.ports[:PRIMARIES]]
        slot = nodes[0].execute_command("CLUSTER KEYSLOT", keys.prefix(shard))
        target = nodes[(primary_of(servers, shard) + 1) % PRIMARIES].execute_command("CLUSTER MYID")
        for node in nodes:
            node.execute_command("CLUSTER SETSLOT", slot, "NODE", target)
