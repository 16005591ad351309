"""Who is calling: the address behind proxies that we trust.

Source: RFC 7239 and the customary X-Forwarded-For; only headers that come from `CDS_TRUSTED_PROXIES` count, and of the
two X-Forwarded-For does when both are there. A proxy has to set or extend the one and drop the other.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

Networks = tuple[IPv4Network | IPv6Network, ...]

_SITE_BITS: Final = 64
"""An IPv6 network of this size belongs to one customer of a provider, who has all of its addresses."""


def limit_key(scope: Scope, trusted: Networks) -> str:
    """What limits by source count: an IPv4 address, or the network of an IPv6 address, whose owner has 2^64 of them."""
    address = source_address(scope, trusted)
    if ":" not in address:
        return address
    known = _parse(address)
    if isinstance(known, IPv6Address):
        return str(IPv6Network((int(known) >> _SITE_BITS << _SITE_BITS, _SITE_BITS)))
    return str(known or address)


def source_address(scope: Scope, trusted: Networks) -> str:
    """The address of the caller: the nearest one that is not a trusted proxy's."""
    client = scope.get("client")
    address: str = client[0] if client else "unknown"
    if not trusted or not _is_trusted(address, trusted):
        return address
    for hop in reversed(_forwarded_for(scope)):
        if _parse(hop) is None:
            return address
        address = hop
        if not _is_trusted(hop, trusted):
            break
    return address


def _forwarded_for(scope: Scope) -> list[str]:
    """The addresses that proxies noted, first hop first."""
    plain = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if plain:
        return [_bare(hop) for hop in ",".join(plain).split(",")]
    standard = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"forwarded")
    pairs = [pair.partition("=") for element in standard.split(",") for pair in element.split(";")]
    return [_bare(value) for name, _, value in pairs if name.strip().lower() == "for"]


def _bare(hop: str) -> str:
    """An address without quotes, brackets and port."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address, as IPv4 where a socket for both kinds shows it in IPv6; None when it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(text: str, trusted: Networks) -> bool:
    address = _parse(text)
    return address is not None and any(address in network for network in trusted)
