"""The introspection endpoint (RFC 7662)."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain import introspection
from app.errors import InvalidRequest
from app.oauth.callers import caller
from app.web.answers import json_answer
from app.web.bodies import read_form
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_introspect(request: Request[State]) -> Response:
    """Describe an access token. `token_type_hint` is not needed, because there is one type of token."""
    state = request.state
    login, admitted = caller(request)
    access_token = (await read_form(request)).get("token")
    if access_token is None:
        raise InvalidRequest("token is required.", field="token")
    described = await introspection.introspect(
        state["context"], state["tokens"], login, access_token, now=state["now"](), admitted=admitted
    )
    return json_answer(described)


routes = [Route("/oauth/introspect", {"POST": post_introspect}, errors=ErrorStyle.OAUTH)]
