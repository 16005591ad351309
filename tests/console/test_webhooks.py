"""Webhooks in the console."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.deliveries import DeliveryStatus, Outcome
from app.domain.events import EVENT_TYPES
from app.domain.webhooks import MAX_WEBHOOKS, Webhook
from tests.conftest import Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import View

PATH = "/console/webhooks"
URL = "https://billing.utility.example/hooks?tenant=1"


async def added(admin: Desk, **fields: str) -> View:
    """The page of a new webhook, with its secret."""
    return await admin.press(await admin.open(PATH), "Add webhook", **({"url": URL, "description": "Billing"} | fields))


def secret_in(page: View) -> str:
    """The secret that a page shows."""
    return next(word for word in page.text.split() if word.startswith("whsec_"))


async def only(server: Server) -> Webhook:
    """The one webhook that there is."""
    assert server.service.state
    (webhook,) = await server.service.state["webhooks"].list()
    return webhook


async def settle(server: Server, status: DeliveryStatus, error: str = "", code: int | None = None) -> None:
    """What was to be sent has come to this."""
    assert server.service.state
    queue = server.service.state["deliveries"]
    for taken in await queue.take(server.clock.now, limit=100, each=100, others={}):
        facts: dict[str, Any] = {"last_status_code": code} if code else {}
        outcome = Outcome(status=status, last_attempt=server.clock.now, last_error=error, **facts)
        assert await queue.settle(taken, outcome, server.clock.now)


async def home_of(server: Server) -> str:
    """The page of the one webhook."""
    return f"{PATH}/{(await only(server)).webhook_id}"


async def test_its_secret_is_shown_once(admin: Desk, server: Server) -> None:
    page = await added(admin)
    secret = secret_in(page)
    again = await admin.open(await home_of(server))
    listing = await admin.open(PATH)

    assert len(secret) > 30
    assert page.response.headers["cache-control"] == "no-store"
    assert "whsec_" not in again.response.text + listing.response.text
    assert "Billing" in listing.links
    assert "everything" in listing.text
    assert (await only(server)).events == ["*"]


async def test_it_may_be_told_of_some_things_only(admin: Desk, server: Server) -> None:
    page = await admin.open(PATH)
    form = page.form("Add webhook")
    data = form.values | {"url": URL, "which": "some", "events": ["message.created", "client.created"]}
    await admin.post(PATH, data)

    assert (await only(server)).events == ["client.created", "message.created"]
    assert "client.created, message.created" in (await admin.open(PATH)).text
    for type_ in EVENT_TYPES:
        assert type_ in page.text


@pytest.mark.parametrize(
    ("fields", "field", "about"),
    [
        ({"url": "http://billing.utility.example/"}, "url", "https://"),
        ({"url": "nonsense"}, "url", "url must be an absolute https URL"),
        ({"url": "https://user:password@x.example/"}, "url", "without user"),
        ({"url": ""}, "url", "url must be"),
        ({"description": "x" * 300}, "description", "at most 256"),
        ({"which": "some"}, "events", "Choose at least one"),
        ({"which": "some", "events": "nonsense"}, "events", "Choose at least one"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(
    admin: Desk, server: Server, fields: dict[str, str], field: str, about: str
) -> None:
    answer = await admin.submit(
        await admin.open(PATH), "Add webhook", **({"url": URL, "description": "Billing"} | fields)
    )
    page = View(answer)

    assert answer.status_code == 400
    assert about in page.text
    assert ("id", f"error-{field}") in page.attributes
    for name in ("url", "description"):
        assert page.form("Add webhook").values[name] == ({"url": URL, "description": "Billing"} | fields)[name]
    assert server.service.state
    assert await server.service.state["webhooks"].list() == []


async def test_there_are_never_too_many(admin: Desk) -> None:
    page = await admin.open(PATH)
    for _ in range(MAX_WEBHOOKS):
        await admin.submit(page, "Add webhook", url=URL)
    answer = await admin.submit(page, "Add webhook", url=URL)

    assert answer.status_code == 409
    assert f"There are {MAX_WEBHOOKS} webhooks already" in View(answer).text


async def test_it_can_be_changed(admin: Desk, server: Server) -> None:
    await added(admin)
    home = await home_of(server)
    page = await admin.open(home)
    assert page.form("Save").values["url"] == URL
    after = await admin.press(page, "Save", url="https://crm.utility.example/", description="CRM")
    wrong = await admin.submit(after, "Save", url="ftp://x")

    assert "The webhook has been changed." in after.text
    assert "CRM" in after.text
    assert wrong.status_code == 400
    assert View(wrong).form("Save").values["url"] == "ftp://x"
    assert (await only(server)).url == "https://crm.utility.example/"


async def test_it_can_be_turned_off_and_on_again(admin: Desk, server: Server) -> None:
    await added(admin)
    off = await admin.press(await admin.open(await home_of(server)), "Turn off")
    assert "What happens waits for it." in off.text
    assert "Send a test" not in [form.button for form in off.forms]
    refused = await admin.post(await home_of(server) + "/test", {"form_token": await admin.token()})
    assert "The webhook is disabled; make it active first." in (await admin.after(refused)).text

    on = await admin.press(off, "Turn on")
    assert "what waits is sent" in on.text
    assert (await only(server)).status == "active"


async def test_a_test_shows_what_became_of_it(admin: Desk, server: Server) -> None:
    await added(admin)
    home = await home_of(server)
    sent = await admin.press(await admin.open(home), "Send a test")
    await settle(server, DeliveryStatus.DELIVERED, code=204)
    page = await admin.open(home)

    assert "A test is on its way." in sent.text
    assert "webhook.test" in page.text
    assert "delivered" in page.text
    assert "204" in page.text


async def test_dead_letters_are_seen_and_sent_again(admin: Desk, server: Server) -> None:
    await added(admin)
    home = await home_of(server)
    for _ in range(2):
        await admin.press(await admin.open(home), "Send a test")
    await settle(server, DeliveryStatus.DEAD, "The endpoint answered 500.", 500)
    listing, page = await admin.open(PATH), await admin.open(f"{home}?status=dead")

    assert "dead letters" in listing.text
    assert "The endpoint answered 500." in page.text
    assert "Send 2 dead letters again?" in page.text
    one = await admin.press(page, "Send again webhook.test")
    assert "It is sent again." in one.text
    assert "Send 1 dead letter again?" in one.text
    every = await admin.press(one, "Send again")
    assert "1 dead letter will be sent again." in every.text
    assert "There are no such deliveries." in (await admin.open(f"{home}?status=dead")).text
    assert "webhooks.replay" in (await admin.open("/console/audit")).text


async def test_a_new_secret_is_shown_once_and_the_old_one_has_time(admin: Desk, server: Server) -> None:
    first = secret_in(await added(admin))
    home = await home_of(server)
    page = await admin.open(home)
    assert "Make a new secret?" in page.text
    made = await admin.after(await admin.choose(page, "/secret", {}))
    server.clock.now += timedelta(seconds=1)

    assert secret_in(made) != first
    assert "signs as well for 24 hours" in made.text
    assert "whsec_" not in (await admin.open(home)).response.text


async def test_it_can_be_deleted(admin: Desk, server: Server) -> None:
    await added(admin)
    home = await home_of(server)
    page = await admin.open(home)
    assert "Delete this webhook?" in page.text
    after = await admin.after(await admin.choose(page, "/delete", {}))

    assert "has been deleted." in after.text
    assert "No system is told of anything yet." in after.text
    assert (await admin.send("GET", home)).status_code == 404
    for action in ("", "/status", "/test", "/secret", "/replay", "/delete"):
        answer = await admin.post(home + action, {"form_token": await admin.token(), "status": "active", "url": URL})
        assert answer.status_code == 404, action


async def test_what_an_admin_writes_is_text_too(admin: Desk, server: Server) -> None:
    await added(admin, description=HOSTILE)

    for path in (PATH, await home_of(server)):
        page = await admin.open(path)
        assert HOSTILE in page.text
        assert not {"script", "img"} & set(page.tags)


@pytest.mark.parametrize("path", [PATH + "/x", PATH + "/wzzzzzzzzzz", PATH + "/wzzzzzzzzzz?status=dead"])
async def test_others_are_not_there(admin: Desk, path: str) -> None:
    assert (await admin.send("GET", path)).status_code == 404


async def test_a_status_that_is_none_is_refused(admin: Desk, server: Server) -> None:
    await added(admin)

    assert (await admin.send("GET", await home_of(server) + "?status=lost")).status_code == 400
    answer = await admin.post(await home_of(server) + "/status", {"form_token": await admin.token(), "status": "x"})
    assert answer.status_code == 400
