"""Registrations that nobody has used: the one implementation of `app.domain.unused.UnusedStore`.

`apply.lua` marks a new registration as unused, and the scripts that authenticate a Client Object with its secret take
the mark away. One that was made before there were marks has none, and counts as used.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from app.crypto.tokens import ADMIN
from app.domain.feed import AuditEntry
from app.domain.records import AnyObject, Event
from app.domain.unused import Candidate
from app.schemas.clients import Client
from app.schemas.encoding import encode
from app.schemas.registrations import Registration
from app.store import indexes, keys
from app.store.connection import Connection, Script
from app.store.documents import Documents
from app.store.placing import REGISTRATION, Found, Unreadable, unpack
from app.store.shard_indexes import shard_indexes_of

SCRIPTS: Final = (Script.load("forget", prelude="happened words", writes=True),)

MOST_OBJECTS: Final = 500
"""A registration that has more is not one that nobody has used."""

_ALWAYS: Final = (":o", ":r", ":auth", ":gate", ":due", ":mails")
_WORDS: Final = "~"
_PARTS: Final = ("!", "$")


class RedisUnused:
    """Finds and forgets.

    Args:
        connection: With the scripts of this module loaded.
        documents: Knows the public URL.
    """

    def __init__(self, connection: Connection, documents: Documents) -> None:
        self._connection = connection
        self._documents = documents

    async def begin_walk(self, *, seconds: int) -> bool:
        """See `UnusedStore.begin_walk`."""
        begun = await self._connection.command("SET", keys.FORGETTING, "", "NX", "EX", seconds, writes=True)
        return begun is not None

    async def candidates(self, registration_ids: Sequence[str]) -> list[Candidate]:
        """See `UnusedStore.candidates`."""
        states = await asyncio.gather(*(self._state(one) for one in registration_ids))
        unused = [(one, int(rev)) for one, (mark, rev) in zip(registration_ids, states, strict=True) if mark and rev]
        read = await asyncio.gather(*(self._read(one, rev) for one, rev in unused))
        return [one for one in read if one]

    async def forget(self, candidate: Candidate, event: Event, audit: AuditEntry, *, now: datetime) -> bool:
        """See `UnusedStore.forget`."""
        registration_id = candidate.registration.registration_id
        shard = registration_id[:2]
        gone: int = await self._connection.run(
            "forget",
            [keys.prefix(registration_id), keys.events(shard), keys.shard(shard)],
            int(now.timestamp()),
            registration_id,
            candidate.version,
            encode(_plan(candidate.objects)),
            encode([event]),
            encode(audit),
        )
        return bool(gone)

    async def _state(self, registration_id: str) -> list[bytes | None]:
        key = f"{keys.prefix(registration_id)}:r"
        found: list[bytes | None] = await self._connection.command("HMGET", key, "unused", "rev")
        return found

    async def _read(self, registration_id: str, rev: int) -> Candidate | None:
        """All of a registration; None when it is too much, or something in it cannot be read."""
        key = f"{keys.prefix(registration_id)}:o"
        if await self._connection.command("HLEN", key) > 2 * MOST_OBJECTS:
            return None
        found: dict[bytes, bytes] = await self._connection.command("HGETALL", key)
        fields = {name.decode(): value for name, value in found.items()}
        locals_ = [name for name in fields if name != _WORDS and not name.endswith(_PARTS)]
        try:
            objects = [unpack(self._documents, Found(one, fields[one], fields.get(f"{one}!", b""))) for one in locals_]
        except Unreadable:
            return None
        registration = next((item for item, _ in objects if isinstance(item, Registration)), None)
        return Candidate(registration, objects, rev) if registration else None


def _plan(objects: Sequence[tuple[AnyObject, Any]]) -> dict[str, Any]:
    """Every key below the prefix, and every place in the indexes of the shard (see `forget.lua`)."""
    names = {*_ALWAYS, f":s:{ADMIN}"}
    listed: dict[str, list[str]] = {}
    due: list[str] = []
    for item, internal in objects:
        collection = indexes.COLLECTIONS[type(item)]
        within = {*indexes.indexes_of(item, internal), collection.created_index or collection.name}
        names |= {f":i:{name}" for name in within}
        if isinstance(item, Client):
            names.add(f":s:{indexes.local(item.client_id)}")
        full_id = indexes.full_identity(item)
        if indexes.identity(item) != REGISTRATION:
            due.append(full_id)
        for name in shard_indexes_of(item, internal):
            listed.setdefault(name, []).append(full_id)
    return {"keys": sorted(names), "listed": listed, "due": due}
