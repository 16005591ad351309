"""May this request pass? A gateway asks for each request that it has (`auth_request`, `ext_authz`, forward auth).

Gateways understand statuses and headers, and not the object of introspection (RFC 7662), which is 200 for a token that
is good for nothing. The rule is the same one: `app.domain.introspection`.

The request comes as the gateway has got it: with whatever method, and with the access token of the Client in its
Authorization header. The gateway says who it is in Proxy-Authorization, and what the token has to be good for in
X-Required-Scope. A key that fails is no 401 and no 403: gateways pass those on, and the Client would throw its token
away.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.domain import introspection
from app.domain.operators import INTROSPECTING
from app.errors import GatewayKeyRefused, InsufficientScope, InvalidToken, Refusal
from app.web.access import note_client, note_operator, presented_token, proxy_key
from app.web.answers import NO_STORE, Answer, empty_answer
from app.web.errors import error_answer
from app.web.routing import ErrorStyle, Route
from app.web.state import Facts, State

PATH: Final = "/oauth/forward-auth"
REQUIRED_SCOPE: Final = "x-required-scope"
USELESS: Final = "The access token is malformed, expired or revoked, or its Grant has ended."

_HEADERS: Final = (
    (b"x-client-id", "client_id"),
    (b"x-scope", "scope"),
    (b"x-grant-id", "cds_grant_id"),
    (b"x-subject", "sub"),
    (b"x-token-expires", "exp"),
)
"""What the service behind the gateway learns, and which member of the introspection response it is."""


async def forward_auth(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 200 when the request may pass, and 401 or 403 with what the Client is to be told when it may not.

    There is no rate limit, and a token that is good for nothing is no failed authentication of the gateway, whose
    address it would count against.

    Raises:
        GatewayKeyRefused: The gateway has no key, or none for this.
        StoreUnavailable: The store does not answer.
    """
    request: Request[State] = Request(scope, receive)
    await _require_gateway(request)
    try:
        answer = empty_answer(200, headers=[*NO_STORE, *_told(request, await _described(request))])
    except (InvalidToken, InsufficientScope) as refusal:
        answer = _refused(request, refusal)
    await answer(scope, receive, send)


async def _require_gateway(request: Request[State]) -> None:
    state = request.state
    try:
        operator = await state["operators"].require(proxy_key(request), INTROSPECTING, now=state["now"]())
    except InvalidToken as error:
        raise GatewayKeyRefused(error.description) from error
    note_operator(request, operator.name)


async def _described(request: Request[State]) -> dict[str, Any]:
    """The introspection response for the token of a request. Raises InvalidToken, InsufficientScope."""
    state = request.state
    token = presented_token(request)
    described = await introspection.introspect_any(state["context"], state["tokens"], token, now=state["now"]())
    if not described["active"]:
        raise InvalidToken(USELESS)
    required = request.headers.get(REQUIRED_SCOPE, "").split()
    if not set(required) <= set(described["scope"].split()):
        known = " ".join(one for one in required if one in state["context"].catalog.scopes)
        raise InsufficientScope("The access token is good, but not for this.", scope=known)
    return described


def _told(request: Request[State], described: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    note_client(request, described["client_id"])
    return [(header, str(described[member]).encode("ascii")) for header, member in _HEADERS]


def _refused(request: Request[State], refusal: Refusal) -> Answer:
    facts: Facts = request.scope["cds.facts"]
    return error_answer(refusal, ErrorStyle.OAUTH, facts.request_id)


routes = [Route(PATH, app=forward_auth, errors=ErrorStyle.OAUTH)]
