"""The catalog: what this utility offers, read once at the start from a YAML file (DESIGN.md section 4)."""

from app.catalog.loader import load_catalog
from app.catalog.model import (
    CLIENT_ADMIN,
    GRANT_ADMIN,
    SERVER_PROVIDED_FILES,
    AuthorizationDetailsField,
    Catalog,
    Choice,
    CoverageEntry,
    Extensions,
    Form,
    Policies,
    RegistrationField,
    RegistrationPolicy,
    SandboxAccount,
    Scope,
    Server,
    field_title,
)

__all__ = [
    "CLIENT_ADMIN",
    "GRANT_ADMIN",
    "SERVER_PROVIDED_FILES",
    "AuthorizationDetailsField",
    "Catalog",
    "Choice",
    "CoverageEntry",
    "Extensions",
    "Form",
    "Policies",
    "RegistrationField",
    "RegistrationPolicy",
    "SandboxAccount",
    "Scope",
    "Server",
    "field_title",
    "load_catalog",
]
