"""A report as JSON. Members are only ever added; `format` changes if one has to change its meaning."""

from typing import Any, Final

import msgspec

from app.conformance.checks import Status
from app.conformance.runner import CheckResult, ClauseResult, Report

FORMAT: Final = "cds-conformance/1"


def json_document(report: Report) -> bytes:
    """The report, indented, with a line feed at its end."""
    return msgspec.json.format(msgspec.json.encode(as_members(report)), indent=2) + b"\n"


def as_members(report: Report) -> dict[str, Any]:
    """The report as what goes into JSON."""
    return {
        "format": FORMAT,
        "url": report.url,
        "server": report.server,
        "began": report.began,
        "seconds": report.seconds,
        "requests": report.requests,
        "exit_code": report.exit_code,
        "problem": report.problem,
        "counts": {status.value: report.count(status) for status in Status},
        "clauses": [_clause(result) for result in report.results],
        "left_behind": report.left_behind,
        "notes": report.notes,
    }


def _clause(result: ClauseResult) -> dict[str, Any]:
    return {
        "id": result.clause.id,
        "section": result.clause.section,
        "level": result.clause.level,
        "actor": result.clause.actor,
        "rule": result.clause.summary,
        "status": result.status,
        "reason": result.reason,
        "checks": [_check(check) for check in result.checks],
    }


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "name": check.check,
        "title": check.title,
        "status": check.outcome.status,
        "reason": check.outcome.reason,
        "milliseconds": check.milliseconds,
        "evidence": check.outcome.evidence,
    }
