"""The service in the test's own process: its clock, its store, its Clients."""

import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, settings

from app.catalog import Catalog, load_catalog
from app.domain.context import Context
from app.domain.oidc import IdentityProvider
from app.domain.records import Access
from app.logs import configure
from app.main import Parts, Service
from app.settings import Settings
from app.store.connect import StoreConnection
from app.store.connection import Connection
from tests.openapi_recorder import Recorder
from tests.patience import read_certificates_once, wait_for_answers
from tests.stores import spare_store

pytest_plugins = ["tests.clause_report"]

wait_for_answers()
read_certificates_once()
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback  # Rich takes 0.3 s each
settings.register_profile(
    "same every time",  # also on a busy machine; CDS_TEST_CHANCE=1 tries other values each time
    deadline=None,
    derandomize="CDS_TEST_CHANCE" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same every time")

PUBLIC_URL = "https://utility.example"
ADMIN_SCOPE = "cds_client_admin"


@dataclass
class Clock:
    """The time that the service believes in."""

    now: datetime = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
    is_real: bool = False

    def run(self) -> None:
        """Show the real time from now on, for a service that deals with processes that know no other one."""
        self.is_real = True

    def advance(self, **parts: float) -> datetime:
        """Let time pass: `advance(seconds=5)`, `advance(days=1)`."""
        self.now += timedelta(**parts)
        return self.now

    def __call__(self) -> datetime:
        if self.is_real:
            self.now = datetime.now(UTC).replace(microsecond=0)
        return self.now

    def monotonic(self) -> float:
        """Seconds for rate limits."""
        return self().timestamp()


@dataclass
class Registered:
    """A Client with its admin credentials; its calls carry an admin access token."""

    server: "Server"
    response: httpx.Response
    client_id: str
    client_secret: str
    token: str = ""
    token_until: datetime | None = None

    @property
    def registration_id(self) -> str:
        """The id of everything this registration created."""
        return self.client_id

    @property
    def access(self) -> Access:
        """The server's own access to this registration, as operators have it."""
        return Access(self.registration_id, self.server.clock.now)

    async def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """A call with the admin access token; the token is fetched at the first one and when it is old."""
        if not self.token_until or self.server.clock.now >= self.token_until:
            self.token = await self.server.access_token(self.client_id, self.client_secret)
            self.token_until = self.server.clock.now + timedelta(minutes=50)
        headers = {"Authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        return await self.server.http.request(method, path, headers=headers, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """GET with the admin access token."""
        return await self.call("GET", path, **kwargs)

    async def post(self, path: str, json: Any = None, **kwargs: Any) -> httpx.Response:
        """POST with the admin access token."""
        return await self.call("POST", path, json=json, **kwargs)

    async def put(self, path: str, json: Any = None, **kwargs: Any) -> httpx.Response:
        """PUT with the admin access token."""
        return await self.call("PUT", path, json=json, **kwargs)

    async def patch(self, path: str, json: Any = None, **kwargs: Any) -> httpx.Response:
        """PATCH with the admin access token."""
        return await self.call("PATCH", path, json=json, **kwargs)

    async def clients(self) -> dict[str, dict[str, Any]]:
        """The Client Objects by their scope; of two with one scope the sandbox one."""
        listing = (await self.get("/cds-api/v1/clients")).json()["clients"]
        return {one["scope"]: one for one in sorted(listing, key=lambda one: one["cds_status"] == "sandbox")}

    async def credential_of(self, client_id: str) -> dict[str, Any]:
        """The newest Credential of a Client Object."""
        listing = await self.get("/cds-api/v1/credentials", params={"client_ids": client_id})
        credential: dict[str, Any] = listing.json()["credentials"][0]
        return credential

    async def messages(self, kind: str | None = None) -> list[dict[str, Any]]:
        """All Messages of the first pages, each once, those of one type if asked."""
        listing = (await self.get("/cds-api/v1/messages")).json()
        every = {one["message_id"]: one for name in ("outstanding", "unread", "read") for one in listing[name]}
        return [one for one in every.values() if kind in {None, one["type"]}]


@dataclass
class Server:
    """A started service."""

    service: Service
    http: httpx.AsyncClient
    clock: Clock

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return self.service.settings

    @property
    def context(self) -> Context:
        """What its domain functions take first."""
        assert self.service.state
        return self.service.state["context"]

    @property
    def tokens(self) -> Any:
        """Its token store."""
        assert self.service.state
        return self.service.state["tokens"]

    @property
    def connection(self) -> Connection:
        """Its store connection, which counts round trips."""
        return self.service.connection

    async def register(self, scope: str = ADMIN_SCOPE, **metadata: Any) -> Registered:
        """Register a Client; required fields of the demo utility are filled in unless given."""
        body = {"scope": scope} | (REQUIRED_FIELDS if scope != ADMIN_SCOPE else {}) | metadata
        response = await self.http.post("/oauth/register", json=body)
        assert response.status_code == 201, response.text
        return Registered(self, response, response.json()["client_id"], response.json()["client_secret"])

    async def token_response(self, client_id: str, client_secret: str, **form: str) -> httpx.Response:
        """Ask the token endpoint."""
        form = {"grant_type": "client_credentials"} | form
        return await self.http.post("/oauth/token", data=form, auth=(client_id, client_secret))

    async def access_token(self, client_id: str, client_secret: str, **form: str) -> str:
        """An access token."""
        response = await self.token_response(client_id, client_secret, **form)
        assert response.status_code == 200, response.text
        token: str = response.json()["access_token"]
        return token


REQUIRED_FIELDS: dict[str, Any] = {
    "cds_company_name": "Meadow Software",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}

MakeServer = Callable[..., Awaitable[Server]]


@pytest.fixture
def json_log() -> Iterator[io.BytesIO]:
    """The log as machines get it, with every detail. A test names it before its service, whose logger is bound once."""
    stream = io.BytesIO()
    configure("json", "debug", stream=stream)
    yield stream
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def demo_catalog() -> Catalog:
    """The bundled demo utility."""
    return load_catalog(None)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
async def make_server(demo_catalog: Catalog, clock: Clock) -> AsyncIterator[MakeServer]:
    """Start a service: `await make_server(catalog=…, CDS_MAX_BODY="1000", store=…)`."""
    async with AsyncExitStack() as stack:

        async def make(
            catalog: Catalog | None = None,
            store: StoreConnection | None = None,
            identity_provider: IdentityProvider | None = None,
            operator_identity_provider: IdentityProvider | None = None,
            **environment: str,
        ) -> Server:
            used = Settings.from_environment(
                {
                    "CDS_PUBLIC_URL": PUBLIC_URL,
                    "CDS_STORE_URL": "memory:",
                    "CDS_FILES_URL": "memory:",
                    "CDS_RATE_LIMIT_ANONYMOUS": "off",
                    "CDS_RATE_LIMIT_REGISTRATION": "off",
                    "CDS_RATE_LIMIT_FAILED_AUTH": "off",
                    "CDS_RATE_LIMIT_CLIENT": "off",
                    "CDS_WORKER": "external",
                    **environment,
                }
            )
            own = store or await spare_store()
            parts = Parts(
                now=clock,
                clock=clock.monotonic,
                store_clock=clock.monotonic,
                store=own,
                identity_provider=identity_provider,
                operator_identity_provider=operator_identity_provider,
            )
            service = Service(used, catalog or demo_catalog, parts)
            if store is None:
                stack.push_async_callback(own.close)
            await service.start()
            stack.push_async_callback(service.stop)
            app: Service | Recorder = service
            if os.environ.get("CDS_TEST_OPENAPI"):
                app = Recorder(service)
                stack.callback(app.require_described)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=used.public_url))
            return Server(service, http, clock)

        yield make


@pytest.fixture
async def server(make_server: MakeServer) -> Server:
    """A service with the demo utility on an empty store."""
    return await make_server()


def changed(catalog: Catalog, **sections: Any) -> Catalog:
    """A catalog with some sections replaced, e.g. `changed(catalog, registration={"production": "automatic"})`."""
    new = {}
    for name, value in sections.items():
        section = getattr(catalog, name)
        is_part = isinstance(section, msgspec.Struct) and isinstance(value, dict)
        new[name] = msgspec.structs.replace(section, **value) if is_part else value
    return msgspec.structs.replace(catalog, **new)
