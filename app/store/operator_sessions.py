"""Sessions of operators in Redis: the one implementation of `app.domain.operator_sessions.OperatorSessionStore`."""

import msgspec

from app.crypto.tokens import digest
from app.domain.operator_sessions import OperatorSession
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection


class RedisOperatorSessions:
    """Keeps sessions of operators; every method is one round trip."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, handle: str, session: OperatorSession, *, ttl_seconds: int) -> None:
        """See `OperatorSessionStore.create`."""
        await self._connection.command("SET", _key(handle), encode(session), "EX", ttl_seconds, writes=True)

    async def get(self, handle: str) -> OperatorSession | None:
        """See `OperatorSessionStore.get`."""
        found: bytes | None = await self._connection.command("GET", _key(handle))
        return msgspec.json.decode(found, type=OperatorSession) if found else None

    async def replace(self, handle: str, session: OperatorSession, *, ttl_seconds: int) -> None:
        """See `OperatorSessionStore.replace`."""
        await self._connection.command("SET", _key(handle), encode(session), "EX", ttl_seconds, "XX", writes=True)

    async def end(self, handle: str) -> None:
        """See `OperatorSessionStore.end`."""
        await self._connection.command("DEL", _key(handle), writes=True)


def _key(handle: str) -> str:
    return keys.operator_session(digest(handle))
