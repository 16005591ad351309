"""The first page of the console."""

from datetime import timedelta

import pytest

from app.domain.deliveries import DeliveryStatus, Outcome
from app.domain.mails import Mail
from tests.conftest import Server
from tests.console.desk import HOSTILE, Desk
from tests.message_objects import EVERYTHING, SUPPORT, created
from tests.operators import operator_of

PATH = "/console"


async def test_what_has_waited_longest_comes_first(server: Server, viewer: Desk) -> None:
    first, second = await server.register(client_name="Meadow"), await server.register(client_name="Orchard")
    old = await created(first, SUPPORT)
    server.clock.advance(days=3)
    for _ in range(9):
        await created(second, SUPPORT | {"name": "Another thing"})
        server.clock.advance(minutes=1)
    async with Desk(server) as desk:
        page = await (await desk.sign_in(server, "viewer")).open(PATH)

    assert "10 Support request Support request oldest: 3 days" in page.text
    assert page.links["Support request"]["href"] == f"/console/messages/{old['message_id']}"
    assert page.links["All 10 in the inbox"]["href"] == "/console/messages"
    assert page.text.count("Another thing") == 7
    assert page.text.index("Meadow") < page.text.index("Orchard")


async def test_numbers_lead_to_what_they_count(server: Server, viewer: Desk) -> None:
    registered = await server.register(EVERYTHING, client_name="Meadow")
    await created(registered, SUPPORT)
    page = await viewer.open(PATH)

    assert "All 1" in page.links
    assert "active 1" in page.text
    assert "suspended 0" in page.text
    assert "onboarding 1" in page.text
    for href in (
        "/console/registrations?status=active",
        "/console/registrations?onboarding=true",
        "/console/grants?status=active",
    ):
        assert (("href", href)) in page.attributes
    assert ("href", "/console/messages?type=support_request") in page.attributes


async def test_recent_activity_is_told_in_few_words(server: Server) -> None:
    registered = await server.register(client_name="Meadow")
    server.clock.advance(hours=2)
    await created(registered, SUPPORT)
    await operator_of(server, "viewer", "jo")
    server.clock.advance(hours=1)
    async with Desk(server) as desk:
        page = await (await desk.sign_in(server, "admin")).open(PATH)
    text = page.text[page.text.index("Recent activity") :]

    assert text.index("New operator") < text.index("Meadow new Message") < text.index("Meadow registered, ")
    assert "3 h ago" in text


async def test_only_admins_are_led_to_keys(server: Server, viewer: Desk) -> None:
    page = await viewer.open(PATH)

    assert "New operator" in page.text
    assert "New operator" not in page.links
    assert ("href", "/console/webhooks") not in page.attributes


async def test_names_of_clients_are_text(server: Server, viewer: Desk) -> None:
    registered = await server.register(client_name=HOSTILE)
    await created(registered, SUPPORT | {"name": HOSTILE})
    page = await viewer.open(PATH)

    assert not {"script", "img"} & set(page.tags)
    assert page.text.count(HOSTILE) >= 3


async def test_at_the_beginning_nothing_waits(viewer: Desk) -> None:
    page = await viewer.open(PATH)

    assert "Nothing waits for you." in page.text
    assert "answers in" in page.text


@pytest.mark.parametrize("trouble", ["mail", "webhook"])
async def test_what_does_not_leave_the_house_is_seen(server: Server, admin: Desk, trouble: str) -> None:
    assert server.service.state
    if trouble == "mail":
        mail = Mail(id="m", kind="verification_code", to="a@b.example", subject="s", text="t", created=server.clock.now)
        await server.service.state["outbox"].put(mail)
    else:
        webhooks = await admin.open("/console/webhooks")
        page = await admin.press(webhooks, "Add webhook", url="https://billing.utility.example/")
        await admin.press(page, "Send a test")
        queue = server.service.state["deliveries"]
        (taken,) = await queue.take(server.clock.now, limit=9, each=9, others={})

        await queue.settle(taken, Outcome(status=DeliveryStatus.DEAD), server.clock.now)
    page = await admin.open(PATH)

    assert ("Mails waiting 1" if trouble == "mail" else "1 of 1 fails") in page.text


async def test_it_says_for_how_long_and_since_when(server: Server) -> None:
    await created(await server.register(), SUPPORT)
    server.clock.now += timedelta(hours=5)
    async with Desk(server) as desk:
        page = await (await desk.sign_in(server, "viewer")).open(PATH)

    assert "5 h" in page.text
    assert ("title", "since 1 June 2026 at 07:00 CDT") in page.attributes
