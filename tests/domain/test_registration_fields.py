"""Registration field values in all formats of CDS-WG1-02 3.7."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from app.catalog.model import RegistrationField
from app.domain.email_addresses import is_email
from app.domain.registration_fields import Submitted, validate, validate_update
from app.errors import InvalidClientMetadata, ServerError
from tests.domain.samples import PDF, base64, jpeg, json_values, png, registration_field, require_public_text

FORMATS = ["string", "url", "email", "boolean", "image", "pdf"]


def submit(value: object, field: RegistrationField) -> Submitted:
    return validate({"cds_field": value}, fields={"field": field}, required=["field"], optional=[])


def kept(value: object, field: RegistrationField) -> Any:
    return submit(value, field).values["cds_field"]


def refusal_of(value: object, field: RegistrationField) -> InvalidClientMetadata:
    with pytest.raises(InvalidClientMetadata) as refusal:
        submit(value, field)
    assert refusal.value.field == "cds_field"
    require_public_text(refusal.value)
    return refusal.value


@pytest.mark.clause("WG1-02-3.5-04")
@pytest.mark.parametrize(
    ("format_", "accepted", "refused"),
    [
        pytest.param(
            "string",
            ["", "Company", "Zeile 1\nZeile 2", "日本"],
            [5, True, ["x"], {}, "a\x00", "\x1b[31m", "\ud800", "x" * 10_001],
            marks=pytest.mark.clause("WG1-02-3.7-02"),
        ),
        pytest.param(
            "url",
            [
                "https://example.com",
                "http://example.com:8080/a/b?c=d#e",
                "https://[2001:db8::1]/",
                "HTTPS://EXAMPLE.com",
            ],
            [
                "not a url",
                "",
                "/path",
                "//example.com",
                "ftp://example.com",
                "javascript:alert(1)",
                "https://",
                5,
                True,
                "https://exa mple.com",
                "https://example.com/\n",
                "https://example.com/%zz",
                "https://exämple.com",
                "https://example.com:99999",
                "https://example.com:0",
                "https://256.1.1.1/",
                "https://[::1",
                "https://-a.com",
                "https://a..com",
                "https://example.com\\@evil.com",
                "https://example.com/" + "a" * 2048,
            ],
            marks=pytest.mark.clause("WG1-02-3.7-03"),
        ),
        pytest.param(
            "email",
            ["a@example.com", "first.last+tag@sub.example.co.uk", "o'neil@xn--exmple-cua.de"],
            [
                "x@",
                "@example.com",
                "a@b",
                "a b@example.com",
                "a@example..com",
                "a@-example.com",
                ".a@example.com",
                5,
                "a.@example.com",
                "a@example.com\n",
                "Name <a@example.com>",
                "a@[127.0.0.1]",
                "a@1.2.3.4",
                "a@b@example.com",
                "x" * 65 + "@example.com",
                "a@" + "b" * 64 + ".com",
                "a@example.com,b@example.com",
                "ä@example.com",
                "",
                "a@" + "bcd." * 70 + "com",
            ],
            marks=pytest.mark.clause("WG1-02-3.7-04"),
        ),
        pytest.param(
            "boolean",
            [True, False],
            ["true", 0, 1, "", []],
            marks=pytest.mark.clause("WG1-02-3.7-05"),
        ),
    ],
)
def test_a_value_has_to_be_what_the_format_says(format_, accepted, refused):
    for value in accepted:
        assert kept(value, registration_field(format_)) == value
        assert kept(value, registration_field(f"{format_}_or_null")) == value
    for value in refused:
        refusal_of(value, registration_field(format_))
        refusal_of(value, registration_field(f"{format_}_or_null"))


@pytest.mark.clause("WG1-02-3.7-02", "WG1-02-3.7-03", "WG1-02-3.7-04", "WG1-02-3.7-05")
@pytest.mark.parametrize("format_", FORMATS[:4])
def test_null_is_a_value_of_the_or_null_formats_only(format_):
    assert kept(None, registration_field(f"{format_}_or_null")) is None
    assert "null" not in refusal_of(None, registration_field(format_)).description


@pytest.mark.clause("WG1-02-3.7-06", "WG1-02-3.7-07")
@pytest.mark.parametrize(
    ("format_", "content", "mime_type"),
    [("image", png(), "image/png"), ("image", jpeg(), "image/jpeg"), ("pdf", PDF, "application/pdf")],
)
def test_files_are_kept_apart_from_the_values_that_are_shown(format_, content, mime_type):
    for name in (format_, f"{format_}_or_null"):
        submitted = submit(base64(content), registration_field(name))

        assert submitted.values == {}
        assert submitted.files == {"cds_field": (content, mime_type)}
        assert submitted.no_files == frozenset()


@pytest.mark.clause("WG1-02-3.7-06", "WG1-02-3.7-07")
@pytest.mark.parametrize("format_", ["image", "pdf"])
def test_what_is_no_file_of_the_format_is_refused(format_):
    other = PDF if format_ == "image" else png()
    for value in ("", "not base64!", base64(b"GIF89a"), base64(b"text"), base64(other), 5, ["x"], None):
        refusal_of(value, registration_field(format_))
    assert submit(None, registration_field(f"{format_}_or_null")).no_files == {"cds_field"}


@pytest.mark.clause("WG1-02-3.5-06")
@pytest.mark.parametrize(
    ("format_", "longest", "longer"),
    [
        ("string", "😀" * 20, "😀" * 21),
        ("url", "https://example.com/", "https://example.com/a"),
        ("email", "abcdefgh@example.com", "abcdefghi@example.com"),
    ],
)
def test_max_length_counts_code_points(format_, longest, longer):
    assert kept(longest, registration_field(format_, max_length=20)) == longest
    assert "at most 20 characters" in refusal_of(longer, registration_field(format_, max_length=20)).description
    assert kept(None, registration_field(f"{format_}_or_null", max_length=20)) is None


@pytest.mark.clause("WG1-02-3.5-07")
@pytest.mark.parametrize(("format_", "content"), [("image", png()), ("image", jpeg()), ("pdf", PDF)])
def test_max_size_counts_bytes_before_base64(format_, content):
    assert submit(base64(content), registration_field(format_, max_size=len(content))).files
    refused = refusal_of(base64(content), registration_field(format_, max_size=len(content) - 1))
    assert f"at most {len(content) - 1} bytes" in refused.description


def test_a_missing_required_field_is_refused_with_its_name_and_format():
    with pytest.raises(InvalidClientMetadata) as refusal:
        validate({}, fields={"field": registration_field("email")}, required=["field"], optional=[])

    assert refusal.value.field == "cds_field"
    assert refusal.value.description.startswith("cds_field is required and must be an e-mail address")


@pytest.mark.clause("WG1-02-3.5-05")
@pytest.mark.parametrize(("format_", "default"), [("string", "none"), ("string_or_null", None), ("boolean", False)])
def test_a_missing_optional_field_has_its_default(format_, default):
    fields = {"field": registration_field(format_, default=default)}

    assert validate({}, fields=fields, required=[], optional=["field"]).values == {"cds_field": default}


def test_an_optional_file_that_is_missing_is_no_file():
    fields = {"field": registration_field("image_or_null", default=None)}

    assert validate({}, fields=fields, required=[], optional=["field"]) == Submitted({}, {}, frozenset({"cds_field"}))


def test_fields_that_the_scopes_do_not_list_and_onboarding_steps_are_ignored():
    fields = {
        "field": registration_field("string"),
        "review": registration_field("string", id="review", type="internal_review", field_name=None, format=None),
    }

    submitted = validate({"cds_field": 5, "other": object()}, fields=fields, required=["review"], optional=[])

    assert submitted == Submitted({}, {}, frozenset())


def test_an_update_leaves_alone_what_has_no_default_and_every_file():
    fields = {
        "name": registration_field("string", id="name", field_name="cds_name"),
        "note": registration_field("string_or_null", id="note", field_name="cds_note", default=None),
        "logo": registration_field("image_or_null", id="logo", field_name="cds_logo", default=None),
    }

    assert validate_update({}, fields=fields, listed=fields) == Submitted({"cds_note": None}, {}, frozenset())
    removed = validate_update({"cds_logo": None, "cds_name": "x"}, fields=fields, listed=["name", "logo"])
    assert removed == Submitted({"cds_name": "x"}, {}, frozenset({"cds_logo"}))
    with pytest.raises(InvalidClientMetadata):
        validate_update({"cds_name": None}, fields=fields, listed=["name"])


def test_an_unknown_format_is_our_own_error():
    with pytest.raises(ServerError):
        submit("x", registration_field("colour"))


@given(st.sampled_from(FORMATS), st.booleans(), json_values | st.binary().map(base64))
def test_any_value_is_kept_or_refused_and_what_is_kept_is_valid_again(format_, nullable, value):
    field = registration_field(f"{format_}_or_null" if nullable else format_)
    try:
        submitted = submit(value, field)
    except InvalidClientMetadata as refusal:
        require_public_text(refusal)
        return
    if submitted.values:
        assert submit(submitted.values["cds_field"], field) == submitted


@given(st.dictionaries(st.sampled_from(["cds_field", "x"]), json_values), st.booleans())
def test_any_request_is_kept_or_refused(metadata, optional):
    field = registration_field("url_or_null", default=None if optional else UNSET)
    try:
        submitted = validate(
            metadata, fields={"field": field}, required=[] if optional else ["field"], optional=["field"]
        )
    except InvalidClientMetadata:
        return
    assert set(submitted.values) == {"cds_field"}


@given(st.emails())
def test_an_email_address_of_ascii_characters_in_common_use_is_accepted(address):
    local, _, host = address.rpartition("@")

    assert is_email(address) is (len(local) <= 64 and not host.split(".")[-1].isdigit())
