"""Is something known against what we ship, and against what tests use?

    python -m tests.supply_chain.audit

Asks pip-audit about the lock of the image and npm about the node packages of tests. Whether there is an answer depends
on the network, so the first question is about a package that is known to be vulnerable: whoever knows nothing of that
one would call everything harmless. Where nobody knows, one line says so and nothing fails, unless `AUDIT_REQUIRED=1`.

What is shipped fails the audit. What only tests use is told and fails nothing: it never sees a request of a stranger.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.supply_chain import locks

SHIPPED: Final = "requirements-image.lock"
SERVICES: Final = ("pypi", "osv")
KNOWN_TO_BE_VULNERABLE: Final = f"jinja2==2.11.2 --hash=sha256:{'0' * 64}\n"

ACCEPTED: Final[Mapping[str, str]] = {}
"""Ids of advisories that do not concern us, each with the reason."""

_SECONDS: Final = 300
_SOCKET_SECONDS: Final = "10"
_READABLE: Final = 100
"""Characters of an error of others that are enough to understand it."""

_OK, _FOUND, _UNKNOWN = 0, 1, 2

Run = Callable[[Sequence[str | Path], Path], str]


class Finding(NamedTuple):
    """Something that is known against a package."""

    package: str
    version: str
    advisory: str


class NobodyKnowsError(Exception):
    """No database of advisories has answered. Its text says why."""


def run(command: Sequence[str | Path], directory: Path) -> str:
    """What a program says on its standard output. Raises NobodyKnowsError when it cannot run or does not end."""
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NobodyKnowsError(str(error)) from error
    if not done.stdout.strip():
        said = done.stderr.strip().splitlines()
        raise NobodyKnowsError(said[-1][:_READABLE] if said else f"{Path(command[0]).name} says nothing")
    return done.stdout


def python_findings(root: Path, ask: Run = run) -> list[Finding]:
    """What is known against the packages of the image. Raises NobodyKnowsError, also when some are not known at all."""
    program = Path(sys.executable).with_name("pip-audit")
    reasons = []
    for service in SERVICES:
        command: list[str | Path] = [
            program,
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner",
            "off",
            "--format",
            "json",
        ]
        command += ["--timeout", _SOCKET_SECONDS, "--vulnerability-service", service, "--requirement"]
        try:
            _require_knowledge(command, root, ask)
            told = _decoded(ask([*command, SHIPPED], root)).get("dependencies", [])
        except NobodyKnowsError as error:
            reasons.append(f"{service}: {error}")
            continue
        unknown = sorted(one["name"] for one in told if "skip_reason" in one)
        missing = {one.name for one in locks.read(root / SHIPPED) if one.is_everywhere} - {one["name"] for one in told}
        if unknown or missing:
            reasons.append(f"{service}: it does not know {', '.join(sorted({*unknown, *missing}))}")
            continue
        return [Finding(one["name"], one["version"], bad["id"]) for one in told for bad in one.get("vulns", ())]
    raise NobodyKnowsError("; ".join(reasons))


def _require_knowledge(command: Sequence[str | Path], root: Path, ask: Run) -> None:
    """Raises NobodyKnowsError when a package with known vulnerabilities seems to have none."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as probe:
        probe.write(KNOWN_TO_BE_VULNERABLE)
        probe.flush()
        told = _decoded(ask([*command, probe.name], root)).get("dependencies", [])
    if not any(one.get("vulns") for one in told):
        raise NobodyKnowsError("no advisories there")


def node_findings(directory: Path, ask: Run = run) -> list[Finding]:
    """What is known against the packages of a package-lock.json. Raises NobodyKnowsError."""
    told = _decoded(ask(["npm", "audit", "--json", "--package-lock-only"], directory))
    if "vulnerabilities" not in told:
        reason = told.get("message") or told.get("error") or "npm does not say"
        raise NobodyKnowsError(str(reason).partition(" - ")[0])
    return [Finding(name, one.get("range", ""), one["severity"]) for name, one in told["vulnerabilities"].items()]


def node_locks(root: Path) -> list[Path]:
    """The locks of the node packages that tests use."""
    return sorted(one for one in root.glob("tests/**/package-lock.json") if "node_modules" not in one.parts)


def _decoded(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise NobodyKnowsError("the answer is no JSON") from error
    return told if isinstance(told, dict) else {}


def audit(root: Path, say: Callable[[str], None], ask: Run = run) -> int:
    """Audit everything and tell what came of it. Returns 0, 1 for a finding in what we ship, 2 for nobody knows."""
    status = _OK
    try:
        found = [one for one in python_findings(root, ask) if one.advisory not in ACCEPTED]
    except NobodyKnowsError as error:
        say(f"AUDIT SKIPPED for {SHIPPED}: nobody here knows of vulnerabilities ({error}).")
        status = _UNKNOWN
    else:
        _tell(SHIPPED, found, say)
        status = _FOUND if found else _OK
    try:
        for lock in node_locks(root):
            _tell(str(lock.relative_to(root)), node_findings(lock.parent, ask), say)
    except NobodyKnowsError as error:
        say(f"AUDIT SKIPPED for the node packages of tests: nobody here knows of vulnerabilities ({error}).")
        status = status or _UNKNOWN
    return status


def _tell(name: str, found: Iterable[Finding], say: Callable[[str], None]) -> None:
    lines = [f"VULNERABLE in {name}: {one.package} {one.version} ({one.advisory})" for one in found]
    for line in lines or [f"Audited {name}: nothing is known against it."]:
        say(line)


def exit_status(status: int, environ: Mapping[str, str]) -> int:
    """What a run ends with: where nobody knows, nothing fails unless that is asked for."""
    return _OK if status == _UNKNOWN and environ.get("AUDIT_REQUIRED", "0") in {"", "0"} else status


def main() -> None:
    """Audit this repository."""
    status = audit(Path.cwd(), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201 -- a program
    sys.exit(exit_status(status, os.environ))


if __name__ == "__main__":
    main()
