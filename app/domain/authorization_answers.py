"""What an authorization request is answered with: a redirect to the Client (RFC 6749 4.1.2, 4.1.2.1; RFC 9207 2)."""

from urllib.parse import urlencode

from app.domain.authorization_store import AuthorizationRequest
from app.domain.texts import public
from app.errors import Refusal

_MAX_DESCRIPTION = 500


def success(issuer: str, request: AuthorizationRequest, code: str) -> str:
    """The redirect that brings a code."""
    return _with(request.redirect_uri, issuer, request.state, {"code": code})


def failure(issuer: str, redirect_uri: str, state: str | None, refusal: Refusal) -> str:
    """The redirect that brings an error.

    Args:
        issuer: Ours, as in the metadata.
        redirect_uri: One that is proven to be the Client's.
        state: As it was sent.
        refusal: Why.
    """
    text = refusal.description
    if refusal.field and refusal.field not in text:
        text = f"{refusal.field}: {text}"
    error = {"error": refusal.code, "error_description": public(text, _MAX_DESCRIPTION)}
    return _with(redirect_uri, issuer, state, error)


def _with(redirect_uri: str, issuer: str, state: str | None, answer: dict[str, str]) -> str:
    """The redirect URI with parameters behind whatever query it has (RFC 6749 3.1.2)."""
    parameters = answer | ({} if state is None else {"state": state}) | {"iss": issuer}
    if redirect_uri.endswith(("?", "&")):
        return redirect_uri + urlencode(parameters)
    return redirect_uri + ("&" if "?" in redirect_uri else "?") + urlencode(parameters)
