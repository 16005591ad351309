"""Operator keys: who has one, new ones, and the end of old ones. For admins."""

from typing import Any, Final

from starlette.requests import Request

from app.console.shell import Acting, console_page, console_route, done, posted, signed_in
from app.domain import operators
from app.domain.operators import ADMINISTERING, BOOTSTRAP, Operator, Role
from app.errors import Conflict, InvalidRequest, NotFound
from app.web.answers import Answer
from app.web.state import State

PATH: Final = "/console/keys"

ROLES: Final = (
    (Role.VIEWER, "viewer: reads everything"),
    (Role.SUPPORT, "support: also writes Messages"),
    (Role.ADMIN, "admin: also decides and changes"),
    (Role.INTROSPECTOR, "introspector: a system that checks access tokens, and nothing else"),
)


async def show(request: Request[State]) -> Answer:
    """GET."""
    acting = await signed_in(request, ADMINISTERING)
    return await _page(request, acting)


async def add(request: Request[State]) -> Answer:
    """POST of a new operator. The answer is the one page that ever has the key."""
    acting, form = await posted(request, ADMINISTERING, "operators.add")
    state, name, role = request.state, form.get("name"), form.get("role")
    try:
        operator, key = await operators.appoint(
            state["operators"], state["context"].randomness, acting.actor, name, role, now=state["now"]()
        )
    except (InvalidRequest, Conflict) as refusal:
        at = "role_error" if refusal.field == "role" else "error"
        return await _page(request, acting, status=refusal.status, name=name, role=role, **{at: refusal.description})
    return await _page(request, acting, key=key, added=operator.name)


async def revoke(request: Request[State]) -> Answer:
    """POST: the end of a key."""
    acting, form = await posted(request, ADMINISTERING, "operators.revoke")
    state, name = request.state, form.get("name")
    try:
        await operators.dismiss(state["operators"], acting.actor, name, now=state["now"]())
    except NotFound:
        return done(request, PATH, f"There is no operator {name} any more.", failed=True)
    except Conflict as refusal:
        return done(request, PATH, refusal.description, failed=True)
    return done(request, PATH, f"The key of {name} has been revoked. Nobody gets in with it any more.")


async def _page(request: Request[State], acting: Acting, *, status: int = 200, **values: Any) -> Answer:  # noqa: ANN401 -- whatever the template shows
    keys = request.state["operators"]
    found = [*([keys.bootstrap] if keys.bootstrap else []), *await keys.store.list()]
    return console_page(
        request,
        "keys.html",
        status=status,
        title="Operator keys",
        operators=[_shown(one) for one in found],
        me=acting.operator.name if acting.signed_in.session.key_digest else "",
        roles=ROLES,
        bootstrap=BOOTSTRAP,
        **({"error": "", "role_error": "", "name": "", "role": Role.VIEWER, "key": "", "added": ""} | values),
    )


def _shown(operator: Operator) -> dict[str, object]:
    return {"name": operator.name, "role": operator.role.value, "created_at": operator.created_at}


routes = [
    console_route(PATH, GET=show, POST=add),
    console_route(f"{PATH}/revoke", POST=revoke),
]
