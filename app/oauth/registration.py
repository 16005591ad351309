"""The registration endpoint (CDS-WG1-02 section 4, RFC 7591 3)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.domain import registration, registration_repeats
from app.domain.repeats import HEADER
from app.web.access import note_client
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State


async def register(request: Request[State]) -> Response:
    """Register a Client: 201 with the admin Client Object and its client_secret.

    With an Idempotency-Key the same request makes one registration, however often it is sent.
    """
    state = request.state
    context = state["context"]
    metadata = await read_json(request, limit_bytes=state["settings"].max_attachments_bytes)
    if (key := request.headers.get(HEADER)) is not None:
        return await _register_once(request, metadata, key)
    registered = await registration.register(context, metadata, now=state["now"]())
    return _created(request, registered)


async def _register_once(request: Request[State], metadata: dict[str, Any], key: str) -> Response:
    state = request.state
    context, now = state["context"], state["now"]()
    registered = await registration_repeats.register_once(
        context, state["repeats"], metadata, key, request.url.path, now=now
    )
    if not isinstance(registered, str):
        return _created(request, registered)
    note_client(request, registered)
    made = await registration_repeats.read_answer(context, registered, now=now)
    return json_answer(registration.answer_of(context, made.admin, made.credential), status=201)


def _created(request: Request[State], registered: registration.Registered) -> Response:
    note_client(request, registered.client_id)
    request.state["metrics"].registered("api")
    return json_answer(registered.answer, status=201)


routes = [Route("/oauth/register", {"POST": register}, errors=ErrorStyle.OAUTH, limit=Limit.REGISTRATION)]
