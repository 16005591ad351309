"""Time changes Grants: `future` ones start, others expire (CDS-WG1-02 8.1, 8.2).

This happens when the first one asks after the moment has come, or when a sweep does, whichever is sooner; nobody can
tell the difference. A Grant that started or expired is `modified` at the moment that `not_before` or `expires` names,
not at the moment when we got round to it. That is when it changed by its own words, and because whoever reads Grants
after that moment finds it done, listings have the same order for everybody and a Client that polls misses nothing. The
Message about it is as old as it really is, since Messages are read without a look at Grants.
"""

from collections.abc import Sequence
from datetime import datetime

from app.domain.context import Context
from app.domain.grant_states import State, after_time, next_due
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.records import Access, Change, Stored
from app.errors import Conflict
from app.schemas.grants import Grant

_ATTEMPTS = 3
"""Batches in a row that others may be quicker with. They do the same work, so there is nothing to report after that."""


async def settle_due(context: Context, registration_id: str, now: datetime) -> None:
    """Bring every Grant of a registration up to `now`. It may be done by several at once and is done once.

    Two round trips for each hundred Grants.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    access = Access(registration_id, now, settled=True)
    late = 0
    while late < _ATTEMPTS and (due := await context.records.due_grants(access)):
        change = Change(registration_id, now)
        try:
            await _settle(context, change, due)
        except Conflict:
            late += 1
        else:
            late = 0


async def _settle(context: Context, change: Change, due: Sequence[Stored[Grant]]) -> None:
    edits = []
    for stored in due:
        state, at = _at_now(state_of(stored), change.now)
        change.unchanged.append(stored)
        change.due[stored.object.grant_id] = next_due(state)
        edits.append(Edit(stored, state, at))
    await carry_out(context, change, edits)
    await context.records.apply(change)


def _at_now(state: State, now: datetime) -> tuple[State, datetime]:
    """What a Grant is at `now`, and when it became so: it may have started and expired since anybody looked."""
    at = state.grant.modified
    while later := after_time(state, now):
        state, at = later
    return state, at
