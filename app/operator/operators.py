"""Operators in the operator API: who there is, new ones with their key, those that are none any more."""

from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain import operators
from app.domain.operators import ADMINISTERING, Operator
from app.errors import NotFound
from app.operator.reading import API, created_answer, refuse_other_fields, text
from app.web.answers import empty_answer, json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/operators"


async def list_operators(request: Request[State]) -> Response:
    """GET: all operators by name, the one of the settings among them. Nobody sees a key again."""
    await acting(request, ADMINISTERING, "operators.list")
    everybody = [shown(one) for one in await request.state["operators"].everybody()]
    return json_answer({"operators": everybody, "next": None, "previous": None})


async def post_operator(request: Request[State]) -> Response:
    """POST: a new operator; the answer is the only one that has the key."""
    actor = (await acting(request, ADMINISTERING, "operators.add")).actor
    submitted = await read_json(request)
    refuse_other_fields(submitted, ("name", "role"))
    state = request.state
    operator, key = await operators.appoint(
        state["operators"],
        state["context"].randomness,
        actor,
        text(submitted, "name"),
        text(submitted, "role"),
        now=state["now"](),
    )
    return created_answer(request, f"{PATH}/{operator.name}", shown(operator) | {"key": key})


async def get_operator(request: Request[State]) -> Response:
    """GET: one operator."""
    await acting(request, ADMINISTERING, "operators.get")
    name = request.path_params["name"]
    found = [one for one in await request.state["operators"].everybody() if one.name == name]
    if not found:
        raise NotFound(operators.NO_SUCH_OPERATOR)
    return json_answer(shown(found[0]))


async def delete_operator(request: Request[State]) -> Response:
    """DELETE: the key is worthless from now on, in other processes within `operators.CHECK_SECONDS`."""
    actor = (await acting(request, ADMINISTERING, "operators.revoke")).actor
    state = request.state
    await operators.dismiss(state["operators"], actor, request.path_params["name"], now=state["now"]())
    return empty_answer(204)


def shown(operator: Operator) -> dict[str, Any]:
    """An operator as the API shows one; `created` is null for the one of the settings."""
    created = datetime.fromtimestamp(operator.created_at, UTC) if operator.created_at else None
    return {"name": operator.name, "role": operator.role, "created": created}


routes = [
    Route(PATH, {"GET": list_operators, "POST": post_operator}),
    Route(f"{PATH}/{{name}}", {"GET": get_operator, "DELETE": delete_operator}),
]
