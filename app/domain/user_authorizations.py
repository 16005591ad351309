"""What a user has authorized: the list, one of them, and taking it back.

A Grant is a user's own when its last approval was this user's. One of somebody else is as unknown as one that does not
exist, and an entry of a user's list whose Grant is not (or not yet) theirs is passed over.

Source: CDS-WG1-02 4.2 (receipts), 8.2 `revoked`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.crypto.tokens import local_id
from app.domain.authorization_store import UserGrant, UserSession, UserStore
from app.domain.context import Context
from app.domain.grant_states import authorized_at, end
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.errors import NotFound
from app.schemas.clients import Client
from app.schemas.grants import ENDED, Grant, GrantStatus

PAGE_SIZE = 20
"""Authorizations on one page."""

_REASON = "The user has ended it."


class Authorization(NamedTuple):
    """A Grant that a user authorized, the Client Object that got it, and when its relative dates count from (3.9)."""

    grant: Grant
    client: Client
    authorized_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good."""
        return self.grant.status in ENDED


class Page(NamedTuple):
    """Some of a user's authorizations, most recent first; `next` is where the older ones begin, None at the end."""

    authorizations: list[Authorization]
    next: int | None


async def listing(
    context: Context, users: UserStore, user: UserSession, *, now: datetime, before: int | None = None
) -> Page:
    """One page of what a user authorized, beginning after the position `before`."""
    entries = await users.grants_of_user(user.user_id, before=before, limit=PAGE_SIZE + 1)
    shown = entries[:PAGE_SIZE]
    found = await asyncio.gather(*(_load(context, user, entry.grant_id, now) for entry in shown))
    return Page([one for one in found if one], _next(entries))


async def retrieve(context: Context, user: UserSession, grant_id: str, *, now: datetime) -> Authorization:
    """One authorization of a user.

    Raises:
        NotFound: The user has authorized no such Grant.
    """
    found = await _load(context, user, grant_id, now)
    if found is None:
        raise NotFound("You have no such authorization.")
    return found


async def revoke(context: Context, user: UserSession, grant_id: str, *, now: datetime) -> Grant:
    """Take an authorization back: its Grant is `revoked` and its tokens end with it. One that has ended stays as it is.

    Raises:
        NotFound: The user has authorized no such Grant.
        Conflict: Others kept changing the Grant meanwhile.

    Source: CDS-WG1-02 8.2.
    """
    access = _access(grant_id, now)

    async def attempt() -> Grant:
        stored = await _own(context, access, user, grant_id)
        grant: Grant = stored.object
        if grant.status in ENDED:
            return grant
        change = Change(access.registration_id, now)
        edit = Edit(stored, end(state_of(stored), GrantStatus.REVOKED, retire=True), now, _REASON)
        await carry_out(context, change, [edit])
        await context.records.apply(change)
        return edit.state.grant

    return await until_written(attempt)


async def _load(context: Context, user: UserSession, grant_id: str, now: datetime) -> Authorization | None:
    access = _access(grant_id, now)
    try:
        stored = await _own(context, access, user, grant_id)
    except NotFound:
        return None
    (client,) = await context.records.load(access, Wanted(Client, stored.object.client_id))
    return Authorization(stored.object, client.object, authorized_at(state_of(stored))) if client else None


async def _own(context: Context, access: Access, user: UserSession, grant_id: str) -> Stored[Grant]:
    """A Grant that this user has authorized. Raises NotFound."""
    (stored,) = await context.records.load(access, Wanted(Grant, grant_id)) if access.registration_id else (None,)
    if stored is None or stored.internal.user_id != user.user_id:
        raise NotFound("You have no such authorization.")
    return stored


def _access(grant_id: str, now: datetime) -> Access:
    """The server's own access to the registration that an id says it is in; to none when it is no id."""
    parts = local_id(grant_id)
    return Access(parts.registration_id if parts else "", now)


def _next(entries: Sequence[UserGrant]) -> int | None:
    return entries[PAGE_SIZE - 1].position if len(entries) > PAGE_SIZE else None
