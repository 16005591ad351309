"""The catalog as the rest of the server sees it: complete, checked, and with everything derived that can be derived.

Field names are the specs' own. `extra` holds extension fields, which are published as they stand. What the catalog
leaves to the server (documentation pages, for instance) is None here and gets its URL when the documents are made.
"""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

CLIENT_ADMIN = "cds_client_admin"
GRANT_ADMIN = "cds_grant_admin"
SERVER_PROVIDED_FILES = "cds_server_provided_files"

ONBOARDING_LINK_SECONDS = 90 * 86400
"""How long the link of an onboarding Message lives, unless the catalog says otherwise."""

RegistrationFieldType = Literal[
    "registration_field",
    "internal_review",
    "payment_required",
    "email_verification",
    "sso_verification",
    "pdf_form",
    "online_form",
]
Decision = Literal["automatic", "review"]
FormReview = Literal["automatic", "operator"]
AuthorizedStatus = Literal["active", "pending", "needs_sub_grants"]


class Server(Struct, frozen=True):
    """Who runs this server (WG1-01 3.2). URLs are absolute, or paths of this server that start with `/`."""

    name: str
    description: str
    website: str
    documentation: str | None
    support: str
    timezone: str
    created: datetime
    updated: datetime
    related_metadata: tuple[str, ...]
    op_policy_uri: str | None
    op_tos_uri: str | None
    moved_to: str | None


class CoverageEntry(Struct, frozen=True):
    """A territory or a group of customers (WG1-01 4.3).

    `map` and `geojson` are files relative to the catalog; `map_resource` and `geojson_resource` are URLs elsewhere.
    There is at most one of each pair, and `map_content_type` is set when there is a map of either kind. `capabilities`
    already has `oauth` when a scope covers the entry.
    """

    id: str
    created: datetime
    updated: datetime
    entity_name: str
    entity_abbreviation: str | None
    country: str
    name: str
    description: str | None
    type: str
    role: str
    infrastructure_types: tuple[str, ...]
    commodity_types: tuple[str, ...]
    capabilities: tuple[str, ...]
    map: str | None
    map_resource: str | None
    map_content_type: str | None
    geojson: str | None
    geojson_resource: str | None
    extra: dict[str, Any]


class Form(Struct, frozen=True):
    """What the link of an onboarding Message leads to; exactly one of the first three is set, but for a sign-on here.

    `text` is Markdown to read and accept (for a payment, how to pay), `url` an absolute URL elsewhere, `pdf` a blank
    form relative to the catalog. `review` says who accepts what people do on our own pages: the server, or an operator.
    """

    text: str | None
    url: str | None
    pdf: str | None
    review: FormReview = "automatic"


class RegistrationField(Struct, frozen=True):
    """Something that a Client submits, or does, or waits for (WG1-02 3.5).

    `max_length` counts code points, `max_size` bytes before Base64. `default` is UNSET for required fields. With
    `show_to_users` users who are asked for an authorization see the value: an image is the logo. `instructions`
    are shown on our documentation page: how a payment is made, which accounts sign on. Neither is published.
    """

    id: str
    type: RegistrationFieldType
    description: str
    field_name: str | None
    format: str | None
    default: Any
    max_length: int | None
    max_size: int | None
    amount: Decimal | None
    currency: str | None
    documentation: str | None
    form: Form | None
    extra: dict[str, Any]
    show_to_users: bool = False
    instructions: str | None = None


def field_title(field_id: str) -> str:
    """A name for people, of a registration field of now or of an earlier catalog: `data_terms` is "Data terms"."""
    return field_id.replace("_", " ").replace("-", " ").strip().capitalize() or field_id


class Choice(Struct, frozen=True):
    """One value of a choice (WG1-02 3.10)."""

    id: str
    name: str
    description: str
    documentation: str | None


class AuthorizationDetailsField(Struct, frozen=True):
    """A field of an authorization details entry (WG1-02 3.8).

    `looks_back` turns the limits round (H6): `minimum` is nearest to now or to zero, `maximum` farthest in the past or
    the most negative. It is not published. Durations are in the spelling that is published (`PT0S`, not `P0S`).
    """

    id: str
    name: str
    description: str
    documentation: str | None
    for_types: tuple[str, ...]
    format: str
    is_required: bool
    default: Any
    maximum: int | Decimal | str | UnsetType
    minimum: int | Decimal | str | UnsetType
    choices: tuple[Choice, ...]
    looks_back: bool
    extra: dict[str, Any]


class Scope(Struct, frozen=True):
    """Something that a Client can be given access to (WG1-02 3.4).

    `authorized_status` is what a Grant becomes when its user has approved it: `active`, or less when the utility still
    has to do something first. It is not published.
    """

    id: str
    type: str
    name: str
    description: str
    documentation: str | None = None
    registration_requirements: tuple[str, ...] = ()
    registration_optional: tuple[str, ...] = ()
    response_types_supported: tuple[str, ...] = ()
    grant_types_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    coverages_supported: tuple[str, ...] = ()
    grant_admin_scope: str | None = None
    authorization_details_types_supported: tuple[str, ...] = ()
    authorization_details_fields_supported: tuple[AuthorizationDetailsField, ...] = ()
    pkce_required: bool = False
    group: str | None = None
    authorized_status: AuthorizedStatus = "active"
    extra: dict[str, Any] = {}


class RegistrationPolicy(Struct, frozen=True):
    """How registrations are dealt with.

    `secret_ttl_seconds` None: client secrets do not expire. `onboarding_link_ttl_seconds` None: neither do the links of
    onboarding Messages.
    """

    production: Decision
    secret_ttl_seconds: int | None
    welcome_message: str | None
    rfc7591_compatible: bool
    limits: dict[str, int]
    onboarding_link_ttl_seconds: int | None = ONBOARDING_LINK_SECONDS


class SandboxAccount(Struct, frozen=True):
    """A made-up user with whom Clients try authorizations of sandbox Client Objects. Its password is public."""

    username: str
    password: str
    name: str
    extra: dict[str, Any]


class Policies(Struct, frozen=True):
    """Which changes wait for an operator. `field_review` names Client Object fields."""

    grants: Decision
    field_review: frozenset[str]


class Extensions(Struct, frozen=True):
    """Fields that other specifications add to the two documents."""

    server_metadata: dict[str, Any]
    oauth_metadata: dict[str, Any]


class Catalog(Struct, frozen=True):
    """Everything that this utility offers. File names in it are relative to `directory`."""

    server: Server
    coverage: tuple[CoverageEntry, ...]
    registration_fields: dict[str, RegistrationField]
    scopes: dict[str, Scope]
    registration: RegistrationPolicy
    test_accounts: tuple[SandboxAccount, ...]
    policies: Policies
    extensions: Extensions
    directory: Path

    def path(self, name: str) -> Path:
        """Where the file called `name` in the catalog is."""
        return self.directory / name


__all__ = [
    "CLIENT_ADMIN",
    "GRANT_ADMIN",
    "SERVER_PROVIDED_FILES",
    "UNSET",
    "AuthorizationDetailsField",
    "AuthorizedStatus",
    "Catalog",
    "Choice",
    "CoverageEntry",
    "Decision",
    "Extensions",
    "Form",
    "FormReview",
    "Policies",
    "RegistrationField",
    "RegistrationFieldType",
    "RegistrationPolicy",
    "SandboxAccount",
    "Scope",
    "Server",
]
