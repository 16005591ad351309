"""A test per clause: `pytest -p app.conformance.pytest_plugin --cds-server URL`.

Without a path nothing but the clauses is run, with one they come after the tests of that path. The server is asked
once, when the first clause is due, and only about clauses that were selected (`-k`, `-m cds_conformance`).
Operators are given with the hook `pytest_cds_operator`.
"""

import asyncio
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.conformance.operator import Operator
    from app.conformance.runner import ClauseResult, Report

MARK: Final = "cds_conformance"


class ConformanceWarning(UserWarning):
    """Something that a server should do, or may do only in a certain way, and does not."""


class ConformanceFailed(Exception):
    """A clause is violated; the text tells rule, request and answer."""


class Hooks:
    """What others may implement for this plugin."""

    @pytest.hookspec(firstresult=True)
    def pytest_cds_operator(self, config: pytest.Config) -> "Operator | None":
        """Give somebody who acts for the server, for the checks that need that."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hook known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("cds", "conformance of a CDS server")
    group.addoption("--cds-server", metavar="URL", help="check the CDS server at this URL, a test for each clause")
    group.addoption(
        "--cds-field",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a value for a registration field: JSON, @FILE or text; may be repeated",
    )
    group.addoption("--cds-scope", action="append", default=[], help="register for this scope; may be repeated")
    group.addoption("--cds-no-register", action="store_true", help="only read; skip what needs a registration")
    group.addoption("--cds-insecure", action="store_true", help="accept any TLS certificate")


def pytest_configure(config: pytest.Config) -> None:
    """Run clauses alone when no path is given."""
    config.addinivalue_line("markers", f"{MARK}: a clause of the CDS specifications")
    if config.getoption("cds_server") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add an item for each clause."""
    if not config.getoption("cds_server"):
        return
    from app.conformance.clauses import load_clauses  # noqa: PLC0415 -- whoever has no server to check loads nothing

    suite = ConformanceSuite.from_parent(session, name="cds", nodeid="cds")
    clauses: list[pytest.Item | pytest.Collector] = []
    for clause_id in load_clauses():
        item = ClauseItem.from_parent(suite, name=clause_id)
        item.add_marker(MARK)
        items.append(item)
        clauses.append(item)
    collected = pytest.CollectReport(nodeid="cds", outcome="passed", longrepr=None, result=clauses)
    config.hook.pytest_collectreport(report=collected)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Items that were added here count as collected, or a run of clauses alone would have found no tests."""
    session.testscollected = len(session.items)


class ConformanceSuite(pytest.Collector):
    """What the items of a run share: its report."""

    report: "Report | None" = None

    def collect(self) -> list[pytest.Item]:
        """Nothing; items are added when the others are known."""
        return []

    def results(self) -> "Mapping[str, ClauseResult]":
        """What came of each selected clause; the first call runs the checks.

        Raises:
            ConformanceFailed: The run could not begin.
        """
        if self.report is None:
            wanted = [item.name for item in self.session.items if isinstance(item, ClauseItem)]
            self.report = run_for(self.config, wanted)
        if self.report.problem:
            raise ConformanceFailed(self.report.problem)
        return {result.clause.id: result for result in self.report.results}


class ClauseItem(pytest.Item):
    """One clause."""

    def runtest(self) -> None:
        """Pass, fail, skip or warn as the checks of the clause did."""
        from app.conformance.checks import Status  # noqa: PLC0415 -- see above

        suite = self.parent
        if not isinstance(suite, ConformanceSuite):
            raise TypeError("a clause belongs to a ConformanceSuite")
        result = suite.results()[self.name]
        if result.status is Status.FAILED:
            raise ConformanceFailed(told(result))
        if result.status is Status.SKIPPED:
            pytest.skip(result.reason)
        if result.status is Status.WARNED:
            warnings.warn(ConformanceWarning(f"{self.name}: {result.reason}"), stacklevel=1)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """The violation without a traceback, which would show only this plugin."""
        if isinstance(excinfo.value, ConformanceFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where it is from: the list of clauses."""
        return "cds", None, self.name


def run_for(config: pytest.Config, clause_ids: list[str]) -> "Report":
    """Run the checks of these clauses, as the options say.

    Raises:
        pytest.UsageError: An option cannot be understood.
    """
    from app.conformance.options import Options  # noqa: PLC0415 -- see above
    from app.conformance.runner import run  # noqa: PLC0415
    from app.conformance.samples import read_value  # noqa: PLC0415

    try:
        fields = dict(map(read_value, config.getoption("cds_field")))
    except ValueError as error:
        raise pytest.UsageError(f"--cds-field: {error}") from None
    options = Options(
        clause_ids=frozenset(clause_ids),
        fields=fields,
        scopes=config.getoption("cds_scope"),
        register=not config.getoption("cds_no_register"),
        insecure=config.getoption("cds_insecure"),
    )
    operator = config.hook.pytest_cds_operator(config=config)
    return asyncio.run(run(config.getoption("cds_server"), options, operator=operator))


def told(result: "ClauseResult") -> str:
    """The rule, what is wrong, and the requests and answers that show it."""
    from app.conformance.render.words import answer_text, evidence_of, request_text  # noqa: PLC0415

    shown = [f"{request_text(exchange)}\n\n{answer_text(exchange)}" for exchange in evidence_of(result)]
    return "\n\n".join([f"{result.clause.level.replace('_', ' ')}: {result.clause.summary}", result.reason, *shown])
