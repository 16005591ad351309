"""Registrations in the operator API: search, the whole of one, suspension, notes (DESIGN.md section 5)."""

import asyncio

import pytest

from tests.conftest import Registered, Server
from tests.message_objects import EVERYTHING, PRIVATE, created
from tests.operators import API, OperatorClient, operator_of

SUSPENDED = {"status": "suspended", "description": "The contract has ended."}


def path(client: Registered) -> str:
    """Where a registration is."""
    return f"/registrations/{client.registration_id}"


async def search(operator: OperatorClient, **query: str) -> list[str]:
    """The ids that a search finds."""
    answer = await operator.get("/registrations", params=query)
    assert answer.status_code == 200, answer.text
    return [one["registration_id"] for one in answer.json()["registrations"]]


async def test_a_registration_is_found_by_words_of_what_it_says_about_itself(server: Server) -> None:
    birch = await server.register(EVERYTHING, client_name="Birch Energy", contacts=["ops@birch.example"])
    await server.register(EVERYTHING, client_name="Another")
    viewer = await operator_of(server, "viewer")

    for q in ("birch", "Birch Ener", birch.registration_id, "ops@birch.example"):
        assert await search(viewer, q=q) == [birch.registration_id], q
    assert await search(viewer, q="nobody") == []


async def test_registrations_are_filtered_by_status_scope_and_onboarding(server: Server) -> None:
    plain = await server.register()
    server.clock.advance(seconds=1)
    full = await server.register(EVERYTHING)
    admin = await operator_of(server)

    assert await search(admin) == [full.registration_id, plain.registration_id]
    assert await search(admin, scope="ple_customer_data") == [full.registration_id]
    assert await search(admin, onboarding="true") == [full.registration_id]
    assert await search(admin, onboarding="false") == [plain.registration_id]
    assert (await admin.patch(path(plain), SUSPENDED)).status_code == 200
    assert await search(admin, status="suspended") == [plain.registration_id]
    assert await search(admin, status="active", scope="cds_client_admin") == [full.registration_id]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "gone"}, "status"),
        ({"onboarding": "perhaps"}, "onboarding"),
        ({"q": "x" * 201}, "q"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused_by_its_name(
    server: Server, query: dict[str, str], field: str
) -> None:
    viewer = await operator_of(server, "viewer")

    answer = await viewer.get("/registrations", params=query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


async def test_pages_lead_forward_and_back_and_keep_the_filters(server: Server) -> None:
    ids = []
    for _ in range(55):
        ids.append((await server.register()).registration_id)
        server.clock.advance(seconds=1)
    viewer = await operator_of(server, "viewer")

    first = (await viewer.get("/registrations", params={"status": "active"})).json()
    second = (await viewer.get(first["next"])).json()
    again = (await viewer.get(second["previous"])).json()

    found = [one["registration_id"] for page in (first, second) for one in page["registrations"]]
    assert found == ids[::-1]
    assert len(first["registrations"]) == 50
    assert "status=active" in first["next"]
    assert first["next"].startswith(server.settings.public_url + API)
    assert second["next"] is None
    assert again["registrations"] == first["registrations"]


async def test_one_page_has_everything_of_a_registration(server: Server) -> None:
    client = await server.register(EVERYTHING, client_name="Birch Energy")
    await created(client, PRIVATE)
    viewer = await operator_of(server, "viewer")

    answer = await viewer.get(path(client))

    assert answer.status_code == 200
    found = answer.json()
    assert (found["registration_id"], found["status"], found["notes"]) == (client.registration_id, "active", "")
    assert found["client_metadata"]["client_name"] == "Birch Energy"
    assert found["field_values"]["cds_company_name"] == "Meadow Software"
    listing = (await client.get("/cds-api/v1/clients")).json()["clients"]
    assert {one["client_id"] for one in found["clients"]} == {one["client_id"] for one in listing}
    steps = {one["registration_field"]: one for one in found["onboarding"]}
    assert steps["setup_fee"]["type"] == "payment_required"
    assert steps["setup_fee"]["status"] == "open"
    assert steps["setup_fee"]["message"]["type"] == "payment_request"
    assert found["credentials"]
    assert found["grants"][0]["scope"] == "cds_client_admin"
    assert {one["type"] for one in found["waiting"]} >= {"private_message", "production_request"}
    assert all(one["waiting"] for one in found["waiting"])
    assert all(one["registration_id"] == client.registration_id for one in found["messages"])
    assert found["files"] == []


async def test_no_secret_is_ever_shown(server: Server) -> None:
    client = await server.register(EVERYTHING)
    secrets = [one["client_secret"] for one in (await client.get("/cds-api/v1/credentials")).json()["credentials"]]
    admin = await operator_of(server)

    texts = [
        (await admin.get(path(client))).text,
        (await admin.get("/credentials", params={"registration_id": client.registration_id})).text,
        (await admin.post(f"/clients/{client.client_id}/credentials")).text,
    ]

    assert not any(secret in text for secret in [*secrets, '"client_secret":', "cdscs_"] for text in texts)


async def test_the_whole_of_a_registration_takes_few_round_trips(server: Server) -> None:
    client = await server.register(EVERYTHING)
    viewer = await operator_of(server, "viewer")
    await viewer.get(path(client))
    before = server.connection.round_trips

    await viewer.get(path(client))

    assert server.connection.round_trips - before <= 2


async def test_nothing_of_a_suspended_registration_works(server: Server) -> None:
    client = await server.register(EVERYTHING)
    token = await server.access_token(client.client_id, client.client_secret)
    admin = await operator_of(server)

    answer = await admin.patch(path(client), SUSPENDED)

    assert (answer.status_code, answer.json()["status"]) == (200, "suspended")
    listing = await server.http.get("/cds-api/v1/clients", headers={"Authorization": f"Bearer {token}"})
    assert listing.status_code == 401
    refused = await server.token_response(client.client_id, client.client_secret)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    introspector = await operator_of(server, "introspector")
    introspected = await introspector.post(f"{server.settings.public_url}/oauth/introspect", data={"token": token})
    assert introspected.json() == {"active": False}


async def test_a_registration_that_is_active_again_needs_new_tokens_and_no_new_secrets(server: Server) -> None:
    client = await server.register(EVERYTHING)
    old = await server.access_token(client.client_id, client.client_secret)
    admin = await operator_of(server)
    await admin.patch(path(client), SUSPENDED)
    server.clock.advance(days=1)

    answer = await admin.patch(path(client), {"status": "active"})

    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    listing = await server.http.get("/cds-api/v1/clients", headers={"Authorization": f"Bearer {old}"})
    assert listing.status_code == 401
    assert (await client.get("/cds-api/v1/clients")).status_code == 200
    told = [one for one in await client.messages("private_message") if one["name"].startswith("Registration")]
    assert [one["name"] for one in sorted(told, key=lambda one: one["created"])] == [
        "Registration suspended",
        "Registration active again",
    ]
    assert "The contract has ended." in told[-1]["description"] + told[0]["description"]
    assert all((one["creator"], one["read"]) == (None, False) for one in told)


async def test_a_status_that_is_set_again_changes_nothing(server: Server) -> None:
    client = await server.register()
    admin = await operator_of(server)
    first = (await admin.patch(path(client), SUSPENDED)).json()
    server.clock.advance(seconds=10)

    again = (await admin.patch(path(client), SUSPENDED)).json()
    await admin.patch(path(client), {"status": "active"})

    assert again == first
    told = [one for one in await client.messages("private_message") if one["name"] == "Registration suspended"]
    assert len(told) == 1


async def test_notes_are_for_operators_alone(server: Server) -> None:
    client = await server.register(EVERYTHING)
    admin, viewer = await operator_of(server), await operator_of(server, "viewer")
    before = await client.messages()
    await client.get("/cds-api/v1/clients")

    answer = await admin.patch(path(client), {"notes": "Called on Monday.\nWants SAML."})

    assert answer.status_code == 200
    assert (await viewer.get(path(client))).json()["notes"] == "Called on Monday.\nWants SAML."
    assert await client.messages() == before
    everything = (await client.get("/cds-api/v1/clients")).text + (await client.get("/cds-api/v1/messages")).text
    assert "Called on Monday" not in everything


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "closed"}, "status"),
        ({"status": 1}, "status"),
        ({"notes": 5}, "notes"),
        ({"notes": "x" * 20_001}, "notes"),
        ({"notes": "\u0085"}, "notes"),
        ({"description": []}, "description"),
        ({"statsu": "suspended"}, "statsu"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused_by_its_name(server: Server, body: object, field: str) -> None:
    client = await server.register()
    admin = await operator_of(server)

    answer = await admin.patch(path(client), body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert (await admin.get(path(client))).json()["status"] == "active"


async def test_unknown_registrations_are_not_found(server: Server) -> None:
    client = await server.register()
    admin = await operator_of(server)

    for one in ("00zzzzzzzzzzzz", "nonsense", f"{client.registration_id}-1", f"{client.registration_id}-mabc"):
        assert (await admin.get(f"/registrations/{one}")).status_code == 404
        assert (await admin.patch(f"/registrations/{one}", {"notes": "x"})).status_code == 404
        body = {"type": "private_message", "name": "x", "description": "x"}
        assert (await admin.post(f"/registrations/{one}/messages", body)).status_code == 404


async def test_operators_who_write_at_once_lose_nothing(server: Server) -> None:
    client = await server.register()
    admin = await operator_of(server)

    answers = await asyncio.gather(
        admin.patch(path(client), {"notes": "Both."}), admin.patch(path(client), {"status": "suspended"})
    )

    assert [one.status_code for one in answers] == [200, 200]
    found = (await admin.get(path(client))).json()
    assert (found["notes"], found["status"]) == ("Both.", "suspended")


LISTS = ["registrations", "messages", "grants", "files", "broadcasts", "events", "audit"]


@pytest.mark.parametrize("path", LISTS)
async def test_a_filter_that_a_listing_does_not_have_is_refused_rather_than_left_out(server: Server, path: str) -> None:
    """Whoever disables all that a listing finds would disable everything because of a typing error."""
    viewer = await operator_of(server, "viewer")

    refused = await viewer.get(f"/{path}", params={"client-id": "3f8kq2"})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "client-id"
    assert "The query may have " in refused.json()["detail"]
    assert (await viewer.get(f"/{path}")).status_code == 200
