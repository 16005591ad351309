"""Revocation (RFC 7009; ambiguities E15)."""

import pytest

from app.catalog import Catalog
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import EVERYTHING, Holder, admin, holder_of, utility


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
    """A Client Object with client_credentials."""
    return await holder_of(registered, "ple_grid_status")


@pytest.mark.clause("RFC7009-2.1-01")
async def test_a_revoked_token_is_dead_and_its_siblings_live(grid):
    token, sibling = await grid.token(), await grid.token()

    response = await grid.post("/oauth/revoke", token=token)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"
    assert await grid.introspect(token) == {"active": False}
    assert (await grid.introspect(sibling))["active"]


async def test_a_revoked_admin_token_opens_nothing(server, registered):
    token = await admin(registered).token()
    bearer = {"Authorization": f"Bearer {token}"}
    before = await server.http.get("/cds-api/v1/grants", headers=bearer)

    await admin(registered).post("/oauth/revoke", token=token)

    after = await server.http.get("/cds-api/v1/grants", headers=bearer)
    assert (before.status_code, after.status_code) == (200, 401)


async def test_the_grant_of_a_revoked_token_stays_as_it_is(grid):
    token = await grid.token()
    before = await grid.grants()

    await grid.post("/oauth/revoke", token=token)

    assert await grid.grants() == before
    assert (await grid.ask()).status_code == 200


@pytest.mark.clause("RFC7009-2.2-01")
async def test_unknown_and_dead_tokens_are_answered_with_200(server, registered, grid):
    other = await server.register()
    foreign = await admin(other).token()
    token = await grid.token()
    await grid.post("/oauth/revoke", token=token)

    shaped = f"cdsat_{registered.registration_id}_{'A' * 43}"
    for one in ("garbage", shaped, token, foreign):
        assert (await grid.post("/oauth/revoke", token=one)).status_code == 200
    assert (await admin(other).introspect(foreign))["active"]


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "something_else"])
async def test_a_hint_is_only_a_hint(grid, hint):
    token = await grid.token()

    response = await grid.post("/oauth/revoke", token=token, token_type_hint=hint)

    assert response.status_code == 200
    assert await grid.introspect(token) == {"active": False}


@pytest.mark.clause("RFC7009-2.1-01")
async def test_the_token_of_another_client_object_is_refused_and_lives(registered, grid):
    token = await grid.token()

    response = await admin(registered).post("/oauth/revoke", token=token)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert (await grid.introspect(token))["active"]


@pytest.mark.clause("RFC7009-2.1-01")
async def test_without_credentials_nothing_is_revoked(server, registered, grid):
    token = await grid.token()
    for auth in (None, (grid.client_id, "wrong"), (grid.client_id, registered.client_secret)):
        response = await server.http.post("/oauth/revoke", data={"token": token}, auth=auth)

        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"
        assert response.headers["www-authenticate"].startswith("Basic ")
    assert (await grid.introspect(token))["active"]


async def test_a_request_without_a_token_and_a_get_are_refused(server, grid):
    missing = await grid.post("/oauth/revoke", token_type_hint="access_token")
    get = await server.http.get("/oauth/revoke", auth=(grid.client_id, grid.client_secret))

    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert get.status_code == 405


async def test_revocation_costs_one_round_trip(server, grid):
    token = await grid.token()
    before = server.connection.round_trips

    await grid.post("/oauth/revoke", token=token)

    assert server.connection.round_trips - before == 1
