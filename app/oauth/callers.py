"""Who calls an endpoint that authenticates Client Objects."""

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import NamedTuple

from starlette.requests import Request

from app.crypto.tokens import local_id
from app.domain.admission import Admitted
from app.domain.tokens import ClientLogin, Login, PublicLogin
from app.errors import InvalidClient, InvalidRequest
from app.web.access import REFUSED_CLIENT, address_of, client_login, note_client
from app.web.bodies import read_form
from app.web.calls import headers_of
from app.web.state import State


class Form(NamedTuple):
    """The form parameters of a request, who sent it, and what to call when that has turned out to be right."""

    parameters: dict[str, str]
    login: Login
    admitted: Admitted


def caller(request: Request[State]) -> tuple[ClientLogin, Admitted]:
    """The login of a request, and what to call as soon as it has turned out to be right.

    The allowance of a Client Object is spent only then, so that nobody can use up somebody else's with its id alone.

    Raises:
        InvalidClient: There are no credentials, or they cannot be ours.
        TooManyRequests: Too many requests of this Client Object.
    """
    login = client_login(request)
    request.state["limiters"].client.require_room(login.client_id)
    return login, partial(_admit, request, login.client_id)


async def form_of_caller(request: Request[State]) -> Form:
    """The form of a request whose caller may be a Client Object without a secret (`token_endpoint_auth_method` `none`).

    Such a one says who it is with the parameter client_id (RFC 6749 3.2.1); whether it may is for the operation to
    decide. Requests like that are nobody's until they present something, so they count against their address.

    Raises:
        InvalidClient: Nothing says who it is, or that cannot be ours.
        InvalidRequest: The form is malformed, or says somebody else than the Authorization header does.
        ContentTooLarge: The body is too large.
        TooManyRequests: Too many requests from this address, or of this Client Object.
    """
    if b"authorization" in headers_of(request.scope):
        login, admitted = caller(request)
        parameters = await read_form(request)
        if parameters.get("client_id", login.client_id) != login.client_id:
            raise InvalidRequest("client_id is not the one of the Authorization header.", field="client_id")
        return Form(parameters, login, admitted)
    limiters, address = request.state["limiters"], address_of(request)
    await limiters.anonymous.spend(address)
    parameters = await read_form(request)
    public = _public_login(parameters)
    limiters.client.require_room(public.client_id)
    return Form(parameters, public, partial(_admit, request, public.client_id))


def _public_login(parameters: Mapping[str, str]) -> PublicLogin:
    if "client_secret" in parameters:
        raise InvalidClient("The client_secret belongs into the Authorization header: HTTP Basic is expected.")
    client_id = parameters.get("client_id", "")
    parts = local_id(client_id)
    if parts is None or not parts.local.isdigit():
        raise InvalidClient(REFUSED_CLIENT)
    return PublicLogin(parts.registration_id, client_id)


def _admit(request: Request[State], client_id: str) -> Awaitable[None] | None:
    note_client(request, client_id)
    return request.state["limiters"].client.hit(client_id)
