"""The service as a process of its own on a free loopback port, as an operator starts it.

with live_server(tmp_path_factory.mktemp("server")) as url:
    ...                                     # the demo utility
with live_server(directory, catalog=edited_demo(directory, {"grants: review": "grants: automatic"})) as url:
    ...
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path

import httpx

from tests.patience import SECONDS
from tests.ports import free_port

REPOSITORY = Path(__file__).parent.parent
COMMAND = (sys.executable, "-c", "from app.cli import main; main()", "serve", "--host", "127.0.0.1", "--drain", "0")
UNLIMITED = {f"CDS_RATE_LIMIT_{name}": "off" for name in ("ANONYMOUS", "CLIENT", "FAILED_AUTH", "REGISTRATION")}


@contextlib.contextmanager
def live_server(directory: Path, *, catalog: Path | None = None, port: int = 0, **settings: str) -> Iterator[str]:
    """Run `cds-server serve` with everything it keeps in `directory`; the value is its public URL.

    Args:
        directory: The store, the files and the log `server.log` go there.
        catalog: A catalog file instead of the bundled demo utility.
        port: A `free_port` for those who need to know it before; 0 finds one.
        settings: More settings, by their `CDS_` names.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CDS_")},
        "PYTHONPATH": str(REPOSITORY),
        "CDS_PUBLIC_URL": url,
        "CDS_LOG_FORMAT": "json",
        **UNLIMITED,
        **({"CDS_CATALOG": str(catalog)} if catalog else {}),
        **settings,
    }
    with (directory / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*COMMAND, "--port", str(port)], cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until_ready(server, url, directory / "server.log")
    except BaseException:
        server.kill()
        server.wait()
        raise
    try:
        yield url
    finally:
        stop(server)


def wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path, *, path: str = "/readyz") -> None:
    """Wait for the first 200 of `path`; fails with the log when there is none."""
    deadline = time.monotonic() + SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}{path}", trust_env=False).is_success:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server as an operator does; a test that finds it stuck fails."""
    server.send_signal(signal.SIGTERM)
    try:
        status = server.wait(SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        raise
    assert status == 0, f"the server ended with {status}"


def edited_demo(directory: Path, edits: Mapping[str, str]) -> Path:
    """A copy of the demo catalog in `directory`, files included, with pieces of its text replaced."""
    with as_file(files("app.catalog") / "demo") as demo:
        shutil.copytree(demo, directory / "catalog")
    path = directory / "catalog" / "catalog.yaml"
    text = path.read_text(encoding="utf-8")
    for written, instead in edits.items():
        assert text.count(written) == 1, f"the demo catalog says {written!r} {text.count(written)} times"
        text = text.replace(written, instead)
    path.write_text(text, encoding="utf-8")
    return path
