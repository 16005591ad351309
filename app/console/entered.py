"""What operators enter in forms, as the values that the domain takes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.catalog import AuthorizationDetailsField, Catalog, Scope
from app.console.shell import Form
from app.domain.authorization_details_formats import OR_NULL
from app.errors import InvalidRequest

DETAIL: Final = "detail."
"""What the names of inputs for authorization details fields begin with."""

JSON_DETAILS: Final = "authorization_details"

_BOOLEANS: Final = {"true": True, "false": False}


def text(form: Form, name: str) -> str:
    """What was entered; browsers end lines with CR LF, which becomes LF."""
    return form.get(name).replace("\r\n", "\n")


def ids(form: Form, name: str) -> tuple[str, ...]:
    """Ids with blanks, commas or line ends between them."""
    return tuple(dict.fromkeys(form.get(name).replace(",", " ").split()))


def moment(form: Form, name: str, catalog: Catalog) -> datetime | None:
    """A moment in the time zone of the utility unless it says its own; None when nothing was entered.

    Raises:
        InvalidRequest: It is no moment.
    """
    given = form.get(name)
    if not given:
        return None
    try:
        parsed = datetime.fromisoformat(given)
    except ValueError as error:
        raise InvalidRequest(f"{name} must be a date and a time.", field=name) from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=ZoneInfo(catalog.server.timezone))
    return parsed.astimezone(UTC).replace(microsecond=0)


def details(form: Form, scope: Scope) -> list[dict[str, Any]]:
    """The authorization details that were entered: the JSON if there is some, else one entry from the fields.

    Raises:
        InvalidRequest: The JSON is none.
    """
    if form.get(JSON_DETAILS):
        return json_details(form)
    entry = {
        field.id: _value(field, form.get(DETAIL + field.id))
        for field in scope.authorization_details_fields_supported
        if form.get(DETAIL + field.id)
    }
    return [{"type": scope.id, **entry}] if entry else []


def json_details(form: Form, name: str = JSON_DETAILS) -> list[dict[str, Any]]:
    """A list of authorization details entries in JSON. Raises InvalidRequest."""
    try:
        entries = json.loads(form.get(name), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{name} must be a JSON array.", field=name, detail=repr(error)) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidRequest(f"{name} must be a JSON array of objects.", field=name)
    return entries


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _value(field: AuthorizationDetailsField, entered: str) -> object:
    """What a text stands for in a field; what is no such thing stays text, and the validator says what is wrong."""
    given = entered.strip()
    base = field.format.removesuffix(OR_NULL)
    if given == "null" and field.format.endswith(OR_NULL):
        return None
    try:
        match base:
            case "int":
                return int(given)
            case "decimal":
                return Decimal(given)
            case "boolean":
                return _BOOLEANS.get(given, given)
            case "string_list" | "choice_list":
                return _lines(entered)
            case "jwk":
                return json.loads(given)
            case _:
                return given
    except (ValueError, InvalidOperation, RecursionError):
        return given


def _lines(entered: str) -> Sequence[str]:
    return [line.strip() for line in entered.splitlines() if line.strip()]
