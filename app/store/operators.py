"""Operators in Redis: the one implementation of `app.domain.operators.OperatorStore`.

They belong to no registration, so they have a hash tag of their own; there are few of them and they rarely change.
"""

import secrets
from datetime import datetime

import msgspec

from app.domain.feed import AuditEntry
from app.domain.operators import Operator
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection, Script

SCRIPTS = (
    Script.load("operator_add", prelude="happened", writes=True),
    Script.load("operator_revoke", prelude="happened", writes=True),
)

_KEYS = [keys.OPERATORS, keys.OPERATOR_NAMES, keys.OPERATOR_EVENTS]


class RedisOperators:
    """Keeps operators; every method is one round trip.

    Args:
        connection: With the scripts of this module loaded, if operators are to be added or revoked.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, operator: Operator, key_digest: str, *, now: datetime, audit: AuditEntry | None = None) -> bool:
        """See `OperatorStore.add`."""
        stored = (operator.name, key_digest, encode(operator), int(now.timestamp()), encode(audit) if audit else "")
        return bool(await self._connection.run("operator_add", _KEYS, *stored))

    async def list(self) -> list[Operator]:
        """See `OperatorStore.list`."""
        found = await self._connection.command("HVALS", keys.OPERATORS)
        return sorted((read(one) for one in found), key=lambda one: one.name)

    async def revoke(self, name: str, *, now: datetime, audit: AuditEntry | None = None) -> bool:
        """See `OperatorStore.revoke`."""
        script_keys = [*_KEYS, keys.operator_change(secrets.token_urlsafe(9))]
        said = (int(now.timestamp()), encode(audit) if audit else "")
        return bool(await self._connection.run("operator_revoke", script_keys, name, *said))

    async def find(self, key_digest: str) -> Operator | None:
        """See `OperatorStore.find`."""
        found: bytes | None = await self._connection.command("HGET", keys.OPERATORS, key_digest)
        return read(found) if found else None


def read(stored: bytes) -> Operator:
    """The operator that was stored so."""
    return msgspec.json.decode(stored, type=Operator)
