"""Servers are replaced under load behind a real nginx, and no request is lost."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import httpx
import pytest

from tests.endpoints import Endpoint, endpoint
from tests.gateway.load import ANSWER_SECONDS, Load
from tests.gateway.nginx import Nginx, running_nginx
from tests.gateway.replicas import OPERATOR_KEY, Deployment, Replica, deployment
from tests.live_server import free_port
from tests.patience import SECONDS

OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
EVENTS = "/operator/api/v1/events"
WEBHOOKS = "/operator/api/v1/webhooks"
FILES = "/operator/api/v1/files"
FILE = hashlib.shake_256(b"a file").digest(16 * 1024 * 1024)
BOUNDARY = "of-this-test-alone"

UPSTREAM = re.compile(r"(?:    server 10\.0\.0\.\d+:8000 (.*);\n)+")
TLS = re.compile(r"    ssl_certificate(?:_key)? .*\n")
UNBUFFERED = """
upstream one {{ server {address}; keepalive 4; }}
server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
        proxy_pass http://one;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_request_buffering off;
        proxy_buffering off;
    }}
}}
"""
"""What comes and goes passes at once, to one server that is known."""


def configuration(port: int, replicas: list[Replica]) -> str:
    """The one of the documentation, without TLS, with these servers."""
    text = (files("app.docs") / "gateways" / "nginx-server.conf").read_text()
    servers = "".join(f"    server {one.address} \\1;\n" for one in replicas)
    text, found = UPSTREAM.subn(servers, text)
    assert found == 1
    return TLS.sub("", text).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")


@dataclass
class Site:
    """Two servers behind nginx, the first of which has two processes at the beginning."""

    deployment: Deployment
    nginx: Nginx
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def launch(self, load: Load, **kwargs: int) -> Replica:
        """A new server that is ready."""
        load.rest()
        replica = self.deployment.launch(**kwargs)
        await asyncio.to_thread(replica.wait_until_ready)
        load.go_on()
        return replica

    async def route_to(self, *replicas: Replica) -> None:
        """nginx sends to these from now on."""
        self.deployment.replicas = list(replicas)
        await asyncio.to_thread(self.nginx.reload, {"cds.conf": configuration(self.port, self.deployment.replicas)})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory, port = tmp_path_factory.mktemp("rolling"), free_port()
    with (
        deployment(directory, f"http://127.0.0.1:{port}", workers=(2, 1)) as cds,
        running_nginx(directory, {"cds.conf": configuration(port, cds.replicas)}) as nginx,
    ):
        yield Site(cds, nginx, port)


@asynccontextmanager
async def load_on(site: Site, *, keep_alive: int = 20) -> AsyncIterator[Load]:
    """Clients that ask all the while; afterwards nothing has failed, and all that they made is there, once."""
    async with client(site.url, keep_alive=keep_alive) as http, told_by(http) as hook:
        load = Load(http)
        running = asyncio.create_task(load.run())
        try:
            await load.until(requests=20)
            yield load
            await load.until(requests=20)
        finally:
            load.stop()
            await running
        assert load.failures == [], site.nginx.log()
        made = await made_in(http, "registration.created")
        assert {one: made[one] for one in load.registration_ids} == dict.fromkeys(load.registration_ids, 1)
        messages = await made_in(http, "message.created")
        assert {one: messages[one] for one in load.message_ids} == dict.fromkeys(load.message_ids, 1)
        await hears_of(hook, {*load.registration_ids, *load.message_ids})


@asynccontextmanager
async def told_by(http: httpx.AsyncClient) -> AsyncIterator[Endpoint]:
    """A webhook, which the background jobs of whichever servers there are tell what comes into being."""
    async with endpoint() as hook:
        wanted = {"url": hook.url, "events": ["registration.created", "message.created"]}
        made = (await http.post(WEBHOOKS, json=wanted, headers=OPERATOR)).raise_for_status().json()
        hook.secret = made["secret"]
        yield hook
        (await http.delete(f"{WEBHOOKS}/{made['webhook_id']}", headers=OPERATOR)).raise_for_status()


async def hears_of(hook: Endpoint, object_ids: set[str]) -> None:
    """Each of these things is told, under one id, also what a job was about whose server had to go."""
    async with asyncio.timeout(SECONDS):
        while not object_ids <= {one.body["data"]["object_id"] for one in hook.received}:  # noqa: ASYNC110 -- likewise
            await asyncio.sleep(0.05)
    told = {one.webhook_id: one.body["data"]["object_id"] for one in hook.received}
    assert sorted(one for one in told.values() if one in object_ids) == sorted(object_ids)
    assert hook.forged == 0


def client(url: str, *, keep_alive: int = 20) -> httpx.AsyncClient:
    """Asks nginx."""
    limits = httpx.Limits(max_keepalive_connections=keep_alive, keepalive_expiry=30)
    return httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, limits=limits, trust_env=False)


async def made_in(http: httpx.AsyncClient, type_: str) -> Counter[str]:
    """How many events say that an object came into being, by its id."""
    found: Counter[str] = Counter()
    page: str | None = EVENTS
    while page:
        answer = (await http.get(page, headers=OPERATOR)).json()
        found.update(one["object_id"] for one in answer["events"] if one["type"] == type_)
        page = answer["next"]
    return found


async def gone(replica: Replica) -> None:
    """It has ended as it should."""
    assert await asyncio.to_thread(replica.wait_until_gone) == 0, replica.log.read_text()


async def asked(replica: Replica) -> None:
    """nginx has noticed that it is there."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while not replica.was_asked():  # noqa: ASYNC110 -- likewise
            await asyncio.sleep(0.05)


async def closed(replica: Replica) -> None:
    """It lets nobody in any more, and has not ended."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while await asyncio.to_thread(replica.readiness):  # noqa: ASYNC110 -- another process tells nothing
            await asyncio.sleep(0.05)
    assert replica.process.poll() is None


class Upload:
    """A file on its way to the library, half of which waits for a word."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.is_half_way = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self._http = http

    async def send(self) -> dict[str, Any]:
        """The file, once it is there."""
        headers = OPERATOR | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = await self._http.post(FILES, content=self._pieces(), headers=headers)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'.encode()
        half = len(FILE) // 2  # is more than the buffers in between hold
        yield FILE[:half]
        self.is_half_way.set()
        await self.may_go_on.wait()
        yield FILE[half:]
        yield f"\r\n--{BOUNDARY}--\r\n".encode()


@asynccontextmanager
async def transfers_through(site: Site, replica: Replica) -> AsyncIterator[None]:
    """An upload and a download that are under way, and come to their end after the block, when nobody is let in."""
    port = free_port()
    await asyncio.to_thread(site.nginx.reload, {"one.conf": UNBUFFERED.format(address=replica.address, port=port)})
    async with client(f"http://127.0.0.1:{port}") as http:
        first = Upload(http)
        first.may_go_on.set()
        file = await first.send()
        path = file["download_uri"].removeprefix(site.url)
        upload = Upload(http)
        uploading = asyncio.create_task(upload.send())
        async with http.stream("GET", path, headers=OPERATOR) as download:
            pieces = download.aiter_raw()
            received = hashlib.sha256(await anext(pieces))
            async with asyncio.timeout(ANSWER_SECONDS):
                await upload.is_half_way.wait()
            yield
            await closed(replica)
            upload.may_go_on.set()
            async for piece in pieces:
                received.update(piece)
        assert received.digest() == hashlib.sha256(FILE).digest()
        assert (await uploading)["size"] == len(FILE)


async def test_a_server_that_is_replaced_as_kubernetes_does_loses_no_request(site):
    """Its successor is ready first. Then nginx is told and it is, at once, with long transfers under way."""
    old, *others = site.deployment.replicas
    # nginx itself cuts waiting connections of clients off when it takes another configuration.
    async with load_on(site, keep_alive=0) as load:
        successor = await site.launch(load)
        async with transfers_through(site, old):
            old.begin_to_end()
            await site.route_to(successor, *others)
        await gone(old)


async def test_servers_that_end_and_come_back_at_the_same_address_lose_no_request(site):
    """nginx learns of it from the servers alone, and clients keep their connections to nginx."""
    async with load_on(site) as load:
        for number, old in enumerate(list(site.deployment.replicas)):
            old.begin_to_end()
            await gone(old)
            await load.until(requests=10)
            successor = site.deployment.replicas[number] = await site.launch(load, port=old.port)
            await asked(successor)
