"""Which changes of authorization details only take access away, and which dates are in effect."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.authorization_details import in_effect
from app.domain.authorization_details_changes import is_reduction, resolve
from tests.domain.samples import CHICAGO, NOW, UTC_ZONE, choices, details_field, scope

FIELDS = [
    details_field("int", "days", minimum=1, maximum=100, default=100),
    details_field("int", "below", minimum=-1, maximum=-100, looks_back=True, default=-1),
    details_field("decimal", "share", minimum=0, maximum="infinite", default=Decimal("1.00000000000000000001")),
    details_field("decimal", "debt", minimum=0, maximum=-10, looks_back=True, default=0),
    details_field("string", "file_id", minimum=0, maximum=1000, default=""),
    details_field("string_list", "accounts", minimum=0, maximum=1000, default=[]),
    details_field("boolean", "bills", default=False),
    details_field("choice", "interval", choices=choices("hourly", "daily"), default="hourly"),
    details_field("relative_or_absolute_date", "until", minimum="P0D", maximum="infinite", default="P1Y"),
    details_field(
        "relative_or_absolute_date", "since", minimum="P0D", maximum="infinite", default="P1Y", looks_back=True
    ),
    details_field("relative_or_absolute_datetime", "moment", minimum="PT0S", maximum="infinite", default="PT0S"),
    details_field("jwk_or_null", "key", default=None),
]
SCOPES = {"data": scope(*FIELDS)}


def entry(**values: Any) -> dict[str, Any]:
    return {"type": "data"} | {field.id: field.default for field in FIELDS} | values


def reduces(old: list[dict[str, Any]], new: list[dict[str, Any]], **changes: Any) -> bool:
    return is_reduction(old, new, **({"scopes": SCOPES, "now": NOW, "timezone": UTC_ZONE} | changes))


@pytest.mark.parametrize(
    ("field", "wide", "narrow"),
    [
        ("days", 100, 99),
        ("below", -100, -99),
        (
            "share",
            Decimal("1.00000000000000000000000000000000000002"),
            Decimal("1.00000000000000000000000000000000000001"),
        ),
        ("share", Decimal(5), 4),
        (
            "debt",
            Decimal("-1.0000000000000000000000000000000000002"),
            Decimal("-1.0000000000000000000000000000000000001"),
        ),
        ("accounts", ["a", "b"], ["b"]),
        ("until", "P2Y", "P1Y"),
        ("until", "infinite", "P100Y"),
        ("until", "P1Y", "2026-03-30"),
        ("until", "2026-04-01", "P1Y"),
        ("since", "P2Y", "P1Y"),
        ("since", "infinite", "2000-01-01"),
        ("since", "P1Y", "2024-04-01"),
        ("moment", "P1D", "PT23H"),
        ("moment", "PT1H", "2025-03-31T12:59:59Z"),
    ],
)
def test_a_value_nearer_to_minimum_is_a_reduction_and_the_reverse_is_not(field, wide, narrow):
    assert reduces([entry(**{field: wide})], [entry(**{field: narrow})])
    assert not reduces([entry(**{field: narrow})], [entry(**{field: wide})])


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("file_id", "a", "b"),
        ("bills", True, False),
        ("interval", "hourly", "daily"),
        ("accounts", ["a"], ["b"]),
        ("accounts", ["a"], []),
        ("key", {"kty": "EC"}, None),
    ],
)
def test_values_that_cannot_be_compared_are_no_reduction_in_either_direction(field, one, other):
    assert not reduces([entry(**{field: one})], [entry(**{field: other})])
    if other:
        assert not reduces([entry(**{field: other})], [entry(**{field: one})])


def test_removing_an_entry_is_a_reduction_and_adding_one_is_not():
    first, second = entry(file_id="a"), entry(file_id="b")

    assert reduces([first, second], [second])
    assert reduces([first, second], [])
    assert reduces([first], [first, first])
    assert not reduces([first], [first, second])
    assert not reduces([], [first])


def test_one_narrower_value_does_not_make_up_for_a_wider_one():
    assert not reduces([entry(days=50, until="P1Y")], [entry(days=10, until="P2Y")])
    assert reduces([entry(days=10, until="P2Y"), entry(days=50, until="P1Y")], [entry(days=50, until="P1D")])
    assert not reduces([entry(days=10, until="P2Y"), entry(days=50, until="P1Y")], [entry(days=50, until="P2Y")])


def test_removing_the_entry_of_a_scope_that_stays_counts_as_what_its_defaults_open():
    narrow, default = entry(days=5), entry()

    assert not reduces([narrow], in_effect([], "data", SCOPES))
    assert reduces(in_effect([], "data", SCOPES), [narrow])
    assert reduces([default], in_effect([], "data", SCOPES))


def test_an_entry_with_another_set_of_fields_or_of_an_unknown_type_only_equals_itself():
    unknown = {"type": "gone", "days": 5}

    assert reduces([unknown], [unknown])
    assert not reduces([unknown], [{"type": "gone", "days": 4}])
    assert not reduces([entry()], [{"type": "data", "days": 1}])


def test_an_old_value_that_the_catalog_no_longer_understands_is_not_compared():
    assert not reduces([entry(until="next year")], [entry(until="P1D")])
    assert not reduces([entry(days="many")], [entry(days=1)])


@given(
    st.fixed_dictionaries(
        {
            "days": st.integers(1, 100),
            "below": st.integers(-100, -1),
            "accounts": st.lists(st.sampled_from("abc")),
            "until": st.sampled_from(["P0D", "P1Y", "P3M", "infinite", "2026-01-01"]),
            "since": st.sampled_from(["P0D", "P1Y", "P3M", "infinite", "2024-01-01"]),
        }
    ),
    st.integers(1, 100),
)
def test_every_entry_lies_within_itself_and_narrowing_is_one_way(values, days):
    old, new = entry(**values), entry(**values | {"days": days})

    assert reduces([old], [old])
    assert reduces([old], [new]) is (days <= values["days"])


@pytest.mark.clause("WG1-02-3.9-04", "WG1-02-3.9-05")
def test_dates_in_effect_count_from_the_authorization():
    late = datetime(2025, 6, 2, 4, 30, tzinfo=UTC)
    entries = [entry(until="P1Y", since="P3M", moment="P30DT2H")]

    resolved = resolve(entries, scopes=SCOPES, authorized_at=late, timezone=CHICAGO)[0]

    assert (resolved["until"], resolved["since"]) == ("2026-06-01", "2025-03-01")
    assert resolved["moment"] == "2025-07-02T06:30:00Z"
    assert entries == [entry(until="P1Y", since="P3M", moment="P30DT2H")]


def test_absolute_and_endless_dates_are_in_effect_as_they_are():
    one = entry(until="infinite", since="2020-01-01", moment="2026-01-01T00:00:00+01:00")

    resolved = resolve([one, {"type": "gone", "until": "P1Y"}], scopes=SCOPES, authorized_at=NOW, timezone=UTC_ZONE)

    assert resolved == [one | {"moment": "2025-12-31T23:00:00Z"}, {"type": "gone", "until": "P1Y"}]


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_what_is_in_effect_reaches_exactly_as_far_as_what_was_submitted(authorized_at):
    entries = [entry(until="P5Y", since="P1M", moment="P1DT1H")]
    resolved = resolve(entries, scopes=SCOPES, authorized_at=authorized_at, timezone=CHICAGO)

    arguments: dict[str, Any] = {"now": authorized_at, "timezone": CHICAGO}
    assert reduces(entries, resolved, **arguments)
    assert reduces(resolved, entries, **arguments)
    arguments["now"] = authorized_at + timedelta(days=400)
    assert not reduces(resolved, entries, **arguments)
