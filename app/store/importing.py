"""Writes what `cds-server export` has written down into another store (see `app.store.export_records`).

Everything is written where it belongs whatever is there, so an import that was interrupted is begun again and ends the
same. Until it has come to its end a mark keeps servers from starting with a half of it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from app.crypto.sealing import Sealer
from app.errors import ConfigurationError
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection, Script
from app.store.export_records import UNSEALED, AuditPart, Content, FeedPart, Part, Record, is_registration
from app.store.registrations import together
from app.store.reindex import Reindexer
from app.store.words import WORDS

SCRIPTS: Final = (Script.load("import_write", writes=True), Script.load("import_feed", writes=True))

_AT_ONCE: Final = 2000
"""Values that one call writes."""

_TOGETHER: Final = 50

_MUST_BE_EMPTY: Final = (
    keys.OPERATORS, keys.LIBRARY + ":o", keys.WEBHOOKS + ":o", keys.BROADCASTS + ":list", keys.OUTBOX + ":mails",
    f"{keys.FEED}:head", *map(keys.registrations, keys.SHARDS),
)  # fmt: skip


class Importer:
    """Writes.

    Args:
        connection: With the scripts of this module and of `app.store.reindex` loaded.
        reindexer: Puts objects into indexes.
        sealer: Seals secrets.
        export_id: Of the file.
        only_missing: Leave everything but registrations, and those that are there, as they are.
    """

    def __init__(
        self, connection: Connection, reindexer: Reindexer, sealer: Sealer, export_id: str, *, only_missing: bool
    ) -> None:
        self._connection = connection
        self._reindexer = reindexer
        self._sealer = sealer
        self._id = export_id
        self._only_missing = only_missing
        self.written = 0
        """Registrations."""
        self.left = 0
        """Registrations that were there already."""

    async def begin(self) -> None:
        """See that the store is one to import into, and keep servers from it until the end.

        Raises:
            ConfigurationError: It holds something already, or a half of another import.
        """
        mark: bytes | None = await self._connection.command("GET", keys.IMPORT)
        if mark and mark.decode() != self._id:
            problem = "The store holds a part of another file, whose import was interrupted: import that one first."
            raise ConfigurationError([problem])
        if not mark and not self._only_missing:
            if sum(await together(self._exists, _MUST_BE_EMPTY)):
                problem = "The store is not empty. With --missing-only, registrations that it does not have are added."
                raise ConfigurationError([problem])
            await self._connection.command("SET", keys.IMPORT, self._id, writes=True)

    async def finish(self) -> None:
        """Let servers start."""
        await self._connection.command("DEL", keys.IMPORT, writes=True)

    async def write(self, records: Sequence[Record]) -> None:
        """Write records, which may be written before.

        Raises:
            StoreUnavailable: The store does not answer; begin again.
        """
        feed = [one for one in records if isinstance(one, FeedPart | AuditPart)]
        parts = [one for one in records if isinstance(one, Part) and self._is_wanted(one)]
        for start in range(0, len(parts), _TOGETHER):
            await self._write_together(parts[start : start + _TOGETHER])
        if feed and not self._only_missing:
            await self._write_feed(feed)

    async def _write_together(self, parts: Sequence[Part]) -> None:
        """Parts of one prefix one after the other, those of several at the same time."""
        by_prefix: dict[str, list[Part]] = {}
        for part in parts:
            by_prefix.setdefault(part.prefix, []).append(part)
        await asyncio.gather(*(self._write_parts(some) for some in by_prefix.values()))

    async def _write_parts(self, parts: Sequence[Part]) -> None:
        for part in parts:
            is_written = await self._write_part(part)
            if part.prefix == keys.LIBRARY and part.last:
                await self._reindexer.place(part.prefix)
            elif is_registration(part) and part.last:
                if is_written:
                    await self._reindexer.place(part.prefix)
                    await self._connection.command("DEL", f"{part.prefix}:import", writes=True)
                self.written, self.left = self.written + is_written, self.left + (not is_written)

    async def _write_part(self, part: Part) -> bool:
        """Write it; False when it belongs to a registration that is to be left as it is."""
        mark = self._id if is_registration(part) else ""
        for number, piece in enumerate(list(_pieces(part.keys)) or [[]]):
            flat: list[str | bytes | int] = []
            for one in piece:
                values = self._kept(part.prefix, one)
                if values:
                    flat += (one.suffix, one.type, one.expires_ms, len(values), *values)
            is_first = part.first and number == 0
            arguments = (mark, int(is_first), int(self._only_missing), *flat)
            if not await self._connection.run("import_write", [part.prefix], *arguments):
                return False
        return True

    def _is_wanted(self, part: Part) -> bool:
        return not self._only_missing or not part.prefix.endswith("}")

    def _kept(self, prefix: str, content: Content) -> list[bytes]:
        """The values as the store keeps them."""
        values = content.values
        if content.type == "zset":  # the other way round, as ZADD takes them
            return [part for at in range(0, len(values), 2) for part in (values[at + 1], values[at])]
        if content.type != "hash" or not content.suffix.endswith(":o"):
            return values
        owner = keys.registration_id(prefix + content.suffix.removesuffix(":o"))
        kept: list[bytes] = []
        for at in range(0, len(values), 2):
            field, value = values[at : at + 2]
            if field == WORDS:  # which the reindexer finds out again, with the index that has them too
                continue
            if value.startswith(UNSEALED) and field.endswith(b"$"):
                plain = value.removeprefix(UNSEALED).decode()
                value = self._sealer.seal(plain, credential_id=f"{owner}-{field[:-1].decode()}").encode()
            kept += (field, value)
        return kept

    async def _write_feed(self, parts: Sequence[FeedPart | AuditPart]) -> None:
        for part in parts:
            records = part.records if isinstance(part, AuditPart) else []
            plan = {
                "events": part.events if isinstance(part, FeedPart) else [],
                "groups": part.groups if isinstance(part, FeedPart) else [],
                "audit": [one[:3] for one in records],
            }
            await self._connection.run("import_feed", [keys.FEED], encode(plan), *(one[3] for one in records))

    async def _exists(self, key: str) -> int:
        found: int = await self._connection.command("EXISTS", key)
        return found


def _pieces(contents: Sequence[Content]) -> list[list[Content]]:
    """The same in portions that one call writes: a key that has more than that is divided."""
    pieces: list[list[Content]] = []
    room = 0
    for one in contents:
        for start in range(0, len(one.values), _AT_ONCE):
            some = one.values[start : start + _AT_ONCE]
            if len(some) > room:
                pieces.append([])
                room = _AT_ONCE
            pieces[-1].append(Content(one.suffix, one.type, one.expires_ms, some))
            room -= len(some)
    return pieces
