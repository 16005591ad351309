"""What a Client may change about a Grant, and what that makes of it (CDS-WG1-02 8.6; ambiguities E8 to E11, J7).

A reduction applies at once. A wider scope, or authorization details that cannot be compared, wait for a user when users
authorize the scope: what was enabled stays enabled until then. Without users, a standing Grant of client_credentials
takes them at once, because a token request for the same would be granted too; a Grant that the Server made waits for an
operator if the catalog says `policies.grants: review`. Files are shared by the Server alone (E11), and a token for
another Grant is asked for at the token endpoint.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from app.catalog import GRANT_ADMIN, SERVER_PROVIDED_FILES
from app.domain.authorization_details import PARAMETER, refuse_missing_entries, validate
from app.domain.context import Context
from app.domain.grant_details import Extent, is_same, is_within, overlap
from app.domain.grant_states import State, authorized_at, end, release, withhold
from app.domain.standing_grants import canonical, standing_key
from app.domain.texts import listed
from app.errors import InvalidRequest, InvalidScope
from app.schemas.clients import Client
from app.schemas.grants import ENDED, Approved, Enabled, Grant, GrantStatus

REVIEW = timedelta(days=3)
"""How long a review is expected to take: the `eta` of a Grant that waits for an operator."""

MAX_SCOPE_LENGTH = 10_000

Entry = dict[str, Any]


def refuse_other_statuses(submitted: Mapping[str, Any]) -> None:
    """A Client can set the status to `closed` only. Raises InvalidRequest."""
    if "status" in submitted and submitted["status"] != GrantStatus.CLOSED:
        raise InvalidRequest("status must be closed; the Server sets all other values.", field="status")


def closed(state: State) -> State:
    """The Grant closed by its Client, whatever it was before (E8)."""
    return state if state.grant.status is GrantStatus.CLOSED else end(state, GrantStatus.CLOSED, retire=True)


def wants_extent(submitted: Mapping[str, Any]) -> bool:
    """Whether a PATCH has a scope or authorization details."""
    return "scope" in submitted or PARAMETER in submitted


def published(grant: Grant) -> Extent:
    """The scope and the authorization details that the Grant shows."""
    return Extent(grant.scope, grant.authorization_details)


def read_extent(context: Context, client: Client, state: State, submitted: Mapping[str, Any]) -> Extent:
    """The scope and authorization details that the Grant is to have; what was not submitted stays.

    Entries of a scope that is removed go with it, and an entry of another scope brings that one along (E9).

    Raises:
        InvalidScope: The scope is empty, or not within that of the Client Object.
        InvalidAuthorizationDetails: An entry is not acceptable, or a required one is missing.
    """
    grant = state.grant
    scope = _read_scope(context, client, grant, submitted["scope"]) if "scope" in submitted else grant.scope.split()
    if PARAMETER in submitted:
        details = _read_details(context, client, state, submitted[PARAMETER])
        scope = list(dict.fromkeys([*scope, *(entry["type"] for entry in details)]))
    else:
        details = [entry for entry in grant.authorization_details if entry["type"] in scope]
    refuse_missing_entries(details, " ".join(scope), context.catalog.scopes)
    return Extent(" ".join(scope), details)


def _read_scope(context: Context, client: Client, grant: Grant, submitted: object) -> list[str]:
    known = [one for one in client.scope.split() if one in context.catalog.scopes]
    accepted = list(dict.fromkeys([*known, *grant.scope.split()]))
    ids = _scope_ids(submitted)
    if not ids or not set(ids) <= set(accepted):
        raise InvalidScope(
            f"scope must be a string with one or more of {listed(accepted)}. To end all access, set status to closed.",
            field="scope",
        )
    return ids


def _scope_ids(value: object) -> list[str]:
    """The ids in a scope string, each once; none when it is no string or longer than anybody needs."""
    return list(dict.fromkeys(value.split())) if isinstance(value, str) and len(value) <= MAX_SCOPE_LENGTH else []


def _read_details(context: Context, client: Client, state: State, submitted: object) -> list[Entry]:
    """The entries, each once. Relative dates go on counting from the day of the authorization (3.9)."""
    own = set(client.scope.split())
    types = [type_ for type_ in client.authorization_details_types if type_ in own]
    details = validate(
        submitted,
        scopes=context.catalog.scopes,
        allowed_types=list(dict.fromkeys([*types, *state.grant.scope.split()])),
        now=authorized_at(state),
        timezone=ZoneInfo(context.catalog.server.timezone),
    )
    return list({canonical([entry]): entry for entry in details}.values())


def with_extent(context: Context, state: State, wanted: Extent, now: datetime) -> State:
    """The Grant with another extent, of which it enables what needs nobody's approval.

    Raises:
        InvalidRequest: The Grant has ended, or this Grant cannot be widened by its Client.
    """
    if is_same(published(state.grant), wanted):
        return state
    if state.grant.status in ENDED:
        raise InvalidRequest(f"The Grant is {state.grant.status}, so its extent cannot be changed any more.")
    reasons = state.internal.resume.reasons if state.internal.resume else []
    for reason in reasons:
        state = release(state, reason)
    state = _with_standing_key(_extended(context, state, wanted, now))
    for reason in reasons:
        state = withhold(state, reason)
    return state


def is_under_review(state: State) -> bool:
    """Whether the Grant waits for an operator to approve what its Client changed."""
    status = state.internal.resume.status if state.internal.resume else state.grant.status
    return status is GrantStatus.PENDING and state.internal.approved is not None


def approved_extent(state: State) -> Extent:
    """What needs no further approval: more than that a user or an operator has to see."""
    approved = state.internal.approved
    return Extent(approved.scope, approved.authorization_details) if approved else published(state.grant)


def _extended(context: Context, state: State, wanted: Extent, now: datetime) -> State:
    approved = approved_extent(state)
    if is_within(context.catalog, wanted, approved, authorized_at(state)):
        return _reduced(context, state, wanted)
    widened = _widened_scopes(context, wanted, approved, authorized_at(state))
    _refuse_widening(context, state, widened)
    if any(context.catalog.scopes[scope_id].response_types_supported for scope_id in widened):
        return _awaiting(state, wanted, GrantStatus.NEEDS_AUTHORIZATION, eta=None)
    if state.internal.standing or context.catalog.policies.grants == "automatic":
        return _widened(context, state, wanted)
    return _awaiting(state, wanted, GrantStatus.PENDING, eta=now + REVIEW)


def _widened_scopes(context: Context, wanted: Extent, approved: Extent, counted_from: datetime) -> list[str]:
    """The scopes in which `wanted` goes beyond what was approved."""
    parts = [
        Extent(scope_id, [entry for entry in wanted.details if entry["type"] == scope_id])
        for scope_id in wanted.scope.split()
    ]
    return [part.scope for part in parts if not is_within(context.catalog, part, approved, counted_from)]


def _refuse_widening(context: Context, state: State, widened: Sequence[str]) -> None:
    types = {context.catalog.scopes[scope_id].type for scope_id in widened}
    if SERVER_PROVIDED_FILES in types:
        raise InvalidRequest("Only the Server adds files to a Grant; files can be removed.", field=PARAMETER)
    if GRANT_ADMIN in types:
        raise InvalidRequest("This Grant opens one other Grant; ask for a token to open another one.", field=PARAMETER)
    if state.grant.status is GrantStatus.SUSPENDED:
        raise InvalidRequest("The Grant is suspended: it can be reduced or closed, but not widened.")


def _reduced(context: Context, state: State, wanted: Extent) -> State:
    grant, internal = state
    status = internal.approved.status if internal.approved else grant.status
    enabled = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    if is_same(enabled, approved_extent(state)):
        enabled = wanted
    else:
        enabled = overlap(context.catalog, wanted, enabled, authorized_at(state))
    if status is GrantStatus.PARTIAL and is_same(enabled, wanted):
        status = GrantStatus.ACTIVE
    limits = internal.without_sub_grants
    if limits:
        rest = overlap(context.catalog, wanted, Extent(*_fields(limits)), authorized_at(state))
        limits = Enabled(scope=rest.scope, authorization_details=rest.details)
    new = _shown(replace(grant, status=status, eta=_eta(grant, status)), wanted, enabled)
    return State(new, replace(internal, approved=None, without_sub_grants=limits))


def _widened(context: Context, state: State, wanted: Extent) -> State:
    """What an operator has limited stays limited."""
    grant, internal = state
    enabled = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    limited = not is_same(enabled, published(grant))
    kept = overlap(context.catalog, enabled, wanted, authorized_at(state)) if limited else wanted
    return State(_shown(grant, wanted, kept), replace(internal, approved=None))


def _awaiting(state: State, wanted: Extent, status: GrantStatus, *, eta: datetime | None) -> State:
    """The enabled fields stay as they are until somebody approves."""
    grant, internal = state
    before = approved_extent(state)
    approved = Approved(
        status=internal.approved.status if internal.approved else grant.status,
        scope=before.scope,
        authorization_details=before.details,
    )
    enabled = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    new = _shown(replace(grant, status=status, eta=eta), wanted, enabled)
    return State(new, replace(internal, approved=approved))


def _shown(grant: Grant, extent: Extent, enabled: Extent) -> Grant:
    return replace(
        grant,
        scope=extent.scope,
        authorization_details=extent.details,
        enabled_scope=enabled.scope,
        enabled_authorization_details=enabled.details,
    )


def _eta(grant: Grant, status: GrantStatus) -> datetime | None:
    return grant.eta if status is GrantStatus.PENDING else None


def _fields(enabled: Enabled) -> tuple[str, list[Entry]]:
    return enabled.scope, enabled.authorization_details


def _with_standing_key(state: State) -> State:
    """A standing Grant stands for what it says now."""
    grant, internal = state
    if not internal.standing:
        return state
    key = standing_key(grant.client_id, grant.scope, grant.authorization_details)
    return State(grant, replace(internal, standing=key))
