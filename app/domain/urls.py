"""What we accept as a URL: an absolute http or https one in the characters of RFC 3986 (ambiguities A22).

Python's own splitter forgives blanks, line ends and odd hosts, and so do browsers, each in another way; what is
stored and shown must mean the same to all of them.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

MAX_LENGTH = 2048

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<userinfo>(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?)"
    r"(?:\?(?P<query>(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*))?"
    r"(?:#(?P<fragment>(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*))?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAX_PORT = 65535


class Url(NamedTuple):
    """The parts of an accepted URL that rules ask for. `scheme` and `host` are in lower case."""

    scheme: str
    host: str
    has_userinfo: bool
    has_fragment: bool

    @property
    def is_loopback(self) -> bool:
        """Whether it stays on the machine that follows it."""
        if self.host == "localhost":
            return True
        address = _address(self.host)
        return address is not None and address.is_loopback


def parse(text: str) -> Url | None:
    """The URL that `text` is, or None when we do not accept it as one."""
    match = _URL.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None or not _is_host(match["host"]):
        return None
    if match["port"] is not None and not 0 < int(match["port"]) <= _MAX_PORT:
        return None
    return Url(
        scheme=match["scheme"].lower(),
        host=match["host"].lower(),
        has_userinfo=match["userinfo"] is not None,
        has_fragment=match["fragment"] is not None,
    )


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    # A last label of digits makes it an IPv4 address for every reader (WHATWG URL), so it has to be a whole one.
    if host.startswith("[") or labels[-1].isdigit():
        return _address(host) is not None
    return all(_LABEL.fullmatch(label) for label in labels)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    return address if isinstance(address, IPv6Address) == host.startswith("[") else None
