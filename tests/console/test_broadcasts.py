"""Broadcasts in the console: written, looked at, sent once."""

from app.domain.broadcasts import send_some
from tests.conftest import Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import View

PATH = "/console/broadcasts"
OUTAGE = {"name": "Maintenance", "description": "On Sunday\r\nfrom 2 to 4.", "related_uri": "https://status.example/"}


async def previewed(desk: Desk, **fields: str) -> View:
    """The page on which it is looked at."""
    return await desk.press(await desk.open(f"{PATH}/new"), "Look at it", **(OUTAGE | fields))


async def sent(server: Server) -> None:
    """What the worker does."""
    assert server.service.state
    while await send_some(server.context, server.service.state["broadcasts"], server.clock.now):
        pass


async def test_a_broadcast_is_looked_at_with_its_count_before_it_goes_out(server: Server, support: Desk) -> None:
    clients = [await server.register("cds_client_admin") for _ in range(3)]

    page = await previewed(support)
    assert "3 registrations get it" in page.text
    assert "Every active registration" in page.text
    assert "Maintenance" in page.text
    assert page.links["https://status.example/"]["rel"] == "noopener noreferrer nofollow"
    assert not await clients[0].messages("notification") or all(
        one["name"] != "Maintenance" for one in await clients[0].messages("notification")
    )

    page = await support.press(page, "Send it")
    assert "On its way. Each registration gets it once." in page.text
    await sent(server)
    page = await support.open(str(page.response.url))

    assert "3 of 3" in page.text
    for client in clients:
        (message,) = [one for one in await client.messages("notification") if one["name"] == "Maintenance"]
        assert message["description"] == "On Sunday\nfrom 2 to 4."
    assert "3 of 3" in (await support.open(PATH)).text


async def test_a_button_that_is_pressed_twice_sends_it_once(server: Server, support: Desk) -> None:
    client = await server.register("cds_client_admin")
    page = await previewed(support)

    first, second = await support.submit(page, "Send it"), await support.submit(page, "Send it")
    await sent(server)

    assert first.headers["location"] == second.headers["location"]
    assert len([one for one in await client.messages("notification") if one["name"] == "Maintenance"]) == 1


async def test_only_those_with_a_scope_can_be_meant(server: Server, support: Desk) -> None:
    await server.register("cds_client_admin")
    await server.register("cds_client_admin ple_grid_status")

    page = await previewed(support, scopes="ple_grid_status")

    assert "1 registration gets it" in page.text
    assert "Active registrations with Grid status" in page.text


async def test_it_can_be_changed_before_it_goes_out(server: Server, support: Desk) -> None:
    page = await support.press(await previewed(support, scopes="ple_grid_status"), "Change it")

    form = page.form("Look at it")
    assert form.values["name"] == "Maintenance"
    assert form.values["description"].splitlines() == ["On Sunday", "from 2 to 4."]
    assert form.values["scopes"] == "ple_grid_status"


async def test_what_is_wrong_stands_beside_its_field(server: Server, support: Desk) -> None:
    page = await support.open(f"{PATH}/new")
    for field, value in (("name", ""), ("description", ""), ("related_uri", "javascript:alert(1)"), ("scopes", "odd")):
        refused = View(await support.submit(page, "Look at it", **(OUTAGE | {field: value})))
        assert refused.response.status_code == 400
        assert field in refused.text
        assert refused.form("Look at it").values["name"] == (OUTAGE | {field: value})["name"]


async def test_what_operators_write_is_text_too(server: Server, support: Desk) -> None:
    await server.register("cds_client_admin")
    page = await support.press(await previewed(support, name=HOSTILE, description=HOSTILE), "Send it")
    for path in (str(page.response.url), PATH):
        view = await support.open(path)
        assert HOSTILE in view.text
        assert "script" not in view.tags


async def test_viewers_see_broadcasts_and_write_none(server: Server, viewer: Desk) -> None:
    assert "Write a broadcast" not in (await viewer.open(PATH)).links
    assert (await viewer.send("GET", f"{PATH}/new")).status_code == 403
    data = {"form_token": await viewer.token(), "step": "send", "key": "0123456789"} | OUTAGE
    assert (await viewer.post(f"{PATH}/new", data)).status_code == 403


async def test_nothing_goes_out_without_having_been_looked_at(server: Server, support: Desk) -> None:
    data = {"form_token": await support.token(), "step": "send"} | OUTAGE
    refused = View(await support.post(f"{PATH}/new", data))
    assert refused.response.status_code == 400
    assert "Nothing was broadcast yet." in (await support.open(PATH)).text
    assert (await support.send("GET", f"{PATH}/nonsense")).status_code == 404
