"""Grants in the operator API: listed, made, changed, reviewed (CDS-WG1-02 8.1, 8.2, 8.6)."""

from typing import Any

import pytest

from app.catalog import Catalog
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import EVERYTHING, Holder, holder_of, patch, shown, utility
from tests.operators import API, OperatorClient, operator_of

METERS = {"type": "test_meters", "until": "P6M", "share": 1, "meters": ["m1"], "interval": "hour"}


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(client: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(client, "test_meters test_prices")


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    """An operator who may change things."""
    return await operator_of(server)


async def made(admin: OperatorClient, data: Holder, **terms: Any) -> dict[str, Any]:
    """A Grant that an operator makes."""
    body = {"client_id": data.client_id, "scope": "test_prices"} | terms
    answer = await admin.post("/grants", body)
    assert answer.status_code == 201, answer.text
    grant: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"{API}/grants/{grant['grant_id']}")
    return grant


async def changed(admin: OperatorClient, grant: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A Grant after an operator's PATCH."""
    answer = await admin.patch(f"/grants/{grant['grant_id']}", fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.clause("WG1-02-8.1-01", "WG1-02-8.1-10", "WG1-02-8.2-02", "WG1-02-6-01")
async def test_an_operator_makes_a_grant_that_its_client_sees(
    client: Registered, data: Holder, admin: OperatorClient
) -> None:
    grant = await made(admin, data, scope="", authorization_details=[METERS])

    seen = await shown(client, grant["grant_id"])
    assert {name: grant[name] for name in seen} == seen
    assert (seen["scope"], seen["status"], seen["authorization_details"]) == ("test_meters", "active", [METERS])
    assert grant["registration_id"] == client.registration_id
    assert (grant["under_review"], grant["withheld"]) == (False, [])
    told = [one for one in await client.messages("private_message") if one["related_uri"] == seen["uri"]]
    assert len(told) == 1


@pytest.mark.clause("WG1-02-8.1-05", "WG1-02-8.1-06", "WG1-02-8.1-08", "WG1-02-8.2-03")
async def test_a_grant_may_begin_and_end_later(client: Registered, data: Holder, admin: OperatorClient) -> None:
    """Ambiguities E4: not_after and expires are the same."""
    grant = await made(admin, data, not_before="2026-07-01T00:00:00Z", expires="2026-08-01T02:00:00+02:00")

    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], seen["not_before"]) == ("future", "2026-07-01T00:00:00Z")
    assert seen["not_after"] == seen["expires"] == "2026-08-01T00:00:00Z"
    assert grant["withheld"] == ["start"]
    client.server.clock.advance(days=31)
    assert (await admin.get(f"/grants/{grant['grant_id']}")).json()["status"] == "active"
    client.server.clock.advance(days=31)
    assert (await admin.get(f"/grants/{grant['grant_id']}")).json()["status"] == "expired"


@pytest.mark.clause("WG1-02-8.1-07")
async def test_a_grant_may_begin_pending(client: Registered, data: Holder, admin: OperatorClient) -> None:
    grant = await made(admin, data, status="pending", eta="2026-06-20T00:00:00Z")

    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], seen["eta"], seen["enabled_scope"]) == ("pending", "2026-06-20T00:00:00Z", "")


@pytest.mark.clause("WG1-02-8.1-02", "WG1-02-8.1-03")
@pytest.mark.parametrize("named", ["grant_id", "uri"])
async def test_grants_have_parts_and_replace_others(
    client: Registered, data: Holder, admin: OperatorClient, named: str
) -> None:
    whole, old = await made(admin, data), await made(admin, data)

    part = await made(admin, data, parent=whole[named], replacing=[old[named]])

    assert (await shown(client, whole["grant_id"]))["children"] == [part["grant_id"]]
    assert (await shown(client, old["grant_id"]))["replaced_by"] == [part["uri"]]
    assert (part["parent"], part["replacing"]) == (whole["grant_id"], [old["uri"]])
    below = (await admin.get("/grants", params={"parents": whole["grant_id"]})).json()["grants"]
    assert [one["grant_id"] for one in below] == [part["grant_id"]]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": 7}, "client_id"),
        ({"scope": "ple_grid_status"}, "scope"),
        ({"scope": ["test_prices"]}, "scope"),
        ({"scope": ""}, "scope"),
        ({"authorization_details": "all"}, "authorization_details"),
        ({"authorization_details": [1]}, "authorization_details"),
        ({"status": "revoked"}, "status"),
        ({"status": 1}, "status"),
        ({"not_before": "tomorrow"}, "not_before"),
        ({"not_before": 5}, "not_before"),
        ({"not_before": "2020-01-01T00:00:00Z"}, "not_before"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"expires": "2027-01-01T00:00:00Z", "not_after": "2028-01-01T00:00:00Z"}, "not_after"),
        ({"eta": "2027-01-01T00:00:00Z"}, "eta"),
        ({"parent": "00zzzzzzzzzzzz-gzzzzzzzzzz"}, "parent"),
        ({"replacing": "g1"}, "replacing"),
        ({"replacing": ["00zzzzzzzzzzzz-gzzzzzzzzzz"]}, "replacing"),
        ({"grant_id": "mine"}, "grant_id"),
    ],
)
async def test_terms_that_make_no_sense_are_refused_by_their_name(
    client: Registered, data: Holder, admin: OperatorClient, terms: dict[str, Any], field: str
) -> None:
    before = (await client.get("/cds-api/v1/grants")).json()

    answer = await admin.post("/grants", {"client_id": data.client_id, "scope": "test_prices"} | terms)

    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await client.get("/cds-api/v1/grants")).json() == before


async def test_a_grant_needs_a_client_object_that_is_there_and_enabled(
    client: Registered, data: Holder, admin: OperatorClient
) -> None:
    for client_id in ("nonsense", f"{client.registration_id}-99"):
        answer = await admin.post("/grants", {"client_id": client_id, "scope": "test_prices"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "client_id")
    await admin.patch(f"/clients/{data.client_id}", {"cds_status": "disabled"})
    assert (await admin.post("/grants", {"client_id": data.client_id, "scope": "test_prices"})).status_code == 409


@pytest.mark.clause("WG1-02-8.1-14", "WG1-02-8.2-10", "WG1-02-8.2-16")
async def test_an_operator_suspends_and_resumes(client: Registered, data: Holder, admin: OperatorClient) -> None:
    grant = await made(admin, data)

    await changed(admin, grant, status="suspended", description="The meter is being replaced.")

    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], seen["enabled_scope"]) == ("suspended", "")
    told = [one["description"] for one in await client.messages("private_message")]
    assert any("The meter is being replaced." in one for one in told)
    await changed(admin, grant, status="active")
    assert (await shown(client, grant["grant_id"]))["enabled_scope"] == "test_prices"


@pytest.mark.clause("WG1-02-8.1-12", "WG1-02-8.2-05")
async def test_an_operator_limits_what_is_enabled(client: Registered, data: Holder, admin: OperatorClient) -> None:
    grant = await made(admin, data, scope="test_prices", authorization_details=[METERS])

    await changed(admin, grant, enabled_scope="test_prices")

    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], seen["enabled_scope"]) == ("partial", "test_prices")
    assert seen["enabled_authorization_details"] == []
    full = await changed(admin, grant, enabled_scope=seen["scope"], enabled_authorization_details=[METERS])
    assert full["status"] == "active"


@pytest.mark.clause("WG1-02-8.2-13")
async def test_an_operator_sets_when_a_grant_ends(client: Registered, data: Holder, admin: OperatorClient) -> None:
    grant = await made(admin, data)

    later = await changed(admin, grant, not_after="2026-12-31T00:00:00Z")
    never = await changed(admin, grant, expires=None)
    now = await changed(admin, grant, status="expired")

    assert later["expires"] == later["not_after"] == "2026-12-31T00:00:00Z"
    assert never["expires"] is never["not_after"] is None
    assert now["expires"] == "2026-06-01T12:00:00Z"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"status": "closed"}, "status"),
        ({"status": "future"}, "status"),
        ({"status": []}, "status"),
        ({"enabled_scope": "ple_grid_status"}, "enabled_scope"),
        ({"enabled_scope": 1}, "enabled_scope"),
        ({"enabled_authorization_details": {}}, "enabled_authorization_details"),
        ({"eta": "2027-01-01T00:00:00Z"}, "eta"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"expires": "2027-01-01T00:00:00Z", "not_after": None}, "not_after"),
        ({"scope": "test_meters"}, "scope"),
        ({"description": 1}, "description"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused_by_its_name(
    client: Registered, data: Holder, admin: OperatorClient, fields: dict[str, Any], field: str
) -> None:
    grant = await made(admin, data)
    before = await shown(client, grant["grant_id"])

    answer = await admin.patch(f"/grants/{grant['grant_id']}", fields)

    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert await shown(client, grant["grant_id"]) == before


async def test_what_a_client_has_closed_stays_closed(client: Registered, data: Holder, admin: OperatorClient) -> None:
    grant = await made(admin, data)
    await patch(client, grant["grant_id"], {"status": "closed"})

    answer = await admin.patch(f"/grants/{grant['grant_id']}", {"status": "active"})

    assert answer.status_code == 409


async def test_a_wider_grant_that_a_client_asks_for_is_approved(
    client: Registered, data: Holder, admin: OperatorClient
) -> None:
    grant = await made(admin, data)
    assert (await patch(client, grant["grant_id"], {"scope": "test_prices test_meters"})).status_code == 202
    waiting = (await admin.get(f"/grants/{grant['grant_id']}")).json()

    answer = await admin.post(f"/grants/{grant['grant_id']}/decision", {"status": "complete"})

    assert (waiting["under_review"], waiting["status"]) == (True, "pending")
    assert answer.status_code == 200
    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], set(seen["enabled_scope"].split())) == ("active", {"test_prices", "test_meters"})
    assert (await admin.post(f"/grants/{grant['grant_id']}/decision", {"status": "complete"})).status_code == 409


async def test_a_wider_grant_that_a_client_asks_for_is_declined_with_a_reason(
    client: Registered, data: Holder, admin: OperatorClient
) -> None:
    grant = await made(admin, data)
    await patch(client, grant["grant_id"], {"scope": "test_prices test_meters"})
    path = f"/grants/{grant['grant_id']}/decision"

    silent = await admin.post(path, {"status": "rejected"})
    wrong = await admin.post(path, {"status": "pending"})
    answer = await admin.post(path, {"status": "rejected", "description": "Not for these meters."})

    assert silent.json()["errors"][0]["field"] == "description"
    assert wrong.json()["errors"][0]["field"] == "status"
    assert answer.status_code == 200
    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], seen["scope"]) == ("active", "test_prices")


async def test_grants_are_listed_across_registrations_and_within_one(
    server: Server, client: Registered, data: Holder, admin: OperatorClient
) -> None:
    other = await server.register(EVERYTHING)
    theirs = await holder_of(other, "test_meters test_prices")
    server.clock.advance(seconds=1)
    one = await made(admin, data)
    server.clock.advance(seconds=1)
    two = await made(admin, theirs, status="pending")

    async def ids(**query: str) -> list[str]:
        answer = await admin.get("/grants", params=query)
        assert answer.status_code == 200, answer.text
        return [each["grant_id"] for each in answer.json()["grants"]]

    assert (await ids())[:2] == [two["grant_id"], one["grant_id"]]
    assert await ids(status="pending") == [two["grant_id"]]
    assert one["grant_id"] in await ids(statuses="active")
    assert (await ids(registration_id=client.registration_id))[0] == one["grant_id"]
    assert await ids(client_ids=data.client_id) == [one["grant_id"]]
    assert await ids(registration_id=client.registration_id, scopes="test_prices") == [one["grant_id"]]
    assert await ids(client_ids=theirs.client_id, statuses="active pending") == [two["grant_id"]]
    assert await ids(grant_ids=one["grant_id"]) == [one["grant_id"]]
    assert await ids(client_ids=data.client_id, after=one["created"], before=one["created"]) == [one["grant_id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "nonsense"}, "status"),
        ({"statuses": "active pending"}, "status"),
        ({"scopes": "test_prices"}, "scopes"),
        ({"client_ids": "00zzzzzzzzzzzz 01zzzzzzzzzzzz"}, "registration_id"),
        ({"registration_id": "00zzzzzzzzzzzz", "after": "yesterday"}, "after"),
        ({"cursor": "x"}, "cursor"),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused_by_its_name(
    admin: OperatorClient, query: dict[str, str], field: str
) -> None:
    answer = await admin.get("/grants", params=query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


async def test_unknown_grants_are_not_found(client: Registered, admin: OperatorClient) -> None:
    for grant_id in ("nonsense", f"{client.registration_id}-gzzzzzzzzzz", client.registration_id):
        assert (await admin.get(f"/grants/{grant_id}")).status_code == 404
        assert (await admin.patch(f"/grants/{grant_id}", {"status": "active"})).status_code == 404
        assert (await admin.post(f"/grants/{grant_id}/decision", {"status": "complete"})).status_code == 404
