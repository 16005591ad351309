"""What the specifications demand: the list of clauses, how much of it our tests prove, and checks for any CDS server.

report = asyncio.run(run("https://utility.example"))
failed = [result.clause.id for result in report.results if result.status is Status.FAILED]

The suite knows a server only over HTTP. Nothing that serves requests imports this.
"""

from app.conformance.checks import Check, Need, Outcome, Problems, Skipped, Stage, Status, Violated, check, require
from app.conformance.clauses import Clause, load_clauses
from app.conformance.evidence import Exchange
from app.conformance.operator import Operator
from app.conformance.options import Options
from app.conformance.runner import CheckResult, ClauseResult, Progress, Report, run
from app.conformance.session import Registration, Session
from app.conformance.wire import Answer, Caller

__all__ = [
    "Answer",
    "Caller",
    "Check",
    "CheckResult",
    "Clause",
    "ClauseResult",
    "Exchange",
    "Need",
    "Operator",
    "Options",
    "Outcome",
    "Problems",
    "Progress",
    "Registration",
    "Report",
    "Session",
    "Skipped",
    "Stage",
    "Status",
    "Violated",
    "check",
    "load_clauses",
    "require",
    "run",
]
