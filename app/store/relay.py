"""Moves what has happened from where it happened on to the feed and the audit log, in `app.store.feed`.

Every change appends to a source in its own slot: the stream of its shard, of the library, of the operators. Nothing can
be written to two slots in one step, so the feed remembers how far it has got with each source, and grows and remembers
in one step (`feed_relay.lua`), which does nothing when somebody else was faster. So it does not matter how many relays
there are, and whether one dies on its way: every entry arrives once, and those of one source in their order.

What has arrived is cut off its source half a minute later, so that a store which loses its last moments in a failover
has it still.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from app.domain.audit_chain import BEGINNING, ORIGIN, Link, Sealed, seal
from app.domain.feed import Actor, AuditEntry
from app.errors import ServerError
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection, Script

_READ: Final = Script.load("feed_read")
_READ_SLOTS: Final = Script("feed_read_slots", f"#!lua flags=allow-cross-slot-keys\n{_READ.source}")
"""The same for sources in several slots of one server of a cluster."""

SCRIPTS = (
    _READ,
    _READ_SLOTS,
    Script.load("feed_relay", writes=True),
    Script.load("feed_trim", writes=True),
)

SOURCES: Final = (*map(keys.events, keys.SHARDS), keys.LIBRARY_EVENTS, keys.OPERATOR_EVENTS)
"""Where everything happens."""

BEFORE_ALL: Final = "0-0"
AT_ONCE: Final = 500
"""Entries that one step moves, each of them an event or a few."""

BYTES_AT_ONCE: Final = 2_000_000
OF_EACH: Final = 20
"""Entries that are read of each source while it is not known how many have some."""

STEPS: Final = 100
"""Steps of one call at most, so that a busy store does not keep it forever."""

CUT_AFTER_SECONDS: Final = 30.0

GAP: Final = "feed.gap"
_SERVER: Final = Actor(name="server", role="server", via="server")

log = structlog.get_logger("app.store.relay")
_events = msgspec.json.Decoder(list[tuple[str, str]])
_entries = msgspec.json.Decoder(AuditEntry, float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many events the feed keeps.

    A group that has not had them all makes it keep more, up to `most`; what goes then is told in the log.
    """

    kept: int = 1_000_000
    most: int = 2_000_000
    batch: int = 1000
    """How many go at once."""
    runs: bool = True
    """Whether events that follow each other may be noted as one in the stream of their shard, which servers of schema
    version 1 take for the first of them."""


class Happened(NamedTuple):
    """An entry of a source."""

    source: str
    place: str
    fields: dict[bytes, bytes]
    gap_after: str | None
    """The place in the source after which entries are gone, if some are."""

    @property
    def size_bytes(self) -> int:
        """About how much it weighs."""
        return sum(map(len, self.fields.values()))


@dataclass(slots=True)
class Plan:
    """What `feed_relay.lua` begins with and explains."""

    head: Link
    sources: dict[str, list[str]] = field(default_factory=dict)
    events: list[tuple[str, int, str, str]] = field(default_factory=list)
    audit: list[tuple[int, str, str]] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    losses: list[tuple[str, str]] = field(default_factory=list)
    """Sources that have lost entries, and which, in words."""
    first_head: str = ""
    """The hash of the record before the first of these."""
    alone: bool = False
    """Whether every event is noted by itself in the stream of its shard."""

    def arguments(self) -> list[bytes]:
        """As the script takes it."""
        plan = {
            "sources": [[source, *places] for source, places in self.sources.items()],
            "head": self.first_head,
            "origin": BEGINNING,
            "events": self.events,
            "alone": self.alone,
            "audit": self.audit,
        }
        return [encode(plan), *self.records]

    def add(self, entry: AuditEntry, registration_id: str, second: int) -> None:
        """Put a record at the end of the log."""
        self.first_head = self.first_head or self.head.hash
        sealed = seal(entry, registration_id or None, datetime.fromtimestamp(second, UTC), self.head)
        self.audit.append((sealed.number, registration_id, sealed.hash))
        self.records.append(sealed.record)
        self.head = Link(sealed.number, sealed.hash)


class Relay:
    """Moves entries on.

    Args:
        connection: With the scripts of this module loaded.
        clock: Seconds that never go backwards.
        limits: How many events the feed keeps.
        moved: Told the type of every event that this has moved.
    """

    def __init__(
        self, connection: Connection, clock: Callable[[], float], limits: Limits, moved: Callable[[str], None]
    ) -> None:
        self._told = moved
        self._connection = connection
        self._clock = clock
        self._limits = limits
        self._places: dict[str, str] | None = None
        self._head = ORIGIN
        self._cuts: dict[str, tuple[float, str]] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> int:
        """Move everything on that is there now, or a good part of it; how many entries were moved.

        Raises:
            StoreUnavailable: The store does not answer; whoever calls it next goes on where it stopped.
        """
        async with self._turn:  # calls at the same time would only get in each other's way
            moved, of_each = 0, OF_EACH
            for _ in range(STEPS):
                found = await self._read(of_each)
                if not found:
                    break
                of_each = max(OF_EACH, AT_ONCE // len({one.source for one in found}))
                moved += await self._move(found)
            await self._cut()
            return moved

    async def _read(self, of_each: int) -> list[Happened]:
        """What is new in all sources, in the order in which it happened as far as their clocks agree."""
        if self._places is None:
            await self._look()
        if not self._connection.is_cluster:
            streams = await self._read_some("feed_read", SOURCES, of_each)
        else:
            streams = await self._read_servers(of_each)
        found = [entry for stream in streams for entry in self._entries_of(*stream)]
        return sorted(found, key=lambda one: place_order(one.place))

    async def _read_servers(self, of_each: int) -> list[Any]:
        """Likewise of a cluster: every server is asked once for all that it has, and has to have it for good.

        What is taken from a source that its replicas do not have yet, and that a failover then forgets, would have
        happened for whoever follows the feed and for nobody else; and what happens then might be passed over.
        """
        try:
            groups = self._connection.by_server(SOURCES)
            calls = [self._read_some("feed_read_slots", group, of_each) for group in groups]
            streams = [stream for answer in await asyncio.gather(*calls) for stream in answer]
        except ServerError:  # slots have moved to another server, which is found when they are asked for one by one
            calls = [self._read_some("feed_read", [source], of_each) for source in SOURCES]
            streams = [stream for answer in await asyncio.gather(*calls) for stream in answer]
        await self._connection.confirm(source.decode() for source, *_ in streams)
        return streams

    async def _read_some(self, script: str, sources: Sequence[str], of_each: int) -> Sequence[Any]:
        places, several = self._places or {}, "1" if script == "feed_read_slots" else ""
        pairs = [part for source in sources for part in (source, places.get(source, BEFORE_ALL))]
        streams: Sequence[Any] = await self._connection.run(script, [sources[0]], of_each, several, *pairs)
        return streams

    def _entries_of(self, source: bytes, has_gap: int, entries: Sequence[Any]) -> Iterator[Happened]:
        name = source.decode()
        gap_after = (self._places or {}).get(name, BEFORE_ALL) if has_gap else None
        for place, flat in entries:
            yield Happened(name, place.decode(), fields_of(flat), gap_after)
            gap_after = None

    async def _look(self) -> None:
        """Learn how far the feed has got."""
        places, head = await asyncio.gather(
            self._connection.command("HGETALL", f"{keys.FEED}:positions"),
            self._connection.command("HMGET", f"{keys.FEED}:head", "number", "hash"),
        )
        self._places = {source.decode(): place.decode() for source, place in places.items()}
        self._head = Link(int(head[0]), head[1].decode()) if head[0] else ORIGIN

    async def _move(self, found: Sequence[Happened]) -> int:
        """Move entries step by step; how many, which are fewer when somebody else was faster."""
        moved = 0
        for some in _portions(found):
            plan = self._plan(some)
            done, length = await self._connection.run("feed_relay", [keys.FEED], *plan.arguments())
            if not done:
                self._places = None
                break
            moved += len(some)
            self._note(plan)
            if length >= self._limits.kept + self._limits.batch:
                await self._forget_oldest()
        return moved

    def _plan(self, entries: Sequence[Happened]) -> Plan:
        plan, places = Plan(self._head, alone=not self._limits.runs), self._places or {}
        for entry in entries:
            before = plan.sources.setdefault(entry.source, [places.get(entry.source, BEFORE_ALL), ""])
            before[1] = entry.place
            if entry.gap_after is not None:
                _report_gap(plan, entry, f"entries after {entry.gap_after} and before {entry.place}")
            try:
                _report(plan, entry)
            except (msgspec.DecodeError, KeyError, ValueError) as error:
                _report_gap(plan, entry, f"the entry {entry.place}, which cannot be read: {type(error).__name__}")
        return plan

    def _note(self, plan: Plan) -> None:
        due = self._clock() + CUT_AFTER_SECONDS
        for source, (_, after) in plan.sources.items():
            if self._places is not None:
                self._places[source] = after
            self._cuts.setdefault(source, (due, after))
        self._head = plan.head
        for _, _, type_, _ in plan.events:
            self._told(type_)
        for source, lost in plan.losses:
            log.error("entries lost before they reached the feed", source=source, lost=lost)

    async def _cut(self) -> None:
        """Cut off sources what arrived a while ago; the last of it stays, as a mark (see `feed_read.lua`)."""
        now = self._clock()
        due = {source: place for source, (at, place) in self._cuts.items() if at <= now}
        if not due:
            return
        cuts = (self._connection.command("XTRIM", one, "MINID", place, writes=True) for one, place in due.items())
        await asyncio.gather(*cuts)
        for source, place in due.items():
            del self._cuts[source]
            arrived = (self._places or {}).get(source, place)
            if arrived != place:
                self._cuts[source] = (now + CUT_AFTER_SECONDS, arrived)

    async def _forget_oldest(self) -> None:
        limits = self._limits
        gone, unseen = await self._connection.run(
            "feed_trim", [f"{keys.FEED}:events"], limits.kept, limits.most, limits.batch
        )
        if unseen:
            log.error("events forgotten that webhooks or mails have not had", count=gone)


def place_order(place: str) -> tuple[int, int]:
    """What places in a stream are compared by."""
    ms, _, number = place.partition("-")
    return int(ms), int(number)


def fields_of(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """The fields of an entry as a script returns it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _portions(found: Iterable[Happened]) -> Iterator[list[Happened]]:
    """The entries in their order, no more at once than one step moves."""
    portion: list[Happened] = []
    size_bytes = 0
    for entry in found:
        if portion and (len(portion) == AT_ONCE or size_bytes + entry.size_bytes > BYTES_AT_ONCE):
            yield portion
            portion, size_bytes = [], 0
        portion.append(entry)
        size_bytes += entry.size_bytes
    if portion:
        yield portion


def _report(plan: Plan, entry: Happened) -> None:
    """Put what an entry says into the plan, all of it or nothing."""
    second, registration_id = int(entry.fields[b"at"]), entry.fields.get(b"registration_id", b"").decode()
    events = _events.decode(entry.fields.get(b"events", b"[]"))
    audit = _entries.decode(entry.fields[b"audit"]) if b"audit" in entry.fields else None
    plan.events += [(registration_id, second, type_, object_id) for type_, object_id in events]
    if audit:
        plan.add(audit, registration_id, second)


def _report_gap(plan: Plan, entry: Happened, lost: str) -> None:
    """Say in the feed, in the audit log and, once it is sure, in the log of the server that entries are lost."""
    plan.losses.append((entry.source, lost))
    second = int(entry.place.partition("-")[0]) // 1000
    plan.events.append(("", second, GAP, entry.source))
    change = {"object": "feed", "id": entry.source, "before": {"lost": lost}, "after": None}
    plan.add(AuditEntry(actor=_SERVER, action=GAP, changes=[change]), "", second)


def sealed_of(entry: Sequence[Any]) -> Sealed:
    """An audit record as it is in its stream."""
    place, flat = entry
    known = fields_of(flat)
    return Sealed(int(place.partition(b"-")[0]), known[b"record"], known[b"hash"].decode())
