"""The revocation endpoint (RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain import revocation
from app.errors import InvalidRequest
from app.oauth.callers import caller
from app.web.answers import NO_STORE, empty_answer
from app.web.bodies import read_form
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_revoke(request: Request[State]) -> Response:
    """Revoke an access token. `token_type_hint` is a hint only, so any value will do (RFC 7009 2.1)."""
    state = request.state
    login, admitted = caller(request)
    access_token = (await read_form(request)).get("token")
    if access_token is None:
        raise InvalidRequest("token is required.", field="token")
    await revocation.revoke(
        state["context"], state["tokens"], login, access_token, now=state["now"](), admitted=admitted
    )
    return empty_answer(200, headers=NO_STORE)


routes = [Route("/oauth/revoke", {"POST": post_revoke}, errors=ErrorStyle.OAUTH)]
