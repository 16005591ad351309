"""Real stores for tests: Valkey alone, as a cluster and behind a sentinel, from the binary that the project depends on.

Each kind is started once per test process, on first use, and stopped at its end. A test that breaks a store (kills it,
lets it fail over) starts one of its own with `start_valkey`, `start_cluster` or `start_sentinel`, and stops it.

The fixtures are imported by the `conftest.py` of whoever needs them:

    store_url   one URL per kind of store, so that the test runs on each of them
    store       a `StoreConnection` to it, empty
"""

import atexit
import contextlib
import functools
import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from app.store.connect import StoreConnection, client_options, connect
from app.store.embedded import find_binary
from tests.patience import SECONDS
from tests.ports import free_port

KINDS = ("fakeredis", "valkey", "cluster", "sentinel")
SLOTS = 16384
PRIMARIES = 3
SERVICE = "cds"
STEADY_MS = 60_000
"""How long a server may be silent where no test is about its end: processes of a busy machine rest for seconds."""


@dataclass
class Servers:
    """Valkey processes that belong together, and the URL under which they are one store."""

    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="cds-test-")))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        """A test that fails before it stops them leaves nothing behind."""
        atexit.register(self.stop)

    def run(self, *arguments: str, mode: str | None = None) -> None:
        """Start one more process."""
        folder = self.directory / str(len(self.processes))
        folder.mkdir()
        command = [find_binary(), *([mode] if mode else []), *arguments, "--dir", str(folder), "--logfile", "log"]
        self.processes.append(_spawned(command))

    def kill(self, number: int) -> None:
        """End a process as a crash would."""
        self.processes[number].kill()
        self.processes[number].wait()

    def run_again(self, number: int, *arguments: str) -> None:
        """Start a process that has ended once more, with what it left on disk."""
        self.processes[number] = _spawned([*self.processes[number].args, *arguments])  # type: ignore[misc]  # a list

    def stop(self) -> None:
        """End all processes and forget their files."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def _spawned(command: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def start_valkey(path: Path | None = None) -> Servers:
    """One server on a unix socket, at `path` if that matters."""
    servers = Servers()
    path = path or servers.directory / "socket"
    servers.run("--port", "0", "--unixsocket", str(path), "--save", "")
    with contextlib.closing(Redis(unix_socket_path=str(path))) as redis:
        wait_until(redis.ping)
    servers.url = f"unix:{path}"
    return servers


SPARE_DATABASES = 64


@functools.cache
def _spare() -> tuple[Servers, Iterator[int]]:
    servers = Servers()
    path = servers.directory / "socket"
    servers.run(
        *("--port", "0", "--unixsocket", str(path), "--save", ""),
        *("--databases", str(SPARE_DATABASES), "--loglevel", "nothing"),
    )
    with contextlib.closing(Redis(unix_socket_path=str(path))) as redis:
        wait_until(redis.ping)
    servers.url = str(path)
    return servers, itertools.cycle(range(SPARE_DATABASES))


async def spare_store() -> StoreConnection:
    """An empty store of a service's own: a database of one Valkey that all services in this process share.

    Where it does not matter which store it is, this one is quick: fakeredis takes ten times as long for a script.
    """
    servers, numbers = _spare()
    client: AsyncRedis = AsyncRedis(unix_socket_path=servers.url, db=next(numbers), **client_options())
    await client.flushdb()
    return StoreConnection(client, is_cluster=False, wait_replicas=0)


def start_cluster(replicas: int = 0, node_timeout_ms: int = STEADY_MS) -> Servers:
    """Three primaries (processes 0 to 2) on loopback that share the slots, then their replicas in the same order."""
    servers = Servers()
    servers.ports = [free_port() for _ in range(PRIMARIES * (1 + replicas))]
    for port in servers.ports:
        servers.run(
            *("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0"),
            *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
            *("--cluster-node-timeout", str(node_timeout_ms)),
        )
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(contextlib.closing(Redis(port=port))) for port in servers.ports]
        for node in nodes:
            wait_until(node.ping)
        for number, node in enumerate(nodes[:PRIMARIES]):
            first, end = (SLOTS * part // PRIMARIES for part in (number, number + 1))
            node.execute_command("CLUSTER ADDSLOTSRANGE", first, end - 1)
            node.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        bus_ports = [node.config_get("cluster-port")["cluster-port"] for node in nodes]
        for port, bus_port in zip(servers.ports[1:], bus_ports[1:], strict=True):
            nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", port, bus_port)
        for node in nodes:
            wait_until(lambda node=node: knows_all(node, len(nodes)))
        for number, replica in enumerate(nodes[PRIMARIES:]):
            follow(replica, nodes[number % PRIMARIES])
    servers.url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in servers.ports)
    return servers


def follow(replica: "Redis[Any]", primary: "Redis[Any]") -> None:
    """Make a node of a cluster the replica of another and wait until it has what that one has."""
    primary_id = primary.execute_command("CLUSTER MYID")
    wait_until(lambda: replica.execute_command("CLUSTER REPLICATE", primary_id))
    wait_until(lambda: replica.info("replication")["master_link_status"] == "up")


def knows_all(node: "Redis[Any]", count: int) -> bool:
    """Whether a cluster node sees all others and all slots."""
    facts = node.execute_command("CLUSTER INFO")
    return facts["cluster_state"] == "ok" and int(facts["cluster_known_nodes"]) == count


def start_sentinel(replicas: int = 1, sentinels: int = 1, down_after_ms: int = 800) -> Servers:
    """A primary (process 0), its replicas, and then sentinels, most of which fail over when it has been silent."""
    servers = Servers()
    servers.ports = [free_port() for _ in range(1 + replicas + sentinels)]
    primary = str(servers.ports[0])
    common = ("--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0")
    servers.run("--port", primary, *common)
    for port in servers.ports[1 : 1 + replicas]:
        servers.run("--port", str(port), *common, "--replicaof", "127.0.0.1", primary)
    for port in servers.ports[1 : 1 + replicas]:
        with contextlib.closing(Redis(port=port)) as redis:
            wait_until(lambda redis=redis: redis.info("replication")["master_link_status"] == "up")
    for port in servers.ports[1 + replicas :]:
        configuration = servers.directory / f"sentinel-{port}.conf"
        configuration.write_text(
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} {sentinels // 2 + 1}\n"
            f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        servers.run(str(configuration), "--sentinel", "--port", str(port), "--bind", "127.0.0.1")
    for port in servers.ports[1 + replicas :]:
        with contextlib.closing(Redis(port=port)) as redis:
            wait_until(lambda redis=redis: _knows_its_own(redis, replicas, sentinels))
    hosts = ",".join(f"127.0.0.1:{port}" for port in servers.ports[1 + replicas :])
    servers.url = f"redis+sentinel://{hosts}/{SERVICE}"
    return servers


def _knows_its_own(sentinel: "Redis[Any]", replicas: int, sentinels: int) -> bool:
    facts = sentinel.sentinel_masters()[SERVICE]
    return facts["num-slaves"] == replicas and facts["num-other-sentinels"] == sentinels - 1


def wait_until(holds: Callable[[], object]) -> None:
    """Return as soon as `holds()` is true; a store that does not answer counts as not yet."""
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(RedisError, OSError):
            if holds():
                return
        if time.monotonic() > deadline:
            raise TimeoutError("the store for the test did not get ready")
        time.sleep(0.02)


def steady_sentinel() -> Servers:
    """One that takes a machine that is busy for one that is busy, and leaves the primary where it is."""
    return start_sentinel(down_after_ms=STEADY_MS)


@functools.cache
def shared(kind: str) -> Servers:
    """The servers of a kind that all tests of this process share."""
    return {"valkey": start_valkey, "cluster": start_cluster, "sentinel": steady_sentinel}[kind]()


def url_of(kind: str) -> str:
    """What `CDS_STORE_URL` says for a kind of store, which is started if need be."""
    return "memory:" if kind == "fakeredis" else shared(kind).url


async def empty(store: StoreConnection) -> None:
    """Forget everything that an earlier test left."""
    if isinstance(store.client, RedisCluster):
        await store.client.flushall(target_nodes=RedisCluster.PRIMARIES)
    else:
        await store.client.flushall()


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest) -> str:
    """One URL per kind of store."""
    return url_of(request.param)


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[StoreConnection]:
    """A connection to an empty store; the test runs once per kind."""
    connection = await connect(store_url)
    await empty(connection)
    yield connection
    await connection.close()
