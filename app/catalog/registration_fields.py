"""The `registration_fields` part of the catalog (WG1-02 3.5 to 3.7)."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import UNSET

from app.catalog import codes, values
from app.catalog.files import read_pdf
from app.catalog.model import Form, FormReview, RegistrationField
from app.catalog.reader import Section

KEYS = (
    "type",
    "description",
    "field_name",
    "format",
    "default",
    "max_length",
    "max_size",
    "amount",
    "currency",
    "documentation",
    "form",
    "show_to_users",
    "instructions",
)
SHOWN_FORMATS = ("string", "string_or_null", "url", "url_or_null", "image", "image_or_null")
"""What can be shown to users beside the name of a Client."""

FORM_KEYS = ("text", "url", "pdf")
REVIEWS = ("automatic", "operator")
FORMS_OF_TYPE = {
    "online_form": ("text", "url"),
    "payment_required": ("text", "url"),
    "sso_verification": ("url",),
    "pdf_form": ("pdf", "url"),
}
"""What the onboarding link of a type can lead to."""

REVIEWED_TYPES = ("online_form", "sso_verification")
"""Types whose own pages end with something that can be accepted at once; payments and PDFs are always looked at."""

CLIENT_FIELDS = frozenset(
    {
        "cds_created",
        "cds_modified",
        "cds_client_uri",
        "cds_server_metadata",
        "cds_status",
        "cds_status_options",
        "cds_default_scope",
        "cds_default_redirect_uri",
        "cds_default_authorization_details",
    }
)
"""Names that Client Objects have already (WG1-02 5.1)."""

CURRENCY = re.compile(r"[A-Z]{3}")
CENT = Decimal("0.01")


def read_registration_fields(sections: dict[str, Section], directory: Path) -> dict[str, RegistrationField]:
    """All registration fields by id."""
    fields = {field_id: read_field(field_id, section, directory) for field_id, section in sections.items()}
    taken: dict[str, str] = {}
    for field in fields.values():
        if field.field_name is None:
            continue
        if field.field_name in taken:
            sections[field.id].problem(
                "field_name",
                f'"{field.field_name}" is the field_name of {taken[field.field_name]} too',
                "give every field its own",
            )
        taken[field.field_name] = field.id
    return fields


def read_field(field_id: str, section: Section, directory: Path) -> RegistrationField:
    """One registration field (3.5)."""
    kind: Any = section.word("type", codes.REGISTRATION_FIELD_TYPES)
    submitted = kind == "registration_field"
    paid = kind == "payment_required"
    format_ = section.word("format", codes.REGISTRATION_FIELD_FORMATS) if submitted else None
    refuse_keys_of_other_types(section, kind)
    return RegistrationField(
        id=field_id,
        type=kind,
        description=section.text("description"),
        field_name=read_field_name(section) if submitted else None,
        format=format_,
        default=read_default(section, format_) if format_ else UNSET,
        max_length=read_limit(section, "max_length", format_, codes.TEXT_FORMATS),
        max_size=read_limit(section, "max_size", format_, codes.FILE_FORMATS),
        amount=read_amount(section) if paid else None,
        currency=read_currency(section) if paid else None,
        documentation=section.optional_link("documentation"),
        form=read_form(section, kind, directory),
        extra=section.extra,
        show_to_users=read_show_to_users(section, format_),
        instructions=section.optional_text("instructions"),
    )


def refuse_keys_of_other_types(section: Section, kind: str) -> None:
    """Keys that say nothing for this type would be published and mislead."""
    if kind != "registration_field":
        for key in ("field_name", "format", "default", "max_length", "max_size"):
            if key in section.found:
                section.problem(key, f"a field of type {kind} has none", "remove it, or set type: registration_field")
    if kind != "payment_required":
        for key in ("amount", "currency"):
            if key in section.found:
                section.problem(key, f"a field of type {kind} has none", "remove it, or set type: payment_required")


def read_field_name(section: Section) -> str:
    """The key of a registration request; its prefix keeps it apart from the OAuth names (3.5)."""
    name = section.text("field_name")
    if not name:
        return name
    section.require_id("field_name", name)
    if not name.startswith("cds_"):
        section.problem("field_name", f'"{name}" does not start with cds_', f'write "cds_{name}"')
    elif name in CLIENT_FIELDS:
        section.problem("field_name", f'"{name}" is a field of every Client Object', "choose another name")
    return name


def read_limit(section: Section, key: str, format_: str | None, formats: tuple[str, ...]) -> int | None:
    """`max_length` or `max_size`, which only some formats have."""
    if format_ and section.has(key) and format_ not in formats:
        section.problem(key, f"the format {format_} has none", "remove it")
    return section.optional_count(key) if format_ else None


def read_default(section: Section, format_: str) -> Any:  # noqa: ANN401 -- a default may be of any JSON type
    """The value of a Client that submits none; UNSET makes the field a required one."""
    if "default" not in section.found:
        return UNSET
    default = section.found["default"]
    if wanted := refuse_value(default, format_):
        section.problem("default", f"this value is not of the format {format_}", wanted)
    limit = section.found.get("max_length")
    if isinstance(default, str) and isinstance(limit, int) and len(default) > limit:
        section.problem("default", "this value is longer than max_length", f"use at most {limit} characters")
    return default


def refuse_value(value: object, format_: str) -> str | None:
    """What to write instead of a default that its own format refuses; None when it is fine (3.7)."""
    base = format_.removesuffix("_or_null")
    if value is None:
        return None if base != format_ else f"use the format {base}_or_null, or write another default"
    if base in {"image", "pdf"}:
        return f"use the format {base}_or_null with default: null, because a file cannot be a default"
    if base == "boolean":
        return None if isinstance(value, bool) else "write true or false"
    if not isinstance(value, str):
        return "write text, in quotes if it looks like something else"
    if base == "url" and not values.is_url(value):
        return "write an absolute http or https URL"
    if base == "email" and not values.is_email(value):
        return "write a mail address"
    return None


def read_show_to_users(section: Section, format_: str | None) -> bool:
    """Whether users see the value when they are asked for an authorization."""
    shown = section.flag("show_to_users", default=False)
    if shown and format_ not in SHOWN_FORMATS:
        section.problem(
            "show_to_users", f"the format {format_} cannot be shown" if format_ else "there is no value", "remove it"
        )
    return shown


def read_amount(section: Section) -> Decimal | None:
    """The price in whole units of the currency, with two decimals."""
    found = section.found.get("amount")
    if isinstance(found, bool) or not isinstance(found, int | Decimal) or found <= 0:
        wrong = "this is missing" if found is None else "this is not an amount"
        section.problem("amount", wrong, "write a number above 0 such as 250.00")
        return None
    amount = Decimal(found)
    if amount != amount.quantize(CENT):
        section.problem("amount", "this has more than two decimals", "write a number such as 250.00")
    return amount.quantize(CENT)


def read_currency(section: Section) -> str:
    """An ISO 4217 code."""
    currency = section.text("currency")
    if currency and not CURRENCY.fullmatch(currency):
        section.problem(
            "currency", f'"{currency}" is not a code of ISO 4217', "write three capital letters such as USD"
        )
    return currency


def read_form(section: Section, kind: str, directory: Path) -> Form | None:
    """What the onboarding link leads to; None is our own page, from which the step waits for an operator."""
    accepted = FORMS_OF_TYPE.get(kind, ())
    if not section.has("form"):
        if kind == "pdf_form":
            section.problem(
                "form", "a pdf_form needs its blank form", "write pdf: with a file, or url: with its address"
            )
        return None
    form = section.section("form", (*FORM_KEYS, "review"))
    given = [key for key in FORM_KEYS if form.has(key)]
    is_sign_on_here = kind == "sso_verification" and not given and form.has("review")
    if not accepted:
        section.problem("form", f"a field of type {kind} has none", "remove it")
    elif len(given) != 1 and not is_sign_on_here:
        section.problem("form", f"there are {len(given)} of text, url and pdf", f"keep one of {', '.join(accepted)}")
    elif given and given[0] not in accepted:
        form.problem(given[0], f"a field of type {kind} has no such form", f"write one of {', '.join(accepted)}")
    return Form(
        text=form.optional_text("text"),
        url=form.optional_url("url"),
        pdf=read_pdf(form, "pdf", directory),
        review=read_review(form, kind),
    )


def read_review(form: Section, kind: str) -> FormReview:
    """Who accepts what people do on our own page."""
    if form.has("review") and (kind not in REVIEWED_TYPES or form.has("url")):
        instead = "let the system behind url report `pending` instead" if form.has("url") else "remove it"
        form.problem("review", "this decides about texts and sign-ons on our own pages only", instead)
    return "operator" if form.word("review", REVIEWS, "automatic") == "operator" else "automatic"
