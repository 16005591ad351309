"""How the text of one setting becomes a value.

Each function takes the text and returns the value; a `ValueError` says in half a sentence what is accepted instead. It
never repeats the text it was given, because that may be a secret.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SIZE_UNITS = {"": 1, "B": 1, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
PERIOD_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
STORE_SCHEMES = (
    "redis",
    "rediss",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
)
FILE_SCHEMES = ("s3", "gs", "az")
SMTP_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
LARGEST_PORT = 65535
WEBHOOK_SECRET = "whsec_"  # noqa: S105 -- how secrets begin


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` within `period_seconds`."""

    count: int
    period_seconds: int

    def __str__(self) -> str:
        named = {seconds: name for name, seconds in PERIOD_SECONDS.items()}
        return f"{self.count}/{named.get(self.period_seconds, f'{self.period_seconds} s')}"


def public_url(text: str) -> str:
    """The base of all published URLs, without a slash at its end. https, or http on this machine only."""
    parts = base_url(text, "an absolute URL such as https://utility.example/energy")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def issuer_url(text: str) -> str:
    """The issuer of an OpenID provider, which is compared as it stands. https, or http on this machine only."""
    base_url(text, "the issuer of the provider, a URL such as https://login.utility.example")
    return text


def base_url(text: str, accepted: str) -> SplitResult:
    """`text` taken apart: a URL below which others are. https, or http on this machine only."""
    accepted = f"{accepted}, without query, fragment or user"
    if not text.isascii() or any(ord(character) <= ord(" ") for character in text):
        raise ValueError(f"needs {accepted}, in ASCII (an internationalised name in its xn-- form)")
    parts = split_url(text, accepted)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"needs {accepted}")
    if parts.query or parts.fragment or "?" in text or "#" in text or "@" in parts.netloc:
        raise ValueError(f"needs {accepted}")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("needs https://, because http:// is accepted for 127.0.0.1, [::1] and localhost only")
    return parts


def is_loopback(host: str) -> bool:
    """Whether `host` (a name, or an address without brackets) can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_url(text: str, accepted: str) -> SplitResult:
    """`text` taken apart; its port is a number in range."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"needs {accepted}") from None
    if port == 0:
        raise ValueError(f"needs a port from 1 to {LARGEST_PORT}")
    return parts


def store_url(text: str) -> str:
    """Where objects are kept. Only its form is looked at here; `app.store.connect` opens it."""
    kind, colon, rest = text.partition(":")
    if kind in {"embedded", "unix"} and colon and rest.removeprefix("//"):
        return text
    if text == "memory:":
        return text
    if kind not in STORE_SCHEMES or not rest.startswith("//"):
        listed = ", ".join(f"{scheme}://" for scheme in STORE_SCHEMES)
        raise ValueError(f"needs embedded:PATH, unix:PATH, memory: or a URL that starts with one of {listed}")
    hosts, _, path = rest.removeprefix("//").partition("?")[0].partition("/")
    split_hosts(hosts)
    if kind.endswith("+sentinel") and not path.partition("/")[0]:
        raise ValueError(f"needs the service after the hosts: {kind}://host:port,host:port/service")
    return text


def split_hosts(text: str) -> list[tuple[str, int | None]]:
    """`user:password@host:port,host:port` as pairs of host and port; what stands before the last `@` is left aside."""
    found = []
    for item in text.rpartition("@")[2].split(","):
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", item)
        if match is None or not 0 < int(match[2] or 1) <= LARGEST_PORT:
            raise ValueError("needs hosts after //, as host:port or host:port,host:port")
        found.append((match[1].strip("[]"), int(match[2]) if match[2] else None))
    return found


def files_url(text: str) -> str:
    """Where file bytes are kept. Only its form is looked at here; `app.files` opens it."""
    kind, colon, rest = text.partition(":")
    if kind == "file" and colon and rest.removeprefix("//"):
        return text
    if text == "memory:":
        return text
    if kind in FILE_SCHEMES and rest.startswith("//") and rest.strip("/"):
        return text
    listed = ", ".join(f"{scheme}://BUCKET/PREFIX" for scheme in FILE_SCHEMES)
    raise ValueError(f"needs file:PATH, memory:, {listed}")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails go; `user` is "" when the server wants none."""

    scheme: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)


def smtp_url(text: str) -> str:
    """A mail server; `smtp_server` takes it apart."""
    smtp_server(text)
    return text


def smtp_server(text: str) -> SmtpServer:
    """`text` taken apart; user and password are percent-decoded."""
    listed = "smtp://, smtps:// or smtp+plain://"
    accepted = f"a URL such as smtp://user:password@mail.example:587, which starts with {listed}"
    parts = split_url(text, accepted)
    if parts.scheme not in SMTP_PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"needs {accepted}, and percent-encoding in user and password")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("needs a user and a password, or none of them")
    if user and parts.scheme == "smtp+plain":
        raise ValueError("needs smtp:// or smtps:// with a user and a password, which smtp+plain:// would not encrypt")
    return SmtpServer(parts.scheme, parts.hostname, parts.port or SMTP_PORTS[parts.scheme], user, password)


def mail_from(text: str) -> str:
    """The sender of mails; `sender_of` takes it apart."""
    sender_of(text)
    return text


def sender_of(text: str) -> tuple[str, str]:
    """`Name <address>` or an address, as name and address."""
    match = re.fullmatch(r"(?:([^<>\"\x00-\x1f\x7f]*?) *<([^<>]*)>|([^<>]*))", text)
    address = (match[2] or match[3] or "") if match else ""
    if match is None or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}", address):
        raise ValueError("needs an address such as service@utility.example, or Name <service@utility.example>")
    return match[1] or "", address


def path(text: str) -> Path:
    """A file; a relative one counts from the working directory."""
    return Path(text)


def text(text: str) -> str:
    """As it stands."""
    return text


def operator_key(text: str) -> str:
    """A secret that travels as a bearer token: long, and of characters that need no quotes anywhere."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{32,200}", text):
        raise ValueError("needs 32 to 200 characters: letters, digits and any of . _ ~ + / = -")
    return text


def whole_number(unit: str, least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers of this unit from `least` to `most`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise ValueError(f"needs a whole number of {unit} from {least} to {most}, without a unit")
        return int(text)

    return parse


def days_or_off(least: int, most: int) -> Callable[[str], int | None]:
    """A parser of whole numbers of days; `off` is None."""

    def parse(text: str) -> int | None:
        if text.lower() == "off":
            return None
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise ValueError(f"needs a whole number of days from {least} to {most}, or off")
        return int(text)

    return parse


def size_bytes(least: int, most: int) -> Callable[[str], int]:
    """A parser of sizes such as `1MiB`, `512 KiB` or a number of bytes."""

    def parse(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,12}) ?([A-Za-z]*)", text)
        if match is None or match[2].upper() not in SIZE_UNITS:
            raise ValueError("needs a size such as 1MiB, 512KiB or a number of bytes")
        size = int(match[1]) * SIZE_UNITS[match[2].upper()]
        if not least <= size <= most:
            raise ValueError(f"needs a size from {least} to {most} bytes")
        return size

    return parse


def rate_limit(text: str) -> RateLimit | None:
    """`60/minute` and the like; `off` is None."""
    if text.lower() == "off":
        return None
    match = re.fullmatch(r"([0-9]{1,9})/(second|minute|hour|day)", text.replace(" ", "").lower())
    if match is None or int(match[1]) == 0:
        raise ValueError("needs a rate such as 60/minute (second, minute, hour or day), or off")
    return RateLimit(count=int(match[1]), period_seconds=PERIOD_SECONDS[match[2]])


def networks(text: str) -> tuple[IpNetwork, ...]:
    """Addresses and networks, separated by commas or blanks."""
    found = []
    for item in re.split(r"[,\s]+", text.strip()):
        try:
            found.append(ipaddress.ip_network(item))
        except ValueError:
            raise ValueError(
                "needs networks such as 10.0.0.0/8, 2001:db8::/32 (no bits set after the prefix), separated by commas"
            ) from None
    return tuple(found)


def webhook_secrets(text: str) -> tuple[str, ...]:
    """Secrets of Standard Webhooks, separated by blanks."""
    secrets = tuple(text.split())
    if not all(is_webhook_secret(secret) for secret in secrets):
        raise ValueError("needs whsec_ and 24 to 64 bytes in Base64, such as openssl rand -base64 32 makes")
    return secrets


def is_webhook_secret(text: str) -> bool:
    """Whether `text` is a secret of the form and length that Standard Webhooks asks for."""
    prefix, encoded = text[: len(WEBHOOK_SECRET)], text[len(WEBHOOK_SECRET) :]
    try:
        length = len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return False
    return prefix == WEBHOOK_SECRET and 24 <= length <= 64  # noqa: PLR2004 -- Standard Webhooks 1.0, "Signature scheme"


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """A parser that accepts one of a few words."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"needs one of {', '.join(choices)}")
        return text.lower()

    return parse
