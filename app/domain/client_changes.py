"""What a PUT of a Client Object asks for, as the fields that would change (CDS-WG1-02 5.5, RFC 7592 2.2).

A PUT has the whole object: a field that is left out, or null, goes back to the Server's default (ambiguities B5). A
value that equals the present one is always accepted. Everything is checked before anything is decided, so a refused
PUT changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from app.catalog import CLIENT_ADMIN, RegistrationField
from app.domain import authorization_details, client_metadata, redirect_uris, registration_fields
from app.domain.client_objects import authorization_details_types, listed_fields, scopes_of
from app.domain.context import Context
from app.domain.field_files import FieldFile
from app.domain.records import Stored
from app.domain.registration_files import is_same_file
from app.domain.texts import one_of
from app.domain.times import read_datetime
from app.errors import InvalidClientMetadata, InvalidRedirectUri
from app.schemas.clients import Client, ClientInternal, ClientStatus
from app.schemas.documents import document_of
from app.schemas.registrations import Registration

SERVER_SET = (
    "client_id",
    "client_id_issued_at",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "authorization_details_types",
    "cds_created",
    "cds_client_uri",
    "cds_server_metadata",
    "cds_status_options",
)
"""Fields that a PUT may repeat and not change (B4, B9). `cds_modified` is ignored, because it is soon out of date."""

_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Update(NamedTuple):
    """What would change.

    `fields` has the new values of those fields of the Client Object that differ, UNSET for one that goes; `files` the
    new images and PDFs by `field_name`, None for one that goes. `status` is the `cds_status` that is asked for.
    """

    fields: dict[str, Any]
    files: dict[str, FieldFile | None]
    status: ClientStatus


def read_update(
    context: Context, stored: Stored[Client], registration: Registration, submitted: Mapping[str, Any], *, now: datetime
) -> Update:
    """Check a PUT and find out what it would change.

    Raises:
        InvalidClientMetadata, InvalidRedirectUri: A field is the Server's and differs, or its value is not acceptable.
    """
    reader = _Reader(context, stored.object, stored.internal, submitted, now)
    scope = reader.scope()
    reader.refuse_server_set_fields(scope)
    status = reader.status()
    wanted = {"scope": scope, **reader.metadata(), **reader.authorization_fields(scope)}
    fields = reader.registration_fields()
    wanted |= fields.values
    current = document_of(stored.object)
    return Update(
        {name: value for name, value in wanted.items() if not is_same(value, current.get(name, UNSET))},
        _changed_files(fields, registration),
        status,
    )


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON; the order of an object's members does not matter."""
    if one is UNSET or other is UNSET:
        return one is other
    return _canonical.encode(one) == _canonical.encode(other)


def _changed_files(fields: registration_fields.Submitted, registration: Registration) -> dict[str, FieldFile | None]:
    present = registration.field_files
    new = {name: file for name, file in fields.files.items() if not is_same_file(present.get(name, ""), file)}
    return new | dict.fromkeys(name for name in fields.no_files if name in present)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one PUT against the Client Object as it is."""

    context: Context
    client: Client
    internal: ClientInternal
    submitted: Mapping[str, Any]
    now: datetime

    def refuse_server_set_fields(self, scope: str) -> None:
        current = document_of(self.client)
        for name in SERVER_SET:
            value = self.submitted.get(name)
            if value is None or _repeats(value, current[name]):
                continue
            if name == "authorization_details_types" and _repeats(value, self._types(scope)):
                continue
            raise _refused(name, "is set by the Server and cannot be changed here.")

    def status(self) -> ClientStatus:
        """The `cds_status` asked for; leaving it out must neither enable nor disable (B5)."""
        value = self.submitted.get("cds_status")
        if value is None or value == self.client.cds_status:
            return self.client.cds_status
        if value not in self.client.cds_status_options:
            raise _refused("cds_status", f"must be {one_of(self.client.cds_status_options)}.")
        return ClientStatus(value)

    def metadata(self) -> dict[str, Any]:
        """The fields of RFC 7591 that a Client decides on."""
        kept = dict.fromkeys((name for name in self.client.extra if not name.startswith("cds_")), UNSET)
        urls = dict.fromkeys(("client_uri", "logo_uri", "tos_uri", "policy_uri"), UNSET)
        given = client_metadata.validate(self.submitted).submitted()
        return {**kept, **urls, "client_name": self.client.client_id, "contacts": []} | given

    def scope(self) -> str:
        """Some of the scopes that the object was created with (B8)."""
        assigned = self.internal.assigned_scope
        value = self.submitted.get("scope")
        if value is None:
            return assigned
        asked = _scope_ids(value)
        if asked is None or not asked <= set(assigned.split()):
            raise _refused("scope", f"must be a space-separated string of scopes of this object: {assigned}.")
        if CLIENT_ADMIN in assigned.split() and asked != set(assigned.split()):
            raise _refused("scope", f"of this object is always {assigned}.")
        return _in_order(asked, assigned)

    def authorization_fields(self, scope: str) -> dict[str, Any]:
        """The fields that only matter where users authorize; other objects have none of them (5.1)."""
        if not self.client.response_types:
            for name in ("cds_default_scope", "cds_default_redirect_uri", "cds_default_authorization_details"):
                if self.submitted.get(name):
                    raise _refused(name, "is for Client Objects that have response_types.")
            if self.submitted.get("redirect_uris"):
                raise InvalidRedirectUri(
                    "redirect_uris are for Client Objects that have response_types.", field="redirect_uris"
                )
            return {}
        uris = self._redirect_uris()
        return {
            "redirect_uris": uris,
            "cds_default_scope": self._default_scope(scope),
            "cds_default_redirect_uri": self._default_redirect_uri(uris),
            "cds_default_authorization_details": self._default_authorization_details(scope),
        }

    def registration_fields(self) -> registration_fields.Submitted:
        """Registration field values; those that repeat the present one are not checked again."""
        catalog = self.context.catalog
        repeated = {
            name: self.submitted[name]
            for name, value in self.client.extra.items()
            if name in self.submitted and is_same(self.submitted[name], value)
        }
        listed = listed_fields(scopes_of(catalog, self.internal.assigned_scope))
        fields: dict[str, RegistrationField] = catalog.registration_fields
        new = {name: value for name, value in self.submitted.items() if name not in repeated}
        checked = registration_fields.validate_update(new, fields=fields, listed=listed)
        values = {name: value for name, value in checked.values.items() if name not in repeated}
        return registration_fields.Submitted(values, checked.files, checked.no_files)

    def _redirect_uris(self) -> list[str]:
        receipt = self.context.links.receipt
        value = self.submitted.get("redirect_uris")
        if value is None or value == []:
            return [receipt]
        known = [receipt, *self.client.redirect_uris]
        return redirect_uris.require_valid(value, sandbox=self._is_sandbox(), known=known)

    def _default_scope(self, scope: str) -> str:
        value = self.submitted.get("cds_default_scope")
        if value is None or value == "":
            return scope
        asked = _scope_ids(value)
        if asked is None or not asked <= set(scope.split()):
            offered = (
                f"must have only scopes that are in scope: {scope}." if scope else "must be empty, because scope is."
            )
            raise _refused("cds_default_scope", offered)
        return _in_order(asked, scope)

    def _default_redirect_uri(self, uris: list[str]) -> str:
        value = self.submitted.get("cds_default_redirect_uri")
        if value is None or value == "":
            receipt = self.context.links.receipt
            return receipt if receipt in uris else uris[0]
        if value not in uris:
            raise _refused("cds_default_redirect_uri", "must be one of the redirect_uris.")
        return str(value)

    def _default_authorization_details(self, scope: str) -> list[dict[str, Any]]:
        name = "cds_default_authorization_details"
        value = self.submitted.get(name)
        if value is None:
            return []
        types = self._types(scope)
        present = self.client.cds_default_authorization_details
        if present and is_same(value, present) and {entry["type"] for entry in present} <= set(types):
            return present
        return authorization_details.validate(
            value,
            scopes=self.context.catalog.scopes,
            allowed_types=types,
            now=self.now,
            timezone=ZoneInfo(self.context.catalog.server.timezone),
            refusal=InvalidClientMetadata,
            field=name,
        )

    def _types(self, scope: str) -> list[str]:
        return authorization_details_types(scopes_of(self.context.catalog, scope))

    def _is_sandbox(self) -> bool:
        mode = self.internal.enabled_status
        return mode is ClientStatus.SANDBOX or ClientStatus.SANDBOX in self.client.cds_status_options


def _scope_ids(value: object) -> set[str] | None:
    """The ids in a scope string, or None when it is not one."""
    return {one for one in value.split(" ") if one} if isinstance(value, str) else None


def _in_order(asked: set[str], scope: str) -> str:
    return " ".join(scope_id for scope_id in scope.split() if scope_id in asked)


def _repeats(value: object, present: object) -> bool:
    """Whether a submitted value says what we have, in another order of a list or another spelling of a time."""
    if isinstance(present, datetime):
        return isinstance(value, str) and read_datetime(value) == present
    if isinstance(present, list) and isinstance(value, list):
        return sorted(map(str, present)) == sorted(map(str, value))
    return is_same(value, present)


def _refused(name: str, why: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(f"{name} {why}", field=name)
