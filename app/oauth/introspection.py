"""The introspection endpoint (RFC 7662)."""

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import refresh_token_parts
from app.domain import introspection, refresh
from app.errors import InvalidRequest
from app.oauth.callers import caller
from app.oauth.resource_servers import describe_for_resource_server
from app.web.access import operator_key
from app.web.answers import json_answer
from app.web.bodies import read_form
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_introspect(request: Request[State]) -> Response:
    """Describe a token. `token_type_hint` is not needed, because every token shows its type (RFC 7662 2.1)."""
    key = operator_key(request)
    if key:
        return json_answer(await describe_for_resource_server(request, key))
    state = request.state
    login, admitted = caller(request)
    presented = (await read_form(request)).get("token")
    if presented is None:
        raise InvalidRequest("token is required.", field="token")
    context, now = state["context"], state["now"]()
    if refresh_token_parts(presented):
        described = await refresh.describe(context, state["user_tokens"], login, presented, now=now, admitted=admitted)
    else:
        described = await introspection.introspect(
            context, state["tokens"], login, presented, now=now, admitted=admitted
        )
    return json_answer(described)


routes = [Route("/oauth/introspect", {"POST": post_introspect}, errors=ErrorStyle.OAUTH)]
