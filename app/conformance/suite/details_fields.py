"""CDS-WG1-02 sections 3.8 to 3.10 as far as they show in the metadata: the authorization details fields."""

from collections.abc import Callable, Iterable
from typing import Final

from app.conformance.checks import Problems, check, skip_unless
from app.conformance.formats import (
    INFINITE,
    is_date,
    is_datetime,
    is_integer,
    is_number,
    is_relative_date,
    is_relative_datetime,
    objects,
    shown,
)
from app.conformance.session import GRANT_ADMIN, Session
from app.conformance.shapes import FLAG, OBJECTS, STRINGS, TEXT, URL, Shape, lacking, listed, misspelt, unknown
from app.conformance.wire import Document

Look = Callable[[str, Document], Iterable[str]]

FIELD: Final[Shape] = {
    "id": TEXT,
    "name": TEXT,
    "description": TEXT,
    "documentation": URL,
    "for_types": STRINGS,
    "format": TEXT,
    "is_required": FLAG,
}
CHOICE: Final[Shape] = {"id": TEXT, "name": TEXT, "description": TEXT, "documentation": URL}
WITH_LIMITS: Final = (
    "int",
    "decimal",
    "string",
    "string_or_null",
    "string_list",
    "relative_or_absolute_date",
    "relative_or_absolute_datetime",
)
FORMATS: Final = (*WITH_LIMITS, "boolean", "choice", "jwk_or_null")


def _integer(value: object) -> bool:
    return value == INFINITE or is_integer(value)


def _decimal(value: object) -> bool:
    return value == INFINITE or is_number(value)


def _date(value: object) -> bool:
    return is_relative_date(value) or is_date(value)


def _datetime(value: object) -> bool:
    return is_relative_datetime(value) or is_datetime(value)


LIMITS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "int": (_integer, "an integer or infinite"),
    "decimal": (_decimal, "a number or infinite"),
    "string": (is_integer, "an integer"),
    "string_or_null": (is_integer, "an integer"),
    "string_list": (is_integer, "an integer"),
    "relative_or_absolute_date": (_date, "a relative or absolute date"),
    "relative_or_absolute_datetime": (_datetime, "a relative or absolute datetime"),
}


@check("WG1-02-3.8-01")
async def every_authorization_details_field_has_its_required_members(session: Session) -> None:
    """Seven of them."""
    await note_details(session, lambda where, field: lacking(field, FIELD, where))


@check("WG1-02-3.8-03")
async def the_types_of_a_field_are_types_of_its_scope(session: Session) -> None:
    """At least one. For grant admin scopes section 3.3.2 says cds_grant_admin, which passes."""
    problems = Problems(await session.as_metadata())
    fields = 0
    for name, scope in (await session.scopes()).items():
        known = {*listed(scope, "authorization_details_types_supported")}
        known |= {GRANT_ADMIN} if scope.get("type") == GRANT_ADMIN else set()
        for field in objects(scope.get("authorization_details_fields_supported")):
            fields += 1
            types = listed(field, "for_types")
            problems.note(types, f"{name}, {field.get('id')}: for_types is empty")
            stray = sorted(set(types) - known)
            problems.note(
                not stray, f"{name}, {field.get('id')}: for_types has {', '.join(stray)}, unknown to the scope"
            )
    skip_unless(fields, "no scope has authorization details fields")
    problems.refuse()


@check("WG1-02-3.8-06")
async def what_is_not_required_has_a_default(session: Session) -> None:
    """Without one nobody knows what is in effect when only a scope is asked for."""
    await note_details(
        session,
        lambda where, field: (
            [f"{where}it is not required and has no default"]
            * (field.get("is_required") is False and "default" not in field)
        ),
    )


@check("WG1-02-3.8-07")
async def what_is_required_has_no_default(session: Session) -> None:
    """The Client has to say it."""
    await note_details(
        session,
        lambda where, field: (
            [f"{where}it is required and has a default"] * (field.get("is_required") is True and "default" in field)
        ),
    )


@check("WG1-02-3.8-08")
async def what_has_an_order_has_a_maximum(session: Session) -> None:
    """Seven formats."""
    await note_details(
        session,
        lambda where, field: [f"{where}it has no maximum"] * ("maximum" not in field),
        WITH_LIMITS,
    )


@check("WG1-02-3.8-09")
async def the_maximum_of_a_number_is_a_number_or_infinite(session: Session) -> None:
    """Int and decimal."""
    await note_limit(session, "maximum", ("int", "decimal"))


@check("WG1-02-3.8-10")
async def the_maximum_of_a_string_is_a_length(session: Session) -> None:
    """An integer."""
    await note_limit(session, "maximum", ("string", "string_or_null"))


@check("WG1-02-3.8-11")
async def the_maximum_of_a_list_is_a_total_length(session: Session) -> None:
    """An integer."""
    await note_limit(session, "maximum", ("string_list",))


@check("WG1-02-3.8-12")
async def the_maximum_of_a_date_is_a_date(session: Session) -> None:
    """Relative or absolute."""
    await note_limit(session, "maximum", ("relative_or_absolute_date",))


@check("WG1-02-3.8-13")
async def the_maximum_of_a_datetime_is_a_datetime(session: Session) -> None:
    """Relative or absolute."""
    await note_limit(session, "maximum", ("relative_or_absolute_datetime",))


@check("WG1-02-3.8-15")
async def a_maximum_comes_with_a_minimum(session: Session) -> None:
    """Always."""
    await note_details(
        session,
        lambda where, field: (
            [f"{where}it has a maximum and no minimum"] * ("maximum" in field and "minimum" not in field)
        ),
    )


@check("WG1-02-3.8-16")
async def the_minimum_is_of_the_kind_of_the_maximum(session: Session) -> None:
    """By format."""
    await note_limit(session, "minimum", WITH_LIMITS)


@check("WG1-02-3.8-17")
async def a_choice_has_choices(session: Session) -> None:
    """At least one."""
    await note_details(
        session,
        lambda where, field: [f"{where}it has no choices"] * (not objects(field.get("choices"))),
        ("choice",),
    )


@check("WG1-02-3.9-01")
async def no_format_of_authorization_details_is_misspelt(session: Session) -> None:
    """Ten are defined."""
    await note_details(
        session,
        lambda where, field: [f"{where}{problem}" for problem in misspelt([str(field.get("format"))], FORMATS)],
    )


@check("WG1-02-3.9-01", level="SHOULD")
async def every_format_of_authorization_details_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_details(
        session,
        lambda where, field: [
            f"{where}only an extension can define the format {other}"
            for other in unknown([str(field.get("format"))], FORMATS)
        ],
    )


@check("WG1-02-3.10-01")
async def every_choice_has_its_required_members(session: Session) -> None:
    """Four of them."""
    shape: Shape = {"choices": OBJECTS}
    await note_details(
        session,
        lambda where, field: [
            *lacking(field, shape, where),
            *(
                problem
                for choice in objects(field.get("choices"))
                for problem in lacking(choice, CHOICE, f"{where}choice {shown(choice.get('id'))}: ")
            ),
        ],
        ("choice",),
    )


async def note_details(session: Session, look: Look, formats: Iterable[str] | None = None) -> None:
    """Look at every authorization details field, or those of some formats.

    Raises:
        Skipped: There is none.
        Violated: Something is wrong with one.
    """
    wanted = None if formats is None else set(formats)
    problems = Problems(await session.as_metadata())
    fields = [
        (f"{name}, {field.get('id')}: ", field)
        for name, scope in (await session.scopes()).items()
        for field in objects(scope.get("authorization_details_fields_supported"))
        if wanted is None or field.get("format") in wanted
    ]
    kinds = f" of the format {' or '.join(sorted(wanted))}" if wanted else ""
    skip_unless(fields, f"no scope has authorization details fields{kinds}")
    for where, field in fields:
        problems.found += look(where, field)
    problems.refuse()


async def note_limit(session: Session, limit: str, formats: Iterable[str]) -> None:
    """Look at a limit of all fields of some formats."""

    def look(where: str, field: Document) -> Iterable[str]:
        test, kind = LIMITS[str(field["format"])]
        if limit in field and not test(field[limit]):
            yield f"{where}{limit} is {shown(field[limit])}, not {kind}"

    await note_details(session, look, formats)
