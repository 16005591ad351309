"""The authorization details fields of a scope (WG1-02 3.8 to 3.10)."""

from decimal import Decimal
from typing import Any

from msgspec import UNSET

from app.catalog import codes, values
from app.catalog.model import AuthorizationDetailsField, Choice
from app.catalog.problems import listed
from app.catalog.reader import Section, kind

KEYS = (
    "id",
    "name",
    "description",
    "documentation",
    "for_types",
    "format",
    "is_required",
    "default",
    "maximum",
    "minimum",
    "choices",
    "looks_back",
)
CHOICE_KEYS = ("id", "name", "description", "documentation")
RESERVED = frozenset({"type", "locations", "actions", "datatypes", "identifier", "privileges"})
"""Keys that RFC 9396 section 2 gives a meaning of its own."""

WANTED_LIMIT = {
    "int": 'a whole number, or "infinite"',
    "decimal": 'a number, or "infinite"',
    "relative_or_absolute_date": 'a date, a duration of days or more such as P3Y or P0D, or "infinite"',
    "relative_or_absolute_datetime": 'a datetime, a duration such as P30DT2H or PT0S, or "infinite"',
    **dict.fromkeys(codes.LENGTH_FORMATS, "a length, a whole number from 0"),
}


def read_details_fields(sections: list[Section], scope_id: str) -> tuple[AuthorizationDetailsField, ...]:
    """All authorization details fields of one scope."""
    fields = tuple(read_details_field(section, scope_id) for section in sections)
    refuse_repeated([field.id for field in fields], sections)
    return fields


def refuse_repeated(ids: list[str], sections: list[Section]) -> None:
    """Ids are unique within their list."""
    for index, (item_id, section) in enumerate(zip(ids, sections, strict=True)):
        if item_id and item_id in ids[:index]:
            section.problem("id", f'"{item_id}" stands twice in this list', "give every entry its own")


def read_details_field(section: Section, scope_id: str) -> AuthorizationDetailsField:
    """One authorization details field (3.8)."""
    field_id = section.text("id")
    if field_id in RESERVED:
        section.problem("id", f'"{field_id}" has a meaning of its own in RFC 9396', "choose another id")
    elif field_id:
        section.require_id("id", field_id)
    format_ = section.word("format", codes.DETAILS_FORMATS)
    choices = read_choices(section, format_)
    looks_back = section.flag("looks_back", default=False)
    if looks_back and format_ not in (*codes.NUMBER_FORMATS, *codes.TIME_FORMATS):
        section.problem("looks_back", f"the format {format_} has no direction", "remove it")
    maximum = read_limit(section, "maximum", format_)
    minimum = read_limit(section, "minimum", format_)
    refuse_reversed(section, minimum, maximum, looks_back=looks_back)
    is_required = section.flag("is_required", default="default" not in section.found)
    field = AuthorizationDetailsField(
        id=field_id,
        name=section.text("name"),
        description=section.text("description"),
        documentation=section.optional_link("documentation"),
        for_types=read_for_types(section, scope_id),
        format=format_,
        is_required=is_required,
        default=read_default(section, format_, choices, is_required=is_required),
        maximum=maximum,
        minimum=minimum,
        choices=choices,
        looks_back=looks_back,
        extra=section.extra,
    )
    refuse_default_out_of_range(section, field)
    return field


def read_for_types(section: Section, scope_id: str) -> tuple[str, ...]:
    """The only type of a scope's entries is its id (G2), so that is all there is to choose from."""
    wanted = f"write [{scope_id}] or remove the key"
    written = section.optional_texts("for_types", lambda value: None if value == scope_id else wanted)
    if written == () and not section.found.get("for_types"):
        section.problem("for_types", "this list is empty", wanted)
    return (scope_id,)


def read_choices(section: Section, format_: str) -> tuple[Choice, ...]:
    """The values of a choice (3.10)."""
    sections = section.sections("choices", CHOICE_KEYS)
    if format_ in codes.CHOICE_FORMATS and not sections:
        section.problem("choices", f"the format {format_} needs at least one choice", "write id, name and description")
    if format_ not in codes.CHOICE_FORMATS and section.has("choices"):
        section.problem("choices", f"the format {format_} has none", "remove it, or use the format choice")
    found = []
    for entry in sections:
        choice_id = entry.text("id")
        if choice_id:
            entry.require_id("id", choice_id)
        found.append(
            Choice(
                id=choice_id,
                name=entry.text("name"),
                description=entry.text("description"),
                documentation=entry.optional_link("documentation"),
            )
        )
    refuse_repeated([choice.id for choice in found], sections)
    return tuple(found)


def read_limit(section: Section, key: str, format_: str) -> Any:  # noqa: ANN401 -- a number or a text
    """`maximum` or `minimum`, both of which the limited formats need and the others do not have."""
    if format_ not in codes.LIMITED_FORMATS:
        if section.has(key):
            section.problem(key, f"the format {format_} has none", "remove it")
        return UNSET
    value = section.found.get(key)
    if value is None:
        section.problem(key, f"this is missing, the format {format_} needs it", f"write {WANTED_LIMIT[format_]}")
        return UNSET
    if not is_limit(value, format_):
        section.problem(key, f"this is no limit of the format {format_}", f"write {WANTED_LIMIT[format_]}")
        return UNSET
    return values.published(value) if isinstance(value, str) else value


def is_limit(value: object, format_: str) -> bool:
    """Whether `value` can bound values of the format."""
    if format_ in codes.NUMBER_FORMATS:
        return value == values.INFINITE or is_value(value, format_, ())
    if format_ in codes.LENGTH_FORMATS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return is_value(value, format_, ())


def is_value(value: object, format_: str, choices: tuple[Choice, ...]) -> bool:
    """Whether `value` is of the format (3.9)."""
    if value is None:
        return format_.endswith("_or_null")
    base = format_.removesuffix("_or_null")
    if base in {"string_list", "choice_list"}:
        item = base.removesuffix("_list")
        return isinstance(value, list) and all(is_value(entry, item, choices) for entry in value)
    if base == "choice":
        return value in [choice.id for choice in choices]
    if base == "jwk":
        return False
    if isinstance(value, bool) or base == "boolean":
        return isinstance(value, bool) and base == "boolean"
    if base in codes.NUMBER_FORMATS:
        return isinstance(value, int if base == "int" else int | Decimal)
    if not isinstance(value, str):
        return False
    if base == "relative_or_absolute_date":
        return values.is_relative_or_absolute_date(value)
    return base == "string" or values.is_relative_or_absolute_datetime(value)


def rank(value: object, *, looks_back: bool) -> Decimal | None:
    """A place between `minimum` and `maximum`: larger is nearer to `maximum`. None when it depends on the day."""
    if isinstance(value, int | Decimal):
        return -Decimal(value) if looks_back else Decimal(value)
    distance = values.distance_days(value) if isinstance(value, str) else None
    return None if distance is None else Decimal(distance)


def refuse_reversed(section: Section, minimum: object, maximum: object, *, looks_back: bool) -> None:
    """`minimum` is not beyond `maximum`, as far as that can be said without knowing the day."""
    low, high = rank(minimum, looks_back=looks_back), rank(maximum, looks_back=looks_back)
    if low is not None and high is not None and low > high:
        hint = (
            "swap them" if looks_back else "swap them, or set looks_back: true if values run into the past or below 0"
        )
        section.problem("minimum", "this is beyond maximum", hint)


def read_default(section: Section, format_: str, choices: tuple[Choice, ...], *, is_required: bool) -> Any:  # noqa: ANN401 -- JSON
    """The value of requests that have none: there when the field is optional, absent when it is required (3.8)."""
    if "default" not in section.found:
        if not is_required:
            section.problem("default", "an optional field needs one", "write it, or set is_required: true")
        return UNSET
    if is_required:
        section.problem("default", "a required field has none", "remove it, or set is_required: false")
        return UNSET
    default = section.found["default"]
    if not is_value(default, format_, choices):
        ids = f" ({listed(choice.id for choice in choices)})" if choices else ""
        section.problem("default", f"this is {kind(default)} and no value of the format {format_}{ids}", "write one")
        return UNSET
    return values.published(default) if isinstance(default, str) and format_ in codes.TIME_FORMATS else default


def refuse_default_out_of_range(section: Section, field: AuthorizationDetailsField) -> None:
    """A default is a value that a Client could have submitted."""
    if field.default is UNSET or field.default is None:
        return
    place = rank(length(field.default, field.format), looks_back=field.looks_back)
    low, high = rank(field.minimum, looks_back=field.looks_back), rank(field.maximum, looks_back=field.looks_back)
    if place is None:
        return
    if (low is not None and place < low) or (high is not None and place > high):
        section.problem("default", "this is not between minimum and maximum", "write a value that a Client may send")


def length(value: Any, format_: str) -> object:  # noqa: ANN401 -- a value of any format
    """What the limits of the format count: code points, over all texts of a list (H5), or else the value itself."""
    if format_ not in codes.LENGTH_FORMATS:
        return value
    return sum(len(text) for text in (value if isinstance(value, list) else [value]))
