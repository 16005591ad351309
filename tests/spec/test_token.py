"""The token endpoint (RFC 6749 3.2, 4.4, 5; CDS-WG1-02 section 8; ambiguities E2, E3, F3, F9, F10, F14)."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.domain.records import Change, Wanted
from app.schemas.clients import Client
from app.schemas.grants import GrantStatus
from app.store.connect import StoreConnection, memory_client
from tests.client_objects import operator_disables
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import (
    ADMIN_APIS,
    EVERYTHING,
    Holder,
    admin,
    holder_of,
    patch,
    shown,
    suspend,
    utility,
)

GRID_24 = {"type": "ple_grid_status", "forecast_hours": 24}


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def grid(registered: Registered) -> Holder:
    """The Client Object of one client_credentials scope with authorization details."""
    return await holder_of(registered, "ple_grid_status")


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


def is_no_store(response: httpx.Response) -> bool:
    return response.headers["cache-control"] == "no-store" and response.headers["pragma"] == "no-cache"


def refused(response: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """The error object of RFC 6749 5.2."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["error"]) == (status, error), response.text
    assert set(body) == {"error", "error_description"}
    assert is_no_store(response)
    return body


@pytest.mark.clause("RFC6749-5.1-01", "RFC6749-5.1-02", "RFC6749-4.4-02")
async def test_a_token_response_has_exactly_what_the_rfc_says(grid):
    response = await grid.ask()

    body = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert is_no_store(response)
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 3600, "ple_grid_status")


async def test_the_lifetime_of_tokens_can_be_set(make_server):
    server = await make_server(CDS_ACCESS_TOKEN_TTL="600")
    registered = await server.register()

    response = await admin(registered).ask()
    server.clock.advance(seconds=599)
    early = await admin(registered).introspect(response.json()["access_token"])
    server.clock.advance(seconds=1)
    late = await admin(registered).introspect(response.json()["access_token"])

    assert response.json()["expires_in"] == 600
    assert early["active"]
    assert late == {"active": False}


@pytest.mark.clause("RFC6749-10.10-01")
async def test_tokens_are_long_random_and_never_the_same(grid):
    issued = {await grid.token() for _ in range(50)}

    secrets = {token.removeprefix(f"cdsat_{grid.registered.registration_id}_") for token in issued}
    assert len(secrets) == 50
    assert {len(secret) for secret in secrets} == {43}  # 256 bits in base64url
    assert len({secret[:6] for secret in secrets}) == 50


@pytest.mark.clause("RFC6749-4.4-01", "RFC6749-5.2-02")
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"somebody:else").decode(),
        "Basic " + base64.b64encode(b"3f0000000000zz:secret").decode(),
    ],
)
async def test_without_good_credentials_the_answer_is_401_with_a_basic_challenge(server, authorization):
    headers = {"Authorization": authorization} if authorization else {}

    response = await server.http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)

    refused(response, 401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.clause("RFC6749-2.3.1-01", "RFC6749-5.2-02")
async def test_a_wrong_secret_and_somebody_elses_secret_are_refused(server, registered, grid):
    other = await server.register()
    for client_id, secret in (
        (grid.client_id, grid.client_secret + "x"),
        (grid.client_id, registered.client_secret),
        (grid.client_id, other.client_secret),
        (other.client_id, grid.client_secret),
    ):
        response = await server.token_response(client_id, secret)

        refused(response, 401, "invalid_client")
        assert response.headers["www-authenticate"] == 'Basic realm="cds"'


@pytest.mark.clause("RFC6749-2.3.1-01")
async def test_id_and_secret_may_be_percent_encoded_inside_the_basic_header(server, grid):
    def encoded(text: str) -> str:
        return "".join(f"%{ord(letter):02X}" for letter in text)

    for pair in (
        f"{grid.client_id}:{grid.client_secret}",
        f"{encoded(grid.client_id)}:{encoded(grid.client_secret)}",
        f"{grid.client_id.replace('-', '%2D')}:{grid.client_secret.replace('_', '%5F')}",
    ):
        basic = base64.b64encode(pair.encode()).decode()
        response = await server.http.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"basic {basic}"}
        )

        assert response.status_code == 200, response.text


@pytest.mark.clause("RFC6749-5.2-01")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "Client_Credentials"}, "unsupported_grant_type"),
        ({"scope": "no_such_scope"}, "invalid_scope"),
        ({"scope": "cds_client_admin"}, "invalid_scope"),
        ({"scope": "ple_grid_status ple_customer_data"}, "invalid_scope"),
        ({"scope": "ple_grid_status\x07"}, "invalid_scope"),
        ({"scope": "x" * 20_000}, "invalid_scope"),
        ({"scope": " ".join(f"s{number}" for number in range(2000))}, "invalid_scope"),
        ({"client_secret": "again"}, "invalid_request"),
        ({"scope": "a\x00b"}, "invalid_request"),
    ],
)
async def test_bad_requests_are_answered_with_the_codes_of_the_rfc(grid, form, error):
    form = form if "grant_type" in form or not form else {"grant_type": "client_credentials"} | form
    response = await grid.post("/oauth/token", **form)

    refused(response, 400, error)


@pytest.mark.clause("RFC9396-5-01")
@pytest.mark.parametrize(
    "details",
    [
        "nonsense",
        "{}",
        "[1]",
        "[[]]",
        '[{"forecast_hours": 1}]',
        '[{"type": 1}]',
        '[{"type": "unknown"}]',
        '[{"type": "test_meters"}]',
        '[{"type": "ple_grid_status", "unknown": 1}]',
        '[{"type": "ple_grid_status", "forecast_hours": "24"}]',
        '[{"type": "ple_grid_status", "forecast_hours": 73}]',
        '[{"type": "ple_grid_status", "forecast_hours": 1.5}]',
        '[{"type": "ple_grid_status", "forecast_hours": null}]',
        '[{"type": "\\ud800"}]',
        "[" * 100_000,
        "[" + '{"type":"ple_grid_status"},' * 600 + '{"type":"ple_grid_status"}]',
        '[{"type": "ple_grid_status", "forecast_hours": 1e999999999}]',
    ],
)
async def test_bad_authorization_details_have_their_own_code(grid, details):
    response = await grid.ask(details)

    refused(response, 400, "invalid_authorization_details")


@pytest.mark.clause("RFC6749-3.2-01")
async def test_the_endpoint_takes_post_only_refuses_repetitions_and_ignores_extras(server, grid):
    auth = (grid.client_id, grid.client_secret)
    get = await server.http.get("/oauth/token", params={"grant_type": "client_credentials"}, auth=auth)
    twice = await server.http.post(
        "/oauth/token",
        content="grant_type=client_credentials&scope=ple_grid_status&scope=ple_grid_status",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=auth,
    )
    extra = await grid.ask(resource="https://elsewhere.example", foo="bar")
    empty = await grid.ask(scope="", authorization_details="")
    as_json = await server.http.post("/oauth/token", json={"grant_type": "client_credentials"}, auth=auth)

    assert (get.status_code, get.headers["allow"]) == (405, "OPTIONS, POST")
    refused(twice, 400, "invalid_request")
    assert extra.status_code == 200
    assert empty.status_code == 200
    refused(as_json, 400, "invalid_request")


async def test_an_object_whose_scope_users_authorize_gets_no_token_by_itself(registered):
    users = await holder_of(registered, "ple_customer_data")

    response = await users.ask()

    refused(response, 400, "unauthorized_client")
    assert await users.grants() == []


async def test_without_scope_and_details_the_token_has_the_full_scope(data):
    response = await data.ask()

    assert response.json()["scope"] == "test_meters test_prices"


async def test_a_narrower_scope_can_be_asked_for_in_any_order(data):
    one = await data.ask(scope="test_prices")
    both = await data.ask(scope="test_prices test_meters test_prices")

    assert one.json()["scope"] == "test_prices"
    assert both.json()["scope"] == "test_meters test_prices"
    assert len(await data.grants()) == 2


async def test_details_alone_give_the_scope_of_their_types_only(data):
    response = await data.ask([{"type": "test_meters", "interval": "day"}])

    assert response.json()["scope"] == "test_meters"


async def test_details_bring_their_scope_along(data):
    response = await data.ask([{"type": "test_meters", "interval": "day"}], scope="test_prices")

    assert response.json()["scope"] == "test_meters test_prices"


@pytest.mark.clause("RFC9396-7-01", "WG1-02-8.1-10", "WG1-02-3.9-03")
async def test_the_answer_and_the_grant_have_the_authorization_details_as_granted(data):
    asked = [{"type": "test_meters", "meters": ["m1", "m2"], "share": 0.125, "until": "P6M"}]

    first = await data.ask(asked)
    again = await data.ask('[{"until":"P6M","share":0.125,"meters":["m1","m2"],"type":"test_meters"}]')

    granted = [{"type": "test_meters", "until": "P6M", "share": 0.125, "meters": ["m1", "m2"], "interval": "hour"}]
    (grant,) = await data.grants()
    assert '"share":0.125' in first.text
    assert first.json()["authorization_details"] == again.json()["authorization_details"] == granted
    assert grant["authorization_details"] == grant["enabled_authorization_details"] == granted


@pytest.mark.clause("WG1-02-8-01", "WG1-02-8.1-01", "WG1-02-8.1-04", "WG1-02-8.1-09", "WG1-02-8.1-13")
async def test_a_token_request_leaves_a_grant(server, grid):
    assert await grid.grants() == []

    server.clock.advance(minutes=5)
    await grid.token()

    (grant,) = await grid.grants()
    assert grant["uri"] == f"https://utility.example/cds-api/v1/grants/{grant['grant_id']}"
    assert {name: value for name, value in grant.items() if name not in {"grant_id", "uri"}} == {
        "replacing": [],
        "replaced_by": [],
        "parent": None,
        "children": [],
        "created": "2026-06-01T12:05:00Z",
        "modified": "2026-06-01T12:05:00Z",
        "not_before": None,
        "not_after": None,
        "eta": None,
        "expires": None,
        "status": "active",
        "client_id": grid.client_id,
        "scope": "ple_grid_status",
        "authorization_details": [],
        "receipt_confirmations": [],
        "enabled_scope": "ple_grid_status",
        "enabled_authorization_details": [],
    }


@pytest.mark.clause("WG1-02-8-01")
async def test_the_admin_grant_is_there_from_the_registration_on(registered):
    (grant,) = await admin(registered).grants()

    assert (grant["scope"], grant["status"], grant["created"]) == (
        "cds_client_admin",
        "active",
        "2026-06-01T12:00:00Z",
    )


@pytest.mark.clause("WG1-02-6-01")
async def test_the_client_reads_in_its_messages_that_a_token_request_made_a_grant(grid):
    await grid.token()

    (grant,) = await grid.grants()
    told = [one for one in await grid.registered.messages() if one.get("related_uri") == grant["uri"]]
    assert [(one["type"], one["related_type"], one["creator"]) for one in told] == [("private_message", "grant", None)]


async def test_further_tokens_use_the_grant_that_is_there(server, grid):
    await grid.token()
    server.clock.advance(days=300)
    await grid.token()
    await grid.token(scope="ple_grid_status")

    assert len(await grid.grants()) == 1


async def test_each_set_of_details_has_its_grant(grid):
    await grid.token()
    await grid.token([GRID_24])
    await grid.token([{"type": "ple_grid_status"}])  # 24 is the default
    await grid.token([GRID_24 | {"forecast_hours": 12}])

    hours = [one["authorization_details"] for one in await grid.grants()]
    assert sorted(hours, key=json.dumps) == [[], [GRID_24 | {"forecast_hours": 12}], [GRID_24]]


async def test_a_hundred_first_requests_at_once_make_one_grant(grid):
    tokens = await asyncio.gather(*(grid.token() for _ in range(100)))

    described = await asyncio.gather(*(grid.introspect(token) for token in tokens))
    (grant,) = await grid.grants()
    assert len(set(tokens)) == 100
    assert {one["cds_grant_id"] for one in described} == {grant["grant_id"]}


async def test_a_token_costs_one_round_trip(server, grid):
    await grid.token()
    await grid.token([GRID_24])
    before = server.connection.round_trips

    await grid.token()
    await grid.token([GRID_24])

    assert server.connection.round_trips - before == 2


async def test_a_first_token_costs_seven_round_trips(server, grid):
    before = server.connection.round_trips

    await grid.token()

    assert server.connection.round_trips - before == 7


@pytest.mark.clause("WG1-02-8.2-16", "WG1-02-8.2-12")
async def test_after_closing_its_grant_a_token_is_dead_and_the_next_one_has_a_new_grant(grid):
    old_token = await grid.token()
    (old,) = await grid.grants()

    closed = await patch(grid.registered, old["grant_id"], {"status": "closed"})
    dead = await grid.introspect(old_token)
    new_token = await grid.token()

    assert closed.json()["status"] == "closed"
    assert dead == {"active": False}
    new, first = await grid.grants()
    assert (await grid.introspect(new_token))["cds_grant_id"] == new["grant_id"] != old["grant_id"]
    assert first == closed.json()


async def test_closing_the_admin_grant_ends_the_token_that_closed_it(registered):
    (grant,) = await admin(registered).grants()

    closed = await patch(registered, grant["grant_id"], {"status": "closed"})
    after = await registered.get("/cds-api/v1/grants")
    registered.token_until = None

    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    assert after.status_code == 401
    assert (await registered.get("/cds-api/v1/grants")).status_code == 200


@pytest.mark.clause("WG1-02-8.2-16")
@pytest.mark.parametrize("status", ["disabled", "suspended", "revoked", "expired"])
async def test_what_an_operator_has_ended_no_token_request_brings_back(server, registered, grid, status):
    token = await grid.token()
    (grant,) = await grid.grants()

    decision = Decision(status=GrantStatus(status), reason="Misuse.")
    await grant_decisions.modify_by_operator(server.context, registered.access, grant["grant_id"], decision)
    response = await grid.ask()

    body = refused(response, 400, "invalid_grant")
    assert grant["grant_id"] in body["error_description"]
    assert await grid.introspect(token) == {"active": False}
    assert [(one["status"], one["enabled_scope"]) for one in await grid.grants()] == [(status, "")]


@pytest.mark.parametrize("status", ["disabled", "suspended"])
async def test_an_operator_can_give_access_back(server, registered, grid, status):
    await grid.token()
    (grant,) = await grid.grants()
    for decided in (GrantStatus(status), GrantStatus.ACTIVE):
        decision = Decision(status=decided)
        await grant_decisions.modify_by_operator(server.context, registered.access, grant["grant_id"], decision)

    assert (await grid.ask()).status_code == 200
    assert [one["grant_id"] for one in await grid.grants()] == [grant["grant_id"]]


@pytest.mark.clause("WG1-02-8.1-08", "WG1-02-8.1-06")
async def test_no_token_outlives_its_grant(server, registered, grid):
    early = await grid.token()
    (grant,) = await grid.grants()
    ends = server.clock.now + timedelta(minutes=20)

    decision = Decision(expires=ends)
    await grant_decisions.modify_by_operator(server.context, registered.access, grant["grant_id"], decision)
    response = await grid.ask()
    server.clock.advance(minutes=20)

    assert await grid.introspect(early) == {"active": False}
    assert response.json()["expires_in"] == 1200
    assert await grid.introspect(response.json()["access_token"]) == {"active": False}
    refused(await grid.ask(), 400, "invalid_grant")
    assert (await shown(registered, grant["grant_id"]))["status"] == "expired"


async def test_a_limited_grant_gives_tokens_with_what_is_left(server, registered, data):
    old = await data.token()
    (grant,) = await data.grants()

    decision = Decision(enabled_scope="test_prices")
    await grant_decisions.modify_by_operator(server.context, registered.access, grant["grant_id"], decision)

    assert (await data.introspect(old))["scope"] == "test_prices"
    assert (await data.ask()).json()["scope"] == "test_prices"
    assert len(await data.grants()) == 1


async def test_a_scope_that_the_client_object_has_no_longer_is_looked_at_again(registered, data):
    await data.token()
    client = (await registered.clients())["test_meters test_prices"]
    await registered.put(client["cds_client_uri"], client | {"scope": "test_prices"})

    full, gone = await data.ask(), await data.ask(scope="test_meters")

    assert full.json()["scope"] == "test_prices"
    refused(gone, 400, "invalid_scope")


async def test_a_client_object_without_any_scope_gets_no_token(registered, grid):
    client = (await registered.clients())["ple_grid_status"]
    await registered.put(client["cds_client_uri"], client | {"scope": ""})

    refused(await grid.ask(), 400, "invalid_scope")


async def works_nowhere(holder: Holder, token: str, others: Holder) -> None:
    """The token opens no API and is inactive for whoever asks."""
    for api in ADMIN_APIS:
        response = await holder.server.http.get(f"/cds-api/v1/{api}", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401, api
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert await others.introspect(token) == {"active": False}


@pytest.mark.clause("WG1-02-5.2-04")
async def test_a_disabled_client_object_gets_no_token_and_its_tokens_are_dead(registered, grid):
    token = await grid.token()

    await operator_disables(registered, grid.client_id)

    refused(await grid.ask(), 401, "invalid_client")
    await works_nowhere(grid, token, admin(registered))
    assert [(one["status"], one["enabled_scope"]) for one in await grid.grants()] == [("suspended", "")]


async def test_after_enabling_the_same_grant_serves_a_new_secret(registered, grid):
    await grid.token()
    client = (await registered.clients())["ple_grid_status"]
    for status in ("disabled", client["cds_status"]):
        await registered.put(client["cds_client_uri"], client | {"cds_status": status})

    enabled = await holder_of(registered, "ple_grid_status")

    refused(await grid.ask(), 401, "invalid_client")
    assert (await enabled.ask()).status_code == 200
    assert [one["status"] for one in await enabled.grants()] == ["active"]


async def test_an_expired_credential_gets_no_token_and_its_tokens_are_dead(server, registered, grid):
    token = await grid.token()
    credential = await registered.credential_of(grid.client_id)

    await registered.patch(
        f"/cds-api/v1/credentials/{credential['credential_id']}",
        {"client_secret_expires_at": int(server.clock.now.timestamp())},
    )

    refused(await grid.ask(), 401, "invalid_client")
    await works_nowhere(grid, token, admin(registered))


async def test_a_suspended_registration_gets_no_token_and_its_tokens_are_dead(server, registered):
    holder = admin(registered)
    token = await holder.token()
    await suspend(registered)

    for api in ADMIN_APIS:
        response = await server.http.get(f"/cds-api/v1/{api}", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
    for path, form in (
        ("/oauth/token", {"grant_type": "client_credentials"}),
        ("/oauth/introspect", {"token": token}),
        ("/oauth/revoke", {"token": token}),
    ):
        refused(await holder.post(path, **form), 401, "invalid_client")


async def test_an_admin_token_dies_with_its_closed_grant_everywhere(registered):
    holder = admin(registered)
    token = await holder.token()
    (grant,) = await holder.grants()
    await patch(registered, grant["grant_id"], {"status": "closed"})

    await works_nowhere(holder, token, holder)


async def test_nothing_is_issued_when_the_client_object_is_disabled_between_look_and_issue(server, registered, grid):
    records = server.context.records
    (stored,) = await records.load(registered.access, Wanted(Client, grid.client_id))
    real = server.tokens.stand
    meddled = []

    async def stand(*args: Any) -> bool:
        if not meddled:
            meddled.append(True)
            change = Change(registered.registration_id, server.clock.now)
            change.replace(stored, replace(stored.object, grant_types=[]))
            change.forget_standing.append(grid.client_id)
            await records.apply(change)
        return bool(await real(*args))

    server.tokens.stand = stand

    refused(await grid.ask(), 400, "unauthorized_client")


async def test_a_client_object_has_an_allowance_that_others_cannot_use_up(make_server):
    server = await make_server(CDS_RATE_LIMIT_CLIENT="3/minute")
    registered = await server.register()
    for _ in range(10):
        await server.token_response(registered.client_id, "wrong")
        await server.http.post("/oauth/token", data={"x": "y"}, auth=(registered.client_id, "wrong"))

    statuses = [(await admin(registered).ask()).status_code for _ in range(4)]
    limited = await admin(registered).ask()
    server.clock.advance(minutes=1)

    assert statuses == [200, 200, 200, 429]
    assert int(limited.headers["retry-after"]) >= 1
    refused(limited, 429, "too_many_requests")
    assert (await admin(registered).ask()).status_code == 200


async def test_a_server_with_another_catalog_looks_at_every_request_again(make_server, demo_catalog):
    store = StoreConnection(memory_client(), is_cluster=False, wait_replicas=0)
    catalog = utility(demo_catalog)
    before = await (await make_server(catalog, store=store)).register(EVERYTHING)
    data = await holder_of(before, "test_meters test_prices")
    await data.token()
    fewer = {scope_id: scope for scope_id, scope in catalog.scopes.items() if scope_id != "test_meters"}

    server = await make_server(replace(catalog, scopes=fewer), store=store)
    response = await server.token_response(data.client_id, data.client_secret)

    assert response.json()["scope"] == "test_prices"
