"""The clause report counts a clause as proven only when a test that carries its id passed and none failed."""

import pytest

from app.conformance.clauses import load_clauses
from app.conformance.report import Outcome, TestResult, Verdict, assess, render

pytest_plugins = ["pytester"]

PROVEN = "WG1-02-4.2-07"
OTHER = "WG1-02-4.2-06"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A test run of its own, in a directory of its own, with the plugin."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest("pytest_plugins = ['tests.clause_report']")
    return pytester


def findings_for(*results: TestResult) -> dict[str, object]:
    return {finding.clause.id: finding for finding in assess(load_clauses(), [], results)}


def result(outcome: Outcome, reason: str = "", name: str = "test_x") -> TestResult:
    return TestResult(name, (PROVEN,), outcome, reason)


@pytest.mark.parametrize(
    ("results", "verdict", "why"),
    [
        ([], Verdict.UNTESTED, "no test carries it"),
        ([result(Outcome.FAILED)], Verdict.FAILED, "failed: test_x"),
        ([result(Outcome.SKIPPED, "no browser")], Verdict.SKIPPED, "skipped: test_x: no browser"),
        ([result(Outcome.PASSED), result(Outcome.FAILED, name="test_y")], Verdict.FAILED, "failed: test_y"),
        ([result(Outcome.FAILED), result(Outcome.FAILED)], Verdict.FAILED, "failed: test_x and 1 more"),
    ],
)
def test_a_clause_without_a_passed_test_or_with_a_failed_one_is_not_proven(results, verdict, why):
    finding = findings_for(*results)[PROVEN]

    assert (finding.verdict, finding.why) == (verdict, why)


@pytest.mark.parametrize("also", [[], [Outcome.PASSED], [Outcome.SKIPPED]])
def test_a_clause_with_a_passed_test_is_proven(also):
    finding = findings_for(result(Outcome.PASSED), *[result(outcome) for outcome in also])[PROVEN]

    assert finding.verdict is Verdict.PROVEN


def test_the_report_counts_by_level_and_says_why_a_clause_is_open():
    lines = list(render(assess(load_clauses(), [], [result(Outcome.PASSED)])))

    assert lines[0] == f"{len(load_clauses())} clauses, {len(load_clauses())} of them in scope of this version"
    must = sum(clause.level in {"MUST", "MUST_NOT"} for clause in load_clauses().values())
    assert f"MUST, MUST NOT{must:>16}{1:>10}{0:>10}{0:>10}{must - 1:>10}" in lines
    assert f"  {OTHER}  MUST  no test carries it" in lines
    assert not any(line.startswith(f"  {PROVEN} ") for line in lines)


def test_marks_on_tests_classes_and_modules_reach_the_report(suite):
    suite.makepyfile(
        f"""
        import pytest

        pytestmark = pytest.mark.clause("{PROVEN}")

        @pytest.mark.clause("{OTHER}")
        class TestClass:
            @pytest.mark.clause("WG1-02-4.2-05", "WG1-02-4.2-04")
            def test_everything(self):
                pass

        @pytest.mark.clause("WG1-02-4.2-03")
        def test_skipped():
            pytest.skip("another day")

        @pytest.mark.clause("WG1-02-4.2-02")
        def test_broken(missing_fixture):
            pass

        @pytest.fixture
        def untidy():
            yield
            raise ValueError

        @pytest.mark.clause("WG1-02-4.1-07")
        def test_untidy(untidy):
            pass

        @pytest.mark.clause("WG1-02-4.2-01")
        @pytest.mark.xfail(reason="not yet")
        def test_not_yet():
            raise ValueError
        """
    )
    run = suite.runpytest("--clause-report")

    run.assert_outcomes(passed=2, skipped=1, errors=2, xfailed=1)
    run.stdout.fnmatch_lines(
        [
            "*645 clauses, * of them in scope*",
            "MUST, MUST NOT * 3 * 3 * 2 *",
            "  WG1-02-4.1-07  MUST  failed: *::test_untidy",
            "  WG1-02-4.2-01  MUST  skipped: *::test_not_yet: not yet",
            "  WG1-02-4.2-02  MUST  failed: *::test_broken",
            "  WG1-02-4.2-03  MUST  skipped: *::test_skipped: another day",
            f"  {PROVEN}  MUST  failed: *::test_broken and 1 more",
            "Out of scope",
        ]
    )
    for proven in (OTHER, "WG1-02-4.2-05", "WG1-02-4.2-04"):
        run.stdout.no_fnmatch_line(f"  {proven} *")


def test_without_the_option_there_is_no_report(suite):
    suite.makepyfile("def test_x(): pass")

    suite.runpytest().stdout.no_fnmatch_line("*clauses*")


def test_unknown_and_missing_ids_stop_the_run_and_the_nearest_is_named(suite):
    suite.makepyfile(
        f"""
        import pytest

        @pytest.mark.clause("WG1-02-4.2-7", "{PROVEN}")
        def test_x():
            raise AssertionError

        @pytest.mark.clause
        def test_y():
            raise AssertionError

        @pytest.mark.clause(7)
        def test_z():
            raise AssertionError
        """
    )
    run = suite.runpytest()

    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(
        [
            "*::test_x: there is no clause 'WG1-02-4.2-7'; did you mean WG1-02-4.2-*",
            "*::test_y: there is no clause ''",
            "*::test_z: there is no clause 7*",
        ]
    )


def test_the_report_is_the_same_with_several_processes(suite):
    suite.makepyfile(f"import pytest\n\n@pytest.mark.clause('{PROVEN}')\ndef test_x():\n    pass")
    run = suite.runpytest("--clause-report", "-n", "1")

    run.stdout.fnmatch_lines(["MUST, MUST NOT * 1 * 0 * 0 *"])
    run.stdout.no_fnmatch_line(f"  {PROVEN} *")
