"""Who is calling: only proxies that are trusted may say so."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.addresses import limit_key, source_address

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY = "10.0.0.1"


def scope(client: str | None, *headers: tuple[str, str]) -> dict[str, Any]:
    """A request from a socket address, with headers."""
    named = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "client": (client, 1) if client is not None else None, "headers": named}


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("203.0.113.7,10.9.9.9 ,10.8.8.8", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("203.0.113.7, unknown", PROXY),
        ("203.0.113.7, unknown, 10.2.2.2", "10.2.2.2"),
        ("", PROXY),
        (", ,", PROXY),
        ("nonsense", PROXY),
        ("1.2.3.4.5", PROXY),
        ("\xff", PROXY),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy_counts(header: str, address: str) -> None:
    assert source_address(scope(PROXY, ("X-Forwarded-For", header)), TRUSTED) == address


def test_several_headers_are_one_list() -> None:
    request = scope(PROXY, ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.7, 10.2.2.2"))

    assert source_address(request, TRUSTED) == "203.0.113.7"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
        ('for="203.0.113.7:4711"', "203.0.113.7"),
        ('for=198.51.100.1, for="[2001:db8::7]:4711"', "2001:db8::7"),
        ("for=203.0.113.7, for=10.2.2.2", "203.0.113.7"),
        ("proto=https", PROXY),
        ("for=_hidden", PROXY),
        ('for="198.51.100.1, for=203.0.113.7', "203.0.113.7"),
        ("for=", PROXY),
    ],
)
def test_the_standard_header_says_the_same(header: str, address: str) -> None:
    """RFC 7239."""
    assert source_address(scope(PROXY, ("Forwarded", header)), TRUSTED) == address


@pytest.mark.parametrize("client", ["203.0.113.9", "2001:db8::9", "172.16.0.1"])
def test_somebody_who_is_not_trusted_speaks_for_nobody(client: str) -> None:
    request = scope(client, ("X-Forwarded-For", "198.51.100.1"), ("Forwarded", "for=198.51.100.1"))

    assert source_address(request, TRUSTED) == client
    assert source_address(request, ()) == client


def test_a_proxy_is_trusted_however_the_socket_shows_its_address() -> None:
    header = ("X-Forwarded-For", "203.0.113.7, ::ffff:10.2.2.2")

    assert source_address(scope("::ffff:10.0.0.1", header), TRUSTED) == "203.0.113.7"
    assert source_address(scope("fd00::1", header), TRUSTED) == "203.0.113.7"


def test_a_socket_without_an_address_is_unknown() -> None:
    assert source_address(scope(None), TRUSTED) == "unknown"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("a:b", "a:b"),
    ],
)
def test_limits_count_an_ipv6_customer_once(address: str, key: str) -> None:
    """Who has one address of a /64 has all of them."""
    assert limit_key(scope(address), ()) == key


@settings(deadline=None)
@given(
    header=st.text(st.characters(max_codepoint=255), max_size=80),
    name=st.sampled_from(["forwarded", "x-forwarded-for"]),
)
def test_no_header_breaks_anything(header: str, name: str) -> None:
    assert source_address(scope(PROXY, (name, header)), TRUSTED)
    assert limit_key(scope(PROXY, (name, header)), TRUSTED)
