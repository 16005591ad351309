"""`/metrics` (see `app.web.metrics`), for those who watch the server from inside."""

import asyncio
import time
from typing import Any, Final, Literal

import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.domain.depths import DepthGauge, Depths
from app.errors import NotFound, Refusal
from app.web.answers import Answer
from app.web.routing import Route
from app.web.state import State

LOOK_SECONDS: Final = 2.0
"""How long the store is waited for; Prometheus waits ten seconds for everything."""

FRESH_SECONDS: Final = 2.0
"""How long an answer of the store is good, so that asking often does not mean asking the store often."""

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def routes(metrics: Literal["on", "proxied", "off"]) -> list[Route]:
    """The route, or none.

    Args:
        metrics: With `on`, whoever comes through a proxy is told that there is nothing: proxies are for callers from
            outside, and Prometheus asks each server directly. With `proxied` the proxies have to see to it.
    """
    if metrics == "off":
        return []

    async def get_metrics(request: Request[State]) -> Response:
        if metrics == "on" and any(name in request.headers for name in _FORWARDED):
            raise NotFound("There is nothing at this address.")
        depths = await watch.look(request.state["depths"], request)
        # prometheus-client takes a while to import, and some milliseconds to write.
        return await asyncio.to_thread(_page, request, depths)

    watch = _Watch()
    return [Route("/metrics", {"GET": get_metrics})]


def _page(request: Request[State], depths: Depths | None) -> Answer:
    from app.web.exposition import page  # noqa: PLC0415 -- its library takes a tenth of a second; see above

    body, content_type = page(request.state["metrics"], depths, request.headers.get("accept"))
    return Answer(body, content_type=content_type.encode(), headers=[(b"cache-control", b"no-store")])


class _Watch:
    """Looks at the store, not more often than need be and once for all who ask at the same time."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._until = float("-inf")
        self._seen: Depths | None = None
        self._log: Any = structlog.get_logger("app.api.metrics")

    async def look(self, gauge: DepthGauge, request: Request[State]) -> Depths | None:
        """What waits; None when the store does not say in time."""
        async with self._turn:
            if time.monotonic() >= self._until:
                self._seen = await self._measure(gauge, request)
                self._until = time.monotonic() + FRESH_SECONDS
            return self._seen

    async def _measure(self, gauge: DepthGauge, request: Request[State]) -> Depths | None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await gauge.measure(request.state["now"]())
        except (Refusal, TimeoutError) as error:
            self._log.warning("depths_unknown", error=str(error) or "the store did not answer in time")
            return None
