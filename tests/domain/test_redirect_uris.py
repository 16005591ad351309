"""Redirect URIs that Clients set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.redirect_uris import MAX_COUNT, require_valid
from app.errors import InvalidRedirectUri
from tests.domain.samples import json_values

LOOPBACK = ["http://127.0.0.1:8080/callback", "http://localhost/callback", "http://[::1]:9/callback"]


@pytest.mark.parametrize(
    "uri",
    ["https://example.com/callback", "https://example.com", "https://example.com/?a=b&c=%20", "https://127.0.0.1/cb"],
)
def test_https_uris_are_kept_to_the_letter(uri):
    for sandbox in (True, False):
        assert require_valid([uri], sandbox=sandbox) == [uri]


@pytest.mark.parametrize("uri", LOOPBACK)
def test_http_is_for_loopback_hosts_of_sandbox_objects(uri):
    assert require_valid([uri], sandbox=True) == [uri]
    with pytest.raises(InvalidRedirectUri):
        require_valid([uri], sandbox=False)


@pytest.mark.parametrize(
    "uri",
    [
        "not a uri",
        "",
        "/callback",
        "http://example.com/callback",
        "http://localhost.example.com/callback",
        "http://127.0.0.1.example.com/callback",
        "http://localhost@example.com/callback",
        "http://0.0.0.0/callback",
        "https://example.com/#fragment",
        "https://example.com/#",
        "https://user@example.com/",
        "https://@example.com/",
        "https://example.com/\r\nX: y",
        "https://example.com\\.evil.example",
        "https:///callback",
        "https:example.com",
        "com.example.app:/callback",
        "javascript:alert(1)",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_other_uris_are_refused_by_their_place(uri):
    with pytest.raises(InvalidRedirectUri) as refusal:
        require_valid(["https://example.com", uri], sandbox=True)

    assert refusal.value.field == "redirect_uris.1"


@pytest.mark.parametrize("uris", ["https://example.com", None, {}, [None], [["https://example.com"]], 5])
def test_they_come_as_a_list_of_strings(uris):
    with pytest.raises(InvalidRedirectUri) as refusal:
        require_valid(uris, sandbox=True)

    assert refusal.value.field == "redirect_uris"


def test_none_twice_and_not_too_many():
    with pytest.raises(InvalidRedirectUri) as refusal:
        require_valid(["https://a.example", "https://b.example", "https://a.example"], sandbox=True)
    assert refusal.value.field == "redirect_uris.2"

    many = [f"https://example.com/{number}" for number in range(MAX_COUNT + 1)]
    assert require_valid(many[:-1], sandbox=True) == many[:-1]
    with pytest.raises(InvalidRedirectUri):
        require_valid(many, sandbox=True)


def test_an_empty_list_and_the_uris_that_are_there_already_are_accepted():
    receipt = "http://127.0.0.1:8000/oauth/receipt"

    assert require_valid([], sandbox=False) == []
    assert require_valid([receipt], sandbox=False, known=[receipt]) == [receipt]


@given(json_values | st.lists(st.from_regex(r"https?://[a-z@:\[\]/#?%.]*", fullmatch=True)), st.booleans())
def test_anything_is_kept_or_refused(uris, sandbox):
    try:
        kept = require_valid(uris, sandbox=sandbox)
    except InvalidRedirectUri:
        return
    assert require_valid(kept, sandbox=sandbox) == kept == uris
