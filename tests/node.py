"""Projects of the tests that run in node: where node is, and what the lock files name."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
NPM_SECONDS = 600


def require_node(project: Path) -> str:
    """Where node is, once a project has the packages of its lock file. Skips the test where there is no node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("needs node and npm")
    with (project / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may come here at once
        if not _is_installed(project):
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=project, check=True, timeout=NPM_SECONDS)
    return node


def _is_installed(project: Path) -> bool:
    installed = project / "node_modules" / ".package-lock.json"
    if not installed.exists():
        return False
    wanted = json.loads((project / "package-lock.json").read_text())["packages"]
    there = json.loads(installed.read_text())["packages"]
    return all(there.get(name, {}).get("integrity") == package["integrity"] for name, package in wanted.items() if name)
