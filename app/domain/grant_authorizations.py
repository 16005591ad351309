"""Grants that a user authorizes: which `cds_grant_id` is acceptable, and what a Grant becomes when it is approved.

Source: CDS-WG1-02 8.1 to 8.3; ambiguities E5, E6, E14, F6.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.context import Context
from app.domain.grant_changes import REVIEW, approved_extent, published
from app.domain.grant_details import Extent, is_same, overlap
from app.domain.grant_states import State
from app.domain.grant_terms import Terms, new_state
from app.domain.records import Stored
from app.domain.standing_grants import canonical
from app.errors import Refusal, UnsuitableGrant, UnsuitableUser
from app.schemas.clients import Client
from app.schemas.grants import Grant, GrantStatus

Entry = dict[str, Any]

_FIRST_STATUSES: Final = (GrantStatus.NEEDS_SUB_GRANTS, GrantStatus.PENDING)
"""What an approved Grant may have to wait in; the first one that a scope asks for counts."""

_OPEN: Final = frozenset({GrantStatus.ACTIVE, GrantStatus.PARTIAL, GrantStatus.DELAYED, GrantStatus.STOPPED})
"""The statuses in which a Grant opens what is approved, as far as no operator has limited it."""


class Approval(NamedTuple):
    """A user's approval: who, when, and the confirmation code on the receipt."""

    user_id: str
    at: datetime
    receipt: str


def require_waiting(
    stored: Stored[Grant] | None,
    client: Client,
    scope: Collection[str] | None,
    details: Sequence[Entry] | None,
    *,
    refusal: type[Refusal] = UnsuitableGrant,
) -> Stored[Grant]:
    """The Grant that a `cds_grant_id` names, when it waits for just what is asked for (F6).

    Args:
        stored: The Grant, None when the registration has no such one.
        client: The Client Object that asks.
        scope: The scope ids that are asked for, None when the Grant is to say.
        details: The validated entries that are asked for, None when the Grant is to say.
        refusal: The class to raise: 8.3 has one before the user has signed in and one afterwards.

    Raises:
        Refusal: It is unknown, another Client Object's, waits for nobody, or is for another access.
    """
    if stored is None or stored.object.client_id != client.client_id:
        raise refusal("cds_grant_id must be the grant_id of a Grant of this client.")
    grant = stored.object
    if grant.status is not GrantStatus.NEEDS_AUTHORIZATION:
        raise refusal(f"The Grant of cds_grant_id is {grant.status}, so it waits for no user.")
    if scope is not None and set(scope) != set(grant.scope.split()):
        raise refusal("scope must be the one of the Grant of cds_grant_id, or be left out.")
    if details is not None and canonical(details) != canonical(grant.authorization_details):
        raise refusal("authorization_details must be those of the Grant of cds_grant_id, or be left out.")
    if not set(grant.scope.split()) <= set(client.scope.split()):
        raise refusal("The Grant of cds_grant_id has a scope that this client does not have any more.")
    return stored


def require_own_user(stored: Stored[Grant], user_id: str) -> None:
    """Refuse a Grant that another user has authorized before. Raises UnsuitableUser."""
    if stored.internal.user_id not in {"", user_id}:
        raise UnsuitableUser("The Grant of cds_grant_id is for another user.")


def new_grant(context: Context, client: Client, grant_id: str, extent: Extent, approval: Approval) -> State:
    """The Grant of a user who has approved an extent. It replaces none that the same user authorized before (E14).

    Raises:
        InvalidScope, InvalidAuthorizationDetails: The extent is not acceptable any more.
    """
    status = _first_status(context.catalog, extent.scope.split())
    terms = Terms(scope=extent.scope, authorization_details=extent.details, status=status)
    grant, internal = new_state(context, client, grant_id, terms, approval.at)
    return State(replace(grant, receipt_confirmations=[approval.receipt]), replace(internal, user_id=approval.user_id))


def authorized_again(context: Context, state: State, approval: Approval) -> State:
    """A Grant that waited for its user, approved as it stands; what an operator had limited before stays limited."""
    grant, internal = state
    first = _first_status(context.catalog, grant.scope.split())
    before = GrantStatus.ACTIVE if internal.approved is None else internal.approved.status
    status = before if first is GrantStatus.ACTIVE else first
    enabled = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    if status in _OPEN and is_same(enabled, approved_extent(state)):
        enabled = published(grant)
    else:
        enabled = overlap(context.catalog, enabled, published(grant), approval.at)
    if status is GrantStatus.PARTIAL and is_same(enabled, published(grant)):
        status = GrantStatus.ACTIVE
    new = replace(
        grant,
        status=status,
        eta=approval.at + REVIEW if status is GrantStatus.PENDING else None,
        receipt_confirmations=[*grant.receipt_confirmations, approval.receipt],
        enabled_scope=enabled.scope,
        enabled_authorization_details=enabled.details,
    )
    known = replace(internal, approved=None, user_id=approval.user_id, authorized_at=int(approval.at.timestamp()))
    return State(new, known)


def _first_status(catalog: Catalog, scope_ids: Iterable[str]) -> GrantStatus:
    """What the catalog says that a Grant of these scopes becomes when it is approved."""
    named = {catalog.scopes[scope_id].authorized_status for scope_id in scope_ids if scope_id in catalog.scopes}
    return next((status for status in _FIRST_STATUSES if status in named), GrantStatus.ACTIVE)
