"""Puts the rooms together: settings and catalog in, an ASGI application out."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from starlette.types import Receive, Scope, Send

from app import console
from app.api import clients, coverage, credentials, files, grants, health, messages, metrics, server_metadata
from app.catalog import Catalog
from app.console.identity_provider import CALLBACK_PATH as OPERATOR_CALLBACK_PATH
from app.crypto.key_files import open_sealer
from app.crypto.signing import Signer
from app.crypto.signing_keys import open_signer
from app.crypto.tokens import Randomness
from app.delivery.later import open_sender
from app.docs import site
from app.domain.access_tokens import AccessTokens
from app.domain.context import Context
from app.domain.grant_times import settle_due
from app.domain.links import Links
from app.domain.mails import Mailer
from app.domain.oidc import IdentityProvider
from app.domain.operators import OperatorKeys
from app.domain.patterns import Patterns
from app.files.later import open_files
from app.oauth import (
    as_metadata,
    authorization,
    authorizations,
    consent,
    forward_auth,
    identity_provider,
    introspection,
    jwks,
    pushed_requests,
    receipt,
    registration,
    revocation,
    sign_in,
    token,
)
from app.onboarding.routes import routes as onboarding_routes
from app.openapi import site as openapi_site
from app.operator import broadcasts as operator_broadcasts
from app.operator import webhooks as operator_webhooks
from app.operator.routes import routes as operator_routes
from app.registration_form import pages as registration_form
from app.settings import Settings
from app.store import allowances as allowance_scripts
from app.store import authorizations as authorization_scripts
from app.store import broadcasts as broadcast_scripts
from app.store import deliveries as delivery_scripts
from app.store import depths as depth_scripts
from app.store import directory as directory_scripts
from app.store import feed as feed_scripts
from app.store import files as file_scripts
from app.store import operators as operator_scripts
from app.store import outbox as outbox_scripts
from app.store import records as record_scripts
from app.store import tokens as token_scripts
from app.store import unused as unused_scripts
from app.store import user_tokens as user_token_scripts
from app.store import webhooks as webhook_scripts
from app.store.allowances import RedisAllowances, RedisPortions
from app.store.authorizations import RedisAuthorizations
from app.store.broadcasts import RedisBroadcasts
from app.store.connect import StoreConnection, connect, when_available
from app.store.connection import Connection
from app.store.deliveries import RedisDeliveries
from app.store.depths import RedisDepths
from app.store.directory import RedisDirectory
from app.store.documents import Documents
from app.store.feed import RedisFeed
from app.store.files import RedisFileLibrary, RedisOpenedFiles
from app.store.health import RedisHealth
from app.store.operator_sessions import RedisOperatorSessions
from app.store.operators import RedisOperators
from app.store.outbox import RedisOutbox
from app.store.patterns import RedisPatterns
from app.store.records import RedisRecords
from app.store.relay import Limits
from app.store.repeats import RedisRepeats
from app.store.schema import require_compatible
from app.store.tokens import RedisTokens
from app.store.unused import RedisUnused
from app.store.user_tokens import RedisUserTokens
from app.store.users import RedisUsers
from app.store.webhooks import RedisWebhooks
from app.web.counting import Metrics
from app.web.edge import Edge
from app.web.rate_limit import RateLimiter
from app.web.routing import Route
from app.web.state import Limiters, State
from app.web.traces import Traces, open_traces
from app.worker.due import Settling
from app.worker.jobs import Broadcasting, Forgetting, Relaying
from app.worker.mails import NoticeMails, SendMails
from app.worker.runtime import Job, Runtime
from app.worker.webhooks import QueueDeliveries, SendDeliveries

SCRIPTS = (
    *record_scripts.SCRIPTS,
    *token_scripts.SCRIPTS,
    *file_scripts.SCRIPTS,
    *authorization_scripts.SCRIPTS,
    *user_token_scripts.SCRIPTS,
    *broadcast_scripts.SCRIPTS,
    *directory_scripts.SCRIPTS,
    *operator_scripts.SCRIPTS,
    *feed_scripts.SCRIPTS,
    *outbox_scripts.SCRIPTS,
    *webhook_scripts.SCRIPTS,
    *delivery_scripts.SCRIPTS,
    *depth_scripts.SCRIPTS,
    *allowance_scripts.SCRIPTS,
    *unused_scripts.SCRIPTS,
)
"""Every script that a server runs in its store."""


class Clock:
    """Says the present second in UTC: whole seconds are what we store and show (ambiguities D10)."""

    def __init__(self) -> None:
        self._second = 0
        self._moment = datetime.fromtimestamp(0, UTC)

    def __call__(self) -> datetime:
        """The second, made into a moment once."""
        second = int(time.time())
        if second != self._second:
            self._moment = datetime.fromtimestamp(second, UTC)
            self._second = second
        return self._moment


utc_now = Clock()


@dataclass(slots=True)
class Parts:
    """What changes from one installation to the next, or in a test.

    `store` None: connected from the settings when the application starts, and closed when it ends. `identity_provider`
    None: the one of the settings, if they have any. `metrics` count in this process alone unless they are told
    otherwise. `traces` None: those that the environment asks for, if it does. `store_clock` None: rate limits go by the
    clock of the store.
    """

    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] = time.monotonic
    randomness: Randomness | None = None
    store: StoreConnection | None = None
    identity_provider: IdentityProvider | None = None
    operator_identity_provider: IdentityProvider | None = None
    metrics: Metrics = field(default_factory=Metrics)
    traces: Traces | None = None
    store_clock: Callable[[], float] | None = None


class Service:
    """The ASGI application.

    `draining` turns readiness off while requests are still served, each on its last connection; `state` is there once
    the application has started.
    """

    def __init__(self, settings: Settings, catalog: Catalog, parts: Parts | None = None) -> None:
        self.settings = settings
        self.catalog = catalog
        self.parts = parts or Parts()
        self._draining = False
        self.state: State | None = None
        self._edge: Edge | None = None
        self._store: StoreConnection | None = None
        self._connection: Connection | None = None
        self._runtime: Runtime | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or start and end with the server."""
        if scope["type"] == "http" and self._edge:
            await self._edge(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def start(self) -> None:
        """Connect to the store and get ready, with the background jobs if they are to run here.

        Raises:
            ConfigurationError: A setting or the store does not fit.
        """
        state = await self.open()
        routes = self.routes(state["context"].access_tokens.signer)
        self._edge = Edge(routes, state, structlog.get_logger("app.request"))
        if self.settings.worker == "internal":
            self.work(state)

    async def open(self) -> State:
        """Connect to the store, and no more. Raises as `start` does."""
        self._store = self.parts.store or await connect(
            self.settings.store_url,
            wait_replicas=self.settings.store_wait_replicas,
            password_file=self.settings.store_password_file,
        )
        if self.parts.traces is None:
            self.parts.traces = open_traces(os.environ)
        self._connection = Connection(
            self._store.client,
            wait_replicas=self._store.wait_replicas,
            observer=self.parts.metrics,
            spans=self.parts.traces.store if self.parts.traces else None,
        )
        is_settled = await when_available(partial(_prepare, self._connection))
        self.state = build_state(self.settings, self.catalog, self._connection, self.parts, is_settled=is_settled)
        return self.state

    def work(self, state: State) -> None:
        """Begin with the background jobs, on what `open` has returned."""
        self._runtime = Runtime(background_jobs(state), self.parts.now, stepped=self.parts.metrics.job_stepped)
        self._runtime.start()

    async def stop(self) -> None:
        """Finish what is under way and let go of the store."""
        self.draining = True
        if self._runtime:
            await self._runtime.stop()
        if self.state:
            for provider in (self.state["identity_provider"], self.state["operator_identity_provider"]):
                if provider:
                    await provider.close()
        if self._connection:
            await self._connection.close()
        if self._store and self._store is not self.parts.store:
            await self._store.close()
        if self.parts.traces:
            await self.parts.traces.close()

    @property
    def draining(self) -> bool:
        """Whether the end is near."""
        return self._draining

    @draining.setter
    def draining(self, value: bool) -> None:
        if value and not self._draining and self._edge:
            self._edge.drain()
        self._draining = value

    def is_ready(self) -> bool:
        """Whether new requests should come here."""
        return self.state is not None and not self.draining

    @property
    def connection(self) -> Connection:
        """The store connection of a started service."""
        if self._connection is None:
            message = "the service has not started"
            raise RuntimeError(message)
        return self._connection

    def openapi(self) -> dict[str, Any]:
        """What `/openapi.json` says; the service need not have started."""
        return openapi_site.described(self._own_routes(Signer(())), self.catalog, self.settings)

    def routes(self, signer: Signer) -> list[Route]:
        """Everything that is served."""
        own = self._own_routes(signer)
        shown = {"navigation": site.navigation()}
        return [*own, *openapi_site.routes(own, self.catalog, self.settings, shown)]

    def _own_routes(self, signer: Signer) -> list[Route]:
        """All but the description of them."""
        return [
            *server_metadata.routes(self.catalog, self.settings),
            *as_metadata.routes(self.catalog, self.settings),
            *jwks.routes(signer, self.parts.now),
            *coverage.routes(self.catalog, self.settings),
            *registration.routes,
            *token.routes,
            *introspection.routes,
            *forward_auth.routes,
            *revocation.routes,
            *pushed_requests.routes,
            *authorization.routes,
            *consent.routes,
            *sign_in.routes,
            *identity_provider.routes,
            *receipt.routes,
            *authorizations.routes,
            *clients.routes,
            *credentials.routes,
            *messages.routes,
            *grants.routes,
            *registration_form.routes,
            *onboarding_routes,
            *operator_routes,
            *operator_broadcasts.routes,
            *operator_webhooks.routes,
            *files.routes(self.catalog),
            *console.routes,
            *site.routes(self.catalog, self.settings),
            *self.probes(),
        ]

    def probes(self) -> list[Route]:
        """What those ask who run the server: whether it lives, whether it is ready, how it is."""
        return [*health.routes(self.is_ready), *metrics.routes(self.settings.metrics)]

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except BaseException:  # an embedded store that was started must not be left running
            await self.stop()
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _prepare(connection: Connection) -> bool:
    """Load what we run in the store, and see that what is in it is for us; whether it is settled on our version."""
    await connection.load(SCRIPTS)
    return await require_compatible(connection)


def build_state(
    settings: Settings, catalog: Catalog, connection: Connection, parts: Parts, *, is_settled: bool = True
) -> State:
    """Everything that endpoints use, on a connection whose scripts are loaded.

    `is_settled` says that no server of the schema version before ours works with the store.
    """
    documents = Documents(settings.public_url, marks=is_settled)
    records = RedisRecords(connection, documents, open_sealer(settings))
    randomness = parts.randomness or Randomness()
    context = Context(
        settings=settings,
        catalog=catalog,
        records=records,
        files=open_files(settings.files_url),
        library=RedisFileLibrary(connection, records.documents),
        randomness=randomness,
        access_tokens=AccessTokens(settings, catalog, randomness, open_signer(settings)),
        links=Links(settings.public_url),
        patterns=Patterns(RedisPatterns(records)),
    )
    records.settle_due = partial(settle_due, context)
    webhooks = RedisWebhooks(connection, records.sealer)
    portions = RedisPortions(connection, parts.store_clock)
    limiters = Limiters(
        anonymous=RateLimiter(settings.rate_limit_anonymous, parts.clock, "anonymous", portions),
        client=RateLimiter(settings.rate_limit_client, parts.clock, "client", portions),
        failed_auth=RateLimiter(settings.rate_limit_failed_auth, parts.clock, "failed_auth", portions, share=0),
        registration=RateLimiter(settings.rate_limit_registration, parts.clock, "registration", portions, share=0),
    )
    return State(
        settings=settings,
        context=context,
        tokens=RedisTokens(records),
        user_tokens=RedisUserTokens(records, context.randomness),
        authorizations=RedisAuthorizations(connection),
        users=RedisUsers(connection),
        identity_provider=parts.identity_provider or open_identity_provider(settings, parts.clock),
        operator_identity_provider=parts.operator_identity_provider
        or open_operator_identity_provider(settings, parts.clock),
        opened_files=RedisOpenedFiles(records),
        directory=RedisDirectory(records),
        operators=OperatorKeys(RedisOperators(connection), settings.operator_bootstrap_key),
        operator_sessions=RedisOperatorSessions(connection),
        outbox=RedisOutbox(connection),
        webhooks=webhooks,
        deliveries=RedisDeliveries(connection, webhooks),
        allowances=RedisAllowances(connection),
        store_health=RedisHealth(connection, parts.clock),
        depths=RedisDepths(connection),
        metrics=parts.metrics,
        traces=parts.traces,
        repeats=RedisRepeats(connection),
        unused=RedisUnused(connection, records.documents),
        broadcasts=RedisBroadcasts(connection),
        feed=RedisFeed(connection, parts.clock, Limits(runs=is_settled), moved=parts.metrics.event_relayed),
        limiters=limiters,
        now=parts.now,
    )


def background_jobs(state: State) -> list[Job]:
    """What happens when nobody is asking."""
    context = state["context"]
    return [
        Relaying(state["feed"]),
        Settling(context, state["directory"]),
        Broadcasting(context, state["broadcasts"]),
        *_jobs_that_tidy(state),
        *jobs_that_send(state),
    ]


def _jobs_that_tidy(state: State) -> list[Job]:
    """What is only done where the settings ask for it."""
    days = state["settings"].forget_unused_days
    return [Forgetting(state["context"], state["directory"], state["unused"], days)] if days else []


def jobs_that_send(state: State) -> list[Job]:
    """What leaves the house."""
    settings, feed = state["settings"], state["feed"]
    webhooks, deliveries = state["webhooks"], state["deliveries"]
    consumer = state["context"].randomness.nonce()
    return [
        NoticeMails(state["context"], feed, state["outbox"], consumer=consumer),
        SendMails(state["outbox"], _open_mailer(settings), state["metrics"].mail_attempted),
        QueueDeliveries(feed, webhooks, deliveries, base_url=settings.public_url, consumer=consumer),
        SendDeliveries(
            webhooks,
            deliveries,
            open_sender(),
            jitter=random.random,
            clock=state["now"],
            attempted=state["metrics"].delivery_attempted,
        ),
    ]


def _open_mailer(settings: Settings) -> Mailer | None:
    if settings.smtp_url is None:
        return None
    # Its libraries and the certificates take memory and time, which only those should spend who send mails.
    from app.delivery.smtp import open_mailer  # noqa: PLC0415

    return open_mailer(settings)


def open_identity_provider(settings: Settings, clock: Callable[[], float]) -> IdentityProvider | None:
    """The identity provider of users, which is not asked for anything yet."""
    return _open_provider(
        settings.user_oidc_issuer,
        settings.user_oidc_client_id,
        settings.user_oidc_client_secret,
        settings.public_url + identity_provider.CALLBACK_PATH,
        clock,
    )


def open_operator_identity_provider(settings: Settings, clock: Callable[[], float]) -> IdentityProvider | None:
    """The identity provider of operators, likewise."""
    return _open_provider(
        settings.operator_oidc_issuer,
        settings.operator_oidc_client_id,
        settings.operator_oidc_client_secret,
        settings.public_url + OPERATOR_CALLBACK_PATH,
        clock,
    )


def _open_provider(
    issuer: str | None,
    client_id: str | None,
    client_secret: str | None,
    redirect_uri: str,
    clock: Callable[[], float],
) -> IdentityProvider | None:
    if issuer is None or client_id is None or client_secret is None:
        return None
    # Its libraries take a fifth of a second and some memory, which only those should spend who have a provider.
    from app.identity.provider import Agreement, OpenIdProvider  # noqa: PLC0415

    return OpenIdProvider(Agreement(issuer, client_id, client_secret, redirect_uri), clock)


def create_app(settings: Settings, catalog: Catalog) -> Service:
    """The application for a server to run."""
    return Service(settings, catalog)
