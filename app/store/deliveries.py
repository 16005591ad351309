"""The queue of deliveries in Redis: the one implementation of `app.domain.deliveries.DeliveryQueue`.

It lies in the slot of the webhooks, so that one script sees both: what is taken, and where it goes.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from msgspec import UNSET

from app.domain.deliveries import (
    DEAD_DAYS,
    KEPT_DAYS,
    KEPT_DEAD,
    KEPT_DELIVERED,
    LEASE_SECONDS,
    MOST_WAITING,
    PAGE_SIZE,
    REPLAY_BATCH,
    TOO_MANY,
    Delivery,
    DeliveryPage,
    DeliveryStatus,
    Outcome,
    Queued,
    TakenDelivery,
)
from app.domain.feed import AuditEntry
from app.domain.records import Cursor
from app.domain.webhooks import Secrets, Webhook
from app.errors import ServerError
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection, Script
from app.store.webhooks import RedisWebhooks

SCRIPTS = (
    Script.load("delivery_add", writes=True),
    Script.load("delivery_take", writes=True),
    Script.load("delivery_settle", writes=True),
    Script.load("delivery_replay", prelude="happened", writes=True),
    Script.load("delivery_get"),
    Script.load("delivery_page"),
    Script.load("delivery_forget", writes=True),
)

ADD_BATCH: Final = 500
FORGET_BATCH: Final = 500

_KEYS: Final = [keys.DELIVERIES, keys.WEBHOOKS]
_KEPT: Final = {DeliveryStatus.DELIVERED: (KEPT_DAYS, KEPT_DELIVERED), DeliveryStatus.DEAD: (DEAD_DAYS, KEPT_DEAD)}
_FRESH: Final = encode(Outcome(status=DeliveryStatus.WAITING))
_BEYOND: Final = encode(Outcome(status=DeliveryStatus.DEAD, last_error=TOO_MANY))

_queued = msgspec.json.Decoder(Queued)
_webhook = msgspec.json.Decoder(Webhook)
_outcome = msgspec.json.Decoder(Outcome)


class RedisDeliveries:
    """Keeps deliveries.

    Args:
        connection: With the scripts of this module loaded.
        webhooks: Opens the secrets.
    """

    def __init__(self, connection: Connection, webhooks: RedisWebhooks) -> None:
        self._connection = connection
        self._webhooks = webhooks
        self._log: Any = structlog.get_logger("app.store.deliveries")

    async def add(self, deliveries: Sequence[Queued], now: datetime) -> None:
        """See `DeliveryQueue.add`."""
        ends = _second(now + timedelta(days=DEAD_DAYS))
        for at in range(0, len(deliveries), ADD_BATCH):
            flat: list[str | bytes] = []
            for one in deliveries[at : at + ADD_BATCH]:
                flat += [one.delivery_id, one.webhook_id, encode(one)]
            said = (_second(now), ends, MOST_WAITING, _FRESH, _BEYOND)
            await self._connection.run("delivery_add", _KEYS, *said, *flat)

    async def take(self, now: datetime, *, limit: int, each: int, others: Mapping[str, int]) -> list[TakenDelivery]:
        """See `DeliveryQueue.take`."""
        until = _second(now) + LEASE_SECONDS
        pairs = [part for pair in others.items() for part in pair]
        found = await self._connection.run("delivery_take", _KEYS, _second(now), until, limit, each, *pairs)
        taken: list[TakenDelivery] = []
        for body, current, previous, signs_until, flat in found:
            webhook = _webhook.decode(body)
            try:
                signing = self._webhooks.opened(webhook.webhook_id, current, previous, signs_until)
            except ServerError as error:  # what waits for it goes on waiting, and the others must not
                self._log.error("webhook_secret_unreadable", webhook_id=webhook.webhook_id, detail=error.detail)
            else:
                taken += _taken(webhook, signing, flat, until)
        return taken

    async def settle(self, taken: TakenDelivery, outcome: Outcome, now: datetime) -> bool:
        """See `DeliveryQueue.settle`."""
        queued = taken.queued
        said = (queued.delivery_id, queued.webhook_id, taken.until, outcome.status, encode(outcome))
        again, ends, kept = "", "", 0
        if isinstance(outcome.again, datetime):
            again = str(_second(outcome.again))
        else:
            days, kept = _KEPT[outcome.status]
            ends = str(_second(now + timedelta(days=days)))
        return bool(await self._connection.run("delivery_settle", _KEYS, *said, again, ends, kept))

    async def get(self, delivery_id: str) -> Delivery | None:
        """See `DeliveryQueue.get`."""
        found = await self._connection.run("delivery_get", _KEYS, delivery_id, _webhook_of(delivery_id))
        return _delivery(*found) if found[0] else None

    async def page(
        self, webhook_id: str, status: DeliveryStatus | None, cursor: Cursor | None, *, limit: int = PAGE_SIZE
    ) -> DeliveryPage:
        """See `DeliveryQueue.page`."""
        place = (str(cursor.position), "1" if cursor.newer else "") if cursor else ("", "")
        said = (webhook_id, status or "all", *place, limit)
        page, newer, older = await self._connection.run("delivery_page", _KEYS, *said)
        positions = [int(float(entry[0])) for entry in page]
        return DeliveryPage(
            [_delivery(*entry[1:]) for entry in page],
            next=Cursor(positions[-1], newer=False) if older else None,
            previous=Cursor(positions[0], newer=True) if newer else None,
        )

    async def replay(self, delivery_id: str, now: datetime, audit: AuditEntry) -> bool:
        """See `DeliveryQueue.replay`."""
        return await self._replay(_webhook_of(delivery_id), delivery_id, now, audit) > 0

    async def replay_dead(self, webhook_id: str, now: datetime, audit: AuditEntry | None) -> int:
        """See `DeliveryQueue.replay_dead`."""
        return await self._replay(webhook_id, "", now, audit)

    async def forget(self, now: datetime) -> int:
        """See `DeliveryQueue.forget`."""
        gone: int = await self._connection.run("delivery_forget", _KEYS, _second(now), FORGET_BATCH)
        return gone

    async def _replay(self, webhook_id: str, delivery_id: str, now: datetime, audit: AuditEntry | None) -> int:
        ends = _second(now + timedelta(days=DEAD_DAYS))
        said = (webhook_id, delivery_id, REPLAY_BATCH, _second(now), ends, _FRESH, encode(audit) if audit else "")
        script_keys = [keys.DELIVERIES, keys.OPERATOR_EVENTS, keys.operator_change(secrets.token_urlsafe(9))]
        replayed: int = await self._connection.run("delivery_replay", script_keys, *said)
        return replayed


def _taken(webhook: Webhook, signing: Secrets, flat: list[Any], until: int) -> list[TakenDelivery]:
    """What was taken of one webhook."""
    return [
        TakenDelivery(_queued.decode(flat[at]), webhook, signing, int(flat[at + 1]), until)
        for at in range(0, len(flat), 2)
    ]


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _webhook_of(delivery_id: str) -> str:
    return delivery_id.rpartition("_")[2]


def _delivery(queued: bytes, state: bytes, attempts: bytes | None, due: bytes | None) -> Delivery:
    """As operators see it. What was taken is due when the lease ends: nobody tries before."""
    what, outcome = _queued.decode(queued), _outcome.decode(state)
    return Delivery(
        delivery_id=what.delivery_id,
        webhook_id=what.webhook_id,
        type=what.type,
        created=what.created,
        status=outcome.status,
        attempts=int(attempts or 0),
        last_attempt=outcome.last_attempt,
        last_status_code=outcome.last_status_code,
        last_error=outcome.last_error,
        next_attempt=UNSET if due is None else datetime.fromtimestamp(int(float(due)), UTC),
    )
