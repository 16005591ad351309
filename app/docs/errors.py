"""What the error reference shows: every code that this server answers, in which status, and what to do about it."""

from typing import Any, Final, NamedTuple

from app import errors
from app.catalog import Catalog
from app.errors import Refusal
from app.settings import Settings

WHAT_TO_DO: Final = {
    "invalid_request": "Correct what error_description names; errors[0].field of the APIs says where it is.",
    "invalid_client_metadata": "Correct the field that error_description names and register, or PUT, again.",
    "invalid_redirect_uri": "Use absolute https URIs without a fragment; http is for loopback hosts in the sandbox.",
    "invalid_client": "Check client_id and client_secret. The Credential may have expired, or the Client Object may be"
    " disabled: the Credentials API of your admin Client Object shows both.",
    "invalid_grant": "The code or refresh token is used, expired, revoked, or belongs to another Client Object or"
    " code_verifier. Start again: ask the user for a new authorization.",
    "unauthorized_client": "This Client Object may not use that grant type or response type; its grant_types and"
    " response_types say which it may.",
    "unsupported_grant_type": "Use client_credentials, authorization_code or refresh_token.",
    "unsupported_token_type": "Revoke access tokens and refresh tokens only.",
    "invalid_scope": "Ask for scopes in the scope of your Client Object, separated by single spaces.",
    "invalid_authorization_details": "Compare the entry with the fields of its scope in the page about scopes.",
    "unsupported_response_type": "Use response_type=code.",
    "request_not_supported": "Push the request to /oauth/par instead of sending a request object.",
    "invalid_request_uri": "Push the request again: a request_uri works once, for a short time, for one Client Object.",
    "access_denied": "Respect it. The user has said no.",
    "cds_grant_id_invalid_value": "Send the grant_id of a Grant with status needs_authorization, of the same Client"
    " Object, and the scope that it asks for.",
    "cds_grant_id_invalid_user": "The Grant is meant for somebody else. Send prompt=login so that the user can change"
    " accounts.",
    "invalid_token": "Get a new access token. If it fails again, the Grant behind it has ended.",
    "gateway_key_refused": "Only gateways of the utility ask there, with a key of the role introspector in the"
    " Proxy-Authorization header.",
    "insufficient_role": "Ask an admin of the utility for a key of the role that error_description names.",
    "insufficient_scope": "Get a token for the scope that WWW-Authenticate names.",
    "invalid_signature": "Only systems of the utility call there. Sign webhook-id, webhook-timestamp and the body with"
    " the secret that was agreed on, and let the clock be right.",
    "not_found": "Check the URL; take it from a listing instead of building it. Objects of other registrations do not"
    " exist for you.",
    "method_not_allowed": "Use a method that the Allow header names.",
    "conflict": "Read the object again and decide anew: it was changed at the same time, or decided already.",
    "idempotency_key_reused": "Send each new request with an Idempotency-Key of its own, and a repeated one unchanged.",
    "content_too_large": "Send less. Attachments have a limit of their own; larger files can be linked with uri.",
    "range_not_satisfiable": "Ask for bytes within the file; Content-Range says how long it is.",
    "too_many_requests": "Wait as many seconds as Retry-After says.",
    "server_error": "Try again later; if it stays, write to support with the request id.",
    "temporarily_unavailable": "Try again after as many seconds as Retry-After says. Nothing was changed half.",
}
"""By code, for those that a program can meet."""

FOR_USERS: Final = frozenset(
    {
        "foreign_form",
        "cookies_needed",
        "wrong_login",
        "sign_in_needed",
        "sign_in_stopped",
        "sign_in_failed",
        "sign_in_unavailable",
        "request_over",
    }
)
"""Codes that only people meet, on pages that say in words what to do."""

AT_REDIRECT: Final = frozenset({"access_denied", "cds_grant_id_invalid_value", "cds_grant_id_invalid_user"})
"""Codes that come back to a redirect URI and nowhere else."""


class Entry(NamedTuple):
    """One code; `statuses` are those that it is answered in."""

    code: str
    title: str
    statuses: tuple[int, ...]
    advice: str
    at_redirect: bool


def every_refusal() -> list[type[Refusal]]:
    """All classes of refusals, in the order in which they are written."""
    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Refusal)]
    return [one for one in found if one is not Refusal]


def entries() -> list[Entry]:
    """The reference, one entry per code."""
    by_code: dict[str, list[type[Refusal]]] = {}
    for refusal in every_refusal():
        if refusal.code not in FOR_USERS:
            by_code.setdefault(refusal.code, []).append(refusal)
    return [
        Entry(
            code,
            kinds[0].title,
            tuple(sorted({kind.status for kind in kinds})),
            WHAT_TO_DO[code],
            code in AT_REDIRECT,
        )
        for code, kinds in by_code.items()
    ]


def contents(_catalog: Catalog, _settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    return {"entries": entries()}
