"""The audit log in the console."""

import pytest

from app.console.audit import PAGE
from tests.conftest import Server
from tests.console.desk import HOSTILE, Desk
from tests.operators import operator_of

PATH = "/console/audit"


async def suspend(admin: Desk, registration_id: str) -> None:
    """Something that leaves a record."""
    answer = await admin.post(f"/console/registrations/{registration_id}/suspend", {"form_token": await admin.token()})
    assert answer.status_code == 303, answer.text


async def test_it_tells_who_changed_what_from_what_to_what(server: Server, admin: Desk, viewer: Desk) -> None:
    client = await server.register(client_name=HOSTILE)
    await suspend(admin, client.registration_id)
    page = await viewer.open(PATH)

    assert "registrations.suspend" in page.text
    assert f"{admin.name} , admin, in the console, in" in page.text
    assert "before: active" in page.text
    assert "after: suspended" in page.text
    assert page.links[HOSTILE]["href"] == f"/console/registrations/{client.registration_id}"
    assert not {"script", "img"} & set(page.tags)


async def test_it_can_be_that_of_one_registration(server: Server, admin: Desk) -> None:
    one, other = await server.register(client_name="One"), await server.register(client_name="Other")
    for client in (one, other):
        await suspend(admin, client.registration_id)
    page = await admin.open(f"{PATH}?registration_id=+{one.client_id}-1+")

    assert "One" in page.links
    assert "Other" not in page.links
    assert "Show all" in page.links
    empty = await admin.open(f"{PATH}?registration_id={(await server.register()).client_id}")
    assert "Nobody has changed anything in this registration." in empty.text


@pytest.mark.parametrize("query", ["registration_id=x", "before=x", "after=-1", "before=" + "9" * 99, "after=%C2%B2"])
async def test_what_it_cannot_show_it_says(admin: Desk, query: str) -> None:
    assert (await admin.send("GET", f"{PATH}?{query}")).status_code == 400


async def test_it_is_read_page_by_page_both_ways(server: Server, admin: Desk) -> None:
    for number in range(2 * PAGE):
        await operator_of(server, "viewer", f"v-{number}")
    pages = [await admin.open(PATH)]
    while "Older" in pages[-1].links:
        pages.append(await admin.open(pages[-1].links["Older"]["href"]))
    numbers = [
        [int(word.rstrip(",")) for word in page.text.split("Record ")[1:] for word in word.split()[:1]]
        for page in pages
    ]
    every = [number for page in numbers for number in page]
    back = await admin.open(pages[-1].links["Newer"]["href"])
    first = await admin.open(pages[1].links["Newer"]["href"])

    assert [len(page) for page in numbers[:2]] == [PAGE, PAGE]
    assert every == list(range(every[0], 0, -1))
    assert "Newer" not in pages[0].links
    assert "Newer" in back.links
    assert "Newer" not in first.links
    assert f"Record {every[0]}," in first.text


async def test_a_large_change_is_folded(server: Server, admin: Desk) -> None:
    client = await server.register(client_name="Meadow Software")
    await suspend(admin, client.registration_id)
    page = await admin.open(PATH)

    assert "details" in page.tags
    assert "registration changed" in page.text


async def test_at_the_beginning_there_is_nothing(make_server) -> None:
    server = await make_server(CDS_OPERATOR_BOOTSTRAP_KEY="cdsop_" + "b" * 43)
    async with Desk(server) as desk:
        page = await desk.open(f"/console/sign-in?next={PATH}")
        page = await desk.press(page, "Sign in", key="cdsop_" + "b" * 43)

    assert "Nobody has changed anything yet." in page.text
