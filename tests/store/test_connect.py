import asyncio
import contextlib
import os
import signal
import time

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.errors import ConfigurationError, StoreUnavailable
from app.store.connect import connect, describe, when_available
from tests.patience import SECONDS
from tests.stores import shared, start_sentinel, start_valkey, wait_until

NOWHERE = "127.0.0.1:1"


async def refusal_of(store_url: str, **options) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        await connect(store_url, patience_seconds=0.3, **options)
    return str(refusal.value)


async def test_what_is_written_is_read_again_as_bytes(store):
    await store.client.set("{r1}:a", "1")

    assert await store.client.get("{r1}:a") == b"1"


async def test_scripts_and_pipelines_of_one_slot_work_on_every_kind_of_store(store):
    sha = await store.client.script_load("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    pipeline = store.client.pipeline(transaction=False)
    for registration in ("r1", "r2", "r3", "r1"):
        pipeline.execute_command("EVALSHA", sha, 1, f"{{{registration}}}:count", 2)

    assert await pipeline.execute() == [2, 2, 2, 4]


async def test_only_a_cluster_says_that_it_is_one(store, store_url):
    assert store.is_cluster == store_url.startswith("redis+cluster")


async def test_the_embedded_store_is_opened_and_stopped_by_its_connection(tmp_path):
    store = await connect(f"embedded:{tmp_path}/store")
    await store.client.set("a", "1")
    await store.close()

    again = await connect(f"embedded:{tmp_path}/store")
    value = await again.client.get("a")
    await again.close()

    assert value == b"1"
    assert not (tmp_path / "store" / "valkey.sock").exists()


async def test_memory_stores_are_not_shared():
    first, second = await connect("memory:"), await connect("memory:")
    await first.client.set("a", "1")

    assert await second.client.get("a") is None
    await first.close()
    await second.close()


async def test_a_command_survives_the_restart_of_the_store(tmp_path):
    store = await connect(f"embedded:{tmp_path}/store")
    await store.client.set("a", "1")
    os.kill(pid := (await store.client.info("server"))["process_id"], signal.SIGKILL)
    with contextlib.closing(Redis(unix_socket_path=str(tmp_path / "store" / "valkey.sock"))) as other:
        await asyncio.to_thread(wait_until, lambda: other.info("server")["process_id"] != pid)

    assert await store.client.get("a") == b"1"
    await store.close()


async def test_a_command_fails_soon_when_the_store_is_gone():
    servers = start_valkey()
    store = await connect(servers.url)
    servers.stop()

    started = time.monotonic()
    with pytest.raises(RedisConnectionError):
        await store.client.get("a")
    assert time.monotonic() - started < 10
    await store.close()


async def test_a_failover_of_the_sentinel_is_followed():
    servers = start_sentinel()
    store = await connect(servers.url)
    await store.client.set("a", "1")
    assert await store.client.wait(1, 1000) == 1

    servers.kill(0)
    value = await first_answer(store.client.get, "a")
    await first_answer(store.client.set, "b", "2")

    assert value == b"1"
    await store.close()
    servers.stop()


async def test_a_store_that_cannot_yet_is_waited_for_and_told_in_a_sentence_when_it_takes_too_long():
    tried = []

    async def step() -> None:
        tried.append(1)
        if len(tried) < 3:
            raise StoreUnavailable("The change did not reach enough replicas.", detail="WAIT answered 0")

    with pytest.raises(ConfigurationError) as refusal:
        await when_available(step, patience_seconds=0)
    await when_available(step)

    assert refusal.value.problems == [
        "CDS_STORE_URL: the store cannot be worked with now: The change did not reach enough replicas. WAIT answered 0"
    ]
    assert len(tried) == 3


async def first_answer(command, *arguments):
    """What the command answers as soon as it does: the failover itself takes some seconds."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return await command(*arguments)
        except RedisError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "store_url",
    [
        f"redis://user:geheim@{NOWHERE}/0",
        f"rediss://user:geheim@{NOWHERE}/0",
        f"redis+cluster://user:geheim@{NOWHERE},{NOWHERE}",
        f"rediss+cluster://user:geheim@{NOWHERE}",
        f"redis+sentinel://user:geheim@{NOWHERE}/cds?sentinel_password=geheim",
        "unix:/nowhere/valkey.sock",
    ],
)
async def test_a_store_that_does_not_answer_is_told_without_its_password(store_url):
    told = await refusal_of(store_url)

    assert told.startswith("CDS_STORE_URL: ")
    assert "does not answer" in told
    assert "geheim" not in told
    assert len(told) < 300


@pytest.mark.parametrize(
    ("store_url", "complaint"),
    [
        (f"redis://{NOWHERE}/0?decode=geheim", "an option in its query"),
        (f"redis+cluster://{NOWHERE}/?decode=geheim", "an option in its query"),
        (f"redis+sentinel://{NOWHERE}/cds?decode=geheim", "decode is not an option"),
        (f"redis://{NOWHERE}/0?socket_timeout=geheim", "socket_timeout"),
    ],
)
async def test_options_that_are_not_known_are_told(store_url, complaint):
    told = await refusal_of(store_url)

    assert complaint in told
    assert "geheim" not in told


async def test_a_store_that_starts_late_is_waited_for(tmp_path):
    async def later():
        await asyncio.sleep(0.4)
        return await asyncio.to_thread(start_valkey, tmp_path / "socket")

    starting = asyncio.create_task(later())
    store = await connect(f"unix:{tmp_path}/socket", patience_seconds=SECONDS)

    assert await store.client.ping()
    await store.close()
    (await starting).stop()


async def test_a_wrong_password_is_told_at_once():
    told = await refusal_of(shared("cluster").url.replace("redis+cluster://", "redis+cluster://:geheim@"))

    assert "refuses the user or the password" in told
    assert "geheim" not in told


async def test_a_cluster_behind_a_plain_url_is_refused_with_the_right_one():
    assert "write redis+cluster://" in await refusal_of(f"redis://127.0.0.1:{shared('cluster').ports[0]}")


async def test_a_plain_server_behind_a_cluster_url_is_refused():
    assert "luster" in await refusal_of(f"redis+cluster://127.0.0.1:{shared('sentinel').ports[0]}")


async def test_a_replica_is_refused():
    assert "is a replica" in await refusal_of(f"redis://127.0.0.1:{shared('sentinel').ports[1]}")


async def test_a_sentinel_behind_a_plain_url_is_refused_with_the_right_one():
    assert "write redis+sentinel://" in await refusal_of(f"redis://127.0.0.1:{shared('sentinel').ports[2]}")


async def test_a_sentinel_that_does_not_know_the_service_is_told():
    assert "no sentinel knows" in await refusal_of(f"redis+sentinel://127.0.0.1:{shared('sentinel').ports[2]}/other")


@pytest.mark.parametrize(
    ("store_url", "shown"),
    [
        ("redis://user:geheim@store:6379/2?x=geheim", "redis://store:6379/2"),
        ("redis://:p@ss@store", "redis://store"),
        ("redis+sentinel://:geheim@a:1,b:2/cds?sentinel_password=geheim", "redis+sentinel://a:1,b:2/cds"),
        ("unix:/run/valkey.sock", "unix:/run/valkey.sock"),
        ("embedded:.data/store", "embedded:.data/store"),
        ("memory:", "memory:"),
    ],
)
def test_a_store_is_named_without_secrets(store_url, shown):
    assert describe(store_url) == shown
