"""One scenario on one topology: start, load, strike, recover, check."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.chaos.checks import Inspection
from tests.chaos.faults import Scenario
from tests.chaos.journal import Journal
from tests.chaos.load import AS_OPERATOR, OPERATOR_API, Load
from tests.chaos.report import Row
from tests.chaos.topology import House, Topology, installation

RECOVERY_SECONDS = 90.0


class Size(NamedTuple):
    """How much there is of everything, and how long it lasts."""

    servers: int = 3
    callers: int = 5
    before_seconds: float = 2.0
    quiet_seconds: float = 2.0


async def run(scenario: Scenario, topology: Topology, logs: Path | None = None, size: Size = Size()) -> Row:  # noqa: B008 -- frozen
    """Run it; everything that was started is gone afterwards, but for the logs if there is a directory for them."""
    with tempfile.TemporaryDirectory(prefix="cds-chaos-") as directory, _kept(Path(directory), logs):
        async with installation(topology, Path(directory), size.servers) as house:
            webhook_id = await add_webhook(house)
            journal = Journal()
            async with Load(house, journal, size.callers) as load:
                load.start()
                await asyncio.sleep(size.before_seconds)
                await scenario.strike(house)
                await load.quiet(size.quiet_seconds, RECOVERY_SECONDS)
                await load.finish()
            findings = await Inspection(house, journal).run(webhook_id)
            findings.wrong += unexplained(scenario, house, journal)
            return Row.of(scenario.name, house, journal, findings)


def unexplained(scenario: Scenario, house: House, journal: Journal) -> list[str]:
    """What this fault must not lead to, in words."""
    found = [
        f"a {one.kind} failed: {one.how}" for one in journal.failures if scenario.reads_go_on and one.kind == "read"
    ]
    logs = [house.log_of(number) for number in range(len(house.servers))]
    if scenario.reason and not any(scenario.reason in log for log in logs):
        found.append(f"no log line says {scenario.reason}")
    return found


@contextlib.contextmanager
def _kept(directory: Path, logs: Path | None) -> Iterator[None]:
    try:
        yield
    finally:
        for log in directory.rglob("*.log") if logs else ():
            target = (logs or directory) / log.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, target)


async def add_webhook(house: House) -> str:
    """Have the endpoint told everything; the id of the webhook."""
    async with httpx.AsyncClient(base_url=house.urls[0], timeout=60, trust_env=False) as http:
        answer = await http.post(f"{OPERATOR_API}/webhooks", json={"url": house.hook.url}, headers=AS_OPERATOR)
        made = answer.raise_for_status().json()
    house.hook.secret = made["secret"]
    webhook_id: str = made["webhook_id"]
    return webhook_id
