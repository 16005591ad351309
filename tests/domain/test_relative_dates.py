"""Relative dates of authorization details: their grammar, and where they lead in the calendar."""

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.relative_dates import (
    Clock,
    Duration,
    OutOfCalendar,
    parse_duration,
    reach,
    resolve_date,
    resolve_datetime,
    shift_date,
    shift_datetime,
)
from tests.domain.samples import CHICAGO, NOW, UTC_ZONE

RFC3339 = re.compile(
    r"P(?:[0-9]+W|(?:[0-9]+D|[0-9]+M(?:[0-9]+D)?|[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?)"
    r"(?:T(?:[0-9]+S|[0-9]+M(?:[0-9]+S)?|[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?))?"
    r"|T(?:[0-9]+S|[0-9]+M(?:[0-9]+S)?|[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?))"
)


def duration(text: str) -> Duration:
    parsed = parse_duration(text)
    assert parsed is not None
    return parsed


@pytest.mark.clause("WG1-02-2-03")
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("P3Y", "P3Y"),
        ("P0D", "P0D"),
        ("P2W", "P2W"),
        ("P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6S"),
        ("P30DT2H", "P30DT2H"),
        ("P1YT5M", "P1YT5M"),
        ("p3y", "P3Y"),
        ("P0S", "PT0S"),
        ("PT0S", "PT0S"),
        ("P1Y2D", "P1Y0M2D"),
        ("PT1H5S", "PT1H0M5S"),
    ],
)
def test_durations_are_read_with_tolerance_and_written_strictly(text, written):
    assert duration(text).text == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1",
        "1Y",
        "P1H",
        "P1S",
        "P1DT",
        "P1M1Y",
        "P1W1D",
        "P-1D",
        "-P1D",
        "P1.5D",
        "P1Y ",
        "P٣Y",
        "PT1D",
        "P99999999999999Y",
        "P" + "0" * 5000 + "D",
    ],
)
def test_what_is_no_duration_is_not_read(text):
    assert parse_duration(text) is None


@given(st.from_regex(re.compile(RFC3339.pattern, re.ASCII), fullmatch=True))
def test_every_rfc3339_duration_of_a_sane_length_is_read_and_kept(text):
    parsed = parse_duration(text)

    if parsed is not None:
        assert parsed.text == text
    else:
        assert len(text) > 64 or re.search(r"[0-9]{13}", text)


@given(st.text(alphabet="PTYMWDHS0123456789") | st.text())
def test_what_is_written_is_always_a_strict_duration(text):
    parsed = parse_duration(text)

    if parsed is not None:
        assert RFC3339.fullmatch(parsed.text)
        assert parse_duration(parsed.text) == parsed


@pytest.mark.parametrize(
    ("start", "text", "forwards", "backwards"),
    [
        (date(2025, 1, 31), "P1M", date(2025, 2, 28), date(2024, 12, 31)),
        (date(2024, 1, 31), "P1M", date(2024, 2, 29), date(2023, 12, 31)),
        (date(2024, 2, 29), "P1Y", date(2025, 2, 28), date(2023, 2, 28)),
        (date(2024, 2, 29), "P4Y", date(2028, 2, 29), date(2020, 2, 29)),
        (date(2025, 5, 31), "P3M", date(2025, 8, 31), date(2025, 2, 28)),
        (date(2025, 12, 31), "P2M1D", date(2026, 3, 1), date(2025, 10, 30)),
        (date(2025, 3, 1), "P2W", date(2025, 3, 15), date(2025, 2, 15)),
        (date(2025, 3, 1), "P0D", date(2025, 3, 1), date(2025, 3, 1)),
    ],
)
def test_months_and_years_stop_at_the_last_day_of_the_month(start, text, forwards, backwards):
    assert shift_date(start, duration(text)) == forwards
    assert shift_date(start, duration(text), backwards=True) == backwards


@pytest.mark.parametrize("text", ["P9999Y", "P99999999999Y", "P999999999999M", "P999999999999D", "PT999999999999H"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_huge_duration_leads_out_of_the_calendar(text, backwards):
    with pytest.raises(OutOfCalendar):
        shift_datetime(Clock(NOW, CHICAGO), duration(text), backwards=backwards)


@pytest.mark.clause("WG1-02-3.9-05")
@pytest.mark.parametrize(
    ("now", "text", "backwards", "moment"),
    [
        # 9 March 2025, 02:00: clocks in Chicago go from 02:00 to 03:00.
        (datetime(2025, 3, 8, 18, tzinfo=UTC), "P1D", False, datetime(2025, 3, 9, 17, tzinfo=UTC)),
        (datetime(2025, 3, 8, 18, tzinfo=UTC), "PT24H", False, datetime(2025, 3, 9, 18, tzinfo=UTC)),
        # 02:30 does not exist on that day: it is taken as 03:30.
        (datetime(2025, 3, 8, 8, 30, tzinfo=UTC), "P1D", False, datetime(2025, 3, 9, 8, 30, tzinfo=UTC)),
        # 2 November 2025, 02:00: they go back to 01:00.
        (datetime(2025, 11, 3, 18, tzinfo=UTC), "P2D", True, datetime(2025, 11, 1, 17, tzinfo=UTC)),
        (datetime(2025, 1, 31, 12, tzinfo=UTC), "P1MT1H", False, datetime(2025, 2, 28, 13, tzinfo=UTC)),
        (datetime(2025, 1, 31, 12, tzinfo=UTC), "P1DT1H", True, datetime(2025, 1, 30, 11, tzinfo=UTC)),
        (datetime(2025, 1, 31, 12, tzinfo=UTC), "PT0S", False, datetime(2025, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_days_keep_the_wall_clock_of_the_server_and_hours_are_elapsed_time(now, text, backwards, moment):
    assert shift_datetime(Clock(now, CHICAGO), duration(text), backwards=backwards) == moment


@pytest.mark.clause("WG1-02-3.9-04")
@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2025, 6, 2, 4, 59, 59, tzinfo=UTC), date(2025, 6, 1)),
        (datetime(2025, 6, 2, 5, 0, 0, tzinfo=UTC), date(2025, 6, 2)),
    ],
)
def test_the_current_date_is_the_one_in_the_time_zone_of_the_server(now, day):
    assert resolve_date("P0D", Clock(now, CHICAGO), backwards=False) == ("P0D", day)


@pytest.mark.clause("WG1-02-2-02")
@pytest.mark.parametrize("text", ["PT1H", "P1DT1H", "PT0S", "P0S", "PT5M", "P1H"])
def test_a_relative_date_has_no_hours_minutes_or_seconds(text):
    assert resolve_date(text, Clock(NOW, CHICAGO), backwards=False) is None


def test_a_relative_date_may_have_months():
    assert resolve_date("P3M", Clock(NOW, UTC_ZONE), backwards=False) == ("P3M", date(2025, 6, 30))


@given(
    st.datetimes(timezones=st.just(UTC), min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001
    st.text(alphabet="PTYMWDHS0123456789-:Z.") | st.from_regex(RFC3339, fullmatch=True),
    st.booleans(),
)
def test_no_text_and_no_moment_break_the_arithmetic(now, text, backwards):
    clock = Clock(now, CHICAGO)

    for resolve in (resolve_date, resolve_datetime):
        try:
            resolved = resolve(text, clock, backwards=backwards)
        except OutOfCalendar:
            continue
        if resolved is not None and resolved[1] is not None:
            reach(resolved[1], backwards=backwards)
