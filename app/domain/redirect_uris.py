"""Which redirect URIs a Client may set on its Client Objects (ambiguities B22), and which requests they fit."""

import re
from collections.abc import Collection

from app.domain import urls
from app.domain.as_metadata import PUBLIC
from app.errors import InvalidRedirectUri
from app.schemas.clients import Client, ClientStatus

FIELD = "redirect_uris"

MAX_COUNT = 50

_RULE = "an absolute https URL without a fragment and without user information, of at most 2048 characters"
_PORT = re.compile(r"(?i:http)://(\[[^\]]*\]|[^:/?\[]*)(?::[0-9]+)?(.*)", re.DOTALL)
_LOOPBACK_RULE = "; http is accepted for loopback hosts of sandbox Client Objects only"


def require_valid(uris: object, *, sandbox: bool, known: Collection[str] = ()) -> list[str]:
    """The redirect URIs of a PUT, in their order and to the letter, since they are compared exactly.

    Args:
        uris: The submitted value.
        sandbox: Whether the Client Object is for the sandbox, where http to a loopback host is accepted.
        known: URIs that are accepted as they are: the present ones and the server's own receipt page, which on a server
            without TLS is neither https nor, for a production object, allowed to be http.

    Raises:
        InvalidRedirectUri: Not a list, too many, one twice, or one that is not acceptable; `field` names which.

    Source: RFC 7592 2.2; RFC 6749 3.1.2; RFC 9700 2.1.
    """
    if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        raise InvalidRedirectUri(f"{FIELD} must be a list of URLs.", field=FIELD)
    if len(uris) > MAX_COUNT:
        raise InvalidRedirectUri(f"{FIELD} must have at most {MAX_COUNT} entries.", field=FIELD)
    for place, uri in enumerate(uris):
        if uri in uris[:place]:
            raise InvalidRedirectUri(f"{FIELD}.{place} is listed twice.", field=f"{FIELD}.{place}")
        if uri not in known and not _is_acceptable(uri, sandbox=sandbox):
            raise InvalidRedirectUri(f"{FIELD}.{place} must be {_RULE}{_LOOPBACK_RULE}.", field=f"{FIELD}.{place}")
    return list(uris)


def _is_acceptable(uri: str, *, sandbox: bool) -> bool:
    url = urls.parse(uri)
    if url is None or url.has_fragment or url.has_userinfo:
        return False
    return url.scheme == "https" or (sandbox and url.is_loopback)


def is_registered(uri: str, client: Client, *, receipt: str) -> bool:
    """Whether an answer to the Client Object may be sent to `uri`: one of its redirect URIs to the letter.

    A native app listens on whatever port of its machine is free, so for http to a loopback host the port may be another
    one, for Client Objects that are public or of the sandbox. Our own `receipt` page never moves.

    Source: RFC 6749 3.1.2.3; RFC 8252 7.3; RFC 9700 2.1 and 4.1.
    """
    if uri in client.redirect_uris:
        return True
    is_native = client.token_endpoint_auth_method == PUBLIC or client.cds_status is ClientStatus.SANDBOX
    if not is_native or not _is_on_loopback(uri):
        return False
    wanted = _without_port(uri)
    known = (one for one in client.redirect_uris if one != receipt and _is_on_loopback(one))
    return any(_without_port(one) == wanted for one in known)


def _is_on_loopback(uri: str) -> bool:
    url = urls.parse(uri)
    return bool(url and url.scheme == "http" and url.is_loopback and not url.has_userinfo and not url.has_fragment)


def _without_port(uri: str) -> tuple[str | None, ...]:
    """Host and rest of an http URL."""
    match = _PORT.fullmatch(uri)
    return match.groups() if match else (None,)
