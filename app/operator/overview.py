"""The counts and the inbox of the console's first page, for systems."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain.links import Links
from app.domain.operators import VIEWING
from app.domain.overview import Overview, overview
from app.operator import shown
from app.operator.reading import API
from app.web.answers import json_answer
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/overview"


async def get_overview(request: Request[State]) -> Response:
    """GET: how much there is, what waits, what happened last, how the store is."""
    context = (await acting(request, VIEWING, "overview.get")).context
    state = request.state
    seen = await overview(state["directory"], state["feed"], state["store_health"], now=state["now"]())
    return json_answer(_shown(context.links, seen))


def _shown(links: Links, seen: Overview) -> dict[str, Any]:
    tally = seen.tally
    return {
        "registrations": dict(tally.registrations),
        "onboarding": tally.onboarding,
        "waiting": {type_: {"count": one.count, "oldest": one.oldest} for type_, one in tally.waiting.items()},
        "outstanding": tally.outstanding,
        "grants": dict(tally.grants),
        "inbox": [shown.message_document(links, one.message) | {"age_seconds": one.age_seconds} for one in seen.inbox],
        "events": list(seen.latest),
        "store": {
            "round_trip_ms": seen.vitals.round_trip_ms,
            "used_memory_bytes": seen.vitals.used_memory_bytes,
            "feed_backlog": seen.backlog,
        },
    }


routes = [Route(PATH, {"GET": get_overview})]
