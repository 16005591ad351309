"""Fills the outbox with what events lead to, and empties it: sends what is due, forgets what nobody needs any more."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog

from app.domain.context import Context
from app.domain.feed import Feed, FeedEvent
from app.domain.mail_notices import TOLD, mail_of
from app.domain.mails import Attempted, Mailer, MailNotSent, MailQueue, MailStatus, Outbox, TakenMail, after_failure
from app.errors import StoreUnavailable

AT_ONCE: Final = 8
"""Mails that are under way at the same time, each on a connection of its own."""


class SendMails:
    """The job.

    Args:
        queue: The outbox.
        mailer: What takes the mails; without one they wait, and only their time runs out.
        attempted: Told `sent`, `delayed` or `failed` after each attempt.
    """

    name = "mails"
    interval_seconds = 1.0

    def __init__(
        self, queue: MailQueue, mailer: Mailer | None, attempted: Callable[[str], None] = lambda _: None
    ) -> None:
        self._attempted = attempted
        self._queue = queue
        self._mailer = mailer
        self._log: Any = structlog.get_logger("app.worker.mails")

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`."""
        forgotten = await self._queue.forget(now)
        if self._mailer is None:
            return forgotten > 0
        taken = await self._queue.take(now, limit=AT_ONCE)
        ends = await asyncio.gather(*(self._send(self._mailer, one, now) for one in taken), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return bool(taken or forgotten)

    async def close(self) -> None:
        """See `Lasting.close`."""
        if self._mailer:
            await self._mailer.close()

    async def _send(self, mailer: Mailer, taken: TakenMail, now: datetime) -> None:
        """Send one, and note what has become of it at once: until then a crash would send it again."""
        failure = await self._failure(mailer, taken)
        if failure:
            attempted = after_failure(taken, failure, now)
            await self._queue.settle(taken, attempted, now)
            self._tell("mail_failed" if attempted.again is None else "mail_delayed", taken, failure.error)
        else:
            await self._queue.settle(taken, Attempted(status=MailStatus.SENT), now)
            self._tell("mail_sent", taken)

    async def _failure(self, mailer: Mailer, taken: TakenMail) -> MailNotSent | None:
        try:
            await mailer.send(taken.mail)
        except MailNotSent as failure:
            return failure
        except Exception as error:  # noqa: BLE001 -- a mistake of ours must not make it come back forever
            self._log.error("mail_not_handed_over", mail_id=taken.mail.id, exc_info=error)
            return MailNotSent("It could not be sent; the log says why.", permanent=False)
        return None

    def _tell(self, event: str, taken: TakenMail, error: str | None = None) -> None:
        self._attempted(event.removeprefix("mail_"))
        facts = {"mail_id": taken.mail.id, "kind": taken.mail.kind, "attempts": taken.attempts}
        if error is None:
            self._log.info(event, **facts)
        else:
            self._log.warning(event, **facts, error=error)


class NoticeMails:
    """The job that makes mails of events.

    Args:
        context: Knows what the events are about.
        feed: Where they come from.
        outbox: Where mails go.
        consumer: Another one in every process.
    """

    name = "mail-notices"
    interval_seconds = 2.0

    def __init__(self, context: Context, feed: Feed, outbox: Outbox, *, consumer: str) -> None:
        self._context = context
        self._feed = feed
        self._outbox = outbox
        self._consumer = consumer
        self._log: Any = structlog.get_logger("app.worker.mails")

    async def run_once(self, now: datetime) -> bool:
        """See `Job.run_once`. Events are done with when their mails are in the outbox, and not before."""
        events, more = await self._feed.take_only("mails", self._consumer, TOLD)
        for event in events:
            await self._write(event, now)
        if events:
            await self._feed.done("mails", [event.id for event in events])
        return more or bool(events)

    async def _write(self, event: FeedEvent, now: datetime) -> None:
        try:
            mail = await mail_of(self._context, event, now)
            if mail:
                await self._outbox.put(mail)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- what is wrong with one must not keep others waiting
            self._log.error("mail_not_written", event_id=event.id, type=event.type, exc_info=error)
