"""Client Objects (CDS-WG1-02 5.1, 5.2)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field


class ClientStatus(StrEnum):
    """What a Client Object may be used for (5.2)."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    DISABLED = "disabled"


class Client(Struct, kw_only=True, frozen=True):
    """One Client Object, as 5.1 lays it out.

    `extra` holds what stands beside the named fields in the JSON object: registration field values (`cds_…`) and RFC
    7591 fields that we keep but do not interpret.
    """

    client_id: str
    client_id_issued_at: int
    scope: str
    redirect_uris: list[str]
    response_types: list[str]
    grant_types: list[str]
    token_endpoint_auth_method: str | None
    authorization_details_types: list[str]
    client_name: str
    contacts: list[str]
    client_uri: str | UnsetType = UNSET
    logo_uri: str | UnsetType = UNSET
    tos_uri: str | UnsetType = UNSET
    policy_uri: str | UnsetType = UNSET
    cds_created: datetime
    cds_modified: datetime
    cds_client_uri: str
    cds_status: ClientStatus
    cds_status_options: list[ClientStatus]
    cds_server_metadata: str
    cds_default_scope: str | UnsetType = UNSET
    cds_default_redirect_uri: str | UnsetType = UNSET
    cds_default_authorization_details: list[dict[str, Any]] | UnsetType = UNSET
    extra: dict[str, Any] = field(default_factory=dict)


class ClientInternal(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we know about a Client Object and do not show."""

    assigned_scope: str = ""
    """The scope it was created with: the most that a PUT may set, and the default that a PUT without `scope`
    restores."""
    disabled_by_operator: bool = False
    disabled_at: int = 0
    """Unix second at which it was last disabled, which is when all of its Credentials expired (7.1)."""
    enabled_status: ClientStatus | None = None
    """While an operator has disabled it and `cds_status_options` no longer say so: what it was and is to be again."""
    unfinished: bool = False
    """It was disabled or enabled, and some of its many Credentials and Grants still have to follow."""
    pending_changes: dict[str, str] = field(default_factory=dict)
    """Field under review (5.5) to the message_id of its `field_changes` Message."""
    production_client_id: str = ""
    """On a sandbox object: the production object that an approval made of it."""
