"""The token endpoint (RFC 6749 3.2, 4.1.3, 4.4, 5 and 6; CDS-WG1-02 3.3.2)."""

from collections.abc import Awaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.domain import code_exchange, refresh, token, token_requests
from app.domain.token import REFUSED, AccessToken
from app.domain.token_requests import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN
from app.domain.tokens import ClientLogin
from app.domain.user_access import UserAccess
from app.errors import InvalidClient
from app.oauth.callers import Form, form_of_caller
from app.web.answers import json_answer
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_token(request: Request[State]) -> Response:
    """Issue an access token."""
    form = await form_of_caller(request)
    grant_type = form.parameters.get("grant_type")
    if grant_type == AUTHORIZATION_CODE:
        issued: AccessToken = await _exchange(request.state, form)
    elif grant_type == REFRESH_TOKEN:
        issued = await _refresh(request.state, form)
    else:
        grant_type, issued = CLIENT_CREDENTIALS, await _issue(request.state, form)
    request.state["metrics"].token_issued(grant_type)
    return json_answer(_body(issued))


async def _exchange(state: State, form: Form) -> AccessToken:
    asked = code_exchange.read(form.parameters)
    return await code_exchange.exchange(
        state["context"], state["user_tokens"], form.login, asked, now=state["now"](), admitted=form.admitted
    )


async def _refresh(state: State, form: Form) -> AccessToken:
    asked = refresh.read(form.parameters)
    return await refresh.refresh(
        state["context"], state["user_tokens"], form.login, asked, now=state["now"](), admitted=form.admitted
    )


def _issue(state: State, form: Form) -> Awaitable[AccessToken]:
    if not isinstance(form.login, ClientLogin):
        raise InvalidClient(REFUSED)
    asked = token_requests.read(form.parameters)
    return token.issue(state["context"], state["tokens"], form.login, asked, now=state["now"](), admitted=form.admitted)


def _body(issued: AccessToken) -> dict[str, Any]:
    body: dict[str, Any] = {
        "access_token": issued.access_token,
        "token_type": "bearer",
        "expires_in": issued.expires_in_seconds,
        "scope": issued.scope,
    }
    if issued.authorization_details:
        body["authorization_details"] = issued.authorization_details
    if isinstance(issued, UserAccess) and issued.refresh_token:
        body["refresh_token"] = issued.refresh_token
    return body


routes = [Route("/oauth/token", {"POST": post_token}, errors=ErrorStyle.OAUTH)]
