"""The audit log in the operator API: who changed what. All who may read what operators read may read it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain.operators import VIEWING
from app.operator.following import RECORD_PLACE, following_answer
from app.operator.reading import API
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/audit"


async def list_audit(request: Request[State]) -> Response:
    """GET: records after `after`, oldest first; of one registration with `registration_id`. All of them are kept."""
    await acting(request, VIEWING, "audit.list")
    return await following_answer(request, PATH, "audit", RECORD_PLACE, request.state["feed"].audit)


routes = [Route(PATH, {"GET": list_audit})]
