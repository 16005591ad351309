"""Bodies of the OAuth endpoints. Forms have strings only; parameters that are not understood are ignored."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from app.openapi.schemas import extensible

Details = list[dict[str, Any]]


@extensible
class TokenRequest(Struct, kw_only=True, frozen=True):
    """RFC 6749 4.1.3, 4.4.2 and 6; RFC 9396 5."""

    grant_type: Literal["client_credentials", "authorization_code", "refresh_token"]
    scope: str | UnsetType = UNSET
    authorization_details: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    redirect_uri: str | UnsetType = UNSET
    code_verifier: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET


class TokenResponse(Struct, kw_only=True, frozen=True):
    """RFC 6749 5.1; RFC 9396 7."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    scope: str
    authorization_details: Details | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET


@extensible
class RevocationRequest(Struct, kw_only=True, frozen=True):
    """RFC 7009 2.1."""

    token: str
    token_type_hint: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET


@extensible
class IntrospectionRequest(Struct, kw_only=True, frozen=True):
    """RFC 7662 2.1."""

    token: str
    token_type_hint: str | UnsetType = UNSET


class OpenedGrant(Struct, frozen=True):
    """What a grant admin token opens."""

    grant_id: str
    client_id: str
    scope: str
    authorization_details: Details


class IntrospectionResponse(Struct, kw_only=True, frozen=True):
    """RFC 7662 2.2; RFC 9396 9.2."""

    active: bool
    scope: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    token_type: Literal["bearer"] | UnsetType = UNSET
    token_use: Literal["refresh_token"] | UnsetType = UNSET
    exp: int | UnsetType = UNSET
    sub: str | UnsetType = UNSET
    aud: str | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    cds_grant_id: str | UnsetType = UNSET
    authorization_details: Details | UnsetType = UNSET
    cds_opened_grant: OpenedGrant | UnsetType = UNSET


@extensible
class AuthorizationRequest(Struct, kw_only=True, frozen=True):
    """RFC 6749 4.1.1, RFC 7636 4.3, RFC 9396 3; CDS-WG1-02 8.3."""

    client_id: str | UnsetType = UNSET
    response_type: Literal["code"] | UnsetType = UNSET
    redirect_uri: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    authorization_details: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    code_challenge: str | UnsetType = UNSET
    code_challenge_method: Literal["S256"] | UnsetType = UNSET
    response_mode: Literal["query"] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    cds_grant_id: str | UnsetType = UNSET
    request_uri: str | UnsetType = UNSET


class PushedRequest(Struct, frozen=True):
    """RFC 9126 2.2."""

    request_uri: str
    expires_in: int
