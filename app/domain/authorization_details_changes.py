"""What a change of authorization details means for the access that they give (CDS-WG1-02 8.6; ambiguities E10)."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.catalog.model import AuthorizationDetailsField, Scope
from app.domain.authorization_details import Entry, fields_of
from app.domain.authorization_details_formats import OR_NULL, Measure, measure
from app.domain.relative_dates import Clock, OutOfCalendar, resolve_date, resolve_datetime
from app.schemas.encoding import encode

_RESOLVERS = {"relative_or_absolute_date": resolve_date, "relative_or_absolute_datetime": resolve_datetime}

Fixed = tuple[Hashable, ...]
"""What of an entry has to stay as it is: its type and the values that have no order."""

Measures = tuple[Measure, ...]
"""The values of an entry that have an order, each larger the wider it is."""


def is_reduction(
    old: Sequence[Entry],
    new: Sequence[Entry],
    *,
    scopes: Mapping[str, Scope],
    now: datetime,
    timezone: ZoneInfo,
) -> bool:
    """Whether `new` gives no access that `old` does not give: then no user has to authorize it again.

    Every new entry has to lie within one old entry of its type: each value the same, or nearer to `minimum`, or a
    list with fewer of the same strings (not an empty one, which may well mean "all"). What cannot be compared is no
    reduction.

    Args:
        old: The validated entries of the Grant. Pass both lists through `in_effect` with their scope strings first,
            because a scope without an entry gives access by its defaults, which may be wider than an entry removed.
        new: The validated entries that are to replace them.
        scopes: The catalog's.
        now: When `old` was authorized. The relative dates of both count from there: a change does not move it.
        timezone: The `cds_timezone`.
    """
    clock = Clock(now, timezone)
    unchanged = {encode(entry) for entry in old}
    changed = [entry for entry in new if encode(entry) not in unchanged]
    if not changed:
        return True
    candidates: dict[Fixed, list[tuple[Entry, Measures]]] = defaultdict(list)
    for entry in old:
        fixed, measures = _split(entry, scopes, clock)
        candidates[fixed].append((entry, measures))
    return all(_lies_within_one(entry, candidates, scopes, clock) for entry in changed)


def resolve(
    entries: Sequence[Entry], *, scopes: Mapping[str, Scope], authorized_at: datetime, timezone: ZoneInfo
) -> list[Entry]:
    """The entries with relative dates and datetimes replaced by the absolute ones in effect; `infinite` stays.

    A resource server gets these. They count from `authorized_at`: the approval of a user, or the first token request
    of a standing Grant. Datetimes come out in UTC.

    Source: CDS-WG1-02 3.9.
    """
    clock = Clock(authorized_at, timezone)
    return [_resolved(entry, scopes, clock) for entry in entries]


def _resolved(entry: Entry, scopes: Mapping[str, Scope], clock: Clock) -> Entry:
    dates = {field.id: field for field in _fields(entry, scopes) if field.format.removesuffix(OR_NULL) in _RESOLVERS}
    return {name: _absolute(value, dates[name], clock) if name in dates else value for name, value in entry.items()}


def _absolute(value: object, field: AuthorizationDetailsField, clock: Clock) -> object:
    if not isinstance(value, str):
        return value
    try:
        resolved = _RESOLVERS[field.format.removesuffix(OR_NULL)](value, clock, backwards=field.looks_back)
    except OutOfCalendar:
        return "infinite"
    if resolved is None or resolved[1] is None:
        return value
    moment = resolved[1]
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return moment.isoformat()


def _lies_within_one(
    entry: Entry,
    candidates: Mapping[Fixed, list[tuple[Entry, Measures]]],
    scopes: Mapping[str, Scope],
    clock: Clock,
) -> bool:
    fixed, measures = _split(entry, scopes, clock)
    return any(
        _is_within(measures, wider) and _lists_are_within(entry, old) for old, wider in candidates.get(fixed, ())
    )


def _is_within(narrow: Measures, wide: Measures) -> bool:
    return all(one <= other for one, other in zip(narrow, wide, strict=True))


def _lists_are_within(new: Entry, old: Entry) -> bool:
    for name, value in new.items():
        if isinstance(value, list) and value != old[name] and not (value and set(value) <= set(old[name])):
            return False
    return True


def _split(entry: Entry, scopes: Mapping[str, Scope], clock: Clock) -> tuple[Fixed, Measures]:
    """Part an entry into what has to stay and what may shrink; lists of strings are left to `_lists_are_within`."""
    fields = {field.id: field for field in _fields(entry, scopes)}
    fixed: list[Hashable] = []
    measures: list[Measure] = []
    for name in sorted(entry):
        value = entry[name]
        size = measure(value, fields[name], clock) if name in fields else None
        if size is not None:
            fixed.append(name)
            measures.append(size)
        else:
            fixed.append((name, "list" if isinstance(value, list) else encode(value)))
    return tuple(fixed), tuple(measures)


def _fields(entry: Mapping[str, Any], scopes: Mapping[str, Scope]) -> tuple[AuthorizationDetailsField, ...]:
    scope = scopes.get(entry["type"])
    return () if scope is None else fields_of(scope)
