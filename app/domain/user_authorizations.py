"""What a user has authorized: the list, one of them, and taking it back.

Whether a Grant is a user's own says the list that approving enters it into. A Grant of somebody else is as unknown as
one that does not exist.

Source: CDS-WG1-02 4.2 (receipts), 8.2 `revoked`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.crypto.tokens import local_id
from app.domain.authorization_store import UserGrant, UserSession, UserStore
from app.domain.context import Context
from app.domain.grant_states import end
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.records import Access, Change, Wanted
from app.domain.retries import until_written
from app.errors import NotFound
from app.schemas.clients import Client
from app.schemas.grants import ENDED, Grant, GrantStatus

PAGE_SIZE = 20
"""Authorizations on one page."""

_REASON = "The user has ended it."


class Authorization(NamedTuple):
    """A Grant that a user authorized, and the Client Object that got it."""

    grant: Grant
    client: Client

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
    found = await asyncio.gather(*(_load(context, entry.grant_id, now) for entry in shown))
    return Page([one for one in found if one], _next(entries))


async def retrieve(
    context: Context, users: UserStore, user: UserSession, grant_id: str, *, now: datetime
) -> Authorization:
    """One authorization of a user.

    Raises:
        NotFound: The user has authorized no such Grant.
    """
    own, found = await asyncio.gather(users.is_grant_of_user(user.user_id, grant_id), _load(context, grant_id, now))
    if not own or found is None:
        raise NotFound("You have no such authorization.")
    return found


async def revoke(
    context: Context, users: UserStore, user: UserSession, grant_id: str, *, now: datetime
) -> Authorization:
    """Take an authorization back: its Grant is `revoked` and its tokens end with it. One that has ended stays as it is.

    Raises:
        NotFound: The user has authorized no such Grant.
        Conflict: Others kept changing the Grant meanwhile.

    Source: CDS-WG1-02 8.2.
    """
    authorization = await retrieve(context, users, user, grant_id, now=now)
    access = Access(_registration_of(grant_id), now)

    async def attempt() -> Grant:
        (stored,) = await context.records.load(access, Wanted(Grant, grant_id))
        if stored is None:
            raise NotFound("You have no such authorization.")
        grant: Grant = stored.object
        if grant.status in ENDED:
            return grant
        change = Change(access.registration_id, now)
        edit = Edit(stored, end(state_of(stored), GrantStatus.REVOKED, retire=True), now, _REASON)
        await carry_out(context, change, [edit])
        await context.records.apply(change)
        return edit.state.grant

    return authorization._replace(grant=await until_written(attempt))


async def _load(context: Context, grant_id: str, now: datetime) -> Authorization | None:
    parts = local_id(grant_id)
    if parts is None:
        return None
    access = Access(parts.registration_id, now)
    (grant,) = await context.records.load(access, Wanted(Grant, grant_id))
    if grant is None:
        return None
    (client,) = await context.records.load(access, Wanted(Client, grant.object.client_id))
    return Authorization(grant.object, client.object) if client else None


def _registration_of(grant_id: str) -> str:
    parts = local_id(grant_id)
    return parts.registration_id if parts else ""


def _next(entries: Sequence[UserGrant]) -> int | None:
    return entries[PAGE_SIZE - 1].position if len(entries) > PAGE_SIZE else None
