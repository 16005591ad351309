"""Whatever was confirmed to a Client is there after a crash of the server, of its embedded store or of both at once."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.live_server import COMMAND, REPOSITORY, UNLIMITED, stop, wait_until_ready
from tests.patience import SECONDS
from tests.ports import free_port

WRITERS = 4
ROUNDS = 4
"""Of each kind of crash."""

QUESTION = {"type": "support_request", "previous_uri": None, "name": "Durability", "description": "Is this kept?"}


@dataclass
class Confirmed:
    """What Clients were told to exist: secrets by client_id, and the Messages of each."""

    secrets: dict[str, str] = field(default_factory=dict)
    messages: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0


class Server:
    """`cds-server serve` on its embedded store; it may be started again after each end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._command = [*COMMAND, "--port", str(port)]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CDS_")},
            **UNLIMITED,
            "PYTHONPATH": str(REPOSITORY),
            "CDS_LOG_FORMAT": "json",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves."""
        log = self.directory / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, cwd=self.directory, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        wait_until_ready(self.process, self.url, log)

    def kill(self) -> None:
        """End the server as a crash would; its Valkey lives on."""
        self.process.kill()
        self.process.wait()

    def kill_store(self) -> None:
        """End its Valkey as a crash would."""
        with contextlib.closing(Redis(unix_socket_path=str(self.directory / ".data/store/valkey.sock"))) as redis:
            os.kill(redis.info("server")["process_id"], signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator does."""
        if self.process.poll() is None:
            stop(self.process)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def token(http: httpx.Client, client_id: str, secret: str) -> dict[str, str]:
    answer = http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def write(url: str, confirmed: Confirmed, enough: int, reached: threading.Event, ended: threading.Event) -> None:
    """Register Clients that write Messages, and note what is confirmed, until the end."""
    with httpx.Client(base_url=url) as http:
        while not ended.is_set():
            with contextlib.suppress(httpx.HTTPError):
                answer = http.post("/oauth/register", json={"scope": "cds_client_admin"})
                if answer.status_code != 201:
                    continue
                client = answer.json()
                confirmed.secrets[client["client_id"]] = client["client_secret"]
                confirmed.messages[client["client_id"]] = []
                headers = token(http, client["client_id"], client["client_secret"])
                for _ in range(5):
                    answer = http.post("/cds-api/v1/messages", json=QUESTION, headers=headers)
                    if answer.status_code == 201:
                        confirmed.messages[client["client_id"]].append(answer.json()["uri"])
                        confirmed.count += 1
                    if confirmed.count >= enough:
                        reached.set()


@contextlib.contextmanager
def writing(server: Server, confirmed: Confirmed, enough: int) -> Iterator[threading.Event]:
    """Writers at work; the event comes right after a confirmation, once there were enough."""
    reached, ended = threading.Event(), threading.Event()
    goal = confirmed.count + enough
    writers = [
        threading.Thread(target=write, args=(server.url, confirmed, goal, reached, ended)) for _ in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        yield reached
    finally:
        ended.set()
        for writer in writers:
            writer.join()


def require_everything(server: Server, confirmed: Confirmed) -> None:
    """Every Client authenticates and finds all its Messages."""
    with httpx.Client(base_url=server.url) as http:
        for client_id, secret in confirmed.secrets.items():
            headers = token(http, client_id, secret)
            listing = http.get("/cds-api/v1/messages", headers=headers).json()
            assert http.get(f"/cds-api/v1/clients/{client_id}", headers=headers).status_code == 200
            found = {one["uri"] for one in listing["outstanding"]}
            assert found >= set(confirmed.messages[client_id])


@pytest.mark.parametrize("crash", ["server", "store", "both"])
def test_nothing_that_was_confirmed_is_lost_in_a_crash(server, crash):
    confirmed = Confirmed()
    for number in range(ROUNDS):
        with writing(server, confirmed, enough=10 + 7 * number) as reached:
            assert reached.wait(SECONDS)
            if crash != "server":
                server.kill_store()
            if crash != "store":
                server.kill()
        if crash != "store":
            server.start()
        require_recovery(server)
        require_everything(server, confirmed)
    assert confirmed.count >= ROUNDS * 10


def require_recovery(server: Server) -> None:
    """Registrations are taken again, soon and by itself."""
    deadline = time.monotonic() + SECONDS
    while httpx.post(f"{server.url}/oauth/register", json={"scope": "cds_client_admin"}).status_code != 201:
        assert time.monotonic() < deadline
        time.sleep(0.05)
