"""How the console says what the domain knows: types, statuses, times, sizes."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType

from app.catalog import Catalog
from app.domain import urls
from app.domain.consent import day_and_time
from app.schemas.encoding import encode
from app.schemas.messages import MessageType

_GOOD: Final = frozenset({"complete", "active", "production", "met", "done", "current"})
_WAITING: Final = frozenset(
    {"pending", "open", "partial", "needs_authorization", "needs_sub_grants", "future", "delayed", "running", "sandbox"}
)
_BAD: Final = frozenset({"rejected", "errored", "suspended", "revoked", "stopped"})

MESSAGE_TYPES: Final[Mapping[MessageType, str]] = {
    MessageType.PRODUCTION_REQUEST: "Production request",
    MessageType.GRANT_REQUEST: "Grant request",
    MessageType.FIELD_CHANGES: "Field changes",
    MessageType.SUPPORT_REQUEST: "Support request",
    MessageType.PRIVATE_MESSAGE: "Private message",
    MessageType.ONLINE_FORM_REQUEST: "Online form",
    MessageType.PDF_FORM_REQUEST: "PDF form",
    MessageType.PAYMENT_REQUEST: "Payment",
    MessageType.SERVER_REQUEST: "Question to the Client",
    MessageType.CLIENT_SUBMISSION: "Submission",
    MessageType.REQUEST_UPDATE: "Answer to a request",
    MessageType.NOTIFICATION: "Notification",
}

STEP_TYPES: Final[Mapping[str, str]] = {
    "online_form": "Online form",
    "pdf_form": "PDF form",
    "email_verification": "E-mail verification",
    "sso_verification": "Single sign-on",
    "payment_required": "Payment",
    "internal_review": "Internal review",
}

_KILO: Final = 1000
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MANY_DAYS: Final = 60


class Badge(NamedTuple):
    """A status as a word with a colour that supports it."""

    text: str
    tone: str
    """good, waiting, bad or quiet."""


class Moment(NamedTuple):
    """A time: how long ago, and exactly."""

    ago: str
    exact: str
    machine: str


class Link(NamedTuple):
    """A link that a Client or a catalog wrote; `href` is empty when it is nothing to click on."""

    text: str
    href: str


@lru_cache(maxsize=256)
def badge(status: str) -> Badge:
    """A status of anything, spelled with spaces."""
    tones = ((_GOOD, "good"), (_WAITING, "waiting"), (_BAD, "bad"))
    tone = next((name for statuses, name in tones if status in statuses), "quiet")
    return Badge(status.replace("_", " "), tone)


def type_name(type_: MessageType) -> str:
    """What a Message is about."""
    return MESSAGE_TYPES[type_]


def moment(at: datetime, now: datetime, catalog: Catalog) -> Moment:
    """A time in the past or in the future, in the time zone of the utility."""
    return Moment(_distance(at, now), day_and_time(at, catalog), at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def age(since: datetime, now: datetime) -> str:
    """How long something has been waiting: `3 days`, `5 h`, `12 min`."""
    seconds = max(int((now - since).total_seconds()), 0)
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} days"


def _distance(at: datetime, now: datetime) -> str:
    if at > now:
        ahead = age(now, at)
        return "now" if ahead == "just now" else f"in {ahead}"
    if (now - at).days > _MANY_DAYS:
        return f"{at.day} {at:%b} {at.year}"
    passed = age(at, now)
    return passed if passed == "just now" else f"{passed} ago"


def size(count_bytes: int) -> str:
    """`812 bytes`, `1.4 MB`."""
    if count_bytes < _KILO:
        return f"{count_bytes} bytes"
    value, units = float(count_bytes), ("kB", "MB", "GB", "TB")
    for unit in units:
        value /= _KILO
        if value < _KILO or unit == units[-1]:
            break
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.1f} {unit}"  # noqa: PLR2004


def value(given: object) -> str:
    """Any JSON value as a person reads it."""
    match given:
        case UnsetType():
            return "not set"
        case None:
            return "none"
        case bool():
            return "yes" if given else "no"
        case str():
            return given or "empty"
        case list() if given and all(isinstance(one, str) for one in given):
            return ", ".join(given)
        case list() if not given:
            return "none"
        case _:
            return encode(given).decode()


def link(uri: str | UnsetType) -> Link | None:
    """A link that may be followed only when a browser would do nothing but open a web page."""
    if uri is UNSET:
        return None
    parsed = urls.parse(str(uri))
    is_safe = parsed is not None and not parsed.has_userinfo
    return Link(str(uri), str(uri) if is_safe else "")


def attributes(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The members of an object as lines."""
    return [(name, value(one)) for name, one in given.items()]
