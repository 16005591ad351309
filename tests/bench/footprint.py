"""What the service takes before and besides requests: time to start, and room in the store for a registration."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

from redis import Redis

from tests.bench.scenarios import REQUIRED_FIELDS
from tests.bench.servers import OPERATOR_KEY, Cores, our_server, store_of
from tests.bench.visitor import METADATA, Visitor, visit
from tests.live_server import COMMAND, REPOSITORY, stop
from tests.patience import SECONDS
from tests.ports import free_port

POLL_SECONDS = 0.005
COMPILE_SECONDS = 120
MIX = "cds_client_admin ple_grid_status ple_interconnection cds_server_provided_files_ple"
"""With one more Grant, and the Message about it: 5 Client Objects, 4 Credentials, 6 Messages, 2 Grants."""
BEFORE, COUNTED = 1000, 200
"""Registrations before the store is looked at for the first time, so many that every shard has had some, and those in
between. A shard's first one makes streams and indexes there, for which the store sets ten kilobytes aside.
"""


def compile_app() -> None:
    """Have byte-code of the service, as `make run` and the image do; without it a start takes a second longer."""
    command = [sys.executable, "-m", "compileall", "-q", "app"]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=COMPILE_SECONDS)


def start_seconds(directory: Path) -> float:
    """From `cds-server serve` with an embedded store in an empty directory to the first 200.

    Raises:
        SystemExit: It does not come.
    """
    directory.mkdir()
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    environment |= {"PYTHONPATH": str(REPOSITORY), "CDS_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with (directory / "server.log").open("wb") as log:
        began = time.perf_counter()
        server = subprocess.Popen(
            [*COMMAND, "--port", str(port)], cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        while not _answers(port):
            require_alive(server, began, directory / "server.log")
            time.sleep(POLL_SECONDS)
        took = time.perf_counter() - began
    except BaseException:
        server.kill()
        server.wait()
        raise
    stop(server)
    return took


def require_alive(server: subprocess.Popen[bytes], began: float, log: Path) -> None:
    """Wait for a server no longer than it can take.

    Raises:
        SystemExit: It has ended, or it is too late, with what it wrote.
    """
    if server.poll() is not None or time.perf_counter() - began > SECONDS:
        raise SystemExit("the server did not start:\n" + log.read_text())


def _answers(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", METADATA)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def registration_bytes(directory: Path, cores: Cores) -> tuple[float, dict[str, int]]:
    """How much an embedded store grows with each registration, and how many objects of which kind one has."""
    directory.mkdir()
    with store_of("embedded", directory) as store, our_server(directory / "server", store, cores) as server:
        assert store.socket
        with (
            visit(server.url, operator_key=OPERATOR_KEY) as visitor,
            contextlib.closing(Redis(unix_socket_path=str(store.socket))) as redis,
        ):
            for _ in range(BEFORE):
                _registration(visitor)
            before = redis.info("memory")["used_memory"]
            made = [_registration(visitor) for _ in range(COUNTED)]
            grown = redis.info("memory")["used_memory"] - before
            return grown / COUNTED, visitor.objects(visitor.admitted(*made[-1]))


def _registration(visitor: Visitor) -> tuple[str, str]:
    """One of the mix, without the access token that its Client would get next; its client_id and client_secret."""
    client_id, client_secret = visitor.registered(MIX.split(), REQUIRED_FIELDS)
    visitor.grant(client_id)
    return client_id, client_secret
