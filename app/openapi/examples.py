"""Whole examples, made of those of the members."""

from collections.abc import Mapping
from typing import Any, Final

from app.openapi.schemas import Schema

_DEEPEST: Final = 6
_BY_FORMAT: Final = {"date-time": "2026-06-01T12:00:00Z", "uri": "https://utility.example/"}


def example_of(schema: Schema, schemas: Mapping[str, Schema], depth: int = 0) -> Any:  # noqa: ANN401 -- any JSON
    """A value that fits a schema; what may be absent is in it where a list of nothing would say little.

    Args:
        schema: May be a reference.
        schemas: What references lead to, by name.
        depth: How many objects stand around it.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    if "anyOf" in schema:
        return _of_choice(schema["anyOf"], schemas, depth)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return _of_object(schema, schemas, depth)
        case "array":
            return [] if depth >= _DEEPEST else [example_of(schema["items"], schemas, depth + 1)]
        case "string":
            return _BY_FORMAT.get(schema.get("format", ""), "text")
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case _:
            return None


def _of_choice(choices: list[Schema], schemas: Mapping[str, Schema], depth: int) -> Any:  # noqa: ANN401 -- JSON
    nothing = {"type": "null"}
    return None if nothing in choices else example_of(choices[0], schemas, depth)


def _of_object(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    if not schema.get("properties") and isinstance(schema.get("additionalProperties"), dict) and depth < _DEEPEST:
        inner = schema["additionalProperties"]
        return {"name": example_of(inner, schemas, depth + 1)} if inner else {}
    return {
        name: example_of(one, schemas, depth + 1)
        for name, one in schema.get("properties", {}).items()
        if name in required
    }
