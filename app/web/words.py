"""Values of the catalog in words: durations, limits, defaults, amounts."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import UNSET

from app.catalog import AuthorizationDetailsField, RegistrationField
from app.domain.relative_dates import INFINITE
from app.schemas.encoding import encode

_DATE_UNITS: Final = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_TIME_UNITS: Final = {"H": "hour", "M": "minute", "S": "second"}
_PARTS: Final = re.compile(r"([0-9]+)([YMWDHS])")
_OR_NULL: Final = "_or_null"
_TIMES: Final = ("relative_or_absolute_date", "relative_or_absolute_datetime")
_PERIODS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def joined(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(count: int, unit: str) -> str:
    """`1 day`, `3 days`."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def period(seconds: int) -> str:
    """A length of time in its largest whole unit: `90 seconds`, `1 hour`."""
    size, unit = next((size, unit) for size, unit in _PERIODS if seconds % size == 0)
    return counted(seconds // size, unit)


def size(length_bytes: int) -> str:
    """A number of bytes: `200,000 bytes`, `16 MiB`."""
    mib, rest = divmod(length_bytes, 1024 * 1024)
    return f"{mib} MiB" if mib and not rest else counted(length_bytes, "byte")


def duration(text: str) -> str:
    """`P1Y6M` is `1 year and 6 months`."""
    days, _, time = text.removeprefix("P").partition("T")
    parts = [counted(int(count), _DATE_UNITS[unit]) for count, unit in _PARTS.findall(days)]
    parts += [counted(int(count), _TIME_UNITS[unit]) for count, unit in _PARTS.findall(time)]
    return joined(parts)


def moment(text: str, *, backwards: bool) -> str:
    """A relative or absolute date: `3 years back`, `the moment of the authorization`, `no limit`."""
    if text == INFINITE:
        return "no limit"
    if not text.startswith("P"):
        return text
    if not any(int(count) for count, _ in _PARTS.findall(text)):
        return "the moment of the authorization"
    return f"{duration(text)} {'back' if backwards else 'ahead'}"


def limits(field: AuthorizationDetailsField) -> str:
    """From where to where values of the field go; empty when it has no limits."""
    base = field.format.removesuffix(_OR_NULL)
    show = _moment_of(field) if base in _TIMES else _number
    ends = []
    if field.minimum is not UNSET:
        ends.append(f"from {show(field.minimum)}")
    if field.maximum is not UNSET:
        ends.append(f"to {show(field.maximum)}")
    unit = {"string": " characters", "string_list": " characters, all strings together"}.get(base, "")
    return " ".join(ends) + unit if ends else ""


def default(field: AuthorizationDetailsField | RegistrationField) -> str:
    """What counts when the field is left out."""
    value = field.default
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, AuthorizationDetailsField):
        base = field.format.removesuffix(_OR_NULL)
        if base in _TIMES and isinstance(value, str):
            return _moment_of(field)(value)
        names = {choice.id: choice.name for choice in field.choices}
        if isinstance(value, str) and value in names:
            return names[value]
    if isinstance(value, list):
        return joined([str(one) for one in value]) if value else "an empty list"
    return str(value) or "an empty text"


def json_text(value: object) -> str:
    """A value as it stands in a request."""
    return encode(value).decode()


def _number(value: object) -> str:
    return "no limit" if value == INFINITE else f"{value:,}"


def _moment_of(field: AuthorizationDetailsField) -> Callable[[Any], str]:
    return lambda value: moment(str(value), backwards=field.looks_back)
