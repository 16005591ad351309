"""Tells webhooks what happens: events become deliveries, deliveries are sent."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.domain.deliveries import (
    Answer,
    DeliveryQueue,
    DeliveryStatus,
    Outcome,
    TakenDelivery,
    WebhookSender,
    after_attempt,
    for_event,
)
from app.domain.feed import Feed
from app.domain.webhooks import WebhookStore, turn_off
from app.errors import StoreUnavailable

EVENTS_AT_ONCE: Final = 300
"""Events that are looked at in one step: what a dozen registrations make. To ask for them takes as long as for one."""

AT_ONCE: Final = 64
"""Deliveries that a process sends at the same time ..."""

OF_ONE_WEBHOOK: Final = 8
"""... of them to one webhook, while its endpoint answers ..."""

OF_A_FAILING_ONE: Final = 1
"""... and after it has failed, until it has taken one again. So with MAX_WEBHOOKS endpoints that are all dead there is
still room for one that is not."""

LOOK_SECONDS: Final = 0.5
"""How long to wait for something to end before looking whether anything new is due."""

FORGET_EVERY: Final = timedelta(seconds=10)

NOTE_PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 2.0, 2.0, 2.0)

PARTING_SECONDS: Final = 5.0
"""For what is under way when the process ends; what is broken off is sent again when its lease ends."""


class QueueDeliveries:
    """The job that makes deliveries of events.

    Args:
        feed: Where events come from.
        webhooks: Who wants to know.
        queue: Where deliveries go.
        base_url: The public URL.
        consumer: Another one in every process.
    """

    name = "webhook-events"
    interval_seconds = 0.5

    def __init__(
        self, feed: Feed, webhooks: WebhookStore, queue: DeliveryQueue, *, base_url: str, consumer: str
    ) -> None:
        self._feed = feed
        self._webhooks = webhooks
        self._queue = queue
        self._base_url = base_url
        self._consumer = consumer

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`. Events are done with when their deliveries are in the queue, and not before."""
        events = await self._feed.take("webhooks", self._consumer, limit=EVENTS_AT_ONCE)
        if not events:
            return False
        webhooks = await self._webhooks.list()
        deliveries = [one for event in events for one in for_event(event, webhooks, self._base_url)]
        if deliveries:
            await self._queue.add(deliveries, now)
        await self._feed.done("webhooks", [event.id for event in events])
        return True


class SendDeliveries:
    """The job that sends deliveries.

    Each is sent in a task of its own, which outlives the step that began it: an endpoint that does not answer must not
    hold up the others.

    Args:
        webhooks: To turn one off whose endpoint is gone.
        queue: Where deliveries wait.
        sender: Sends.
        jitter: A number from 0 to 1, another one each time.
        clock: The time at which an attempt ends.
        attempted: Told `delivered`, `delayed` or `dead` after each attempt.
        note_pauses_seconds: How long to wait before noting again what the store could not take.
    """

    name = "webhooks"
    interval_seconds = 0.5

    def __init__(
        self,
        webhooks: WebhookStore,
        queue: DeliveryQueue,
        sender: WebhookSender,
        *,
        jitter: Callable[[], float],
        clock: Callable[[], datetime],
        attempted: Callable[[str], None] = lambda _: None,
        note_pauses_seconds: Sequence[float] = NOTE_PAUSES_SECONDS,
    ) -> None:
        self._attempted = attempted
        self._queue = queue
        self._webhooks = webhooks
        self._sender = sender
        self._jitter = jitter
        self._clock = clock
        self._note_pauses = note_pauses_seconds
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._failing: set[str] = set()
        self._forgot: datetime | None = None
        self._log: Any = structlog.get_logger("app.worker.webhooks")

    @property
    def busy(self) -> bool:
        """Whether anything is being sent."""
        return bool(self._under_way)

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`."""
        forgotten = await self._forget(now)
        taken = await self._take(now)
        for one in taken:
            task = asyncio.create_task(self._deliver(one, now), name=f"delivery {one.queued.delivery_id}")
            self._under_way[task] = one.webhook.webhook_id
            task.add_done_callback(self._under_way.pop)
        if not self._under_way:
            return forgotten > 0
        ended, _ = await asyncio.wait(self._under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return bool(taken or ended or forgotten)

    async def close(self) -> None:
        """See `Lasting.close`: what is under way may end, and what takes too long is broken off."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=PARTING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._sender.close()

    async def _forget(self, now: datetime) -> int:
        """Now and then, and then until nothing is left to forget."""
        if self._forgot and now - self._forgot < FORGET_EVERY:
            return 0
        forgotten = await self._queue.forget(now)
        self._forgot = None if forgotten else now
        return forgotten

    async def _take(self, now: datetime) -> list[TakenDelivery]:
        free = AT_ONCE - len(self._under_way)
        if free <= 0:
            return []
        busy = Counter(self._under_way.values())
        known = {one: OF_A_FAILING_ONE if one in self._failing else OF_ONE_WEBHOOK for one in self._failing | set(busy)}
        others = {one: max(most - busy[one], 0) for one, most in known.items()}
        return await self._queue.take(now, limit=free, each=OF_ONE_WEBHOOK, others=others)

    async def _deliver(self, taken: TakenDelivery, now: datetime) -> None:
        """One attempt, and what has become of it noted at once: until then a crash would send it again."""
        answer = await self._answer(taken, now)
        ended = self._clock()
        webhook_id = taken.webhook.webhook_id
        (self._failing.discard if answer.accepted else self._failing.add)(webhook_id)
        outcome = after_attempt(taken, answer, ended, self._jitter)
        self._tell(taken, outcome)
        try:
            await self._settle(taken, outcome, ended)
            if answer.gone and await turn_off(self._webhooks, taken.webhook, now=ended):
                self._log.warning("webhook_turned_off", webhook_id=webhook_id)
        except StoreUnavailable:  # it is sent again when its lease ends, with the same webhook-id
            self._log.warning("delivery_not_noted", delivery_id=taken.queued.delivery_id)

    async def _settle(self, taken: TakenDelivery, outcome: Outcome, ended: datetime) -> None:
        """Note it, and again while the store is away and nobody else can have the delivery."""
        for pause_seconds in self._note_pauses:
            try:
                await self._queue.settle(taken, outcome, ended)
            except StoreUnavailable:
                if int(self._clock().timestamp()) + pause_seconds >= taken.until:
                    raise
                await asyncio.sleep(pause_seconds)
            else:
                return
        await self._queue.settle(taken, outcome, ended)

    async def _answer(self, taken: TakenDelivery, now: datetime) -> Answer:
        try:
            return await self._sender.send(taken, now)
        except Exception as error:  # noqa: BLE001 -- a mistake of ours must not make it come back forever
            self._log.error("delivery_failed", delivery_id=taken.queued.delivery_id, exc_info=error)
            return Answer(None, "It could not be sent; the log says why.")

    def _tell(self, taken: TakenDelivery, outcome: Outcome) -> None:
        events = {
            DeliveryStatus.DELIVERED: ("delivery_made", self._log.info),
            DeliveryStatus.WAITING: ("delivery_delayed", self._log.warning),
            DeliveryStatus.DEAD: ("delivery_dead", self._log.error),
        }
        event, log = events[outcome.status]
        self._attempted("delayed" if outcome.status is DeliveryStatus.WAITING else outcome.status.value)
        log(
            event,
            delivery_id=taken.queued.delivery_id,
            webhook_id=taken.webhook.webhook_id,
            type=taken.queued.type,
            attempts=taken.attempts,
            status_code=outcome.last_status_code or None,
        )
