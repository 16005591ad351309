"""Who is calling: the address behind proxies that we trust.

Source: RFC 7239 and the customary X-Forwarded-For; only headers that come from `CDS_TRUSTED_PROXIES` count.
"""

from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

Networks = tuple[IPv4Network | IPv6Network, ...]


def source_address(scope: Scope, trusted: Networks) -> str:
    """The address of the caller: the nearest one that is not a trusted proxy's."""
    client = scope.get("client")
    address: str = client[0] if client else "unknown"
    if not trusted or not _is_trusted(address, trusted):
        return address
    for hop in reversed(_forwarded_for(scope)):
        if not _is_address(hop):
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


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(text: str, trusted: Networks) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in trusted)
