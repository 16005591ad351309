"""What a check is: a small async function that carries the clauses it looks at.

@check("WG1-01-3.2-02")
async def the_version_is_v1(session: Session) -> None:
    metadata = await session.server_metadata()
    require(metadata.object().get("cds_metadata_version") == "v1", "cds_metadata_version is not v1", metadata)

It returns when all is well, and raises `Violated` (by `require` and `refuse` below) or `Skipped` when not. A violation
fails clauses with MUST and warns about the others.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from app.conformance.clauses import Level, load_clauses, unknown_clause
from app.conformance.evidence import Exchange

if TYPE_CHECKING:
    from app.conformance.session import Session
    from app.conformance.wire import Answer

CheckFunction = Callable[["Session"], Awaitable["Outcome | None"]]

TOLD_PROBLEMS: Final = 6
"""How many problems of one document are told; the number of the others is."""


class Status(StrEnum):
    """How a check ended, the worst last."""

    SKIPPED = "skipped"
    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


class Need(StrEnum):
    """What a check cannot do without."""

    REGISTRATION = "registration"
    """A throw-away registration of our own."""
    SECOND_REGISTRATION = "second registration"
    """Another one, to see that neither gets at what belongs to the other."""
    OPERATOR = "operator"
    """Somebody who acts for the server: `Session.operator`."""
    PERSON = "person"
    """A human being who looks, reads or decides. Such a check is always skipped."""


class Stage(IntEnum):
    """When a check runs. Those that spoil what others look at come later."""

    READ = 1
    """Only reads what is public."""
    REGISTER = 2
    """Registers, or tries to."""
    USE = 3
    """Uses a registration and leaves it as it was, apart from additions."""
    CHANGE = 4
    """Changes objects of the shared registrations."""
    SPOIL = 5
    """Leaves the shared registrations unusable, or floods the server."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a check, why, and the requests and answers that show it."""

    status: Status
    reason: str = ""
    evidence: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A check and what its decorator says."""

    clause_ids: tuple[str, ...]
    function: CheckFunction
    needs: frozenset[Need] = frozenset()
    stage: Stage = Stage.READ
    level: Level | None = None

    @property
    def name(self) -> str:
        """Its function and module: unique, and short enough for a line."""
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    @property
    def title(self) -> str:
        """Its function's name as words."""
        return self.function.__name__.replace("_", " ")

    def level_for(self, clause_id: str) -> Level:
        """How strict the clause is here."""
        return self.level or load_clauses()[clause_id].level


class Violated(Exception):
    """The server does not do what the clause demands."""

    def __init__(self, reason: str, *answers: "Answer | None") -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = tuple(answer.exchange for answer in answers if answer is not None)


class NoAnswer(Violated):
    """A request that the server did not answer, not in time, or not to its end."""

    def __init__(self, reason: str, exchange: Exchange) -> None:
        super().__init__(reason)
        self.evidence = (exchange,)


class Skipped(Exception):
    """The check says nothing, for a reason that a reader of the report understands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(Skipped):
    """Something that the check builds on is not there; a check of its own tells what is wrong with that."""


@dataclass(slots=True)
class Problems:
    """Everything that is wrong with one answer, found one after the other."""

    answer: "Answer | None" = None
    found: list[str] = field(default_factory=list)

    def note(self, condition: object, problem: str) -> bool:
        """Take down `problem` unless `condition` holds; tells whether it does."""
        if not condition:
            self.found.append(problem)
        return bool(condition)

    def refuse(self) -> None:
        """Raises: Violated: Something was found."""
        refuse(self.found, self.answer)


_registered: list[Check] = []


def check(
    *clause_ids: str, needs: Collection[Need] = (), stage: Stage | None = None, level: Level | None = None
) -> Callable[[CheckFunction], CheckFunction]:
    """Make an async function a check of these clauses.

    Args:
        clause_ids: As in `clauses.yaml`.
        needs: What it cannot do without; without that it is skipped and the reason told.
        stage: When it runs; by default READ, or USE when it needs something.
        level: How strict it is, when that differs from the clause: MAY and SHOULD make warnings of violations.

    Raises:
        ValueError: There is no such clause, or none is named.
    """
    for clause_id in clause_ids or ("",):
        if clause_id not in load_clauses():
            raise ValueError(unknown_clause(clause_id))

    def register(function: CheckFunction) -> CheckFunction:
        own = stage or (Stage.USE if needs else Stage.READ)
        _registered.append(Check(clause_ids, function, frozenset(needs), own, level))
        return function

    return register


def require(condition: object, problem: str, *answers: "Answer | None") -> None:
    """Raises: Violated: The condition does not hold; `problem` is the sentence that says so."""
    if not condition:
        raise Violated(problem, *answers)


def refuse(problems: Iterable[str], *answers: "Answer | None") -> None:
    """Raises: Violated: There are problems."""
    found = list(dict.fromkeys(problems))
    if found:
        more = f" (and {len(found) - TOLD_PROBLEMS} more)" if len(found) > TOLD_PROBLEMS else ""
        raise Violated("; ".join(found[:TOLD_PROBLEMS]) + more, *answers)


def skip_unless(condition: object, reason: str) -> None:
    """Raises: Skipped: The condition does not hold."""
    if not condition:
        raise Skipped(reason)


@cache
def load_checks() -> Sequence[Check]:
    """Every check of `app.conformance.suite`, in the order in which they run."""
    suite = importlib.import_module("app.conformance.suite")
    for module in sorted(found.name for found in pkgutil.iter_modules(suite.__path__)):
        importlib.import_module(f"{suite.__name__}.{module}")
    return in_order(found for found in _registered if found.function.__module__.startswith(suite.__name__))


def in_order(checks: Iterable[Check]) -> Sequence[Check]:
    """By stage, and within a stage as the clauses stand in the documents."""
    places = {clause_id: place for place, clause_id in enumerate(load_clauses())}
    return tuple(sorted(checks, key=lambda one: (one.stage, min(places[clause_id] for clause_id in one.clause_ids))))
