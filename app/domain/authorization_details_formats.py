"""The formats of authorization details fields (CDS-WG1-02 3.9): one check, one description and one measure each.

A check gives the value back as we keep it, or raises Unacceptable; what is accepted is the same sentence whatever was
wrong, so that an error never repeats what a caller sent. `string_list_or_null`, `choice_list` and
`choice_list_or_null` are our extension for catalogs that need them (ambiguities H7).
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import UNSET

from app.catalog.model import AuthorizationDetailsField
from app.crypto.public_keys import encryption_key
from app.domain.relative_dates import (
    ENDLESS,
    INFINITE,
    Clock,
    OutOfCalendar,
    Reach,
    reach,
    resolve_date,
    resolve_datetime,
)
from app.domain.texts import is_text, one_of, public
from app.errors import ServerError

MAX_INTEGER = 2**63 - 1
"""The largest integer, and with a minus the smallest, that we take however wide the limits are."""

MAX_DECIMAL_DIGITS = 1000
"""Digits of a decimal, and the power of ten of its first one, at most."""

MAX_LIST_ITEMS = 1000
"""Strings in one list, at most; the empty ones would not count otherwise."""

OR_NULL = "_or_null"

Resolver = Callable[..., tuple[str, date | None] | None]
Measure = tuple[int, int | Decimal] | Reach


class Unacceptable(Exception):
    """The value is not one that the field takes."""


class Format(NamedTuple):
    """One format: `check(value, field, clock)` and `accepts(field)`, which completes `… must be`."""

    check: Callable[[Any, AuthorizationDetailsField, Clock], Any]
    accepts: Callable[[AuthorizationDetailsField], str]


def check(value: object, field: AuthorizationDetailsField, clock: Clock) -> Any:  # noqa: ANN401 -- any JSON type
    """The value as we keep it: decimals as Decimal, dates in their strict spelling, keys without odd members.

    Raises:
        Unacceptable: It has another type, or lies outside of the limits or choices of the field.
    """
    if value is None and field.format.endswith(OR_NULL):
        return None
    return _format(field).check(value, field, clock)


def accepts(field: AuthorizationDetailsField) -> str:
    """What the field takes, as the end of a sentence: `an integer from 1 to 10`, for example."""
    kinds = _format(field).accepts(field)
    return f"{kinds}, or null" if field.format.endswith(OR_NULL) else kinds


def measure(value: object, field: AuthorizationDetailsField, clock: Clock) -> Measure | None:
    """How far a kept value of the field is from the `minimum` end: the larger, the wider the access.

    None for values that have no such order. Numbers and dates only compare with those of the same field.
    """
    match _base(field):
        case "int" | "decimal" if isinstance(value, int | Decimal):
            return (0, -value if isinstance(value, int) else value.copy_negate()) if _falls(field) else (0, value)
        case "relative_or_absolute_date" if isinstance(value, str):
            return _reach_of(value, field, clock, resolve_date)
        case "relative_or_absolute_datetime" if isinstance(value, str):
            return _reach_of(value, field, clock, resolve_datetime)
        case _:
            return None


def _base(field: AuthorizationDetailsField) -> str:
    return field.format.removesuffix(OR_NULL)


def _format(field: AuthorizationDetailsField) -> Format:
    known = FORMATS.get(_base(field))
    if known is None:
        raise ServerError("The server is not configured for this field.", detail=f"format {field.format} of {field.id}")
    return known


# Numbers


def _falls(field: AuthorizationDetailsField) -> bool:
    """Whether `maximum` is the lower end: the field is about negative numbers (ambiguities H6)."""
    low, high = _finite(field.minimum), _finite(field.maximum)
    if low is not None and high is not None:
        return high < low
    return field.looks_back


def _finite(limit: object) -> int | Decimal | None:
    return limit if isinstance(limit, int | Decimal) else None


def _within(value: int | Decimal, field: AuthorizationDetailsField) -> bool:
    low, high = _finite(field.minimum), _finite(field.maximum)
    if _falls(field):
        low, high = high, low
    return (low is None or value >= low) and (high is None or value <= high)


def _check_int(value: object, field: AuthorizationDetailsField, _clock: Clock) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_INTEGER or not _within(value, field):
        raise Unacceptable
    return value


def _check_decimal(value: object, field: AuthorizationDetailsField, _clock: Clock) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unacceptable
    # The bounds come first: turning a very long integer into a Decimal takes time that grows with its square.
    if isinstance(value, int) and abs(value) > 10**MAX_DECIMAL_DIGITS:
        raise Unacceptable
    number = Decimal(value)
    if not number.is_finite() or len(number.as_tuple().digits) > MAX_DECIMAL_DIGITS:
        raise Unacceptable
    if abs(number.adjusted()) > MAX_DECIMAL_DIGITS or not _within(number, field):
        raise Unacceptable
    return number


# Strings


def _fits(length: int, field: AuthorizationDetailsField) -> bool:
    low, high = _finite(field.minimum), _finite(field.maximum)
    return (low is None or length >= low) and (high is None or length <= high)


def _check_string(value: object, field: AuthorizationDetailsField, _clock: Clock) -> str:
    if not isinstance(value, str) or not _fits(len(value), field) or not is_text(value):
        raise Unacceptable
    return value


def _check_string_list(value: object, field: AuthorizationDetailsField, _clock: Clock) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_LIST_ITEMS:
        raise Unacceptable
    if not all(isinstance(item, str) and is_text(item) for item in value):
        raise Unacceptable
    if not _fits(sum(len(item) for item in value), field):
        raise Unacceptable
    return list(value)


def _check_choice(value: object, field: AuthorizationDetailsField, _clock: Clock) -> str:
    if not isinstance(value, str) or all(value != choice.id for choice in field.choices):
        raise Unacceptable
    return value


def _check_choice_list(value: object, field: AuthorizationDetailsField, clock: Clock) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_LIST_ITEMS:
        raise Unacceptable
    return list(dict.fromkeys(_check_choice(item, field, clock) for item in value))


# Others


def _check_boolean(value: object, _field: AuthorizationDetailsField, _clock: Clock) -> bool:
    if not isinstance(value, bool):
        raise Unacceptable
    return value


def _check_jwk(value: object, _field: AuthorizationDetailsField, _clock: Clock) -> dict[str, Any]:
    try:
        return encryption_key(value)
    except ValueError as error:
        raise Unacceptable from error


# Dates


def _check_date(value: object, field: AuthorizationDetailsField, clock: Clock) -> str:
    return _check_moment(value, field, clock, resolve_date)


def _check_datetime(value: object, field: AuthorizationDetailsField, clock: Clock) -> str:
    return _check_moment(value, field, clock, resolve_datetime)


def _check_moment(value: object, field: AuthorizationDetailsField, clock: Clock, resolve: Resolver) -> str:
    if not isinstance(value, str):
        raise Unacceptable
    try:
        resolved = resolve(value, clock, backwards=field.looks_back)
    except OutOfCalendar as error:
        raise Unacceptable from error
    if resolved is None:
        raise Unacceptable
    kept, moment = resolved
    out = reach(moment, backwards=field.looks_back)
    if field.minimum is not UNSET and out < _limit(field.minimum, field, clock, resolve):
        raise Unacceptable
    if field.maximum is not UNSET and out > _limit(field.maximum, field, clock, resolve):
        raise Unacceptable
    return kept


def _limit(limit: object, field: AuthorizationDetailsField, clock: Clock, resolve: Resolver) -> Reach:
    out = _reach_of(limit, field, clock, resolve) if isinstance(limit, str) else None
    if out is None:
        raise ServerError("The server is not configured for this field.", detail=f"limit {limit!r} of {field.id}")
    return out


def _reach_of(text: str, field: AuthorizationDetailsField, clock: Clock, resolve: Resolver) -> Reach | None:
    """How far out a date is; None when it is none. One that leads out of the calendar is endless."""
    try:
        resolved = resolve(text, clock, backwards=field.looks_back)
    except OutOfCalendar:
        return ENDLESS
    return None if resolved is None else reach(resolved[1], backwards=field.looks_back)


# What is accepted, in words


def _range(field: AuthorizationDetailsField, unit: str = "") -> str:
    low = "" if field.minimum is UNSET else f" from {public(str(field.minimum))}"
    high = "" if field.maximum is UNSET else f" to {public(str(field.maximum))}"
    return f"{low}{high}{unit if low or high else ''}"


def _choices(field: AuthorizationDetailsField) -> str:
    return one_of(choice.id for choice in field.choices)


def _moments(kind: str, example: str, field: AuthorizationDetailsField) -> str:
    return f"a {kind} ({example}, or {INFINITE}){_range(field)}{' back' if field.looks_back else ''}"


def _date_kinds(field: AuthorizationDetailsField) -> str:
    return _moments("date", "like 2025-01-31, relative like P3Y without a time part", field)


def _datetime_kinds(field: AuthorizationDetailsField) -> str:
    return _moments("date-time", "like 2025-01-31T00:00:00Z, relative like P30DT2H", field)


FORMATS: dict[str, Format] = {
    "int": Format(_check_int, lambda field: f"an integer{_range(field)}"),
    "decimal": Format(_check_decimal, lambda field: f"a number{_range(field)}"),
    "string": Format(_check_string, lambda field: f"a string{_range(field, ' characters long')}"),
    "string_list": Format(
        _check_string_list, lambda field: f"a list of strings{_range(field, ' characters long together')}"
    ),
    "boolean": Format(_check_boolean, lambda _: "true or false"),
    "relative_or_absolute_date": Format(_check_date, _date_kinds),
    "relative_or_absolute_datetime": Format(_check_datetime, _datetime_kinds),
    "choice": Format(_check_choice, _choices),
    "choice_list": Format(_check_choice_list, lambda field: f"a list with any of: {_choices(field)}"),
    "jwk": Format(_check_jwk, lambda _: "a public JWK of kty RSA, EC or OKP for encryption, with use enc"),
}
"""By the name of the format without `_or_null`."""
