"""Rate limits (CDS-WG1-02 11.3, CDS-WG1-01 8.2): exact counts, honest Retry-After, nobody pays for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.allowances import Portion
from app.errors import TooManyRequests
from app.setting_values import RateLimit
from app.store.connect import connect
from app.web import rate_limit
from app.web.rate_limit import RateLimiter
from tests.conftest import PUBLIC_URL, MakeServer, Server
from tests.patience import SECONDS
from tests.stores import spare_store, start_valkey

METADATA = "/.well-known/oauth-authorization-server"
CLIENTS = "/cds-api/v1/clients"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def passed(limiter: RateLimiter, key: str, hits: int) -> int:
    """How many of so many hits get through."""
    count = 0
    for _ in range(hits):
        try:
            limiter.hit(key)
        except TooManyRequests:
            continue
        count += 1
    return count


@settings(deadline=None)
@given(
    count=st.integers(1, 500),
    period=st.sampled_from([1, 60, 3600, 86400]),
    start=st.floats(0, 4e9),
)
def test_exactly_the_limit_passes_at_once(count: int, period: int, start: float) -> None:
    """Whatever the uptime and however fine the shares are."""
    limiter = RateLimiter(RateLimit(count, period), Clock(start))

    assert passed(limiter, "a", 2 * count) == count


@settings(deadline=None)
@given(
    count=st.integers(1, 40),
    period=st.sampled_from([1, 60, 3600]),
    pauses=st.lists(st.floats(0, 200), max_size=10),
)
def test_never_more_than_twice_the_limit_passes_in_a_period_and_waiting_is_enough(
    count: int, period: int, pauses: list[float]
) -> None:
    """A whole allowance at once, and then what is given back; who waits as told passes."""
    clock = Clock()
    limiter = RateLimiter(RateLimit(count, period), clock)
    times: list[float] = []
    for pause in pauses:
        clock.now += pause
        times += [clock.now] * passed(limiter, "a", count + 1)
        try:
            limiter.hit("a")
            times.append(clock.now)
        except TooManyRequests as refusal:
            clock.now += refusal.retry_after_seconds
            limiter.hit("a")
            times.append(clock.now)
    for begin in times:
        assert sum(begin <= time < begin + period for time in times) <= 2 * count + 1


def test_an_allowance_comes_back_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter(RateLimit(6, 60), clock)
    assert passed(limiter, "a", 10) == 6

    with pytest.raises(TooManyRequests) as refusal:
        limiter.hit("a")
    assert refusal.value.retry_after_seconds == 10
    clock.now = 9.5
    assert passed(limiter, "a", 1) == 0
    clock.now = 10
    assert passed(limiter, "a", 3) == 1
    clock.now = 40
    assert passed(limiter, "a", 9) == 3
    clock.now = 1000
    assert passed(limiter, "a", 9) == 6


def test_everybody_has_an_allowance_of_their_own() -> None:
    limiter = RateLimiter(RateLimit(2, 60), Clock())

    assert passed(limiter, "a", 5) == 2
    assert passed(limiter, "b", 5) == 2


def test_room_is_asked_for_without_spending_it() -> None:
    clock = Clock()
    limiter = RateLimiter(RateLimit(2, 60), clock)
    for _ in range(10):
        limiter.require_room("a")
    passed(limiter, "a", 2)

    with pytest.raises(TooManyRequests):
        limiter.require_room("a")
    clock.now = 30
    limiter.require_room("a")
    assert passed(limiter, "a", 2) == 1


def test_off_is_off() -> None:
    limiter = RateLimiter(None, Clock())
    limiter.require_room("a")

    assert passed(limiter, "a", 10_000) == 10_000


def test_those_whose_allowance_is_whole_are_forgotten() -> None:
    clock = Clock()
    limiter = RateLimiter(RateLimit(1, 60), clock)
    for number in range(9_999):
        limiter.hit(f"old {number}")
    clock.now = 61
    for number in range(2):
        limiter.hit(f"new {number}")

    assert limiter.remembered == 2
    assert passed(limiter, "old 1", 1) == 1


def test_a_crowd_is_not_counted_with_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[float] = []
    sweep = rate_limit.Crowd._sweep  # noqa: SLF001 -- its number is the cost
    monkeypatch.setattr(rate_limit.Crowd, "_sweep", lambda crowd, now: (sweeps.append(now), sweep(crowd, now)))
    limiter = RateLimiter(RateLimit(1, 3600), Clock())
    for number in range(100_000):
        limiter.hit(str(number))

    assert len(sweeps) < 6


def test_an_endless_crowd_does_not_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who owe most are remembered."""
    monkeypatch.setattr(rate_limit, "_SWEEP_SIZE", 100)
    monkeypatch.setattr(rate_limit, "_MOST_KEYS", 1000)
    clock = Clock()
    limiter = RateLimiter(RateLimit(10, 3600), clock)
    assert passed(limiter, "flood", 20) == 10
    for number in range(20_000):
        limiter.hit(str(number))

    assert limiter.remembered <= 1001
    assert passed(limiter, "flood", 5) == 0


# --- over HTTP ---


@asynccontextmanager
async def calling_from(server: Server, address: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at an address."""
    transport = httpx.ASGITransport(app=server.service, client=(address, 4711))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=named) as http:
        yield http


async def statuses(http: httpx.AsyncClient, path: str, times: int, **kwargs: object) -> list[int]:
    """The answers to the same request, several times."""
    return [(await http.get(path, **kwargs)).status_code for _ in range(times)]  # type: ignore[arg-type]  # passed on


@pytest.mark.clause("WG1-02-11.3-01", "WG1-02-11.2-01")
async def test_registrations_are_limited_by_source_and_come_back(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_REGISTRATION="5/minute")
    body = {"scope": "cds_client_admin"}
    async with calling_from(server, "203.0.113.7") as http, calling_from(server, "203.0.113.8") as other:
        answers = [await http.post("/oauth/register", json=body) for _ in range(8)]

        assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 3
        assert answers[-1].headers["retry-after"] == "12"
        assert answers[-1].json()["error"] == "too_many_requests"
        assert (await other.post("/oauth/register", json=body)).status_code == 201
        server.clock.advance(seconds=12)
        assert (await http.post("/oauth/register", json=body)).status_code == 201
        assert (await http.post("/oauth/register", json=body)).status_code == 429


@pytest.mark.clause("WG1-02-11.3-01")
@pytest.mark.parametrize("path", [METADATA, "/cds-api/v1/coverage", "/onboarding/forms/insurance_form"])
async def test_public_documents_are_limited_by_source(make_server: MakeServer, path: str) -> None:
    server = await make_server(CDS_RATE_LIMIT_ANONYMOUS="5/minute")
    async with calling_from(server, "203.0.113.7") as http, calling_from(server, "203.0.113.8") as other:
        found = await statuses(http, path, 7)
        assert found == [200] * 5 + [429] * 2
        assert await statuses(other, path, 1) == [200]


@pytest.mark.clause("WG1-02-11.3-02")
async def test_each_client_object_has_its_own_allowance(make_server: MakeServer) -> None:
    """One that floods stops neither another registration nor another Client Object of its own."""
    server = await make_server(CDS_RATE_LIMIT_CLIENT="8/minute")
    flooding, other = await server.register("cds_client_admin ple_grid_status"), await server.register()
    grid = (await flooding.clients())["ple_grid_status"]
    secret = (await flooding.credential_of(grid["client_id"]))["client_secret"]
    answers = [(await flooding.get(CLIENTS)) for _ in range(10)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 5
    assert answers[-1].headers["retry-after"] == "8"
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert (await other.get(CLIENTS)).status_code == 200
    assert (await server.token_response(grid["client_id"], secret)).status_code == 200
    server.clock.advance(seconds=8)
    assert (await flooding.get(CLIENTS)).status_code == 200


async def test_nobody_uses_up_the_allowance_of_somebody_else(make_server: MakeServer) -> None:
    """A client_id is no secret: without its client_secret it costs nothing."""
    server = await make_server(CDS_RATE_LIMIT_CLIENT="8/minute")
    registered = await server.register()
    for _ in range(20):
        await server.token_response(registered.client_id, "wrong")
        await server.http.get(CLIENTS, headers={"Authorization": f"Bearer cdsat_{registered.client_id}_{'x' * 43}"})

    assert (await registered.get(CLIENTS)).status_code == 200


@pytest.mark.clause("WG1-02-11.3-03")
@pytest.mark.parametrize("authorization", ["", "Bearer x", "Bearer cdsat_{}_" + "x" * 43, "Basic eDp5"])
async def test_failed_authentication_is_limited_by_source(make_server: MakeServer, authorization: str) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="5/minute")
    registered = await server.register()
    headers = {"Authorization": authorization.format(registered.registration_id)}
    async with calling_from(server, "203.0.113.7") as http, calling_from(server, "203.0.113.8") as other:
        assert await statuses(http, CLIENTS, 7, headers=headers) == [401] * 5 + [429] * 2
        assert await statuses(other, CLIENTS, 1, headers=headers) == [401]
        server.clock.advance(seconds=12)
        assert await statuses(http, CLIENTS, 2, headers=headers) == [401, 429]


@pytest.mark.clause("WG1-02-11.3-03")
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
async def test_wrong_secrets_are_limited_by_source_too(make_server: MakeServer, path: str) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="5/minute")
    registered = await server.register()
    form = {"grant_type": "client_credentials", "token": "x"}
    async with calling_from(server, "203.0.113.7") as http, calling_from(server, "203.0.113.8") as other:
        wrong = [await http.post(path, data=form, auth=(registered.client_id, "wrong")) for _ in range(7)]
        right = await other.post(path, data=form, auth=(registered.client_id, registered.client_secret))

    assert [answer.status_code for answer in wrong] == [401] * 5 + [429] * 2
    assert set(wrong[-1].json()) == {"error", "error_description"}
    assert int(wrong[-1].headers["retry-after"]) == 12
    assert right.status_code == 200


async def test_what_succeeds_does_not_count_as_a_failure(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="3/minute")
    registered = await server.register()

    assert [(await registered.get(CLIENTS)).status_code for _ in range(9)] == [200] * 9
    assert [(await registered.get(f"{CLIENTS}/unknown")).status_code for _ in range(9)] == [404] * 9


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
async def test_behind_a_trusted_proxy_each_caller_counts(make_server: MakeServer, header: str) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="2/minute", CDS_TRUSTED_PROXIES="10.0.0.0/8")

    def caller(address: str) -> dict[str, str]:
        return {header: f"for={address}" if header == "Forwarded" else address}

    async with calling_from(server, "10.0.0.1") as proxy, calling_from(server, "203.0.113.9") as direct:
        assert await statuses(proxy, CLIENTS, 3, headers=caller("203.0.113.7")) == [401, 401, 429]
        assert await statuses(proxy, CLIENTS, 1, headers=caller("203.0.113.8")) == [401]
        # Somebody who is no proxy cannot put the blame on others, nor hide behind them.
        assert await statuses(direct, CLIENTS, 3, headers=caller("203.0.113.8")) == [401, 401, 429]
        assert await statuses(direct, CLIENTS, 1, headers=caller("198.51.100.1")) == [429]
        assert await statuses(proxy, CLIENTS, 1, headers=caller("203.0.113.8")) == [401]


async def test_an_ipv6_network_is_one_source(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="2/minute")
    found = []
    for number in range(3):
        async with calling_from(server, f"2001:db8:0:1::{number}") as http:
            found += await statuses(http, CLIENTS, 1)
    async with calling_from(server, "2001:db8:0:2::1") as http:
        found += await statuses(http, CLIENTS, 1)

    assert found == [401, 401, 429, 401]


async def test_health_is_never_limited(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_ANONYMOUS="2/minute", CDS_RATE_LIMIT_FAILED_AUTH="2/minute")

    assert [(await server.http.get("/livez")).status_code for _ in range(9)] == [200] * 9


async def test_the_limit_is_back_to_full_after_its_period(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="5/hour")
    async with calling_from(server, "203.0.113.7") as http:
        assert (await statuses(http, CLIENTS, 6)).count(401) == 5
        server.clock.now += timedelta(hours=1)
        assert (await statuses(http, CLIENTS, 6)).count(401) == 5


async def test_who_authenticates_is_served_beside_somebody_who_guesses(make_server: MakeServer) -> None:
    """Both may share an address: failures beyond the limit get 429, good tokens and secrets go on working."""
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="3/minute")
    registered = await server.register()
    await registered.get("/cds-api/v1/clients")
    wrong = {"Authorization": "Bearer cdsat_00000000000000_" + "x" * 43}

    statuses = [(await server.http.get("/cds-api/v1/clients", headers=wrong)).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 429, 429]
    assert (await registered.get("/cds-api/v1/clients")).status_code == 200
    assert (await server.token_response(registered.client_id, registered.client_secret)).status_code == 200


async def test_without_its_store_a_server_serves_what_needs_none_and_counts_by_itself(make_server: MakeServer) -> None:
    valkey = start_valkey()
    store = await connect(valkey.url)
    try:
        server = await make_server(store=store, CDS_RATE_LIMIT_ANONYMOUS="5/hour", CDS_RATE_LIMIT_REGISTRATION="5/hour")
        assert await statuses(server.http, METADATA, 2) == [200] * 2
        valkey.kill(0)

        assert await statuses(server.http, METADATA, 6) == [200] * 5 + [429]
        refused = await server.http.post("/oauth/register", json={"scope": "cds_client_admin"})
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
    finally:
        valkey.stop()
        await store.close()


@pytest.mark.parametrize("share", [0, 16])
async def test_a_store_that_takes_longer_than_a_portion_lasts_is_asked_once_for_everybody_who_waits(share: int) -> None:
    clock, asked = Clock(), []

    class SlowPortions:
        async def take(self, *_: object, wanted: int, **_others: int) -> Portion:
            asked.append(wanted)
            await asyncio.sleep(0)
            clock.now += 10
            return Portion(wanted, 0)

    limiter = RateLimiter(RateLimit(1_000_000, 60), clock, "anonymous", SlowPortions(), share=share)
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(limiter.spend("caller") for _ in range(5)))
        await limiter.spend("caller")

    assert sum(asked) == 6
    assert len(asked) <= 3


async def test_two_servers_on_one_store_count_together(make_server: MakeServer) -> None:
    store = await spare_store()
    servers = [
        await make_server(store=store, CDS_RATE_LIMIT_REGISTRATION="5/hour", CDS_RATE_LIMIT_FAILED_AUTH="5/hour")
        for _ in range(2)
    ]
    body = {"scope": "cds_client_admin"}
    made = await asyncio.gather(*(servers[at % 2].http.post("/oauth/register", json=body) for at in range(30)))
    failed = await asyncio.gather(*(servers[at % 2].http.get(CLIENTS) for at in range(30)))

    assert [one.status_code for one in made].count(201) == 5
    assert [one.status_code for one in failed].count(401) == 5
    assert {one.status_code for one in (*made, *failed)} == {201, 401, 429}
    late = next(one for one in made if one.status_code == 429)
    assert late.headers["retry-after"] == "720"
    assert late.headers["ratelimit"] == '"registration";r=0;t=720'
    assert late.headers["ratelimit-policy"] == '"registration";q=5;w=3600'
    await store.close()
