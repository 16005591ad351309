"""The public documents (CDS-WG1-01 sections 3 and 4, CDS-WG1-02 section 3), and errors."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.catalog.model import RegistrationFieldType
from app.openapi.schemas import extensible

Limit = Annotated[Any, Meta(extra_json_schema={"anyOf": [{"type": "number"}, {"type": "string"}]})]


class FieldProblem(Struct, frozen=True):
    """The field at fault."""

    field: str
    detail: str


class Problem(Struct, frozen=True):
    """Problem details (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    instance: str
    error: str
    error_description: str
    errors: list[FieldProblem] | UnsetType = UNSET


class OAuthError(Struct, frozen=True):
    """An OAuth error (RFC 6749 5.2)."""

    error: str
    error_description: str


@extensible
class ServerMetadata(Struct, kw_only=True, frozen=True):
    """CDS-WG1-01 3.2."""

    cds_metadata_version: Literal["v1"]
    cds_metadata_url: str
    created: datetime
    updated: datetime
    name: str
    description: str
    website: str
    documentation: str
    support: str
    capabilities: list[str]
    coverage: str | UnsetType = UNSET
    oauth_metadata: str
    related_metadata: list[str] | UnsetType = UNSET


@extensible
class RegistrationField(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 3.5."""

    id: str
    type: RegistrationFieldType
    description: str
    documentation: str
    field_name: str | UnsetType = UNSET
    format: str | UnsetType = UNSET
    default: Any = UNSET
    max_length: int | UnsetType = UNSET
    max_size: int | UnsetType = UNSET
    amount: Decimal | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class AuthorizationDetailsFieldChoice(Struct, frozen=True):
    """CDS-WG1-02 3.10."""

    id: str
    name: str
    description: str
    documentation: str


@extensible
class AuthorizationDetailsField(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 3.8."""

    id: str
    name: str
    description: str
    documentation: str
    for_types: list[str]
    format: str
    is_required: bool
    default: Any = UNSET
    maximum: Limit = UNSET
    minimum: Limit = UNSET
    choices: list[AuthorizationDetailsFieldChoice] | UnsetType = UNSET


@extensible
class ScopeDescription(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 3.4."""

    id: str
    type: str
    name: str
    description: str
    documentation: str
    registration_requirements: list[str]
    registration_optional: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    coverages_supported: list[str]
    grant_admin_scope: str | None
    authorization_details_types_supported: list[str]
    authorization_details_fields_supported: list[AuthorizationDetailsField]


@extensible
class AuthorizationServerMetadata(Struct, kw_only=True, frozen=True):
    """RFC 8414 2 and CDS-WG1-02 3.2."""

    issuer: str
    registration_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    jwks_uri: str | UnsetType = UNSET
    authorization_endpoint: str | UnsetType = UNSET
    pushed_authorization_request_endpoint: str | UnsetType = UNSET
    require_pushed_authorization_requests: bool | UnsetType = UNSET
    response_modes_supported: list[str] | UnsetType = UNSET
    authorization_response_iss_parameter_supported: bool | UnsetType = UNSET
    service_documentation: str
    op_policy_uri: str
    op_tos_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_details_types_supported: list[str]
    cds_oauth_version: Literal["v1"]
    cds_human_registration: str
    cds_timezone: str
    cds_clients_api: str
    cds_messages_api: str
    cds_credentials_api: str
    cds_grants_api: str
    cds_server_provided_files_api: str | UnsetType = UNSET
    cds_test_accounts: str | UnsetType = UNSET
    cds_scope_descriptions: dict[str, ScopeDescription]
    cds_registration_fields: dict[str, RegistrationField]


class JwkSet(Struct, frozen=True):
    """RFC 7517 5."""

    keys: list[dict[str, Any]]


@extensible
class CoverageEntry(Struct, kw_only=True, frozen=True):
    """CDS-WG1-01 4.3."""

    id: str
    created: datetime
    updated: datetime
    entity_name: str
    entity_abbreviation: str | None
    country: str
    name: str
    description: str | UnsetType = UNSET
    type: str
    role: str
    infrastructure_types: list[str]
    commodity_types: list[str]
    capabilities: list[str]
    map_resource: str | UnsetType = UNSET
    map_content_type: str | UnsetType = UNSET
    geojson_resource: str | UnsetType = UNSET


class CoverageListing(Struct, frozen=True):
    """CDS-WG1-01 4.1."""

    coverage_entries: list[CoverageEntry]
    next: str | None
    previous: str | None
