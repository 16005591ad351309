"""CDS-WG1-02 sections 3.5, 3.6 and 3.7 as far as they show in the metadata: the registration fields."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from app.conformance.checks import Problems, check, skip_unless
from app.conformance.formats import is_integer, is_url, shown
from app.conformance.samples import FORMATS, OR_NULL
from app.conformance.session import Session
from app.conformance.shapes import NUMBER, TEXT, URL, Shape, differing, lacking, listed, misspelt, unknown
from app.conformance.suite.metadata import note_unless_open
from app.conformance.wire import Document

FIELD: Final[Shape] = {"id": TEXT, "type": TEXT, "description": TEXT, "documentation": URL}
SUBMITTED: Final = "registration_field"
PAYMENT: Final = "payment_required"
TYPES: Final = (
    SUBMITTED,
    "internal_review",
    PAYMENT,
    "email_verification",
    "sso_verification",
    "pdf_form",
    "online_form",
)
ALL_FORMATS: Final = (*FORMATS, *(f"{name}{OR_NULL}" for name in FORMATS))
WITH_LENGTH: Final = frozenset({"string", "url", "email"})
WITH_SIZE: Final = frozenset({"image", "pdf"})
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@check("WG1-02-3.5-01")
async def every_registration_field_has_its_required_members(session: Session) -> None:
    """Four of them."""
    await note_fields(session, lambda name, field: lacking(field, FIELD, f"{name}: "))


@check("WG1-02-3.5-02")
async def the_id_of_a_registration_field_is_its_key(session: Session) -> None:
    """In cds_registration_fields."""
    await note_fields(session, lambda name, field: differing(field, {"id": name}, f"{name}: "))


@check("WG1-02-3.5-03")
async def what_is_submitted_has_a_name_that_begins_with_cds(session: Session) -> None:
    """Its field_name."""
    await note_fields(
        session,
        lambda name, field: (
            [f"{name}: field_name {shown(field.get('field_name'))} does not begin with cds_"]
            * (not str(field.get("field_name")).startswith("cds_"))
        ),
        SUBMITTED,
    )


@check("WG1-02-3.5-05")
async def only_optional_fields_that_are_submitted_have_a_default(session: Session) -> None:
    """Not those that a scope requires, and not the other types."""
    required = await listed_under(session, "registration_requirements")
    optional = await listed_under(session, "registration_optional")

    def look(name: str, field: Document) -> Iterable[str]:
        if "default" not in field:
            return
        if field.get("type") != SUBMITTED:
            yield f"{name}: it has a default, but is of type {shown(field.get('type'))}"
        elif name in required and name not in optional:
            yield f"{name}: it has a default, but scopes require it"

    await note_fields(session, look)


@check("WG1-02-3.5-06")
async def limits_of_length_are_for_texts(session: Session) -> None:
    """A positive number of characters."""

    def look(name: str, field: Document) -> Iterable[str]:
        if "max_length" in field:
            yield from wrong_limit(name, field, "max_length", WITH_LENGTH)

    await note_fields(session, look)


@check("WG1-02-3.5-07")
async def limits_of_size_are_for_files(session: Session) -> None:
    """A positive number of bytes."""

    def look(name: str, field: Document) -> Iterable[str]:
        if "max_size" in field:
            yield from wrong_limit(name, field, "max_size", WITH_SIZE)

    await note_fields(session, look)


@check("WG1-02-3.5-08", "WG1-02-3.6-06")
async def payments_have_an_amount_and_a_currency(session: Session) -> None:
    """A number, and a code of ISO 4217."""

    def look(name: str, field: Document) -> Iterable[str]:
        yield from lacking(field, {"amount": NUMBER, "currency": TEXT}, f"{name}: ")
        currency = field.get("currency")
        if isinstance(currency, str) and not _CURRENCY.fullmatch(currency):
            yield f"{name}: currency is {shown(currency)}, not three capital letters"

    await note_fields(session, look, PAYMENT)


@check("WG1-02-3.6-02")
async def no_type_of_registration_field_is_misspelt(session: Session) -> None:
    """Seven are defined."""
    await note_fields(
        session, lambda name, field: [f"{name}: {problem}" for problem in misspelt([str(field.get("type"))], TYPES)]
    )


@check("WG1-02-3.6-02", level="SHOULD")
async def every_type_of_registration_field_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_fields(
        session,
        lambda name, field: [
            f"{name}: only an extension can define the type {other}"
            for other in unknown([str(field.get("type"))], TYPES)
        ],
    )


@check("WG1-02-3.6-03", "WG1-02-3.5-04")
async def what_is_submitted_has_a_name_and_a_format(session: Session) -> None:
    """Both always."""
    await note_fields(
        session, lambda name, field: lacking(field, {"field_name": TEXT, "format": TEXT}, f"{name}: "), SUBMITTED
    )


@check("WG1-02-3.6-04")
async def what_may_be_submitted_has_a_default(session: Session) -> None:
    """Fields that no scope requires."""
    required = await listed_under(session, "registration_requirements")
    optional = await listed_under(session, "registration_optional") - required
    await note_fields(
        session,
        lambda name, field: (
            [f"{name}: it is optional and has no default"] * (name in optional and "default" not in field)
        ),
        SUBMITTED,
    )


@check("WG1-02-3.6-07", level="SHOULD")
async def the_documentation_of_payments_can_be_opened(session: Session) -> None:
    """Whether it tells the process, the fees and the methods, a person has to judge."""
    problems = Problems(await session.as_metadata())
    fields = {
        name: field for name, field in (await session.registration_fields()).items() if field.get("type") == PAYMENT
    }
    skip_unless(fields, f"no registration field is of type {PAYMENT}")
    for name, field in fields.items():
        if is_url(field.get("documentation")):
            await note_unless_open(session, problems, name, field["documentation"])
    problems.refuse()


@check("WG1-02-3.7-01")
async def no_format_of_registration_fields_is_misspelt(session: Session) -> None:
    """Twelve are defined."""
    await note_fields(
        session,
        lambda name, field: [f"{name}: {problem}" for problem in misspelt([str(field.get("format"))], ALL_FORMATS)],
        SUBMITTED,
    )


@check("WG1-02-3.7-01", level="SHOULD")
async def every_format_of_registration_fields_is_known(session: Session) -> None:
    """Others come from extensions."""
    await note_fields(
        session,
        lambda name, field: [
            f"{name}: only an extension can define the format {other}"
            for other in unknown([str(field.get("format"))], ALL_FORMATS)
        ],
        SUBMITTED,
    )


async def note_fields(
    session: Session, look: Callable[[str, Document], Iterable[str]], of_type: str | None = None
) -> None:
    """Look at every registration field, or those of a type.

    Raises:
        Skipped: There is none.
        Violated: Something is wrong with one.
    """
    problems = Problems(await session.as_metadata())
    chosen = {
        name: field
        for name, field in (await session.registration_fields()).items()
        if of_type in {None, field.get("type")}
    }
    skip_unless(
        chosen, f"no registration field is of type {of_type}" if of_type else "there are no registration fields"
    )
    for name, field in chosen.items():
        problems.found += look(name, field)
    problems.refuse()


async def listed_under(session: Session, member: str) -> set[str]:
    """The ids of the registration fields that any scope lists there."""
    return {field for scope in (await session.scopes()).values() for field in listed(scope, member)}


def wrong_limit(name: str, field: Document, limit: str, formats: frozenset[str]) -> Iterable[str]:
    """What is wrong with a limit of a field."""
    value, kind = field[limit], str(field.get("format")).removesuffix(OR_NULL)
    if not is_integer(value) or int(str(value)) < 1:
        yield f"{name}: {limit} is {shown(value)}, not a positive integer"
    if kind in ALL_FORMATS and kind not in formats:
        yield f"{name}: {limit} is there, but the format is {field.get('format')}"
