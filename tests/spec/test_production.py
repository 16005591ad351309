"""From the sandbox into production (CDS-WG1-02 4.2, 3.6, 6.9)."""

from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import messages_decisions, production
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.messages import MessageStatus
from tests.conftest import MakeServer, Registered, Server, changed


async def ask_for_production(registered: Registered, scope: str) -> dict[str, Any]:
    """Post a production_request for the sandbox object of a scope."""
    client = (await registered.clients())[scope]
    body = {
        "type": "production_request",
        "previous_uri": None,
        "name": "",
        "description": "",
        "related_uri": client["cds_client_uri"],
    }
    answer = await registered.post("/cds-api/v1/messages", json=body)
    assert answer.status_code == 201, answer.text
    message: dict[str, Any] = answer.json()
    return message


async def objects_of(registered: Registered, scope: str) -> dict[str, dict[str, Any]]:
    """The Client Objects of a scope by status."""
    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]
    return {one["cds_status"]: one for one in listing if one["scope"] == scope}


@pytest.mark.clause(
    "WG1-02-4.2-19", "WG1-02-6.3-04", "WG1-02-3.6-16", "WG1-02-3.6-24", "WG1-02-3.6-34", "WG1-02-3.6-42"
)
async def test_an_approved_request_leads_to_a_new_production_object(server: Server) -> None:
    """With its Credential, its changelog, and the link on request and answer; whatever steps are open."""
    registered = await server.register("cds_client_admin ple_interconnection", client_name="Meadow")
    request = await ask_for_production(registered, "ple_interconnection")
    server.clock.advance(days=1)

    await production.decide_request(
        server.context, registered.access, request["message_id"], MessageStatus.COMPLETE, "Welcome."
    )

    both = await objects_of(registered, "ple_interconnection")
    twin = both["production"]
    assert twin["client_id"] != both["sandbox"]["client_id"]
    assert twin["cds_status_options"] == ["production", "disabled"]
    assert twin["client_name"] == "Meadow"
    assert twin["cds_company_name"] == both["sandbox"]["cds_company_name"]
    assert (await registered.credential_of(twin["client_id"]))["client_secret_expires_at"] > 0
    (update,) = await registered.messages("request_update")
    original = (await registered.get(request["uri"])).json()
    for message in (update, original):
        assert message["status"] == "complete"
        assert message["related_type"] == "client"
        assert message["related_uri"] == twin["cds_client_uri"]
    assert update["previous_uri"] == request["uri"]
    about = {one["related_uri"] for one in await registered.messages("private_message")}
    assert twin["cds_client_uri"] in about


async def test_the_servers_own_request_and_the_clients_are_decided_together(server: Server) -> None:
    """One decision answers both (ambiguities A19), and makes one object."""
    registered = await server.register("cds_client_admin ple_customer_data")
    (automatic,) = await registered.messages("production_request")
    asked = await ask_for_production(registered, "ple_customer_data")

    await production.decide_request(server.context, registered.access, asked["message_id"], MessageStatus.COMPLETE)

    assert (await registered.get(automatic["uri"])).json()["status"] == "complete"
    assert set(await objects_of(registered, "ple_customer_data")) == {"sandbox", "production"}
    with pytest.raises(AlreadyDecided):
        await production.decide_request(
            server.context, registered.access, automatic["message_id"], MessageStatus.COMPLETE
        )


async def test_a_rejected_request_makes_nothing_and_says_why(server: Server) -> None:
    """The reason is in the answer."""
    registered = await server.register("cds_client_admin ple_interconnection")
    request = await ask_for_production(registered, "ple_interconnection")

    with pytest.raises(InvalidRequest):
        await production.decide_request(
            server.context, registered.access, request["message_id"], MessageStatus.REJECTED
        )
    await production.decide_request(
        server.context, registered.access, request["message_id"], MessageStatus.REJECTED, "The form is missing."
    )

    assert set(await objects_of(registered, "ple_interconnection")) == {"sandbox"}
    (update,) = await registered.messages("request_update")
    assert update["status"] == "rejected"
    assert update["description"] == "The form is missing."


async def test_an_operator_may_approve_without_being_asked(server: Server) -> None:
    """And not twice, and nothing but sandbox objects."""
    registered = await server.register("cds_client_admin ple_interconnection ple_customer_data")
    clients = await registered.clients()

    twin = await production.approve(server.context, registered.access, clients["ple_interconnection"]["client_id"])
    reviewed = await production.approve(server.context, registered.access, clients["ple_customer_data"]["client_id"])

    assert twin.scope == "ple_interconnection"
    assert reviewed.scope == "ple_customer_data"
    assert (await registered.messages("production_request"))[0]["status"] == "complete"
    with pytest.raises(AlreadyDecided):
        await production.approve(server.context, registered.access, clients["ple_interconnection"]["client_id"])
    with pytest.raises(InvalidRequest):
        await production.approve(server.context, registered.access, clients["cds_client_admin"]["client_id"])
    with pytest.raises(NotFound):
        await production.approve(server.context, registered.access, f"{registered.client_id}-99")


async def test_a_request_for_what_exists_already_is_answered_with_it(server: Server) -> None:
    """No second production object for one sandbox object."""
    registered = await server.register("cds_client_admin ple_interconnection")
    first = await ask_for_production(registered, "ple_interconnection")
    await production.decide_request(server.context, registered.access, first["message_id"], MessageStatus.COMPLETE)
    second = await ask_for_production(registered, "ple_interconnection")

    await production.decide_request(server.context, registered.access, second["message_id"], MessageStatus.COMPLETE)

    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]
    (twin,) = [one for one in listing if one["cds_status"] == "production" and one["scope"] == "ple_interconnection"]
    assert (await registered.get(second["uri"])).json()["related_uri"] == twin["cds_client_uri"]


async def test_the_last_step_opens_production_where_the_catalog_lets_it(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """`registration.production: automatic`: no earlier and no later."""
    server = await make_server(changed(demo_catalog, registration={"production": "automatic"}))
    registered = await server.register("cds_client_admin ple_interconnection")
    steps = [one for one in await registered.messages() if "Registration field" in one["description"]]
    advance = production.when_steps_are_met(server.context, registered.access)

    for number, step in enumerate(steps):
        assert set(await objects_of(registered, "ple_interconnection")) == {"sandbox"}, number
        await messages_decisions.decide(
            server.context, registered.access, step["message_id"], MessageStatus.COMPLETE, advance=advance
        )

    assert len(steps) == 4
    assert set(await objects_of(registered, "ple_interconnection")) == {"sandbox", "production"}


async def test_steps_alone_do_not_open_production_where_staff_decides(server: Server) -> None:
    """`registration.production: review`."""
    registered = await server.register("cds_client_admin ple_interconnection")
    advance = production.when_steps_are_met(server.context, registered.access)

    for step in [one for one in await registered.messages() if "Registration field" in one["description"]]:
        await messages_decisions.decide(
            server.context, registered.access, step["message_id"], MessageStatus.COMPLETE, advance=advance
        )

    assert set(await objects_of(registered, "ple_interconnection")) == {"sandbox"}
