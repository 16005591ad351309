"""Probes: alive as long as the process answers, ready while it is started and not draining.

Neither asks the store: when a shared store is down, taking every server out of rotation would make it worse, so
requests answer 503 with Retry-After instead.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from app.web.answers import Answer
from app.web.routing import Route
from app.web.state import State


def routes(is_ready: Callable[[], bool]) -> list[Route]:
    """`/livez` and `/readyz`.

    Args:
        is_ready: False before the start is complete and from the moment the server begins to drain.
    """

    async def livez(_: Request[State]) -> Response:
        return Answer(b"ok\n", content_type=b"text/plain")

    async def readyz(_: Request[State]) -> Response:
        if is_ready():
            return Answer(b"ready\n", content_type=b"text/plain")
        return Answer(b"draining\n", content_type=b"text/plain", status=503, headers=[(b"retry-after", b"2")])

    return [Route("/livez", {"GET": livez}), Route("/readyz", {"GET": readyz})]
