"""Relative and absolute dates and datetimes of authorization details (CDS-WG1-02 2 and 3.9).

A relative value is an RFC 3339 Appendix A duration and counts from the moment of the authorization, in the time zone
of the server: forwards, or backwards for a field that looks back. Years and months keep the day of the month and stop
at the month's last day; days and weeks keep the wall clock over a change of clocks; hours, minutes and seconds are
elapsed time.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.domain import times

INFINITE = "infinite"
"""The value that stands for no limit."""

_MAX_TEXT = 64
_MONTHS_PER_YEAR = 12
_LAST_DAY = date.max.toordinal()

# More digits than fit between the years 1 and 9999 are not worth reading: 12 are enough for all its seconds.
_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,12})W|(?=[0-9T])"
    r"(?:(?P<years>[0-9]{1,12})Y)?(?:(?P<months>[0-9]{1,12})M)?(?:(?P<days>[0-9]{1,12})D)?"
    r"(?P<time>T(?=[0-9])(?:(?P<hours>[0-9]{1,12})H)?(?:(?P<minutes>[0-9]{1,12})M)?(?:(?P<seconds>[0-9]{1,12})S)?)?)",
    re.IGNORECASE,
)
_DATE_PARTS = (("years", "Y"), ("months", "M"), ("days", "D"))
_TIME_PARTS = (("hours", "H"), ("minutes", "M"), ("seconds", "S"))


class OutOfCalendar(Exception):
    """A relative value leads out of the years 1 to 9999."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What relative values are relative to: a moment, and the `cds_timezone` that says which day and time it is."""

    now: datetime
    timezone: ZoneInfo


class Duration(NamedTuple):
    """An RFC 3339 duration; `text` is how we write it."""

    months: int
    days: int
    seconds: int
    has_time: bool
    text: str


class Reach(NamedTuple):
    """How far out a value is, in the direction of its field: compares like the value does.

    `amount` counts days of dates and microseconds of datetimes.
    """

    is_infinite: bool
    amount: int


ENDLESS = Reach(is_infinite=True, amount=0)


def parse_duration(text: str) -> Duration | None:
    """Read a duration; None when it is none.

    `P0S`, which the spec uses in an example although its grammar wants `PT0S`, is accepted and written `PT0S`
    (ambiguities H3). A gap as in `P1Y2D`, which ISO 8601 has and RFC 3339 has not, is accepted and closed: `P1Y0M2D`.
    """
    if len(text) > _MAX_TEXT:
        return None
    match = _DURATION.fullmatch("PT0S" if text.upper() == "P0S" else text)
    if match is None:
        return None
    number = {name: int(digits) for name, digits in match.groupdict().items() if digits and name != "time"}
    return Duration(
        months=number.get("years", 0) * _MONTHS_PER_YEAR + number.get("months", 0),
        days=number.get("weeks", 0) * 7 + number.get("days", 0),
        seconds=number.get("hours", 0) * 3600 + number.get("minutes", 0) * 60 + number.get("seconds", 0),
        has_time=match["time"] is not None,
        text=_written(match),
    )


def _written(match: re.Match[str]) -> str:
    if match["weeks"] is not None:
        return f"P{match['weeks']}W"
    time = _without_gaps(match, _TIME_PARTS)
    return "P" + _without_gaps(match, _DATE_PARTS) + (f"T{time}" if time else "")


def _without_gaps(match: re.Match[str], parts: tuple[tuple[str, str], ...]) -> str:
    given = [place for place, (name, _) in enumerate(parts) if match[name] is not None]
    if not given:
        return ""
    return "".join((match[name] or "0") + letter for name, letter in parts[given[0] : given[-1] + 1])


def shift_date(start: date, duration: Duration, *, backwards: bool = False) -> date:
    """The day that is `duration` after `start`, or before it.

    Raises:
        OutOfCalendar: There is no such day.
    """
    sign = -1 if backwards else 1
    year, month = divmod(start.year * _MONTHS_PER_YEAR + start.month - 1 + sign * duration.months, _MONTHS_PER_YEAR)
    if not date.min.year <= year <= date.max.year:
        raise OutOfCalendar
    day = min(start.day, monthrange(year, month + 1)[1])
    ordinal = date(year, month + 1, day).toordinal() + sign * duration.days
    if not 1 <= ordinal <= _LAST_DAY:
        raise OutOfCalendar
    return date.fromordinal(ordinal)


def shift_datetime(clock: Clock, duration: Duration, *, backwards: bool = False) -> datetime:
    """The moment, in UTC, that is `duration` after the one of `clock`, or before it.

    Raises:
        OutOfCalendar: There is no such moment.
    """
    try:
        moment = clock.now.astimezone(UTC)
        if duration.months or duration.days:
            local = clock.now.astimezone(clock.timezone)
            day = shift_date(local.date(), duration, backwards=backwards)
            moment = local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)
        elapsed = timedelta(seconds=duration.seconds)
        return moment - elapsed if backwards else moment + elapsed
    except OverflowError as error:
        raise OutOfCalendar from error


def resolve_date(text: str, clock: Clock, *, backwards: bool) -> tuple[str, date | None] | None:
    """How we write a relative or absolute date, and the day it means (None for `infinite`).

    Returns None when `text` is no such date; a relative one must not have a time part (`P1DT1H`).

    Raises:
        OutOfCalendar: It is relative and leads out of the calendar.
    """
    if text == INFINITE:
        return text, None
    day = times.read_date(text)
    if day is not None:
        return text, day
    duration = parse_duration(text)
    if duration is None or duration.has_time:
        return None
    today = clock.now.astimezone(clock.timezone).date()
    return duration.text, shift_date(today, duration, backwards=backwards)


def resolve_datetime(text: str, clock: Clock, *, backwards: bool) -> tuple[str, datetime | None] | None:
    """How we write a relative or absolute datetime, and the moment in UTC that it means (None for `infinite`).

    Returns None when `text` is no such datetime.

    Raises:
        OutOfCalendar: It is relative and leads out of the calendar.
    """
    if text == INFINITE:
        return text, None
    moment = times.read_datetime(text)
    if moment is not None:
        return text.upper(), moment
    duration = parse_duration(text)
    if duration is None:
        return None
    return duration.text, shift_datetime(clock, duration, backwards=backwards)


def reach(value: date | None, *, backwards: bool) -> Reach:
    """How far out a resolved date or datetime is; None is endless."""
    if value is None:
        return ENDLESS
    amount = _microseconds(value) if isinstance(value, datetime) else value.toordinal()
    return Reach(is_infinite=False, amount=-amount if backwards else amount)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime.min.replace(tzinfo=UTC)) // timedelta(microseconds=1)
