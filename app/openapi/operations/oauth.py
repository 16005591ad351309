"""Registration, the OAuth endpoints, and the signed reports of other systems."""

from dataclasses import replace
from typing import Final

import msgspec

from app.errors import (
    AccessDenied,
    AlreadyDecided,
    BadCallSignature,
    Conflict,
    CookiesNeeded,
    InvalidAuthorizationDetails,
    InvalidClient,
    InvalidClientMetadata,
    InvalidGrant,
    InvalidRequest,
    InvalidRequestUri,
    InvalidScope,
    KeyReused,
    NotFound,
    RequestNotSupported,
    StoreUnavailable,
    UnauthorizedClient,
    UnsuitableGrant,
    UnsupportedGrantType,
    UnsupportedResponseType,
    UnsupportedTokenType,
)
from app.openapi.described import FORM, IDEMPOTENCY_KEY, Answer, Body, Operation, Operations, Parameter, Who
from app.openapi.shapes.apis import OnboardingReport, RegistrationRequest, RegistrationResponse, ReportTaken
from app.openapi.shapes.oauth import (
    AuthorizationRequest,
    IntrospectionRequest,
    IntrospectionResponse,
    PushedRequest,
    RevocationRequest,
    TokenRequest,
    TokenResponse,
)
from app.openapi.words import member

TAG: Final = "Registration and OAuth"

_ADMIN: Final = {
    "client_id": "rk2v7m1x9q",
    "scope": "cds_client_admin",
    "authorization_details_types": [],
    "cds_client_uri": "https://utility.example/cds-api/v1/clients/rk2v7m1x9q",
    "cds_status": "production",
    "cds_status_options": ["production"],
}
_TOKEN: Final = "rk2v7m1x9q.at_3pZ1xkq0"  # noqa: S105 -- opens nothing
_SIGNATURE: Final = tuple(
    Parameter(name, text, place="header", example=example)
    for name, text, example in (
        ("webhook-id", "Unique to the report; the same when it is sent again.", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
        ("webhook-timestamp", "When it was sent, in Unix seconds.", "1780315200"),
        ("webhook-signature", "The signature (Standard Webhooks).", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
    )
)
_AUTHORIZING: Final = (
    AccessDenied,
    InvalidAuthorizationDetails,
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    RequestNotSupported,
    UnauthorizedClient,
    UnsuitableGrant,
    UnsupportedResponseType,
)
_AUTHORIZE_TEXT: Final = (
    "Clients send their users here. What is wrong with the request is told to the Client by way of its redirect URI, "
    "unless that itself is in doubt: then the user sees a page that leads nowhere (RFC 6749 4.1.2.1)."
)
_AUTHORIZE_ANSWERS: Final = (
    Answer(303, "To the page that asks the user, or back to the Client with an error.", None, "", ("Redirect",)),
)


def _authorization_parameters() -> tuple[Parameter, ...]:
    """The members of an authorization request as parameters of a query."""
    names = [one.encode_name for one in msgspec.structs.fields(AuthorizationRequest)]
    words = {name: member(AuthorizationRequest.__name__, name) for name in names}
    return tuple(Parameter(name, words[name]["description"]) for name in names)


OPERATIONS: Final[Operations] = {
    ("POST", "/oauth/register"): Operation(
        "register",
        "Register a Client",
        "RFC 7591 3; CDS-WG1-02 4.1, 4.2",
        TAG,
        (Answer(201, "The admin Client Object, and its secret.", RegistrationResponse, example=_ADMIN),),
        "One request makes everything that the requested scopes lead to: Client Objects, Credentials, Grants, and "
        "Messages about what is left to do. The answer is the Client Object of `cds_client_admin`; the others are in "
        "the Clients API, their secrets in the Credentials API. `redirect_uris` are ignored here. With an "
        "`Idempotency-Key` a request whose answer was lost can be sent again; the key opens the answer with the secret "
        "in it, so it has to be as random as a UUID.",
        parameters=(replace(IDEMPOTENCY_KEY, schema={"type": "string", "pattern": "^[!-~]{20,255}$"}),),
        body=Body(RegistrationRequest),
        refusals=(InvalidClientMetadata, InvalidRequest, KeyReused, Conflict, StoreUnavailable),
    ),
    ("POST", "/oauth/token"): Operation(
        "getToken",
        "Get an access token",
        "RFC 6749 3.2, 4.1.3, 4.4, 6; RFC 9396 5; CDS-WG1-02 3.3",
        TAG,
        (Answer(200, "The token.", TokenResponse),),
        who=Who.CLIENT,
        body=Body(TokenRequest, {"grant_type": "client_credentials", "scope": "cds_client_admin"}, FORM),
        refusals=(
            InvalidGrant,
            InvalidScope,
            InvalidAuthorizationDetails,
            UnauthorizedClient,
            UnsupportedGrantType,
            Conflict,
        ),
    ),
    ("POST", "/oauth/introspect"): Operation(
        "introspect",
        "Look at a token",
        "RFC 7662 2; RFC 9396 9.2",
        TAG,
        (Answer(200, "What it is good for; only `active: false` when that is nothing.", IntrospectionResponse),),
        "Client Objects learn about tokens of their own registration. Resource servers come with an operator key of "
        "the role `introspector`, as a bearer token, and learn about all access tokens.",
        who=Who.INTROSPECTOR,
        body=Body(IntrospectionRequest, {"token": _TOKEN}, FORM),
    ),
    ("GET", "/oauth/forward-auth"): Operation(
        "forwardAuth",
        "Let a request pass, or not",
        "RFC 7662 2; RFC 6750 3",
        TAG,
        (
            Answer(
                200,
                "It may pass. The headers are for the service behind the gateway.",
                None,
                "",
                ("X-Client-Id", "X-Scope", "X-Grant-Id", "X-Subject", "X-Token-Expires"),
            ),
        ),
        "For gateways, which ask with the headers of a request that they have got, and with its method or any other "
        "(NGINX `auth_request`, Envoy `ext_authz`, forward auth). Authorization is the Client's. 401 and 403 are for "
        "the Client, with a WWW-Authenticate; whatever else is no 200 means that nobody knows, so nothing may pass.",
        who=Who.GATEWAY,
        parameters=(
            Parameter(
                "X-Required-Scope",
                "Scopes that the token has to be good for, all of them; any token is, without it.",
                place="header",
                example="ple_customer_data",
            ),
        ),
    ),
    ("POST", "/oauth/revoke"): Operation(
        "revoke",
        "Revoke a token",
        "RFC 7009 2",
        TAG,
        (Answer(200, "It is good for nothing any more, if it ever was.", None, ""),),
        who=Who.CLIENT,
        body=Body(RevocationRequest, {"token": _TOKEN}, FORM),
        refusals=(UnsupportedTokenType,),
    ),
    ("POST", "/oauth/par"): Operation(
        "pushAuthorizationRequest",
        "Push an authorization request",
        "RFC 9126 2; CDS-WG1-02 3.2, 8.3",
        TAG,
        (Answer(201, "What stands for it, once and for a minute or so.", PushedRequest),),
        who=Who.CLIENT,
        body=Body(AuthorizationRequest, {"response_type": "code", "state": "af0ifjsldkj"}, FORM),
        refusals=_AUTHORIZING,
    ),
    ("GET", "/oauth/authorize"): Operation(
        "authorize",
        "Ask a user for an authorization",
        "RFC 6749 3.1, 4.1.1; CDS-WG1-02 8.3",
        TAG,
        _AUTHORIZE_ANSWERS,
        _AUTHORIZE_TEXT,
        parameters=_authorization_parameters(),
        refusals=(*_AUTHORIZING, InvalidRequestUri, CookiesNeeded, StoreUnavailable),
    ),
    ("POST", "/oauth/authorize"): Operation(
        "authorizeWithForm",
        "Ask a user for an authorization, with a form",
        "RFC 6749 3.1, 4.1.1; CDS-WG1-02 8.3",
        TAG,
        _AUTHORIZE_ANSWERS,
        _AUTHORIZE_TEXT,
        body=Body(AuthorizationRequest, {"client_id": "rk2v7m1x9q-2", "response_type": "code"}, FORM),
        refusals=(*_AUTHORIZING, InvalidRequestUri, CookiesNeeded, StoreUnavailable),
    ),
    ("POST", "/onboarding/callback"): Operation(
        "reportOnboarding",
        "Report an onboarding step that was taken elsewhere",
        "CDS-WG1-02 3.6; Standard Webhooks",
        TAG,
        (Answer(200, "How far the request is now.", ReportTaken),),
        "For a checkout or an e-sign service of the utility, which signs its reports with "
        "CDS_ONBOARDING_CALLBACK_SECRET.",
        who=Who.SIGNED,
        parameters=_SIGNATURE,
        body=Body(OnboardingReport),
        refusals=(BadCallSignature, NotFound, InvalidRequest, AlreadyDecided, Conflict, StoreUnavailable),
    ),
}
