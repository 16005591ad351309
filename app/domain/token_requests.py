"""What a client_credentials token request asks for, and whether the Client Object may have it.

Source: RFC 6749 3.3 and 4.4.2, RFC 9396 5, CDS-WG1-02 3.3.2 and 3.8; ambiguities E9, F3, F9, G3 to G5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from app.catalog import GRANT_ADMIN
from app.crypto.tokens import digest
from app.domain import authorization_details
from app.domain.context import Context
from app.domain.grant_states import can_be_opened
from app.domain.standing_grants import canonical
from app.domain.texts import one_of
from app.errors import (
    InvalidAuthorizationDetails,
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from app.schemas.clients import Client, ClientStatus
from app.schemas.grants import Grant

CLIENT_CREDENTIALS = "client_credentials"
AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 -- a grant_type
GRANT_TYPES = (AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS)
"""What the token endpoint accepts."""

MAX_SCOPE_LENGTH = 10_000
"""Characters of a `scope` parameter."""

Entry = dict[str, Any]


class Asked(Struct, frozen=True):
    """The scope ids and the entries of a request, as they were sent."""

    scope: tuple[str, ...]
    details: list[Entry]

    @property
    def key(self) -> str:
        """The same text for requests that ask for the same, empty when they ask for nothing in particular."""
        scope = " ".join(sorted(set(self.scope))) if len(self.scope) > 1 else "".join(self.scope)
        return f"{scope}\n{digest(canonical(self.details))}" if self.details else scope

    @property
    def grant_admin_ids(self) -> tuple[str, str] | None:
        """The `client_id` and the `grant_id` of a request that has one entry with both."""
        if len(self.details) != 1:
            return None
        client_id, grant_id = self.details[0].get("client_id"), self.details[0].get("grant_id")
        return (client_id, grant_id) if isinstance(client_id, str) and isinstance(grant_id, str) else None


@dataclass(frozen=True, slots=True)
class Allowed:
    """The access that a request is entitled to: scope in the order of the Client Object, validated entries."""

    scope: str
    details: list[Entry]


def read(form: Mapping[str, str]) -> Asked:
    """What the form parameters of a token request ask for; parameters that we do not know are ignored.

    Raises:
        InvalidRequest: There is no grant_type, or a client_secret beside the one in the header.
        UnsupportedGrantType: The grant_type is another one.
        InvalidScope: The scope is longer than anybody needs.
        InvalidAuthorizationDetails: They are not a JSON array of objects with a type.
    """
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise InvalidRequest(f"grant_type is required: {one_of(GRANT_TYPES)}.", field="grant_type")
    if grant_type != CLIENT_CREDENTIALS:
        raise UnsupportedGrantType(f"grant_type has to be {one_of(GRANT_TYPES)}.", field="grant_type")
    if "client_secret" in form:
        raise InvalidRequest("The client_secret belongs into the Authorization header only.", field="client_secret")
    scope = form.get("scope", "")
    if len(scope) > MAX_SCOPE_LENGTH:
        raise InvalidScope(f"scope must have at most {MAX_SCOPE_LENGTH} characters.", field="scope")
    raw = form.get(authorization_details.PARAMETER)
    return Asked(tuple(scope.split()), authorization_details.parse(raw) if raw else [])


def allow(context: Context, client: Client, asked: Asked, *, now: datetime) -> Allowed:
    """What a Client Object gets for what it asks.

    An entry brings the scope of its type along (E9), and without a scope parameter nothing else is granted (F3); with
    neither it is the whole scope of the Client Object (F9).

    Raises:
        InvalidClient: The Client Object is disabled.
        UnauthorizedClient: It cannot get tokens with client_credentials.
        InvalidScope: A scope is not one of the Client Object's.
        InvalidAuthorizationDetails: An entry is not acceptable, or a required one is missing.
    """
    if client.cds_status is ClientStatus.DISABLED:
        raise InvalidClient("The Client Object is disabled.")
    if CLIENT_CREDENTIALS not in client.grant_types:
        raise UnauthorizedClient(f"This Client Object gets no access tokens with {CLIENT_CREDENTIALS}.")
    scopes = context.catalog.scopes
    own = [scope_id for scope_id in client.scope.split() if scope_id in scopes]
    _refuse_other_scopes(asked.scope, own)
    details = authorization_details.validate(
        asked.details,
        scopes=scopes,
        allowed_types=[one for one in client.authorization_details_types if one in own],
        now=now,
        timezone=ZoneInfo(context.catalog.server.timezone),
    )
    wanted = {*asked.scope, *(entry["type"] for entry in details)} or set(own)
    scope = " ".join(scope_id for scope_id in own if scope_id in wanted)
    if not scope:
        raise InvalidScope("This Client Object has no scope at present.", field="scope")
    authorization_details.refuse_missing_entries(details, scope, scopes)
    _require_single_entry(context, scope, details)
    return Allowed(scope, details)


def _refuse_other_scopes(asked: Sequence[str], own: Sequence[str]) -> None:
    if not set(asked) <= set(own):
        offered = one_of(own) if own else "left out, because this Client Object has none"
        raise InvalidScope(f"scope must be within the scope of the Client Object: {offered}.", field="scope")


def _require_single_entry(context: Context, scope: str, details: Sequence[Entry]) -> None:
    """A grant admin token opens one Grant (3.3.2, G5)."""
    is_grant_admin = any(context.catalog.scopes[scope_id].type == GRANT_ADMIN for scope_id in scope.split())
    if is_grant_admin and len(details) != 1:
        raise InvalidAuthorizationDetails(
            "authorization_details must have exactly one entry, for one Grant.", field=authorization_details.PARAMETER
        )


def is_grant_admin(context: Context, allowed: Allowed) -> bool:
    """Whether the token would open a Grant rather than be one's own."""
    return any(context.catalog.scopes[entry["type"]].type == GRANT_ADMIN for entry in allowed.details)


def require_openable(context: Context, allowed: Allowed, target: Grant | None, holder: Client | None) -> Grant:
    """The Grant that a grant admin token opens; `holder` is the Client Object that it was issued to.

    Raises:
        InvalidAuthorizationDetails: There is no such Grant in this registration (G3), it is another Client Object's, or
            what it gives at present is not opened with this scope (G4).

    Source: CDS-WG1-02 3.3.2.
    """
    entry = allowed.details[0]
    if target is None or target.client_id != entry["client_id"]:
        raise InvalidAuthorizationDetails(
            "authorization_details.0.grant_id must be one that the Grants API lists, with its client_id.",
            field="authorization_details.0.grant_id",
        )
    disabled = holder is None or holder.cds_status is ClientStatus.DISABLED
    if disabled or not can_be_opened(context.catalog, target, entry["type"]):
        raise InvalidAuthorizationDetails(
            "authorization_details.0.grant_id must be that of a Grant whose enabled_scope is not empty and has only "
            f"scopes with the grant_admin_scope {entry['type']}.",
            field="authorization_details.0.grant_id",
        )
    return target
