"""Errors and headers that many answers share."""

import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from app.errors import (
    ContentTooLarge,
    GatewayKeyRefused,
    InsufficientRole,
    InsufficientScope,
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    Refusal,
    ServerError,
    StoreUnavailable,
    TooManyRequests,
)
from app.openapi.described import HTML, JSON, Operation, Who
from app.openapi.schemas import reference
from app.openapi.shapes.public import OAuthError, Problem
from app.web.routing import ErrorStyle, Limit, Route

Shape = dict[str, Any]

PROBLEM: Final = "application/problem+json"
_BODIES: Final[dict[ErrorStyle, tuple[str, Shape]]] = {
    ErrorStyle.OAUTH: (JSON, reference(OAuthError)),
    ErrorStyle.PROBLEM: (PROBLEM, reference(Problem)),
    ErrorStyle.PAGE: (HTML, {"type": "string"}),
}
_BY_CALLER: Final[dict[Who, tuple[type[Refusal], ...]]] = {
    Who.ANYBODY: (),
    Who.SIGNED: (),
    Who.CLIENT: (InvalidClient, TooManyRequests, StoreUnavailable),
    Who.INTROSPECTOR: (InvalidClient, InvalidToken, TooManyRequests, StoreUnavailable),
    Who.GATEWAY: (GatewayKeyRefused, InvalidToken, InsufficientScope, TooManyRequests, StoreUnavailable),
    Who.TOKEN: (InvalidToken, InsufficientScope, TooManyRequests, StoreUnavailable),
    Who.FILES_TOKEN: (InvalidToken, InsufficientScope, TooManyRequests, StoreUnavailable),
    Who.OPERATOR: (InvalidToken, InsufficientRole, TooManyRequests, StoreUnavailable),
}
_HEADERS_OF_STATUS: Final = {
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: ("Proxy-Authenticate",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: ("Content-Range",),
}

HEADERS: Final[dict[str, Shape]] = {
    name: {"description": text, "required": required, "schema": schema, "example": example}
    for name, text, required, schema, example in (
        (
            "X-Request-Id",
            "Finds the request in the log: the caller's own, if it is 8 to 128 letters, digits, `-` and `_`.",
            True,
            {"type": "string"},
            "0d1f5cbe47000001",
        ),
        ("Location", "Where the new object is.", True, {"type": "string", "format": "uri"}, "https://utility.example/"),
        ("ETag", "Names this version of the document.", True, {"type": "string"}, '"qL1Zx0V6pWm3"'),
        ("Cache-Control", "For how long it may be kept.", True, {"type": "string"}, "public, max-age=300"),
        ("WWW-Authenticate", "How to authenticate.", True, {"type": "string"}, 'Bearer realm="cds"'),
        ("Proxy-Authenticate", "How a gateway authenticates.", True, {"type": "string"}, 'Bearer realm="cds"'),
        ("X-Client-Id", "The Client Object that has the token.", True, {"type": "string"}, "5f3k9w2m7q1x8z-2"),
        ("X-Scope", "What the token is good for at this moment.", True, {"type": "string"}, "ple_customer_data"),
        ("X-Grant-Id", "The Grant that it was issued under.", True, {"type": "string"}, "5f3k9w2m7q1x8z-g7h2k9m4p1"),
        (
            "X-Subject",
            "The Client Object, or the Grant when a user has authorized it.",
            True,
            {"type": "string"},
            "5f3k9w2m7q1x8z-2",
        ),
        ("X-Token-Expires", "When it expires, in Unix seconds.", True, {"type": "integer"}, 1780318800),
        ("Retry-After", "After how many seconds to try again.", True, {"type": "integer"}, 2),
        ("RateLimit", "What is left of which allowance, and until when.", True, {"type": "string"}, '"client";r=0;t=3'),
        (
            "RateLimit-Policy",
            "How many requests that allowance is for, and within how many seconds.",
            False,
            {"type": "string"},
            '"client";q=6000;w=60',
        ),
        ("Content-Range", "Which bytes these are, and of how many.", True, {"type": "string"}, "bytes 0-1023/48213"),
        ("Content-Disposition", "The name of the file.", True, {"type": "string"}, 'attachment; filename="a.pdf"'),
        ("Accept-Ranges", "Parts can be asked for.", True, {"type": "string"}, "bytes"),
        ("Redirect", "Where to go on.", True, {"type": "string"}, "https://meadow.example/callback?code=…"),
    )
}
"""By the name that operations use; `Redirect` is a Location that may be relative."""


def refusals_of(operation: Operation, route: Route) -> list[type[Refusal]]:
    """Every error that an operation may answer with: its own, and those of its caller, its body and its limits."""
    common = [*_BY_CALLER[operation.who], ServerError]
    if operation.body:
        common += [InvalidRequest, ContentTooLarge]
    if operation.parameters and any(one.place == "query" for one in operation.parameters):
        common.append(InvalidRequest)
    if route.limit is not Limit.NONE:
        common.append(TooManyRequests)
    return list(dict.fromkeys([*operation.refusals, *common]))


def error_responses(refusals: Iterable[type[Refusal]], style: ErrorStyle) -> dict[str, Shape]:
    """The responses for refusals, by status."""
    by_status: dict[int, list[type[Refusal]]] = {}
    for one in refusals:
        by_status.setdefault(one.status, []).append(one)
    return {str(status): _error(status, tuple(several), style) for status, several in sorted(by_status.items())}


@cache
def _error(status: int, refusals: tuple[type[Refusal], ...], style: ErrorStyle) -> Shape:
    codes = list(dict.fromkeys(one.code for one in refusals))
    content_type, schema = _BODIES[style]
    content: Shape = {"schema": schema}
    if style is not ErrorStyle.PAGE:
        content["examples"] = {one.code: {"value": _example(one, style)} for one in refusals}
    return {
        "description": " ".join(dict.fromkeys(_sentence(one) for one in refusals)),
        "headers": headers_of(["X-Request-Id", *_headers(status, refusals, style)]),
        "content": {content_type: content},
        "x-error-codes": codes,
    }


def _headers(status: int, refusals: tuple[type[Refusal], ...], style: ErrorStyle) -> tuple[str, ...]:
    """The headers of an error. Browsers are never challenged: they would ask for a password of their own."""
    if status == HTTPStatus.UNAUTHORIZED:
        challenges = style is not ErrorStyle.PAGE and {InvalidClient, InvalidToken} & {*refusals}
        return ("WWW-Authenticate",) if challenges else ()
    return _HEADERS_OF_STATUS.get(HTTPStatus(status), ())


def _sentence(refusal: type[Refusal]) -> str:
    """What an error means: the first clause of what its class says about it; the rest is for those who work on it."""
    said = " ".join((refusal.__doc__ or refusal.title).split())
    first = re.split(r"[.;] ", said)[0].rstrip(".")
    return f"`{refusal.code}`: {first}."


def _example(refusal: type[Refusal], style: ErrorStyle) -> Shape:
    oauth = {"error": refusal.code, "error_description": f"{refusal.title}."}
    if style is ErrorStyle.OAUTH:
        return oauth
    return {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "detail": f"{refusal.title}.",
        "instance": "urn:request:0d1f5cbe47000001",
        **oauth,
    }


def headers_of(names: Iterable[str]) -> Shape:
    """References to headers, by the name that they have on the wire."""
    return {"Location" if name == "Redirect" else name: {"$ref": f"#/components/headers/{name}"} for name in names}
