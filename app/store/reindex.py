"""Rebuilds what is derived from documents, while servers go on reading and writing.

That is every `:i:…`, `:due` and `:auth` of a registration, what is found across registrations, and what each user
authorized. Entries of users without a Grant stay: a Grant is noted before it is there, and readers pass over the rest.

Two walks over the whole store. The first goes through the documents and puts each where it belongs; the second goes
through the indexes and takes out what does not belong there. An object that changes meanwhile is left to whoever
changed it. Every entry is right or wrong by itself, so what was interrupted can simply begin again.

An object that no index knows any more gets a new position within its second of modification: objects that were modified
in the same second may change places in listings, and whoever has read such an object and writes it now is told that it
has changed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import UNSET

from app.domain.grant_states import State, authorized_at
from app.schemas.grants import Grant
from app.store import keys
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.mending import SCRIPTS, Mender, Progress
from app.store.placing import REGISTRATION, Entry, Found, belongs, unpack
from app.store.registrations import Scanned, keys_like, pages, stored, together
from app.store.shard_weeding import weed_list, weed_shard
from app.store.users import note
from app.store.words import WORDS

__all__ = ["SCRIPTS", "Progress", "Reindexer"]

GRANT: Final = "g"
"""How the local id of a Grant begins."""

_SCAN_COUNT: Final = 200
_NO_OBJECTS: Final = ("!", "$", WORDS.decode())
"""How fields of `:o` end that are no documents."""


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
        self._mender = Mender(connection, documents, self.done)

    async def run(self) -> Progress:
        """Rebuild everything.

        Raises:
            StoreUnavailable: The store does not answer; begin again.
        """
        async for prefixes in stored(self._client, ":o"):
            await together(self.place, [one for one in prefixes if keys.has_objects(one)])
            self._tell(self.done)
        async for names in keys_like(self._client, "{*}*:i:*"):
            await together(self._mend_index, [one for one in names if keys.has_objects(one.partition(":i:")[0])])
            self._tell(self.done)
        async for names in keys_like(self._client, "{??}:d:*"):
            await together(lambda name: weed_list(self._mender, name), names)
            self._tell(self.done)
        await together(lambda shard: weed_shard(self._mender, shard), keys.SHARDS)
        return self.done

    async def place(self, prefix: str) -> None:
        """Put all objects of a registration, or of the library, where they belong."""
        async for fields in pages(self._connection, "HSCAN", f"{prefix}:o", "COUNT", _SCAN_COUNT):
            names = [name.decode() for name, _ in fields]
            await self._place(prefix, [name for name in names if not name.endswith(_NO_OBJECTS)])
        await self._drop_unknown_secrets(prefix)

    async def _place(self, prefix: str, locals_: Sequence[str]) -> None:
        """Put objects where they belong."""
        placed = []
        for found in await self._mender.read(prefix, locals_):
            self.done.objects += 1
            entry = self._mender.entry_of(prefix, found)
            if entry:
                placed.append((entry, found))
            if entry and found.local == REGISTRATION:
                await self._list_registration(prefix)
            if entry and found.local.startswith(GRANT):
                await self._list_for_user(found)
        await self._mender.add_words(prefix, placed)
        await self._mender.mend(prefix, placed)

    async def _mend_index(self, key: str) -> None:
        """Take out of an index what does not belong there."""
        prefix, _, index = key.partition(":i:")
        self.done.indexes += 1
        async for members in pages(self._connection, "ZSCAN", key, "COUNT", _SCAN_COUNT):
            dropped = []
            for found in await self._mender.read(prefix, [member.decode() for member, _ in members]):
                entry = self._mender.entry_of(prefix, found) if found.document else Entry(found.local)
                if entry and not belongs(entry, index):
                    dropped.append((Entry(found.local, drop=[index]), found))
            await self._mender.mend(prefix, dropped)

    async def _drop_unknown_secrets(self, prefix: str) -> None:
        """Forget digests without a Credential. Credentials are never removed, so none appears after the look here."""
        async for logins in pages(self._connection, "HSCAN", f"{prefix}:auth", "COUNT", _SCAN_COUNT):
            named = {login.partition(b"\n")[0].decode() for _, login in logins}
            known = set()
            for found in await self._mender.read(prefix, sorted(named)):
                entry = self._mender.entry_of(prefix, found) if found.document else None
                if entry and entry.auth is not UNSET:
                    known.add(entry.auth[0])
            unknown = [digest for digest, _ in logins if digest.decode() not in known]
            if unknown:
                self.done.count(await self._connection.command("HDEL", f"{prefix}:auth", *unknown, writes=True))

    async def _list_registration(self, prefix: str) -> None:
        """In alphabetical order, which takes equal scores."""
        self.done.registrations += 1
        command = ("ZADD", keys.registrations(prefix[1:3]), "CH", 0, keys.registration_id(prefix))
        self.done.count(await self._connection.command(*command, writes=True))

    async def _list_for_user(self, found: Found) -> None:
        grant, internal = unpack(self._documents, found)
        if isinstance(grant, Grant) and internal.user_id:
            moment = authorized_at(State(grant, internal))
            command = note(internal.user_id, grant.grant_id, moment)
            self.done.count(await self._connection.command(*command, writes=True))
