"""Catalogs for tests: the smallest one, with whatever a test changes, as a file."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from app.catalog import Catalog, load_catalog
from app.catalog.loader import DEMO
from app.errors import ConfigurationError

SCHEMA: dict[str, Any] = json.loads((DEMO.parent.parent / "catalog.schema.json").read_text())

SMALLEST: dict[str, Any] = {
    "server": {
        "name": "Test Electric",
        "description": "A utility in a test.",
        "website": "https://utility.example",
        "support": "https://utility.example/support",
        "timezone": "America/Chicago",
        "created": "2025-01-01T00:00:00Z",
        "updated": "2025-02-01T00:00:00Z",
    },
    "scopes": {},
}

ENTRY: dict[str, Any] = {
    "id": "north",
    "entity_name": "Test Electric",
    "country": "US",
    "name": "North",
    "type": "logical",
    "role": "authoritative",
    "created": "2025-01-01T00:00:00Z",
    "updated": "2025-01-02T00:00:00Z",
}

SCOPE: dict[str, Any] = {
    "type": "test_usage",
    "name": "Usage",
    "description": "Meter readings.",
    "grant_types_supported": ["client_credentials"],
}

USER_SCOPE: dict[str, Any] = {**SCOPE, "grant_types_supported": ["authorization_code", "refresh_token"]}

DETAILS_FIELD: dict[str, Any] = {
    "id": "limit",
    "name": "Limit",
    "description": "How many readings.",
    "format": "int",
    "minimum": 1,
    "maximum": 10,
}

REGISTRATION_FIELD: dict[str, Any] = {
    "type": "registration_field",
    "description": "Your name.",
    "field_name": "cds_company",
    "format": "string",
}


class _Dumper(yaml.SafeDumper):
    """Writes what tests have in hand."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", str(value)))


def a_catalog(**parts: Any) -> dict[str, Any]:
    """The smallest catalog with some parts added or replaced; `server` is merged."""
    catalog = copy.deepcopy(SMALLEST) | copy.deepcopy(parts)
    catalog["server"] = SMALLEST["server"] | parts.get("server", {})
    return catalog


def with_scope(*, fields: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A catalog with one scope, `usage`. A change to None removes a key."""
    scope = {key: value for key, value in (SCOPE | changes).items() if value is not None}
    return a_catalog(scopes={"usage": scope}, registration_fields=fields or {})


def with_details(**changes: Any) -> dict[str, Any]:
    """A catalog whose scope `usage` has one authorization details field. A change to `...` removes a key."""
    field = {key: value for key, value in (DETAILS_FIELD | changes).items() if value is not ...}
    return with_scope(authorization_details_fields_supported=[field])


def with_field(**changes: Any) -> dict[str, Any]:
    """A catalog with one registration field, `company`. A change to `...` removes a key."""
    field = {key: value for key, value in (REGISTRATION_FIELD | changes).items() if value is not ...}
    return a_catalog(registration_fields={"company": field})


def with_entry(**changes: Any) -> dict[str, Any]:
    """A catalog with one coverage entry, `north`. A change to `...` removes a key."""
    return a_catalog(coverage=[{key: value for key, value in (ENTRY | changes).items() if value is not ...}])


def write(catalog: dict[str, Any], directory: Path) -> Path:
    """The catalog as a file in `directory`."""
    path = directory / "catalog.yaml"
    path.write_text(yaml.dump(catalog, Dumper=_Dumper, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def load(catalog: dict[str, Any], directory: Path) -> Catalog:
    """The catalog, written and read."""
    return load_catalog(write(catalog, directory))


def problems(catalog: dict[str, Any], directory: Path) -> list[str]:
    """What is wrong with it, without the name of the file; empty when nothing is."""
    path = write(catalog, directory)
    try:
        load_catalog(path)
    except ConfigurationError as error:
        return [problem.removeprefix(f"{path}: ") for problem in error.problems]
    return []


def plain(value: Any) -> Any:
    """With floats instead of Decimals, as editors see numbers."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return float(value) if isinstance(value, Decimal) else value


def accepted_by_schema(catalog: dict[str, Any]) -> bool:
    """Whether editors that know the schema find nothing wrong."""
    accepted: bool = jsonschema.Draft7Validator(SCHEMA).is_valid(plain(catalog))
    return accepted
