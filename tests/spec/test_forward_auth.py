"""What a gateway learns that asks whether a request may pass (app/oauth/forward_auth.py)."""

from datetime import timedelta

import httpx
import pytest

from app.catalog import Catalog
from app.domain.operators import Role
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import EVERYTHING, Holder, holder_of, utility
from tests.operators import operator_of

PATH = "/oauth/forward-auth"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(params=["opaque", "jwt"])
async def server(request, make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has, once for each format of access tokens."""
    return await make_server(
        utility(demo_catalog), CDS_ACCESS_TOKEN_FORMAT=request.param, CDS_RATE_LIMIT_FAILED_AUTH="2/minute"
    )


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


@pytest.fixture
async def key(server: Server) -> str:
    """Of a gateway."""
    return (await operator_of(server, Role.INTROSPECTOR)).key


async def ask(
    server: Server, key: str, token: str | None, *, method: str = "GET", scope: str | None = None
) -> httpx.Response:
    """Ask whether a request with this token may pass."""
    headers = {"Proxy-Authorization": f"Bearer {key}"} if key else {}
    headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
    headers |= {} if scope is None else {"X-Required-Scope": scope}
    return await server.http.request(method, PATH, headers=headers)


@pytest.mark.parametrize("method", METHODS)
async def test_a_good_token_passes_whatever_the_method_and_the_service_behind_learns_whose_it_is(
    server, data, key, method
):
    token = await data.token([{"type": "test_meters", "meters": ["m1"]}])
    (grant,) = await data.grants()

    answer = await ask(server, key, token, method=method)

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["cache-control"] == "no-store"
    assert {name: value for name, value in answer.headers.items() if name.startswith("x-") and "-id" not in name} == {
        "x-content-type-options": "nosniff",
        "x-scope": "test_meters",
        "x-subject": data.client_id,
        "x-token-expires": str(int((server.clock.now + timedelta(hours=1)).timestamp())),
    }
    assert (answer.headers["x-client-id"], answer.headers["x-grant-id"]) == (data.client_id, grant["grant_id"])


async def test_a_token_passes_where_it_is_good_for_all_that_is_required(server, data, key):
    token = await data.token([{"type": "test_meters", "meters": ["m1"]}])

    answers = [await ask(server, key, token, scope=one) for one in ("", "test_meters", " test_meters  ")]
    refused = [
        await ask(server, key, token, scope=one) for one in ("test_prices", "test_meters test_prices", 'no"such')
    ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.status_code for answer in refused] == [403] * 3
    assert {answer.json()["error"] for answer in refused} == {"insufficient_scope"}
    assert [answer.headers["www-authenticate"].partition(" scope=")[2] for answer in refused] == [
        '"test_prices"',
        '"test_meters test_prices"',
        '""',
    ]


async def test_tokens_that_are_good_for_nothing_are_401_for_the_client_however_often(server, registered, data, key):
    """None of them counts against the address of the gateway."""
    token = await data.token()
    await server.http.post("/oauth/revoke", data={"token": token}, auth=(data.client_id, data.client_secret))
    late = await data.token()
    server.clock.advance(hours=2)
    useless = [token, late, "nonsense", "a.b.c", f"cdsat_{registered.registration_id}_{'A' * 43}"]

    answers = [await ask(server, key, one) for one in useless]
    missing = await ask(server, key, None)

    assert [answer.status_code for answer in answers] == [401] * 5
    for answer in answers:
        assert answer.json()["error"] == "invalid_token"
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, 'Bearer realm="cds"')


@pytest.mark.parametrize("role", [None, "", "nonsense", Role.VIEWER, Role.SUPPORT])
async def test_a_gateway_without_a_key_for_this_hears_nothing_that_it_would_pass_on(server, data, role):
    token = await data.token()
    key = (await operator_of(server, role)).key if isinstance(role, Role) else role

    answers = [await ask(server, key or "", token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [407, 407, 429]
    assert answers[0].json()["error"] == "gateway_key_refused"
    assert answers[0].headers["proxy-authenticate"] == 'Bearer realm="cds"'
    assert "www-authenticate" not in answers[0].headers


async def test_two_tokens_or_two_keys_are_none(server, data, key):
    token = await data.token()
    twice = [("Authorization", f"Bearer {token}")] * 2
    ours = [("Proxy-Authorization", f"Bearer {key}")]

    assert (await server.http.get(PATH, headers=twice + ours)).status_code == 401
    assert (await server.http.get(PATH, headers=twice[:1] + ours * 2)).status_code == 407


async def test_asking_costs_one_round_trip_once_the_key_is_known(server, data, key):
    token = await data.token()
    await ask(server, key, token)
    before = server.connection.round_trips

    await ask(server, key, token)

    assert server.connection.round_trips - before == 1
