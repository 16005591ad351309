"""Introspection for resource servers, which come with an operator key (RFC 7662 2.1, RFC 8414 2)."""

from typing import Any

from starlette.requests import Request

from app.domain import introspection
from app.domain.operators import INTROSPECTING
from app.errors import InvalidRequest
from app.web.access import note_operator
from app.web.bodies import read_form
from app.web.state import State


async def describe_for_resource_server(request: Request[State], key: str) -> dict[str, Any]:
    """What a resource server learns about an access token of whichever registration.

    A refresh token is nothing to it: nobody but its Client Object has business with one (RFC 7662 2.2).

    There is no rate limit: a resource server asks as often as the Clients come to it, and is the utility's own.

    Raises:
        InvalidToken: The key is nobody's, or not for this.
        InvalidRequest: There is no token.
        StoreUnavailable: The store does not answer.
    """
    state = request.state
    now = state["now"]()
    operator = await state["operators"].require(key, INTROSPECTING, now=now)
    note_operator(request, operator.name)
    presented = (await read_form(request)).get("token")
    if presented is None:
        raise InvalidRequest("token is required.", field="token")
    return await introspection.introspect_any(state["context"], state["tokens"], presented, now=now)
