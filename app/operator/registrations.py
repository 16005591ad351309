"""Registrations: looked for, seen as a whole, suspended, let back in, noted about."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain import registrations
from app.domain.operators import ADMINISTERING, VIEWING
from app.operator import shown
from app.operator.paging import place, sheet_answer
from app.operator.reading import API, access_to, context_for, refuse_other_fields, refuse_other_parameters, text
from app.schemas.registrations import RegistrationStatus
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/registrations"

_ACTIONS: Final = {
    None: "registrations.note",
    RegistrationStatus.ACTIVE: "registrations.activate",
    RegistrationStatus.SUSPENDED: "registrations.suspend",
}


async def list_registrations(request: Request[State]) -> Response:
    """GET: registrations by `q`, `status`, `scope` and `onboarding`."""
    links = (await acting(request, VIEWING, "registrations.list")).context.links
    refuse_other_parameters(request, "q", "status", "scope", "onboarding", "cursor")
    sheet = await registrations.search(request.state["directory"], request.query_params, place(request))
    return sheet_answer(
        request, PATH, "registrations", [shown.registration(links, one.object) for one in sheet.items], sheet
    )


async def get_registration(request: Request[State]) -> Response:
    """GET: a registration with all that belongs to it."""
    context = (await acting(request, VIEWING, "registrations.get")).context
    access = access_to(request, request.path_params["registration_id"])
    return json_answer(shown.dossier(context.links, await registrations.dossier(context, access)))


async def patch_registration(request: Request[State]) -> Response:
    """PATCH: `status` with a `description` for the Client, or `notes`, which are for operators alone."""
    doing = await acting(request, ADMINISTERING, _ACTIONS[None])
    access = access_to(request, request.path_params["registration_id"])
    submitted = await read_json(request)
    refuse_other_fields(submitted, ("status", "notes", "description"))
    status = None if submitted.get("status") is None else registrations.read_status(submitted["status"])
    notes = None if submitted.get("notes") is None else text(submitted, "notes")
    modified = await registrations.modify(
        context_for(request, doing, _ACTIONS[status]),
        access,
        status=status,
        notes=notes,
        description=text(submitted, "description", ""),
    )
    return json_answer(shown.registration(doing.context.links, modified))


routes = [
    Route(PATH, {"GET": list_registrations}),
    Route(PATH + "/{registration_id}", {"GET": get_registration, "PATCH": patch_registration}),
]
