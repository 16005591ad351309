"""The table, in Markdown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
        """What must not be, in words. Without replicas that confirm, a failover may lose what was written last."""
        found, journal = self.findings, self.journal
        problems = [f"doubled: {one}" for one in found.doubled] + [f"wrong: {one}" for one in found.wrong]
        if self.topology.wait_replicas:
            problems += [f"lost: {one}" for one in found.lost] + [f"wrong answer: {one}" for one in journal.wrong]
        if journal.given_up:
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
