"""The token endpoint (RFC 6749 3.2, 4.4 and 5; CDS-WG1-02 3.3.2)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.domain import token, token_requests
from app.domain.token import AccessToken
from app.oauth.callers import caller
from app.web.answers import json_answer
from app.web.bodies import read_form
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_token(request: Request[State]) -> Response:
    """Issue an access token."""
    state = request.state
    login, admitted = caller(request)
    asked = token_requests.read(await read_form(request))
    issued = await token.issue(state["context"], state["tokens"], login, asked, now=state["now"](), admitted=admitted)
    return json_answer(_body(issued))


def _body(issued: AccessToken) -> dict[str, Any]:
    body: dict[str, Any] = {
        "access_token": issued.access_token,
        "token_type": "bearer",
        "expires_in": issued.expires_in_seconds,
        "scope": issued.scope,
    }
    if issued.authorization_details:
        body["authorization_details"] = issued.authorization_details
    return body


routes = [Route("/oauth/token", {"POST": post_token}, errors=ErrorStyle.OAUTH)]
