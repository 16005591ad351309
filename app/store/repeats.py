"""What requests with an Idempotency-Key have made: the one implementation of `app.domain.repeats.Repeats`.

`apply.lua` notes it with the change that makes it.
"""

from typing import Final

from app.crypto.tokens import full_id
from app.domain.repeats import Made
from app.store import keys
from app.store.connection import Connection

KEPT_SECONDS: Final = 86400


class RedisRepeats:
    """Looks up what `apply.lua` has noted.

    Args:
        connection: Any.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, registration_id: str, key: str) -> Made | None:
        """See `Repeats.find`.

        Whoever finds it tells the caller that it has happened. Replicas have to have it for that, which they may not
        have had when it happened, so that the caller was refused. So it is kept for another day: a WAIT waits for that.
        """
        wanted = keys.repeat(registration_id, key)
        kept: bytes | None = await self._connection.command("GETEX", wanted, "EX", KEPT_SECONDS, writes=True)
        if kept is None:
            return None
        fingerprint, _, local = kept.decode().partition("\n")
        return Made(fingerprint, full_id(registration_id, local))
