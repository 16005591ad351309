"""The table, in Markdown."""

import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.store.embedded import find_binary
from tests.chaos.checks import Findings
from tests.chaos.journal import Journal
from tests.chaos.topology import House, Topology

HEAD = (
    "| what happens | topology | requests | confirmed | lost | doubled | failed meanwhile | longest outage s | "
    "recovery s | webhooks late by s |"
)
RULE = "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |"


@dataclass(frozen=True)
class Row:
    """What came of a scenario."""

    name: str
    topology: Topology
    journal: Journal
    findings: Findings
    recovery: float
    """Seconds from when nothing stood in the way any more to the last request that failed."""

    @classmethod
    def of(cls, name: str, house: House, journal: Journal, findings: Findings) -> "Row":
        """The row of a run that is over."""
        return cls(name, house.topology, journal, findings, journal.last_failure(house.released))

    @property
    def problems(self) -> list[str]:
        """What must not be, in words. Where not all replicas confirm, a failover may lose what was written last."""
        found, journal = self.findings, self.journal
        problems = [f"doubled: {one}" for one in found.doubled] + [f"wrong: {one}" for one in found.wrong]
        if self.topology.keeps_promises:
            problems += [f"lost: {one}" for one in found.lost] + [f"wrong answer: {one}" for one in journal.wrong]
        if journal.given_up > len(journal.wrong):
            problems.append(f"{journal.given_up} requests never succeeded")
        return [f"{self.name} ({self.topology}): {one}" for one in problems]

    def cells(self) -> list[str]:
        """Its cells."""
        kinds = Counter(one.how for one in self.journal.failures)
        return [
            self.name,
            str(self.topology),
            f"{self.journal.requests:,}",
            f"{len(self.journal.made):,}",
            str(len(self.findings.lost)),
            str(len(self.findings.doubled)),
            ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items())) or "none",
            f"{self.journal.longest_outage:.1f}",
            f"{self.recovery:.1f}",
            f"{self.findings.news_late:.1f}",
        ]


def table(rows: Sequence[Row]) -> str:
    """All rows."""
    return "\n".join([HEAD, RULE, *(f"| {' | '.join(row.cells())} |" for row in rows)])


@dataclass(frozen=True)
class Machine:
    """Where and when a run began."""

    cores: int
    load: float
    began: float

    @classmethod
    def here(cls) -> "Machine":
        """This one, now."""
        return cls(os.cpu_count() or 1, os.getloadavg()[0], time.monotonic())

    def told(self) -> str:
        """It, what ran on it and how long that has taken, in a sentence."""
        version = subprocess.run([find_binary(), "--version"], capture_output=True, text=True, check=True).stdout
        valkey = next((word[2:] for word in version.split() if word.startswith("v=")), "unknown")
        minutes = (time.monotonic() - self.began) / 60
        return (
            f"As measured in {minutes:.0f} minutes on {platform.machine()} with {self.cores} cores "
            f"(load {self.load:.1f} at the beginning), Python {platform.python_version()}, Valkey {valkey}:"
        )


def report(rows: Sequence[Row], machine: Machine) -> str:
    """What the README says of a run."""
    return f"{machine.told()}\n\n{table(rows)}\n"
