"""The operator API for broadcasts (DESIGN.md section 5): one text to every registration, or to selected ones."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain import broadcasts
from app.domain.operators import SUPPORTING, VIEWING
from app.operator.reading import refuse_other_fields, refuse_other_parameters
from app.schemas.documents import document_of
from app.web.answers import NO_STORE, json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.paging import cursor, link
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/operator/api/v1/broadcasts"
LOOK: Final = "broadcasts.read"

_FIELDS: Final = ("name", "description", "related_uri", "related_type", "scopes")


async def list_broadcasts(request: Request[State]) -> Response:
    """GET: broadcasts, newest first."""
    await acting(request, VIEWING, LOOK)
    refuse_other_parameters(request, "cursor")
    page = await request.state["broadcasts"].page(cursor(request))
    body = {
        "broadcasts": page.items,
        "next": link(request, PATH, page.next),
        "previous": link(request, PATH, page.previous),
    }
    return json_answer(body)


async def post_broadcast(request: Request[State]) -> Response:
    """POST: begin a broadcast. With an Idempotency-Key it is the same one, however often it is posted."""
    who = await acting(request, SUPPORTING, broadcasts.CREATED)
    submitted = await read_json(request)
    refuse_other_fields(submitted, _FIELDS)  # without `scopes` it goes to everybody, so a misspelt one must not pass
    state = request.state
    broadcast = await broadcasts.create(
        state["context"],
        state["broadcasts"],
        who.actor,
        submitted,
        now=state["now"](),
        idempotency_key=request.headers.get("idempotency-key"),
    )
    location = f"{state['settings'].public_url}{PATH}/{broadcast.broadcast_id}"
    return json_answer(broadcast, status=201, headers=[*NO_STORE, (b"location", location.encode())])


async def post_preview(request: Request[State]) -> Response:
    """POST: what a broadcast would do: how many would get it, and the Message but for its id."""
    await acting(request, SUPPORTING, LOOK)
    submitted = await read_json(request)
    refuse_other_fields(submitted, _FIELDS)
    state = request.state
    seen = await broadcasts.preview(state["context"], state["broadcasts"], submitted, now=state["now"]())
    message = document_of(seen.message)
    return json_answer(
        {
            "recipients": seen.recipients,
            "message": {name: value for name, value in message.items() if name not in {"message_id", "uri"}},
        }
    )


async def get_broadcast(request: Request[State]) -> Response:
    """GET: one broadcast, with how far it has got."""
    await acting(request, VIEWING, LOOK)
    return json_answer(await broadcasts.get(request.state["broadcasts"], request.path_params["broadcast_id"]))


routes = [
    Route(PATH, {"GET": list_broadcasts, "POST": post_broadcast}),
    Route(f"{PATH}/preview", {"POST": post_preview}),
    Route(f"{PATH}/{{broadcast_id}}", {"GET": get_broadcast}),
]
