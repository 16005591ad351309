"""A pytest plugin: tests say with `@pytest.mark.clause("WG1-02-4.2-07")` which clauses they prove.

An id that does not exist stops the run. `--clause-report` prints, at the end, what is proven and what is not.
"""

from itertools import chain

import pytest

from app.conformance.clauses import load_clauses, load_exclusions, unknown_clause
from app.conformance.report import Outcome, TestResult, assess, render

PROPERTY = "clauses"
"""Under this name the ids travel with a test's reports, from the processes of pytest-xdist as well."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--clause-report`."""
    group = parser.getgroup("clauses")
    group.addoption("--clause-report", action="store_true", help="print which clauses of the specs the tests prove")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; collect outcomes when the report was asked for."""
    config.addinivalue_line("markers", "clause(*ids): the clauses of the specs that this test proves")
    if config.getoption("--clause-report") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ClauseReporter(), "clause-reporter")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Check every mark, and let the tests take their clauses along."""
    problems = []
    for item in items:
        marked = list(dict.fromkeys(chain.from_iterable(mark.args or ("",) for mark in item.iter_markers("clause"))))
        problems += [f"{item.nodeid}: {unknown_clause(each)}" for each in marked if each not in load_clauses()]
        if marked:
            item.user_properties.append((PROPERTY, marked))
    if problems:
        raise pytest.UsageError(*dict.fromkeys(problems))


class ClauseReporter:
    """Keeps how each test with clauses ended, and prints the report after pytest's own summary."""

    def __init__(self) -> None:
        self.results: dict[str, TestResult] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome; a failure or a skip in any phase outweighs a pass in another."""
        clause_ids = carried_clauses(report)
        if not clause_ids or (report.passed and report.nodeid in self.results):
            return
        outcome = Outcome(report.outcome)
        if outcome is Outcome.PASSED and report.when != "call":
            return
        self.results[report.nodeid] = TestResult(report.nodeid, clause_ids, outcome, skip_reason(report))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the report."""
        findings = assess(load_clauses(), load_exclusions(), list(self.results.values()))
        terminalreporter.section("clauses")
        width = terminalreporter.config.get_terminal_writer().fullwidth
        for line in render(findings, width=min(width, 120)):
            terminalreporter.line(line)


def carried_clauses(report: pytest.TestReport) -> tuple[str, ...]:
    """The ids that `pytest_collection_modifyitems` gave the test to carry."""
    for name, value in report.user_properties:
        if name == PROPERTY and isinstance(value, list | tuple):
            return tuple(str(clause_id) for clause_id in value)
    return ()


def skip_reason(report: pytest.TestReport) -> str:
    """Why the test was skipped; empty for any other."""
    if not report.skipped:
        return ""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return getattr(report, "wasxfail", "")
