"""Which registration fields a scope requires and which are optional, and whether the fields agree with that (A9)."""

from msgspec import UNSET

from app.catalog.model import RegistrationField, Scope
from app.catalog.problems import one_of
from app.catalog.reader import Section

REQUIRED, OPTIONAL = "registration_requirements", "registration_optional"


def refuse_contradictory_fields(
    scopes: dict[str, Scope], fields: dict[str, RegistrationField], sections: dict[str, Section]
) -> None:
    """Every listed field exists, and a `default` stands exactly at those that are optional (3.4, 3.5)."""
    for scope_id, section in sections.items():
        scope = scopes.get(scope_id)
        if scope is None:
            continue
        for field_id in scope.registration_requirements:
            refuse_required(section, field_id, fields)
        for field_id in scope.registration_optional:
            if field_id in scope.registration_requirements:
                section.problem(
                    place(section, OPTIONAL, field_id), f'"{field_id}" is required already', "keep one of the two"
                )
            else:
                refuse_optional(section, field_id, fields)


def refuse_required(section: Section, field_id: str, fields: dict[str, RegistrationField]) -> None:
    """A required field exists and has no default."""
    where = place(section, REQUIRED, field_id)
    if field_id not in fields:
        section.problem(where, f'there is no registration field "{field_id}"', one_of(field_id, fields))
    elif fields[field_id].default is not UNSET:
        section.problem(
            where,
            f'"{field_id}" has a default, which makes it optional',
            f"move it to {OPTIONAL}, or remove registration_fields.{field_id}.default",
        )


def refuse_optional(section: Section, field_id: str, fields: dict[str, RegistrationField]) -> None:
    """An optional field exists, is one that is submitted, and has a default."""
    where = place(section, OPTIONAL, field_id)
    field = fields.get(field_id)
    if field is None:
        section.problem(where, f'there is no registration field "{field_id}"', one_of(field_id, fields))
    elif field.type != "registration_field":
        section.problem(where, f'"{field_id}" is a step, and steps are not optional', f"move it to {REQUIRED}")
    elif field.default is UNSET:
        section.problem(
            where,
            f'"{field_id}" has no default, which makes it required',
            f"add registration_fields.{field_id}.default, or move it to {REQUIRED}",
        )


def place(section: Section, key: str, field_id: str) -> str:
    """Where in the list the field stands."""
    return f"{key}[{section.found[key].index(field_id)}]"
