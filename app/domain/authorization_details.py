"""The one validator of RFC 9396 authorization details against the scopes of the catalog (CDS-WG1-02 3.8, 3.9).

Used wherever a list of entries comes in: token and authorization requests, PUT of a Client Object, PATCH of a Grant,
grant requests. An entry's `type` is the id of its scope (ambiguities G2).

Entries are kept as they were submitted, relative dates included, and not turned into absolute ones: a Grant then
shows what was asked for, the same request finds the same standing Grant on every day (E2), and its relative dates go
on counting from the moment of that Grant's authorization, as 3.9 says.
`app.domain.authorization_details_changes.resolve` turns them into the dates in effect for whoever enforces them.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import UNSET, DecodeError

from app.catalog.model import AuthorizationDetailsField, Scope
from app.domain.authorization_details_formats import Unacceptable, accepts, check
from app.domain.relative_dates import Clock
from app.domain.texts import is_name, one_of
from app.errors import InvalidAuthorizationDetails, Refusal
from app.schemas.encoding import decode

PARAMETER = "authorization_details"

MAX_TEXT_LENGTH = 256 * 1024
"""Characters of the form parameter, at most."""

MAX_ENTRIES = 500
"""Entries in one list, at most."""

Entry = dict[str, Any]


def parse(raw: str) -> list[Entry]:
    """The entries that the form parameter holds; their fields are checked by `validate`.

    Raises:
        InvalidAuthorizationDetails: It is not JSON, too long, or not a list of objects with a string `type`.
    """
    expected = f"{PARAMETER} must be a JSON array of objects that have a type."
    if len(raw) > MAX_TEXT_LENGTH:
        raise InvalidAuthorizationDetails(
            f"{PARAMETER} must have at most {MAX_TEXT_LENGTH} characters.", field=PARAMETER
        )
    try:
        entries = decode(raw)
    # Beside what is not JSON: a lone surrogate, a number too large to exist, and a million brackets.
    except (DecodeError, UnicodeError, ArithmeticError, RecursionError) as error:
        raise InvalidAuthorizationDetails(expected, field=PARAMETER, detail=repr(error)) from error
    return _require_entries(entries, InvalidAuthorizationDetails, PARAMETER)


def validate(
    entries: object,
    *,
    scopes: Mapping[str, Scope],
    allowed_types: Collection[str],
    now: datetime,
    timezone: ZoneInfo,
    refusal: type[Refusal] = InvalidAuthorizationDetails,
    field: str = PARAMETER,
) -> list[Entry]:
    """The entries as we keep them: optional fields that were left out have their default, decimals are Decimal.

    Args:
        entries: What was submitted, decoded (fractions as Decimal).
        scopes: The catalog's.
        allowed_types: The `authorization_details_types` of the Client Object.
        now: What relative dates count from: the moment of the request, or for a change of a Grant the moment at which
            that Grant was authorized, so that an unchanged value stays valid.
        timezone: The `cds_timezone`.
        refusal: The class to raise, by the rules of the endpoint.
        field: Where the list stands in the request, for errors.

    Raises:
        Refusal: Of the class `refusal`; `field` names entry and field (`authorization_details.0.file_id`), the
            description says what is accepted.

    Source: CDS-WG1-02 3.8 to 3.10; RFC 9396 5.
    """
    rules = _Rules(scopes, allowed_types, Clock(now, timezone), refusal)
    listed = _require_entries(entries, refusal, field)
    return [rules.entry(entry, f"{field}.{place}") for place, entry in enumerate(listed)]


def scope_of(entries: Sequence[Mapping[str, Any]]) -> str:
    """The scope string that validated entries imply when none is sent (ambiguities F3, F9): their types, each once."""
    return " ".join(dict.fromkeys(entry["type"] for entry in entries))


def in_effect(entries: Sequence[Entry], scope: str, scopes: Mapping[str, Scope]) -> list[Entry]:
    """The entries, and one of defaults for every scope id of `scope` that has fields, all optional, and no entry (3.8).

    A scope with a required field has no default entry: without an entry it opens nothing.
    """
    named = {entry["type"] for entry in entries}
    missing = [scopes[scope_id] for scope_id in scope.split() if scope_id in scopes and scope_id not in named]
    defaults = [_default_entry(one) for one in missing if fields_of(one) and not requires_entry(one)]
    return [*entries, *defaults]


def requires_entry(scope: Scope) -> bool:
    """Whether requests for this scope need an authorization details entry: one of its fields is required (3.8)."""
    return any(field.is_required for field in fields_of(scope))


def refuse_missing_entries(entries: Sequence[Mapping[str, Any]], scope: str, scopes: Mapping[str, Scope]) -> None:
    """Refuse a request for a scope whose required fields it does not give, because it has no entry for it.

    Raises:
        InvalidAuthorizationDetails: An entry is missing.

    Source: CDS-WG1-02 3.8, `is_required`.
    """
    named = {entry["type"] for entry in entries}
    for scope_id in scope.split():
        if scope_id in scopes and scope_id not in named and requires_entry(scopes[scope_id]):
            needed = ", ".join(field.id for field in fields_of(scopes[scope_id]) if field.is_required)
            raise InvalidAuthorizationDetails(
                f"{PARAMETER} must have an entry of type {scope_id} with: {needed}.", field=PARAMETER
            )


def fields_of(scope: Scope) -> tuple[AuthorizationDetailsField, ...]:
    """The fields of an entry whose type is this scope's id, in the order of the catalog."""
    if scope.id not in scope.authorization_details_types_supported:
        return ()
    return tuple(field for field in scope.authorization_details_fields_supported if scope.id in field.for_types)


def _default_entry(scope: Scope) -> Entry:
    return {"type": scope.id} | {
        field.id: deepcopy(field.default) for field in fields_of(scope) if field.default is not UNSET
    }


def _require_entries(entries: object, refusal: type[Refusal], field: str) -> list[Entry]:
    if not isinstance(entries, list):
        raise refusal(f"{field} must be an array of objects that have a type.", field=field)
    if len(entries) > MAX_ENTRIES:
        raise refusal(f"{field} must have at most {MAX_ENTRIES} entries.", field=field)
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise refusal(f"{field}.{place} must be an object that has a type.", field=f"{field}.{place}")
        if not isinstance(entry.get("type"), str):
            raise refusal(f"{field}.{place}.type must be a string.", field=f"{field}.{place}.type")
    return entries


@dataclass(frozen=True, slots=True)
class _Rules:
    """What an entry is checked against."""

    scopes: Mapping[str, Scope]
    allowed_types: Collection[str]
    clock: Clock
    refusal: type[Refusal]

    def entry(self, entry: Entry, path: str) -> Entry:
        fields = fields_of(self._scope(entry["type"], path))
        self._refuse_unknown_fields(entry, {field.id for field in fields}, path)
        kept: Entry = {"type": entry["type"]}
        for field in fields:
            if field.id in entry:
                kept[field.id] = self._value(entry[field.id], field, path)
            elif field.is_required:
                raise self.refusal(
                    f"{path}.{field.id} is required and must be {accepts(field)}.", field=f"{path}.{field.id}"
                )
            elif field.default is not UNSET:
                kept[field.id] = deepcopy(field.default)
        return kept

    def _scope(self, entry_type: str, path: str) -> Scope:
        scope = self.scopes.get(entry_type)
        supported = scope is not None and entry_type in scope.authorization_details_types_supported
        if scope is None or not supported or entry_type not in self.allowed_types:
            offered = one_of(self.allowed_types) if self.allowed_types else "one of this client's, and it has none"
            raise self.refusal(f"{path}.type must be {offered}.", field=f"{path}.type")
        return scope

    def _refuse_unknown_fields(self, entry: Entry, known: set[str], path: str) -> None:
        for name in entry:
            if name != "type" and name not in known:
                # The name is the caller's own: repeat it only when it is a harmless one.
                place = f"{path}.{name}" if is_name(name) else path
                fields = one_of(["type", *sorted(known)])
                raise self.refusal(f"{place} is not a field of this type; its fields are {fields}.", field=place)

    def _value(self, value: object, field: AuthorizationDetailsField, path: str) -> Any:  # noqa: ANN401 -- any JSON
        try:
            return check(value, field, self.clock)
        except Unacceptable as error:
            place = f"{path}.{field.id}"
            cause = None if error.__cause__ is None else str(error.__cause__)
            raise self.refusal(f"{place} must be {accepts(field)}.", field=place, detail=cause) from error
