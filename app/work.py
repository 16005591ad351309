"""`cds-server worker`: the background jobs as a process of their own.

It may be killed at any point: what was under way is done again by the next one, or by another one that runs beside it,
and has its effect once.
"""

import asyncio
import signal
from typing import Final

import structlog
import uvloop

from app.catalog import Catalog
from app.errors import ConfigurationError
from app.main import Service
from app.settings import Settings

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def work(settings: Settings, catalog: Catalog) -> None:
    """Work until a signal comes, then finish what is under way.

    Args:
        settings: As read; what they say about who runs the jobs is about servers.
        catalog: The one that `settings` names.

    Raises:
        ConfigurationError: The store does not suit or does not answer.
    """
    if settings.store_url == "memory:":
        raise ConfigurationError(
            ["CDS_STORE_URL is memory:, which no other process can see; the server has to run its jobs itself."]
        )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings, catalog))


async def _work(settings: Settings, catalog: Catalog) -> None:
    ending = asyncio.Event()
    for one in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(one, ending.set)
    log = structlog.get_logger("app.work")
    service = Service(settings, catalog)
    try:
        service.work(await service.open())
        log.info("working")
        await ending.wait()
    finally:
        await service.stop()
    log.info("worked")
