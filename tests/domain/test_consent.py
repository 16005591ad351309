"""What users read about an authorization."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.catalog import Catalog
from app.catalog.model import AuthorizationDetailsField, Choice
from app.domain.consent import Line, day, day_and_time, in_words, scope_names
from tests.conftest import changed

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
"""Still the 22nd of November in Chicago."""


def a_field(**changes: Any) -> AuthorizationDetailsField:
    fields: dict[str, Any] = {
        "id": "thing",
        "name": "Thing",
        "description": "What it means.",
        "documentation": None,
        "for_types": ("ple_customer_data",),
        "format": "string",
        "is_required": False,
        "default": msgspec.UNSET,
        "maximum": msgspec.UNSET,
        "minimum": msgspec.UNSET,
        "choices": (),
        "looks_back": False,
        "extra": {},
    }
    return AuthorizationDetailsField(**(fields | changes))


def lines(catalog: Catalog, value: Any, **field: Any) -> tuple[Line, ...]:
    """The lines for an entry whose only field is this one."""
    scope = msgspec.structs.replace(
        catalog.scopes["ple_customer_data"], authorization_details_fields_supported=(a_field(**field),)
    )
    own = changed(catalog, scopes=catalog.scopes | {scope.id: scope})
    (part,) = in_words(own, scope.id, [{"type": scope.id, "thing": value}], authorized_at=NOW)
    return part.lines


CHOICES = (Choice("a", "First", "The first one.", None), Choice("b", "Second", "The second one.", None))


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        (12000, {"format": "int"}, ("12,000",)),
        (-3, {"format": "int", "looks_back": True}, ("-3",)),
        (Decimal("1234.50"), {"format": "decimal"}, ("1,234.50",)),
        (Decimal("1E-7"), {"format": "decimal"}, ("0.0000001",)),
        ("as it is <b>", {"format": "string"}, ("as it is <b>",)),
        ("", {"format": "string"}, ("Empty",)),
        (None, {"format": "string_or_null"}, ("None named",)),
        (["1", "2"], {"format": "string_list"}, ("1", "2")),
        ([], {"format": "string_list"}, ("None named",)),
        (None, {"format": "string_list_or_null"}, ("None named",)),
        (True, {"format": "boolean"}, ("Yes",)),
        (False, {"format": "boolean"}, ("No",)),
        ("a", {"format": "choice", "choices": CHOICES}, ("First",)),
        (["b"], {"format": "choice_list", "choices": CHOICES}, ("Second",)),
        (["a", "b"], {"format": "choice_list", "choices": CHOICES}, ("First", "Second")),
        ([], {"format": "choice_list", "choices": CHOICES}, ("None named",)),
        ("gone", {"format": "choice", "choices": CHOICES}, ("gone",)),
        ({"kty": "EC"}, {"format": "jwk_or_null"}, ("With an encryption key of the application",)),
        (None, {"format": "jwk_or_null"}, ("None named",)),
        ("P1M", {"format": "relative_or_absolute_date"}, ("22 December 2026",)),
        ("P1M", {"format": "relative_or_absolute_date", "looks_back": True}, ("22 October 2026",)),
        ("2027-01-31", {"format": "relative_or_absolute_date"}, ("31 January 2027",)),
        ("infinite", {"format": "relative_or_absolute_date"}, ("No end date",)),
        ("infinite", {"format": "relative_or_absolute_date", "looks_back": True}, ("Everything on record",)),
        ("P9999Y", {"format": "relative_or_absolute_date"}, ("No end date",)),
        ("PT2H", {"format": "relative_or_absolute_datetime"}, ("23 November 2026 at 00:30 CST",)),
        ("2027-07-01T12:00:00Z", {"format": "relative_or_absolute_datetime"}, ("1 July 2027 at 07:00 CDT",)),
    ],
)
def test_a_value_of_any_format_is_put_in_words(
    demo_catalog: Catalog, value: Any, field: dict[str, Any], words: tuple[str, ...]
) -> None:
    (line,) = lines(demo_catalog, value, **field)

    assert line.label == "Thing"
    assert line.values == words
    assert line.note.startswith("What it means.")


def test_the_only_chosen_one_brings_its_description(demo_catalog: Catalog) -> None:
    (line,) = lines(demo_catalog, "a", format="choice", choices=CHOICES)
    assert line.note == "What it means. The first one."


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("P1Y", "P1Y", "From 22 November 2025 until 22 November 2027"),
        ("2020-02-29", "2028-02-29", "From 29 February 2020 until 29 February 2028"),
        ("infinite", "P1Y", "Everything on record, until 22 November 2027"),
        ("P1Y", "infinite", "From 22 November 2025, with no end date"),
        ("infinite", "infinite", "Everything on record, with no end date"),
    ],
)
def test_one_date_back_and_one_ahead_make_a_period(demo_catalog: Catalog, start: str, end: str, words: str) -> None:
    """The day is that of the utility, not the one in UTC."""
    entry = {"type": "ple_customer_data", "start_date": start, "end_date": end}
    (part,) = in_words(demo_catalog, "ple_customer_data", [entry], authorized_at=NOW)

    assert part.lines[0].label == "Period"
    assert part.lines[0].values == (words,)
    assert part.ends


def test_what_was_not_asked_for_is_shown_with_its_default(demo_catalog: Catalog) -> None:
    (part,) = in_words(demo_catalog, "ple_customer_data", [], authorized_at=NOW)

    assert {line.label: line.values[0] for line in part.lines} == {
        "Period": "From 22 November 2025 until 22 November 2027",
        "Length of interval": "One hour",
        "Account numbers": "None named",
        "Include bills": "Yes",
        "Encryption key": "None named",
    }


def test_every_scope_and_every_entry_is_a_part_and_unknown_ones_are_not_hidden(demo_catalog: Catalog) -> None:
    entries = [
        {"type": "ple_customer_data", "interval": "hourly"},
        {"type": "ple_customer_data", "interval": "monthly", "of_old": {"a": 1}},
    ]
    parts = in_words(demo_catalog, "ple_customer_data gone ple_interconnection", entries, authorized_at=NOW)

    assert [part.name for part in parts] == ["Customer data", "Customer data", "gone", "Interconnection applications"]
    assert parts[1].lines[-1] == Line("of_old", ('{"a":1}',))
    assert not parts[2].lines
    assert not parts[3].ends
    assert scope_names(demo_catalog, "ple_customer_data gone") == ["Customer data", "gone"]


def test_moments_are_told_where_the_utility_is(demo_catalog: Catalog) -> None:
    assert day(NOW, demo_catalog) == "22 November 2026"
    assert day_and_time(NOW, demo_catalog) == "22 November 2026 at 22:30 CST"
