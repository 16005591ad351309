"""RFC 3339 dates and datetimes, read strictly and without ever overflowing the calendar.

Stored and emitted times have whole seconds (ambiguities D10); what callers send may be finer.
"""

import re
from datetime import UTC, date, datetime, timedelta

from app.errors import InvalidRequest

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"(?P<wall>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,32}))?(?P<offset>Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE,
)
_BLANK_BEFORE_OFFSET = re.compile(r" (?=[0-9]{2}:[0-9]{2}$)")
_LEAP_SECOND = 60
_MICROSECOND_DIGITS = 6

DATETIME_HINT = "an RFC 3339 date-time such as 2025-01-31T00:00:00Z"


def parse_datetime(text: str, *, field: str) -> datetime:
    """The moment that a filter such as `after` names, in UTC and as fine as it was written (to the microsecond).

    A `+` of the offset that arrived as a blank, as it does in an unescaped query, is read as `+` (ambiguities D10).
    Compare what it returns with stored times as it is, or use `whole_seconds_from` for an inclusive lower bound and
    `whole_seconds` for an inclusive upper bound.

    Raises:
        InvalidRequest: Not a date-time with an offset; names `field`.
    """
    moment = read_datetime(_BLANK_BEFORE_OFFSET.sub("+", text, count=1))
    if moment is None:
        raise InvalidRequest(f"{field} must be {DATETIME_HINT}.", field=field)
    return moment


def read_datetime(text: str) -> datetime | None:
    """The moment in UTC, or None when `text` is no RFC 3339 `date-time` or lies outside of the years 1 to 9999.

    Digits finer than a microsecond are cut off. A leap second counts as the second after it.
    """
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    is_leap = int(match["second"]) == _LEAP_SECOND
    second = "59" if is_leap else match["second"]
    fraction = (match["fraction"] or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    try:
        local = datetime.fromisoformat(f"{match['wall']}:{second}.{fraction}{match['offset']}".upper())
        moment = local.astimezone(UTC)
        if not is_leap:
            return moment
        return moment + timedelta(seconds=1) if (moment.hour, moment.minute) == (23, 59) else None
    except (ValueError, OverflowError):
        return None


def read_date(text: str) -> date | None:
    """The day, or None when `text` is no RFC 3339 `full-date` or lies outside of the years 1 to 9999."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def whole_seconds(moment: datetime) -> datetime:
    """`moment` in UTC without its fraction of a second: how times are stored and shown."""
    return moment.astimezone(UTC).replace(microsecond=0)


def whole_seconds_from(moment: datetime) -> datetime:
    """The first whole second that is not before `moment`, in UTC; the last one that exists when there is none."""
    floor = whole_seconds(moment)
    if moment == floor:
        return floor
    latest = datetime.max.replace(microsecond=0, tzinfo=UTC)
    return floor if floor >= latest else floor + timedelta(seconds=1)
