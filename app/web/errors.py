"""The one place where refusals become HTTP.

OAuth endpoints answer the objects of RFC 6749 5.2 and RFC 7591 3.2.2; everything else answers RFC 9457 problem
details that carry `error` and `error_description` too (ambiguities J5), so that a client written in the OAuth manner
works as well. What users open in a browser answers a page (`app.web.pages`).
"""

import re
from typing import Any

from app.errors import (
    GatewayKeyRefused,
    IdentityProviderUnavailable,
    InsufficientScope,
    InvalidClient,
    InvalidToken,
    MethodNotAllowed,
    RangeNotSatisfiable,
    Refusal,
    StoreUnavailable,
    TooManyRequests,
)
from app.schemas.encoding import encode
from app.web.access import MISSING_KEY, MISSING_TOKEN
from app.web.answers import NO_STORE, Answer
from app.web.routing import ErrorStyle

REALM = "cds"
_NOT_ALLOWED = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


def error_answer(refusal: Refusal, style: ErrorStyle, request_id: str) -> Answer:
    """The answer to a refused request.

    Args:
        refusal: Why.
        style: What errors look like on this route.
        request_id: Named in problem details, so that support can find the log line.
    """
    headers = [*NO_STORE, *refusal_headers(refusal)]
    if style is ErrorStyle.OAUTH:
        body, content_type = _oauth_error(refusal), b"application/json"
    else:
        body, content_type = _problem(refusal, request_id), b"application/problem+json"
    return Answer(encode(body), content_type=content_type, status=refusal.status, headers=headers)


def _oauth_error(refusal: Refusal) -> dict[str, Any]:
    return {"error": refusal.code, "error_description": public_description(refusal)}


def _problem(refusal: Refusal, request_id: str) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "detail": public_description(refusal),
        "instance": f"urn:request:{request_id}",
    }
    if refusal.field:
        problem["errors"] = [{"field": refusal.field, "detail": refusal.description}]
    return problem | _oauth_error(refusal)


def public_description(refusal: Refusal) -> str:
    """The description with its field in front, in the characters that RFC 6749 5.2 permits."""
    text = refusal.description
    if refusal.field and refusal.field not in text:
        text = f"{refusal.field}: {text}"
    return _NOT_ALLOWED.sub("?", text.replace('"', "'"))


def refusal_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """What a refusal says in headers: how to authenticate, what is allowed, when to come back."""
    match refusal:
        case InvalidClient():
            return [(b"www-authenticate", f'Basic realm="{REALM}"'.encode())]
        case GatewayKeyRefused():
            return [(b"proxy-authenticate", f'Bearer realm="{REALM}"'.encode())]
        case InvalidToken() | InsufficientScope():
            return [(b"www-authenticate", _bearer_challenge(refusal).encode())]
        case MethodNotAllowed():
            return [(b"allow", ", ".join(refusal.allowed).encode())]
        case TooManyRequests():
            return rate_limit_headers(refusal)
        case StoreUnavailable() | IdentityProviderUnavailable():
            return [(b"retry-after", b"%d" % refusal.retry_after_seconds)]
        case RangeNotSatisfiable():
            return [(b"content-range", b"bytes */%d" % refusal.size_bytes)]
        case _:
            return []


def rate_limit_headers(refusal: TooManyRequests) -> list[tuple[bytes, bytes]]:
    """When to come back, and which allowance is used up (draft-ietf-httpapi-ratelimit-headers-11)."""
    name, seconds = refusal.limit.encode(), refusal.retry_after_seconds
    headers = [(b"retry-after", b"%d" % seconds), (b"ratelimit", b'"%b";r=0;t=%d' % (name, seconds))]
    if refusal.quota:
        headers.append((b"ratelimit-policy", b'"%b";q=%d;w=%d' % (name, refusal.quota, refusal.window_seconds)))
    return headers


def _bearer_challenge(refusal: InvalidToken | InsufficientScope) -> str:
    """RFC 6750 3: without a token or a key just the scheme, with a bad one the reason."""
    if refusal.description in {MISSING_TOKEN, MISSING_KEY}:
        return f'Bearer realm="{REALM}"'
    challenge = f'Bearer realm="{REALM}", error="{refusal.code}", error_description="{public_description(refusal)}"'
    return challenge + (f', scope="{refusal.scope}"' if isinstance(refusal, InsufficientScope) else "")
