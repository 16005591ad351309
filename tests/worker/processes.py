"""`cds-server worker` as a process of its own, on a store that tests start."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from app.crypto.secret_keys import new_key
from tests.live_server import REPOSITORY
from tests.patience import SECONDS

COMMAND = (sys.executable, "-c", "from app.cli import main; main()", "worker")


def spawn_worker(directory: Path, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    """A worker that will begin to work; it logs into `worker.log`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    environment |= {"PYTHONPATH": str(REPOSITORY), "CDS_LOG_FORMAT": "json", **settings}
    with (directory / "worker.log").open("wb") as output:
        return subprocess.Popen([*COMMAND, *arguments], cwd=directory, env=environment, stdout=output, stderr=output)


def start_worker(directory: Path, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    """A worker that has begun to work; it logs into `worker.log`."""
    process, log = spawn_worker(directory, *arguments, **settings), directory / "worker.log"
    deadline = time.monotonic() + SECONDS
    while b'"working"' not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise AssertionError(f"the worker did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.01)
    return process


def settings_for(directory: Path, store_url: str) -> dict[str, str]:
    """What a server and its workers need on a store that is not embedded."""
    path = directory / "keys.json"
    path.write_text(json.dumps({"keys": [new_key().as_dict(private=True)]}))
    path.chmod(0o600)
    return {"CDS_STORE_URL": store_url, "CDS_SECRET_KEYS": str(path), "CDS_FILES_URL": f"file:{directory / 'files'}"}
