"""Who may: bearer tokens of the CDS APIs, client authentication of the OAuth endpoints.

Source: CDS-WG1-02 11.2 with RFC 6750 2.1 (header only, ambiguities J6), RFC 6749 2.3.1.
"""

import binascii
from collections.abc import Awaitable
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request

from app.crypto.tokens import digest, local_id, registration_of_reference
from app.domain.records import Access, TokenFacts
from app.domain.tokens import ClientLogin
from app.errors import InvalidClient, InvalidToken
from app.web.addresses import limit_key
from app.web.calls import facts_of, header
from app.web.rate_limit import RateLimiter
from app.web.state import Facts, State

MISSING_TOKEN = "This needs an access token in the Authorization header: Bearer, then the token."  # noqa: S105
MISSING_KEY = "This needs an operator key in the Authorization header: Bearer, then the key."
MISSING_PROXY_KEY = "This needs an operator key in the Proxy-Authorization header: Bearer, then the key."
REFUSED_CLIENT = (
    "The client_id or the client_secret is wrong, expired or disabled; HTTP Basic authentication is expected."
)


def bearer(request: Request[State], scope: str) -> Access:
    """Whose data a request may read: the store checks the token in the round trip that reads.

    Raises:
        InvalidToken: There is no token, or something that cannot be one.
    """
    state = request.state
    token = _presented(request, MISSING_TOKEN)
    now = state["now"]()
    reference = state["context"].access_tokens.reference_of(token, now=now)
    if reference is None:
        raise InvalidToken("The access token is malformed.")
    admitted = partial(_admit, facts_of(request), state["limiters"].client)
    return Access(registration_of_reference(reference), now, digest(reference), scope, None, admitted)


def _admit(facts: Facts, limiter: RateLimiter, token: TokenFacts) -> Awaitable[None] | None:
    """Runs when the store has found the token good and before anything is done with it."""
    facts.client_id = client_id = token.client_id
    facts.registration_id = client_id.partition("-")[0]
    return limiter.hit(client_id)


def client_login(request: Request[State]) -> ClientLogin:
    """The client_id and client_secret of HTTP Basic, percent-encoded (RFC 6749) or plain (the spec's example).

    Raises:
        InvalidClient: There are none, or they cannot be ours.
    """
    scheme, credentials = _authorization(request)
    if scheme != "basic":
        raise InvalidClient(REFUSED_CLIENT)
    client_id, _, client_secret = _basic(credentials).partition(":")
    # Our ids and secrets have no character that percent-encoding changes but these, so decoding is safe for both ways.
    if "%" in client_id or "%" in client_secret:
        client_id, client_secret = unquote_plus(client_id), unquote_plus(client_secret)
    parts = local_id(client_id)
    if parts is None or not parts.local.isdigit() or not client_secret:
        raise InvalidClient(REFUSED_CLIENT)
    return ClientLogin(parts.registration_id, client_id, digest(client_secret))


def note_client(request: Request[Any], client_id: str) -> None:
    """Put the caller into the log line of the request."""
    facts = facts_of(request)
    facts.client_id = client_id
    facts.registration_id = client_id.partition("-")[0]


def operator_key(request: Request[State]) -> str | None:
    """The operator key that a request comes with; None when it comes with something else."""
    scheme, key = _authorization(request)
    return key if scheme == "bearer" and request.state["operators"].may_be_key(key) else None


def presented_token(request: Request[State]) -> str:
    """The access token that a request comes with, of whichever registration and good or not.

    Raises:
        InvalidToken: There is none.
    """
    return _presented(request, MISSING_TOKEN)


def proxy_key(request: Request[State]) -> str:
    """The operator key of a gateway, beside the Authorization of the request that it has got.

    Raises:
        InvalidToken: There is none.
    """
    return _presented(request, MISSING_PROXY_KEY, b"proxy-authorization")


def presented_key(request: Request[State]) -> str:
    """What a request for operators comes with as its key.

    Raises:
        InvalidToken: There is nothing.
    """
    return _presented(request, MISSING_KEY)


def note_operator(request: Request[Any], name: str) -> None:
    """Put the operator into the log line of the request."""
    facts_of(request).operator = name


def address_of(request: Request[State]) -> str:
    """What limits by source count."""
    return limit_key(request.scope, request.state["settings"].trusted_proxies)


def _presented(request: Request[Any], missing: str, name: bytes = b"authorization") -> str:
    """The bearer token of a header. Raises InvalidToken, which says `missing`, when there is none."""
    scheme, token = _authorization(request, name)
    if scheme != "bearer" or not token:
        raise InvalidToken(missing)
    return token


def _authorization(request: Request[Any], name: bytes = b"authorization") -> tuple[str, str]:
    """The scheme and what follows it; both empty, or only the second, when there is nothing."""
    scheme, credentials, *_ = *header(request, name).split(None, 1), "", ""
    return scheme.lower(), credentials.strip()


def _basic(credentials: str) -> str:
    try:
        return binascii.a2b_base64(credentials, strict_mode=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidClient(REFUSED_CLIENT) from error
