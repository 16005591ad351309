"""CDS-WG1-02 sections 3.5 and 3.7 as far as they show when one registers: the values of registration fields."""

from collections.abc import Callable
from typing import Any, Final

from app.conformance.checks import Need, Stage, check, require, skip_unless
from app.conformance.samples import JPEG, OR_NULL, in_base64, largest, longest, value_for, wrong_values
from app.conformance.session import Session, told
from app.conformance.shapes import listed, same
from app.conformance.suite.registration import BAD_REQUEST
from app.conformance.wire import Document

REGISTRATION: Final = (Need.REGISTRATION,)
LARGEST_UPLOAD: Final = 700_000
"""Bytes of a file that is sent only to try a limit: in Base64 below a megabyte, which servers may have as theirs."""

USED_UNDER: Final = ("registration_requirements", "registration_optional")


@check("WG1-02-3.4-08", "WG1-02-3.5-03", needs=REGISTRATION, stage=Stage.REGISTER)
async def whoever_registers_may_submit_optional_fields(session: Session) -> None:
    """All of them at once."""
    fields = await submitted_fields(session)
    optional = [field for field in fields if await is_only_optional(session, field)]
    skip_unless(optional, "no scope has optional registration fields")
    values = {str(field["field_name"]): value_for(field) for field in optional}
    answer = await session.try_registration(await session.registration_body(**values), "with every optional field")
    require(answer.ok, f"with every optional field it is answered with {answer.status}: {told(answer)}", answer)


@check("WG1-02-3.5-05", needs=REGISTRATION)
async def what_is_not_submitted_shows_as_its_default(session: Session) -> None:
    """Where the Client Object shows the field."""
    own = await session.registration()
    left_out = {
        str(field.get("field_name")): field["default"]
        for field in await submitted_fields(session)
        if "default" in field and field.get("field_name") not in own.sent
    }
    seen = 0
    for client in await session.clients():
        for name in left_out.keys() & client.keys():
            seen += 1
            require(same(client[name], left_out[name]), f"{name} is {client[name]!r}, not {left_out[name]!r}")
    skip_unless(seen, "no Client Object shows a field that we left out")


@check("WG1-02-3.5-06", needs=REGISTRATION, stage=Stage.REGISTER)
async def texts_may_be_as_long_as_the_limit_and_no_longer(session: Session) -> None:
    """In characters."""
    await at_and_over(session, longest, "of as many characters as max_length", "one character more than max_length")


@check("WG1-02-3.5-07", needs=REGISTRATION, stage=Stage.REGISTER)
async def files_may_be_as_large_as_the_limit_and_no_larger(session: Session) -> None:
    """In bytes, before Base64."""
    await at_and_over(session, small_enough, "of as many bytes as max_size", "one byte more than max_size")


@check("WG1-02-3.7-02", "WG1-02-3.5-04", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_string_is_a_string(session: Session) -> None:
    """And null only where the format says so."""
    await only_such(session, "string")


@check("WG1-02-3.7-03", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_url_is_a_url(session: Session) -> None:
    """And null only where the format says so."""
    await only_such(session, "url")


@check("WG1-02-3.7-04", needs=REGISTRATION, stage=Stage.REGISTER)
async def an_email_is_an_address(session: Session) -> None:
    """And null only where the format says so."""
    await only_such(session, "email")


@check("WG1-02-3.7-05", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_boolean_is_true_or_false(session: Session) -> None:
    """And null only where the format says so."""
    await only_such(session, "boolean")


@check("WG1-02-3.7-06", needs=REGISTRATION, stage=Stage.REGISTER)
async def an_image_is_a_png_or_a_jpeg(session: Session) -> None:
    """And null only where the format says so."""
    await only_such(session, "image")
    for field in await submitted_fields(session, "image"):
        name = str(field["field_name"])
        answer = await session.try_registration(
            await session.registration_body(**{name: in_base64(JPEG)}), "with a JPEG"
        )
        require(answer.ok, f"with a JPEG as {name} it is answered with {answer.status}: {told(answer)}", answer)
        return


@check("WG1-02-3.7-07", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_pdf_is_a_pdf(session: Session) -> None:
    """And null only where the format says so."""
    await only_such(session, "pdf")


async def only_such(session: Session, base: str) -> None:
    """Try wrong values for the first field of a format, right ones for the others.

    Raises:
        Skipped: No field has the format.
        Violated: A wrong value is accepted, or null is refused where the format has it.
    """
    fields = await submitted_fields(session, base)
    skip_unless(fields, f"no scope asks for a value of the format {base}")
    field = fields[0]
    name = str(field["field_name"])
    for what, value in wrong_values(str(field["format"])).items():
        answer = await session.try_registration(await session.registration_body(**{name: value}))
        problem = f"{what} as {name} ({field['format']}) is answered with {answer.status}, not 400"
        require(answer.status == BAD_REQUEST, problem, answer)
    nullable = {str(one["field_name"]): None for one in fields if str(one["format"]).endswith(OR_NULL)}
    if nullable:
        body = await session.registration_body(**nullable)
        answer = await session.try_registration(body, f"with null for {base} fields")
        names = ", ".join(nullable)
        require(answer.ok, f"with null as {names} it is answered with {answer.status}: {told(answer)}", answer)


async def at_and_over(session: Session, sized: Callable[[Document, int], str | None], exactly: str, over: str) -> None:
    """Try values at the limits of all fields together, and one over the limit of each.

    Args:
        session: The run.
        sized: Makes a value at the limit of a field, or by so much over it; None where there is no limit to try.
        exactly: How values at the limit are called.
        over: How the others are.

    Raises:
        Skipped: No field has such a limit.
        Violated: The first are refused, or one of the others is not.
    """
    fields = {str(field["field_name"]): field for field in await submitted_fields(session)}
    at_limit = {name: sized(field, 0) for name, field in fields.items()}
    values: dict[str, Any] = {name: value for name, value in at_limit.items() if value is not None}
    skip_unless(values, "no registration field has such a limit that can be tried")
    answer = await session.try_registration(await session.registration_body(**values), f"with values {exactly}")
    names = ", ".join(values)
    require(answer.ok, f"with values {exactly} ({names}) it is answered with {answer.status}: {told(answer)}", answer)
    for name in values:
        answer = await session.try_registration(await session.registration_body(**{name: sized(fields[name], 1)}))
        require(answer.status == BAD_REQUEST, f"{name} with {over} is answered with {answer.status}, not 400", answer)


def small_enough(field: Document, over: int) -> str | None:
    """A file at the limit of a field, where that limit is not too high to be tried."""
    limit = field.get("max_size")
    return largest(field, over) if isinstance(limit, int) and limit <= LARGEST_UPLOAD else None


async def submitted_fields(session: Session, base: str | None = None) -> list[Document]:
    """The fields that are submitted with a registration for the scopes that are wanted, or those of a format."""
    described, scopes = await session.registration_fields(), await session.scopes()
    wanted = session.options.scopes or scopes
    ids = dict.fromkeys(
        field for name in wanted for member in USED_UNDER for field in listed(scopes.get(name, {}), member)
    )
    fields = [described[field] for field in ids if field in described]
    return [
        field
        for field in fields
        if field.get("type") == "registration_field"
        and isinstance(field.get("field_name"), str)
        and base in {None, str(field.get("format")).removesuffix(OR_NULL)}
        and field["field_name"] not in session.options.fields
    ]


async def is_only_optional(session: Session, field: Document) -> bool:
    """Whether no scope requires a field."""
    return not any(
        field.get("id") in listed(scope, "registration_requirements") for scope in (await session.scopes()).values()
    )
