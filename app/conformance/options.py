"""What a run may do, and what of it is wanted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.conformance.clauses import Clause

REQUEST_SECONDS: Final = 20.0
RUN_SECONDS: Final = 1_800.0
WAIT_SECONDS: Final = 90.0
ANSWER_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """Everything about a run but the server's URL."""

    documents: Collection[str] = ()
    """Beginnings of clause ids such as `WG1-01` or `RFC7591`; empty for all."""
    sections: Collection[str] = ()
    """Sections such as `3.2`, with or without a document before (`WG1-02-3.2`); those below are included."""
    clause_ids: Collection[str] = ()
    register: bool = True
    """False: nothing is written, so whatever needs a registration is skipped."""
    scopes: Collection[str] = ()
    """Scopes to register for; empty for all that the server describes."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Values for registration fields, by their `field_name` or id."""
    insecure: bool = False
    """Accept any certificate."""
    ca_file: Path | None = None
    """Certificates to trust instead of the usual ones."""
    request_seconds: float = REQUEST_SECONDS
    """For one answer, body included."""
    run_seconds: float = RUN_SECONDS
    """For the whole run; what is left then is skipped."""
    wait_seconds: float = WAIT_SECONDS
    """The longest wait that a Retry-After may ask for; longer ones are taken as an answer."""
    answer_bytes: int = ANSWER_BYTES

    def wants(self, clause: Clause) -> bool:
        """Whether a clause is part of the run."""
        document, _, _ = clause.id.rpartition(f"-{clause.section}-")
        return (
            (not self.documents or any(clause.id.startswith(wanted) for wanted in self.documents))
            and (not self.sections or any(_within(document, clause.section, wanted) for wanted in self.sections))
            and (not self.clause_ids or clause.id in self.clause_ids)
        )


def _within(document: str, section: str, wanted: str) -> bool:
    """Whether a section of a document is the wanted one or below it."""
    return any(own == wanted or own.startswith(f"{wanted}.") for own in (section, f"{document}-{section}"))
