"""Sessions of users, how they begin, and what users authorized: the one implementation of `UserStore`.

Users belong to no registration, so their sessions and lists are spread over all shards.
"""

import zlib
from datetime import datetime
from typing import Any

from app.crypto.tokens import digest, shard_of, shard_of_session, shard_of_sign_in
from app.domain.authorization_store import USER_GRANTS_PAGE, SignInAttempt, UserGrant, UserSession
from app.store import keys
from app.store.authorizations import keep, look, take
from app.store.connection import Connection
from app.store.indexes import POSITIONS_PER_SECOND


class RedisUsers:
    """Keeps who is signed in and what users authorized; every method is one round trip."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create_session(self, handle: str, session: UserSession, *, now: datetime, ttl_seconds: int) -> None:
        """See `UserStore.create_session`."""
        await keep(self._connection, _session_key(handle), session, now, ttl_seconds)

    async def session(self, handle: str, *, now: datetime) -> UserSession | None:
        """See `UserStore.session`."""
        key = _session_key(handle)
        return await look(self._connection, key, UserSession, now) if key else None

    async def end_session(self, handle: str) -> None:
        """See `UserStore.end_session`."""
        if key := _session_key(handle):
            await self._connection.command("DEL", key, writes=True)

    async def begin_sign_in(self, handle: str, attempt: SignInAttempt, *, now: datetime, ttl_seconds: int) -> None:
        """See `UserStore.begin_sign_in`."""
        await keep(self._connection, _sign_in_key(handle), attempt, now, ttl_seconds)

    async def take_sign_in(self, handle: str, *, now: datetime) -> SignInAttempt | None:
        """See `UserStore.take_sign_in`."""
        return await take(self._connection, _sign_in_key(handle), SignInAttempt, now)

    async def note_user_grant(self, user_id: str, grant_id: str, *, created: datetime) -> None:
        """See `UserStore.note_user_grant`."""
        await self._connection.command(*note(user_id, grant_id, created), writes=True)

    async def grants_of_user(
        self, user_id: str, *, before: int | None = None, limit: int = USER_GRANTS_PAGE
    ) -> list[UserGrant]:
        """See `UserStore.grants_of_user`."""
        newest = "+inf" if before is None else f"({before}"
        command = ("ZRANGE", _user_key(user_id), newest, "-inf", "BYSCORE", "REV", "LIMIT", 0, limit, "WITHSCORES")
        found = await self._connection.command(*command)
        return [UserGrant(grant_id.decode(), int(score)) for grant_id, score in _pairs(found)]


def note(user_id: str, grant_id: str, moment: datetime) -> tuple[str, str, str, int, str]:
    """The command that enters a Grant into what a user authorized, unless it is there already."""
    return "ZADD", _user_key(user_id), "NX", _position(moment, grant_id), grant_id


def _pairs(found: list[Any]) -> list[tuple[bytes, float]]:
    """Members and scores, whichever way the client library hands them out."""
    if found and isinstance(found[0], list | tuple):
        return [(member, float(score)) for member, score in found]
    return [(found[at], float(found[at + 1])) for at in range(0, len(found), 2)]


def _position(created: datetime, grant_id: str) -> int:
    """Where a Grant stands in the list of its user: by its second, and within that in an order that never changes."""
    return int(created.timestamp()) * POSITIONS_PER_SECOND + zlib.crc32(grant_id.encode()) % POSITIONS_PER_SECOND


def _session_key(handle: str) -> str | None:
    shard = shard_of_session(handle)
    return keys.session(shard, digest(handle)) if shard else None


def _sign_in_key(handle: str) -> str | None:
    shard = shard_of_sign_in(handle)
    return keys.sign_in(shard, digest(handle)) if shard else None


def _user_key(user_id: str) -> str:
    return keys.user(shard_of(user_id), digest(user_id))
