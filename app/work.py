"""`cds-server worker`: the background jobs as a process of their own.

It may be killed at any point: what was under way is done again by the next one, or by another one that runs beside it,
and has its effect once.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
import uvloop
from uvicorn import Config, Server

from app.catalog import Catalog
from app.errors import ConfigurationError
from app.main import Service
from app.settings import Settings
from app.web.connections import Connection
from app.web.edge import Edge
from app.web.state import State

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def work(settings: Settings, catalog: Catalog, listener: socket.socket | None = None) -> None:
    """Work until a signal comes, then finish what is under way.

    Args:
        settings: As read; what they say about who runs the jobs is about servers.
        catalog: The one that `settings` names.
        listener: Where to answer probes and those who ask for metrics, if anywhere.

    Raises:
        ConfigurationError: The store does not suit or does not answer.
    """
    if settings.store_url == "memory:":
        raise ConfigurationError(
            ["CDS_STORE_URL is memory:, which no other process can see; the server has to run its jobs itself."]
        )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings, catalog, listener))


async def _work(settings: Settings, catalog: Catalog, listener: socket.socket | None) -> None:
    ending = asyncio.Event()
    for one in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(one, ending.set)
    log = structlog.get_logger("app.work")
    service = Service(settings, catalog)
    try:
        state = await service.open()
        service.work(state)
        async with _probes(service, state, listener):
            log.info("working")
            await ending.wait()
            service.draining = True
    finally:
        await service.stop()
    log.info("worked")


class _Probes(Server):
    """uvicorn's server, which leaves signals to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not."""
        yield


@asynccontextmanager
async def _probes(service: Service, state: State, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer `/livez`, `/readyz` and `/metrics` meanwhile."""
    if listener is None:
        yield
        return
    edge = Edge(service.probes(), state, structlog.get_logger("app.request"))
    server = _Probes(
        Config(
            edge,
            http=Connection,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
    )
    serving = asyncio.create_task(server.serve([listener]), name="probes")
    try:
        yield
    finally:
        server.should_exit = True
        await serving
