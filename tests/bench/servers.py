"""What is measured on this machine: the service, its store, and the yardsticks, each where it disturbs no other."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.crypto import secret_keys, signing_keys
from app.store.embedded import EmbeddedStore
from tests.bench.catalog import write_catalog
from tests.bench.processes import Watched, family_of, pin, server_at, stores_of
from tests.live_server import REPOSITORY, live_server, wait_until_ready
from tests.node import TESTS, require_node
from tests.ports import free_port
from tests.stores import Servers, start_cluster, start_sentinel, start_valkey

EMBEDDED = "embedded"
TOPOLOGIES: dict[str, Callable[[], Servers]] = {
    "standalone": start_valkey,
    "cluster": start_cluster,
    "sentinel": start_sentinel,
}
DESCRIBED = {
    EMBEDDED: "embedded Valkey, fsync on every write",
    "standalone": "one Valkey on a unix socket, nothing on disk",
    "cluster": "Valkey Cluster of three primaries, nothing on disk",
    "sentinel": "Valkey, a replica and a Sentinel, nothing on disk",
}
OPERATOR_KEY = "cdsop_" + "only-for-measurements-" * 2
PROVIDER_CLIENT, PROVIDER_SECRET = "bench", "only-for-measurements"


@dataclass(frozen=True)
class Cores:
    """Where servers run, and where everything else does."""

    servers: tuple[int, ...]
    others: tuple[int, ...]

    @classmethod
    def here(cls) -> "Cores":
        """The first core for servers and the others for the rest, of those that we may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls((usable[0],), tuple(usable[1:]) or (usable[0],))


@dataclass(frozen=True)
class Running:
    """A server that can be measured."""

    url: str
    watched: Watched


@dataclass(frozen=True)
class Store:
    """A store for a service, and the settings by which a service uses it."""

    settings: dict[str, str]
    pids: tuple[int, ...]
    socket: Path | None = None
    """Of the embedded one."""


@contextlib.contextmanager
def store_of(topology: str, directory: Path) -> Iterator[Store]:
    """A store of that kind; the embedded one keeps what it has in `directory`, as it does for operators."""
    before = set(stores_of(os.getpid()))
    if topology == EMBEDDED:
        embedded = EmbeddedStore.open(directory / "store")
        settings = {"CDS_STORE_URL": f"embedded:{directory / 'store'}"}
        stop, socket = embedded.stop, embedded.socket_path
    else:
        servers = TOPOLOGIES[topology]()
        keys = {
            "CDS_SECRET_KEYS": secret_keys.keys_document([secret_keys.new_key()]).decode(),
            "CDS_SIGNING_KEYS": signing_keys.keys_document([signing_keys.new_key()]).decode(),
        }
        settings, stop, socket = {"CDS_STORE_URL": servers.url} | keys, servers.stop, None
    try:
        yield Store(settings, tuple(sorted(set(stores_of(os.getpid())) - before)), socket)
    finally:
        stop()


@contextlib.contextmanager
def our_server(directory: Path, store: Store, cores: Cores, **settings: str) -> Iterator[Running]:
    """The service, on the cores of servers; `settings` are more of its own."""
    directory.mkdir(exist_ok=True)
    catalog = write_catalog(directory / "catalog")
    ours = {"CDS_OPERATOR_BOOTSTRAP_KEY": OPERATOR_KEY, "CDS_FILES_URL": f"file:{directory / 'files'}"}
    with live_server(directory, catalog=catalog, **ours, **store.settings, **settings) as url:
        pid = server_at(int(url.rpartition(":")[2]))
        for member in set(family_of(pid)) - set(store.pids):
            pin(member, cores.servers)
        yield Running(url, Watched.service(pid, store.pids))


@contextlib.contextmanager
def bare_server(directory: Path, store_socket: Path | str, cores: Cores | None = None) -> Iterator[Running]:
    """Bare Starlette under the same HTTP server as the service; without `cores` wherever the system likes."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", "tests.bench.yardsticks:app", "--port", str(port),
        "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    environment = os.environ | {"STORE_SOCKET": str(store_socket), "PYTHONPATH": str(REPOSITORY)}
    with _process(command, port, directory / "yardsticks.log", cores, "/bare", environment=environment) as running:
        yield running


@contextlib.contextmanager
def oidc_provider(directory: Path, cores: Cores | None = None) -> Iterator[Running]:
    """npm's oidc-provider."""
    project, port = TESTS / "oidc_provider", free_port()
    options = {"port": port, "client_id": PROVIDER_CLIENT, "client_secret": PROVIDER_SECRET}
    command = [require_node(project), str(project / "yardstick.mjs"), json.dumps(options)]
    environment = os.environ | {"NODE_ENV": "production"}
    ready = "/.well-known/openid-configuration"
    with _process(command, port, directory / "provider.log", cores, ready, environment=environment) as running:
        yield running


@contextlib.contextmanager
def _process(
    command: list[str], port: int, log: Path, cores: Cores | None, ready: str, *, environment: dict[str, str]
) -> Iterator[Running]:
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(process, url, log, path=ready)
        if cores:
            pin(process.pid, cores.servers)
        yield Running(url, Watched({"worker": (process.pid,)}))
    finally:
        process.terminate()
        process.wait()
