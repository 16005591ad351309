"""Reads everything that `cds-server export` writes down, while servers go on (see `app.store.export_records`)."""

import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.crypto.sealing import Sealer
from app.errors import ServerError
from app.store import indexes, keys
from app.store.connection import Connection, Script
from app.store.export_records import UNSEALED, AuditPart, Content, FeedPart, Part, Place, Record
from app.store.feed import RedisFeed
from app.store.registrations import Scanned, keys_like, pages, together
from app.store.relay import AT_ONCE, place_order

SCRIPTS: Final = (Script.load("export_read", writes=True), Script.load("export_groups"))

FOLLOWERS, OTHERS, REGISTRATIONS, LIBRARY, EVENTS, AUDIT, FILES = SECTIONS = (
    "followers", "others", "registrations", "library", "events", "audit", "files",
)  # fmt: skip
"""In their order."""

AT_A_TIME: Final = 50
"""Registrations that are read together."""

LARGE_BYTES: Final = 1_000_000
"""What has more under one prefix is copied within the store at one moment, and read from there page by page."""

_SCAN_COUNT: Final = 200
_PAGE: Final = 500
_SHARED: Final = ("{operators}", "{mails}")
"""Prefixes that are read whole."""

_SUFFIXES: Final = (":o", ":r", ":gate", *(f":i:{one.name}" for one in indexes.COLLECTIONS.values()))
"""What of a registration cannot be told from anything else: objects, and the positions that order them."""

_KEY: Final = re.compile(r"(\{([^}]+)\}[^:]*)(:.*)", re.DOTALL)
_OF_REGISTRATION: Final = (":t:", ":p:", ":x:", ":c:", ":f:", ":k:", ":mails")
_OF_SHARD: Final = (":session:", ":sign-in:", ":mails-to:")
_SCANS: Final = {"hash": "HSCAN", "zset": "ZSCAN", "set": "SSCAN"}


class _Owned(Struct):
    registration_id: str | None


_owned = msgspec.json.Decoder(_Owned)


class Exporter:
    """Reads.

    Args:
        client: Finds keys.
        connection: With the scripts of this module and of the feed loaded.
        feed: Everything that happened gets there before it is read.
        sealer: Opens secrets.
    """

    def __init__(self, client: Scanned, connection: Connection, feed: RedisFeed, sealer: Sealer) -> None:
        self._client = client
        self._connection = connection
        self._feed = feed
        self._sealer = sealer
        self.unreadable = 0
        """Secrets that no key opens; they are left as they are."""

    async def records(self, place: Place) -> AsyncIterator[list[Record]]:
        """Everything behind a place, in batches that end with the next place.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        sections: dict[str, Callable[[str], AsyncIterator[tuple[list[Record], str]]]] = {
            FOLLOWERS: self._followers,
            OTHERS: self._others,
            REGISTRATIONS: self._registrations,
            LIBRARY: self._library,
            EVENTS: self._events,
            AUDIT: self._audit,
        }
        begin = SECTIONS.index(place.section) if place.section else 0
        for section in SECTIONS[begin:]:
            if section in sections:
                after = place.after if section == place.section else ""
                async for batch, reached in sections[section](after):
                    yield [*batch, Place(section, reached)]

    async def _followers(self, _after: str) -> AsyncIterator[tuple[list[Record], str]]:
        flat = [one.decode() for one in await self._connection.run("export_groups", [f"{keys.FEED}:events"])]
        yield [FeedPart(groups=list(zip(flat[::2], flat[1::2], strict=True)))], ""

    async def _others(self, _after: str) -> AsyncIterator[tuple[list[Record], str]]:
        """What lasts for a while, and what is shared; begun again when interrupted."""
        shared: dict[str, list[str]] = {prefix: [] for prefix in _SHARED}
        async for names in keys_like(self._client, "{*}*"):
            momentary = []
            for prefix, suffix in map(_split, names):
                if prefix in shared and not suffix.startswith((":events", ":n:", ":export:")):
                    shared[prefix].append(suffix)
                elif _is_momentary(prefix, suffix):
                    momentary.append(prefix + suffix)
            parts = await together(self._small, momentary)
            yield [part for part in parts if part], ""
        for prefix, suffixes in shared.items():
            async for part in self._whole(prefix, sorted(suffixes)):
                yield [part], ""

    async def _registrations(self, after: str) -> AsyncIterator[tuple[list[Record], str]]:
        for shard in keys.SHARDS[keys.SHARDS.index(after[:2]) if after else 0 :]:
            low = f"({after}" if after[:2] == shard else "-"
            while found := await self._connection.command(
                "ZRANGEBYLEX", keys.registrations(shard), low, "+", "LIMIT", 0, AT_A_TIME
            ):
                ids = [one.decode() for one in found]
                for one, answer in zip(ids, await together(self._read_registration, ids), strict=True):
                    async for part in self._parts(keys.prefix(one), answer):
                        yield [part], one if part.last else after
                    after = one
                low = f"({after}"

    async def _library(self, _after: str) -> AsyncIterator[tuple[list[Record], str]]:
        async for part in self._whole(keys.LIBRARY, [":o", ":r", ":i:files"]):
            yield [part], ""
        async for found in pages(self._connection, "ZSCAN", f"{keys.LIBRARY}:i:files", "COUNT", _SCAN_COUNT):
            suffixes = [f":s:{file_id.decode()}" for file_id, _ in found]
            async for part in self._whole(keys.LIBRARY, suffixes):
                yield [part], ""

    async def _events(self, after: str) -> AsyncIterator[tuple[list[Record], str]]:
        await self._catch_up()
        last = await self._feed.latest_events(limit=1)
        while last:
            found = await self._feed.events(after=after or None, limit=_PAGE)
            if not found:
                return
            after = found[-1].id
            entries = [
                (one.id, one.registration_id or "", int(one.at.timestamp()), one.type, one.object_id) for one in found
            ]
            yield [FeedPart(events=entries)], after
            if place_order(after) >= place_order(last[0].id):
                return

    async def _audit(self, after: str) -> AsyncIterator[tuple[list[Record], str]]:
        head = (await self._feed.head()).number
        done = int(after or 0)
        while done < head:
            found = await self._connection.command(
                "XRANGE", f"{keys.FEED}:audit", f"{done + 1}-0", f"{head}-0", "COUNT", _PAGE
            )
            if not found:
                return
            batch = [(int(place.partition(b"-")[0]), fields[b"record"], fields[b"hash"]) for place, fields in found]
            done = batch[-1][0]
            yield (
                [AuditPart([(number, _owner(record), hash_.decode(), record) for number, record, hash_ in batch])],
                (str(done)),
            )

    async def _catch_up(self) -> None:
        """Have everything in the feed that happened before now; what happens meanwhile is not waited for."""
        while await self._feed.relay() >= AT_ONCE:
            pass

    async def _read_registration(self, registration_id: str) -> list[Any]:
        return await self._read(keys.prefix(registration_id), _SUFFIXES)

    async def _read(self, prefix: str, suffixes: Sequence[str]) -> list[Any]:
        """What is there at one moment, as `export_read.lua` tells it."""
        copies = f":export:{secrets.token_hex(8)}"
        found: list[Any] = await self._connection.run("export_read", [prefix], LARGE_BYTES, copies, *suffixes)
        return found

    async def _small(self, name: str) -> Part | None:
        """One key, unless it is over."""
        prefix, suffix = _split(name)
        answer = await self._read(prefix, [suffix])
        return Part(prefix, [self._content(prefix, one) for one in answer]) if answer else None

    async def _whole(self, prefix: str, suffixes: Sequence[str]) -> AsyncIterator[Part]:
        async for part in self._parts(prefix, await self._read(prefix, suffixes)):
            yield part

    async def _parts(self, prefix: str, answer: list[Any]) -> AsyncIterator[Part]:
        """What was answered, and what copies hold."""
        small = [self._content(prefix, one) for one in answer if not one[1].startswith(b"copy ")]
        copies = [one for one in answer if one[1].startswith(b"copy ")]
        if small or copies:
            yield Part(prefix, small, last=not copies)
        for number, (suffix, type_, expires, copy) in enumerate(copies, 1):
            kind = type_.decode().removeprefix("copy ")
            async for values in self._pages(kind, copy.decode()):
                content = self._content(prefix, (suffix, kind.encode(), expires, values))
                yield Part(prefix, [content], first=False, last=False)
            await self._connection.command("UNLINK", copy.decode(), writes=True)
            if number == len(copies):
                yield Part(prefix, [], first=False)

    async def _pages(self, kind: str, key: str) -> AsyncIterator[list[bytes]]:
        if kind == "string":
            yield [await self._connection.command("GET", key)]
            return
        async for found in pages(self._connection, _SCANS[kind], key, "COUNT", _SCAN_COUNT):
            if kind == "set":
                yield list(found)  # type: ignore[arg-type]  # members, which are no pairs
            else:
                yield [part if isinstance(part, bytes) else b"%.0f" % part for pair in found for part in pair]

    def _content(self, prefix: str, one: Sequence[Any]) -> Content:
        suffix, type_, expires, values = one
        content = Content(suffix.decode(), type_.decode(), int(expires), values)
        if content.type == "hash" and content.suffix.endswith(":o"):
            self._open(prefix + content.suffix.removesuffix(":o"), content.values)
        return content

    def _open(self, prefix: str, values: list[bytes]) -> None:
        """Open the secrets of a hash of objects, in place."""
        owner = keys.registration_id(prefix)
        for at in range(0, len(values), 2):
            field = values[at]
            if field.endswith(b"$"):
                try:
                    plain = self._sealer.open(values[at + 1].decode(), credential_id=f"{owner}-{field[:-1].decode()}")
                except ServerError:
                    self.unreadable += 1
                else:
                    values[at + 1] = UNSEALED + plain.encode()


def _owner(record: bytes) -> str:
    """The registration that an audit record is about."""
    return _owned.decode(record).registration_id or ""


def _split(name: str) -> tuple[str, str]:
    match = _KEY.fullmatch(name)
    return (match[1], match[3]) if match else (name, "")


def _is_momentary(prefix: str, suffix: str) -> bool:
    """Whether a key is one of a registration or a shard that lasts for a while, and is worth being kept."""
    if prefix[1:3] not in keys.SHARDS or prefix[3:4] != "}":
        return False
    return suffix.startswith(_OF_SHARD if prefix.endswith("}") else _OF_REGISTRATION)
