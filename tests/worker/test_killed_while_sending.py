"""Workers that are killed while they send: everything arrives, and what arrives twice can be told by its id."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from app.catalog import Catalog
from app.crypto.tokens import Randomness
from app.delivery.smtp import open_mailer
from app.delivery.webhooks import HttpSender
from app.domain import webhooks
from app.domain.deliveries import LEASE_SECONDS as DELIVERY_LEASE
from app.domain.deliveries import DeliveryStatus
from app.domain.feed import Actor, FeedEvent
from app.domain.mails import LEASE_SECONDS as MAIL_LEASE
from app.domain.mails import Mail, MailStatus
from app.main import Parts, Service, utc_now
from app.settings import Settings
from app.web.state import State
from app.worker.mails import SendMails
from app.worker.webhooks import QueueDeliveries, SendDeliveries
from tests.endpoints import Endpoint, endpoint
from tests.factories import NOW, new_registration
from tests.mail_server import MailServer, mail_server
from tests.stores import start_valkey
from tests.worker.processes import settings_for, spawn_worker

REGISTRATIONS = 700
MAILS = 120
KILLS = 6
ENOUGH_SECONDS = 600
ANNA = Actor(name="anna", role="admin", via="api")


@dataclass
class House:
    """A service that has its store open and does no work itself, and what its workers send to."""

    service: Service
    state: State
    environment: dict[str, str]
    hook: Endpoint
    webhook_id: str
    post: MailServer


@pytest.fixture
async def house(tmp_path: Path, demo_catalog: Catalog) -> AsyncIterator[House]:
    servers = start_valkey()
    async with endpoint() as hook, mail_server() as post:
        smtp = {"CDS_SMTP_URL": f"smtp://127.0.0.1:{post.port}", "CDS_MAIL_FROM": "cds@utility.example"}
        environment = settings_for(tmp_path, servers.url) | smtp
        service = Service(Settings.from_environment(environment), demo_catalog, Parts())
        state = await service.open()
        webhook, hook.secret = await webhooks.create(state["webhooks"], Randomness(), ANNA, {"url": hook.url}, now=NOW)
        yield House(service, state, environment, hook, webhook.webhook_id, post)
        await service.stop()
    servers.stop()


async def happen(house: House) -> None:
    """Much happens while workers come and go."""
    state = house.state
    for number in range(MAILS):
        mail = Mail(
            id=f"mail {number}",
            kind="test",
            to="ann@meadow.example",
            subject=str(number),
            text="Hello.",
            created=utc_now() - timedelta(seconds=1),
        )
        await state["outbox"].put(mail)
    for _ in range(REGISTRATIONS // 50):
        changes = [new_registration()[0] for _ in range(50)]
        await asyncio.gather(*(state["context"].records.apply(change) for change in changes))
        await asyncio.sleep(0.05)


async def finish(house: House) -> None:
    """What another worker does when the leases of the dead have ended; nobody waits for that here."""
    state, later = house.state, utc_now() + timedelta(seconds=max(DELIVERY_LEASE, MAIL_LEASE))
    feed, queue = state["feed"], state["deliveries"]
    await feed.relay()
    left = await feed.take("webhooks", "last", limit=100_000, idle_seconds=0)
    once = QueueDeliveries(
        _Given(left), state["webhooks"], queue, base_url=house.service.settings.public_url, consumer="last"
    )
    await once.run_once(utc_now())
    sending = SendDeliveries(state["webhooks"], queue, HttpSender(), jitter=lambda: 0.0, clock=utc_now)
    is_over = False
    while not is_over:  # an attempt that ends during a step may make room for what the step did not take
        was_busy = sending.busy
        is_over = not await sending.run_once(later) and not was_busy
    await sending.close()
    mails = SendMails(state["outbox"], open_mailer(house.service.settings))
    while await mails.run_once(later):
        pass
    await mails.close()


@dataclass
class _Given:
    """A feed that hands out what was taken from the real one."""

    events: list[FeedEvent]

    async def take(self, *_: object, limit: int) -> list[FeedEvent]:  # noqa: ARG002 -- all that there are
        return self.events

    async def done(self, *_: object) -> None:
        """Nobody is asked again."""


async def test_workers_that_are_killed_lose_no_webhook_and_no_mail(house: House, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 -- when to kill
    happening = asyncio.create_task(happen(house))
    arrived = 0
    async with asyncio.timeout(ENOUGH_SECONDS):
        for _ in range(KILLS):
            worker = spawn_worker(tmp_path, **house.environment)
            goal = arrived + chance.randint(20, 160)
            while (arrived := len(house.hook.received) + len(house.post.letters)) < goal:  # noqa: ASYNC110 -- see below
                await asyncio.sleep(0.001)  # no event crosses from the process that is to be killed
            worker.kill()
            worker.wait()
        await happening
        await finish(house)

    events: list[FeedEvent] = []
    while page := await house.state["feed"].events(after=events[-1].id if events else None, limit=1000):
        events += page
    assert len(events) >= REGISTRATIONS
    assert set(house.hook.ids) == {f"{event.id}_{house.webhook_id}" for event in events}
    assert house.hook.forged == 0
    page_ = await house.state["deliveries"].page(house.webhook_id, DeliveryStatus.WAITING, None)
    assert page_.items == []
    subjects = [letter["Subject"] for letter in house.post.letters]
    assert set(subjects) == {str(number) for number in range(MAILS)}
    assert len({letter["Message-ID"] for letter in house.post.letters}) == MAILS
    assert await house.state["outbox"].latest(MailStatus.WAITING) == []
    # The point of the whole: some have come twice, and none of them unrecognised.
    print(len(house.hook.ids) - len(events), "webhooks and", len(subjects) - MAILS, "mails came twice")  # noqa: T201
