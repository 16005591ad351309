"""Who may, for the operator API: an operator key in the Authorization header, and a role that suits."""

from typing import NamedTuple

from starlette.requests import Request

from app.domain.audit import acting_as
from app.domain.context import Context
from app.domain.feed import Actor
from app.domain.operators import Operator, Role, require_role
from app.web.access import note_operator, presented_key
from app.web.state import State


class Acting(NamedTuple):
    """An operator who may do what was asked for."""

    operator: Operator
    context: Context
    """Whatever is changed with it is in the audit log, in the same step."""
    actor: Actor
    """How the audit log calls the operator."""


async def acting(request: Request[State], roles: frozenset[Role], action: str) -> Acting:
    """The operator of a request to the operator API.

    There is no rate limit for operators; keys that fail count like every failed authentication.

    Args:
        request: With an operator key as its bearer token (RFC 6750 2.1: in the header only).
        roles: Who may do it.
        action: What the audit log calls it, e.g. `messages.decide`; reads have one too, although they leave no entry.

    Raises:
        InvalidToken: There is no key, or it is nobody's.
        InsufficientRole: The operator is of none of the roles.
        StoreUnavailable: The store does not answer.
    """
    state = request.state
    operator = await state["operators"].identify(presented_key(request), now=state["now"]())
    note_operator(request, operator.name)
    require_role(operator, roles)
    actor = Actor(name=operator.name, role=operator.role, via="api")
    return Acting(operator, acting_as(state["context"], actor, action), actor)
