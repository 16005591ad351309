"""Grants in the console: seen, made, changed, and what Clients ask to change about them."""

from typing import Any

import pytest

from app.domain import grant_creation
from app.domain.grant_terms import Terms
from app.schemas.grants import Grant
from tests.conftest import Registered, Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import View
from tests.message_objects import EVERYTHING

PATH = "/console/grants"


async def grant_of(client: Registered, scope: str = "ple_grid_status", **terms: Any) -> Grant:
    """A Grant of one of its Client Objects."""
    client_id = (await client.clients())[scope]["client_id"]
    return await grant_creation.create(client.server.context, client.access, client_id, Terms(scope=scope, **terms))


async def shown(client: Registered, grant: Grant) -> dict[str, Any]:
    """The Grant as the Client sees it."""
    found: dict[str, Any] = (await client.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()
    return found


async def test_grants_are_listed_by_status_and_by_client(server: Server, viewer: Desk) -> None:
    meadow = await server.register(EVERYTHING, client_name="Meadow")
    lakeside = await server.register(EVERYTHING, client_name="Lakeside")
    mine, other = await grant_of(meadow), await grant_of(lakeside, "ple_customer_data", status="pending")

    every = await viewer.open(PATH)
    pending = await viewer.open(f"{PATH}?status=pending")
    of_one = await viewer.open(f"{PATH}?client_id={mine.client_id}")

    assert mine.grant_id in every.text
    assert {"Meadow", "Lakeside"} <= set(every.links)
    assert other.grant_id in pending.text
    assert mine.grant_id not in pending.text
    assert mine.grant_id in of_one.text
    assert other.grant_id not in of_one.text
    assert "There is no Grant." in (await viewer.open(f"{PATH}?client_id=nonsense")).text
    assert (await viewer.send("GET", f"{PATH}?status=odd")).status_code == 400


async def test_the_page_of_a_grant_is_read_in_words(server: Server, viewer: Desk) -> None:
    client = await server.register(EVERYTHING)
    entry = {"type": "ple_customer_data", "interval": "monthly", "account_numbers": [HOSTILE]}
    grant = await grant_of(client, "ple_customer_data", authorization_details=[entry])

    page = await viewer.open(f"{PATH}/{grant.grant_id}")

    assert "Length of interval Billing month" in page.text
    assert HOSTILE in page.text
    assert "script" not in page.tags
    assert grant.client_id in page.links
    assert not [form for form in page.forms if form.action.startswith(PATH)]


async def test_a_grant_is_made_from_the_fields_of_the_catalog(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    client_id = (await client.clients())["ple_customer_data"]["client_id"]
    page = await admin.open(f"{PATH}/new?client_id={client_id}")
    assert "How far back readings and bills go." in page.text

    fields = {
        "detail.interval": "monthly",
        "detail.account_numbers": "100\r\n200",
        "detail.include_bills": "false",
        "expires": "2027-06-01T12:00",
        "status": "needs_authorization",
    }
    page = await admin.press(page, "Create the Grant", **fields)

    assert "The Grant is there, and the Client has been told." in page.text
    grants = (await client.get("/cds-api/v1/grants", params={"client_ids": client_id})).json()["grants"]
    (entry,) = grants[0]["authorization_details"]
    assert (entry["interval"], entry["account_numbers"], entry["include_bills"]) == ("monthly", ["100", "200"], False)
    assert grants[0]["expires"] == "2027-06-01T17:00:00Z"  # noon in Chicago
    assert grants[0]["status"] == "needs_authorization"


async def test_what_is_wrong_with_a_detail_stands_beside_it(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    client_id = (await client.clients())["ple_grid_status"]["client_id"]
    page = await admin.open(f"{PATH}/new?client_id={client_id}")

    refused = View(await admin.submit(page, "Create the Grant", **{"detail.forecast_hours": "many"}))

    assert refused.response.status_code == 400
    assert ("id", "error-detail.forecast_hours") in refused.attributes
    assert refused.form("Create the Grant").values["detail.forecast_hours"] == "many"


async def test_details_can_be_json_and_faults_of_it_are_shown(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    client_id = (await client.clients())["ple_grid_status"]["client_id"]
    page = await admin.open(f"{PATH}/new?client_id={client_id}")
    for given in ("{", '{"type": "ple_grid_status"}', "[1]", "NaN", "[" * 5000):
        refused = View(await admin.submit(page, "Create the Grant", authorization_details=given))
        assert refused.response.status_code == 400
        assert "authorization_details must be a JSON array" in refused.text
        assert refused.form("Create the Grant").values["authorization_details"] == given

    json = '[{"type": "ple_grid_status", "forecast_hours": 12}]'
    made = await admin.press(page, "Create the Grant", authorization_details=json)
    assert "Forecast 12" in made.text


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"not_before": "2020-01-01T00:00"}, "not_before"),
        ({"expires": "2020-01-01T00:00"}, "expires"),
        ({"eta": "2027-01-01T00:00"}, "eta"),
        ({"parent": "nonsense"}, "parent"),
        ({"replacing": "one two"}, "replacing"),
        ({"expires": "soon"}, "expires"),
    ],
)
async def test_terms_that_cannot_be_are_refused_in_place(
    server: Server, admin: Desk, fields: dict[str, str], place: str
) -> None:
    client = await server.register(EVERYTHING)
    client_id = (await client.clients())["ple_grid_status"]["client_id"]
    page = await admin.open(f"{PATH}/new?client_id={client_id}")

    refused = View(await admin.submit(page, "Create the Grant", **fields))

    assert refused.response.status_code == 400
    assert ("id", f"error-{place}") in refused.attributes
    assert refused.form("Create the Grant").values[place] == fields[place]


async def test_a_grant_begins_in_the_place_of_another_or_as_a_part_of_it(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    grant = await grant_of(client)
    page = await admin.open(f"{PATH}/{grant.grant_id}")

    form = await admin.open(page.links["Create a part of it"]["href"])
    part = await admin.press(form, "Create the Grant")
    assert grant.grant_id in part.links
    assert len((await shown(client, grant))["children"]) == 1
    assert "Parts of it" in (await admin.open(f"{PATH}/{grant.grant_id}")).text

    form = await admin.open(page.links["Create one in its place"]["href"])
    await admin.press(form, "Create the Grant")
    assert len((await shown(client, grant))["replaced_by"]) == 1


async def test_grants_that_come_otherwise_are_not_made_here(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    page = await admin.open(f"{PATH}/new?client_id={client.client_id}")
    assert "are not made by hand" in page.text
    unknown = await admin.open(f"{PATH}/new?client_id=nonsense")
    assert unknown.response.status_code == 404
    assert "There is no such Client Object." in unknown.text


async def test_status_and_end_are_changed_and_the_client_reads_why(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    grant = await grant_of(client)
    page = await admin.open(f"{PATH}/{grant.grant_id}")

    page = await admin.press(page, "Change the Grant", status="suspended", reason="Maintenance.")
    assert "The Grant is changed" in page.text
    assert (await shown(client, grant))["status"] == "suspended"
    assert any("Maintenance." in one["description"] for one in await client.messages("private_message"))

    page = await admin.press(page, "Change the Grant", status="active", ends="at", expires="2026-07-01T00:00")
    assert (await shown(client, grant))["expires"] == "2026-07-01T05:00:00Z"
    await admin.press(page, "Change the Grant", ends="never")
    assert (await shown(client, grant))["expires"] is None


async def test_what_a_grant_gives_can_be_limited(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    entries = [{"type": "ple_customer_data", "account_numbers": [one]} for one in ("1", "2")]
    grant = await grant_of(client, "ple_customer_data", authorization_details=entries)
    page = await admin.open(f"{PATH}/{grant.grant_id}")

    wider = '[{"type": "ple_customer_data", "account_numbers": ["3"]}]'
    refused = View(await admin.submit(page, "Change the Grant", enabled_authorization_details=wider))
    assert refused.response.status_code == 400
    assert ("id", "error-enabled_authorization_details") in refused.attributes

    less = '[{"type": "ple_customer_data", "account_numbers": ["1"]}]'
    page = await admin.press(page, "Change the Grant", enabled_authorization_details=less)
    assert "What it gives now" in page.text
    assert (await shown(client, grant))["status"] == "partial"


@pytest.mark.parametrize(
    ("fields", "place"),
    [({"eta": "2027-01-01T00:00"}, "eta"), ({"ends": "at"}, "expires"), ({"status": "odd"}, "status")],
)
async def test_changes_that_cannot_be_are_refused_in_place(
    server: Server, admin: Desk, fields: dict[str, str], place: str
) -> None:
    grant = await grant_of(await server.register(EVERYTHING))
    page = await admin.open(f"{PATH}/{grant.grant_id}")

    refused = View(await admin.submit(page, "Change the Grant", **fields))

    assert refused.response.status_code == 400
    assert ("id", f"error-{place}") in refused.attributes


@pytest.mark.parametrize("decision", ["Approve", "Decline"])
async def test_what_a_client_has_changed_waits_for_a_decision(server: Server, admin: Desk, decision: str) -> None:
    client = await server.register(EVERYTHING)
    entry = {"type": "ple_grid_status", "forecast_hours": 24}
    grant = await grant_of(client, authorization_details=[entry])
    more = {"authorization_details": [entry | {"forecast_hours": 48}]}
    answer = await client.patch(f"/cds-api/v1/grants/{grant.grant_id}", more)
    assert answer.status_code == 202

    page = await admin.open(f"{PATH}/{grant.grant_id}")
    assert "The Client asks for more" in page.text
    if decision == "Decline":
        silent = View(await admin.submit(page, "Decline"))
        assert silent.response.status_code == 400
        assert ("id", "error-why") in silent.attributes
    await admin.press(page, decision, why="We looked at it.")

    hours = 48 if decision == "Approve" else 24
    now = await shown(client, grant)
    assert now["enabled_authorization_details"][0]["forecast_hours"] == hours
    late = View(await admin.submit(page, decision, why="Once more."))
    assert late.response.status_code == 409
    assert "No change of this Grant waits for a decision." in late.text


async def test_a_grant_that_its_client_has_closed_is_over(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    grant = await grant_of(client)
    await client.patch(f"/cds-api/v1/grants/{grant.grant_id}", {"status": "closed"})

    page = await admin.open(f"{PATH}/{grant.grant_id}")

    assert "Its Client has closed it; nobody can change that." in page.text
    data = {"form_token": await admin.token(), "status": "active"}
    assert (await admin.post(f"{PATH}/{grant.grant_id}/modify", data)).status_code == 409


async def test_changes_are_in_the_history_of_the_grant(server: Server, admin: Desk) -> None:
    grant = await grant_of(await server.register(EVERYTHING))
    page = await admin.open(f"{PATH}/{grant.grant_id}")

    page = await admin.press(page, "Change the Grant", status="suspended")

    assert f"{admin.name} admin, console grants.modify" in page.text


@pytest.mark.parametrize("path", ["modify", "decision", "unshare"])
async def test_other_roles_are_refused(server: Server, support: Desk, path: str) -> None:
    grant = await grant_of(await server.register(EVERYTHING))
    data = {"form_token": await support.token(), "status": "suspended", "decision": "approve"}
    assert (await support.post(f"{PATH}/{grant.grant_id}/{path}", data)).status_code == 403
    assert (await support.send("GET", f"{PATH}/new")).status_code == 403
    assert (await support.post(f"{PATH}/new", data)).status_code == 403


@pytest.mark.parametrize("named", ["nonsense", "zzzzzzzzzzzzzz-g00000000000", "%2e%2e"])
async def test_what_is_no_grant_is_not_found(admin: Desk, named: str) -> None:
    assert (await admin.send("GET", f"{PATH}/{named}")).status_code == 404
