"""The three scope types that WG1-02 3.3 fixes, to the letter; the catalog only says that they are offered."""

from typing import Any

import msgspec
from msgspec import UNSET

from app.catalog.model import (
    CLIENT_ADMIN,
    GRANT_ADMIN,
    SERVER_PROVIDED_FILES,
    AuthorizationDetailsField,
    Scope,
)
from app.catalog.problems import nearest
from app.catalog.reader import Section

BUILT_IN_TYPES = (CLIENT_ADMIN, GRANT_ADMIN, SERVER_PROVIDED_FILES)

FILES_NAME = "Server-Provided Files"
FILES_DESCRIPTION = "This scope grants access to specific files that the Server wants make available to the Client."
"""As the text has it, without a "to" (ambiguities G11)."""

CLIENT_ADMIN_SCOPE = Scope(
    id=CLIENT_ADMIN,
    type=CLIENT_ADMIN,
    name="Client Admin",
    description="This scope grants administrative access to the Client management APIs.",
    grant_types_supported=("client_credentials",),
    token_endpoint_auth_methods_supported=("client_secret_basic",),
)


def identifier_field(field_id: str, name: str, description: str, scope_id: str) -> AuthorizationDetailsField:
    """A required identifier of 1 to 1000 characters, which is the shape of all three mandated fields."""
    return AuthorizationDetailsField(
        id=field_id,
        name=name,
        description=description,
        documentation=None,
        for_types=(scope_id,),
        format="string",
        is_required=True,
        default=UNSET,
        maximum=1000,
        minimum=1,
        choices=(),
        looks_back=False,
        extra={},
    )


def grant_admin_scope(scope_id: str) -> Scope:
    """3.3.2. `for_types` is the scope's id, which for the usual id is the literal of the text as well (G1)."""
    return Scope(
        id=scope_id,
        type=GRANT_ADMIN,
        name="Grant Admin",
        description="This scope grants administrative access to previously created Grants.",
        grant_types_supported=("client_credentials",),
        token_endpoint_auth_methods_supported=("client_secret_basic",),
        authorization_details_types_supported=(scope_id,),
        authorization_details_fields_supported=(
            identifier_field(
                "client_id",
                "Client Object identifier",
                "The Client Object identifier for which the Grant is issued.",
                scope_id,
            ),
            identifier_field(
                "grant_id",
                "Grant identifier",
                "The Grant identifier for which the returned access_token will be given access.",
                scope_id,
            ),
        ),
    )


def files_scope(scope_id: str, name: str, description: str, grant_admin: str | None) -> Scope:
    """3.3.3. No grant types at all: files are reached through a grant admin scope (G9)."""
    return Scope(
        id=scope_id,
        type=SERVER_PROVIDED_FILES,
        name=name,
        description=description,
        grant_admin_scope=grant_admin,
        authorization_details_types_supported=(scope_id,),
        authorization_details_fields_supported=(
            identifier_field(
                "file_id",
                "File identifier",
                "A file provided by the Server that may be accessed by the Client as part of the Grant.",
                scope_id,
            ),
        ),
    )


def read_built_in(scope_id: str, section: Section, grant_admins: list[str]) -> Scope:
    """A scope of one of the three types; what else the catalog says about it has to agree with the specification."""
    kind = section.found["type"]
    if kind == CLIENT_ADMIN:
        scope = CLIENT_ADMIN_SCOPE
    elif kind == GRANT_ADMIN:
        scope = grant_admin_scope(scope_id)
    else:
        scope = read_files_scope(scope_id, section, grant_admins)
    refuse_other_values(section, scope)
    return msgspec.structs.replace(scope, documentation=section.optional_link("documentation"), extra=section.extra)


def read_files_scope(scope_id: str, section: Section, grant_admins: list[str]) -> Scope:
    """A scope for files; the grant admin scope can be left out when there is only one."""
    name = section.optional_text("name") or FILES_NAME
    if name != FILES_NAME and not name.startswith(f"{FILES_NAME}: "):
        section.problem("name", f'"{name}" is not the mandated name', f'write "{FILES_NAME}: {name}"')
    grant_admin = section.optional_text("grant_admin_scope")
    if grant_admin is None and len(grant_admins) == 1:
        grant_admin = grant_admins[0]
    if grant_admin is None:
        ids = ", ".join(grant_admins) or f"{GRANT_ADMIN}, and add a scope {GRANT_ADMIN}: {{type: {GRANT_ADMIN}}}"
        section.problem("grant_admin_scope", "files are reached through a grant admin scope only", f"write {ids}")
    return files_scope(scope_id, name, section.optional_text("description") or FILES_DESCRIPTION, grant_admin)


def refuse_other_values(section: Section, scope: Scope) -> None:
    """A built-in scope is what 3.3 says; a different value here would only seem to have an effect."""
    fixed: dict[str, Any] = msgspec.to_builtins(scope)
    free = {"type", "documentation", "name", "description", "grant_admin_scope"}
    for key, written in section.found.items():
        if key == "authorization_details_fields_supported" or key not in fixed:
            section.problem(key, f"the specification fixes the scope type {scope.type}", "remove it")
        elif key in free - {"type"} and scope.type == SERVER_PROVIDED_FILES:
            continue
        elif key not in {"type", "documentation"} and written != _plain(fixed[key]):
            section.problem(key, f"the specification fixes this value for {scope.type}", f"remove it ({fixed[key]!r})")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def refuse_wrong_id(scope_id: str, section: Section) -> None:
    """`cds_client_admin` is the id of its type and of no other (3.3.1)."""
    kind = section.found.get("type")
    if kind == CLIENT_ADMIN and scope_id != CLIENT_ADMIN:
        section.problem(
            "type", f"the scope of type {CLIENT_ADMIN} has that id too", f'rename the scope to "{CLIENT_ADMIN}"'
        )
    if scope_id == CLIENT_ADMIN and kind != CLIENT_ADMIN:
        section.problem("type", f'"{kind}" is not the type of this scope', f"write {CLIENT_ADMIN}")
    if isinstance(kind, str) and kind not in BUILT_IN_TYPES and (guess := nearest(kind, BUILT_IN_TYPES, cutoff=0.9)):
        section.problem("type", f'"{kind}" looks like a slip of the pen', f"write {guess}")
