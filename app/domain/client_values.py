"""Client Objects with other values, and which values belong together (ambiguities B7, B13)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from app.catalog import Catalog
from app.domain.client_objects import authorization_details_types, scopes_of
from app.errors import InvalidClientMetadata
from app.schemas.clients import Client

_NAMED = frozenset(Client.__struct_fields__)

Pair = tuple[str, str]
"""A field, and a default that has to lie within it."""

DEFAULT_SCOPE: Pair = ("scope", "cds_default_scope")
DEFAULT_DETAILS: Pair = ("scope", "cds_default_authorization_details")
DEFAULT_REDIRECT_URI: Pair = ("redirect_uris", "cds_default_redirect_uri")


def with_fields(catalog: Catalog, client: Client, fields: Mapping[str, Any], now: datetime) -> Client:
    """The Client Object with other values; UNSET takes a field away, and what follows from `scope` follows it."""
    named = {name: value for name, value in fields.items() if name in _NAMED}
    beside = client.extra | {name: value for name, value in fields.items() if name not in _NAMED}
    if "scope" in fields:
        named["authorization_details_types"] = authorization_details_types(scopes_of(catalog, fields["scope"]))
    extra = {name: value for name, value in beside.items() if value is not UNSET}
    return msgspec.structs.replace(client, **named, extra=extra, cds_modified=now)


def mismatches(client: Client) -> list[Pair]:
    """Defaults that do not lie within the field that they have to lie within: requests that rely on them would fail."""
    found = []
    if isinstance(client.cds_default_scope, str) and not (
        set(client.cds_default_scope.split()) <= set(client.scope.split())
    ):
        found.append(DEFAULT_SCOPE)
    details = client.cds_default_authorization_details
    if details and any(entry["type"] not in client.authorization_details_types for entry in details):
        found.append(DEFAULT_DETAILS)
    uri = client.cds_default_redirect_uri
    if uri is not UNSET and uri not in client.redirect_uris:
        found.append(DEFAULT_REDIRECT_URI)
    return found


def refuse_mismatches(client: Client) -> None:
    """Raises InvalidClientMetadata when a default does not lie within its field."""
    for within, default in mismatches(client):
        raise InvalidClientMetadata(f"{default} must lie within {within}.", field=default)
