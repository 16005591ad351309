"""Which redirect URIs a Client may set on its Client Objects (ambiguities B22)."""

from collections.abc import Collection

from app.domain import urls
from app.errors import InvalidRedirectUri

FIELD = "redirect_uris"

MAX_COUNT = 50

_RULE = "an absolute https URL without a fragment and without user information, of at most 2048 characters"
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
