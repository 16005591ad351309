"""Who calls an endpoint that authenticates Client Objects."""

from collections.abc import Callable
from functools import partial

from starlette.requests import Request

from app.domain.tokens import ClientLogin
from app.web.access import client_login, note_client
from app.web.state import State


def caller(request: Request[State]) -> tuple[ClientLogin, Callable[[], None]]:
    """The login of a request, and what to call as soon as it has turned out to be right.

    The allowance of a Client Object is spent only then, so that nobody can use up somebody else's with its id alone.

    Raises:
        InvalidClient: There are no credentials, or they cannot be ours.
        TooManyRequests: Too many failures from this address, or too many requests of this Client Object.
    """
    login = client_login(request)
    request.state["limiters"].client.require_room(login.client_id)
    return login, partial(_admit, request, login.client_id)


def _admit(request: Request[State], client_id: str) -> None:
    note_client(request, client_id)
    request.state["limiters"].client.hit(client_id)
