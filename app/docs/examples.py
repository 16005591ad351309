"""Programs to paste: their server is this one, their scopes and fields are those of this catalog."""

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from app.catalog import CLIENT_ADMIN, Catalog, RegistrationField, Scope
from app.domain.client_objects import listed_fields, onboarding_steps
from app.settings import Settings

CLIENT_NAME: Final = "My first client"
_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_PDF: Final = "JVBERi0xLjQKJSVFT0YK"
_VALUES: Final[Mapping[str, Any]] = {
    "string": "Meadow Software",
    "url": "https://meadow.example/",
    "email": "developers@meadow.example",
    "boolean": True,
    "image": _PIXEL,
    "pdf": _PDF,
}
"""What an example submits, by the format of the field."""


def contents(catalog: Catalog, _settings: Settings) -> dict[str, Any]:
    """The values of the templates with examples."""
    service, authorized = service_scope(catalog), authorized_scope(catalog)
    first = registration(catalog, *([service] if service else []))
    return {
        "service": service,
        "authorized": authorized,
        "account": catalog.test_accounts[0] if catalog.test_accounts else None,
        "registration_sh": shlex.quote(json.dumps(first)),
        "registration_py": literal(first, true="True"),
        "registration_js": literal(first, true="true"),
        "authorized_py": literal(registration(catalog, authorized), true="True") if authorized else "",
    }


def service_scope(catalog: Catalog) -> Scope | None:
    """A scope that a Client uses on its own; rather one that is ready right after the registration."""
    own = [scope for scope in catalog.scopes.values() if is_custom(scope) and not scope.response_types_supported]
    usable = [scope for scope in own if "client_credentials" in scope.grant_types_supported and has_secret(scope)]
    ready = [scope for scope in usable if not onboarding_steps(catalog, [scope])]
    return next(iter(ready or usable), None)


def authorized_scope(catalog: Catalog) -> Scope | None:
    """A scope that users authorize."""
    own = (scope for scope in catalog.scopes.values() if is_custom(scope) and scope.response_types_supported)
    found = (scope for scope in own if has_secret(scope))
    return next(found, None)


def is_custom(scope: Scope) -> bool:
    """Whether the utility has defined it, not the specification."""
    return not scope.type.startswith("cds_") or bool(scope.response_types_supported)


def has_secret(scope: Scope) -> bool:
    """Whether its Client Objects have a client_secret, with which the examples authenticate."""
    return "client_secret_basic" in scope.token_endpoint_auth_methods_supported[:1]


def registration(catalog: Catalog, *scopes: Scope) -> dict[str, Any]:
    """A registration request that is accepted: with every field that has no default."""
    body: dict[str, Any] = {
        "client_name": CLIENT_NAME,
        "scope": " ".join((CLIENT_ADMIN, *(scope.id for scope in scopes))),
    }
    for field_id in listed_fields(scopes):
        field = catalog.registration_fields[field_id]
        is_required = any(field_id in scope.registration_requirements for scope in scopes)
        if field.field_name and is_required and field.default is UNSET:
            body[field.field_name] = value_of(field)
    return body


def value_of(field: RegistrationField) -> object:
    """A value that the field takes."""
    value = _VALUES[(field.format or "string").removesuffix("_or_null")]
    if isinstance(value, str) and field.max_length is not None and (field.format or "").startswith("string"):
        return value[: field.max_length]
    return value


def literal(body: Mapping[str, Any], *, true: str) -> str:
    """An object as a program has it, one member per line."""
    lines = [f"    {json.dumps(name)}: {true if value is True else json.dumps(value)}," for name, value in body.items()]
    return "\n".join(["{", *lines, "}"])
