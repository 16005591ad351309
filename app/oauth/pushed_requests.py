"""The pushed authorization request endpoint (RFC 9126; CDS-WG1-02 3.2)."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain import pushed_requests
from app.domain.authorization_parameters import Parameters
from app.oauth.callers import form_of_caller
from app.web.answers import json_answer
from app.web.routing import ErrorStyle, Route
from app.web.state import State


async def post_par(request: Request[State]) -> Response:
    """Take the parameters of an authorization request, and give a `request_uri` for them."""
    state = request.state
    form = await form_of_caller(request)
    pushed = await pushed_requests.push(
        state["context"],
        state["authorizations"],
        state["user_tokens"],
        form.login,
        Parameters.of(form.parameters.items()),
        now=state["now"](),
        admitted=form.admitted,
    )
    return json_answer({"request_uri": pushed.request_uri, "expires_in": pushed.expires_in_seconds}, status=201)


routes = [Route("/oauth/par", {"POST": post_par}, errors=ErrorStyle.OAUTH)]
