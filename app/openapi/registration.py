"""What the catalog adds: the scopes and registration fields of this utility (CDS-WG1-02 3.4, 3.5, 3.7, 4.1)."""

import re
from collections.abc import Iterable
from typing import Any, Final

from app.catalog import CLIENT_ADMIN, Catalog, RegistrationField
from app.domain.as_metadata import field_ids
from app.domain.registration_fields import MAX_LENGTH, OR_NULL
from app.openapi.schemas import DETAIL, Schema
from app.openapi.words import HTTP, title_of

TRANSLATED: Final = r"^(client_name|client_uri|logo_uri|tos_uri|policy_uri)#[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$"
"""Members with a language tag (RFC 7591 2.2)."""

_FORMATS: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "url": {"type": "string", "format": "uri", "pattern": HTTP},
    "email": {"type": "string", "format": "email"},
    "boolean": {"type": "boolean"},
    "image": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"},
    "pdf": {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/pdf"},
}
_FILES: Final = frozenset({"image", "pdf"})
_EXAMPLES: Final = {
    "string": "Meadow Software",
    "url": "https://meadow.example/privacy",
    "email": "security@meadow.example",
    "boolean": True,
}


def with_catalog(schemas: dict[str, Schema], catalog: Catalog) -> None:
    """Put scopes, registration fields and authorization details into the schemas that have them."""
    fields = _to_submit(catalog)
    submitted = {_name(field): field_schema(field, catalog) for field in fields}
    shown = {name: _shown(schema) for name, schema in submitted.items() if not _is_file(schema)}
    for name in ("RegistrationRequest", "ClientUpdate", "ClientChange"):
        _extend(schemas.get(name), submitted)
    for name in ("Client", "RegistrationResponse", "OperatorClient"):
        _extend(schemas.get(name), {"software_id": {"type": "string"}, "software_version": {"type": "string"}} | shown)
    if "RegistrationRequest" in schemas:
        schemas["RegistrationRequest"]["properties"]["scope"] |= scope_schema(catalog)
        schemas["RegistrationRequest"]["allOf"] = list(_conditions(catalog))
    schemas[DETAIL] = _detail(catalog)


def registration_example(catalog: Catalog) -> dict[str, Any]:
    """A registration that this utility accepts: with the first scope of its own and all that this one requires."""
    own = [scope for scope in catalog.scopes.values() if scope.type not in _BUILT_IN][:1]
    required = {field_id for scope in own for field_id in scope.registration_requirements}
    values = {
        _name(field): _EXAMPLES[_kind(field)]
        for field in _to_submit(catalog)
        if field.id in required and _kind(field) in _EXAMPLES
    }
    scope = " ".join([CLIENT_ADMIN, *(one.id for one in own)])
    return {"client_name": "Meadow Software", "contacts": ["dev@meadow.example"], "scope": scope, **values}


_BUILT_IN: Final = frozenset({CLIENT_ADMIN, "cds_grant_admin", "cds_server_provided_files"})


def scope_schema(catalog: Catalog) -> Schema:
    """The scope of a registration request: scopes on offer, the admin scope among them."""
    ids = "|".join(re.escape(scope_id).replace(r"\-", "-") for scope_id in catalog.scopes)
    meanings = [f"- `{scope.id}`: {scope.name}. {scope.description}" for scope in catalog.scopes.values()]
    return {
        "pattern": f"^(({ids}) )*{CLIENT_ADMIN}( ({ids}))*$",
        "description": "\n".join([f"Scopes, separated by spaces, `{CLIENT_ADMIN}` among them.", "", *meanings]),
        "examples": [registration_example(catalog)["scope"]],
    }


def field_schema(field: RegistrationField, catalog: Catalog) -> Schema:
    """The schema of a registration field that is submitted."""
    kind = _kind(field)
    schema = dict(_FORMATS[kind])
    if schema["type"] == "string" and kind not in _FILES:
        schema["maxLength"] = field.max_length or MAX_LENGTH
    if (field.format or "").endswith(OR_NULL):
        schema = {"anyOf": [schema, {"type": "null"}]}
    schema["description"] = _meaning(field, catalog)
    if kind in _EXAMPLES:
        schema["examples"] = [_EXAMPLES[kind]]
    return schema


def _meaning(field: RegistrationField, catalog: Catalog) -> str:
    required, optional = (
        [f"`{scope.id}`" for scope in catalog.scopes.values() if field.id in getattr(scope, listed)]
        for listed in ("registration_requirements", "registration_optional")
    )
    for_scopes = [
        f"{word} for {', '.join(scopes)}."
        for word, scopes in (("Required", required), ("Optional", optional))
        if scopes
    ]
    size = [f"At most {field.max_size} bytes before Base64."] if field.max_size else []
    return " ".join([field.description, *size, *for_scopes])


def _conditions(catalog: Catalog) -> Iterable[Schema]:
    """Which fields each scope requires."""
    fields = {field.id: field for field in _to_submit(catalog)}
    for scope in catalog.scopes.values():
        required = [fields[one] for one in scope.registration_requirements if one in fields]
        if names := [_name(field) for field in required if field.default is not None]:
            asked = {"properties": {"scope": {"pattern": f"(^| ){re.escape(scope.id)}( |$)"}}}
            yield {"if": asked, "then": {"required": names}}


def _extend(schema: Schema | None, properties: dict[str, Schema]) -> None:
    if schema is not None:
        schema["properties"] |= {name: one for name, one in properties.items() if name not in schema["properties"]}
        schema["patternProperties"] = {TRANSLATED: {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "null"}]}}
        schema["additionalProperties"] = True


def _shown(schema: Schema) -> Schema:
    """The same in a Client Object: what was accepted once stays, whatever the catalog says today."""
    kept = {name: value for name, value in schema.items() if name not in {"maxLength", "pattern", "format"}}
    if "anyOf" in kept:
        kept["anyOf"] = [_shown(one) for one in kept["anyOf"]]
    return kept


def _detail(catalog: Catalog) -> Schema:
    """An authorization details entry: its type is a scope, its members are the fields of that scope."""
    fields = {
        field.id: f"{field.name}, for {', '.join(field.for_types)}: {field.description}"
        for scope in catalog.scopes.values()
        for field in scope.authorization_details_fields_supported
    }
    return {
        "type": "object",
        **title_of(DETAIL),
        "properties": {
            "type": {"type": "string", "description": "The id of a scope.", "examples": [next(iter(catalog.scopes))]},
            **{name: {"description": text} for name, text in fields.items()},
        },
        "required": ["type"],
        "additionalProperties": True,
    }


def _to_submit(catalog: Catalog) -> list[RegistrationField]:
    fields = [catalog.registration_fields[field_id] for field_id in field_ids(catalog.scopes.values())]
    return [field for field in fields if field.type == "registration_field" and field.field_name]


def _name(field: RegistrationField) -> str:
    return field.field_name or ""


def _kind(field: RegistrationField) -> str:
    return (field.format or "").removesuffix(OR_NULL)


def _is_file(schema: Schema) -> bool:
    return any("contentEncoding" in one for one in (schema, *schema.get("anyOf", ())))
