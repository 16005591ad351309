"""An approved grant_request makes Grants (CDS-WG1-02 6.2, 6.3, 6.6; ambiguities C24, C25)."""

from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import files
from app.domain.grant_requests import approve_requested
from app.errors import AlreadyDecided, Conflict, InvalidRequest, InvalidScope, StoreUnavailable
from tests.client_objects import operator_disables
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import EVERYTHING, Holder, holder_of, utility

MESSAGES = "/cds-api/v1/messages"
METERS = {"type": "test_meters", "until": "P6M", "share": 1, "meters": ["m1"], "interval": "hour"}


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has; operators look at grant_requests."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


async def ask(registered: Registered, *grants: dict[str, Any], client: dict[str, Any] | None = None) -> str:
    """Post a grant_request; its message_id."""
    body = {
        "type": "grant_request",
        "name": "",
        "description": "",
        "previous_uri": None,
        "grants_requested": [{"scope": "", "authorization_details": []} | one for one in grants],
    }
    if client:
        body["related_uri"] = client["cds_client_uri"]
    response = await registered.post(MESSAGES, body)
    assert response.status_code == 201, response.text
    message_id: str = response.json()["message_id"]
    return message_id


async def message(registered: Registered, message_id: str) -> dict[str, Any]:
    response = await registered.get(f"{MESSAGES}/{message_id}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def made_for(registered: Registered, message_id: str) -> list[dict[str, Any]]:
    """The Grants that a completed request links, in the order in which they were asked for."""
    request = await message(registered, message_id)
    assert (request["status"], request["related_type"]) == ("complete", "grant_list"), request
    listing = (await registered.get(request["related_uri"])).json()["grants"]
    return list(reversed(listing))


@pytest.mark.clause("WG1-02-6.3-03", "WG1-02-6.3-05", "WG1-02-3.3.2-01")
async def test_an_approved_request_links_the_grants_that_it_asked_for(server, registered, data):
    client = (await registered.clients())["test_meters test_prices"]
    request = await ask(registered, {"scope": "test_prices"}, {"authorization_details": [METERS]}, client=client)

    update = await approve_requested(server.context, registered.access, request, "Welcome.")

    one, two = await made_for(registered, request)
    assert (one["scope"], one["status"], one["client_id"]) == ("test_prices", "active", data.client_id)
    assert (two["scope"], two["status"], two["authorization_details"]) == ("test_meters", "active", [METERS])
    assert (await message(registered, update.message_id))["related_uri"] == (await message(registered, request))[
        "related_uri"
    ]


async def test_a_request_for_a_scope_of_users_makes_a_grant_that_waits_for_one(server, registered):
    client = (await registered.clients())["ple_customer_data"]
    request = await ask(registered, {"scope": "ple_customer_data"}, client=client)

    await approve_requested(server.context, registered.access, request)

    (grant,) = await made_for(registered, request)
    assert (grant["status"], grant["enabled_scope"], grant["client_id"]) == (
        "needs_authorization",
        "",
        client["client_id"],
    )


async def test_without_a_client_object_each_grant_finds_the_one_with_its_scope(server, registered, data):
    request = await ask(registered, {"scope": "test_prices"}, {"scope": "ple_grid_status"})

    await approve_requested(server.context, registered.access, request)

    grid = (await registered.clients())["ple_grid_status"]
    assert [one["client_id"] for one in await made_for(registered, request)] == [data.client_id, grid["client_id"]]


async def test_a_request_that_no_client_object_can_hold_is_not_approved(server, registered):
    request = await ask(registered, {"scope": "test_prices ple_grid_status"})

    with pytest.raises(InvalidRequest):
        await approve_requested(server.context, registered.access, request)

    assert (await message(registered, request))["status"] == "pending"


async def test_a_request_is_decided_once(server, registered, data):
    request = await ask(registered, {"scope": "test_prices"})
    await approve_requested(server.context, registered.access, request)

    with pytest.raises(AlreadyDecided):
        await approve_requested(server.context, registered.access, request)

    assert len(await data.grants()) == 1


async def test_what_cannot_be_granted_as_things_are_leaves_the_request_open(server, registered, data):
    request = await ask(registered, {"scope": "test_prices"})
    admin_object = (await registered.clients())["cds_client_admin"]
    admin = await ask(registered, {"scope": "cds_client_admin"}, client=admin_object)
    await operator_disables(registered, data.client_id)

    with pytest.raises(Conflict):
        await approve_requested(server.context, registered.access, request)
    with pytest.raises(InvalidScope):
        await approve_requested(server.context, registered.access, admin)

    assert {(await message(registered, one))["status"] for one in (request, admin)} == {"pending"}


async def test_files_that_were_asked_for_are_shared_first(server, registered):
    context, access = server.context, registered.access
    file = await files.create(context, access, name="a.csv", mime_type="text/csv", data=b"1")
    scope = "cds_server_provided_files_ple"
    entry = {"type": scope, "file_id": file.file_id}
    client = (await registered.clients())[scope]
    request = await ask(registered, {"authorization_details": [entry]}, client=client)
    with pytest.raises(InvalidRequest):
        await approve_requested(context, access, request)

    grant = await files.share(context, access, client["client_id"], [file.file_id])
    await approve_requested(context, access, request, shared=[grant.grant_id])

    assert [one["grant_id"] for one in await made_for(registered, request)] == [grant.grant_id]


@pytest.mark.clause("WG1-02-6.3-05")
async def test_grants_for_somebody_else_belong_to_them(server, registered, data):
    other = await server.register(EVERYTHING)
    theirs = (await other.clients())["test_meters test_prices"]
    request = await ask(registered, {"scope": "test_prices"}, client=theirs)

    await approve_requested(server.context, registered.access, request)

    assert await made_for(registered, request) == []
    assert await data.grants() == []
    (grant,) = await (await holder_of(other, "test_meters test_prices")).grants()
    assert (grant["status"], grant["client_id"]) == ("active", theirs["client_id"])
    link = (await message(registered, request))["related_uri"]
    assert link.endswith(f"grant_ids={grant['grant_id']}")
    (told,) = [one for one in await other.messages() if one.get("related_uri") == grant["uri"]]
    assert told["type"] == "private_message"
    assert registered.registration_id not in told["description"]


async def test_an_approval_that_broke_off_makes_no_second_grant_for_somebody_else(server, registered):
    other = await server.register(EVERYTHING)
    theirs = (await other.clients())["test_meters test_prices"]
    request = await ask(registered, {"scope": "test_prices"}, client=theirs)
    real, calls = server.context.records.apply, []

    async def apply(change: Any) -> None:
        calls.append(change.registration_id)
        if change.registration_id == registered.registration_id and len(calls) == 2:
            raise StoreUnavailable("The store does not answer.")
        await real(change)

    server.context.records.apply = apply
    with pytest.raises(StoreUnavailable):
        await approve_requested(server.context, registered.access, request)
    await approve_requested(server.context, registered.access, request)

    assert len(await (await holder_of(other, "test_meters test_prices")).grants()) == 1


async def test_only_requests_that_nobody_has_to_look_at_are_approved_by_themselves(make_server, demo_catalog):
    server = await make_server(utility(demo_catalog, grants="automatic"))
    registered, other = await server.register(EVERYTHING), await server.register(EVERYTHING)
    data = await holder_of(registered, "test_meters test_prices")
    theirs = (await other.clients())["test_meters test_prices"]
    files_object = (await registered.clients())["cds_server_provided_files_ple"]
    file = {"type": "cds_server_provided_files_ple", "file_id": "f1"}

    own = await ask(registered, {"scope": "test_prices"})
    foreign = await ask(registered, {"scope": "test_prices"}, client=theirs)
    of_files = await ask(registered, {"authorization_details": [file]}, client=files_object)
    impossible = await ask(registered, {"scope": "test_prices ple_grid_status"})

    assert [one["scope"] for one in await made_for(registered, own)] == ["test_prices"]
    assert [one["status"] for one in await data.grants()] == ["active"]
    for waiting in (foreign, of_files, impossible):
        assert (await message(registered, waiting))["status"] == "pending"


async def test_with_review_nothing_is_approved_by_itself(registered, data):
    request = await ask(registered, {"scope": "test_prices"})

    assert (await message(registered, request))["status"] == "pending"
    assert await data.grants() == []
