"""Authorization details entries: which are accepted, what of them is kept, and what an error says."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from app.catalog import load_catalog
from app.catalog.model import AuthorizationDetailsField, Scope
from app.domain import authorization_details
from app.domain.authorization_details import MAX_ENTRIES, in_effect, parse, refuse_missing_entries, scope_of, validate
from app.errors import InvalidAuthorizationDetails, InvalidClientMetadata, Refusal, ServerError
from app.schemas.encoding import decode, encode
from tests.domain.samples import CHICAGO, NOW, UTC_ZONE, choices, details_field, json_values, require_public_text, scope

KEY = {**ECKey.generate_key("P-256").as_dict(private=False), "use": "enc"}


def kept(entries: object, *fields: AuthorizationDetailsField, **changes: Any) -> list[dict[str, Any]]:
    arguments: dict[str, Any] = {"allowed_types": ["data"], "now": NOW, "timezone": UTC_ZONE} | changes
    return validate(entries, scopes={"data": scope(*fields)}, **arguments)


def kept_value(value: object, field: AuthorizationDetailsField, **changes: Any) -> Any:
    return kept([{"type": "data", "value": value}], field, **changes)[0]["value"]


def refusal_of(value: object, field: AuthorizationDetailsField, **changes: Any) -> Refusal:
    with pytest.raises(InvalidAuthorizationDetails) as refusal:
        kept_value(value, field, **changes)
    assert refusal.value.field == "authorization_details.0.value"
    require_public_text(refusal.value)
    return refusal.value


INT = details_field("int", minimum=1, maximum=100)
NEGATIVE = details_field("int", minimum=-1, maximum=-100, looks_back=True)
ENDLESS_INT = details_field("int", minimum=0, maximum="infinite")
ENDLESS_NEGATIVE = details_field("int", minimum=0, maximum="infinite", looks_back=True)
DECIMAL = details_field("decimal", minimum=Decimal("0.1"), maximum=Decimal("99.5"))
ENDLESS_DECIMAL = details_field("decimal", minimum=0, maximum="infinite")
STRING = details_field("string", minimum=1, maximum=5)
STRING_OR_NULL = details_field("string_or_null", minimum=0, maximum=5)
STRING_LIST = details_field("string_list", minimum=1, maximum=5)
EMPTY_LIST = details_field("string_list", minimum=0, maximum=5)
LIST_OR_NULL = details_field("string_list_or_null", minimum=0, maximum=5)
CHOICE = details_field("choice", choices=choices("hourly", "daily"))
CHOICES = details_field("choice_list", choices=choices("hourly", "daily"))
CHOICES_OR_NULL = details_field("choice_list_or_null", choices=choices("hourly", "daily"))
BOOLEAN = details_field("boolean")
JWK = details_field("jwk_or_null")
DATE = details_field("relative_or_absolute_date", minimum="P0D", maximum="P3Y")
ENDLESS_DATE = details_field("relative_or_absolute_date", minimum="P1D", maximum="infinite")
FIXED_DATE = details_field("relative_or_absolute_date", minimum="2025-01-01", maximum="2026-01-31")
PAST_DATE = details_field("relative_or_absolute_date", minimum="P0D", maximum="P3Y", looks_back=True)
DATETIME = details_field("relative_or_absolute_datetime", minimum="PT0S", maximum="P30DT2H")
PAST_DATETIME = details_field("relative_or_absolute_datetime", minimum="PT0S", maximum="infinite", looks_back=True)
EVERY_FIELD = [
    *(INT, NEGATIVE, ENDLESS_INT, ENDLESS_NEGATIVE, DECIMAL, ENDLESS_DECIMAL, STRING, STRING_OR_NULL, STRING_LIST),
    *(EMPTY_LIST, LIST_OR_NULL, CHOICE, CHOICES, CHOICES_OR_NULL, BOOLEAN, JWK, DATE, ENDLESS_DATE, FIXED_DATE),
    *(PAST_DATE, DATETIME, PAST_DATETIME),
]


@pytest.mark.clause("WG1-02-3.8-04", "WG1-02-3.9-02")
@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        (INT, [1, 50, 100], [0, 101, -5, True, "5", 5.0, Decimal("5.0"), None, [], {}]),
        (ENDLESS_INT, [0, 2**63 - 1], [-1, 2**63, 10**400]),
        (DECIMAL, [Decimal("0.1"), 5, Decimal("99.50")], [0, Decimal("99.51"), 0.5, "5", True, None, Decimal("NaN")]),
        (ENDLESS_DECIMAL, [0, Decimal("1E+900")], [Decimal("1E+5000"), Decimal(-1), Decimal("Infinity"), 10**2000]),
        (BOOLEAN, [True, False], [0, 1, "true", None]),
        (STRING, ["a", "äöü日本"], ["", "abcdef", None, 5, ["a"], "a\x00", "a\x1b", "\ud800"]),
        (STRING_OR_NULL, ["", "abcde", None], ["abcdef", 5]),
        (STRING_LIST, [["a"], ["ab", "cde"], ["", "a"]], [[], [""], ["abc", "def"], "abc", ["a", 5], None, ["\x00"]]),
        (EMPTY_LIST, [[], [""], ["abcde"]], [["abcdef"], [""] * 5000, None]),
        (LIST_OR_NULL, [None, [], ["a"]], ["a", [None]]),
    ],
)
def test_numbers_texts_and_booleans_have_their_json_type_and_stay_in_their_limits(field, accepted, refused):
    for value in accepted:
        assert kept_value(value, field) == value
    for value in refused:
        refusal_of(value, field)


@pytest.mark.clause("WG1-02-3.8-10")
def test_a_string_may_have_as_many_code_points_as_the_maximum_says():
    assert kept_value("😀" * 5, STRING) == "😀" * 5
    refusal_of("😀" * 6, STRING)


@pytest.mark.clause("WG1-02-3.8-11")
def test_the_lengths_of_a_list_of_strings_count_together():
    assert kept_value(["ab", "cde"], STRING_LIST) == ["ab", "cde"]
    refusal_of(["ab", "cdef"], STRING_LIST)


@pytest.mark.clause("WG1-02-3.8-14")
def test_a_negative_field_is_limited_from_its_minimum_down_to_its_maximum():
    assert [kept_value(value, NEGATIVE) for value in (-1, -50, -100)] == [-1, -50, -100]
    assert kept_value(-(10**15), ENDLESS_NEGATIVE) == -(10**15)
    for value in (0, -101, 50):
        refusal_of(value, NEGATIVE)
    refusal_of(1, ENDLESS_NEGATIVE)


@pytest.mark.clause("WG1-02-3.9-03")
def test_a_decimal_keeps_every_digit_from_the_request_to_the_answer():
    digits = "0.12345678901234567890123456789012345678901234567890"
    entries = parse(f'[{{"type": "data", "value": {digits}}}]')

    assert encode(kept(entries, DECIMAL)) == f'[{{"type":"data","value":{digits}}}]'.encode()


def test_an_integer_is_a_decimal_too_and_becomes_one():
    value = kept_value(5, DECIMAL)

    assert isinstance(value, Decimal)
    assert encode(value) == b"5"


@pytest.mark.clause("WG1-02-3.8-12", "WG1-02-3.8-14", "WG1-02-3.9-04")
@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        # NOW is 31 March 2025.
        (
            DATE,
            ["P0D", "P3Y", "P36M", "P156W", "2025-03-31", "2028-03-31"],
            [
                "infinite",
                "P3Y1D",
                "P37M",
                "2028-04-01",
                "2025-03-30",
                "2025-02-30",
                "P1DT1H",
                "PT0S",
                "P0S",
                "",
                5,
                None,
            ],
        ),
        (ENDLESS_DATE, ["P1D", "infinite", "P100Y", "9999-12-31"], ["P0D", "2025-03-31", "P9999Y", "P99999999999Y"]),
        (FIXED_DATE, ["P10M", "2025-01-01", "2026-01-31"], ["P11M", "2024-12-31", "2026-02-01", "infinite"]),
        (
            PAST_DATE,
            ["P0D", "P3Y", "2022-03-31", "2025-03-31"],
            ["P3Y1D", "2022-03-30", "2025-04-01", "infinite", "P99999999999Y"],
        ),
    ],
)
def test_a_date_lies_between_minimum_and_the_furthest_date_out(field, accepted, refused):
    for value in accepted:
        assert kept_value(value, field) == value
    for value in refused:
        refusal_of(value, field)


@pytest.mark.clause("WG1-02-3.8-13", "WG1-02-3.8-14", "WG1-02-3.9-05")
@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        # NOW is noon on 31 March 2025.
        (
            DATETIME,
            ["PT0S", "P30DT2H", "PT722H", "2025-03-31T12:00:00Z", "2025-03-31T07:00:00-05:00", "2025-04-30T14:00:00Z"],
            ["P30DT2H1S", "2025-04-30T14:00:00.001Z", "2025-03-31T11:59:59Z", "2025-04-01", "infinite", "now"],
        ),
        (
            PAST_DATETIME,
            ["PT0S", "P2000Y", "infinite", "2025-03-31T12:00:00Z", "0001-01-01T00:00:00Z"],
            ["2025-03-31T12:00:01Z", "P9999Y", "PT999999999999H"],
        ),
    ],
)
def test_a_datetime_lies_between_minimum_and_the_furthest_datetime_out(field, accepted, refused):
    for value in accepted:
        assert kept_value(value, field) == value
    for value in refused:
        refusal_of(value, field)


@pytest.mark.parametrize(
    ("field", "submitted", "strict"),
    [
        (DATETIME, "P0S", "PT0S"),
        (DATETIME, "2025-04-01t00:00:00z", "2025-04-01T00:00:00Z"),
        (DATETIME, "pt5m", "PT5M"),
        (DATE, "P1Y2D", "P1Y0M2D"),
    ],
)
def test_loose_spellings_of_dates_are_accepted_and_kept_strictly(field, submitted, strict):
    assert kept_value(submitted, field) == strict


@pytest.mark.clause("WG1-02-3.9-04")
def test_today_is_a_matter_of_the_time_zone_of_the_server():
    late = datetime(2025, 6, 2, 4, 0, tzinfo=UTC)

    assert kept_value("2025-06-01", DATE, now=late, timezone=CHICAGO) == "2025-06-01"
    refusal_of("2025-06-01", DATE, now=late)


@pytest.mark.clause("WG1-02-3.9-06", "WG1-02-3.10-02")
def test_a_choice_is_the_id_of_one_of_the_choices():
    assert kept_value("daily", CHOICE) == "daily"
    assert "hourly, daily" in refusal_of("weekly", CHOICE).description
    for value in (None, ["daily"], 1):
        refusal_of(value, CHOICE)


def test_a_list_of_choices_has_each_once_and_may_be_null_when_its_format_says_so():
    assert kept_value(["daily", "hourly", "daily"], CHOICES) == ["daily", "hourly"]
    assert kept_value([], CHOICES) == []
    assert kept_value(None, CHOICES_OR_NULL) is None
    for value in (None, "daily", ["weekly"], [["daily"]]):
        refusal_of(value, CHOICES)


@pytest.mark.clause("WG1-02-3.9-07", "WG1-02-2-01")
def test_a_key_is_a_public_encryption_key_or_null():
    assert kept_value(KEY, JWK) == KEY
    assert kept_value(None, JWK) is None
    for value in ({**KEY, "use": "sig"}, {**KEY, "d": "AAAA"}, {}, "key"):
        assert "use enc" in refusal_of(value, JWK).description


@pytest.mark.clause("RFC9396-5-01")
@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ({"type": "data"}, "authorization_details"),
        (None, "authorization_details"),
        ("data", "authorization_details"),
        ([{"type": "data", "value": 5}] * (MAX_ENTRIES + 1), "authorization_details"),
        ([5], "authorization_details.0"),
        ([{}], "authorization_details.0.type"),
        ([{"type": None}], "authorization_details.0.type"),
        ([{"type": "data", "value": 5}, {"type": "other"}], "authorization_details.1.type"),
        ([{"type": "data"}], "authorization_details.0.value"),
        ([{"type": "data", "value": "x"}], "authorization_details.0.value"),
        ([{"type": "data", "value": 5, "locations": []}], "authorization_details.0.locations"),
        ([{"type": "data", "value": 5, 'a"\\b': []}], "authorization_details.0"),
        ([{"type": "data", "value": 5, "x" * 500: []}], "authorization_details.0"),
    ],
)
def test_what_is_wrong_is_named_in_dotted_form(entries, field):
    with pytest.raises(InvalidAuthorizationDetails) as refusal:
        kept(entries, INT)

    assert refusal.value.field == field
    require_public_text(refusal.value)


@pytest.mark.clause("RFC9396-5-01")
def test_a_type_that_the_client_does_not_have_is_refused_like_an_unknown_one():
    for allowed in (["other"], []):
        with pytest.raises(InvalidAuthorizationDetails) as refusal:
            kept([{"type": "data", "value": 5}], INT, allowed_types=allowed)
        assert refusal.value.field == "authorization_details.0.type"


def test_a_scope_without_types_has_no_entries():
    plain = Scope(id="plain", type="plain", name="plain", description="plain")

    with pytest.raises(InvalidAuthorizationDetails):
        validate([{"type": "plain"}], scopes={"plain": plain}, allowed_types=["plain"], now=NOW, timezone=UTC_ZONE)


def test_the_endpoint_says_which_error_it_is_and_where_the_list_stands():
    with pytest.raises(InvalidClientMetadata) as refusal:
        kept([{"type": "data"}], INT, refusal=InvalidClientMetadata, field="cds_default_authorization_details")

    assert refusal.value.field == "cds_default_authorization_details.0.value"


@pytest.mark.clause("WG1-02-3.8-05", "RFC9396-5-01")
def test_a_required_field_has_to_be_there_and_the_error_says_what_it_takes():
    with pytest.raises(InvalidAuthorizationDetails) as refusal:
        kept([{"type": "data"}], INT)

    assert (
        refusal.value.description == "authorization_details.0.value is required and must be an integer from 1 to 100."
    )


def test_an_optional_field_that_is_missing_has_its_default():
    fields = [details_field("int", "a", default=7), details_field("string_list", "b", default=[])]

    assert kept([{"type": "data"}], *fields) == [{"type": "data", "a": 7, "b": []}]
    assert kept([{"type": "data", "a": 1, "b": ["x"]}], *fields) == [{"type": "data", "a": 1, "b": ["x"]}]


def test_a_default_is_the_requests_own_copy():
    field = details_field("string_list", "b", default=[])
    kept([{"type": "data"}], field)[0]["b"].append("x")

    assert field.default == []


def test_a_default_that_a_client_left_null_is_not_filled_in():
    field = details_field("string_or_null", minimum=0, maximum=5, default="x")

    assert kept_value(None, field) is None


def test_a_limit_that_is_none_is_our_own_error():
    with pytest.raises(ServerError):
        kept_value("P1D", details_field("relative_or_absolute_date", minimum="soon", maximum="P1Y"))
    with pytest.raises(ServerError):
        kept_value("P1D", details_field("period"))


@pytest.mark.clause("RFC9396-5-01")
@pytest.mark.parametrize(
    "raw",
    [
        "",
        "null",
        "{}",
        "[5]",
        "[{}]",
        '[{"type": 5}]',
        '{"type": "data"}',
        "[",
        "[" * 100_000,
        '[{"type": "data", "value": 1e99999999999999999999}]',
        '[{"type": "\ud800"}]',
        '[{"type": "\\ud800"}]',
        " " * 300_000 + "[]",
        '[{"type": "data"}] x',
    ],
)
def test_a_parameter_that_is_no_list_of_typed_objects_is_refused(raw):
    with pytest.raises(InvalidAuthorizationDetails) as refusal:
        parse(raw)

    assert (refusal.value.field or "").startswith("authorization_details")
    require_public_text(refusal.value)


def test_the_parameter_is_read_as_json_with_decimals():
    assert parse('[{"type": "data", "value": 0.10}]') == [{"type": "data", "value": Decimal("0.10")}]
    assert parse("[]") == []


def test_the_scope_of_entries_is_each_of_their_types_once():
    assert scope_of([]) == ""
    assert scope_of([{"type": "b"}, {"type": "a"}, {"type": "b"}]) == "b a"


def test_a_scope_without_an_entry_is_in_effect_with_its_defaults():
    optional = scope(details_field("int", "value", default=7))
    scopes = {"data": optional, "plain": Scope(id="plain", type="plain", name="", description="")}

    assert in_effect([], "plain data unknown", scopes) == [{"type": "data", "value": 7}]
    assert in_effect([{"type": "data", "value": 1}], "data", scopes) == [{"type": "data", "value": 1}]
    assert in_effect([], "data", {"data": scope(INT)}) == []


@pytest.mark.clause("WG1-02-3.8-05")
def test_a_scope_with_a_required_field_needs_an_entry():
    scopes = {"data": scope(INT)}

    refuse_missing_entries([{"type": "data", "value": 5}], "data other", scopes)
    refuse_missing_entries([], "other", scopes)
    with pytest.raises(InvalidAuthorizationDetails) as refusal:
        refuse_missing_entries([], "data", scopes)
    assert "type data with: value" in refusal.value.description


def test_the_defaults_of_the_demo_catalog_are_values_that_a_client_could_send():
    catalog = load_catalog(None)
    defaults = in_effect([], " ".join(catalog.scopes), catalog.scopes)

    again = validate(
        decode(encode(defaults)),
        scopes=catalog.scopes,
        allowed_types=list(catalog.scopes),
        now=NOW,
        timezone=ZoneInfo(catalog.server.timezone),
    )

    assert defaults
    assert again == defaults


values = (
    json_values
    | st.integers(-120, 120)
    | st.decimals(allow_nan=True)
    | st.floats()
    | st.lists(st.text(max_size=3), max_size=3)
    | st.sampled_from(["hourly", "daily"])
    | st.dates(date(2021, 1, 1), date(2029, 1, 1)).map(date.isoformat)
    | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    | st.from_regex(r"P[0-9]{1,3}[YMWD](T[0-9]{1,12}[HMS])?", fullmatch=True)
    | st.just(KEY)
)


@given(st.sampled_from(EVERY_FIELD), values, st.integers(0, 10**6))
def test_any_value_is_refused_or_kept_in_a_form_that_is_valid_again(field, value, minutes):
    now = NOW + timedelta(minutes=minutes)
    try:
        entries = kept([{"type": "data", "value": value}], field, now=now, timezone=CHICAGO)
    except InvalidAuthorizationDetails as refusal:
        require_public_text(refusal)
        return

    assert kept(entries, field, now=now, timezone=CHICAGO) == entries
    assert kept(decode(encode(entries)), field, now=now, timezone=CHICAGO) == entries


@given(st.lists(st.dictionaries(st.sampled_from(["type", "value", "x"]), json_values)) | json_values)
def test_any_json_is_kept_or_refused(entries):
    try:
        kept(entries, ENDLESS_INT)
    except InvalidAuthorizationDetails as refusal:
        require_public_text(refusal)


@given(st.text() | json_values.map(lambda value: encode(value).decode()))
def test_any_parameter_is_parsed_or_refused(raw):
    try:
        entries = parse(raw)
    except InvalidAuthorizationDetails as refusal:
        require_public_text(refusal)
        return
    assert all(isinstance(entry["type"], str) for entry in entries)
    assert authorization_details.scope_of(entries) is not None
