"""`make chaos`: every scenario on every topology, and the table of the README; it fails when something was lost."""

import argparse
import asyncio
import contextlib
import platform
import signal
import sys
import time
from pathlib import Path

import httpx

from tests.chaos.faults import SCENARIOS, Scenario
from tests.chaos.report import Row, table
from tests.chaos.run import run
from tests.chaos.topology import Topology

CONFIRMED = [Topology("cluster"), Topology("sentinel")]
UNCONFIRMED = [Topology("cluster", 0), Topology("sentinel", 0)]
"""Without replicas that confirm it is worth seeing what a failover costs."""


async def every(plan: list[tuple[Scenario, Topology]], logs: Path | None) -> list[Row]:
    """Run them one after the other, telling how far it has got."""
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    rows: list[Row] = []
    for scenario, topology in plan:
        began = time.monotonic()
        try:
            rows.append(await run(scenario, topology, logs / f"{len(rows)}" if logs else None))
        except (AssertionError, TimeoutError, httpx.HTTPError) as error:
            sys.stderr.write(f"{scenario.name}, {topology}: could not be run: {error!r}\n")
            continue
        sys.stderr.write(f"{scenario.name}, {topology}: {time.monotonic() - began:.0f} s\n")
        for problem in rows[-1].problems[:20]:
            sys.stderr.write(f"  {problem}\n")
    return rows


def main() -> None:
    """Run what the command line says and print the table."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--only", default="", help="only scenarios whose name has this in it")
    parser.add_argument("--topology", default="", choices=["", "cluster", "sentinel"], help="only this kind of store")
    parser.add_argument("--logs", type=Path, help="keep the logs of every run below this directory")
    options = parser.parse_args()
    plan = [(one, topology) for topology in CONFIRMED for one in SCENARIOS]
    plan += [(one, topology) for topology in UNCONFIRMED for one in SCENARIOS if one.name == "kill -9 a primary"]
    plan = [(one, on) for one, on in plan if options.only in one.name and on.kind.startswith(options.topology)]
    with contextlib.suppress(asyncio.CancelledError):
        rows = asyncio.run(every(plan, options.logs))
        sys.stdout.write(f"{table(rows)}\n\n{platform.machine()}, Python {platform.python_version()}\n")
        sys.exit(len(rows) < len(plan) or any(row.problems for row in rows))
    sys.exit(130)


if __name__ == "__main__":
    main()
