"""Datetimes of filters, and whole seconds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import times
from app.errors import InvalidRequest


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.clause("WG1-02-2-03")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-01-31T00:00:00Z", utc(2025, 1, 31)),
        ("2025-01-31t00:00:00z", utc(2025, 1, 31)),
        ("2025-01-31T00:00:00.5Z", utc(2025, 1, 31, 0, 0, 0, 500_000)),
        ("2025-01-31T00:00:00.1234567899Z", utc(2025, 1, 31, 0, 0, 0, 123_456)),
        ("2025-01-31T00:00:00-06:00", utc(2025, 1, 31, 6)),
        ("2025-01-31T02:00:00+02:00", utc(2025, 1, 31)),
        ("2025-01-31T02:00:00 02:00", utc(2025, 1, 31)),
        ("2016-12-31T23:59:60Z", utc(2017, 1, 1)),
        ("2016-12-31T15:59:60-08:00", utc(2017, 1, 1)),
    ],
)
def test_a_filter_takes_every_rfc3339_datetime_and_a_plus_that_became_a_blank(text, moment):
    assert times.parse_datetime(text, field="after") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025-01-31",
        "2025-01-31T00:00:00",
        "2025-01-31 00:00:00Z",
        "2025-1-31T00:00:00Z",
        "2025-02-30T00:00:00Z",
        "2025-01-31T24:00:00Z",
        "2025-01-31T00:00:61Z",
        "2025-01-31T12:00:60Z",
        "2025-01-31T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "2025-01-31T00:00:00." + "1" * 5000 + "Z",
        "٢٠٢٥-01-31T00:00:00Z",
        "2025-01-31T00:00:00Z\n",
        "2025-01-31T00:00:00Z\x00",
    ],
)
def test_a_filter_that_is_no_datetime_is_refused_with_its_name(text):
    with pytest.raises(InvalidRequest) as refusal:
        times.parse_datetime(text, field="before")

    assert refusal.value.field == "before"
    assert "2025-01-31T00:00:00Z" in refusal.value.description


@given(st.text())
def test_no_text_breaks_a_filter(text):
    try:
        moment = times.parse_datetime(text, field="after")
    except InvalidRequest:
        return
    assert moment.utcoffset() == timedelta(0)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back(moment):
    assert times.parse_datetime(moment.isoformat(), field="after") == moment


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))  # noqa: DTZ001
def test_whole_seconds_lie_around_a_moment(moment):
    below, above = times.whole_seconds(moment), times.whole_seconds_from(moment)

    assert below <= moment <= above
    assert above - below <= timedelta(seconds=1)
    assert (below.microsecond, above.microsecond) == (0, 0)


def test_the_last_second_of_the_calendar_has_no_next():
    assert times.whole_seconds_from(datetime.max.replace(tzinfo=UTC)) == utc(9999, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(("text", "accepted"), [("2024-02-29", True), ("2025-02-29", False), ("2025-2-1", False)])
def test_a_date_is_a_full_date_that_exists(text, accepted):
    assert (times.read_date(text) is not None) is accepted
