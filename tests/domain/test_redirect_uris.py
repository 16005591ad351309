"""Redirect URIs that Clients set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import urls
from app.domain.redirect_uris import MAX_COUNT, is_registered, require_valid
from app.errors import InvalidRedirectUri
from app.schemas.clients import ClientStatus
from tests.domain.samples import json_values
from tests.factories import make_client

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


RECEIPT = "https://utility.example/oauth/receipt"
NATIVE = {"cds_status": ClientStatus.SANDBOX}
PUBLIC = {"token_endpoint_auth_method": "none"}
uris = st.from_regex(
    r"(https?|HTTP)://(127\.0\.0\.1|\[::1\]|localhost|a\.example|127\.0\.0\.1@a\.example)(:[0-9]{0,5})?(/|/cb)?(\?a=1)?#?",
    fullmatch=True,
)


@given(uris, st.lists(uris, max_size=5), st.sampled_from([NATIVE, PUBLIC, NATIVE | PUBLIC, {}]))
def test_an_answer_goes_to_a_registered_uri_or_to_another_port_of_this_machine(uri, registered, kind):
    """The host, the path and the query are always those of a registered one (RFC 6749 3.1.2.3, RFC 8252 7.3)."""
    client = make_client("c", redirect_uris=registered, **kind)

    accepted = is_registered(uri, client, receipt=RECEIPT)

    if uri in registered:
        assert accepted
    elif accepted:
        url = urls.parse(uri)
        assert kind
        assert url
        assert (url.scheme, url.is_loopback, url.has_userinfo, url.has_fragment) == ("http", True, False, False)
        tail = uri.partition(url.host)[2].lstrip(":0123456789")
        assert any(url.host in one and one.endswith(tail) for one in registered)


def test_the_port_varies_for_native_apps_only():
    for kind, accepted in ((NATIVE, True), (PUBLIC, True), ({}, False)):
        client = make_client("c", redirect_uris=["http://127.0.0.1/cb"], **kind)
        assert is_registered("http://127.0.0.1:4711/cb", client, receipt=RECEIPT) is accepted


def test_the_receipt_of_a_server_without_tls_never_moves():
    receipt = "http://127.0.0.1:8000/oauth/receipt"
    client = make_client("c", redirect_uris=[receipt], **NATIVE)

    assert is_registered(receipt, client, receipt=receipt)
    assert not is_registered("http://127.0.0.1:8001/oauth/receipt", client, receipt=receipt)
