"""RFC 7591 fields that Clients decide on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.client_metadata import ClientMetadata, validate
from app.errors import InvalidClientMetadata
from app.schemas.encoding import encode
from tests.domain.samples import json_values, require_public_text

FIELDS = [
    "client_name",
    "contacts",
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "software_id",
    "software_version",
]

FULL = {
    "client_name": "Grün GmbH",
    "client_name#ja-Jpan-JP": "クライアント名",
    "client_uri": "https://example.com",
    "client_uri#de": "https://example.com/de",
    "logo_uri": "https://example.com/logo.png",
    "tos_uri": "https://example.com/tos",
    "policy_uri": "https://example.com/policy",
    "contacts": ["ops@example.com", "+49 30 1234"],
    "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    "software_version": "2.2",
}


def test_what_was_submitted_comes_back_as_it_was():
    metadata = validate(FULL)

    assert metadata.submitted() == FULL
    assert metadata.client_name == "Grün GmbH"
    assert metadata.extra["client_uri#de"] == "https://example.com/de"
    assert validate(metadata.submitted()) == metadata


def test_what_the_server_decides_or_does_not_know_is_ignored():
    ignored = {
        "redirect_uris": "not even a list",
        "grant_types": 5,
        "response_types": ["token"],
        "token_endpoint_auth_method": "none",
        "jwks_uri": [],
        "scope": 5,
        "frobnicate": {"a": None},
        "client_name#": 5,
        "client_name#not a tag": 5,
        "contacts#de": 5,
    }

    assert validate(ignored) == ClientMetadata()


def test_null_and_an_empty_string_are_not_submitted():
    assert validate(dict.fromkeys(FULL)) == ClientMetadata()
    assert validate({name: "" for name in FULL if name != "contacts"}) == ClientMetadata()


@pytest.mark.parametrize("name", ["  ", "\u200b\u2060", "\u202e\u202c", "\u3164", "\ufe0f"])
def test_a_name_in_which_nothing_can_be_seen_is_not_submitted(name):
    """Users would be asked to authorize somebody without a name."""
    assert validate({"client_name": name, "client_name#de": name}) == ClientMetadata()
    assert validate({"contacts": []}) == ClientMetadata(contacts=[])


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("client_name", 5, "client_name"),
        ("client_name", ["x"], "client_name"),
        ("client_name", "x" * 257, "client_name"),
        ("client_name", "a\nb", "client_name"),
        ("client_name", "a\x00", "client_name"),
        ("client_name", "\ud800", "client_name"),
        ("client_name#de", 5, "client_name#de"),
        ("client_uri", "example.com", "client_uri"),
        ("client_uri", "https://user:secret@example.com", "client_uri"),
        ("client_uri#de", "example.com", "client_uri#de"),
        ("logo_uri", "data:image/png;base64,AAAA", "logo_uri"),
        ("tos_uri", "javascript:alert(1)", "tos_uri"),
        ("policy_uri", {}, "policy_uri"),
        ("contacts", "x", "contacts"),
        ("contacts", {}, "contacts"),
        ("contacts", ["a"] * 21, "contacts"),
        ("contacts", ["a", ""], "contacts.1"),
        ("contacts", [None], "contacts.0"),
        ("contacts", ["x" * 321], "contacts.0"),
        ("contacts", ["a\r\nBcc: b@example.com"], "contacts.0"),
        ("software_id", 5, "software_id"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_the_field(field, value, at):
    with pytest.raises(InvalidClientMetadata) as refusal:
        validate({field: value})

    assert refusal.value.field == at
    require_public_text(refusal.value)


def test_translations_are_counted():
    with pytest.raises(InvalidClientMetadata):
        validate({f"client_name#de-x{number}": "x" for number in range(101)})


@given(st.dictionaries(st.sampled_from(FIELDS) | st.sampled_from(FIELDS).map(lambda name: f"{name}#de"), json_values))
def test_any_request_is_kept_or_refused(metadata):
    try:
        kept = validate(metadata)
    except InvalidClientMetadata as refusal:
        require_public_text(refusal)
        return
    assert validate(kept.submitted()) == kept
    encode(kept.submitted())
