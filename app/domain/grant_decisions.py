"""What operators decide about Grants: status, what is enabled, how long, and changes that Clients asked for.

Source: CDS-WG1-02 8.1, 8.2, 8.6; ambiguities E4 to E6, E10.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.domain.authorization_details import validate
from app.domain.context import Context
from app.domain.grant_changes import REVIEW, approved_extent, is_under_review, published
from app.domain.grant_details import Extent, is_same, is_within, overlap
from app.domain.grant_states import State, authorized_at, can_be_opened, end, release, withhold, without_access
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.messages_fields import require_reason
from app.domain.records import Access, Change, Wanted
from app.domain.retries import until_written
from app.domain.texts import one_of
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.grants import ENDED, WITHOUT_ACCESS, Approved, Grant, GrantStatus, Withheld

Entry = dict[str, Any]

FINAL: Final = frozenset({GrantStatus.CLOSED, GrantStatus.REVOKED})
"""What a Client or a user has ended stays ended."""

SETTABLE: Final = tuple(status for status in GrantStatus if status not in {GrantStatus.CLOSED, GrantStatus.FUTURE})
"""The statuses that an operator may set: Clients close Grants, and only `not_before` makes one `future`."""

_OPENING: Final = frozenset({GrantStatus.ACTIVE, GrantStatus.DELAYED, GrantStatus.STOPPED})
"""The statuses that give full access to a Grant that had none, unless the operator says what is enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator changes about a Grant; UNSET stays.

    Args:
        status: One of `SETTABLE`. `active` enables everything that the Grant says, also what still waits for approval.
        enabled_scope, enabled_authorization_details: Within what the Grant says.
        eta: When `pending` is expected to end.
        expires: When the Grant ends, None for never; it is the `not_after` too (E4).
        reason: One sentence for the Client.
    """

    status: GrantStatus | UnsetType = UNSET
    enabled_scope: str | UnsetType = UNSET
    enabled_authorization_details: Sequence[Mapping[str, Any]] | UnsetType = UNSET
    eta: datetime | UnsetType = UNSET
    expires: datetime | UnsetType | None = UNSET
    reason: str = ""


async def modify_by_operator(context: Context, access: Access, grant_id: str, decision: Decision) -> Grant:
    """Change a Grant as an operator. Tokens that lose their access die with the change. Two round trips and more.

    Raises:
        NotFound: The registration has no such Grant.
        InvalidRequest: A value is not acceptable, or values do not go together.
        AlreadyDecided: The Client has closed the Grant, or a user has revoked it.
        Conflict: Others kept changing the Grant meanwhile.
    """

    def decided(state: State) -> State:
        _refuse_impossible(state, decision, access.now)
        if isinstance(decision.status, GrantStatus) and decision.status in ENDED:
            return _ended(state, decision, decision.status, access.now)
        return _while_released(state, lambda one: _decided(context, one, decision, access.now))

    return await _write(context, access, grant_id, decided, decision.reason)


async def approve_changes(context: Context, access: Access, grant_id: str, reason: str = "") -> Grant:
    """Approve what a Client has changed about a Grant with a PATCH that was answered 202.

    Raises: As `decline_changes`.
    """

    def approved(state: State) -> State:
        return _while_released(_require_review(state), lambda one: _approved(context, one))

    return await _write(context, access, grant_id, approved, reason)


async def decline_changes(context: Context, access: Access, grant_id: str, reason: str) -> Grant:
    """Take back what a Client has changed about a Grant with a PATCH that was answered 202.

    Raises:
        NotFound: The registration has no such Grant.
        AlreadyDecided: Nothing waits for a decision.
        InvalidRequest: There is no reason for the Client.
        Conflict: Others kept changing the Grant meanwhile.
    """
    require_reason(reason)

    def declined(state: State) -> State:
        return _while_released(_require_review(state), _declined)

    return await _write(context, access, grant_id, declined, reason)


async def _write(
    context: Context, access: Access, grant_id: str, decided: Callable[[State], State], reason: str
) -> Grant:
    async def attempt() -> Grant:
        (stored,) = await context.records.load(access, Wanted(Grant, grant_id))
        if stored is None:
            raise NotFound("There is no such Grant.")
        change = Change(access.registration_id, access.now)
        state = await _withheld_again(context, change, stored.object, decided(state_of(stored)))
        edit = Edit(stored, state, access.now, reason)
        if edit.state != state_of(stored):
            await carry_out(context, change, [edit])
            await context.records.apply(change)
        return edit.state.grant

    return await until_written(attempt)


async def _withheld_again(context: Context, change: Change, before: Grant, state: State) -> State:
    """A Grant that is to give access again, as far as nothing withholds it: its time, its Client Object, its target."""
    grant, internal = state
    if before.enabled_scope or not grant.enabled_scope:
        return state
    access = Access(change.registration_id, change.now)
    target_ids = [internal.target_grant_id] if internal.target_grant_id else []
    client, *targets = await context.records.load(
        access, Wanted(Client, grant.client_id), *(Wanted(Grant, one) for one in target_ids)
    )
    change.unchanged += [one for one in (client, *targets) if one]
    if grant.not_before and grant.not_before > change.now:
        state = withhold(state, Withheld.START)
    if client is None or client.object.cds_status is ClientStatus.DISABLED:
        state = withhold(state, Withheld.CLIENT)
    if not all(one and can_be_opened(context.catalog, one.object, grant.scope) for one in targets):
        state = withhold(state, Withheld.TARGET)
    return state


def _while_released(state: State, step: Callable[[State], State]) -> State:
    """Take a step as if nothing withheld the Grant's access; what withheld it goes on doing so."""
    reasons = state.internal.resume.reasons if state.internal.resume else []
    for reason in reasons:
        state = release(state, reason)
    state = step(state)
    for reason in reasons:
        state = withhold(state, reason)
    return state


def _refuse_impossible(state: State, decision: Decision, now: datetime) -> None:
    grant, status = state.grant, decision.status
    if grant.status in FINAL:
        raise AlreadyDecided(f"The Grant is {grant.status}, which is final.")
    if status is not UNSET and status not in SETTABLE:
        raise InvalidRequest(f"status must be {one_of(SETTABLE)}.", field="status")
    if isinstance(decision.expires, datetime) and decision.expires <= now:
        raise InvalidRequest("expires must lie in the future; to end the Grant now, set status.", field="expires")
    if status is UNSET and grant.status in ENDED:
        raise InvalidRequest(
            f"The Grant is {grant.status}; it can be changed together with its status.", field="status"
        )
    _refuse_overdue(grant, decision, now)


def _refuse_overdue(grant: Grant, decision: Decision, now: datetime) -> None:
    """A Grant whose end has passed comes back only with a later one."""
    ends = grant.expires if decision.expires is UNSET else decision.expires
    if decision.status is not UNSET and decision.status not in ENDED and ends and ends <= now:
        raise InvalidRequest("expires must be set anew, because the Grant has expired.", field="expires")


def _ended(state: State, decision: Decision, status: GrantStatus, now: datetime) -> State:
    if any(value is not UNSET for value in (*_enabled_fields(decision), decision.eta, decision.expires)):
        raise InvalidRequest(f"Nothing else can be set together with status {status}.", field="status")
    ended = end(state, status, retire=False)
    if status is not GrantStatus.EXPIRED or state.grant.status is GrantStatus.EXPIRED:
        return ended
    return State(replace(ended.grant, expires=now, not_after=now), ended.internal)


def _enabled_fields(decision: Decision) -> tuple[object, object]:
    return decision.enabled_scope, decision.enabled_authorization_details


def _decided(context: Context, state: State, decision: Decision, now: datetime) -> State:
    grant, internal = state
    if decision.expires is not UNSET:
        grant = replace(grant, expires=decision.expires, not_after=decision.expires)
    status = grant.status if decision.status is UNSET else decision.status
    if status is GrantStatus.SUSPENDED:
        _refuse_enabled(decision, status)
        return State(without_access(grant, status), internal)
    enabled = _enabled(context, State(grant, internal), decision, status)
    status = _status_for(grant, decision, status, enabled)
    if status is GrantStatus.ACTIVE:
        internal = replace(internal, approved=None)
    elif status is GrantStatus.NEEDS_AUTHORIZATION and internal.approved is None:
        approved = Approved(status=GrantStatus.ACTIVE, scope=enabled.scope, authorization_details=enabled.details)
        internal = replace(internal, approved=approved)
    new = replace(
        grant,
        status=status,
        eta=_eta(grant, decision, status, now),
        enabled_scope=enabled.scope,
        enabled_authorization_details=enabled.details,
    )
    return State(new, internal)


def _refuse_enabled(decision: Decision, status: GrantStatus) -> None:
    if _enabled_fields(decision) != (UNSET, UNSET):
        raise InvalidRequest(f"A Grant that is {status} enables nothing.", field="enabled_scope")


def _enabled(context: Context, state: State, decision: Decision, status: GrantStatus) -> Extent:
    """What the Grant enables then.

    Raises:
        InvalidRequest: It goes beyond what the Grant says.
    """
    grant = state.grant
    full = published(grant)
    if _enabled_fields(decision) == (UNSET, UNSET):
        had_none = grant.status in WITHOUT_ACCESS
        if status is GrantStatus.ACTIVE or (had_none and status in _OPENING):
            return full
        return Extent(grant.enabled_scope, grant.enabled_authorization_details)
    scope = grant.enabled_scope if decision.enabled_scope is UNSET else decision.enabled_scope
    ids = [scope_id for scope_id in full.scope.split() if scope_id in scope.split()]
    if len(ids) < len(set(scope.split())):
        raise InvalidRequest(f"enabled_scope must be within {full.scope}.", field="enabled_scope")
    enabled = Extent(" ".join(ids), _enabled_details(context, state, decision, ids))
    if ids and not is_within(context.catalog, enabled, full, authorized_at(state)):
        raise InvalidRequest(
            "enabled_authorization_details must be within those of the Grant.", field="enabled_authorization_details"
        )
    return enabled


def _enabled_details(context: Context, state: State, decision: Decision, ids: Sequence[str]) -> list[Entry]:
    """The entries as submitted, or those of the Grant as far as their scope is enabled."""
    if decision.enabled_authorization_details is UNSET:
        return [entry for entry in state.grant.authorization_details if entry["type"] in ids]
    return validate(
        list(decision.enabled_authorization_details),
        scopes=context.catalog.scopes,
        allowed_types=ids,
        now=authorized_at(state),
        timezone=ZoneInfo(context.catalog.server.timezone),
        refusal=InvalidRequest,
        field="enabled_authorization_details",
    )


def _status_for(grant: Grant, decision: Decision, status: GrantStatus, enabled: Extent) -> GrantStatus:
    """`active` and `partial` say whether everything is enabled (8.1, 8.2), so one of them follows from the fields."""
    complete = is_same(enabled, published(grant))
    if decision.status is UNSET and status in {GrantStatus.ACTIVE, GrantStatus.PARTIAL}:
        status = GrantStatus.ACTIVE if complete else GrantStatus.PARTIAL
    if status is GrantStatus.ACTIVE and not complete:
        raise InvalidRequest(
            "An active Grant enables all of its scope; the status for less is partial.", field="status"
        )
    if status is GrantStatus.PARTIAL and (complete or not enabled.scope):
        raise InvalidRequest("A partial Grant enables a part of its scope: say which.", field="enabled_scope")
    return status


def _eta(grant: Grant, decision: Decision, status: GrantStatus, now: datetime) -> datetime | None:
    """A datetime while the Grant is `pending`, else null (8.1, E5)."""
    if status is GrantStatus.PENDING:
        return (grant.eta or now + REVIEW) if decision.eta is UNSET else decision.eta
    if decision.eta is not UNSET:
        raise InvalidRequest("eta goes with the status pending only.", field="eta")
    return None


def _require_review(state: State) -> State:
    if not is_under_review(state):
        raise AlreadyDecided("No change of this Grant waits for a decision.")
    return state


def _approved(context: Context, state: State) -> State:
    """What an operator had limited before stays limited."""
    grant, internal = state
    enabled = Extent(grant.enabled_scope, grant.enabled_authorization_details)
    before = GrantStatus.ACTIVE if internal.approved is None else internal.approved.status
    if is_same(enabled, approved_extent(state)):
        enabled = published(grant)
    else:
        enabled = overlap(context.catalog, enabled, published(grant), authorized_at(state))
    new = replace(
        grant, status=before, eta=None, enabled_scope=enabled.scope, enabled_authorization_details=enabled.details
    )
    return State(new, replace(internal, approved=None))


def _declined(state: State) -> State:
    grant, internal = state
    before = approved_extent(state)
    status = GrantStatus.ACTIVE if internal.approved is None else internal.approved.status
    new = replace(grant, status=status, eta=None, scope=before.scope, authorization_details=before.details)
    return State(new, replace(internal, approved=None))
