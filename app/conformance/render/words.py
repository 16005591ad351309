"""Evidence as text, the same wherever it is shown."""

from collections.abc import Iterable, Iterator

from app.conformance.checks import Status
from app.conformance.evidence import Exchange
from app.conformance.runner import ClauseResult

QUIET_HEADERS = frozenset({"accept", "accept-encoding", "connection", "content-length", "host", "user-agent", "date"})
"""Of which nobody learns anything."""


def evidence_of(result: ClauseResult) -> list[Exchange]:
    """What shows that a clause is violated, each exchange once."""
    told = (check.outcome for check in result.checks if check.outcome.status in {Status.FAILED, Status.WARNED})
    return list(dict.fromkeys(exchange for outcome in told for exchange in outcome.evidence))


def request_text(exchange: Exchange) -> str:
    """Request line, telling headers and body."""
    return "\n".join(_message(f"{exchange.method} {exchange.url}", exchange.request_headers, exchange.request_body))


def answer_text(exchange: Exchange) -> str:
    """Status, telling headers and body, or why there was none."""
    if exchange.status is None:
        return f"no answer: {exchange.problem}"
    first = f"HTTP {exchange.status} ({exchange.milliseconds} ms)"
    return "\n".join(_message(first, exchange.answer_headers, exchange.answer_body))


def _message(first: str, headers: Iterable[tuple[str, str]], body: str) -> Iterator[str]:
    yield first
    for name, value in headers:
        if name.lower() not in QUIET_HEADERS:
            yield f"{name}: {value}"
    if body:
        yield ""
        yield body
