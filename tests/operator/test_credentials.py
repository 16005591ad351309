"""Credentials in the operator API: listed without secrets, made, expired (CDS-WG1-02 section 7)."""

import pytest

from tests.conftest import Registered, Server
from tests.message_objects import EVERYTHING
from tests.operators import OperatorClient, operator_of


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with everything that the demo utility offers."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    """An operator who may change things."""
    return await operator_of(server)


async def test_credentials_are_listed_without_their_secrets(client: Registered, admin: OperatorClient) -> None:
    listing = (await client.get("/cds-api/v1/credentials")).json()["credentials"]

    answer = await admin.get("/credentials", params={"registration_id": client.registration_id})

    found = answer.json()["credentials"]
    assert [one["credential_id"] for one in found] == [one["credential_id"] for one in listing]
    for shown, one in zip(found, listing, strict=True):
        assert "client_secret" not in shown
        assert shown == {name: value for name, value in one.items() if name != "client_secret"} | {
            "registration_id": client.registration_id
        }
    of_admin = await admin.get(
        "/credentials", params={"registration_id": client.registration_id, "client_ids": client.client_id}
    )
    assert {one["client_id"] for one in of_admin.json()["credentials"]} == {client.client_id}


async def test_a_list_needs_a_registration(client: Registered, admin: OperatorClient) -> None:
    answer = await admin.get("/credentials")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "registration_id"


async def test_a_body_for_another_client_object_makes_nothing(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]["client_id"]
    before = (await client.get("/cds-api/v1/credentials")).json()

    answer = await admin.post(f"/clients/{client.client_id}/credentials", {"client_id": grid})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "client_id"
    assert (await client.get("/cds-api/v1/credentials")).json() == before
    same = await admin.post(f"/clients/{client.client_id}/credentials", {"client_id": client.client_id})
    assert same.status_code == 201


@pytest.mark.clause("WG1-02-7-02", "WG1-02-7.1-02", "WG1-02-7.3-12")
async def test_the_client_finds_the_secret_of_a_credential_that_an_operator_made(
    client: Registered, admin: OperatorClient
) -> None:
    answer = await admin.post(f"/clients/{client.client_id}/credentials")

    assert answer.status_code == 201
    made = answer.json()
    assert "client_secret" not in made
    assert (await admin.get(answer.headers["location"])).json() == made
    seen = (await client.get(made["uri"])).json()
    assert await client.server.access_token(client.client_id, seen["client_secret"])
    told = [one["related_uri"] for one in await client.messages("private_message")]
    assert made["uri"] in told


async def test_a_disabled_client_object_gets_no_credential(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]
    await admin.patch(f"/clients/{grid['client_id']}", {"cds_status": "disabled"})

    assert (await admin.post(f"/clients/{grid['client_id']}/credentials")).status_code == 400


@pytest.mark.clause("WG1-02-7.6-08", "WG1-02-7.6-09", "WG1-02-7.6-10", "WG1-02-7.6-12")
@pytest.mark.parametrize("body", [None, {"description": "It was in a public repository."}])
async def test_a_credential_that_an_operator_expires_is_dead_at_once(
    client: Registered, admin: OperatorClient, body: dict[str, str] | None
) -> None:
    grid = (await client.clients())["ple_grid_status"]
    credential = await client.credential_of(grid["client_id"])
    token = await client.server.access_token(grid["client_id"], credential["client_secret"])

    answer = await admin.post(f"/credentials/{credential['credential_id']}/expire", body)

    assert answer.status_code == 200
    assert answer.json()["client_secret_expires_at"] == int(client.server.clock.now.timestamp())
    assert (await client.server.token_response(grid["client_id"], credential["client_secret"])).status_code == 401
    introspector = await operator_of(client.server, "introspector")
    url = f"{client.server.settings.public_url}/oauth/introspect"
    assert (await introspector.post(url, data={"token": token})).json() == {"active": False}
    (told,) = [one for one in await client.messages("private_message") if one["related_uri"] == credential["uri"]]
    assert (body or {"description": "an operator has decided so."})["description"] in told["description"]


async def test_a_credential_can_be_given_notice(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]
    credential = await client.credential_of(grid["client_id"])
    at = int(client.server.clock.now.timestamp()) + 86_400
    path = f"/credentials/{credential['credential_id']}/expire"

    answer = await admin.post(path, {"client_secret_expires_at": at})

    assert answer.json()["client_secret_expires_at"] == at
    assert await client.server.access_token(grid["client_id"], credential["client_secret"])
    client.server.clock.advance(days=2)
    assert (await admin.post(path, {"client_secret_expires_at": at + 10 * 86_400})).status_code == 409


@pytest.mark.parametrize("value", [0, -1, True, "tomorrow", 10**15])
async def test_an_expiry_that_is_no_time_is_refused(client: Registered, admin: OperatorClient, value: object) -> None:
    credential = await client.credential_of(client.client_id)
    path = f"/credentials/{credential['credential_id']}/expire"

    answer = await admin.post(path, {"client_secret_expires_at": value})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "client_secret_expires_at"


async def test_unknown_credentials_are_not_found(client: Registered, admin: OperatorClient) -> None:
    for credential_id in ("nonsense", f"{client.registration_id}-czzzzzzzzzz", client.registration_id):
        assert (await admin.get(f"/credentials/{credential_id}")).status_code == 404
        assert (await admin.post(f"/credentials/{credential_id}/expire")).status_code == 404
