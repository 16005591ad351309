"""Webhooks that are first heard of when one is due.

Most servers never send any, while the libraries and the certificates for it take five megabytes and an eighth of a
second, which every process would spend at its start.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from app.domain.deliveries import Answer, TakenDelivery, WebhookSender


class LaterSender:
    """Fulfils `app.domain.deliveries.WebhookSender` with a sender that is made for the first delivery.

    Args:
        make: Makes it, in a thread of its own. What it raises comes out of the attempt that asked for it.
    """

    def __init__(self, make: Callable[[], WebhookSender]) -> None:
        self._make = make
        self._made: WebhookSender | None = None
        self._turn = asyncio.Lock()

    async def send(self, taken: TakenDelivery, now: datetime) -> Answer:
        """See `WebhookSender.send`."""
        async with self._turn:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return await self._made.send(taken, now)

    async def close(self) -> None:
        """See `WebhookSender.close`."""
        if self._made:
            await self._made.close()


def open_sender() -> LaterSender:
    """What sends webhooks from this process."""
    return LaterSender(_http_sender)


def _http_sender() -> WebhookSender:
    from app.delivery.webhooks import HttpSender  # noqa: PLC0415 -- what is said above

    return HttpSender()
