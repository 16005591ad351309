"""What the reference page shows: the document in the order in which people read it."""

from typing import Any, Final, NamedTuple

import msgspec

from app.openapi.schemas import Schema
from app.schemas.encoding import encode

Shape = dict[str, Any]

_SCHEMA: Final = "#/components/schemas/"
_WHO: Final = {
    "clientBasic": "client_id and client_secret",
    "clientToken": "an access token",
    "operatorKey": "an operator key",
    "gatewayKey": "an operator key, as a gateway",
    "callSignature": "a signature",
}


class Word(NamedTuple):
    """A piece of the name of a type; `schema` is the one that it leads to, "" for none."""

    text: str
    schema: str = ""


def contents(document: Shape) -> dict[str, Any]:
    """The values of the template."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    shown = _Shown(document)
    return {
        "about": document["info"]["description"].strip().splitlines(),
        "groups": [
            {
                "name": tag["name"],
                "text": tag["description"],
                "operations": [shown.operation(*one) for one in operations if tag["name"] in one[2]["tags"]],
            }
            for tag in document["tags"]
        ],
        "schemas": [shown.schema(name, schema) for name, schema in document["components"]["schemas"].items()],
    }


class _Shown:
    """Knows what references lead to."""

    def __init__(self, document: Shape) -> None:
        self._components = document["components"]

    def operation(self, method: str, path: str, operation: Shape) -> Shape:
        """One operation."""
        *texts, source = operation["description"].split("\n\n")
        return {
            "id": operation["operationId"],
            "method": method,
            "path": path,
            "summary": operation["summary"],
            "texts": texts,
            "source": source.removeprefix("Source: ").rstrip("."),
            "who": _who(operation["security"]),
            "parameters": [_parameter(one) for one in operation.get("parameters", ())],
            "body": self._body(operation["requestBody"]) if "requestBody" in operation else None,
            "answers": [self._answer(status, one) for status, one in sorted(operation["responses"].items())],
        }

    def schema(self, name: str, schema: Schema) -> Shape:
        """One schema."""
        return {
            "name": name,
            "text": schema.get("description", ""),
            "values": schema.get("enum", ()),
            "fields": _fields(schema),
        }

    def _body(self, body: Shape) -> Shape:
        ((content_type, content),) = body["content"].items()
        name = content["schema"]["$ref"].removeprefix(_SCHEMA)
        return {
            "content_type": content_type,
            "schema": name,
            "required": body["required"],
            "fields": _fields(self._components["schemas"][name]),
            "example": _example(content),
        }

    def _answer(self, status: str, response: Shape) -> Shape:
        if "$ref" in response:
            response = self._components["responses"][response["$ref"].rpartition("/")[2]]
        every: list[tuple[str, Shape]] = [*response.get("content", {}).items(), ("", {})]
        content_type, content = every[0]
        reference = content.get("schema", {}).get("$ref", "")
        is_error = "x-error-codes" in response
        return {
            "status": status,
            "text": response["description"],
            "content_type": content_type,
            "schema": reference.removeprefix(_SCHEMA),
            "example": "" if is_error else _example(content),
        }


def _who(security: list[dict[str, list[str]]]) -> str:
    """Who may, in a few words."""
    ways = [f"{_WHO[name]}{_scopes(scopes)}" for way in security for name, scopes in way.items()]
    return " or ".join(dict.fromkeys(ways))


def _scopes(scopes: list[str]) -> str:
    return f" of the scope {' '.join(scopes)}" if scopes else ""


def _parameter(parameter: Shape) -> Shape:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "text": parameter["description"],
        "required": parameter["required"],
        "type": type_of(parameter["schema"]),
    }


def _fields(schema: Schema) -> list[Shape]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "place": "body",
            "type": type_of(one),
            "required": name in required,
            "text": one.get("description", ""),
        }
        for name, one in schema.get("properties", {}).items()
    ]


def type_of(schema: Schema) -> list[Word]:
    """A type in words; names of schemas lead to them."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMA)
        return [Word(name, name)]
    if "anyOf" in schema:
        either = [type_of(one) for one in schema["anyOf"]]
        return [word for place, words in enumerate(either) for word in ([Word(" or ")] if place else []) + words]
    if "enum" in schema:
        return [Word(", ".join(f'"{one}"' for one in schema["enum"]))]
    match schema.get("type"):
        case "array":
            return [Word("list of "), *type_of(schema["items"])]
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return [Word("object of "), *type_of(schema["additionalProperties"])]
        case str() as name:
            return [Word(f"{name} ({schema['format']})" if "format" in schema else name)]
        case _:
            return [Word("anything")]


def _example(content: Shape) -> str:
    """The example as people read it: JSON on several lines, a form on one."""
    examples = content.get("examples")
    return indented(next(iter(examples.values()))["value"]) if examples else ""


def indented(value: object) -> str:
    """JSON with two blanks per level."""
    return msgspec.json.format(encode(value), indent=2).decode()
