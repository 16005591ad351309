"""`make chaos`: every scenario on every topology, and the table of the README; it fails when something was lost.

The table of the last whole run is kept, for `--readme`.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path

import httpx
from redis.exceptions import RedisError

from tests.chaos.faults import SCENARIOS, Scenario
from tests.chaos.report import Machine, Row, report
from tests.chaos.run import run
from tests.chaos.topology import Topology

ALL_CONFIRM = [Topology("cluster"), Topology("sentinel", each=2, wait_replicas=2)]
NOT_ALL = [
    Topology("cluster", wait_replicas=0),
    Topology("sentinel", each=2, wait_replicas=1),
    Topology("sentinel", each=2, wait_replicas=0),
]
"""Where a replica may take over that has not confirmed, it is worth seeing what a failover costs."""

FAILOVERS = ("kill -9 a primary", "replace a living primary")
LATEST = Path("chaos-results/table.md")


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
        except (AssertionError, TimeoutError, httpx.HTTPError, RedisError) as error:
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
    parser.add_argument("--readme", action="store_true", help="run nothing, print the table of the last whole run")
    options = parser.parse_args()
    if options.readme:
        sys.stdout.write(LATEST.read_text())
        return
    whole = [(one, topology) for topology in ALL_CONFIRM for one in SCENARIOS]
    whole += [(one, topology) for topology in NOT_ALL for one in SCENARIOS if one.name in FAILOVERS]
    plan = [(one, on) for one, on in whole if options.only in one.name and on.kind.startswith(options.topology)]
    machine = Machine.here()
    with contextlib.suppress(asyncio.CancelledError):
        rows = asyncio.run(every(plan, options.logs))
        text = report(rows, machine)
        sys.stdout.write(text)
        if len(rows) == len(whole):
            LATEST.parent.mkdir(exist_ok=True)
            LATEST.write_text(text)
        sys.exit(len(rows) < len(plan) or any(row.problems for row in rows))
    sys.exit(130)


if __name__ == "__main__":
    main()
