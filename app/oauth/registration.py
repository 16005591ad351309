"""The registration endpoint (CDS-WG1-02 section 4, RFC 7591 3)."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain import registration
from app.schemas.documents import document_of
from app.web.access import note_client
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State


async def register(request: Request[State]) -> Response:
    """Register a Client: 201 with the admin Client Object and its client_secret."""
    state = request.state
    context = state["context"]
    metadata = await read_json(request, limit_bytes=state["settings"].max_attachments_bytes)
    registered = await registration.register(context, metadata, now=state["now"]())
    note_client(request, registered.admin.client_id)
    state["metrics"].registered("api")
    body = document_of(registered.admin) | {"client_secret": registered.credential.client_secret}
    if context.catalog.registration.rfc7591_compatible:
        body["client_secret_expires_at"] = registered.credential.client_secret_expires_at  # ambiguities A2
    return json_answer(body, status=201)


routes = [Route("/oauth/register", {"POST": register}, errors=ErrorStyle.OAUTH, limit=Limit.REGISTRATION)]
