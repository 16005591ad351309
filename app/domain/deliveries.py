"""What is sent to webhooks: queued once per event and webhook, tried for three days, kept for a while afterwards.

The id of a delivery follows from the event and the webhook, and is the `webhook-id` of every attempt. So whatever is
interrupted can be done again: nothing is queued twice, and a receiver that was told twice can see it.

Source: Standard Webhooks 1.0 (standardwebhooks.com): signatures, headers, payloads, times of attempts.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from msgspec import UNSET, Struct, UnsetType

from app.crypto.tokens import Randomness
from app.domain.audit import object_change
from app.domain.feed import Actor, AuditEntry, FeedEvent
from app.domain.records import Cursor
from app.domain.webhooks import Secrets, Webhook, WebhookStatus, WebhookStore
from app.domain.webhooks import get as get_webhook
from app.errors import Conflict, NotFound
from app.schemas.encoding import encode

TEST_EVENT: Final = "webhook.test"
"""What an operator has sent to see that it arrives; nobody asks for it in `events`."""

PAUSES_SECONDS: Final = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""How long to wait after each failed attempt (Standard Webhooks, "Deliverability and reliability"); the one after the
last pause is the last."""

JITTER: Final = 0.2
"""By how much of itself a pause may be longer, so that what failed together is not tried together."""

LEASE_SECONDS: Final = 15
"""For how long whoever takes a delivery has it alone: longer than any attempt lasts. So long it rests when its process
dies."""

LONGEST_RETRY_AFTER_SECONDS: Final = 3600
"""What an endpoint may ask for with `Retry-After`, at most; it never makes a pause shorter."""

PAGE_SIZE: Final = 50
KEPT_DAYS: Final = 3
"""How long it is known what was delivered; of each webhook the last KEPT_DELIVERED."""

KEPT_DELIVERED: Final = 10_000
DEAD_DAYS: Final = 30
"""How long a dead letter can be replayed; of each webhook the last KEPT_DEAD. For so long deliveries also wait for a
webhook that is disabled."""

KEPT_DEAD: Final = 10_000
MOST_WAITING: Final = 50_000
"""Deliveries that may wait for one webhook; what comes beyond that is dead at once, because the store must not fill up.
The feed has it all the same."""

TOO_MANY: Final = "Too many deliveries were waiting for this webhook."

REPLAY_BATCH: Final = 500

_DELIVERY_ID: Final = re.compile(r"[0-9A-Za-z-]{1,40}_w[0-9a-z]{10}")

_PLACES: Final = {
    "client": "clients",
    "credential": "credentials",
    "grant": "grants",
    "message": "messages",
    "file": "files",
    "broadcast": "broadcasts",
    "operator": "operators",
    "registration": "registrations",
}
"""Where the operator API shows the object of an event, by the first word of its type."""


class DeliveryStatus(StrEnum):
    """How far a delivery has got."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Nobody tries any more; an operator can have it replayed."""


class Queued(Struct, kw_only=True, frozen=True):
    """What is to be sent, as it was when it happened."""

    delivery_id: str
    webhook_id: str
    type: str
    created: datetime
    payload: str
    """The JSON of the body, the same in every attempt."""


class Delivery(Struct, kw_only=True, frozen=True):
    """A delivery, as the operator API shows it."""

    delivery_id: str
    webhook_id: str
    type: str
    created: datetime
    status: DeliveryStatus
    attempts: int
    last_attempt: datetime | UnsetType = UNSET
    last_status_code: int | UnsetType = UNSET
    """What the endpoint answered last, if it did."""
    last_error: str | UnsetType = UNSET
    next_attempt: datetime | UnsetType = UNSET


class Payload(Struct, kw_only=True, frozen=True):
    """The body: thin, as Standard Webhooks calls it. The object itself is read at `uri` with an operator key."""

    type: str
    timestamp: datetime
    data: dict[str, str | None]


class TakenDelivery(NamedTuple):
    """A delivery that somebody is about to send."""

    queued: Queued
    webhook: Webhook
    secrets: Secrets
    attempts: int
    """How many there were since it was queued or replayed, this one included."""
    until: int
    """The Unix second until which nobody else gets it."""


class Outcome(Struct, kw_only=True, frozen=True):
    """What has become of a delivery, the last time that anything did."""

    status: DeliveryStatus
    last_attempt: datetime | UnsetType = UNSET
    last_status_code: int | UnsetType = UNSET
    last_error: str | UnsetType = UNSET
    again: datetime | UnsetType = UNSET
    """When to try again, while it is waiting."""


class Answer(NamedTuple):
    """What an endpoint did with an attempt."""

    status_code: int | None
    error: str = ""
    """Why nothing was answered, in our own words."""
    retry_after_seconds: int = 0
    """How long it wants to be left alone."""

    @property
    def accepted(self) -> bool:
        """Whether it has the delivery."""
        return self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004 -- a 2xx

    @property
    def gone(self) -> bool:
        """Whether it never wants one again."""
        return self.status_code == 410  # noqa: PLR2004 -- Gone


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One page, newest first, and where its neighbours begin (None at the ends)."""

    items: list[Delivery]
    next: Cursor | None
    previous: Cursor | None


class DeliveryQueue(Protocol):
    """The queue. Every method is one round trip and raises StoreUnavailable when the store does not answer."""

    async def add(self, deliveries: Sequence[Queued], now: datetime) -> None:
        """Queue what is not known yet, for webhooks that are still there."""

    async def take(self, now: datetime, *, limit: int, each: int, others: Mapping[str, int]) -> list[TakenDelivery]:
        """Deliveries that are due, of active webhooks only; nobody else gets them for LEASE_SECONDS.

        Args:
            now: The time.
            limit: How many at most.
            each: How many at most of one webhook ...
            others: ... but of these so many.
        """

    async def settle(self, taken: TakenDelivery, outcome: Outcome, now: datetime) -> bool:
        """Note what has become of a delivery; False when it was nobody's business any more.

        What was delivered is noted in any case, a failure only while it is still with whoever took it.
        """

    async def get(self, delivery_id: str) -> Delivery | None:
        """One of them."""

    async def page(
        self, webhook_id: str, status: DeliveryStatus | None, cursor: Cursor | None, *, limit: int = PAGE_SIZE
    ) -> DeliveryPage:
        """A page of those of a webhook."""

    async def replay(self, delivery_id: str, now: datetime, audit: AuditEntry) -> bool:
        """Send one again, from the first attempt on; False when there is none. One that waits is due at once."""

    async def replay_dead(self, webhook_id: str, now: datetime, audit: AuditEntry | None) -> int:
        """Send dead ones again, up to REPLAY_BATCH of them; how many."""

    async def forget(self, now: datetime) -> int:
        """Forget what is old enough or belongs to a webhook that is gone, a batch of it; how many."""


class WebhookSender(Protocol):
    """Sends to endpoints."""

    async def send(self, taken: TakenDelivery, now: datetime) -> Answer:
        """One attempt. Whatever goes wrong is in the answer."""

    async def close(self) -> None:
        """Let go of all endpoints."""


def for_event(event: FeedEvent, webhooks: Iterable[Webhook], base_url: str) -> list[Queued]:
    """What an event leads to; not for webhooks that came after it."""
    wanting = [webhook for webhook in webhooks if webhook.wants(event.type) and webhook.created <= event.at]
    if not wanting:
        return []
    data = {
        "registration_id": event.registration_id,
        "object_id": event.object_id,
        "uri": object_uri(base_url, event),
        "event_id": event.id,
    }
    payload = encode(Payload(type=event.type, timestamp=event.at, data=data)).decode()
    return [_queued(event.id, webhook, event.type, event.at, payload) for webhook in wanting]


def object_uri(base_url: str, event: FeedEvent) -> str | None:
    """Where the operator API shows what an event is about, or None when it shows nothing of that kind."""
    place = _PLACES.get(event.type.partition(".")[0])
    return f"{base_url}/operator/api/v1/{place}/{event.object_id}" if place else None


async def send_test(
    store: WebhookStore, queue: DeliveryQueue, randomness: Randomness, webhook_id: str, *, now: datetime
) -> Delivery:
    """Queue an event of type TEST_EVENT for a webhook.

    Raises:
        NotFound: There is no such webhook.
        Conflict: It is disabled.
    """
    webhook = await _active(store, webhook_id)
    payload = encode(Payload(type=TEST_EVENT, timestamp=now, data={"webhook_id": webhook_id})).decode()
    queued = _queued(f"test-{randomness.webhook_id()}", webhook, TEST_EVENT, now, payload)
    await queue.add([queued], now)
    return await get(queue, queued.delivery_id)


async def get(queue: DeliveryQueue, delivery_id: str) -> Delivery:
    """One delivery. Raises NotFound."""
    found = await queue.get(delivery_id) if _DELIVERY_ID.fullmatch(delivery_id) else None
    if found is None:
        raise NotFound("There is no such delivery.")
    return found


async def replay(
    store: WebhookStore, queue: DeliveryQueue, actor: Actor, delivery_id: str, *, now: datetime
) -> Delivery:
    """Send a delivery again, whatever became of it, from the first attempt on.

    Raises:
        NotFound: There is none.
        Conflict: Its webhook is disabled.
    """
    delivery = await get(queue, delivery_id)
    await _active(store, delivery.webhook_id)
    change = object_change("delivery", delivery_id, {"status": delivery.status}, {"status": DeliveryStatus.WAITING})
    audit = AuditEntry(actor=actor, action="webhooks.replay", changes=[change])
    if not await queue.replay(delivery_id, now, audit):
        raise NotFound("There is no such delivery.")
    return await get(queue, delivery_id)


async def replay_dead(
    store: WebhookStore, queue: DeliveryQueue, actor: Actor, webhook_id: str, *, now: datetime
) -> int:
    """Send all dead letters of a webhook again; how many.

    Raises:
        NotFound: There is no such webhook.
        Conflict: It is disabled.
    """
    await _active(store, webhook_id)
    before, after = {"deliveries": DeliveryStatus.DEAD}, {"deliveries": DeliveryStatus.WAITING}
    change = object_change("webhook", webhook_id, before, after)
    audit: AuditEntry | None = AuditEntry(actor=actor, action="webhooks.replay", changes=[change])
    replayed = 0
    while batch := await queue.replay_dead(webhook_id, now, audit):
        replayed += batch
        audit = None
    return replayed


def after_attempt(taken: TakenDelivery, answer: Answer, now: datetime, jitter: Callable[[], float]) -> Outcome:
    """What becomes of a delivery.

    Args:
        taken: The delivery.
        answer: What the endpoint did with it.
        now: When.
        jitter: A number from 0 to 1, another one each time.
    """
    code = UNSET if answer.status_code is None else answer.status_code
    if answer.accepted:
        return Outcome(status=DeliveryStatus.DELIVERED, last_attempt=now, last_status_code=code)
    error = answer.error or f"The endpoint answered {answer.status_code}."
    if answer.gone or taken.attempts > len(PAUSES_SECONDS):
        return Outcome(status=DeliveryStatus.DEAD, last_attempt=now, last_status_code=code, last_error=error)
    pause = max(PAUSES_SECONDS[taken.attempts - 1], min(answer.retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS))
    again = now + timedelta(seconds=round(pause * (1 + JITTER * jitter())))
    return Outcome(
        status=DeliveryStatus.WAITING, last_attempt=now, last_status_code=code, last_error=error, again=again
    )


def _queued(event_id: str, webhook: Webhook, event_type: str, created: datetime, payload: str) -> Queued:
    """The id has no full stop, because those separate what is signed."""
    delivery_id = f"{event_id}_{webhook.webhook_id}"
    return Queued(
        delivery_id=delivery_id,
        webhook_id=webhook.webhook_id,
        type=event_type,
        created=created,
        payload=payload,
    )


async def _active(store: WebhookStore, webhook_id: str) -> Webhook:
    webhook = await get_webhook(store, webhook_id)
    if webhook.status is not WebhookStatus.ACTIVE:
        raise Conflict("The webhook is disabled; make it active first.")
    return webhook
