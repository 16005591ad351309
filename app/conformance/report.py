"""From test outcomes to the report that `make clauses` prints: what is proven, what is not, and why."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.conformance.clauses import Clause, Exclusion, excluded

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("MUST, MUST NOT", ("MUST", "MUST_NOT")),
    ("SHOULD, SHOULD NOT", ("SHOULD", "SHOULD_NOT")),
    ("MAY", ("MAY",)),
    ("together", ("MUST", "MUST_NOT", "SHOULD", "SHOULD_NOT", "MAY")),
)


class Outcome(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What the tests say about a clause."""

    PROVEN = "proven"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNTESTED = "no test"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test that carries clause ids. `reason` is why it was skipped, or empty."""

    __test__ = False  # pytest would take the name for a test class

    name: str
    clause_ids: tuple[str, ...]
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A clause, what its tests say, and which group takes it out of scope, if any."""

    clause: Clause
    results: tuple[TestResult, ...]
    exclusion: Exclusion | None

    @property
    def verdict(self) -> Verdict:
        """Proven means that at least one test passed and none failed."""
        outcomes = {result.outcome for result in self.results}
        if Outcome.FAILED in outcomes:
            return Verdict.FAILED
        if Outcome.PASSED in outcomes:
            return Verdict.PROVEN
        return Verdict.SKIPPED if outcomes else Verdict.UNTESTED

    @property
    def why(self) -> str:
        """Why the clause is not proven."""
        if self.verdict is Verdict.UNTESTED:
            return "no test carries it"
        wanted = Outcome(self.verdict)
        telling = [result for result in self.results if result.outcome is wanted]
        more = f" and {len(telling) - 1} more" if len(telling) > 1 else ""
        reason = f": {telling[0].reason}" if telling[0].reason else ""
        return f"{wanted}: {telling[0].name}{reason}{more}"


def assess(
    clauses: Mapping[str, Clause], exclusions: Sequence[Exclusion], results: Sequence[TestResult]
) -> list[Finding]:
    """A finding for each clause, in the order of the documents.

    Raises:
        ValueError: `exclusions` do not fit `clauses`.
    """
    outside = excluded(clauses, exclusions)
    by_clause: dict[str, list[TestResult]] = {clause_id: [] for clause_id in clauses}
    for result in results:
        for clause_id in dict.fromkeys(result.clause_ids):
            by_clause[clause_id].append(result)
    return [Finding(clause, tuple(by_clause[clause.id]), outside.get(clause.id)) for clause in clauses.values()]


def render(findings: Sequence[Finding], width: int = 120) -> Iterator[str]:
    """The lines of the report: counts by level, what is not proven and why, and what is out of scope and why."""
    inside = [finding for finding in findings if finding.exclusion is None]
    yield f"{len(findings)} clauses, {len(inside)} of them in scope of this version"
    yield ""
    yield from counts(inside)
    open_ones = [finding for finding in inside if finding.verdict is not Verdict.PROVEN]
    if open_ones:
        yield ""
        yield "Not proven"
        for finding in open_ones:
            yield f"  {finding.clause.id}  {finding.clause.level.replace('_', ' ')}  {finding.why}"
            yield "      " + textwrap.shorten(finding.clause.summary, width - 6, placeholder=" ...")
    yield ""
    yield "Out of scope"
    yield from outside_lines(findings, width)


def counts(findings: Sequence[Finding]) -> Iterator[str]:
    """The table: one row for each level, one column for each verdict."""
    yield f"{'':20}{'in scope':>10}" + "".join(f"{verdict:>10}" for verdict in Verdict)
    for label, levels in ROWS:
        row = [finding.verdict for finding in findings if finding.clause.level in levels]
        tally = Counter(row)
        yield f"{label:20}{len(row):>10}" + "".join(f"{tally[verdict]:>10}" for verdict in Verdict)


def outside_lines(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """One paragraph for each group that is out of scope."""
    groups: dict[Exclusion, list[Finding]] = {}
    for finding in findings:
        if finding.exclusion is not None:
            groups.setdefault(finding.exclusion, []).append(finding)
    for exclusion, members in groups.items():
        proven = sum(member.verdict is Verdict.PROVEN for member in members)
        extra = f", {proven} of them proven all the same" if proven else ""
        text = f"{len(members)} {exclusion.name}{extra}: {exclusion.reason}"
        yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="      ")
