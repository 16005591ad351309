"""The second step: the inputs of a registration, what was entered in them, and what is wrong with it.

What is acceptable is decided by the rules of the registration endpoint alone; here values only get their JSON types,
and errors a place beside their input and words for people.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from app.catalog import Catalog, RegistrationField, Scope, field_title
from app.domain import client_metadata, registration_fields
from app.domain.client_objects import listed_fields
from app.domain.registration_fields import OR_NULL
from app.errors import InvalidClientMetadata
from app.registration_form.choices import is_required
from app.web import words

CONTACTS: Final = "contacts"
_YES: Final = "yes"
_NO: Final = "no"
_LINE_LENGTH: Final = 250
"""Longer texts get a box of several lines."""

_FILE_TYPES: Final = {"image": "image/png,image/jpeg", "pdf": "application/pdf"}
_INPUT_TYPES: Final = {"url": "url", "email": "email"}
_KINDS: Final = {
    "string": "Text",
    "url": "An address that begins with https:// or http://",
    "email": "An e-mail address such as name@example.com",
    "image": "A PNG or JPEG file",
    "pdf": "A PDF file",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the form.

    Args:
        name: Of the member of the registration request.
        label: For people.
        kind: `text`, `url`, `email`, `lines`, `check`, `choice` (yes, no, no answer) or `file`.
        hints: What it is for, what is accepted, and what counts when it is left out.
        value: What was entered, or what counts when nothing is.
        error: What is wrong with what was entered.
    """

    name: str
    label: str
    kind: str
    hints: tuple[str, ...] = ()
    is_required: bool = False
    max_length: int | None = None
    accept: str = ""
    autocomplete: str = ""
    value: str = ""
    error: str = ""


class Entered(NamedTuple):
    """What a form came with: texts and files by the names of their inputs."""

    texts: Mapping[str, str]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was entered as members of a registration request, and the errors by member."""

    metadata: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)


_URL: Final = _KINDS["url"]
_ABOUT: Final = (
    Input(
        "client_name",
        "Name of your application",
        "text",
        ("Users see it when they are asked for an authorization. Without one it goes by its client_id.",),
        max_length=client_metadata.MAX_NAME_LENGTH,
    ),
    Input(
        CONTACTS,
        "Contacts",
        "lines",
        ("E-mail addresses of people whom we may write to about this registration, one on each line.",),
        autocomplete="email",
    ),
)
_LINKS: Final = (
    Input("client_uri", "Website of the application", "url", (_URL,), autocomplete="url"),
    Input("policy_uri", "Its privacy policy", "url", (_URL,)),
    Input("tos_uri", "Its terms of service", "url", (_URL,)),
    Input("logo_uri", "Its logo", "url", ("An address of an image that begins with https://",)),
)
ABOUT: Final = (*_ABOUT, *_LINKS)
"""RFC 7591 fields."""


def about(reading: Reading | None, entered: Entered | None) -> tuple[list[Input], list[Input]]:
    """The inputs for RFC 7591 fields: those that everybody should see, and the links."""
    return _filled(_ABOUT, reading, entered), _filled(_LINKS, reading, entered)


def asked(
    catalog: Catalog, scopes: Sequence[Scope], reading: Reading | None, entered: Entered | None
) -> tuple[list[Input], list[Input]]:
    """The inputs for the registration fields of some scopes: required ones, and the others."""
    every = [(one, is_required(one, scopes)) for one in submitted_fields(catalog, scopes)]
    required = [input_of(one, required=True) for one, needed in every if needed]
    optional = [input_of(one, required=False) for one, needed in every if not needed]
    return _filled(required, reading, entered), _filled(optional, reading, entered)


def submitted_fields(catalog: Catalog, scopes: Sequence[Scope]) -> list[RegistrationField]:
    """The registration fields of some scopes that are submitted with the registration (3.5)."""
    fields = [catalog.registration_fields[field_id] for field_id in listed_fields(scopes)]
    return [one for one in fields if one.type == "registration_field" and one.field_name]


def input_of(one: RegistrationField, *, required: bool) -> Input:
    """The input of a registration field."""
    kind = kind_of(one)
    return Input(
        name=one.field_name or "",
        label=field_title(one.id),
        kind=kind,
        hints=tuple(hint for hint in (one.description, accepts(one), _without(one) if not required else "") if hint),
        is_required=required,
        max_length=one.max_length if kind in {"text", "url", "email", "lines"} else None,
        accept=_FILE_TYPES.get(_base(one), ""),
        autocomplete="email" if kind == "email" else "",
        value=_default(one),
    )


def kind_of(one: RegistrationField) -> str:
    """The kind of its input."""
    base = _base(one)
    if base in _FILE_TYPES:
        return "file"
    if base == "boolean":
        return "check" if isinstance(one.default, bool) and not _takes_null(one) else "choice"
    is_long = one.max_length is None or one.max_length > _LINE_LENGTH
    return _INPUT_TYPES.get(base, "lines" if is_long else "text")


def accepts(one: RegistrationField) -> str:
    """What the field takes, as a sentence for people; nothing for a yes or no."""
    base = _base(one)
    if base == "boolean":
        return ""
    if base in _FILE_TYPES:
        limit = "" if one.max_size is None else f" of at most {words.size(one.max_size)}"
    else:
        limit = f" of at most {one.max_length or registration_fields.MAX_LENGTH:,} characters"
    return f"{_KINDS[base]}{limit if base != 'url' else ','.join(('', limit.removeprefix(' of')))}."


def read(catalog: Catalog, scopes: Sequence[Scope], entered: Entered) -> Reading:
    """The registration request that was entered, and everything that is wrong with it, not only the first thing."""
    metadata: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for one in ABOUT:
        value = entered.texts.get(one.name, "").strip()
        if value:
            metadata[one.name] = _lines(value) if one.name == CONTACTS else value
            _note_error(errors, one.name, _metadata_error(one, metadata[one.name]))
    for one_field in submitted_fields(catalog, scopes):
        name = one_field.field_name or ""
        value_or_unset = _value(one_field, entered)
        if value_or_unset is not UNSET:
            metadata[name] = value_or_unset
        required = is_required(one_field, scopes)
        _note_error(errors, name, _field_error(one_field, metadata, required=required))
    return Reading(metadata, errors)


def _note_error(errors: dict[str, str], name: str, error: str) -> None:
    if error:
        errors[name] = error


def _metadata_error(one: Input, value: object) -> str:
    try:
        client_metadata.validate({one.name: value})
    except InvalidClientMetadata as refusal:
        return f"{one.label}{refusal.description.removeprefix(one.name)}"
    return ""


def _field_error(one: RegistrationField, metadata: Mapping[str, Any], *, required: bool) -> str:
    """What the rules of a registration say about one field."""
    listed = {"required": [one.id], "optional": []} if required else {"required": [], "optional": [one.id]}
    try:
        registration_fields.validate(metadata, fields={one.id: one}, **listed)
    except InvalidClientMetadata:
        accepted = accepts(one) or "Yes or no."
        wrong = "was not accepted" if one.field_name in metadata else "is missing"
        return f"{field_title(one.id)} {wrong}. Expected: {accepted[:1].lower()}{accepted[1:]}"
    return ""


def _value(one: RegistrationField, entered: Entered) -> object:
    """What was entered, in the type of the field; UNSET for nothing, so that a default counts."""
    name = one.field_name or ""
    if kind_of(one) == "file":
        content = entered.files.get(name)
        return base64.b64encode(content).decode() if content else UNSET
    text = entered.texts.get(name, "").replace("\r\n", "\n").strip()
    if _base(one) == "boolean":
        if kind_of(one) == "check":
            return text == _YES
        return {_YES: True, _NO: False}.get(text, None if _takes_null(one) else UNSET)
    if text:
        return text
    return None if _takes_null(one) and one.default is not UNSET else UNSET


def _filled(inputs: Sequence[Input], reading: Reading | None, entered: Entered | None) -> list[Input]:
    """The inputs with what was entered and what is wrong with it."""
    if reading is None or entered is None:
        return list(inputs)
    return [
        Input(
            one.name,
            one.label,
            one.kind,
            one.hints,
            one.is_required,
            one.max_length,
            one.accept,
            one.autocomplete,
            value="" if one.kind == "file" else entered.texts.get(one.name, ""),
            error=reading.errors.get(one.name, ""),
        )
        for one in inputs
    ]


def _default(one: RegistrationField) -> str:
    if isinstance(one.default, bool):
        return _YES if one.default else _NO
    return one.default if isinstance(one.default, str) and kind_of(one) != "file" else ""


def _without(one: RegistrationField) -> str:
    """What counts when nothing is entered; for a box to tick that is plain to see."""
    if kind_of(one) == "check" or one.default is UNSET or one.default is None:
        return ""
    return "Without a file, we use one of our own." if kind_of(one) == "file" else f"Usually {words.default(one)}."


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _base(one: RegistrationField) -> str:
    return (one.format or "").removesuffix(OR_NULL)


def _takes_null(one: RegistrationField) -> bool:
    return (one.format or "").endswith(OR_NULL)
