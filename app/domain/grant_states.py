"""How a Grant goes from one state to the next (CDS-WG1-02 8.1, 8.2): pure steps, nothing is read or written here.

A Grant whose access is withheld for a reason that will pass (its time has not come, its Client Object is disabled, the
Grant that it opens has no access) remembers what to be again. Several reasons may hold at once; the last one to go
restores it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from app.catalog import Catalog
from app.schemas.grants import ENDED, Enabled, Grant, GrantInternal, GrantStatus, Resume, Withheld

SUFFICIENT_SUB_GRANTS = frozenset({GrantStatus.ACTIVE, GrantStatus.DELAYED, GrantStatus.STOPPED})
"""A parent leaves `needs_sub_grants` when every child has one of these statuses (8.2)."""


class State(NamedTuple):
    """A Grant with what we do not show of it."""

    grant: Grant
    internal: GrantInternal


def authorized_at(state: State) -> datetime:
    """When the Grant was authorized, which is what relative dates in its authorization details count from (3.9).

    That is the moment of its creation, or of the latest approval by its user (8.3).
    """
    grant, internal = state
    return datetime.fromtimestamp(internal.authorized_at, UTC) if internal.authorized_at else grant.created


def without_access(grant: Grant, status: GrantStatus) -> Grant:
    """The Grant with a status that opens nothing (8.1: both enabled fields are empty then)."""
    return replace(grant, status=status, enabled_scope="", enabled_authorization_details=[], eta=None)


def end(state: State, status: GrantStatus, *, retire: bool) -> State:
    """The Grant ended: `closed`, `revoked`, `disabled` or `expired`.

    With `retire` a standing Grant makes room, and the next token request makes a new one. Without, it stands in the way
    of such requests, so that nobody gets round what an operator or time has ended.
    """
    internal = replace(state.internal, resume=None, approved=None)
    if retire:
        internal = replace(internal, standing="", target_grant_id="")
    return State(without_access(state.grant, status), internal)


def withhold(state: State, reason: Withheld) -> State:
    """The Grant without access until `release` is called for this reason.

    One that has ended, or that an operator or a user has suspended, stays as it is.
    """
    grant, internal = state
    if internal.resume:
        reasons = [*internal.resume.reasons, *([] if reason in internal.resume.reasons else [reason])]
        resume = replace(internal.resume, reasons=reasons)
    elif grant.status in ENDED or grant.status is GrantStatus.SUSPENDED:
        return state
    else:
        resume = Resume(
            reasons=[reason],
            status=grant.status,
            enabled_scope=grant.enabled_scope,
            enabled_authorization_details=grant.enabled_authorization_details,
            eta=grant.eta,
        )
    return State(without_access(grant, _shown(resume.reasons)), replace(internal, resume=resume))


def release(state: State, reason: Withheld) -> State:
    """The Grant without this reason to withhold its access: as it was before when no other reason is left."""
    grant, internal = state
    resume = internal.resume
    if resume is None or reason not in resume.reasons:
        return state
    left = [one for one in resume.reasons if one is not reason]
    if left:
        return State(replace(grant, status=_shown(left)), replace(internal, resume=replace(resume, reasons=left)))
    restored = replace(
        grant,
        status=resume.status,
        enabled_scope=resume.enabled_scope,
        enabled_authorization_details=resume.enabled_authorization_details,
        eta=resume.eta,
    )
    return State(restored, replace(internal, resume=None))


def _shown(reasons: Iterable[Withheld]) -> GrantStatus:
    return GrantStatus.FUTURE if set(reasons) == {Withheld.START} else GrantStatus.SUSPENDED


def next_due(state: State) -> datetime | None:
    """When time changes the Grant next: at `not_before` while it waits for it, at `expires` while it has not ended."""
    grant, resume = state.grant, state.internal.resume
    if grant.status in ENDED:
        return None
    starts = grant.not_before if resume and Withheld.START in resume.reasons else None
    return min((moment for moment in (starts, grant.expires) if moment), default=None)


def after_time(state: State, now: datetime) -> tuple[State, datetime] | None:
    """What the Grant is at `now` and the moment at which it became so; None when time has changed nothing."""
    grant = state.grant
    if grant.status in ENDED:
        return None
    if grant.expires and grant.expires <= now:
        return end(state, GrantStatus.EXPIRED, retire=bool(state.internal.target_grant_id)), grant.expires
    released = release(state, Withheld.START)
    if released is not state and grant.not_before and grant.not_before <= now:
        return released, grant.not_before
    return None


def can_be_opened(catalog: Catalog, target: Grant, grant_admin_scope: str) -> bool:
    """Whether a token of this grant admin scope opens the Grant.

    Something has to be enabled, and every enabled scope has to name this grant admin scope; the status does not matter
    beyond that (3.3.2, ambiguities G7).
    """
    enabled = [catalog.scopes.get(scope_id) for scope_id in target.enabled_scope.split()]
    return bool(enabled) and all(scope and scope.grant_admin_scope == grant_admin_scope for scope in enabled)


def follow_target(catalog: Catalog, state: State, target: Grant, old_target: Grant) -> State:
    """The standing Grant of a grant admin scope after a change of the Grant that it opens (E2, G8).

    It ends with its target, is suspended while its target opens nothing, and never outlives it.
    """
    if can_be_opened(catalog, target, state.grant.scope):
        followed = release(state, Withheld.TARGET)
    elif target.status in ENDED:
        return end(state, target.status, retire=True)
    else:
        followed = withhold(state, Withheld.TARGET)
    ends = followed.grant.expires
    if ends == old_target.expires or ends is None or (target.expires and target.expires < ends):
        ends = target.expires
    return State(replace(followed.grant, expires=ends, not_after=ends), followed.internal)


def reassess_parent(state: State, children: Iterable[Grant]) -> State:
    """A parent Grant after a change of its children (8.2 `needs_sub_grants`; ambiguities E17)."""
    grant, internal = state
    every = list(children)
    sufficient = bool(every) and all(child.status in SUFFICIENT_SUB_GRANTS for child in every)
    if grant.status is GrantStatus.NEEDS_SUB_GRANTS and sufficient:
        limited = Enabled(scope=grant.enabled_scope, authorization_details=grant.enabled_authorization_details)
        complete = replace(
            grant,
            status=GrantStatus.ACTIVE,
            enabled_scope=grant.scope,
            enabled_authorization_details=grant.authorization_details,
        )
        return State(complete, replace(internal, without_sub_grants=limited))
    limits = internal.without_sub_grants
    if grant.status is GrantStatus.ACTIVE and limits and not sufficient:
        limited_again = replace(
            grant,
            status=GrantStatus.NEEDS_SUB_GRANTS,
            enabled_scope=limits.scope,
            enabled_authorization_details=limits.authorization_details,
        )
        return State(limited_again, replace(internal, without_sub_grants=None))
    return state
