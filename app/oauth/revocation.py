"""The revocation endpoint (RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import refresh_token_parts
from app.domain import refresh, revocation
from app.errors import InvalidRequest
from app.oauth.callers import form_of_caller
from app.web.answers import NO_STORE, empty_answer
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_revoke(request: Request[State]) -> Response:
    """Revoke a token. `token_type_hint` is a hint only, so any value will do (RFC 7009 2.1)."""
    state = request.state
    form = await form_of_caller(request)
    presented = form.parameters.get("token")
    if presented is None:
        raise InvalidRequest("token is required.", field="token")
    now, admitted = state["now"](), form.admitted
    if refresh_token_parts(presented):
        await refresh.give_back(state["user_tokens"], form.login, presented, now=now, admitted=admitted)
    else:
        await revocation.revoke(state["context"], state["tokens"], form.login, presented, now=now, admitted=admitted)
    return empty_answer(200, headers=NO_STORE)


routes = [Route("/oauth/revoke", {"POST": post_revoke}, errors=ErrorStyle.OAUTH)]
