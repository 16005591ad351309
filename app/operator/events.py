"""Everything that happens, in the operator API; webhooks tell the same to whoever does not want to ask."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain.operators import VIEWING
from app.operator.following import EVENT_PLACE, following_answer
from app.operator.reading import API
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/events"


async def list_events(request: Request[State]) -> Response:
    """GET: events after `after`, oldest first; of one registration with `registration_id`.

    About the last million are kept, and of every registration those among the last ten thousand or so of its shard.
    """
    await acting(request, VIEWING, "events.list")
    return await following_answer(request, PATH, "events", EVENT_PLACE, request.state["feed"].events)


routes = [Route(PATH, {"GET": list_events})]
