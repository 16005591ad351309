"""Introspection with an operator key: what a resource server learns, and who may ask (RFC 7662, RFC 8414 2)."""

import asyncio

import httpx
import pytest

from app.catalog import Catalog
from app.crypto.tokens import digest
from app.domain import grant_decisions, operators
from app.domain.grant_decisions import Decision
from app.domain.operators import Role
from app.schemas.grants import GrantStatus
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server
from tests.grant_objects import EVERYTHING, Holder, admin, holder_of, make_grant, opening, suspend, utility
from tests.operators import ROOT, operator_of

PATH = "/oauth/introspect"
INTROSPECTION = "https://utility.example/oauth/introspect"


@pytest.fixture(params=["opaque", "jwt"])
async def server(request, make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has, once for each format of access tokens."""
    return await make_server(
        utility(demo_catalog), CDS_ACCESS_TOKEN_FORMAT=request.param, CDS_RATE_LIMIT_CLIENT="50/minute"
    )


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


async def key_of(server: Server, role: Role = Role.INTROSPECTOR, name: str = "data-api") -> str:
    """The key of a new operator."""
    return (await operator_of(server, role, name)).key


async def ask(server: Server, key: str, token: str, **form: str) -> httpx.Response:
    """Ask about a token."""
    return await server.http.post(PATH, data={"token": token} | form, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.clause("RFC7662-2.2-01", "RFC7662-2.1-01")
@pytest.mark.parametrize("role", [Role.INTROSPECTOR, Role.ADMIN])
async def test_tokens_of_every_registration_are_described_in_full(server, data, role):
    details = [{"type": "test_meters", "until": "P6M", "share": 0.5, "meters": ["m1"]}]
    tokens = [await data.token(details), await admin(await server.register()).token()]
    (grant,) = await data.grants()
    key = await key_of(server, role)

    answers = [await ask(server, key, token, token_type_hint="access_token") for token in tokens]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["cache-control"] == "no-store"
    assert answers[0].json() == {
        "active": True,
        "scope": "test_meters",
        "client_id": data.client_id,
        "token_type": "bearer",
        "exp": int(server.clock.now.timestamp()) + 3600,
        "sub": data.client_id,
        "aud": PUBLIC_URL,
        "iss": PUBLIC_URL,
        "cds_grant_id": grant["grant_id"],
        "authorization_details": [
            {"type": "test_meters", "until": "2026-12-01", "share": 0.5, "meters": ["m1"], "interval": "hour"}
        ],
    }
    assert answers[1].json()["scope"] == "cds_client_admin"


async def test_a_resource_server_sees_what_the_client_object_itself_sees(server, registered, data):
    opener = await holder_of(registered, "cds_grant_admin")
    target = await make_grant(registered, data.client_id, "test_prices")
    token = await opener.token(opening(target))

    answer = (await ask(server, await key_of(server), token)).json()

    assert answer == await opener.introspect(token)
    assert answer["cds_opened_grant"]["grant_id"] == target.grant_id


@pytest.mark.clause("WG1-02-8.6-05")
async def test_only_what_the_grant_still_enables_is_shown(server, data):
    token, key = await data.token(), await key_of(server)
    (grant,) = await data.grants()
    access = data.registered.access
    decide = grant_decisions.modify_by_operator
    await decide(server.context, access, grant["grant_id"], Decision(enabled_scope="test_prices"))
    limited = (await ask(server, key, token)).json()
    await decide(server.context, access, grant["grant_id"], Decision(status=GrantStatus.SUSPENDED))

    assert limited["scope"] == "test_prices"
    assert (await ask(server, key, token)).json() == {"active": False}


@pytest.mark.clause("RFC7662-2.2-02")
async def test_about_everything_else_nothing_is_told(server, registered, data):
    revoked, expired, suspended, key = await data.token(), await data.token(), await data.token(), await key_of(server)
    await data.post("/oauth/revoke", token=revoked)
    rid = registered.registration_id
    handles = [
        f"cdsrt_{rid}_{'A' * 65}",
        f"cdsat_{rid}_{'A' * 43}",
        f"cdsat_00000000000000_{'A' * 43}",
        f"{rid}_{'A' * 22}",
    ]

    for token in ("garbage", "é", "x" * 100_000, key, data.client_secret, revoked, *handles):
        assert (await ask(server, key, token)).json() == {"active": False}
    await suspend(registered)
    assert (await ask(server, key, suspended)).json() == {"active": False}
    server.clock.advance(hours=1)
    assert (await ask(server, key, expired)).json() == {"active": False}


@pytest.mark.clause("RFC7662-2.1-01")
async def test_a_key_that_is_not_for_this_is_refused(server, data):
    token = await data.token()
    keys = [await key_of(server, role, role) for role in (Role.VIEWER, Role.SUPPORT)]

    for key in (*keys, "cdsop_" + "A" * 43):
        answer = await ask(server, key, token)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_token"
        assert answer.headers["www-authenticate"].startswith('Bearer realm="cds", error="invalid_token"')
        assert key not in answer.text


async def test_a_key_opens_nothing_else(server, registered):
    key = await key_of(server, Role.ADMIN)
    headers = {"Authorization": f"Bearer {key}"}

    assert (await server.http.get("/cds-api/v1/clients", headers=headers)).status_code == 401
    for path in ("/oauth/token", "/oauth/revoke"):
        answer = await server.http.post(path, data={"token": "x", "grant_type": "client_credentials"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), path
    basic = await server.http.post(PATH, data={"token": "x"}, auth=(registered.client_id, key))
    assert basic.status_code == 401


async def test_a_request_without_a_token_is_refused_only_when_the_key_is_good(server):
    key = await key_of(server)

    good = await server.http.post(PATH, headers={"Authorization": f"Bearer {key}"})
    bad = await server.http.post(PATH, headers={"Authorization": f"Bearer {key[:-1]}_"})

    assert (good.status_code, good.json()["error"]) == (400, "invalid_request")
    assert bad.status_code == 401


async def test_it_costs_one_round_trip_and_another_one_for_the_key_now_and_then(server, data):
    token, key = await data.token(), await key_of(server)
    costs = []
    for seconds in (0, 4, 1, 0):
        server.clock.advance(seconds=seconds)
        before = server.connection.round_trips
        assert (await ask(server, key, token)).json()["active"] is True
        costs.append(server.connection.round_trips - before)

    assert costs == [2, 1, 2, 1]


async def test_a_revoked_key_is_worthless_after_five_seconds(server, data):
    token, key = await data.token(), await key_of(server)
    assert (await ask(server, key, token)).status_code == 200
    store = server.service.state["operators"].store
    assert await operators.revoke(store, ROOT, "data-api", now=server.clock.now)

    server.clock.advance(seconds=operators.CHECK_SECONDS)

    assert (await ask(server, key, token)).status_code == 401


async def test_guessed_keys_are_not_remembered(server):
    keys = server.service.state["operators"]
    for number in range(20):
        await ask(server, f"cdsop_{number:043}", "x")

    assert not keys._seen  # noqa: SLF001 -- what is remembered cannot be seen otherwise
    assert await keys.holder_of(digest(await key_of(server)), now=server.clock.now)
    assert len(keys._seen) == 1  # noqa: SLF001 -- likewise


async def test_resource_servers_have_no_rate_limit_and_spend_nobodys(server, data):
    token, key = await data.token(), await key_of(server)

    answers = await asyncio.gather(*(ask(server, key, token) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert (await data.ask()).status_code == 200


async def test_guessing_keys_is_limited(make_server):
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="3/minute")

    statuses = [(await ask(server, f"cdsop_{number:043}", "x")).status_code for number in range(5)]

    assert statuses == [401, 401, 401, 429, 429]


async def test_the_metadata_say_how_callers_authenticate(server):
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()

    assert metadata["introspection_endpoint"] == INTROSPECTION
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["client_secret_basic", "Bearer"]
