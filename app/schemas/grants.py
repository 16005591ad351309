"""Grants (CDS-WG1-02 8.1, 8.2)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct


class GrantStatus(StrEnum):
    """Where a Grant stands (8.2)."""

    ACTIVE = "active"
    FUTURE = "future"
    PENDING = "pending"
    PARTIAL = "partial"
    NEEDS_AUTHORIZATION = "needs_authorization"
    NEEDS_SUB_GRANTS = "needs_sub_grants"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CLOSED = "closed"
    EXPIRED = "expired"
    DELAYED = "delayed"
    STOPPED = "stopped"
    ERRORED = "errored"


WITHOUT_ACCESS = frozenset(
    {
        GrantStatus.FUTURE,
        GrantStatus.DISABLED,
        GrantStatus.SUSPENDED,
        GrantStatus.REVOKED,
        GrantStatus.CLOSED,
        GrantStatus.EXPIRED,
    }
)
"""The statuses that 8.2 says give no access at all; the enabled fields are empty in them."""

ENDED = frozenset({GrantStatus.DISABLED, GrantStatus.REVOKED, GrantStatus.CLOSED, GrantStatus.EXPIRED})
"""The statuses that no Grant leaves by itself."""


class Grant(Struct, kw_only=True, frozen=True):
    """One Grant, as 8.1 lays it out."""

    grant_id: str
    uri: str
    replacing: list[str]
    replaced_by: list[str]
    parent: str | None
    children: list[str]
    created: datetime
    modified: datetime
    not_before: datetime | None
    not_after: datetime | None
    eta: datetime | None
    expires: datetime | None
    status: GrantStatus
    client_id: str
    scope: str
    authorization_details: list[dict[str, Any]]
    receipt_confirmations: list[str]
    enabled_scope: str
    enabled_authorization_details: list[dict[str, Any]]


class Withheld(StrEnum):
    """Why a Grant gives no access for the time being."""

    START = "start"
    """Its `not_before` has not come."""
    CLIENT = "client"
    """Its Client Object is disabled (B14)."""
    TARGET = "target"
    """The Grant that it opens (3.3.2) gives no access."""


class Resume(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What a Grant is again once nothing withholds its access any more."""

    reasons: list[Withheld]
    status: GrantStatus
    enabled_scope: str
    enabled_authorization_details: list[dict[str, Any]]
    eta: datetime | None = None


class Approved(Struct, kw_only=True, frozen=True):
    """The access that a Grant had been approved for, while a wider one waits for a user or for an operator (8.6)."""

    status: GrantStatus
    scope: str
    authorization_details: list[dict[str, Any]]


class Enabled(Struct, kw_only=True, frozen=True):
    """A pair of enabled fields."""

    scope: str
    authorization_details: list[dict[str, Any]]


class GrantInternal(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we know about a Grant and do not show."""

    target_grant_id: str = ""
    """On the standing Grant of a grant admin token: the Grant that the token opens (3.3.2)."""
    standing: str = ""
    """What a client_credentials token request has to ask for to get its token under this Grant (ambiguities E2): the
    key that `app.domain.standing_grants` makes. Empty on all other Grants, and on those that are not used again."""
    request: str = ""
    """The message_id of the grant_request that it was made for, when that came from another registration (C24)."""
    resume: Resume | None = None
    """While its access is withheld: what to restore."""
    approved: Approved | None = None
    """While a wider access waits for approval: what was approved before."""
    user_id: str = ""
    """The user who authorized it (`UserSession.user_id`), and the only one who may authorize it again, see its receipt
    or revoke it; empty on Grants that no user has authorized yet. The index of a user's Grants only helps to find
    them: this says whose they are."""
    authorized_at: int = 0
    """Unix second of its user's latest approval, when that came after its creation (see
    `app.domain.grant_states.authorized_at`); else 0."""
    without_sub_grants: Enabled | None = None
    """On a parent that had `needs_sub_grants`: what it gives while its sub-Grants do not suffice."""
