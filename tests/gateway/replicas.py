"""Servers that share a store, each a process of its own on a loopback port, as pods of a Deployment are."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.gateway.probing import probe
from tests.live_server import REPOSITORY, UNLIMITED, free_port
from tests.stores import start_valkey

COMMAND = (sys.executable, "-c", "from app.cli import main; main()", "serve", "--host", "127.0.0.1")
DRAIN_SECONDS = 2.0
READY_SECONDS = 240.0
STOP_SECONDS = 120.0
OPERATOR_KEY = "an-operator-key-of-this-test-alone-0123456789"


@dataclass
class Replica:
    """One server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """The same for an upstream of nginx."""
        return f"127.0.0.1:{self.port}"

    def readiness(self) -> int:
        """What `/readyz` says; 0 when nobody listens."""
        return probe(self.port, "/readyz").status

    def wait_until_ready(self) -> None:
        """Wait for a readiness of 200; fails with the log when there is none."""
        deadline = time.monotonic() + READY_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.readiness() == 200:
                return
            time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self.log.read_text(errors='replace')}")

    def was_asked(self) -> bool:
        """Whether somebody beside probes has come here."""
        return '"/oauth/' in self.log.read_text()

    def begin_to_end(self) -> None:
        """What Kubernetes does with a pod that has to go."""
        self.process.send_signal(signal.SIGTERM)

    def wait_until_gone(self) -> int:
        """The exit status."""
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@dataclass
class Deployment:
    """Servers on one store."""

    directory: Path
    settings: Mapping[str, str]
    replicas: list[Replica] = field(default_factory=list)
    started: list[Replica] = field(default_factory=list)

    def launch(self, *, port: int = 0, workers: int = 1) -> Replica:
        """Start a server, which is not ready yet."""
        port = port or free_port()
        log = self.directory / f"server-{len(self.started)}.log"
        arguments = ("--port", str(port), "--workers", str(workers), "--drain", str(DRAIN_SECONDS))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self.directory,
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        replica = Replica(port, process, log)
        self.started.append(replica)
        return replica

    def stop(self) -> None:
        """End what is left."""
        for replica in self.started:
            if replica.process.poll() is None:
                replica.process.kill()
            replica.process.wait()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Of a server: that of the tests without settings of whoever runs them, and these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    return {**inherited, "PYTHONPATH": str(REPOSITORY), "CDS_LOG_FORMAT": "json", **UNLIMITED, **settings}


@contextlib.contextmanager
def deployment(
    directory: Path, public_url: str, *, workers: Sequence[int] = (1,), **settings: str
) -> Iterator[Deployment]:
    """Servers that are ready, on an empty store; `workers` says how many processes each of them has."""
    store = start_valkey()
    every = Deployment(
        directory,
        {
            "CDS_PUBLIC_URL": public_url,
            "CDS_STORE_URL": store.url,
            "CDS_FILES_URL": f"file:{directory}/files",
            "CDS_SECRET_KEYS": SECRET_KEYS,
            "CDS_OPERATOR_BOOTSTRAP_KEY": OPERATOR_KEY,
            "CDS_TRUSTED_PROXIES": "127.0.0.1/32",
            **settings,
        },
    )
    try:
        every.replicas = [every.launch(workers=number) for number in workers]
        for replica in every.replicas:
            replica.wait_until_ready()
        yield every
    finally:
        every.stop()
        store.stop()


SECRET_KEYS = '{"keys":[{"kty":"oct","kid":"one","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}'
