"""Runs the checks, one after the other, and puts together what they say about each clause."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec

from app.conformance.checks import Check, Outcome, Skipped, Status, Violated, load_checks
from app.conformance.clauses import Clause, load_clauses
from app.conformance.evidence import Blackener, Exchange, printable
from app.conformance.operator import Operator
from app.conformance.options import Options
from app.conformance.session import LeftBehind, Session
from app.conformance.subject import CannotRunError, Subject, discover
from app.conformance.unchecked import why_unchecked
from app.conformance.wire import Wire

FAILURES: Final = 1
COULD_NOT_RUN: Final = 2
STRICT: Final = frozenset({"MUST", "MUST_NOT"})
WORST_FIRST: Final = (Status.FAILED, Status.WARNED, Status.PASSED, Status.SKIPPED)


class CheckResult(msgspec.Struct, frozen=True):
    """What one check says about one clause."""

    check: str
    title: str
    outcome: Outcome
    milliseconds: int = 0


class ClauseResult(msgspec.Struct, frozen=True):
    """What all checks say about one clause. The reason is that of the worst."""

    clause: Clause
    status: Status
    reason: str
    checks: tuple[CheckResult, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """Everything about a run. `problem` is why it could not begin; then there are no results."""

    url: str
    began: datetime
    server: str = ""
    seconds: float = 0.0
    requests: int = 0
    results: tuple[ClauseResult, ...] = ()
    left_behind: tuple[LeftBehind, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    def count(self, status: Status) -> int:
        """How many clauses ended so."""
        return sum(result.status is status for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 nothing failed, 1 something did, 2 it could not run."""
        if self.problem:
            return COULD_NOT_RUN
        return FAILURES if self.count(Status.FAILED) else 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. The outcome is None while the check is under way."""

    done: int
    total: int
    check: Check
    outcome: Outcome | None = None


Watcher = Callable[[Progress], None]


def nobody_watches(_: Progress) -> None:
    """Progress of a run that nobody watches."""


async def run(
    url: str,
    options: Options | None = None,
    *,
    operator: Operator | None = None,
    progress: Watcher = nobody_watches,
    transport: httpx.AsyncBaseTransport | None = None,
    checks: Sequence[Check] | None = None,
) -> Report:
    """Check the server at a URL against every clause that is wanted.

    It never raises for anything that the server does: a server that cannot be checked makes a report that says so.

    Args:
        url: A base URL, or that of a metadata object.
        options: What is wanted, and what the run may do.
        operator: Somebody who acts for the server; without one the checks that need it are skipped.
        progress: Called before and after each check.
        transport: Instead of the network.
        checks: Instead of all.
    """
    wanted, began, clock = options or Options(), datetime.now(UTC).replace(microsecond=0), time.monotonic()
    async with Wire(wanted, Blackener(), transport) as wire:
        try:
            subject = await discover(wire, url)
        except CannotRunError as problem:
            return Report(url=url, began=began, problem=printable(str(problem)), requests=wire.requests)
        session = Session(subject, wire, wanted, operator)
        ran = await _run_all(session, load_checks() if checks is None else checks, progress, clock)
        return _report(subject, session, ran, began, clock)


async def _run_all(
    session: Session, checks: Sequence[Check], progress: Watcher, clock: float
) -> list[tuple[Check, Outcome, int]]:
    clauses, options = load_clauses(), session.options
    chosen = [one for one in checks if any(options.wants(clauses[clause_id]) for clause_id in one.clause_ids)]
    ran = []
    for done, one in enumerate(chosen):
        progress(Progress(done, len(chosen), one))
        started = time.monotonic()
        left = options.run_seconds - (started - clock)
        outcome = await run_check(one, session, left)
        ran.append((one, outcome, round((time.monotonic() - started) * 1000)))
        progress(Progress(done + 1, len(chosen), one, outcome))
    return ran


async def run_check(one: Check, session: Session, seconds: float) -> Outcome:
    """One check, whatever it does.

    Args:
        one: The check.
        session: What it shares with the others.
        seconds: What is left of the run.
    """
    over = Outcome(Status.SKIPPED, f"the time limit of {session.options.run_seconds:g} seconds for the run was reached")
    if seconds <= 0:
        return over
    lacking = session.lacks(one.needs)
    if lacking:
        return Outcome(Status.SKIPPED, lacking)
    session.wire.exchanges.clear()
    try:
        async with asyncio.timeout(seconds) as limit:
            return await one.function(session) or Outcome(Status.PASSED)
    except Violated as problem:
        return Outcome(Status.FAILED, _clean(session, problem.reason), problem.evidence or _last(session))
    except Skipped as problem:
        return Outcome(Status.SKIPPED, _clean(session, problem.reason))
    except Exception as error:  # noqa: BLE001 -- neither a fault of the server nor one of ours may end the run
        if isinstance(error, TimeoutError) and limit.expired():
            return over
        told = f"the check broke off with {type(error).__name__}: {error}. An answer has a shape that it did not expect"
        return Outcome(Status.FAILED, _clean(session, told), _last(session))


def judged(outcome: Outcome, level: str) -> Outcome:
    """The outcome for a clause of a level: only MUST and MUST NOT can fail."""
    if outcome.status is Status.FAILED and level not in STRICT:
        return Outcome(Status.WARNED, outcome.reason, outcome.evidence)
    return outcome


def assemble(ran: Sequence[tuple[Check, Outcome, int]], options: Options) -> tuple[ClauseResult, ...]:
    """One result for each clause that is wanted, in the order of the documents; those without a check are skipped."""
    by_clause: dict[str, list[CheckResult]] = {}
    for one, outcome, milliseconds in ran:
        for clause_id in one.clause_ids:
            own = judged(outcome, one.level_for(clause_id))
            by_clause.setdefault(clause_id, []).append(CheckResult(one.name, one.title, own, milliseconds))
    return tuple(
        _clause_result(clause, by_clause.get(clause.id, ()))
        for clause in load_clauses().values()
        if options.wants(clause)
    )


def _clause_result(clause: Clause, results: Sequence[CheckResult]) -> ClauseResult:
    for status in WORST_FIRST:
        worst = [result for result in results if result.outcome.status is status]
        if worst:
            reasons = dict.fromkeys(result.outcome.reason for result in worst if result.outcome.reason)
            return ClauseResult(clause, status, "; ".join(reasons), tuple(results))
    return ClauseResult(clause, Status.SKIPPED, why_unchecked(clause))


def _report(
    subject: Subject, session: Session, ran: Sequence[tuple[Check, Outcome, int]], began: datetime, clock: float
) -> Report:
    return Report(
        url=subject.metadata_url,
        began=began,
        server=printable(subject.name),
        seconds=round(time.monotonic() - clock, 1),
        requests=session.wire.requests,
        results=assemble(ran, session.options),
        left_behind=tuple(session.left_behind),
        notes=tuple(map(printable, session.notes)),
    )


def _last(session: Session) -> tuple[Exchange, ...]:
    """The last exchange of the check that runs."""
    return tuple(session.wire.exchanges[-1:])


def _clean(session: Session, text: str) -> str:
    return session.blackener.text(text)
