"""What sends webhooks is there from the first one on."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.delivery.later import LaterSender, open_sender
from app.domain.deliveries import Answer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANY: Any = object()


class Sender:
    """Answers without an endpoint."""

    def __init__(self) -> None:
        self.closed = False

    async def send(self, _taken, _now):
        return Answer(204)

    async def close(self):
        self.closed = True


async def test_deliveries_at_the_same_time_share_one_sender_which_is_closed_in_the_end():
    made = []

    def make():
        made.append(Sender())
        return made[-1]

    later = LaterSender(make)
    assert not made

    answers = await asyncio.gather(*(later.send(ANY, NOW) for _ in range(3)))
    await later.close()

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert [one.closed for one in made] == [True]


async def test_a_sender_that_could_not_be_made_is_tried_again_with_the_next_delivery():
    outcomes = [OSError("no certificates"), Sender()]

    def make():
        outcome = outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    later = LaterSender(make)
    with pytest.raises(OSError, match="certificates"):
        await later.send(ANY, NOW)

    assert (await later.send(ANY, NOW)).accepted


async def test_nothing_is_made_to_be_closed():
    await open_sender().close()
