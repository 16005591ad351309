"""Introspection (RFC 7662; ambiguities F12, G8)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.schemas.grants import GrantStatus
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import (
    EVERYTHING,
    Holder,
    admin,
    holder_of,
    make_grant,
    opening,
    patch,
    utility,
)


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


async def decide(holder: Holder, grant_id: str, **fields: Any) -> None:
    access = holder.registered.access
    await grant_decisions.modify_by_operator(holder.server.context, access, grant_id, Decision(**fields))


@pytest.mark.clause("RFC7662-2.2-01")
async def test_a_live_token_is_described(server, data):
    issued = (await data.ask()).json()

    response = await data.post("/oauth/introspect", token=issued["access_token"])

    (grant,) = await data.grants()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "active": True,
        "scope": "test_meters test_prices",
        "client_id": data.client_id,
        "token_type": "bearer",
        "exp": int(server.clock.now.timestamp()) + 3600,
        "sub": data.client_id,
        "aud": "https://utility.example",
        "iss": "https://utility.example",
        "cds_grant_id": grant["grant_id"],
    }


@pytest.mark.clause("RFC7662-2.2-01")
async def test_any_client_object_of_the_registration_may_ask_with_any_hint(registered, data):
    token = await data.token()

    for hint in ("access_token", "refresh_token", "nonsense"):
        response = await admin(registered).post("/oauth/introspect", token=token, token_type_hint=hint)

        assert response.json()["active"] is True


@pytest.mark.clause("RFC7662-2.1-01")
async def test_the_caller_has_to_prove_who_it_is(server, registered, data):
    token = await data.token()
    for auth in (None, (data.client_id, "wrong"), (data.client_id, registered.client_secret)):
        response = await server.http.post("/oauth/introspect", data={"token": token}, auth=auth)

        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"
        assert response.headers["www-authenticate"].startswith("Basic ")
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await server.http.post("/oauth/introspect", data={"token": token}, headers=bearer)).status_code == 401


async def test_a_request_without_a_token_and_a_get_are_refused(server, data):
    missing = await data.post("/oauth/introspect")
    get = await server.http.get("/oauth/introspect", auth=(data.client_id, data.client_secret))

    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert get.status_code == 405


@pytest.mark.clause("RFC7662-2.2-02")
async def test_about_garbage_dead_and_foreign_tokens_nothing_is_told(server, registered, data):
    other = await server.register("cds_client_admin ple_grid_status")
    foreign = await admin(other).token()
    revoked, expired = await data.token(), await data.token()
    await data.post("/oauth/revoke", token=revoked)
    shaped = f"cdsat_{registered.registration_id}_{'A' * 43}"

    for token in ("garbage", "é" * 100, "x" * 100_000, shaped, foreign, revoked):
        assert await data.introspect(token) == {"active": False}
    server.clock.advance(seconds=3600)
    assert await data.introspect(expired) == {"active": False}
    assert (await admin(other).introspect(foreign)) == {"active": False}


@pytest.mark.clause("RFC7662-2.2-02", "WG1-02-8.2-16")
@pytest.mark.parametrize("status", ["disabled", "suspended", "revoked", "expired"])
async def test_a_token_is_inactive_when_its_grant_gives_no_access(data, status):
    token = await data.token()
    (grant,) = await data.grants()

    await decide(data, grant["grant_id"], status=GrantStatus(status))

    assert await data.introspect(token) == {"active": False}


async def test_a_suspended_token_stays_dead_when_the_grant_comes_back(data):
    token = await data.token()
    (grant,) = await data.grants()

    await decide(data, grant["grant_id"], status=GrantStatus.SUSPENDED)
    await decide(data, grant["grant_id"], status=GrantStatus.ACTIVE)

    assert await data.introspect(token) == {"active": False}


@pytest.mark.clause("WG1-02-8.2-14", "WG1-02-8.2-15")
@pytest.mark.parametrize("status", ["delayed", "stopped", "errored"])
async def test_late_or_ended_data_leave_a_token_alone(data, status):
    token = await data.token()
    (grant,) = await data.grants()

    await decide(data, grant["grant_id"], status=GrantStatus(status))

    assert (await data.introspect(token))["scope"] == "test_meters test_prices"


@pytest.mark.clause("WG1-02-8.6-05", "WG1-02-8.2-05", "WG1-02-8.1-12")
async def test_a_token_shows_only_the_scope_that_its_grant_still_enables(data):
    token = await data.token()
    (grant,) = await data.grants()

    await decide(data, grant["grant_id"], enabled_scope="test_prices")
    limited = await data.introspect(token)
    await patch(data.registered, grant["grant_id"], {"scope": "test_meters"})
    nothing = await data.introspect(token)

    assert limited["scope"] == "test_prices"
    assert nothing == {"active": False}


@pytest.mark.clause("RFC9396-9.2-01", "WG1-02-3.9-04")
async def test_dates_in_the_details_count_from_the_day_of_the_first_token_request(server, data):
    details = [{"type": "test_meters", "until": "P6M"}]
    await data.token(details)
    server.clock.advance(days=40)

    described = await data.introspect(await data.token(details))

    assert described["authorization_details"] == [
        {"type": "test_meters", "until": "2026-12-01", "share": 1, "meters": [], "interval": "hour"}
    ]


@pytest.mark.clause("WG1-02-3.9-03")
async def test_decimals_keep_their_digits(data):
    share = "0.1234567890123456789012345678901234567890"
    token = await data.token(f'[{{"type": "test_meters", "share": {share}}}]')

    response = await data.post("/oauth/introspect", token=token)

    entry = json.loads(response.text, parse_float=Decimal)["authorization_details"][0]
    assert entry["share"] == Decimal(share)


@pytest.mark.clause("WG1-02-8.6-08")
async def test_a_token_shows_only_the_details_that_its_grant_still_enables(data):
    wide = {"type": "test_meters", "until": "P6M", "share": 0.5, "meters": ["m1", "m2"], "interval": "hour"}
    token = await data.token([wide])
    (grant,) = await data.grants()

    narrow = wide | {"share": 0.25, "meters": ["m2"]}
    answer = await patch(data.registered, grant["grant_id"], {"authorization_details": [narrow]})

    assert (answer.status_code, answer.json()["enabled_authorization_details"]) == (200, [narrow])
    assert (await data.introspect(token))["authorization_details"] == [narrow | {"until": "2026-12-01"}]


async def test_a_wider_grant_does_not_widen_tokens_that_were_issued_before(data):
    narrow = {"type": "test_meters", "until": "P6M", "share": 0.25, "meters": ["m2"], "interval": "hour"}
    token = await data.token([narrow])
    (grant,) = await data.grants()

    wide = narrow | {"share": 0.5, "meters": ["m1", "m2"]}
    answer = await patch(data.registered, grant["grant_id"], {"authorization_details": [wide]})

    assert (answer.status_code, answer.json()["enabled_authorization_details"]) == (200, [wide])
    assert (await data.introspect(token))["authorization_details"] == [narrow | {"until": "2026-12-01"}]
    assert (await data.ask([wide])).json()["authorization_details"] == [wide]
    assert len(await data.grants()) == 1


@pytest.mark.clause("RFC9396-9.2-01")
async def test_a_grant_admin_token_shows_the_grant_that_it_opens(registered, data):
    opener = await holder_of(registered, "cds_grant_admin")
    target = await make_grant(
        registered, data.client_id, "test_prices", authorization_details=[{"type": "test_meters", "until": "P6M"}]
    )
    described = await opener.introspect(await opener.token(opening(target)))

    entry = {"type": "test_meters", "until": "2026-12-01", "share": 1, "meters": [], "interval": "hour"}
    assert described["scope"] == "cds_grant_admin"
    assert described["client_id"] == opener.client_id
    assert described["authorization_details"] == opening(target)
    assert described["cds_opened_grant"] == {
        "grant_id": target.grant_id,
        "client_id": data.client_id,
        "scope": "test_prices test_meters",
        "authorization_details": [entry],
    }


async def test_introspection_costs_one_round_trip(server, data):
    token = await data.token()
    before = server.connection.round_trips

    await data.introspect(token)

    assert server.connection.round_trips - before == 1
