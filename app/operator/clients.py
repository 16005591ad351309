"""Client Objects: seen, changed, approved for production (CDS-WG1-02 section 5)."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain import client_decisions, production
from app.domain.operators import ADMINISTERING, VIEWING
from app.operator import shown
from app.operator.reading import API, access_of, created_answer, found, read_optional_json, refuse_other_fields, text
from app.schemas.clients import Client
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/clients"


async def get_client(request: Request[State]) -> Response:
    """GET: a Client Object."""
    await acting(request, VIEWING, "clients.get")
    return json_answer(await _shown(request, request.path_params["client_id"]))


async def patch_client(request: Request[State]) -> Response:
    """PATCH: fields of a Client Object, `cds_status` and `cds_status_options` among them; `description` says why."""
    context = (await acting(request, ADMINISTERING, "clients.modify")).context
    client_id = request.path_params["client_id"]
    access = access_of(request, client_id)
    submitted = await read_json(request, limit_bytes=request.state["settings"].max_attachments_bytes)
    await client_decisions.modify(context, access, client_id, submitted)
    return json_answer(await _shown(request, client_id))


async def post_approval(request: Request[State]) -> Response:
    """POST: give a sandbox object its production twin, whatever onboarding steps are open: 201 with the twin."""
    context = (await acting(request, ADMINISTERING, "clients.approve")).context
    client_id = request.path_params["client_id"]
    access = access_of(request, client_id)
    submitted = await read_optional_json(request)
    refuse_other_fields(submitted, ("description",))
    twin = await production.approve(context, access, client_id, text(submitted, "description", ""))
    return created_answer(request, f"{PATH}/{twin.client_id}", await _shown(request, twin.client_id))


async def _shown(request: Request[State], client_id: str) -> shown.Shown:
    return shown.client(await found(request.state["context"], access_of(request, client_id), Client, client_id))


routes = [
    Route(PATH + "/{client_id}", {"GET": get_client, "PATCH": patch_client}),
    Route(PATH + "/{client_id}/approve", {"POST": post_approval}),
]
