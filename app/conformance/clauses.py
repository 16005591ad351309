"""The list of clauses, and which of them this version is expected to prove."""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: much slower, otherwise the same.
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # one stands for the other

Level = Literal["MUST", "MUST_NOT", "SHOULD", "SHOULD_NOT", "MAY"]
Kind = Literal["http", "config", "needs_time", "needs_operator", "browser", "docs", "not_testable"]


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One requirement; the head of `clauses.yaml` explains the fields."""

    id: str
    section: str
    level: Level
    actor: Literal["server", "client", "both"]
    summary: str
    kind: Kind


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Clauses that are out of scope for one reason: those of one actor, or those that are named."""

    name: str
    reason: str
    actor: Literal["client"] | None = None
    clauses: tuple[str, ...] = ()


@cache
def load_clauses() -> Mapping[str, Clause]:
    """Every clause by its id, in the order of the documents."""
    listed = msgspec.convert(read("clauses.yaml"), tuple[Clause, ...])
    return {clause.id: clause for clause in listed}


@cache
def load_exclusions() -> tuple[Exclusion, ...]:
    """The groups of `scope.yaml`."""
    return msgspec.convert(read("scope.yaml"), tuple[Exclusion, ...])


def excluded(clauses: Mapping[str, Clause], exclusions: Iterable[Exclusion]) -> dict[str, Exclusion]:
    """Which clauses are out of scope, and by which group.

    Raises:
        ValueError: A group names a clause that does not exist, or that another group has already.
    """
    found: dict[str, Exclusion] = {}
    for exclusion in exclusions:
        of_actor = (clause.id for clause in clauses.values() if clause.actor == exclusion.actor)
        for clause_id in (*of_actor, *exclusion.clauses):
            if clause_id not in clauses:
                raise ValueError(f"scope.yaml, {exclusion.name}: {unknown_clause(clause_id)}")
            if clause_id in found:
                raise ValueError(f"scope.yaml: {clause_id} is in {found[clause_id].name} and in {exclusion.name}")
            found[clause_id] = exclusion
    return found


def unknown_clause(clause_id: object) -> str:
    """The sentence about something that stands in the place of an id and is not in the list."""
    nearest = difflib.get_close_matches(str(clause_id), load_clauses(), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"there is no clause {clause_id!r}{hint}"


def read(name: str) -> Any:  # noqa: ANN401 -- YAML may be anything; the callers check it
    """What the YAML file beside this module says."""
    return yaml.load(files(__package__).joinpath(name).read_text(encoding="utf-8"), _Loader)
