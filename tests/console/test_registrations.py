"""The list of registrations: found, filtered, paged, at the same price however many there are."""

import pytest

from tests.conftest import Server
from tests.console.desk import HOSTILE, Desk
from tests.grant_objects import suspend
from tests.message_objects import EVERYTHING, SUPPORT, created

PATH = "/console/registrations"


async def test_a_registration_is_found_by_the_beginning_of_a_word(server: Server, viewer: Desk) -> None:
    meadow = await server.register(EVERYTHING, client_name="Meadow Software")
    await server.register("cds_client_admin", client_name="Lakeside Analytics")

    page = await viewer.open(f"{PATH}?q=soft")

    assert page.links["Meadow Software"]["href"] == f"{PATH}/{meadow.registration_id}"
    assert "Lakeside Analytics" not in page.links


async def test_the_list_says_what_a_registration_is_for_and_what_waits_in_it(server: Server, viewer: Desk) -> None:
    client = await server.register(EVERYTHING, client_name="Meadow Software")
    await created(client, SUPPORT)

    page = await viewer.open(PATH)

    assert "Customer data, Grid status, Interconnection applications" in page.text
    assert "0 of 6 met" in page.text
    assert page.links["2"]["href"] == f"{PATH}/{client.registration_id}#waiting"  # production access, and the request


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=suspended", {"Lakeside"}),
        ("status=active", {"Meadow"}),
        ("scope=ple_grid_status", {"Meadow"}),
        ("onboarding=true", {"Meadow"}),
        ("onboarding=false", {"Lakeside"}),
        ("q=meadow&status=suspended", set()),
    ],
)
async def test_filters_apply_together(server: Server, viewer: Desk, query: str, names: set[str]) -> None:
    await server.register(EVERYTHING, client_name="Meadow")
    other = await server.register("cds_client_admin", client_name="Lakeside")
    await suspend(other)

    page = await viewer.open(f"{PATH}?{query}")

    assert {"Meadow", "Lakeside"} & set(page.links) == names
    if not names:
        assert "No registration fits." in page.text


@pytest.mark.parametrize("query", ["status=closed", "onboarding=maybe", "q=" + "x" * 300, "at=3"])
async def test_a_filter_that_cannot_be_is_said_to_be_none(viewer: Desk, query: str) -> None:
    assert (await viewer.send("GET", f"{PATH}?{query}")).status_code == 400


async def test_names_are_escaped_and_kept_apart(server: Server, viewer: Desk) -> None:
    await server.register("cds_client_admin", client_name=HOSTILE)
    await server.register("cds_client_admin", client_name="\u202eerawtfoS wodaeM")

    page = await viewer.open(PATH)

    assert HOSTILE in page.links
    assert "script" not in page.tags
    assert page.response.text.count("<bdi>\u202eerawtfoS wodaeM</bdi>") == 1


async def test_pages_lead_on_and_back_with_the_same_filter(server: Server, viewer: Desk) -> None:
    for number in range(52):
        server.clock.advance(seconds=1)
        await server.register("cds_client_admin", client_name=f"Client {number:02}")

    first = await viewer.open(f"{PATH}?status=active")
    older = await viewer.open(first.links["Older"]["href"])

    assert "Client 51" in first.links
    assert {"Client 00", "Client 01"} <= set(older.links)
    assert "status=active" in older.links["Newer"]["href"]
    assert "Client 51" in (await viewer.open(older.links["Newer"]["href"])).links


async def test_a_page_costs_the_same_few_round_trips_however_many_there_are(server: Server, viewer: Desk) -> None:
    async def trips() -> int:
        before = server.connection.round_trips
        await viewer.open(PATH)
        return server.connection.round_trips - before

    await server.register("cds_client_admin")
    few = await trips()
    for _ in range(60):
        await server.register("cds_client_admin")
    assert await trips() <= few + 1, "one more when a shard happens to have more of the page than it is asked for first"
