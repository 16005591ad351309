"""A store that stops in the middle: every API says so soon, nothing is lied about, and all goes on by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from redis import Redis

from app.store.connect import connect
from tests.conftest import MakeServer, Registered, Server
from tests.patience import SECONDS
from tests.stores import STEADY_MS, Servers, start_sentinel, start_valkey

SOON_SECONDS = 15.0
"""The store is given five, and a busy machine some more. Whoever waits for good meets a limit of minutes."""


class Scene:
    """A server on a store of its own, and a Client with something of everything."""

    def __init__(self, servers: Servers, server: Server, client: Registered, token: str, spare: str) -> None:
        self.servers, self.server, self.client, self.token, self.spare = servers, server, client, token, spare
        self.login = (client.client_id, client.client_secret)

    def calls(self) -> list[dict[str, object]]:
        """One request to every endpoint that needs the store."""
        api, rid = "/cds-api/v1", self.client.client_id
        bearer = {"headers": {"Authorization": f"Bearer {self.token}"}}
        message = {"type": "support_request", "previous_uri": None, "name": "a", "description": "b"}
        login = {"auth": self.login}
        return [
            {"method": "POST", "url": "/oauth/register", "json": {"scope": "cds_client_admin"}},
            {"method": "POST", "url": "/oauth/token", "data": {"grant_type": "client_credentials"}} | login,
            {"method": "POST", "url": "/oauth/introspect", "data": {"token": self.token}} | login,
            {"method": "POST", "url": "/oauth/revoke", "data": {"token": self.spare}} | login,
            {"method": "GET", "url": f"{api}/clients"} | bearer,
            {"method": "GET", "url": f"{api}/clients/{rid}"} | bearer,
            {"method": "PUT", "url": f"{api}/clients/{rid}", "json": {"client_name": "a"}} | bearer,
            {"method": "GET", "url": f"{api}/messages"} | bearer,
            {"method": "GET", "url": f"{api}/messages/{rid}-m1"} | bearer,
            {"method": "PATCH", "url": f"{api}/messages/{rid}-m1", "json": {"read": True}} | bearer,
            {"method": "POST", "url": f"{api}/messages", "json": message} | bearer,
            {"method": "GET", "url": f"{api}/credentials"} | bearer,
            {"method": "GET", "url": f"{api}/credentials/{rid}-c1"} | bearer,
            {"method": "POST", "url": f"{api}/credentials", "json": {"client_id": rid}} | bearer,
            {"method": "PATCH", "url": f"{api}/credentials/{rid}-c1", "json": {"client_secret_expires_at": 1}} | bearer,
            {"method": "GET", "url": f"{api}/grants"} | bearer,
            {"method": "GET", "url": f"{api}/grants/{rid}-g1"} | bearer,
            {"method": "PATCH", "url": f"{api}/grants/{rid}-g1", "json": {"status": "closed"}} | bearer,
            {"method": "GET", "url": f"{api}/server-provided-files"} | bearer,
        ]

    async def require_unavailable(self) -> None:
        """Every endpoint answers 503 with Retry-After, soon; what needs no store goes on."""
        started = time.monotonic()
        answers = await asyncio.gather(*(self.server.http.request(**call) for call in self.calls()))
        assert time.monotonic() - started < SOON_SECONDS
        told = {f"{one.request.method} {one.request.url.path}": one.status_code for one in answers}
        assert told == dict.fromkeys(told, 503)
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert {answer.json()["error"] for answer in answers} == {"temporarily_unavailable"}
        for path in ("/.well-known/cds-server-metadata.json", "/cds-api/v1/coverage", "/livez", "/readyz"):
            assert (await self.server.http.get(path)).status_code == 200

    async def require_recovery(self) -> None:
        """Everything works again without anybody's help, and soon."""
        deadline = time.monotonic() + SECONDS
        while (answer := await self.clients()).status_code == 503:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert answer.status_code == 200
        answers = await asyncio.gather(*(self.server.http.request(**call) for call in self.calls()))
        assert {answer.status_code for answer in answers} <= {200, 201, 202, 400, 401, 403, 404}

    async def clients(self) -> httpx.Response:
        """The Client Objects of the Client."""
        return await self.server.http.get("/cds-api/v1/clients", headers={"Authorization": f"Bearer {self.token}"})

    def signal(self, number: int) -> None:
        """Send a signal to the store."""
        os.kill(self.servers.processes[0].pid, number)


@pytest.fixture
async def scene(make_server: MakeServer) -> AsyncIterator[Scene]:
    servers = start_valkey()
    store = await connect(servers.url)
    server = await make_server(store=store, CDS_RATE_LIMIT_ANONYMOUS="off")
    client = await server.register()
    token, spare = [await server.access_token(client.client_id, client.client_secret) for _ in range(2)]
    yield Scene(servers, server, client, token, spare)
    await store.close()
    servers.stop()


async def test_a_store_that_hangs_is_told_within_seconds_and_recovered_from(scene):
    scene.signal(signal.SIGSTOP)
    await scene.require_unavailable()
    await scene.require_unavailable()
    scene.signal(signal.SIGCONT)

    await scene.require_recovery()


async def test_a_store_that_was_killed_is_told_at_once_and_recovered_from_when_it_is_back(scene, tmp_path):
    scene.servers.kill(0)
    started = time.monotonic()
    await scene.require_unavailable()
    assert time.monotonic() - started < 4  # less than one that hangs is given

    again = start_valkey(scene.servers.directory / "socket")
    deadline = time.monotonic() + SECONDS
    while (answer := await scene.clients()).status_code == 503:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert answer.status_code == 401  # this one keeps nothing
    await scene.server.register()
    again.stop()


async def test_requests_that_keep_coming_during_an_outage_are_all_answered_soon(scene):
    scene.signal(signal.SIGSTOP)

    async def wait_for_answer() -> tuple[int, float]:
        started = time.monotonic()
        return (await scene.clients()).status_code, time.monotonic() - started

    waiting = []
    for _ in range(40):
        waiting.append(asyncio.create_task(wait_for_answer()))
        await asyncio.sleep(0.2)
    answers = await asyncio.gather(*waiting)
    scene.signal(signal.SIGCONT)

    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < SOON_SECONDS
    await scene.require_recovery()


async def test_a_store_that_is_full_or_has_become_a_replica_refuses_changes_only(scene):
    with Redis(unix_socket_path=scene.servers.url.removeprefix("unix:")) as redis:
        redis.config_set("maxmemory", 1)
        assert (await scene.server.http.post("/oauth/register", json={"scope": "cds_client_admin"})).status_code == 503
        assert (await scene.clients()).status_code == 200
        redis.config_set("maxmemory", 0)
        redis.config_set("replica-serve-stale-data", "yes")
        redis.replicaof("127.0.0.1", 1)
        assert (await scene.server.http.post("/oauth/register", json={"scope": "cds_client_admin"})).status_code == 503
        assert (await scene.clients()).status_code == 200
        redis.replicaof("NO", "ONE")

    await scene.server.register()


async def test_a_change_that_no_replica_confirmed_is_refused_and_reads_go_on(make_server):
    servers = start_sentinel(down_after_ms=STEADY_MS)
    store = await connect(servers.url, wait_replicas=1)
    server = await make_server(store=store)
    client = await server.register()
    await client.get("/cds-api/v1/clients")
    os.kill(servers.processes[1].pid, signal.SIGSTOP)

    refused = await client.post("/cds-api/v1/credentials", {"client_id": client.client_id})
    read = await client.get("/cds-api/v1/clients")
    os.kill(servers.processes[1].pid, signal.SIGCONT)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert "replicas" in refused.json()["detail"]
    assert read.status_code == 200
    await store.close()
    servers.stop()
