"""What is asked across registrations: the one implementation of `app.domain.directory.Directory`.

Every question goes to all shards: in one call of a script, or in one pipeline for each server of a cluster, where a
call cannot reach several slots. Each shard is asked for a few entries, because the next page is spread over all of
them; only those that turn out to have more of it are asked once more. So a page takes three round trips at most, the
last of which is for its documents, however many registrations there are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

from msgspec import Struct

from app.crypto.tokens import REGISTRATION_ID_LENGTH
from app.domain.directory import (
    PAGE_SIZE,
    Due,
    MessageSearch,
    Place,
    RegistrationSearch,
    Sheet,
    Tally,
    Waiting,
)
from app.domain.records import Stored
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import Message, MessageType
from app.schemas.registrations import Registration, RegistrationStatus
from app.store import indexes, keys, shard_indexes
from app.store.connection import Script
from app.store.indexes import POSITIONS_PER_SECOND
from app.store.placing import REGISTRATION
from app.store.records import RedisRecords
from app.store.words import terms_of

SCRIPTS: Final = (Script.load("directory"), Script.load("tally"), Script.load("overdue"))

FIRST_HELPING: Final = 3
"""Entries that each shard is asked for at first: of a page of 50 one in a thousand shards has more."""

COUNTED: Final = 1000
"""Results of a search for words that are counted at most."""

COUNTING_HELPING: Final = 6
"""Results that each shard is asked for at first when they are counted: one and a half times as many as are needed."""

DEPTHS: Final = (16, 64, 250, 250, 250, 250)
"""How many registrations of an index a shard looks at for common words, at first and each time it is asked to go on.

Every registration is somewhere else in memory, so those that are looked at are what a search costs. All shards together
have the first page of a word of every tenth registration among the first sixteen of each."""

T = TypeVar("T", bound=Struct)

_Entry = tuple[int, str]
"""A position (or a second) and the id of an object there."""


class _Part(NamedTuple):
    """What a shard answered."""

    entries: list[_Entry]
    """In the order of the way."""
    behind: bool = False
    """Whether there are entries at the place that was asked about, or behind it."""
    horizon: _Entry | None = None
    """Up to which entry it has looked; None when it has looked at all."""


class _Found(NamedTuple):
    """Entries of all shards, in the order of the way."""

    entries: list[_Entry]
    behind: bool
    beyond: _Entry | None
    """Behind which entry it goes on, if it does."""


_Ask = Callable[[Sequence[str], int], Awaitable[dict[str, _Part]]]
"""Asks each of these shards for so many entries."""


class RedisDirectory:
    """Looks things up across registrations.

    Args:
        records: Registrations; on a connection that has the scripts of this module too.
    """

    def __init__(self, records: RedisRecords) -> None:
        self._records = records
        self._connection = records.connection

    async def registrations(self, search: RegistrationSearch, place: Place | None = None) -> Sheet[Registration]:
        """See `Directory.registrations`."""
        names, words = shard_indexes.of_registrations(search), terms_of(search.q)
        if _finds_nothing(search, words):
            return Sheet([], next=None, previous=None)
        return await self._sheet(Registration, place, await self._find(place, PAGE_SIZE, names, words))

    async def messages(self, search: MessageSearch, place: Place | None = None) -> Sheet[Message]:
        """See `Directory.messages`."""
        found = await self._find(place, PAGE_SIZE, shard_indexes.of_messages(search))
        return await self._sheet(Message, place, found)

    async def grants(self, status: GrantStatus | None = None, place: Place | None = None) -> Sheet[Grant]:
        """See `Directory.grants`."""
        return await self._sheet(Grant, place, await self._find(place, PAGE_SIZE, shard_indexes.of_grants(status)))

    async def registration_ids(self, shard: str, *, after: str = "", limit: int = 500) -> list[str]:
        """See `Directory.registration_ids`."""
        first = f"({after}" if after else "-"
        key = keys.registrations(shard)
        found = await self._connection.command("ZRANGEBYLEX", key, first, "+", "LIMIT", 0, limit)
        return [one.decode() for one in found]

    async def waiting(self, registration_ids: Sequence[str]) -> list[int]:
        """See `Directory.waiting`."""
        wanted = (f"{keys.prefix(one)}:i:{_WAITING_HERE}" for one in registration_ids)
        counts: list[int] = await asyncio.gather(*(self._connection.command("ZCARD", one) for one in wanted))
        return counts

    async def count(self, search: RegistrationSearch) -> int:
        """See `Directory.count`."""
        names, words = shard_indexes.of_registrations(search), terms_of(search.q)
        if _finds_nothing(search, words):
            return 0
        if words:
            return await self._count_found(names, words)
        return sum((await self._count(names)).counts.values())

    async def tally(self) -> Tally:
        """See `Directory.tally`."""
        return _tally(await self._count(_TALLIED, oldest=len(_OLDEST)))

    async def due(self, now: datetime, *, limit: int = 100) -> list[Due]:
        """See `Directory.due`."""
        second = int(now.timestamp())

        async def ask(shards: Sequence[str], helping: int) -> dict[str, _Part]:
            answers = await self._run("overdue", shards, keys.due, second, helping)
            return {shard: _Part(_entries(found[1::2], found[::2])) for shard, found in answers.items()}

        found = await _gather(ask, limit, newer=True)
        return [Due(one[:REGISTRATION_ID_LENGTH], one, datetime.fromtimestamp(at, UTC)) for at, one in found.entries]

    async def _find(self, place: Place | None, want: int, names: Sequence[str], words: Sequence[str] = ()) -> _Found:
        """The next entries of these indexes after a place, of registrations with these words.

        When all words are common and registrations that have them all are rare, there may be more than was found.
        """
        found = await self._look(place, want, names, words, DEPTHS[0])
        for depth in DEPTHS[1:]:
            missing = want - len(found.entries)
            if not missing or not found.beyond:
                break
            reached = Place(*found.beyond, place is not None and place.newer)
            more = await self._look(reached, missing, names, words, depth)
            found = _Found(found.entries + more.entries, found.behind, more.beyond)
        return found

    async def _look(
        self, place: Place | None, want: int, names: Sequence[str], words: Sequence[str], depth: int
    ) -> _Found:
        """What shards find in one go."""
        return await _gather(self._asking(place, names, words, depth), want, newer=place is not None and place.newer)

    def _asking(self, place: Place | None, names: Sequence[str], words: Sequence[str], depth: int) -> _Ask:
        newer = place is not None and place.newer
        where = (place.position, place.member) if place else ("", "")

        async def ask(shards: Sequence[str], helping: int) -> dict[str, _Part]:
            wanted = (*where, int(newer), helping, depth, len(names), *names, *words)
            answers = await self._run("directory", shards, keys.shard, *wanted)
            return {shard: _part(answer) if any(answer) else _NOTHING for shard, answer in answers.items()}

        return ask

    async def _count_found(self, names: Sequence[str], words: Sequence[str]) -> int:
        """How many registrations with these words are found at once: the order of them does not matter."""
        ask = self._asking(None, names, words, DEPTHS[-1])
        parts = await ask(keys.SHARDS, COUNTING_HELPING)
        full = [shard for shard, part in parts.items() if len(part.entries) == COUNTING_HELPING]
        if full and sum(len(part.entries) for part in parts.values()) < COUNTED:
            parts |= await ask(full, COUNTED)
        return min(COUNTED, sum(len(part.entries) for part in parts.values()))

    async def _sheet(self, kind: type[T], place: Place | None, found: _Found) -> Sheet[T]:
        """A page of what was found, with its objects."""
        newer = place is not None and place.newer
        items = await self._load(kind, found.entries)
        on = Place(*found.beyond, newer) if found.beyond else None
        back = Place(*found.entries[0], not newer) if found.behind and found.entries else None
        if newer:
            return Sheet(items[::-1], next=back, previous=on)
        return Sheet(items, next=on, previous=back)

    async def _load(self, kind: type[Any], entries: Sequence[_Entry]) -> list[Stored[Any]]:
        """The objects of entries; an entry without one is left out."""

        def fields(object_id: str) -> Awaitable[list[bytes | None]]:
            prefix = keys.prefix(object_id[:REGISTRATION_ID_LENGTH])
            local = REGISTRATION if kind is Registration else indexes.local(object_id)
            return self._connection.command("HMGET", f"{prefix}:o", local, f"{local}!")

        found = await asyncio.gather(*(fields(object_id) for _, object_id in entries))
        items: Iterable[Stored[Any] | None] = (
            self._records.stored(kind, document, internal, position)
            for (position, _), (document, internal) in zip(entries, found, strict=True)
        )
        return [stored for stored in items if stored]

    async def _run(
        self, script: str, shards: Sequence[str], key: Callable[[str], str], *args: str | int
    ) -> dict[str, list[Any]]:
        """What a script answers about each of these shards."""
        calls = (self._connection.run(script, [key(shard) for shard in group], *args) for group in self._groups(shards))
        answers = await asyncio.gather(*calls)
        return dict(zip(shards, (part for answer in answers for part in answer), strict=True))

    def _groups(self, shards: Sequence[str]) -> Sequence[Sequence[str]]:
        """Shards that one call can ask."""
        return [[shard] for shard in shards] if self._connection.is_cluster else [shards]

    async def _count(self, names: Sequence[str], oldest: int = 0) -> "_Counted":
        """How many entries these indexes have, and since when the oldest of the first so many of them."""
        groups = self._groups(keys.SHARDS)
        calls = (self._connection.run("tally", [keys.shard(one) for one in group], oldest, *names) for group in groups)
        answers = await asyncio.gather(*calls)
        counts = [sum(column) for column in zip(*(answer[: len(names)] for answer in answers), strict=True)]
        lowest = [
            min((int(one) for one in column if one), default=None)
            for column in zip(*(answer[len(names) :] for answer in answers), strict=True)
        ]
        return _Counted(dict(zip(names, counts, strict=True)), dict(zip(names, lowest, strict=False)))


def _finds_nothing(search: RegistrationSearch, words: Sequence[str]) -> bool:
    """Whether somebody looks for what is no word, such as punctuation: nothing has it, rather than everything."""
    return bool(search.q.strip()) and not words


async def _gather(ask: _Ask, want: int, *, newer: bool) -> _Found:
    """The next entries of all shards: a few of each, then all that may be wanted of those that had more to give."""
    helping = min(FIRST_HELPING, want)
    parts = await ask(keys.SHARDS, helping)
    found = _merged(parts.values(), want, newer=newer)
    taken = set(found.entries)
    short = [shard for shard, part in parts.items() if len(part.entries) == helping and part.entries[-1] in taken]
    if not short:
        return found
    parts |= await ask(short, want + 1)
    return _merged(parts.values(), want, newer=newer)


def _merged(parts: Iterable[_Part], want: int, *, newer: bool) -> _Found:
    """What shards answered, in one order, as far as all of them have looked."""
    parts = list(parts)
    entries = sorted((entry for part in parts for entry in part.entries), reverse=not newer)
    horizons = [part.horizon for part in parts if part.horizon]
    horizon = (min if newer else max)(horizons) if horizons else None
    if horizon:
        entries = [one for one in entries if (one <= horizon if newer else one >= horizon)]
    beyond = entries[want - 1] if len(entries) > want else horizon
    return _Found(entries[:want], any(part.behind for part in parts), beyond)


def _part(answer: Sequence[Any]) -> _Part:
    """What `directory.lua` says about a shard."""
    behind, position, member = answer[:_HEAD]
    horizon = (int(position), member.decode()) if position else None
    return _Part(_entries(answer[_HEAD::2], answer[_HEAD + 1 :: 2]), bool(behind), horizon)


def _entries(positions: Iterable[bytes], ids: Iterable[bytes]) -> list[_Entry]:
    return [(int(position), one.decode()) for position, one in zip(positions, ids, strict=True)]


class _Counted(NamedTuple):
    """Entries of indexes by their names, and the lowest position of some of them."""

    counts: dict[str, int]
    lowest: dict[str, int | None]


_HEAD: Final = 3
"""What stands before the entries in the answer about a shard."""

_NOTHING: Final = _Part([])
"""What most shards have for a page."""

_WAITING_HERE: Final = indexes.index_name(Message, ("waiting", ""))
"""The index of a registration's own Messages that wait."""

_WAITING: Final = {type_: shard_indexes.of_messages(MessageSearch(waiting=True, type=type_)) for type_ in MessageType}
_OUTSTANDING: Final = shard_indexes.of_messages(MessageSearch())
_ONBOARDING: Final = set(shard_indexes.of_registrations(RegistrationSearch(onboarding=True)))
_BY_STATUS: Final = {one: shard_indexes.of_registrations(RegistrationSearch(status=one)) for one in RegistrationStatus}
_OLDEST: Final = [name for names in _WAITING.values() for name in names]
_TALLIED: Final = list(
    dict.fromkeys(
        [
            *_OLDEST,
            *_OUTSTANDING,
            *(name for names in _BY_STATUS.values() for name in names),
            *shard_indexes.of_grants(None),
        ]
    )
)


def _tally(counted: _Counted) -> Tally:
    counts = counted.counts
    waiting = {}
    for type_, names in _WAITING.items():
        oldest = [at for name in names if (at := counted.lowest[name]) is not None]
        if oldest:
            waiting[type_] = Waiting(sum(counts[name] for name in names), _second(min(oldest)))
    return Tally(
        registrations={status: sum(counts[name] for name in names) for status, names in _BY_STATUS.items()},
        onboarding=sum(counts[name] for name in _ONBOARDING),
        waiting=waiting,
        outstanding=sum(counts[name] for name in _OUTSTANDING),
        grants={status: counts[shard_indexes.grants(status)] for status in GrantStatus},
    )


def _second(position: int) -> datetime:
    return datetime.fromtimestamp(position // POSITIONS_PER_SECOND, UTC)
