"""A report with something of everything."""

from datetime import UTC, datetime

from app.conformance import CheckResult, ClauseResult, Exchange, Outcome, Report, Status
from app.conformance.clauses import load_clauses
from app.conformance.session import LeftBehind

EXCHANGE = Exchange(
    method="POST",
    url="https://utility.example/oauth/register?x=<y>",
    request_headers=(("host", "utility.example"), ("authorization", "Basic ..."), ("content-type", "application/json")),
    request_body='{"scope": "cds_client_admin"}',
    status=200,
    answer_headers=(("content-type", "application/json"), ("x-odd", "\x0b")),
    answer_body='{"client_id": "<script>alert(1)</script>", "client_secret": "abcd..."}\x00',
    milliseconds=12,
)
SILENCE = Exchange(method="GET", url="https://utility.example/slow", problem="no complete answer within 20 seconds")


def result(clause_id: str, *outcomes: Outcome) -> ClauseResult:
    """What checks say about a clause; the first is the worst."""
    checks = tuple(CheckResult(f"m.c{number}", f"check {number}", one, 5) for number, one in enumerate(outcomes))
    return ClauseResult(load_clauses()[clause_id], outcomes[0].status, outcomes[0].reason, checks)


def full_report() -> Report:
    """One clause for each outcome, and one that nothing looks at."""
    return Report(
        url="https://utility.example/.well-known/cds-server-metadata.json",
        began=datetime(2026, 11, 23, 17, 0, tzinfo=UTC),
        server="Utility & Sons <North>",
        seconds=3.5,
        requests=42,
        results=(
            result("WG1-01-3.2-01", Outcome(Status.PASSED), Outcome(Status.PASSED)),
            result("WG1-01-3.3-01", Outcome(Status.WARNED, "related_metadata is odd", (SILENCE,))),
            result(
                "WG1-02-4.2-03",
                Outcome(Status.FAILED, "scope is 'x', not 'cds_client_admin'", (EXCHANGE, EXCHANGE)),
                Outcome(Status.PASSED),
            ),
            ClauseResult(load_clauses()["WG1-02-10-01"], Status.SKIPPED, "a permission"),
            result("RFC8414-2-01", Outcome(Status.PASSED)),
        ),
        left_behind=(LeftBehind("abc123", "the main one"),),
        notes=("something to know",),
    )


def no_report() -> Report:
    """A run that could not begin."""
    return Report(url="https://nowhere.example", began=datetime(2026, 11, 23, tzinfo=UTC), problem="Nothing is there.")
