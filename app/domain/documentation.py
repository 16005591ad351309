"""Where the documentation that the metadata promises is: pages of this server, unless the catalog names others.

An anchor is the id of what it explains, after the ids of what that belongs to: `/docs/scopes#usage-interval-hourly`.
`app.docs` serves exactly these paths, with exactly these anchors.
"""

from app.catalog.model import AuthorizationDetailsField, Catalog, Choice, RegistrationField, Scope
from app.settings import Settings

LANDING_PATH = "/"
DOCUMENTATION_PATH = "/docs"
GETTING_STARTED_PATH = "/docs/getting-started"
SCOPES_PATH = "/docs/scopes"
REGISTRATION_FIELDS_PATH = "/docs/registration-fields"
TEST_ACCOUNTS_PATH = "/docs/test-accounts"
ERRORS_PATH = "/docs/errors"
RATE_LIMITS_PATH = "/docs/rate-limits"
EXTENSIONS_PATH = "/docs/extensions"
OPERATOR_API_PATH = "/docs/operator-api"
WEBHOOKS_PATH = "/docs/webhooks"
ONBOARDING_CALLBACKS_PATH = "/docs/onboarding-callbacks"
GATEWAYS_PATH = "/docs/gateways"
BEHIND_A_GATEWAY_PATH = "/docs/behind-a-gateway"
SECURITY_PATH = "/docs/security"
API_REFERENCE_PATH = "/docs/api"
OPENAPI_PATH = "/openapi.json"
POLICY_PATH = "/docs/policy"
TERMS_PATH = "/docs/terms"
SUPPORT_PATH = "/docs/support"
HUMAN_REGISTRATION_PATH = "/register"


def resolve(link: str, settings: Settings) -> str:
    """The absolute URL of a link in the catalog, where a leading `/` means a page of this server."""
    return settings.public_url + link if link.startswith("/") else link


def server_documentation(catalog: Catalog, settings: Settings) -> str:
    """The technical documentation as a whole (WG1-01 3.2 `documentation`, RFC 8414 `service_documentation`)."""
    return resolve(catalog.server.documentation or DOCUMENTATION_PATH, settings)


def getting_started(settings: Settings) -> str:
    """What a Client that has just registered reads next."""
    return settings.public_url + GETTING_STARTED_PATH


def test_accounts(settings: Settings) -> str:
    """The users of the sandbox (WG1-02 3.2 `cds_test_accounts`)."""
    return settings.public_url + TEST_ACCOUNTS_PATH


def human_registration(settings: Settings) -> str:
    """Where people register (WG1-02 3.2 `cds_human_registration`)."""
    return settings.public_url + HUMAN_REGISTRATION_PATH


def policy(catalog: Catalog, settings: Settings) -> str:
    """What Clients may do with data (RFC 8414 `op_policy_uri`)."""
    return resolve(catalog.server.op_policy_uri or POLICY_PATH, settings)


def terms(catalog: Catalog, settings: Settings) -> str:
    """The terms of service (RFC 8414 `op_tos_uri`)."""
    return resolve(catalog.server.op_tos_uri or TERMS_PATH, settings)


def support(catalog: Catalog, settings: Settings) -> str:
    """Where help is (WG1-01 3.2 `support`)."""
    return resolve(catalog.server.support, settings)


def scope_anchor(scope: Scope) -> str:
    """The anchor of a scope."""
    return scope.id


def details_field_anchor(scope: Scope, field: AuthorizationDetailsField) -> str:
    """The anchor of a field of authorization details."""
    return f"{scope.id}-{field.id}"


def choice_anchor(scope: Scope, field: AuthorizationDetailsField, choice: Choice) -> str:
    """The anchor of a choice of such a field."""
    return f"{scope.id}-{field.id}-{choice.id}"


def scope_documentation(scope: Scope, settings: Settings) -> str:
    """What a scope is for and how to use it (WG1-02 3.4)."""
    return resolve(scope.documentation or f"{SCOPES_PATH}#{scope_anchor(scope)}", settings)


def details_field_documentation(scope: Scope, field: AuthorizationDetailsField, settings: Settings) -> str:
    """What a field of authorization details means (WG1-02 3.8)."""
    return resolve(field.documentation or f"{SCOPES_PATH}#{details_field_anchor(scope, field)}", settings)


def choice_documentation(scope: Scope, field: AuthorizationDetailsField, choice: Choice, settings: Settings) -> str:
    """What a choice of such a field means (WG1-02 3.10)."""
    return resolve(choice.documentation or f"{SCOPES_PATH}#{choice_anchor(scope, field, choice)}", settings)


def registration_field_documentation(field: RegistrationField, settings: Settings) -> str:
    """What to submit or to do for a registration field (WG1-02 3.5 and 3.6)."""
    return resolve(field.documentation or f"{REGISTRATION_FIELDS_PATH}#{field.id}", settings)
