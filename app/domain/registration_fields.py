"""Registration field values that a Client submits with its registration, and later in a PUT (WG1-02 3.5, 3.7)."""

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

from msgspec import UNSET, Struct

from app.catalog.model import RegistrationField
from app.domain import urls
from app.domain.email_addresses import is_email
from app.domain.field_files import FieldFile, decode_base64, image, pdf
from app.domain.texts import is_text, public
from app.errors import InvalidClientMetadata, ServerError

OR_NULL = "_or_null"

MAX_LENGTH = 10_000
"""Code points of a string, url or email for which the catalog sets no `max_length`."""

_READERS = {"image": image, "pdf": pdf}

_KINDS = {
    "string": "a string",
    "url": "an absolute http or https URL",
    "email": "an e-mail address such as name@example.com",
    "boolean": "true or false",
    "image": "a PNG or JPEG file as a Base64 string",
    "pdf": "a PDF file as a Base64 string",
}


class Submitted(Struct, frozen=True):
    """What the fields came to, by `field_name`.

    `values` has strings, URLs, addresses, booleans and nulls, which may be shown to the Client. `files` has images
    and PDFs, which are stored and never echoed (ambiguities A5); `no_files` names the file fields that are null.
    """

    values: dict[str, Any]
    files: dict[str, FieldFile]
    no_files: set[str]


def validate(
    metadata: Mapping[str, Any],
    *,
    fields: Mapping[str, RegistrationField],
    required: Collection[str],
    optional: Collection[str],
) -> Submitted:
    """The values of a registration request.

    Only fields that have to be submitted count (type `registration_field`); keys of other fields are ignored (A23). An
    optional field that is missing has its default.

    Args:
        metadata: The request, decoded.
        fields: The catalog's, by id.
        required: The ids that the requested scopes list in `registration_requirements`.
        optional: Those in `registration_optional`. An id in both is required.

    Raises:
        InvalidClientMetadata: A required field is missing, or a value is not what its format says; `field` is the
            `field_name`, and the description says what is accepted (A8).
    """
    outcome = Submitted({}, {}, set())
    for field_id, field, name in _to_submit(fields, [*required, *optional]):
        if name in metadata:
            _add(outcome, field, name, metadata[name])
        elif field_id in required and field.default is UNSET:
            raise InvalidClientMetadata(f"{name} is required and must be {accepts(field)}.", field=name)
        elif field.default is not UNSET:
            _add_default(outcome, field, name)
    return outcome


def validate_update(
    metadata: Mapping[str, Any], *, fields: Mapping[str, RegistrationField], listed: Collection[str]
) -> Submitted:
    """The values that a PUT of a Client Object sets.

    A field that is left out gets its default, and stays as it is when it has none (B5). A file that is left out always
    stays, because Clients never get it back and so cannot repeat it.

    Args:
        metadata: The request, decoded.
        fields: The catalog's, by id.
        listed: The ids that the scopes of the Client Object list as required or optional.

    Raises:
        InvalidClientMetadata: A value is not what its format says.
    """
    outcome = Submitted({}, {}, set())
    for _, field, name in _to_submit(fields, listed):
        if name in metadata:
            _add(outcome, field, name, metadata[name])
        elif field.default is not UNSET and _kind(field) not in _READERS:
            _add_default(outcome, field, name)
    return outcome


def accepts(field: RegistrationField) -> str:
    """What the field takes, as the end of a sentence."""
    kind = _KINDS[_kind(field)]
    if _kind(field) in _READERS:
        kind += "" if field.max_size is None else f" of at most {field.max_size} bytes before encoding"
    elif _kind(field) != "boolean":
        kind += f" of at most {_max_length(field)} characters"
    return f"{kind}, or null" if _takes_null(field) else kind


def _to_submit(
    fields: Mapping[str, RegistrationField], ids: Collection[str]
) -> Iterator[tuple[str, RegistrationField, str]]:
    for field_id in dict.fromkeys(ids):
        field = fields[field_id]
        if field.type == "registration_field" and field.field_name is not None:
            yield field_id, field, field.field_name


def _add(outcome: Submitted, field: RegistrationField, name: str, value: object) -> None:
    if value is None and _takes_null(field):
        _add_null(outcome, field, name)
        return
    kind = _kind(field)
    if kind in _READERS:
        file = _read_file(field, value)
        if file is not None:
            outcome.files[name] = file
            return
    elif _is_value(field, kind, value):
        outcome.values[name] = value
        return
    raise InvalidClientMetadata(f"{public(name)} must be {accepts(field)}.", field=name)


def _add_default(outcome: Submitted, field: RegistrationField, name: str) -> None:
    if field.default is None:
        _add_null(outcome, field, name)
    elif _kind(field) in _READERS:
        _add(outcome, field, name, field.default)
    else:
        outcome.values[name] = deepcopy(field.default)


def _add_null(outcome: Submitted, field: RegistrationField, name: str) -> None:
    if _kind(field) in _READERS:
        outcome.no_files.add(name)
    else:
        outcome.values[name] = None


def _is_value(field: RegistrationField, kind: str, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str) or len(value) > _max_length(field):
        return False
    match kind:
        case "url":
            return urls.parse(value) is not None
        case "email":
            return is_email(value)
        case _:
            return is_text(value)


def _read_file(field: RegistrationField, value: object) -> FieldFile | None:
    content = decode_base64(value, max_size_bytes=field.max_size) if isinstance(value, str) else None
    return None if content is None else _READERS[_kind(field)](content)


def _kind(field: RegistrationField) -> str:
    kind = (field.format or "").removesuffix(OR_NULL)
    if kind not in _KINDS:
        raise ServerError("The server is not configured for this field.", detail=f"format {field.format} of {field.id}")
    return kind


def _takes_null(field: RegistrationField) -> bool:
    return field.format is not None and field.format.endswith(OR_NULL)


def _max_length(field: RegistrationField) -> int:
    return MAX_LENGTH if field.max_length is None else field.max_length
