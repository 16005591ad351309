"""What an authorization means, in words for the user who is asked for it: scopes and their authorization details.

Every field of an entry is shown, those that have their default among them, with dates as days in the time zone of the
utility. Words come from the catalog, values from the Client; values are plain text, and whoever shows them escapes
them.

Source: CDS-WG1-02 3.4, 3.8 to 3.10; RFC 9396 11 (users have to see what they grant).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from app.catalog import AuthorizationDetailsField, Catalog, Scope
from app.domain.authorization_details import Entry, fields_of, in_effect
from app.domain.authorization_details_formats import OR_NULL
from app.domain.relative_dates import INFINITE, Clock, OutOfCalendar, resolve_date, resolve_datetime
from app.schemas.encoding import encode

_RESOLVERS: Final = {"relative_or_absolute_date": resolve_date, "relative_or_absolute_datetime": resolve_datetime}

NONE: Final = "None named"
"""How null and an empty list read: neither nothing nor everything, which only the description of the field can say."""

Moment = date | None
"""A day, a moment in UTC, or None for no limit."""


class Line(NamedTuple):
    """One thing that is granted: `label` says what, `values` how much (several for a list), `note` explains it."""

    label: str
    values: tuple[str, ...]
    note: str = ""


class Part(NamedTuple):
    """One scope, or one of several entries for it."""

    name: str
    description: str
    lines: tuple[Line, ...]
    ends: bool
    """Whether a line says until when."""


def in_words(catalog: Catalog, scope: str, entries: Sequence[Entry], *, authorized_at: datetime) -> list[Part]:
    """The parts of an authorization, in the order of its scope string.

    Args:
        entries: Validated. A scope without an entry that has fields is shown with their defaults (3.8).
        authorized_at: What relative dates count from: now while the user is asked, the approval afterwards (3.9).
    """
    clock = Clock(authorized_at, ZoneInfo(catalog.server.timezone))
    complete = in_effect(entries, scope, catalog.scopes)
    parts = []
    for scope_id in scope.split():
        own = [entry for entry in complete if entry["type"] == scope_id]
        parts += [_part(catalog.scopes.get(scope_id), scope_id, entry, clock) for entry in own or [{}]]
    return parts


def scope_names(catalog: Catalog, scope: str) -> list[str]:
    """The names of the scopes in a scope string; a scope that the catalog no longer has shows its id."""
    return [catalog.scopes[one].name if one in catalog.scopes else one for one in scope.split()]


def day(moment: datetime, catalog: Catalog) -> str:
    """The day of a moment where the utility is: `23 November 2026`."""
    return _date(moment.astimezone(ZoneInfo(catalog.server.timezone)))


def day_and_time(moment: datetime, catalog: Catalog) -> str:
    """A moment where the utility is: `23 November 2026 at 14:05 CST`."""
    return _datetime(moment, ZoneInfo(catalog.server.timezone))


def _part(scope: Scope | None, scope_id: str, entry: Mapping[str, Any], clock: Clock) -> Part:
    fields = {field.id: field for field in fields_of(scope)} if scope else {}
    values = {name: value for name, value in entry.items() if name != "type"}
    known = [(field, values[name]) for name, field in fields.items() if name in values]
    lines = _period(known, clock)
    paired = {field.id for field, _ in known if lines and _is_time(field)}
    lines += [_line(field, value, clock) for field, value in known if field.id not in paired]
    # What an older catalog allowed is still granted, so it is still shown.
    lines += [Line(name, (_json(value),)) for name, value in values.items() if name not in fields]
    ends = any(_is_time(field) and not field.looks_back and value is not None for field, value in known)
    name, description = (scope.name, scope.description) if scope else (scope_id, "")
    return Part(name, description, tuple(lines), ends)


def _period(known: Sequence[tuple[AuthorizationDetailsField, Any]], clock: Clock) -> list[Line]:
    """The one line that says from when until when, if there is one field for each and none besides."""
    times = [(field, value) for field, value in known if _is_time(field)]
    back = [(field, value) for field, value in times if field.looks_back]
    ahead = [(field, value) for field, value in times if not field.looks_back]
    if len(back) != 1 or len(ahead) != 1 or any(value is None for _, value in times):
        return []
    (start, start_value), (end, end_value) = back[0], ahead[0]
    first, last = _resolved(start, start_value, clock), _resolved(end, end_value, clock)
    begins = f"From {_moment(first, clock)}" if first else "Everything on record"
    if last:
        value = f"{begins} until {_moment(last, clock)}" if first else f"{begins}, until {_moment(last, clock)}"
    else:
        value = f"{begins}, with no end date"
    return [Line("Period", (value,), f"{start.description} {end.description}")]


def _line(field: AuthorizationDetailsField, value: object, clock: Clock) -> Line:
    base = field.format.removesuffix(OR_NULL)
    if value is None:
        return Line(field.name, (NONE,), field.description)
    if _is_time(field):
        return Line(field.name, (_when(field, value, clock),), field.description)
    if base in {"choice", "choice_list"}:
        return _choice(field, value)
    words = _WORDS.get(base, _json)(value)
    return Line(field.name, (words,) if isinstance(words, str) else words, field.description)


def _choice(field: AuthorizationDetailsField, value: object) -> Line:
    chosen = [value] if isinstance(value, str) else value if isinstance(value, list) else [_json(value)]
    choices = {choice.id: choice for choice in field.choices}
    if len(chosen) == 1 and chosen[0] in choices:
        only = choices[chosen[0]]
        return Line(field.name, (only.name,), f"{field.description} {only.description}")
    names = tuple(choices[one].name if one in choices else str(one) for one in chosen)
    return Line(field.name, names or (NONE,), field.description)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) and value else (NONE,)


def _number(value: object) -> str:
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}" if isinstance(value, int) else _json(value)


_WORDS: Final[dict[str, Callable[[object], str | tuple[str, ...]]]] = {
    "int": _number,
    "decimal": _number,
    "string": lambda value: str(value) or "Empty",
    "string_list": _strings,
    "boolean": lambda value: "Yes" if value else "No",
    "jwk": lambda _: "With an encryption key of the application",
}


def _is_time(field: AuthorizationDetailsField) -> bool:
    return field.format.removesuffix(OR_NULL) in _RESOLVERS


def _when(field: AuthorizationDetailsField, value: object, clock: Clock) -> str:
    moment = _resolved(field, value, clock)
    if moment:
        return _moment(moment, clock)
    return "Everything on record" if field.looks_back else "No end date"


def _resolved(field: AuthorizationDetailsField, value: object, clock: Clock) -> Moment:
    """The day or the moment that a value means; None for no limit, and for what leads out of the calendar."""
    try:
        resolve = _RESOLVERS[field.format.removesuffix(OR_NULL)]
        found = resolve(str(value), clock, backwards=field.looks_back) if value != INFINITE else None
    except OutOfCalendar:
        return None
    return found[1] if found else None


def _moment(moment: date, clock: Clock) -> str:
    return _datetime(moment, clock.timezone) if isinstance(moment, datetime) else _date(moment)


def _date(moment: date) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"


def _datetime(moment: datetime, timezone: ZoneInfo) -> str:
    local = moment.astimezone(timezone)
    return f"{_date(local)} at {local:%H:%M %Z}"


def _json(value: object) -> str:
    return encode(value).decode()
