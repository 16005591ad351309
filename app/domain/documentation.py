"""Where the documentation that the metadata promises is: pages of this server, unless the catalog names others.

An anchor is the id of what it explains, after the ids of what that belongs to: `/docs/scopes#usage-interval-hourly`.
"""

from app.catalog.model import AuthorizationDetailsField, Catalog, Choice, RegistrationField, Scope
from app.settings import Settings

DOCUMENTATION_PATH = "/docs"
SCOPES_PATH = "/docs/scopes"
REGISTRATION_FIELDS_PATH = "/docs/registration-fields"
TEST_ACCOUNTS_PATH = "/docs/test-accounts"
POLICY_PATH = "/docs/policy"
TERMS_PATH = "/docs/terms"


def resolve(link: str, settings: Settings) -> str:
    """The absolute URL of a link in the catalog, where a leading `/` means a page of this server."""
    return settings.public_url + link if link.startswith("/") else link


def server_documentation(catalog: Catalog, settings: Settings) -> str:
    """The technical documentation as a whole (WG1-01 3.2 `documentation`, RFC 8414 `service_documentation`)."""
    return resolve(catalog.server.documentation or DOCUMENTATION_PATH, settings)


def scope_documentation(scope: Scope, settings: Settings) -> str:
    """What a scope is for and how to use it (WG1-02 3.4)."""
    return resolve(scope.documentation or f"{SCOPES_PATH}#{scope.id}", settings)


def details_field_documentation(scope: Scope, field: AuthorizationDetailsField, settings: Settings) -> str:
    """What a field of authorization details means (WG1-02 3.8)."""
    return resolve(field.documentation or f"{SCOPES_PATH}#{scope.id}-{field.id}", settings)


def choice_documentation(scope: Scope, field: AuthorizationDetailsField, choice: Choice, settings: Settings) -> str:
    """What a choice of such a field means (WG1-02 3.10)."""
    return resolve(choice.documentation or f"{SCOPES_PATH}#{scope.id}-{field.id}-{choice.id}", settings)


def registration_field_documentation(field: RegistrationField, settings: Settings) -> str:
    """What to submit or to do for a registration field (WG1-02 3.5 and 3.6)."""
    return resolve(field.documentation or f"{REGISTRATION_FIELDS_PATH}#{field.id}", settings)
