"""Sentinels: who is believed, and a primary that they have replaced is left at once, also while it lives."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError

from app.store.connect import StoreConnection, client_options, connect, memory_client, unsuitable
from app.store.connection import Connection
from app.store.sentinels import Sentinels, Watch
from tests.patience import SECONDS
from tests.ports import free_port
from tests.stores import Servers, shared, wait_until


class StandInSentinel:
    """Says who the primary is, at once or never, or that it cannot."""

    def __init__(self, port: int, epoch: int, *, is_down: bool = False, hangs: bool = False) -> None:
        self.state = {"ip": "127.0.0.1", "port": port, "config-epoch": epoch, "num-other-sentinels": 2}
        self.state |= {"is_master": True, "is_sdown": is_down, "is_odown": False}
        self.hangs = hangs
        self.is_away = False
        self.asked = 0

    async def sentinel_masters(self) -> dict[str, object]:
        self.asked += 1
        await asyncio.sleep(3600 if self.hangs else 0)
        if self.is_away:
            raise OSError
        return {"cds": self.state}


async def test_the_sentinels_that_know_of_the_latest_failover_are_believed(monkeypatch):
    monkeypatch.setattr("app.store.sentinels.SENTINEL_SECONDS", 0.2)
    sentinels = Sentinels([])
    asleep, stale, latest = StandInSentinel(1, 7, hangs=True), StandInSentinel(1, 3), StandInSentinel(2, 4)

    sentinels.sentinels = [asleep, stale, latest]
    assert await sentinels.discover_master("cds") == ("127.0.0.1", 2)

    sentinels.sentinels = [stale, StandInSentinel(2, 4, is_down=True)]
    with pytest.raises(MasterNotFoundError):  # the old one is nobody's primary any more
        await sentinels.discover_master("cds")


@pytest.fixture(scope="module")
def both() -> Iterator[Servers]:
    """Two servers, each of which takes itself for the primary for ever."""
    servers = Servers()
    servers.ports = [free_port() for _ in range(2)]
    for port in servers.ports:
        servers.run("--port", str(port), "--bind", "127.0.0.1", "--save", "")
        with contextlib.closing(BlockingRedis(port=port)) as redis:
            wait_until(redis.ping)
    yield servers
    servers.stop()


@pytest.fixture
def sentinel(both: Servers) -> StandInSentinel:
    return StandInSentinel(both.ports[0], 1)


@pytest.fixture
async def redis(sentinel: StandInSentinel) -> AsyncIterator[Redis]:
    """A client of whoever is the primary, which is watched."""
    sentinels = Sentinels([])
    sentinels.sentinels = [sentinel]
    client = sentinels.master_for("cds", **client_options())
    await client.ping()
    watch = Watch(sentinels, client.connection_pool, pause_seconds=0.01)
    watch.start()
    yield client
    await watch.stop()
    await client.aclose()


async def port_of(redis: Redis) -> int:
    """Of the server that answers."""
    return int((await redis.config_get("port"))["port"])


async def has_looked(sentinel: StandInSentinel) -> None:
    """The watch has asked a few times more, and has done what follows from it; nobody else asks meanwhile."""
    asked = sentinel.asked
    await asyncio.to_thread(wait_until, lambda: sentinel.asked > asked + 3)


async def until_at(redis: Redis, port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while await port_of(redis) != port:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_primary_that_is_replaced_is_left_while_it_lives(both, sentinel, redis):
    assert await port_of(redis) == both.ports[0]

    sentinel.state |= {"port": both.ports[1], "config-epoch": 2}

    await until_at(redis, both.ports[1])


async def test_what_is_under_way_at_it_is_answered_and_what_comes_then_goes_to_the_new_one(both, sentinel, redis):
    waiting = asyncio.create_task(redis.blpop("letters", timeout=0))
    with contextlib.closing(BlockingRedis(port=both.ports[0])) as old:
        await asyncio.to_thread(wait_until, lambda: old.info("clients")["blocked_clients"] == 1)
        sentinel.state |= {"port": both.ports[1], "config-epoch": 2}
        await until_at(redis, both.ports[1])
        await has_looked(sentinel)

        old.rpush("letters", "late")

        assert await asyncio.wait_for(waiting, SECONDS) == (b"letters", b"late")
    ports = await asyncio.gather(*(port_of(redis) for _ in range(4)))
    assert set(ports) == {both.ports[1]}


async def test_so_do_pipelines_which_keep_their_connections(both, sentinel, redis):
    connection = Connection(redis)
    assert await connection.command("CONFIG", "GET", "port") == [b"port", str(both.ports[0]).encode()]

    sentinel.state |= {"port": both.ports[1], "config-epoch": 2}

    deadline = time.monotonic() + SECONDS
    while await connection.command("CONFIG", "GET", "port") != [b"port", str(both.ports[1]).encode()]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await connection.close()


async def test_while_no_sentinel_answers_nothing_changes(both, sentinel, redis):
    sentinel.is_away = True
    await has_looked(sentinel)

    assert await port_of(redis) == both.ports[0]
    sentinel.is_away = False
    sentinel.state |= {"port": both.ports[1], "config-epoch": 2}
    await until_at(redis, both.ports[1])


async def test_a_store_behind_sentinels_is_watched_until_it_is_closed():
    store = await connect(shared("sentinel").url)
    watching = [task for task in asyncio.all_tasks() if task.get_name() == "watch sentinels"]

    await store.close()

    assert [task.done() for task in watching] == [True]


@pytest.mark.parametrize(
    ("wait_replicas", "replicas", "line"),
    [(0, 2, ""), (1, 1, ""), (2, 1, "store_has_too_few_replicas"), (1, 2, "store_has_more_replicas")],
)
def test_a_start_tells_when_one_may_take_over_that_has_not_confirmed(capsys, wait_replicas, replicas, line):
    store = StoreConnection(memory_client(), is_cluster=False, wait_replicas=wait_replicas)

    assert unsuitable({"connected_slaves": replicas}, store, "here") == []
    assert [word for word in capsys.readouterr().out.split() if word.startswith("store_")] == [line] * bool(line)
