"""What a single value in the catalog may look like. Every function answers yes or no, or with the value itself."""

import re
from datetime import UTC, date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

INFINITE = "infinite"

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DATE_PART = r"(?:[0-9]+D|[0-9]+M(?:[0-9]+D)?|[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?)"
_TIME_PART = r"T(?:[0-9]+S|[0-9]+M(?:[0-9]+S)?|[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?)"
_RELATIVE_DATE = re.compile(rf"P(?:[0-9]+W|{_DATE_PART})")
_RELATIVE_DATETIME = re.compile(rf"P(?:[0-9]+W|{_DATE_PART}(?:{_TIME_PART})?|{_TIME_PART}|0S)")
_AMOUNT = re.compile(r"([0-9]+)([YMWDHS])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[-+][0-9]{2}:[0-9]{2})"
)
_DAYS = {"Y": 365.25, "M": 30.44, "W": 7.0, "D": 1.0}
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0}


def is_id(value: str) -> bool:
    """Whether `value` can stand in a space-separated list and in a URL without escaping (E16)."""
    return _ID.fullmatch(value) is not None


def is_url(value: str) -> bool:
    """Whether `value` is an absolute http or https URL."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    if not value.isascii() or any(character.isspace() or not character.isprintable() for character in value):
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def is_link(value: str) -> bool:
    """Whether `value` is an absolute URL or a path of this server."""
    return is_url(value) or (value.startswith("/") and not value.startswith("//") and is_url(f"https://host{value}"))


def is_email(value: str) -> bool:
    """Whether `value` is one mail address, in the shape that people use."""
    return _EMAIL.fullmatch(value) is not None and ".." not in value


def is_timezone(value: str) -> bool:
    """Whether `value` is a name of the IANA time zone database."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        return False
    return True


def parse_moment(value: str) -> datetime | None:
    """A date (its midnight in UTC) or an RFC 3339 datetime, in UTC and whole seconds; None when it is neither."""
    try:
        if _DATE.fullmatch(value):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        if _DATETIME.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    return None


def is_date(value: str) -> bool:
    """Whether `value` is an RFC 3339 full-date that exists."""
    try:
        return _DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def is_datetime(value: str) -> bool:
    """Whether `value` is an RFC 3339 date-time that exists."""
    return _DATETIME.fullmatch(value) is not None and parse_moment(value) is not None


def is_relative_or_absolute_date(value: str) -> bool:
    """WG1-02 section 2: a date, a duration of whole days and more, or `infinite`."""
    return value == INFINITE or _RELATIVE_DATE.fullmatch(value) is not None or is_date(value)


def is_relative_or_absolute_datetime(value: str) -> bool:
    """WG1-02 section 2: a datetime, a duration, or `infinite`. `P0S` counts as a duration (H3)."""
    return value == INFINITE or _RELATIVE_DATETIME.fullmatch(value) is not None or is_datetime(value)


def published(value: str) -> str:
    """A date, datetime or duration in the spelling that RFC 3339 knows (H3)."""
    return "PT0S" if value == "P0S" else value


def distance_days(value: str) -> float | None:
    """About how far a relative value is from now, for comparing two of them; None for absolute ones."""
    if value == INFINITE:
        return float("inf")
    if not value.startswith("P"):
        return None
    days, _, time = value.removeprefix("P").partition("T")
    whole = sum(int(count) * _DAYS.get(unit, 0.0) for count, unit in _AMOUNT.findall(days))
    return whole + sum(int(count) * _SECONDS[unit] for count, unit in _AMOUNT.findall(time)) / 86400.0
