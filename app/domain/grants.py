"""The Grants API: which Grants a listing shows, and a Client's PATCH (CDS-WG1-02 8.4 to 8.6)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.crypto.tokens import local_id
from app.domain.context import Context
from app.domain.grant_changes import (
    closed,
    is_under_review,
    read_extent,
    refuse_other_statuses,
    wants_extent,
    with_extent,
)
from app.domain.grant_states import State
from app.domain.grant_writing import Edit, carry_out, dependents_of, state_of
from app.domain.records import Access, Change, Cursor, Listing, Stored, Wanted
from app.domain.retries import until_written
from app.domain.times import whole_seconds, whole_seconds_from
from app.errors import NotFound
from app.schemas.clients import Client
from app.schemas.grants import Grant


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing of Grants shows (8.4): all of them apply, and any value of each; None does not filter."""

    grant_ids: tuple[str, ...] | None = None
    parents: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    client_ids: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    receipt_confirmations: tuple[str, ...] | None = None
    after: datetime | None = None
    before: datetime | None = None


def listing(registration_id: str, filters: Filters, cursor: Cursor | None = None) -> Listing:
    """The page of Grants that these filters name."""
    by_value = (
        ("parent", _locals(registration_id, filters.parents)),
        ("status", filters.statuses),
        ("client", _locals(registration_id, filters.client_ids)),
        ("scope", filters.scopes),
        ("receipt", filters.receipt_confirmations),
    )
    return Listing(
        Grant,
        filters=tuple(tuple((name, value) for value in values) for name, values in by_value if values is not None),
        ids=filters.grant_ids,
        created_after=whole_seconds_from(filters.after) if filters.after else None,
        created_before=whole_seconds(filters.before) if filters.before else None,
        cursor=cursor,
    )


def _locals(registration_id: str, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The ids inside the registration; others name nothing that could be listed."""
    if ids is None:
        return None
    parts = (local_id(one) for one in ids)
    return tuple(one.local for one in parts if one and one.registration_id == registration_id)


@dataclass(frozen=True, slots=True)
class Modified:
    """A Grant after a PATCH; `is_under_review` when an operator has to approve the change first."""

    grant: Grant
    is_under_review: bool


async def modify(context: Context, access: Access, grant_id: str, submitted: Mapping[str, Any]) -> Modified:
    """Apply a Client's PATCH to a Grant, all of it or nothing. Fields that Clients cannot modify are ignored.

    Two round trips, three when the scope or the authorization details are in it.

    Raises:
        NotFound: The registration has no such Grant.
        InvalidRequest, InvalidScope, InvalidAuthorizationDetails: A value is not acceptable.
        Conflict: Others kept changing the Grant meanwhile.

    Source: CDS-WG1-02 8.6.
    """

    async def attempt() -> Modified:
        own_right = Access(access.registration_id, access.now)
        (stored,), dependents = await asyncio.gather(
            context.records.load(access, Wanted(Grant, grant_id)), dependents_of(context, own_right, grant_id)
        )
        if stored is None:
            raise NotFound("There is no such Grant.")
        refuse_other_statuses(submitted)
        change = Change(access.registration_id, access.now)
        edit = Edit(stored, await _patched(context, change, stored, submitted), access.now)
        if edit.state == state_of(stored):
            return Modified(stored.object, is_under_review=False)
        await carry_out(context, change, [edit], dependents={stored.object.grant_id: dependents})
        await context.records.apply(change)
        return Modified(edit.state.grant, wants_extent(submitted) and is_under_review(edit.state))

    return await until_written(attempt)


async def _patched(context: Context, change: Change, stored: Stored[Grant], submitted: Mapping[str, Any]) -> State:
    """What the Grant becomes; `change` rests on the Client Object when its scope was looked at."""
    state = state_of(stored)
    if wants_extent(submitted):
        access = Access(change.registration_id, change.now)
        (client,) = await context.records.load(access, Wanted(Client, stored.object.client_id))
        if client is None:
            raise NotFound("The Client Object of this Grant is gone.")
        change.unchanged.append(client)
        extent = read_extent(context, client.object, state, submitted)
        state = with_extent(context, state, extent, change.now)
    return closed(state) if "status" in submitted else state
