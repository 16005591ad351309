"""Client Objects in the operator API: changed, disabled, approved (CDS-WG1-02 5.1, 5.2, 5.5)."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Registered, Server
from tests.message_objects import EVERYTHING
from tests.operator.decided import decide
from tests.operators import OperatorClient, operator_of


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with everything that the demo utility offers."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    """An operator who may change things."""
    return await operator_of(server)


async def patch(operator: OperatorClient, one: dict[str, Any], status: int = 200, **fields: Any) -> dict[str, Any]:
    """What a PATCH of a Client Object answers."""
    answer = await operator.patch(f"/clients/{one['client_id']}", fields)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def seen(client: Registered, one: dict[str, Any]) -> dict[str, Any]:
    """A Client Object as its Client sees it."""
    found: dict[str, Any] = (await client.get(one["cds_client_uri"])).json()
    return found


async def told(client: Registered, one: dict[str, Any]) -> list[str]:
    """What the changelog says about a Client Object, newest first."""
    messages = sorted(await client.messages("private_message"), key=lambda each: each["created"], reverse=True)
    return [each["description"] for each in messages if each.get("related_uri") == one["cds_client_uri"]]


async def test_a_client_object_is_shown_with_what_operators_know(client: Registered, admin: OperatorClient) -> None:
    code = (await client.clients())["ple_customer_data"]

    shown = (await admin.get(f"/clients/{code['client_id']}")).json()

    assert {name: shown[name] for name in code} == code
    assert shown["registration_id"] == client.registration_id
    assert (shown["disabled_by_operator"], shown["production_client_id"], shown["pending_changes"]) == (False, None, {})


@pytest.mark.clause("WG1-02-5.1-13", "WG1-02-5.2-04", "WG1-02-7.1-05", "WG1-02-6-01")
async def test_what_an_operator_disables_its_client_cannot_enable(client: Registered, admin: OperatorClient) -> None:
    """Ambiguities B2, B14, B15."""
    grid = (await client.clients())["ple_grid_status"]
    secret = (await client.credential_of(grid["client_id"]))["client_secret"]

    shown = await patch(admin, grid, cds_status="disabled", description="Too many errors.")

    assert (shown["cds_status"], shown["cds_status_options"]) == ("disabled", ["disabled"])
    assert shown["disabled_by_operator"] is True
    now = await seen(client, grid)
    assert (await client.put(grid["cds_client_uri"], now | {"cds_status": "production"})).status_code == 400
    assert (await client.server.token_response(grid["client_id"], secret)).status_code == 401
    assert (await told(client, grid))[0].endswith("Too many errors.")


async def test_an_operator_enables_again(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]
    await patch(admin, grid, cds_status="disabled")
    client.server.clock.advance(seconds=5)

    shown = await patch(admin, grid, cds_status="production")

    assert (shown["cds_status"], shown["cds_status_options"]) == ("production", ["production", "disabled"])
    secret = (await client.credential_of(grid["client_id"]))["client_secret"]
    assert await client.server.access_token(grid["client_id"], secret)
    assert "It is production again" in (await told(client, grid))[0]


async def test_an_operator_may_leave_it_to_the_client_to_enable_again(
    client: Registered, admin: OperatorClient
) -> None:
    grid = (await client.clients())["ple_grid_status"]

    await patch(admin, grid, cds_status="disabled", cds_status_options=["disabled", "production"])

    now = await seen(client, grid)
    assert now["cds_status_options"] == ["production", "disabled"]
    assert (await client.put(grid["cds_client_uri"], now | {"cds_status": "production"})).status_code == 200


async def test_an_operator_keeps_disabled_what_its_client_has_disabled(
    client: Registered, admin: OperatorClient
) -> None:
    grid = (await client.clients())["ple_grid_status"]
    await client.put(grid["cds_client_uri"], grid | {"cds_status": "disabled"})

    held = await patch(admin, grid, cds_status_options=["disabled"])
    released = await patch(admin, grid, cds_status_options=["production", "disabled"])

    assert (held["cds_status"], held["cds_status_options"]) == ("disabled", ["disabled"])
    assert (released["cds_status"], released["cds_status_options"]) == ("disabled", ["production", "disabled"])
    assert released["disabled_by_operator"] is False


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cds_status": "sandbox"}, "cds_status"),
        ({"cds_status": 5}, "cds_status"),
        ({"cds_status_options": ["disabled"]}, "cds_status_options"),
        ({"cds_status_options": []}, "cds_status_options"),
        ({"cds_status_options": "disabled"}, "cds_status_options"),
        ({"cds_status": "disabled", "cds_status_options": ["sandbox"]}, "cds_status_options"),
        ({"grant_types": ["implicit"]}, "grant_types"),
        ({"client_id": "other"}, "client_id"),
        ({"client_secret": "mine"}, "client_secret"),
        ({"client_nmae": "x"}, "client_nmae"),
        ({"scope": "ple_customer_data"}, "scope"),
        ({"client_uri": "javascript:alert(1)"}, "client_uri"),
        ({"cds_status": "disabled", "contacts": "nobody"}, "contacts"),
        ({"description": 1}, "description"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused_by_its_name_and_changes_nothing(
    client: Registered, admin: OperatorClient, fields: dict[str, Any], field: str
) -> None:
    grid = (await client.clients())["ple_grid_status"]
    before = await client.messages()

    problem = await patch(admin, grid, 400, **fields)

    assert problem["errors"][0]["field"] == field
    assert await seen(client, grid) == grid
    assert await client.messages() == before


@pytest.mark.clause("WG1-02-5.1-12")
async def test_the_admin_object_cannot_be_disabled(client: Registered, admin: OperatorClient) -> None:
    problem = await patch(admin, {"client_id": client.client_id}, 400, cds_status="disabled")

    assert "suspend the registration" in problem["detail"]


async def test_an_operator_changes_fields_without_review(client: Registered, admin: OperatorClient) -> None:
    """The demo utility reviews changes of client_name; what is left out stays."""
    grid = (await client.clients())["ple_grid_status"]
    await client.put(grid["cds_client_uri"], grid | {"client_name": "What the Client wants"})
    (review,) = await client.messages("field_changes")

    shown = await patch(admin, grid, client_name="What it is", client_uri="https://birch.example/")

    now = await seen(client, grid)
    assert (now["client_name"], now["client_uri"]) == ("What it is", "https://birch.example/")
    assert {name: now[name] for name in grid if name not in {"client_name", "cds_modified"}} == {
        name: value for name, value in grid.items() if name not in {"client_name", "cds_modified"}
    }
    assert shown["pending_changes"] == {}
    assert (await client.messages("field_changes"))[0]["status"] == "rejected"
    assert (await decide(admin, review, "complete")).status_code == 409
    assert "Changed: client_uri, client_name." in (await told(client, grid))[0]


async def test_null_goes_back_to_the_default(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]
    await patch(admin, grid, client_name="A name", client_uri="https://birch.example/")

    shown = await patch(admin, grid, client_name=None, client_uri=None)

    assert shown["client_name"] == grid["client_id"]
    assert "client_uri" not in shown


async def test_fields_and_status_change_together(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]
    client.server.clock.advance(seconds=3)

    await patch(admin, grid, client_name="Off", cds_status="disabled")

    now = await seen(client, grid)
    assert (now["client_name"], now["cds_status"]) == ("Off", "disabled")
    (text,) = await told(client, grid)
    assert "It is disabled" in text
    assert "Changed: client_name." in text


async def test_a_change_to_what_is_changes_nothing(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]
    before = await client.messages()
    client.server.clock.advance(seconds=3)

    for fields in ({}, {"client_name": grid["client_name"]}, {"cds_status": "production"}, dict(grid)):
        await patch(admin, grid, **fields)

    assert await seen(client, grid) == grid
    assert await client.messages() == before


@pytest.mark.clause("WG1-02-3.6-16", "WG1-02-3.6-24", "WG1-02-3.6-34", "WG1-02-3.6-42")
async def test_an_operator_approves_a_sandbox_object_whatever_is_open(
    client: Registered, admin: OperatorClient
) -> None:
    sandbox = (await client.clients())["ple_interconnection"]

    answer = await admin.post(f"/clients/{sandbox['client_id']}/approve")

    assert answer.status_code == 201
    twin = answer.json()
    assert answer.headers["location"].endswith(f"/clients/{twin['client_id']}")
    assert (twin["cds_status"], twin["scope"]) == ("production", sandbox["scope"])
    assert (await seen(client, twin))["cds_status"] == "production"
    assert (await client.credential_of(twin["client_id"]))["client_secret"]
    shown = (await admin.get(f"/clients/{sandbox['client_id']}")).json()
    assert shown["production_client_id"] == twin["client_id"]
    assert (await admin.post(f"/clients/{sandbox['client_id']}/approve")).status_code == 409


async def test_an_approval_answers_the_request_that_waits(client: Registered, admin: OperatorClient) -> None:
    sandbox = (await client.clients())["ple_customer_data"]

    answer = await admin.post(f"/clients/{sandbox['client_id']}/approve", {"description": "As discussed."})

    assert answer.status_code == 201
    (request,) = await client.messages("production_request")
    assert request["status"] == "complete"
    (update,) = await client.messages("request_update")
    assert update["description"] == "As discussed."


async def test_of_many_approvals_at_once_one_makes_a_twin(client: Registered, admin: OperatorClient) -> None:
    sandbox = (await client.clients())["ple_interconnection"]

    answers = await asyncio.gather(*(admin.post(f"/clients/{sandbox['client_id']}/approve") for _ in range(20)))

    assert sorted(one.status_code for one in answers) == [201, *[409] * 19]


async def test_only_a_sandbox_object_can_be_approved(client: Registered, admin: OperatorClient) -> None:
    grid = (await client.clients())["ple_grid_status"]

    assert (await admin.post(f"/clients/{grid['client_id']}/approve")).status_code == 400


async def test_unknown_client_objects_are_not_found(client: Registered, admin: OperatorClient) -> None:
    for client_id in ("nonsense", f"{client.registration_id}-99", f"{client.registration_id}-mzzzzzzzzzz"):
        assert (await admin.get(f"/clients/{client_id}")).status_code == 404
        assert (await admin.patch(f"/clients/{client_id}", {"client_name": "x"})).status_code == 404
        assert (await admin.post(f"/clients/{client_id}/approve")).status_code == 404
        assert (await admin.post(f"/clients/{client_id}/credentials")).status_code == 404
