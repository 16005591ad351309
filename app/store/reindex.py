"""Rebuilds what is derived from documents, while servers go on reading and writing.

That is every `:i:…`, `:due` and `:auth` of a registration, the registrations of each shard, and what each user
authorized. Entries of users without a Grant stay: a Grant is noted before it is there, and readers pass over the rest.

Two walks over the whole store. The first goes through the documents and puts each where it belongs; the second goes
through the indexes and takes out what does not belong there. An object that changes meanwhile is left to whoever
changed it. Every entry is right or wrong by itself, so what was interrupted can simply begin again.

An object that no index knows any more gets a new position within its second of modification: objects that were modified
in the same second may change places in listings, and whoever has read such an object and writes it now is told that it
has changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET

from app.domain.grant_states import State, authorized_at
from app.schemas.encoding import encode
from app.schemas.grants import Grant
from app.store import indexes, keys
from app.store.connection import Connection, Script
from app.store.documents import Documents
from app.store.placing import REGISTRATION, Entry, Found, Unreadable, belongs, entry_of, unpack
from app.store.registrations import Scanned, keys_like, pages, stored, together
from app.store.users import note

SCRIPTS: Final = (Script.load("mend", writes=True),)

GRANT: Final = "g"
"""How the local id of a Grant begins."""

_SCAN_COUNT: Final = 200


@dataclass(slots=True)
class Progress:
    """What the walks have seen and done so far."""

    registrations: int = 0
    objects: int = 0
    indexes: int = 0
    mended: int = 0
    """Index entries that were missing, wrong or left over."""
    unreadable: list[str] = field(default_factory=list)
    """Objects that are none, as key and field; nothing was done about them."""


class Reindexer:
    """Rebuilds indexes.

    Args:
        client: Finds keys.
        connection: With the scripts of this module loaded.
        documents: Knows the public URL.
        progress: Told after every batch.
    """

    def __init__(
        self,
        client: Scanned,
        connection: Connection,
        documents: Documents,
        progress: Callable[[Progress], None],
    ) -> None:
        self._client = client
        self._connection = connection
        self._documents = documents
        self._tell = progress
        self.done = Progress()

    async def run(self) -> Progress:
        """Rebuild everything.

        Raises:
            StoreUnavailable: The store does not answer; begin again.
        """
        async for prefixes in stored(self._client, ":o"):
            await together(self._mend_registration, prefixes)
            self._tell(self.done)
        async for names in keys_like(self._client, "{*}*:i:*"):
            await together(self._mend_index, names)
            self._tell(self.done)
        await together(self._drop_unknown_registrations, keys.SHARDS)
        return self.done

    async def _mend_registration(self, prefix: str) -> None:
        async for fields in pages(self._connection, "HSCAN", f"{prefix}:o", "COUNT", _SCAN_COUNT):
            names = [name.decode() for name, _ in fields]
            await self._place(prefix, [name for name in names if not name.endswith(("!", "$"))])
        await self._drop_unknown_secrets(prefix)

    async def _place(self, prefix: str, locals_: Sequence[str]) -> None:
        """Put objects where they belong."""
        placed = []
        for found in await self._read(prefix, locals_):
            self.done.objects += 1
            entry = self._entry_of(prefix, found)
            if entry:
                placed.append((entry, found))
            if entry and found.local == REGISTRATION:
                await self._list_registration(prefix, found)
            if entry and found.local.startswith(GRANT):
                await self._list_for_user(found)
        await self._mend(prefix, placed)

    async def _mend_index(self, key: str) -> None:
        """Take out of an index what does not belong there."""
        prefix, _, index = key.partition(":i:")
        self.done.indexes += 1
        async for members in pages(self._connection, "ZSCAN", key, "COUNT", _SCAN_COUNT):
            dropped = []
            for found in await self._read(prefix, [member.decode() for member, _ in members]):
                entry = self._entry_of(prefix, found) if found.document else Entry(found.local)
                if entry and not belongs(entry, index):
                    dropped.append((Entry(found.local, drop=[index]), found))
            await self._mend(prefix, dropped)

    async def _drop_unknown_secrets(self, prefix: str) -> None:
        """Forget digests without a Credential. Credentials are never removed, so none appears after the look here."""
        async for logins in pages(self._connection, "HSCAN", f"{prefix}:auth", "COUNT", _SCAN_COUNT):
            named = {login.partition(b"\n")[0].decode() for _, login in logins}
            known = set()
            for found in await self._read(prefix, sorted(named)):
                entry = self._entry_of(prefix, found) if found.document else None
                if entry and entry.auth is not UNSET:
                    known.add(entry.auth[0])
            unknown = [digest for digest, _ in logins if digest.decode() not in known]
            if unknown:
                self._count(await self._connection.command("HDEL", f"{prefix}:auth", *unknown, writes=True))

    async def _list_registration(self, prefix: str, found: Found) -> None:
        item, _ = unpack(self._documents, found)
        shard, registration_id = prefix[1:3], keys.registration_id(prefix)
        second = int(indexes.created(item).timestamp())
        self.done.registrations += 1
        key = keys.registrations(shard)
        self._count(await self._connection.command("ZADD", key, "CH", second, registration_id, writes=True))

    async def _list_for_user(self, found: Found) -> None:
        grant, internal = unpack(self._documents, found)
        if isinstance(grant, Grant) and internal.user_id:
            moment = authorized_at(State(grant, internal))
            command = note(internal.user_id, grant.grant_id, moment)
            self._count(await self._connection.command(*command, writes=True))

    async def _drop_unknown_registrations(self, shard: str) -> None:
        key = keys.registrations(shard)
        async for members in pages(self._connection, "ZSCAN", key, "COUNT", _SCAN_COUNT):
            for member, _ in members:
                known = await self._connection.command("HEXISTS", keys.prefix(member.decode()) + ":o", REGISTRATION)
                if not known:
                    self._count(await self._connection.command("ZREM", key, member, writes=True))

    async def _read(self, prefix: str, locals_: Sequence[str]) -> list[Found]:
        if not locals_:
            return []
        names = [name for local in locals_ for name in (local, f"{local}!")]
        values = await self._connection.command("HMGET", f"{prefix}:o", *names)
        return [Found(local, values[2 * at] or b"", values[2 * at + 1] or b"") for at, local in enumerate(locals_)]

    async def _mend(self, prefix: str, entries: Sequence[tuple[Entry, Found]]) -> None:
        if entries:
            plan = encode([entry for entry, _ in entries])
            values = [value for _, found in entries for value in (found.document, found.internal)]
            self._count(await self._connection.run("mend", [prefix], plan, *values))

    def _count(self, mended: int) -> None:
        """Add up; in a line of its own, because `+= await` would read the sum before it waits."""
        self.done.mended += mended

    def _entry_of(self, prefix: str, found: Found) -> Entry | None:
        try:
            return entry_of(self._documents, found)
        except Unreadable as error:
            problem = f"{prefix}:o {found.local}: {error}"
            if problem not in self.done.unreadable:
                self.done.unreadable.append(problem)
            return None
