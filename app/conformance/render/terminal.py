"""A report on a terminal: a line of progress, then what is wrong, then a table."""

from collections.abc import Sequence
from typing import Final, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from app.conformance.checks import Status
from app.conformance.render.grouping import Section, by_document, document_title, level_words, sections_of
from app.conformance.render.words import answer_text, evidence_of, request_text
from app.conformance.runner import ClauseResult, Progress, Report

STYLES: Final = {
    Status.PASSED: "green",
    Status.FAILED: "bold red",
    Status.WARNED: "yellow",
    Status.SKIPPED: "dim",
}
COLUMNS: Final = (Status.PASSED, Status.FAILED, Status.WARNED, Status.SKIPPED)
TITLE_CHARACTERS: Final = 60
BODY_LINES: Final = 16


class ProgressLine:
    """What is under way, on a terminal; elsewhere nothing."""

    def __init__(self, console: Console) -> None:
        self._bar = Bar(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("[red]{task.fields[failed]}[/red]"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("discovery", total=None, failed="")
        self._failed = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """The next step of a run."""
        if progress.outcome and progress.outcome.status is Status.FAILED:
            self._failed += 1
        self._bar.update(
            self._task,
            total=progress.total,
            completed=progress.done,
            description=progress.check.title[:TITLE_CHARACTERS],
            failed=f"{self._failed} failed" if self._failed else "",
        )


def print_report(report: Report, console: Console, *, verbose: bool = False) -> None:
    """Print what is wrong with request, answer and rule, then the table.

    Args:
        report: Of a run.
        console: Where to.
        verbose: Also tell why clauses were skipped.
    """
    if report.problem:
        console.print(Text(report.problem, style="red"))
        return
    for status in (Status.FAILED, Status.WARNED):
        for result in report.results:
            if result.status is status:
                _print_violation(result, console)
    if verbose:
        _print_skipped(report, console)
    console.print(_table(report))
    _print_end(report, console)


def _print_violation(result: ClauseResult, console: Console) -> None:
    console.print()
    heading = Text(f"{result.status.upper()} {result.clause.id}", style=STYLES[result.status])
    console.print(heading.append(f"  {level_words(result.clause)}", style="dim"))
    console.print(Padding(Text(result.clause.summary), (0, 0, 0, 2)))
    console.print(Padding(Text(result.reason, style="bold"), (0, 0, 0, 2)))
    for exchange in evidence_of(result):
        for sign, text in ((">", request_text(exchange)), ("<", answer_text(exchange))):
            lines = text.splitlines()
            cut = lines[:BODY_LINES] + (
                [f"... {len(lines) - BODY_LINES} lines more"] if len(lines) > BODY_LINES else []
            )
            console.print(Padding(Text("\n".join(f"{sign} {line}" for line in cut), style="dim"), (0, 0, 0, 4)))


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - BODY_LINES
    return [*lines[:BODY_LINES], *([f"... {more} lines more"] if more > 0 else [])]


def _print_skipped(report: Report, console: Console) -> None:
    console.print()
    for result in report.results:
        if result.status is Status.SKIPPED:
            console.print(Text(f"skipped {result.clause.id}  {result.reason}", style="dim"))


def _table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("section", no_wrap=True)
    table.add_column("", overflow="fold")
    for status in COLUMNS:
        table.add_column(status.value, justify="right", style=STYLES[status])
    for document, sections in by_document(sections_of(report)):
        table.add_row()
        table.add_row(Text(document), Text(document_title(document), style="bold"), *_counts(sections))
        for section in sections:
            if section.title:
                table.add_row(Text(f"  {section.number}"), Text(section.title), *_counts([section]))
    table.add_row()
    table.add_row("", Text("together", style="bold"), *(str(report.count(status)) for status in COLUMNS))
    return table


def _counts(sections: Sequence[Section]) -> list[str]:
    return [str(sum(section.count(status) for section in sections) or "") for status in COLUMNS]


def _print_end(report: Report, console: Console) -> None:
    console.print()
    console.print(Text(f"{report.server}: {report.requests} requests in {report.seconds:g} seconds."))
    for note in report.notes:
        console.print(Text(f"Note: {note}"))
    if report.left_behind:
        console.print(Text(f"Left behind, {len(report.left_behind)} registrations by client_id:"))
        for left in report.left_behind:
            console.print(Text(f"  {left.client_id}  {left.purpose}", style="dim"))
