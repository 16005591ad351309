"""The parts of the catalog that steer the server: registration, policies, test accounts, extensions."""

import re
from typing import Any

from app.catalog.codes import GRANT_TYPES
from app.catalog.model import (
    ONBOARDING_LINK_SECONDS,
    Extensions,
    Policies,
    RegistrationField,
    RegistrationPolicy,
    SandboxAccount,
)
from app.catalog.problems import one_of
from app.catalog.reader import Section
from app.catalog.values import is_id

NEVER = "never"
SHORTEST_LINK_SECONDS = 3600

DECISIONS = ("automatic", "review")
REGISTRATION_KEYS = (
    "production",
    "secret_ttl",
    "onboarding_link_ttl",
    "welcome_message",
    "rfc7591_compatible",
    "limits",
)
POLICIES_KEYS = ("grants", "field_review")
ACCOUNT_KEYS = ("username", "password", "name")
EXTENSION_KEYS = ("server_metadata", "oauth_metadata")

REVIEWABLE_FIELDS = (
    "client_name",
    "contacts",
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "redirect_uris",
    "scope",
    "cds_default_scope",
    "cds_default_redirect_uri",
    "cds_default_authorization_details",
)
"""What a Client can change about a Client Object (WG1-02 5.5), besides its registration fields."""

OPEN_LISTS = {
    "server_metadata": ("capabilities",),
    "oauth_metadata": (
        "scopes_supported",
        "response_types_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "code_challenge_methods_supported",
        "authorization_details_types_supported",
    ),
}
"""Lists to which an extension may add; they are unions, so nothing of ours gets lost."""

OWN_FIELDS = {
    "server_metadata": (
        "cds_metadata_version",
        "cds_metadata_url",
        "created",
        "updated",
        "name",
        "description",
        "website",
        "documentation",
        "support",
        "coverage",
        "oauth_metadata",
        "related_metadata",
    ),
    "oauth_metadata": (
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint",
        "introspection_endpoint_auth_methods_supported",
        "pushed_authorization_request_endpoint",
        "require_pushed_authorization_requests",
        "authorization_response_iss_parameter_supported",
        "response_modes_supported",
        "service_documentation",
        "op_policy_uri",
        "op_tos_uri",
        "cds_oauth_version",
        "cds_human_registration",
        "cds_timezone",
        "cds_clients_api",
        "cds_messages_api",
        "cds_credentials_api",
        "cds_grants_api",
        "cds_server_provided_files_api",
        "cds_test_accounts",
        "cds_scope_descriptions",
        "cds_registration_fields",
    ),
}
"""Fields that the server fills in; an extension cannot replace them."""

_PERIOD = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_PERIOD_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_registration(section: Section) -> RegistrationPolicy:
    """How registrations are dealt with."""
    return RegistrationPolicy(
        production="review" if section.word("production", DECISIONS, "review") == "review" else "automatic",
        secret_ttl_seconds=read_period(section, "secret_ttl"),
        welcome_message=section.optional_text("welcome_message"),
        rfc7591_compatible=section.flag("rfc7591_compatible", default=False),
        limits=read_limits(section),
        onboarding_link_ttl_seconds=read_link_ttl(section),
    )


def read_link_ttl(section: Section) -> int | None:
    """How long the links of onboarding Messages live; None when they are to live for ever."""
    key = "onboarding_link_ttl"
    if not section.has(key):
        return ONBOARDING_LINK_SECONDS
    if section.found[key] == NEVER:
        return None
    seconds = read_period(section, key)
    if seconds is not None and seconds < SHORTEST_LINK_SECONDS:
        section.problem(key, "people would not get there in time", f"write at least an hour, or {NEVER}")
    return seconds


def read_period(section: Section, key: str) -> int | None:
    """A length of time in seconds: a number of them, or a number with one of s, m, h, d and w behind it."""
    value = section.found.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        section.problem(
            key, "this is not a length of time", "write seconds, or a number with a unit such as 12h or 90d"
        )
        return None
    return int(match[1]) * _PERIOD_SECONDS[match[2]]


def read_limits(section: Section) -> dict[str, int]:
    """Upper bounds by name."""
    limits: dict[str, int] = {}
    for name, value in section.open_mapping("limits").items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            section.problem(f"limits.{name}", "this is not a limit", "write a whole number above 0")
        else:
            limits[name] = value
    return limits


def read_policies(section: Section, fields: dict[str, RegistrationField]) -> Policies:
    """Which changes wait for an operator."""
    reviewable = (*REVIEWABLE_FIELDS, *(field.field_name for field in fields.values() if field.field_name))
    return Policies(
        grants="automatic" if section.word("grants", DECISIONS, "review") == "automatic" else "review",
        field_review=frozenset(section.words("field_review", reviewable)),
    )


def read_test_accounts(sections: list[Section]) -> tuple[SandboxAccount, ...]:
    """Made-up users for trying out authorizations in the sandbox."""
    accounts = tuple(
        SandboxAccount(
            username=section.text("username"),
            password=section.text("password"),
            name=section.text("name"),
            extra=section.extra,
        )
        for section in sections
    )
    usernames = [account.username for account in accounts]
    for index, (username, section) in enumerate(zip(usernames, sections, strict=True)):
        if username and username in usernames[:index]:
            section.problem("username", f'"{username}" stands twice', "give every account its own")
    return accounts


def read_extensions(section: Section) -> Extensions:
    """Fields that are merged into the two metadata documents."""
    for document in EXTENSION_KEYS:
        for name, value in section.open_mapping(document).items():
            refuse_extension(section, document, name, value)
    return Extensions(
        server_metadata=section.open_mapping("server_metadata"),
        oauth_metadata=section.open_mapping("oauth_metadata"),
    )


def refuse_extension(section: Section, document: str, name: str, value: Any) -> None:  # noqa: ANN401 -- any JSON type
    """An extension adds; it neither replaces our fields nor promises what we do not do."""
    place = f"{document}.{name}"
    if name in OWN_FIELDS[document]:
        section.problem(place, "the server fills in this field itself", "remove it")
    elif name in OPEN_LISTS[document]:
        if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
            section.problem(place, "this is not a list of texts", "write a list of what is to be added")
        elif name == "scopes_supported" and not all(is_id(entry) for entry in value):
            section.problem(place, "there is an id with other characters", "use A-Z, a-z, 0-9, _ and - only")
        elif name == "code_challenge_methods_supported" and "plain" in value:
            section.problem(place, "plain must not be offered (WG1-02 3.4)", "remove it")
        elif name == "grant_types_supported" and not set(value) <= set(GRANT_TYPES):
            unknown = next(entry for entry in value if entry not in GRANT_TYPES)
            section.problem(place, f'this server has no grant type "{unknown}"', one_of(unknown, GRANT_TYPES))
