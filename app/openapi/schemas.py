"""JSON Schemas of the types on the wire: the Structs that serve requests, and those that say what plain objects hold.

msgspec makes JSON Schemas too. These differ where our encoding does: a Decimal is a number, every datetime is RFC 3339,
a member is required unless it may be UNSET, and every member says what it means.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.inspect import (
    AnyType,
    BoolType,
    BytesType,
    DateTimeType,
    DecimalType,
    DictType,
    EnumType,
    Field,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
)

from app.openapi.words import FORMATS, member, title_of

Schema = dict[str, Any]
AnyStruct = TypeVar("AnyStruct", bound=type[Struct])

REFERENCE: Final = "#/components/schemas/{}"
DETAIL: Final = "AuthorizationDetail"

_OPEN: Final[set[type]] = set()
_CLOSED: Final[set[type]] = set()
_NAMES: Final[dict[type, str]] = {}
_SIMPLE: Final[dict[type[Type], Schema]] = {
    AnyType: {},
    BoolType: {"type": "boolean"},
    BytesType: {"type": "string", "format": "binary"},
    DateTimeType: {"type": "string", "format": "date-time"},
    DecimalType: {"type": "number"},
    FloatType: {"type": "number"},
    NoneType: {"type": "null"},
}
_LIMITS: Final = {
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}


def extensible(cls: AnyStruct) -> AnyStruct:
    """Say that objects of a type may have members that it does not name, as the specifications allow."""
    _OPEN.add(cls)
    return cls


def exact(cls: AnyStruct) -> AnyStruct:
    """Say that whoever sends an object of a type must not send other members."""
    _CLOSED.add(cls)
    return cls


def called(name: str, cls: AnyStruct) -> AnyStruct:
    """Give a type another name in the document than it has in our code."""
    _NAMES[cls] = name
    return cls


def name_of(cls: type) -> str:
    """What a type is called in the document."""
    return _NAMES.get(cls, cls.__name__)


def reference(cls: type) -> Schema:
    """A reference to the schema of a type."""
    return {"$ref": REFERENCE.format(name_of(cls))}


def schemas_of(types: Iterable[type]) -> dict[str, Schema]:
    """The schemas of types and of all that they are made of, by name.

    Raises:
        TypeError: Something in them has no JSON Schema here, or two types have one name.
    """
    walk = _Walk()
    for one in types:
        walk.schema(msgspec.inspect.type_info(one))
    return dict(sorted(walk.found.items()))


class _Walk:
    """Goes through types and keeps what it has found."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}
        self._types: dict[str, type] = {}

    def schema(self, kind: Type) -> Schema:
        """The schema of a type: a reference, if it has a name."""
        match kind:
            case Metadata(type=inner, extra_json_schema=extra):
                return self.schema(inner) | (extra or {})
            case StructType(cls=cls):
                return self._named(cls, lambda: self._struct(kind))
            case EnumType(cls=cls):
                return self._named(cls, lambda: _enumeration(cls))
            case StrType() | IntType():
                return {"type": "string" if isinstance(kind, StrType) else "integer"} | _limits(kind)
            case ListType(item_type=item) | VarTupleType(item_type=item):
                return {"type": "array", "items": self.schema(item)} | _lengths(kind, "Items")
            case DictType(value_type=value):
                return {"type": "object", "additionalProperties": self.schema(value) or True}
            case UnionType(types=types):
                return _any_of([self.schema(one) for one in types])
            case LiteralType(values=values):
                return {"enum": list(values)}
        simple = _SIMPLE.get(type(kind))
        if simple is None:
            message = f"{kind} has no JSON Schema here"
            raise TypeError(message)
        return dict(simple)

    def _named(self, cls: type, make: Any) -> Schema:  # noqa: ANN401 -- a function without arguments
        name = name_of(cls)
        if self._types.setdefault(name, cls) is not cls:
            message = f"{cls} and {self._types[name]} are both called {name}"
            raise TypeError(message)
        if name not in self.found:
            self.found[name] = {}
            self.found[name] = make()
        return reference(cls)

    def _struct(self, kind: StructType) -> Schema:
        name = name_of(kind.cls)
        fields = [field for field in kind.fields if field.encode_name != "extra"]
        schema: Schema = {
            "type": "object",
            **title_of(name),
            "properties": {field.encode_name: self._member(name, field) for field in fields},
        }
        if required := [field.encode_name for field in fields if not _may_be_absent(field)]:
            schema["required"] = required
        if kind.cls in _CLOSED:
            schema["additionalProperties"] = False
        elif kind.cls in _OPEN:
            schema["additionalProperties"] = True
        return schema

    def _member(self, struct: str, field: Field) -> Schema:
        """The schema of a member with its meaning, its format and an example."""
        name = field.encode_name
        schema = _with_format(name, self.schema(field.type))
        words = {key: value for key, value in member(struct, name).items() if key not in schema}
        values: list[Any] = self.found.get(schema.get("$ref", "").rpartition("/")[2], schema).get("enum") or []
        if values and words.get("examples", values)[0] not in values:
            del words["examples"]  # another member of this name has it
        return schema | words


def _with_format(name: str, schema: Schema) -> Schema:
    """What the name of a member says beyond its type: URLs are URLs, authorization details have their own schema."""
    if name.endswith("authorization_details") and schema.get("type") == "array":
        return schema | {"items": {"$ref": REFERENCE.format(DETAIL)}}
    extra: Mapping[str, Any] = FORMATS.get(name) or (FORMATS["uri"] if name.endswith(("_uri", "_url")) else {})
    if not extra:
        return schema
    if schema.get("type") == "string":
        return {**schema, **extra}
    if "anyOf" in schema:
        return schema | {
            "anyOf": [one | dict(extra) if one.get("type") == "string" else one for one in schema["anyOf"]]
        }
    return schema


def _any_of(schemas: list[Schema]) -> Schema:
    return {"anyOf": schemas}


def _enumeration(cls: type[Any]) -> Schema:
    return {"type": "string", **title_of(cls.__name__), "enum": [str(one.value) for one in cls]}


def _limits(kind: Type) -> Schema:
    return {keyword: value for name, keyword in _LIMITS.items() if (value := getattr(kind, name, None)) is not None}


def _lengths(kind: Type, what: str) -> Schema:
    bounds = {f"min{what}": getattr(kind, "min_length", None), f"max{what}": getattr(kind, "max_length", None)}
    return {keyword: value for keyword, value in bounds.items() if value is not None}


def _may_be_absent(field: Field) -> bool:
    """Whether the member may be UNSET: what has another default is always sent."""
    return not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT
