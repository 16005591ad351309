"""An installation as it runs in production, on loopback: a store of several nodes, three servers, a worker.

with a webhook endpoint of ours beside it, which checks every signature. Every process is stopped by its own handle,
also when a run fails.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from tests.endpoints import Endpoint, endpoint
from tests.live_server import COMMAND, REPOSITORY
from tests.stores import SERVICE, Servers, free_port, start_cluster, start_sentinel
from tests.worker.processes import settings_for, spawn_worker

START_SECONDS = 90.0
"""Half a dozen processes start at once, perhaps on a machine with other work to do."""

OPERATOR_KEY = "cdsop_chaos_0123456789abcdefghijklmnopqrstuv"
NODE_TIMEOUT_MS = 1500
FAILOVER_SECONDS = 90.0
RESTART_SECONDS = 2.0
"""How long whoever restarts processes takes to notice: about what Kubernetes does with a first crash."""

LIMITS = {f"CDS_RATE_LIMIT_{name}": "1000000/minute" for name in ("ANONYMOUS", "CLIENT", "FAILED_AUTH", "REGISTRATION")}
"""They count, as in production, and let everything pass."""


@dataclass(frozen=True)
class Topology:
    """A kind of store and what a confirmed change means on it."""

    kind: str
    each: int = 1
    """How many replicas a primary has."""
    wait_replicas: int = 1

    def __str__(self) -> str:
        return f"{self.kind.title()}, {self.each} replica{'s' * (self.each > 1)}, wait {self.wait_replicas}"

    @property
    def keeps_promises(self) -> bool:
        """Whether every replica confirms, so that it does not matter which one takes over."""
        return self.wait_replicas >= self.each

    def start(self) -> Servers:
        """Its store."""
        if self.kind == "cluster":
            return start_cluster(replicas=self.each, node_timeout_ms=NODE_TIMEOUT_MS)
        return start_sentinel(replicas=self.each, sentinels=3, down_after_ms=NODE_TIMEOUT_MS)

    @property
    def primaries(self) -> range:
        """The processes that are primaries at the beginning."""
        return range(3 if self.kind == "cluster" else 1)

    @property
    def replicas(self) -> range:
        """The processes that are replicas at the beginning; of a cluster the first one is that of process 0."""
        first = len(self.primaries)
        return range(first, first * (1 + self.each))


@dataclass
class House:
    """What runs."""

    topology: Topology
    directory: Path
    store: Servers
    hook: Endpoint
    settings: dict[str, str]
    ports: list[int]
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    starting: set[int] = field(default_factory=set)
    """Servers that are on their way up or down, so that nobody wonders that they do not answer."""
    ready: set[int] = field(default_factory=set)
    """Servers that have said lately that they are ready; a balancer sends nothing to others."""
    struck: float = 0.0
    """When something began to fail, by the monotonic clock ..."""
    released: float = 0.0
    """... and from when on nothing stands in the way of recovery."""

    @property
    def urls(self) -> list[str]:
        """Where the servers are."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def spawn_server(self, number: int) -> None:
        """Start a server, for the first time or again."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
        environment |= {"PYTHONPATH": str(REPOSITORY), **self.settings}
        with (self.directory / f"server-{number}.log").open("ab") as log:
            process = subprocess.Popen(
                [*COMMAND, "--port", str(self.ports[number])],
                cwd=self.directory,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if number < len(self.servers):
            self.servers[number] = process
        else:
            self.servers.append(process)

    def spawn_worker(self) -> None:
        """Start one more worker."""
        folder = self.directory / f"worker-{len(self.workers)}"
        folder.mkdir()
        self.workers.append(spawn_worker(folder, **self.settings))

    async def until_ready(self, number: int) -> None:
        """Wait for the first 200 of the readiness of a server, and start it again when it gives up, as Kubernetes does.

        Fails with its log when that takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as http:
            while time.monotonic() < deadline:
                if self.servers[number].poll() is not None:
                    self.spawn_server(number)
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{self.urls[number]}/readyz")).is_success:
                        return
                await asyncio.sleep(0.05)
        log = (self.directory / f"server-{number}.log").read_text(errors="replace")
        raise AssertionError(f"server {number} did not start:\n{log[-4000:]}")

    def redis(self, number: int) -> "contextlib.closing[Redis]":
        """A connection to a node of the store, closed at the end of the `with`."""
        return contextlib.closing(Redis(port=self.store.ports[number], socket_timeout=5))

    def signal_node(self, number: int, which: signal.Signals) -> None:
        """Send a signal to a node of the store."""
        os.kill(self.store.processes[number].pid, which)

    def log_of(self, number: int) -> str:
        """Everything that a server has logged."""
        return (self.directory / f"server-{number}.log").read_text(errors="replace")

    async def until_failed_over(self) -> None:
        """Wait until somebody else is the primary that process 0 was."""
        await self._until(self._has_failed_over, "no replica took over")

    def hand_over(self) -> None:
        """Have a replica of process 0 take over from it while it lives."""
        if self.topology.kind == "cluster":
            with self.redis(self.topology.replicas[0]) as redis:
                redis.execute_command("CLUSTER FAILOVER")
        else:
            with self.redis(len(self.store.ports) - 1) as sentinel:
                sentinel.execute_command("SENTINEL FAILOVER", SERVICE)

    def _has_failed_over(self) -> bool:
        if self.topology.kind == "cluster":
            with self.redis(self.topology.replicas[0]) as redis:
                return bool(redis.info("replication")["role"] == "master")
        with self.redis(len(self.store.ports) - 1) as sentinel:
            facts: Any = sentinel.sentinel_masters()
            return bool(facts[SERVICE]["port"] != self.store.ports[0])

    def follow_arguments(self) -> tuple[str, ...]:
        """What tells a node at its start who the primary is: sentinels do, and in a Cluster the node finds out itself.

        The entry points of charts do the same.
        """
        if self.topology.kind == "cluster":
            return ()
        with self.redis(len(self.store.ports) - 1) as sentinel:
            facts: Any = sentinel.sentinel_masters()
        return ("--replicaof", "127.0.0.1", str(facts[SERVICE]["port"]))

    async def until_following(self, number: int) -> None:
        """Wait until a node is a replica that has all of its primary."""
        await self._until(lambda: self._follows(number), f"node {number} follows nobody")

    def _follows(self, number: int) -> bool:
        with self.redis(number) as redis:
            facts = redis.info("replication")
        return bool(facts["role"] == "slave" and facts["master_link_status"] == "up")

    async def _until(self, holds: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + FAILOVER_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):  # a node that is not back yet
                if await asyncio.to_thread(holds):
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(complaint)

    def stop(self) -> None:
        """End everything that was started, whatever state it is in."""
        for process in [*self.servers, *self.workers]:
            process.kill()
        for process in [*self.servers, *self.workers]:
            process.wait()
        self.store.stop()


@asynccontextmanager
async def installation(topology: Topology, directory: Path, servers: int) -> AsyncIterator[House]:
    """A started installation with so many servers."""
    store = await asyncio.to_thread(topology.start)
    async with endpoint() as hook:
        house = House(topology, directory, store, hook, {}, [free_port() for _ in range(servers)])
        try:
            house.settings = {
                **settings_for(directory, store.url),
                **LIMITS,
                "CDS_PUBLIC_URL": house.urls[0],
                "CDS_STORE_WAIT_REPLICAS": str(topology.wait_replicas),
                "CDS_OPERATOR_BOOTSTRAP_KEY": OPERATOR_KEY,
                "CDS_WORKER": "external",
                "CDS_LOG_FORMAT": "json",
            }
            for number in range(servers):
                house.spawn_server(number)
            house.spawn_worker()
            for number in range(servers):
                await house.until_ready(number)
            house.ready = set(range(servers))
            yield house
        finally:
            house.stop()
