import json
from base64 import b64decode
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conformance import formats, samples
from app.conformance.details_samples import beyond, valid
from app.conformance.evidence import Blackener
from app.conformance.samples import NoSampleError, fields_of, largest, longest, read_value, submission, value_for

EVERY_FORMAT = [f"{name}{ending}" for name in samples.FORMATS for ending in ("", "_or_null")]
MAGIC = {"image": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1."}


@pytest.mark.parametrize("kind", EVERY_FORMAT)
def test_there_is_a_value_for_each_format(kind):
    value = value_for({"field_name": "cds_x", "format": kind})

    assert value is not None
    base = kind.removesuffix("_or_null")
    if base in MAGIC:
        assert b64decode(value, validate=True).startswith(MAGIC[base])
    elif base == "boolean":
        assert value is True
    elif base == "url":
        assert formats.is_url(value)


@pytest.mark.parametrize("kind", EVERY_FORMAT)
def test_wrong_values_are_there_for_each_format_and_null_is_wrong_only_without_or_null(kind):
    wrong = samples.wrong_values(kind)

    assert len(wrong) >= 2
    assert ("null" in wrong) == (not kind.endswith("_or_null"))
    assert json.dumps(value_for({"format": kind})) not in map(json.dumps, wrong.values())


def test_a_format_of_an_extension_needs_a_value_of_the_caller():
    fields = {"x": {"type": "registration_field", "field_name": "cds_x", "format": "vendor_thing"}}

    with pytest.raises(NoSampleError, match="give one with --field cds_x=VALUE"):
        submission(fields, ["x"], {})
    assert submission(fields, ["x"], {"cds_x": 7}) == {"cds_x": 7}
    assert submission(fields, ["x"], {"x": None}) == {"cds_x": None}


def test_only_what_is_submitted_with_a_registration_gets_a_value():
    fields = {
        "a": {"type": "registration_field", "field_name": "cds_a", "format": "string", "max_length": 5},
        "b": {"type": "online_form"},
    }

    assert submission(fields, ["a", "b", "unknown", "a"], {}) == {"cds_a": samples.TEXT[:5]}


def test_fields_are_collected_once_from_all_scopes_however_they_look():
    scopes = {
        "s": {"need": ["a", 7, "b"]},
        "t": {"need": ["b", "c"], "may": ["d"]},
        "u": "nonsense",
        "v": {"need": None},
    }

    assert fields_of(scopes, ["s", "t", "u", "v", "w"], "need") == ["a", "b", "c"]
    assert fields_of(scopes, ["t"], "need", "may") == ["b", "c", "d"]


@given(st.sampled_from(["string", "url", "email_or_null"]), st.integers(30, 3_000), st.integers(0, 1))
def test_a_text_at_the_limit_has_exactly_that_length(kind, limit, over):
    value = longest({"format": kind, "max_length": limit}, over)

    assert value is not None
    assert len(value) == limit + over
    if kind == "email_or_null":
        local, _, host = value.partition("@")
        assert len(local) <= 64
        assert all(0 < len(label) <= 63 for label in host.split("."))


@given(st.sampled_from(["image", "pdf_or_null"]), st.integers(1_200, 20_000), st.integers(0, 1))
def test_a_file_at_the_limit_has_exactly_that_size(kind, limit, over):
    value = largest({"format": kind, "max_size": limit}, over)

    assert value is not None
    content = b64decode(value, validate=True)
    assert len(content) == limit + over
    assert content.startswith(MAGIC[kind.removesuffix("_or_null")])


@pytest.mark.parametrize(
    "field", [{"format": "boolean", "max_length": 9}, {"format": "string"}, {"format": "url", "max_length": 3}]
)
def test_without_a_limit_that_can_be_tried_there_is_no_value_at_it(field):
    assert longest(field) is None
    assert largest(field) is None


def test_values_of_the_command_line_are_json_files_or_text(tmp_path):
    (tmp_path / "logo.png").write_bytes(samples.png())

    assert read_value("cds_a=true") == ("cds_a", True)
    assert read_value("cds_a=plain words") == ("cds_a", "plain words")
    assert read_value("cds_a=x=y") == ("cds_a", "x=y")
    assert b64decode(read_value(f"cds_a=@{tmp_path}/logo.png")[1]) == samples.png()
    for wrong in ("cds_a", "=x", f"cds_a=@{tmp_path}/none"):
        with pytest.raises(ValueError, match=r"NAME=VALUE|cannot be read"):
            read_value(wrong)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("2024-01-01T00:00:00Z", True),
        ("2024-01-01t00:00:00.123456789+05:30", True),
        ("2016-12-31T23:59:60Z", True),
        ("2024-01-01T00:00:00", False),
        ("2024-01-01 00:00:00Z", False),
        ("2024-02-30T00:00:00Z", False),
        ("2024-01-01T24:00:00Z", False),
        ("2024-01-01T00:00:00+0100", False),
        (1704067200, False),
        (None, False),
    ],
)
def test_datetimes_are_those_of_rfc_3339(value, right):
    assert formats.is_datetime(value) is right


@pytest.mark.parametrize(
    ("test", "right", "wrong"),
    [
        (formats.is_relative_date, ["P1D", "P3Y", "P1Y2M3D", "P2W", "infinite"], ["P", "PT1H", "P1DT1H", "P1D2Y", 7]),
        (formats.is_relative_datetime, ["PT0S", "P0S", "P1DT1H", "PT1M", "infinite"], ["P", "PT", "P1DT", "P1H", None]),
        (formats.is_url, ["https://a.example/x?y#z", "http://[::1]:1"], ["/x", "ftp://a", "https://", "https://a b"]),
        (formats.is_country, ["US", "DE", "XK"], ["us", "XX", "USA", None]),
        (formats.is_media_type, ["image/png", "application/geo+json; charset=utf-8"], ["png", "image/", "a b/c", None]),
        (formats.is_timezone, ["America/Chicago", "UTC"], ["", "Chicago", "../etc/passwd", 7, "/etc/localtime"]),
        (formats.is_integer, [0, -3], [True, "1", Decimal("1.0"), None]),
        (formats.is_number, [0, Decimal("1.5")], [True, "1", None]),
    ],
)  # fmt: skip
def test_notations_are_told_apart(test, right, wrong):
    assert [value for value in right if not test(value)] == []
    assert [value for value in wrong if test(value)] == []


def test_values_of_authorization_details_are_within_their_limits_or_just_over():
    number = {"format": "int", "minimum": 2, "maximum": 5}
    texts = {"format": "string_list", "minimum": 1, "maximum": 5}

    assert (valid(number), beyond(number)) == (2, 6)
    assert valid(texts) == ["a"]
    assert sum(map(len, beyond(texts))) == 6
    assert beyond({"format": "relative_or_absolute_date", "maximum": "P3Y"}) == "P4Y"
    assert beyond({"format": "int", "maximum": "infinite"}) is None
    assert valid({"format": "choice", "choices": [{"id": "x"}]}) == "x"
    assert valid({"format": "boolean", "default": False}) is False


def test_secrets_are_blackened_by_name_and_once_they_are_known_everywhere():
    black = Blackener()
    black.learn("s3cret-of-a-client", "short")

    assert black.text('{"client_secret":"abcdefghijkl","client_id":"abcdefghijkl"}') == (
        '{"client_secret":"abcd...","client_id":"abcdefghijkl"}'
    )
    assert black.text('{"access_token": "cut off in the midd') == '{"access_token": "cut ..."'
    assert black.text("https://a.example/cb?code=1234567890&state=x") == "https://a.example/cb?code=1234...&state=x"
    assert black.text("a short sentence about s3cret-of-a-client") == "a short sentence about s3cr..."
    form = black.body(b"token=1234567890&grant_type=x&client_secret=y", "application/x-www-form-urlencoded")
    assert "1234567890" not in form
    assert "grant_type=x" in form
    assert black.body(b"\0" * 9, "image/png") == "(9 bytes of image/png)"
    assert black.body(b"A" * 5_000, "application/json").endswith("...(5000 characters)")
    assert black.headers([("Authorization", "Basic abc"), ("Set-Cookie", "x=y"), ("X", "y")]) == (
        ("Authorization", "Basic ..."),
        ("Set-Cookie", "..."),
        ("X", "y"),
    )
