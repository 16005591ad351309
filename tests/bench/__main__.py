"""Runs the benchmark and prints the table that the README shows.

The server has one core; the store and the load generator share another. Every round measures each path once, yardsticks
included, so that a slow minute hits all of them; the table has medians.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

from app.store.embedded import EmbeddedStore
from tests.bench.scenarios import Scenario, hot_paths, write_catalog
from tests.live_server import UNLIMITED, free_port, live_server, wait_until_ready

CONNECTIONS = 64
SERVER_CORE, OTHER_CORE = "0", "1"
REPORT = (Path(__file__).parent / "report.lua").read_text()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--seconds", type=int, default=4, help="per path and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="only paths whose name has this in it")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.sched_setaffinity(0, {int(OTHER_CORE)} if (os.cpu_count() or 1) > 1 else {0})
        store = EmbeddedStore.open(directory / "store")
        stack.callback(store.stop)
        yardsticks, yardstick_pid = stack.enter_context(yardstick_server(store.socket_path, directory))
        url = stack.enter_context(our_server(directory))
        scenarios = [
            Scenario("bare Starlette JSON", f"{yardsticks}/bare"),
            Scenario("Starlette + one GET", f"{yardsticks}/get"),
        ]
        scenarios += [one for one in hot_paths(url) if options.only in one.name]
        pids = {one.name: yardstick_pid if one.url.startswith(yardsticks) else pid_of(url) for one in scenarios}
        results: dict[str, list[dict[str, Any]]] = {one.name: [] for one in scenarios}
        for number in range(options.rounds + 1):
            for scenario in scenarios:
                result = measure(scenario, pids[scenario.name], options.seconds if number else 1, directory)
                if number:  # the first round warms up
                    results[scenario.name].append(result)
        sys.stdout.write(table(scenarios, results) + "\n")
        sys.stdout.write(
            f"\nworker RSS {memory_kb(url) / 1024:.0f} MB; {platform.processor() or platform.machine()}, "
            f"{os.cpu_count()} cores, Python {platform.python_version()}, {CONNECTIONS} connections, "
            f"{options.rounds} rounds of {options.seconds} s; store: embedded Valkey, fsync on every write\n"
        )


@contextmanager
def our_server(directory: Path) -> Iterator[str]:
    """The service with one worker on a core of its own."""
    demo = Path(str(files("app.catalog") / "demo" / "catalog.yaml"))
    catalog = write_catalog(directory, demo)
    settings = UNLIMITED | {"CDS_STORE_URL": f"embedded:{directory / 'store'}", "CDS_LOG_FORMAT": "json"}
    with live_server(directory, catalog=catalog, **settings) as url:
        pin(url)
        yield url


@contextmanager
def yardstick_server(socket: Path, directory: Path) -> Iterator[tuple[str, int]]:
    """Bare Starlette under the same uvicorn on the same core as the service: its URL and its process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        "taskset",
        "-c",
        SERVER_CORE,
        sys.executable,
        "-m",
        "uvicorn",
        "tests.bench.yardsticks:app",
        "--port",
        str(port),
    ]
    with (directory / "yardsticks.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--no-access-log", "--log-level", "warning"],
            env=os.environ | {"STORE_SOCKET": str(socket)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(process, url, directory / "yardsticks.log", path="/bare")
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def measure(scenario: Scenario, pid: int, seconds: int, directory: Path) -> dict[str, Any]:
    """One run of wrk, and the processor time that the server with that process id spent on it."""
    script = directory / "request.lua"
    script.write_text(scenario.script(REPORT))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), scenario.url]
    before = cpu_seconds(pid)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = cpu_seconds(pid) - before
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    if result["failed"] or result["broken"]:
        message = f"{scenario.name}: {result}"
        raise SystemExit(message)
    return result | {"cpu_us": spent / result["requests"] * 1e6}


def table(scenarios: list[Scenario], results: dict[str, list[dict[str, Any]]]) -> str:
    """Medians as Markdown. On a machine with other work to do, the ratio of processor times is the one to look at."""
    lines = [
        "| path | requests/s | p50 ms | p99 ms | CPU us | CPU ratio | ratio | goal |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    runs = {
        name: [one | {"rate": one["requests"] / one["duration_us"] * 1e6} for one in of] for name, of in results.items()
    }
    bare = runs["bare Starlette JSON"]
    for scenario in scenarios:
        own = runs[scenario.name]
        p50, p99 = (median(one[name] for one in own) / 1000 for name in ("p50_us", "p99_us"))
        rate, cpu = (median(one[name] for one in own) for name in ("rate", "cpu_us"))
        ratio = median(one["rate"] / other["rate"] for one, other in zip(own, bare, strict=True))
        cpu_ratio = median(other["cpu_us"] / one["cpu_us"] for one, other in zip(own, bare, strict=True))
        goal = "" if scenario.goal is None else f"{scenario.goal:g}"
        cells = (f"{rate:,.0f}", f"{p50:.1f}", f"{p99:.1f}", f"{cpu:.0f}", f"{cpu_ratio:.2f}", f"{ratio:.2f}", goal)
        lines.append(f"| {scenario.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(url: str) -> None:
    """Put the process that listens on that port on the core of servers."""
    for task in Path(f"/proc/{pid_of(url)}/task").iterdir():
        os.sched_setaffinity(int(task.name), {int(SERVER_CORE)})


def memory_kb(url: str) -> int:
    """The resident memory of the service."""
    status = Path(f"/proc/{pid_of(url)}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


def pid_of(url: str) -> int:
    """The process that was started for that port."""
    port = url.rpartition(":")[2]
    for path in Path("/proc").iterdir():
        if (
            path.name.isdecimal()
            and f"--port\0{port}\0" in (path / "cmdline").read_text()
            and "serve" in (path / "cmdline").read_text()
        ):
            return int(path.name)
    raise SystemExit(f"no server on port {port}")


if __name__ == "__main__":
    main()
