"""Messages that Clients create (CDS-WG1-02 6.1, 6.6, 6.9)."""

import asyncio
from typing import Any

import pytest

from app.catalog import Catalog
from tests.conftest import PUBLIC_URL, MakeServer, Server, changed
from tests.message_objects import (
    EVERYTHING,
    MESSAGES,
    PRIVATE,
    SUPPORT,
    created,
    operator_posts,
    refused,
    reread,
)

GRANT_REQUEST = {"type": "grant_request", "name": "", "description": ""}


def asking(scope: str = "ple_customer_data", details: Any = (), **changes: Any) -> dict[str, Any]:
    """A grant_request for one Grant."""
    asked = {"scope": scope, "authorization_details": list(details) if isinstance(details, tuple) else details}
    return GRANT_REQUEST | {"grants_requested": [asked]} | changes


@pytest.mark.clause("WG1-02-6.9-01", "WG1-02-6.9-17", "WG1-02-6.9-18", "WG1-02-6.1-01")
async def test_a_message_is_created_with_a_post(server: Server) -> None:
    client = await server.register()

    answer = await client.post(MESSAGES, PRIVATE)

    message = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == message["uri"]
    assert set(message) == {
        "message_id", "uri", "previous_uri", "type", "read", "creator", "created", "modified", "status", "name",
        "description",
    }  # fmt: skip
    assert message == await reread(client, message)


@pytest.mark.clause("WG1-02-6.9-07", "WG1-02-6.1-05")
@pytest.mark.parametrize("body", [PRIVATE, SUPPORT])
async def test_subject_and_body_come_back_unchanged(server: Server, body: dict[str, Any]) -> None:
    client = await server.register()
    text = 'First line\n\tsecond line: "ünïcödé" \\u0002 <b>&amp;</b> 🙂'

    message = await created(client, body | {"name": "Ärger mit „Token“", "description": text})

    assert message["name"] == "Ärger mit „Token“"
    assert message["description"] == text
    assert message == await reread(client, message)


@pytest.mark.clause("WG1-02-6.9-19", "WG1-02-6.9-20", "WG1-02-6.9-21", "WG1-02-6.1-04")
async def test_the_server_fills_in_what_is_its_own(server: Server) -> None:
    client = await server.register()
    forged = {
        "message_id": "mine", "uri": "https://elsewhere.example", "read": False, "creator": "somebody",
        "created": "1999-01-01T00:00:00Z", "modified": "1999-01-01T00:00:00Z", "status": "rejected",
        "related_type": "payment_receipt", "amount": 5, "anything": {"else": []},
    }  # fmt: skip
    message = await created(client, PRIVATE | forged)

    now = f"{server.clock.now:%Y-%m-%dT%H:%M:%SZ}"
    assert message["read"] is True
    assert message["creator"] == client.client_id
    assert message["created"] == message["modified"] == now
    assert message["status"] == "complete"
    assert not {"related_type", "amount", "anything"} & set(message)
    assert message in (await client.get(MESSAGES)).json()["read"]


@pytest.mark.clause("WG1-02-6.9-22", "WG1-02-6.9-23", "WG1-02-6.3-02", "WG1-02-6.3-13")
async def test_requests_start_pending_and_all_else_complete(server: Server) -> None:
    client = await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_customer_data"]["cds_client_uri"]
    statuses = {
        "private_message": "complete",
        "support_request": "pending",
        "production_request": "pending",
        "grant_request": "pending",
    }
    for type_, status in statuses.items():
        body = asking(related_uri=sandbox) | {"type": type_}
        assert (await created(client, body))["status"] == status


@pytest.mark.clause("WG1-02-6.9-02")
async def test_a_message_without_previous_uri_begins_an_exchange(server: Server) -> None:
    """As in the specification's own example."""
    client = await server.register()

    message = await created(client, {"type": "private_message", "name": "My Subject", "description": "Hello World!"})

    assert message["previous_uri"] is None


@pytest.mark.clause("WG1-02-6.9-02", "WG1-02-6.9-07", "WG1-02-6.9-14")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": None}, "type"),
        ({"type": 3}, "type"),
        ({"type": ["private_message"]}, "type"),
        ({"name": None}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"description": None}, "description"),
        ({"description": {}}, "description"),
        ({"description": "x" * 65_537}, "description"),
        ({"description": "\x9b"}, "description"),
        ({"previous_uri": 7}, "previous_uri"),
        ({"previous_uri": ""}, "previous_uri"),
        ({"related_uri": 7}, "related_uri"),
        ({"related_uri": "not a url"}, "related_uri"),
        ({"related_uri": "javascript:alert(1)"}, "related_uri"),
        ({"related_uri": "/relative"}, "related_uri"),
        ({"related_uri": "https://user:pass@host.example/"}, "related_uri"),
    ],
)
async def test_incomplete_and_invalid_messages_are_refused(server: Server, changes: dict[str, Any], field: str) -> None:
    client = await server.register()

    await refused(client, SUPPORT | changes, field=field)


@pytest.mark.clause("WG1-02-6.9-02")
@pytest.mark.parametrize("left_out", ["type", "name", "description"])
async def test_type_name_and_description_cannot_be_left_out(server: Server, left_out: str) -> None:
    client = await server.register()

    await refused(client, {name: value for name, value in SUPPORT.items() if name != left_out}, field=left_out)


@pytest.mark.clause("WG1-02-6.9-05", "WG1-02-6.2-03")
@pytest.mark.parametrize(
    "type_",
    [
        "notification", "field_changes", "server_request", "payment_request", "online_form_request",
        "pdf_form_request", "request_update", "bogus", "",
    ],
)  # fmt: skip
async def test_clients_cannot_create_the_servers_types(server: Server, type_: str) -> None:
    client = await server.register()

    problem = await refused(client, SUPPORT | {"type": type_}, field="type")

    assert "private_message" in problem["detail"]


@pytest.mark.clause("WG1-02-6.9-04", "WG1-02-6.1-02", "WG1-02-6.9-27", "WG1-02-6.11-06")
@pytest.mark.parametrize("body", [PRIVATE, SUPPORT])
async def test_a_message_may_answer_or_amend_another(server: Server, body: dict[str, Any]) -> None:
    client = await server.register()
    own, from_server = await created(client, body), await operator_posts(client)

    for previous in (own, from_server):
        reply = await created(client, body | {"previous_uri": previous["uri"]})
        assert (await client.get(reply["previous_uri"])).json() == previous


@pytest.mark.clause("WG1-02-6.9-04")
async def test_previous_uri_is_one_of_the_clients_own_messages(server: Server) -> None:
    client, other = await server.register(), await server.register()
    foreign = await created(other, PRIVATE)

    for uri in (
        foreign["uri"],
        f"{PUBLIC_URL}{MESSAGES}/{client.client_id}-m000000000",
        f"{PUBLIC_URL}{MESSAGES}",
        f"{PUBLIC_URL}/cds-api/v1/clients/{client.client_id}",
        f"https://elsewhere.example{MESSAGES}/{foreign['message_id']}",
    ):
        for body in (PRIVATE, SUPPORT):
            await refused(client, body | {"previous_uri": uri}, field="previous_uri")


@pytest.mark.clause("WG1-02-6.9-10", "WG1-02-6.1-10", "WG1-02-6.1-12", "WG1-02-6.1-17", "WG1-02-6.4-01")
@pytest.mark.parametrize(
    ("path", "related_type"),
    [
        ("/cds-api/v1/clients", "client_list"),
        ("/cds-api/v1/clients?client_ids=x", "client_list"),
        ("/cds-api/v1/clients/{client_id}", "client"),
        ("/cds-api/v1/grants?statuses=active", "grant_list"),
        ("/cds-api/v1/grants/{client_id}-g0123456789", "grant"),
        ("/cds-api/v1/messages", "message_list"),
        ("/cds-api/v1/messages/{client_id}-m0123456789", "message"),
        ("/cds-api/v1/credentials", "credential_list"),
        ("/cds-api/v1/credentials/{client_id}-c0123456789", "credential"),
        ("/cds-api/v1/clients/nonsense", "more_info"),
        ("/cds-api/v1/clients/{client_id}/oauth-authorization-server", "more_info"),
        ("/cds-api/v1/server-provided-files", "more_info"),
        ("/docs/support", "more_info"),
    ],
)
async def test_what_a_link_leads_to_is_worked_out(server: Server, path: str, related_type: str) -> None:
    client = await server.register()
    uri = PUBLIC_URL + path.format(client_id=client.client_id)

    message = await created(client, SUPPORT | {"related_uri": uri, "related_type": "payment_form"})

    assert message["related_uri"] == uri
    assert message["related_type"] == related_type
    assert message == await reread(client, message)


@pytest.mark.clause("WG1-02-6.9-13", "WG1-02-6.9-10")
@pytest.mark.parametrize("body", [SUPPORT, SUPPORT | {"related_uri": None}])
async def test_without_a_link_neither_member_is_there(server: Server, body: dict[str, Any]) -> None:
    client = await server.register()

    message = await created(client, body)

    assert "related_uri" not in message
    assert "related_type" not in message


@pytest.mark.clause("WG1-02-6.3-12")
async def test_help_can_be_asked_about_a_message(server: Server) -> None:
    client = await server.register()
    message = await operator_posts(client)

    assert (await created(client, SUPPORT | {"related_uri": message["uri"]}))["related_type"] == "message"


@pytest.mark.clause("WG1-02-6.1-11", "WG1-02-6.9-11")
async def test_production_is_asked_for_with_a_sandbox_object(server: Server) -> None:
    client, other = await server.register(EVERYTHING), await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_customer_data"]
    body = {"type": "production_request", "name": "", "description": "", "related_uri": sandbox["cds_client_uri"]}

    message = await created(client, body)

    assert "sandbox" in sandbox["cds_status_options"]
    assert message["related_uri"] == sandbox["cds_client_uri"]
    assert message["related_type"] == "client"
    foreign = (await other.clients())["ple_customer_data"]["cds_client_uri"]
    admin = f"{PUBLIC_URL}/cds-api/v1/clients/{client.client_id}"
    for uri in (None, admin, foreign, f"{admin}-999", "https://elsewhere.example/", message["uri"]):
        await refused(client, body | {"related_uri": uri}, field="related_uri")


@pytest.mark.clause("WG1-02-6.9-09", "WG1-02-6.6-01", "WG1-02-6.1-07")
@pytest.mark.parametrize(
    ("grants", "field"),
    [
        (None, "grants_requested"),
        ([], "grants_requested"),
        ({}, "grants_requested"),
        ("ple_grid_status", "grants_requested"),
        (["ple_grid_status"], "grants_requested.0"),
        ([{"authorization_details": []}], "grants_requested.0.scope"),
        ([{"scope": None, "authorization_details": []}], "grants_requested.0.scope"),
        ([{"scope": "bogus", "authorization_details": []}], "grants_requested.0.scope"),
        ([{"scope": "ple_grid_status"}], "grants_requested.0.authorization_details"),
        ([{"scope": "ple_grid_status", "authorization_details": {}}], "grants_requested.0.authorization_details"),
        ([{"scope": "", "authorization_details": []}], "grants_requested.0.authorization_details"),
        (
            [{"scope": "ple_grid_status", "authorization_details": []}, {"scope": "ple_grid_status"}],
            "grants_requested.1.authorization_details",
        ),
        (
            [{"scope": "ple_grid_status", "authorization_details": [{"type": "bogus"}]}],
            "grants_requested.0.authorization_details.0.type",
        ),
        (
            [{"scope": "ple_grid_status", "authorization_details": [{}]}],
            "grants_requested.0.authorization_details.0.type",
        ),
        (
            [{"scope": "", "authorization_details": [{"type": "ple_grid_status", "forecast_hours": 73}]}],
            "grants_requested.0.authorization_details.0.forecast_hours",
        ),
    ],
)
async def test_malformed_grant_requests_are_refused(server: Server, grants: Any, field: str) -> None:
    client = await server.register("cds_client_admin ple_grid_status")

    await refused(client, GRANT_REQUEST | {"grants_requested": grants}, field=field)


@pytest.mark.clause("WG1-02-6.9-12", "WG1-02-6.1-16", "WG1-02-6.1-07", "WG1-02-6.6-01")
async def test_grants_are_asked_for_with_an_own_object_or_somebody_elses(server: Server) -> None:
    client, other = await server.register(EVERYTHING), await server.register(EVERYTHING)
    own = (await client.clients())["ple_customer_data"]["cds_client_uri"]
    foreign = (await other.clients())["ple_customer_data"]["cds_client_uri"]
    details = [{"type": "ple_customer_data", "interval": "monthly"}]

    for uri in (own, foreign):
        body = asking(details=details, related_uri=uri)
        message = await created(client, body)
        assert message["grants_requested"] == body["grants_requested"]
        assert message["related_uri"] == uri
        assert message["related_type"] == "client"
        assert message["status"] == "pending"
        assert message == await reread(client, message)
    assert await other.messages("grant_request") == []


@pytest.mark.clause("WG1-02-6.6-02")
async def test_types_are_those_of_the_object_that_is_to_get_the_grants(server: Server) -> None:
    client, other = await server.register(EVERYTHING), await server.register("cds_client_admin ple_grid_status")
    grid = (await client.clients())["ple_grid_status"]["cds_client_uri"]
    foreign = (await other.clients())["ple_grid_status"]["cds_client_uri"]
    data, hours = {"type": "ple_customer_data"}, {"type": "ple_grid_status", "forecast_hours": 1}

    await created(client, asking("", [data, hours]))
    for uri in (grid, foreign):
        await created(client, asking("ple_grid_status", [hours], related_uri=uri))
        await refused(client, asking("ple_customer_data", related_uri=uri), field="grants_requested.0.scope")
        field = "grants_requested.0.authorization_details.1.type"
        problem = await refused(client, asking("ple_grid_status", [hours, data], related_uri=uri), field=field)
        assert problem["error"] == "invalid_authorization_details"


async def test_a_grant_request_names_an_object_of_this_server(server: Server) -> None:
    client = await server.register(EVERYTHING)
    clients = f"{PUBLIC_URL}/cds-api/v1/clients"

    for uri in (
        "https://elsewhere.example/client",
        clients,
        f"{clients}/{client.client_id}-99",
        f"{clients}/00zzzzzzzzzzzz",
        f"{clients}/00zzzzzzzzzzzz-1",
        f"{PUBLIC_URL}{MESSAGES}/{client.client_id}-m0123456789",
    ):
        await refused(client, asking(related_uri=uri), field="related_uri")


async def test_a_grant_request_tells_nothing_about_somebody_elses_object(server: Server) -> None:
    client, other = await server.register(), await server.register(EVERYTHING)
    foreign = (await other.clients())["ple_customer_data"]["cds_client_uri"]

    one = await refused(client, asking("ple_grid_status", related_uri=foreign))
    two = await refused(client, asking("", [{"type": "ple_grid_status"}], related_uri=foreign))

    assert "ple_customer_data" not in str(one) + str(two)


async def test_a_long_text_is_refused_although_attachments_may_be_long(server: Server) -> None:
    client = await server.register("cds_client_admin ple_grid_status")
    entry = {"scope": "ple_grid_status " * 624, "authorization_details": []}

    await refused(client, GRANT_REQUEST | {"grants_requested": [entry] * 100, "description": "x" * 65_536}, 413)


async def test_two_posts_at_once_are_two_messages(server: Server) -> None:
    client = await server.register()
    await client.messages()

    answers = await asyncio.gather(*(client.post(MESSAGES, SUPPORT) for _ in range(20)))

    assert len({answer.json()["message_id"] for answer in answers}) == 20
    assert len(await client.messages("support_request")) == 20


@pytest.mark.clause("WG1-02-6.9-23", "WG1-02-6.9-31")
async def test_where_nobody_has_to_look_a_grant_request_is_approved_at_once(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """Its answer says pending all the same; one for somebody else's object always waits (C24)."""
    server = await make_server(catalog=changed(demo_catalog, policies={"grants": "automatic"}))
    client, other = await server.register(EVERYTHING), await server.register(EVERYTHING)
    own = (await client.clients())["ple_grid_status"]["cds_client_uri"]
    foreign = (await other.clients())["ple_grid_status"]["cds_client_uri"]

    request = await created(client, asking("ple_grid_status", related_uri=own))
    third_party = await created(client, asking("ple_grid_status", related_uri=foreign))

    assert request["status"] == "pending"
    decided = await reread(client, request)
    assert (decided["status"], decided["related_type"]) == ("complete", "grant_list")
    (update,) = await client.messages("request_update")
    assert (update["status"], update["previous_uri"]) == ("complete", request["uri"])
    assert await reread(client, third_party) == third_party


async def test_what_cannot_be_approved_at_once_waits_for_an_operator(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """No Client Object has both scopes; the request is there all the same."""
    server = await make_server(catalog=changed(demo_catalog, policies={"grants": "automatic"}))
    client = await server.register(EVERYTHING)

    request = await created(client, asking("ple_grid_status ple_interconnection"))

    assert await reread(client, request) == request
