"""The authorization server metadata: RFC 8414 with what WG1-02 3.2 requires of it.

Arrays that CDS requires are there even when they are empty, although RFC 8414 3.2 would rather leave them out (H1).
"""

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from app.catalog.model import (
    SERVER_PROVIDED_FILES,
    AuthorizationDetailsField,
    Catalog,
    RegistrationField,
    Scope,
)
from app.domain import documentation
from app.domain.extensions import extended, union
from app.settings import Settings

VERSION = "v1"
ENDPOINT_AUTH_METHODS = ("client_secret_basic",)
"""How callers of introspection and revocation authenticate (F12)."""

PUBLIC = "none"
"""The auth method of Client Objects that cannot keep a secret."""

BEARER = "Bearer"
"""How resource servers authenticate at introspection: with an operator key, as a bearer token (RFC 8414 2)."""

JWKS_PATH = "/.well-known/jwks.json"

UNIONS = (
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "authorization_details_types_supported",
)
"""Fields that collect what the scopes say under the same name."""


def as_metadata(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The authorization server metadata object, extensions of the catalog included."""
    scopes = catalog.scopes.values()
    document = {
        **endpoints(catalog, settings),
        **policies(catalog, settings),
        "scopes_supported": list(catalog.scopes),
        **{name: union(*(getattr(scope, name) for scope in scopes)) for name in UNIONS},
        **cds_fields(catalog, settings),
        "cds_scope_descriptions": {scope.id: scope_description(scope, settings) for scope in scopes},
        "cds_registration_fields": registration_fields(catalog, settings),
    }
    document = extended(document, catalog.extensions.oauth_metadata)
    if document["response_types_supported"]:
        document |= authorization_fields(settings)
    if catalog.test_accounts or document["response_types_supported"]:
        document["cds_test_accounts"] = documentation.test_accounts(settings)
    return document


def endpoints(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """What every OAuth client looks for. There is no `jwks_uri` as long as nothing is signed."""
    fields = {
        "issuer": settings.public_url,
        "registration_endpoint": settings.public_url + "/oauth/register",
        "token_endpoint": settings.public_url + "/oauth/token",
        "revocation_endpoint": settings.public_url + "/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": revocation_auth_methods(catalog),
        "introspection_endpoint": settings.public_url + "/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": (*ENDPOINT_AUTH_METHODS, BEARER),
    }
    if settings.access_tokens_are_jwts or settings.signing_keys:
        fields["jwks_uri"] = settings.public_url + JWKS_PATH
    return fields


def revocation_auth_methods(catalog: Catalog) -> tuple[str, ...]:
    """How callers of revocation authenticate: a Client Object without a secret only names itself (RFC 7009 2.1)."""
    has_public = any(PUBLIC in scope.token_endpoint_auth_methods_supported for scope in catalog.scopes.values())
    return (*ENDPOINT_AUTH_METHODS, PUBLIC) if has_public else ENDPOINT_AUTH_METHODS


def authorization_fields(settings: Settings) -> dict[str, Any]:
    """What is there when users authorize some scope (3.2). Pushing a request is possible and not demanded."""
    return {
        "authorization_endpoint": settings.public_url + "/oauth/authorize",
        "pushed_authorization_request_endpoint": settings.public_url + "/oauth/par",
        "require_pushed_authorization_requests": False,
        "response_modes_supported": ["query"],
        "authorization_response_iss_parameter_supported": True,
    }


def policies(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """Texts for the people behind a Client."""
    return {
        "service_documentation": documentation.server_documentation(catalog, settings),
        "op_policy_uri": documentation.policy(catalog, settings),
        "op_tos_uri": documentation.terms(catalog, settings),
    }


def cds_fields(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The fields that WG1-02 adds, descriptions aside."""
    api = settings.public_url + "/cds-api/v1"
    fields = {
        "cds_oauth_version": VERSION,
        "cds_human_registration": documentation.human_registration(settings),
        "cds_timezone": catalog.server.timezone,
        "cds_clients_api": f"{api}/clients",
        "cds_messages_api": f"{api}/messages",
        "cds_credentials_api": f"{api}/credentials",
        "cds_grants_api": f"{api}/grants",
    }
    if any(scope.type == SERVER_PROVIDED_FILES for scope in catalog.scopes.values()):
        fields["cds_server_provided_files_api"] = f"{api}/server-provided-files"
    return fields


def scope_description(scope: Scope, settings: Settings) -> dict[str, Any]:
    """The scope description object of 3.4."""
    return {
        "id": scope.id,
        "type": scope.type,
        "name": scope.name,
        "description": scope.description,
        "documentation": documentation.scope_documentation(scope, settings),
        "registration_requirements": scope.registration_requirements,
        "registration_optional": scope.registration_optional,
        "response_types_supported": scope.response_types_supported,
        "grant_types_supported": scope.grant_types_supported,
        "token_endpoint_auth_methods_supported": scope.token_endpoint_auth_methods_supported,
        "code_challenge_methods_supported": scope.code_challenge_methods_supported,
        "coverages_supported": scope.coverages_supported,
        "grant_admin_scope": scope.grant_admin_scope,
        "authorization_details_types_supported": scope.authorization_details_types_supported,
        "authorization_details_fields_supported": [
            details_field(scope, field, settings) for field in scope.authorization_details_fields_supported
        ],
        **scope.extra,
    }


def details_field(scope: Scope, field: AuthorizationDetailsField, settings: Settings) -> dict[str, Any]:
    """The authorization details field object of 3.8. `looks_back` stays with us (H6)."""
    document: dict[str, Any] = {
        "id": field.id,
        "name": field.name,
        "description": field.description,
        "documentation": documentation.details_field_documentation(scope, field, settings),
        "for_types": field.for_types,
        "format": field.format,
        "is_required": field.is_required,
    }
    document |= present({name: getattr(field, name) for name in ("default", "maximum", "minimum")})
    if field.choices:
        document["choices"] = [
            {
                "id": choice.id,
                "name": choice.name,
                "description": choice.description,
                "documentation": documentation.choice_documentation(scope, field, choice, settings),
            }
            for choice in field.choices
        ]
    return document | field.extra


def registration_fields(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """Every field that some scope requires or leaves to choice (A10), in the order of the catalog."""
    listed = set(field_ids(catalog.scopes.values()))
    return {
        field.id: registration_field(field, settings)
        for field in catalog.registration_fields.values()
        if field.id in listed
    }


def field_ids(scopes: Iterable[Scope]) -> list[str]:
    """The ids in both lists of all scopes."""
    return union(*((*scope.registration_requirements, *scope.registration_optional) for scope in scopes))


def registration_field(field: RegistrationField, settings: Settings) -> dict[str, Any]:
    """The registration field object of 3.5. `form` is how we do it, not what we ask for, so it stays with us."""
    document: dict[str, Any] = {
        "id": field.id,
        "type": field.type,
        "description": field.description,
        "documentation": documentation.registration_field_documentation(field, settings),
    }
    named = ("field_name", "format", "max_length", "max_size", "amount", "currency")
    document |= {name: value for name in named if (value := getattr(field, name)) is not None}
    return document | present({"default": field.default}) | field.extra


def present(fields: dict[str, Any]) -> dict[str, Any]:
    """Those that have a value, null included."""
    return {name: value for name, value in fields.items() if value is not UNSET}
