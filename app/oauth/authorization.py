"""The authorization endpoint (RFC 6749 3.1 and 4.1.1; CDS-WG1-02 8.3): a request in, a page or an error out."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain import authorization
from app.domain.authorization import SentBack
from app.domain.authorization_parameters import Parameters
from app.oauth.visits import path_of
from app.web.access import note_client
from app.web.bodies import query_pairs, read_form_pairs
from app.web.pages import redirect
from app.web.routing import ErrorStyle, Limit, Route
from app.web.state import State


async def get_authorize(request: Request[State]) -> Response:
    """GET, as a Client sends its users; no HEAD, which would use the `request_uri` of a link up."""
    return await _begin(request, Parameters.of(query_pairs(request)))


async def post_authorize(request: Request[State]) -> Response:
    """POST of a form, which RFC 6749 3.1 allows Clients to use."""
    return await _begin(request, Parameters.of(await read_form_pairs(request)))


async def _begin(request: Request[State], parameters: Parameters) -> Response:
    state = request.state
    begun = await authorization.begin(state["context"], state["authorizations"], parameters, now=state["now"]())
    note_client(request, begun.client_id)
    return redirect(begun.url if isinstance(begun, SentBack) else path_of(state, begun.handle))


routes = [
    Route(
        "/oauth/authorize",
        {"GET": get_authorize, "POST": post_authorize},
        errors=ErrorStyle.PAGE,
        limit=Limit.ANONYMOUS,
        head=False,
    ),
]
