"""What requests with an Idempotency-Key have made: the one implementation of `app.domain.repeats.Repeats`.

`apply.lua` notes it with the change that makes it.
"""

from app.crypto.tokens import full_id
from app.domain.repeats import Made
from app.store import keys
from app.store.connection import Connection


class RedisRepeats:
    """Looks up what `apply.lua` has noted.

    Args:
        connection: Any.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, registration_id: str, key: str) -> Made | None:
        """See `Repeats.find`."""
        kept: bytes | None = await self._connection.command("GET", keys.repeat(registration_id, key))
        if kept is None:
            return None
        fingerprint, _, local = kept.decode().partition("\n")
        return Made(fingerprint, full_id(registration_id, local))
