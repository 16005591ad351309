"""The `scopes` part of the catalog (WG1-02 3.3 and 3.4), with everything filled in that follows from the rest."""

from typing import Final, cast, get_args

from app.catalog import authorization_details, builtin, codes
from app.catalog.authorization_details import read_details_fields
from app.catalog.model import CLIENT_ADMIN, GRANT_ADMIN, AuthorizationDetailsField, AuthorizedStatus, Scope
from app.catalog.problems import one_of
from app.catalog.reader import Section

KEYS = (
    "type",
    "name",
    "description",
    "documentation",
    "registration_requirements",
    "registration_optional",
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "coverages_supported",
    "grant_admin_scope",
    "authorization_details_types_supported",
    "authorization_details_fields_supported",
    "pkce",
    "group",
    "authorized_status",
)
CODE = "authorization_code"
CHALLENGE_METHODS = ("S256",)
AUTHORIZED_STATUSES: Final = get_args(AuthorizedStatus)


def read_scopes(sections: dict[str, Section]) -> dict[str, Scope]:
    """All scopes by id. `cds_client_admin` comes first, and is there even when the catalog leaves it out."""
    grant_admins = [scope_id for scope_id, section in sections.items() if section.found.get("type") == GRANT_ADMIN]
    scopes = {CLIENT_ADMIN: builtin.CLIENT_ADMIN_SCOPE}
    for scope_id, section in sections.items():
        builtin.refuse_wrong_id(scope_id, section)
        if section.found.get("type") in builtin.BUILT_IN_TYPES:
            scopes[scope_id] = builtin.read_built_in(scope_id, section, grant_admins)
        elif scope_id != CLIENT_ADMIN:
            scopes[scope_id] = read_scope(scope_id, section)
    return scopes


def read_scope(scope_id: str, section: Section) -> Scope:
    """A scope of the utility's own or of another specification (3.4)."""
    kind = section.text("type")
    if kind:
        section.require_id("type", kind)
    grant_types = read_grant_types(section)
    auth_methods = read_auth_methods(section, grant_types)
    fields = read_details_fields(
        section.sections("authorization_details_fields_supported", authorization_details.KEYS, extensible=True),
        scope_id,
    )
    return Scope(
        id=scope_id,
        type=kind,
        name=section.text("name"),
        description=section.text("description"),
        documentation=section.optional_link("documentation"),
        registration_requirements=section.texts("registration_requirements"),
        registration_optional=section.texts("registration_optional"),
        response_types_supported=read_response_types(section, grant_types),
        grant_types_supported=grant_types,
        token_endpoint_auth_methods_supported=auth_methods,
        code_challenge_methods_supported=read_challenge_methods(section, grant_types),
        coverages_supported=section.texts("coverages_supported"),
        grant_admin_scope=section.optional_text("grant_admin_scope"),
        authorization_details_types_supported=read_details_types(section, scope_id, fields),
        authorization_details_fields_supported=fields,
        pkce_required=read_pkce(section, grant_types) or "none" in auth_methods,
        group=read_group(section),
        authorized_status=read_authorized_status(section, grant_types),
        extra=section.extra,
    )


def read_grant_types(section: Section) -> tuple[str, ...]:
    """At least one; `response_types_supported: [code]` alone means the code grant without refresh tokens."""
    written = section.words("grant_types_supported", codes.GRANT_TYPES)
    if not section.has("grant_types_supported") and section.found.get("response_types_supported") == ["code"]:
        return (CODE,)
    if not written and not section.found.get("grant_types_supported"):
        section.problem(
            "grant_types_supported",
            "a scope needs at least one grant type",
            "write [client_credentials], or [authorization_code, refresh_token] when users authorize it",
        )
    if "refresh_token" in written and CODE not in written:
        section.problem(
            "grant_types_supported",
            "refresh tokens come from the code grant only",
            f"add {CODE} or remove refresh_token",
        )
    return written


def read_response_types(section: Section, grant_types: tuple[str, ...]) -> tuple[str, ...]:
    """`code` exactly when users authorize the scope."""
    derived = ("code",) if CODE in grant_types else ()
    return agreeing(section, "response_types_supported", derived, "it follows from grant_types_supported")


def read_challenge_methods(section: Section, grant_types: tuple[str, ...]) -> tuple[str, ...]:
    """S256 and never `plain`, exactly when users authorize the scope (3.4)."""
    derived = CHALLENGE_METHODS if CODE in grant_types else ()
    return agreeing(section, "code_challenge_methods_supported", derived, "it follows from grant_types_supported")


def read_details_types(
    section: Section, scope_id: str, fields: tuple[AuthorizationDetailsField, ...]
) -> tuple[str, ...]:
    """The scope's id when it has authorization details (G2); without fields only if the catalog asks for it."""
    if not fields and section.found.get("authorization_details_types_supported") == [scope_id]:
        return (scope_id,)
    derived = (scope_id,) if fields else ()
    return agreeing(
        section, "authorization_details_types_supported", derived, "it is the id of a scope that has details fields"
    )


def agreeing(section: Section, key: str, derived: tuple[str, ...], reason: str) -> tuple[str, ...]:
    """The derived value; a catalog that writes it out has to write the same."""
    written = section.optional_texts(key)
    if written is not None and set(written) != set(derived):
        section.problem(key, f"this should be [{', '.join(derived)}], because {reason}", "correct it or remove the key")
    return derived


def read_auth_methods(section: Section, grant_types: tuple[str, ...]) -> tuple[str, ...]:
    """`client_secret_basic` unless the catalog says otherwise; `none` marks a public application."""
    written = section.words("token_endpoint_auth_methods_supported", codes.TOKEN_ENDPOINT_AUTH_METHODS)
    if "none" in written and "client_credentials" in grant_types:
        section.problem(
            "token_endpoint_auth_methods_supported",
            "a public application cannot use client_credentials (RFC 6749 section 4.4)",
            "write [client_secret_basic], or remove client_credentials from grant_types_supported",
        )
    return written or ("client_secret_basic",)


def read_pkce(section: Section, grant_types: tuple[str, ...]) -> bool:
    """Whether a code challenge is demanded (F1)."""
    if not section.has("pkce"):
        return False
    section.word("pkce", ("required",))
    if CODE not in grant_types:
        section.problem("pkce", "there are no authorization requests for this scope", f"remove it or add {CODE}")
    return True


def read_authorized_status(section: Section, grant_types: tuple[str, ...]) -> AuthorizedStatus:
    """What a Grant becomes when its user approves it, for scopes that users authorize."""
    if section.has("authorized_status") and CODE not in grant_types:
        section.problem("authorized_status", "users do not authorize this scope", f"remove it or add {CODE}")
    return cast("AuthorizedStatus", section.word("authorized_status", AUTHORIZED_STATUSES, default="active"))


def read_group(section: Section) -> str | None:
    """The name of the group of scopes that share one Client Object."""
    group = section.optional_text("group")
    if group:
        section.require_id("group", group)
    return group


def refuse_unequal_groups(scopes: dict[str, Scope], sections: dict[str, Section]) -> None:
    """Scopes of a group share a Client Object, so they agree in everything that it has only once (WG1-02 4.2, A15)."""
    first: dict[str, Scope] = {}
    for scope in scopes.values():
        if scope.group is None:
            continue
        other = first.setdefault(scope.group, scope)
        for key in ("response_types_supported", "grant_types_supported", "token_endpoint_auth_methods_supported"):
            if set(getattr(scope, key)) != set(getattr(other, key)):
                sections[scope.id].problem(
                    "group",
                    f'"{scope.group}" has the scope {other.id} with a different {key}',
                    f"make {key} equal in both, or choose another group",
                )


def refuse_unknown_references(scopes: dict[str, Scope], sections: dict[str, Section], coverage_ids: list[str]) -> None:
    """Coverage entries and grant admin scopes that a scope names have to exist."""
    grant_admins = [scope.id for scope in scopes.values() if scope.type == GRANT_ADMIN]
    for scope_id, section in sections.items():
        scope = scopes.get(scope_id)
        if scope is None:
            continue
        for coverage_id in scope.coverages_supported:
            if coverage_id not in coverage_ids:
                place = _place(section, "coverages_supported", coverage_id)
                section.problem(place, f'there is no coverage entry "{coverage_id}"', one_of(coverage_id, coverage_ids))
        named = scope.grant_admin_scope
        if named is not None and named not in grant_admins:
            section.problem(
                "grant_admin_scope", f'there is no scope "{named}" of type {GRANT_ADMIN}', one_of(named, grant_admins)
            )


def _place(section: Section, key: str, value: str) -> str:
    return f"{key}[{section.found[key].index(value)}]"
