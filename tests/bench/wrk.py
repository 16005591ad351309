"""Closed-model runs: as many requests as a number of connections can send, each after the answer to the one before.

They show how much a server can take at most. Latencies are those of a server that is never idle.
"""

import json
import subprocess
from pathlib import Path

from tests.bench.figures import Sample
from tests.bench.scenarios import Course, Scenario
from tests.bench.tools import Tool

WRK = Tool("wrk", "apt-get install wrk on Debian and Ubuntu, brew install wrk on macOS", ("wrk", "--version"))
TIMEOUT_SECONDS = 10
SCRIPT = Path(__file__).with_suffix(".lua")


def run(course: Course, seconds: int, connections: int, directory: Path, *, count_limited: bool = False) -> Sample:
    """One run, with one thread.

    Args:
        course: What to send.
        seconds: For how long.
        connections: How many at once.
        directory: For the script.
        count_limited: Tell answers of 429 from other failures, which makes wrk slower.

    Raises:
        SystemExit: wrk is not there, or did not run to its end.
    """
    script = directory / "wrk.lua"
    script.write_text(lua(course, count_limited=count_limited))
    command = [
        WRK.require(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s",
        "-s", str(script), course.parts[0].origin,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    return read(done.stdout, done.stderr)


def read(output: str, complaint: str = "") -> Sample:
    """What our script wrote at the end of a run.

    Raises:
        SystemExit: It wrote nothing.
    """
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"wrk did not get to the end: {(complaint or output).strip()}")
    result = json.loads(line.removeprefix("RESULT "))
    return Sample(
        seconds=result["duration_us"] / 1e6,
        requests=result["requests"],
        **{f"p{rank}_ms": result[f"p{rank}_us"] / 1000 for rank in (50, 95, 99)},
        **{name: result[name] for name in ("failed", "limited", "broken")},
    )


def lua(course: Course, *, count_limited: bool = False) -> str:
    """The whole script of a run."""
    requests = ",\n".join(_request(part) for part in course.parts)
    return f"count_limited = {str(count_limited).lower()}\nrequests = {{\n{requests}\n}}\n" + SCRIPT.read_text()


def _request(part: Scenario) -> str:
    headers = ", ".join(f"[{quoted(name)}] = {quoted(value)}" for name, value in part.headers.items())
    body = quoted(part.body) if part.body else "nil"
    return (
        f"  {{share = {part.share}, method = {quoted(part.method)}, path = {quoted(part.path)}, "
        f"headers = {{{headers}}}, body = {body}}}"
    )


def quoted(text: str) -> str:
    """A Lua string of printable text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
