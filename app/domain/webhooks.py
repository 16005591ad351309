"""Webhooks: URLs of the utility's own systems that are told what happens (DESIGN.md section 5).

Only operators of the role admin add them, so they may be anywhere, in the utility's own networks too. What is sent is
thin: what happened to which object, and where to read it with an operator key; nothing personal leaves the house.

Each webhook has a secret that signs what is sent to it, as Standard Webhooks says. It is shown when it is made, and
sealed in the store. When it is rotated, the one before it signs as well for a day, so that receivers can change over.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from app.crypto.tokens import Randomness
from app.domain import urls
from app.domain.audit import object_change
from app.domain.events import EVENT_TYPES
from app.domain.feed import Actor, AuditEntry
from app.domain.texts import is_line, is_name
from app.errors import Conflict, InvalidRequest, NotFound

EVERYTHING: Final = "*"
"""In `events`: all types, also those of later versions."""

MAX_WEBHOOKS: Final = 32
MAX_DESCRIPTION: Final = 256

OVERLAP: Final = timedelta(days=1)
"""For how long the secret before the present one signs as well."""

SERVER: Final = Actor(name="server", role="server", via="server")
"""Who turns a webhook off whose endpoint says that it is gone."""

_WEBHOOK_ID: Final = re.compile(r"w[0-9a-z]{10}")
_CHANGEABLE: Final = frozenset({"url", "events", "description", "status"})


class WebhookStatus(StrEnum):
    """Whether anything is sent."""

    ACTIVE = "active"
    DISABLED = "disabled"


class DisabledBy(StrEnum):
    """Who has turned a webhook off."""

    OPERATOR = "operator"
    ENDPOINT = "endpoint"
    """It answered 410: nobody wants to be told there any more."""


class Webhook(Struct, kw_only=True, frozen=True):
    """A webhook, as the operator API shows it."""

    webhook_id: str
    url: str
    events: list[str]
    """Types of events, or EVERYTHING."""
    description: str = ""
    status: WebhookStatus = WebhookStatus.ACTIVE
    disabled_by: DisabledBy | UnsetType = UNSET
    created: datetime
    modified: datetime

    def wants(self, event_type: str) -> bool:
        """Whether it is told of events of this type."""
        active = self.status is WebhookStatus.ACTIVE
        return active and (EVERYTHING in self.events or event_type in self.events)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs for a webhook."""

    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def signing(self, now: datetime) -> list[str]:
        """The secrets of this moment, the current one first."""
        if self.previous is None or self.previous_until is None or now >= self.previous_until:
            return [self.current]
        return [self.current, self.previous]


class WebhookStore(Protocol):
    """Keeps webhooks. Every method raises StoreUnavailable when the store does not answer."""

    async def create(self, webhook: Webhook, secret: str, audit: AuditEntry) -> bool:
        """Keep a new one with its audit entry; False when there are MAX_WEBHOOKS already. One round trip."""

    async def list(self) -> list[Webhook]:
        """All of them, oldest first. One round trip."""

    async def get(self, webhook_id: str) -> Webhook | None:
        """One of them. One round trip."""

    async def replace(self, old: Webhook, new: Webhook, audit: AuditEntry) -> bool:
        """Write the successor of `old`; False when that is not what is there any more. Two round trips."""

    async def rotate(self, old: Webhook, new: Webhook, secret: str, audit: AuditEntry) -> bool:
        """As `replace`, with a new secret; the one before it signs until OVERLAP has passed. Two round trips."""

    async def delete(self, webhook: Webhook, audit: AuditEntry, now: datetime) -> bool:
        """Forget a webhook and what waits for it; False when it is gone already. One round trip."""


async def create(
    store: WebhookStore, randomness: Randomness, actor: Actor, submitted: Mapping[str, Any], *, now: datetime
) -> tuple[Webhook, str]:
    """Add a webhook; it and its secret, which nobody can read again.

    Args:
        store: Keeps it.
        randomness: Makes its id and its secret.
        actor: Who adds it.
        submitted: `url`; optionally `events` (all of them when absent) and `description`.
        now: The time.

    Raises:
        InvalidRequest: A field is missing or not acceptable.
        Conflict: There are too many.
    """
    _refuse_others(submitted, _CHANGEABLE - {"status"})
    webhook = Webhook(
        webhook_id=randomness.webhook_id(),
        url=read_url(submitted.get("url")),
        events=read_events(submitted.get("events", [EVERYTHING])),
        description=read_description(submitted.get("description", "")),
        created=now,
        modified=now,
    )
    secret = randomness.webhook_secret()
    if not await store.create(webhook, secret, _entry(actor, "webhooks.create", None, webhook)):
        raise Conflict(f"There are {MAX_WEBHOOKS} webhooks already, and no more are possible.")
    return webhook, secret


async def get(store: WebhookStore, webhook_id: str) -> Webhook:
    """One webhook. Raises NotFound."""
    found = await store.get(webhook_id) if _WEBHOOK_ID.fullmatch(webhook_id) else None
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


async def modify(
    store: WebhookStore, actor: Actor, webhook_id: str, submitted: Mapping[str, Any], *, now: datetime
) -> Webhook:
    """Change where a webhook goes, what it is told, or whether it is told anything.

    Raises:
        NotFound: There is none.
        InvalidRequest: A field is not acceptable.
        Conflict: Somebody else changed it meanwhile.
    """
    _refuse_others(submitted, _CHANGEABLE)
    old = await get(store, webhook_id)
    read = {"url": read_url, "events": read_events, "description": read_description, "status": read_status}
    new = replace(old, **{name: read[name](value) for name, value in submitted.items()})
    if new.status is not old.status:
        new = replace(new, disabled_by=DisabledBy.OPERATOR if new.status is WebhookStatus.DISABLED else UNSET)
    if new == old:
        return old
    new = replace(new, modified=now)
    if not await store.replace(old, new, _entry(actor, "webhooks.modify", old, new)):
        raise Conflict("The webhook was changed meanwhile; read it again and repeat.")
    return new


async def rotate_secret(
    store: WebhookStore, randomness: Randomness, actor: Actor, webhook_id: str, *, now: datetime
) -> tuple[Webhook, str]:
    """Give a webhook a new secret; it and the secret, which nobody can read again.

    Raises:
        NotFound: There is none.
        Conflict: Somebody else changed it meanwhile.
    """
    old = await get(store, webhook_id)
    new, secret = replace(old, modified=now), randomness.webhook_secret()
    change = object_change("webhook_secret", old.webhook_id, None, {"previous_signs_until": now + OVERLAP})
    audit = AuditEntry(actor=actor, action="webhooks.rotate_secret", changes=[change])
    if not await store.rotate(old, new, secret, audit):
        raise Conflict("The webhook was changed meanwhile; read it again and repeat.")
    return new, secret


async def delete(store: WebhookStore, actor: Actor, webhook_id: str, *, now: datetime) -> None:
    """Forget a webhook and what was to be sent to it. Raises NotFound."""
    webhook = await get(store, webhook_id)
    if not await store.delete(webhook, _entry(actor, "webhooks.delete", webhook, None), now):
        raise NotFound("There is no such webhook.")


async def turn_off(store: WebhookStore, webhook: Webhook, *, now: datetime) -> bool:
    """Send nothing more to an endpoint that says it is gone; False when the webhook was changed meanwhile."""
    new = replace(webhook, status=WebhookStatus.DISABLED, disabled_by=DisabledBy.ENDPOINT, modified=now)
    return await store.replace(webhook, new, _entry(SERVER, "webhooks.modify", webhook, new))


def read_url(value: object) -> str:
    """Where to send to: https, or http on this machine. Raises InvalidRequest."""
    url = urls.parse(value) if isinstance(value, str) else None
    if url is None or url.has_userinfo or url.has_fragment:
        raise InvalidRequest("url must be an absolute https URL without user, password and fragment.", field="url")
    if url.scheme != "https" and not url.is_loopback:
        raise InvalidRequest("url must begin with https://, unless it leads to this machine.", field="url")
    return str(value)


def read_events(value: object) -> list[str]:
    """Types of events, each once; EVERYTHING stands for all. Raises InvalidRequest."""
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise InvalidRequest(f"events must be a list of types: {_accepted()}.", field="events")
    if unknown := [one for one in value if one not in EVENT_TYPES and one != EVERYTHING]:
        named = f" {unknown[0]}" if is_name(unknown[0]) else ""
        raise InvalidRequest(f"events has an unknown type{named}. Accepted are {_accepted()}.", field="events")
    return [EVERYTHING] if EVERYTHING in value else sorted(set(value))


def read_description(value: object) -> str:
    """One line for operators. Raises InvalidRequest."""
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION or not is_line(value):
        raise InvalidRequest(
            f"description must be one line of at most {MAX_DESCRIPTION} characters.", field="description"
        )
    return value


def read_status(value: object) -> WebhookStatus:
    """`active` or `disabled`. Raises InvalidRequest."""
    try:
        return WebhookStatus(str(value))
    except ValueError:
        raise InvalidRequest("status must be active or disabled.", field="status") from None


def _accepted() -> str:
    return ", ".join([EVERYTHING, *sorted(EVENT_TYPES)])


def _refuse_others(submitted: Mapping[str, Any], accepted: Iterable[str]) -> None:
    if others := [name for name in submitted if name not in set(accepted)]:
        named = others[0] if is_name(others[0]) else "A field"
        raise InvalidRequest(f"{named} is none of {', '.join(sorted(accepted))}.", field=named)


def _entry(actor: Actor, action: str, old: Webhook | None, new: Webhook | None) -> AuditEntry:
    """What differs; never a secret, because a Webhook has none."""
    before, after = (None if one is None else _facts(one) for one in (old, new))
    webhook_id = "".join({one.webhook_id for one in (old, new) if one})
    return AuditEntry(actor=actor, action=action, changes=[object_change("webhook", webhook_id, before, after)])


def _facts(webhook: Webhook) -> dict[str, Any]:
    return {name: value for name, value in asdict(webhook).items() if name != "modified" and value is not UNSET}
