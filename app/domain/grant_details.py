"""Comparing the access of Grants: scope and authorization details together (CDS-WG1-02 8.6; ambiguities E10)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.catalog import Catalog
from app.domain.authorization_details import in_effect
from app.domain.authorization_details_changes import is_reduction
from app.domain.standing_grants import canonical

Entry = dict[str, Any]


class Extent(NamedTuple):
    """How much a Grant gives, or is to give."""

    scope: str
    details: list[Entry]


def is_same(one: Extent, other: Extent) -> bool:
    """Whether two extents say the same, in whatever order."""
    same_scope = set(one.scope.split()) == set(other.scope.split())
    return same_scope and canonical(one.details) == canonical(other.details)


def is_within(catalog: Catalog, narrow: Extent, wide: Extent, authorized_at: datetime) -> bool:
    """Whether `narrow` gives no access that `wide` does not give.

    Relative dates of both count from `authorized_at`, and a scope without an entry gives what its defaults say (3.8).
    """
    if not set(narrow.scope.split()) <= set(wide.scope.split()):
        return False
    return is_reduction(
        in_effect(wide.details, wide.scope, catalog.scopes),
        in_effect(narrow.details, narrow.scope, catalog.scopes),
        scopes=catalog.scopes,
        now=authorized_at,
        timezone=ZoneInfo(catalog.server.timezone),
    )


def overlap(catalog: Catalog, one: Extent, other: Extent, authorized_at: datetime) -> Extent:
    """What both give: the scopes that are in both, with the entries of each that lie within the other."""
    scope = " ".join(scope_id for scope_id in one.scope.split() if scope_id in other.scope.split())
    details = _common(
        catalog,
        in_effect(one.details, scope, catalog.scopes),
        in_effect(other.details, scope, catalog.scopes),
        authorized_at,
    )
    return Extent(scope, [entry for entry in details if entry["type"] in scope.split()])


def _common(catalog: Catalog, one: Sequence[Entry], other: Sequence[Entry], authorized_at: datetime) -> list[Entry]:
    """The entries of each list that lie within the other list, each once."""
    found: dict[str, Entry] = {}
    for entries, bounds in ((one, other), (other, one)):
        for entry in entries:
            if is_reduction(
                bounds,
                [entry],
                scopes=catalog.scopes,
                now=authorized_at,
                timezone=ZoneInfo(catalog.server.timezone),
            ):
                found.setdefault(canonical([entry]), entry)
    return list(found.values())
