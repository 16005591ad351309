"""The feed and the audit log in Redis: the one implementation of `app.domain.feed.Feed`."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app.domain.audit_chain import ORIGIN, Link, Sealed, opened
from app.domain.feed import FEED_PAGE, TAKEOVER_SECONDS, AuditEntry, AuditRecord, FeedEvent, Group, Taken
from app.schemas.encoding import encode
from app.store import keys, relay
from app.store.connection import Connection, Script
from app.store.relay import BEFORE_ALL, Limits, Relay, fields_of, sealed_of

SCRIPTS = (
    *relay.SCRIPTS,
    Script.load("feed_take", writes=True),
    Script.load("feed_events"),
    Script.load("feed_audit"),
    Script.load("feed_note", prelude="happened", writes=True),
)

EXPORT_PAGE: Final = 500
TURN_MS: Final = 400
"""For how long whoever relays in turn does it for all others: a little shorter than the pause of the background job."""

_EVENTS = f"{keys.FEED}:events"
_AUDIT = f"{keys.FEED}:audit"
_TURN = f"{keys.FEED}:turn"


class RedisFeed:
    """Keeps the feed; every method but `relay` and `sealed` is one round trip.

    Args:
        connection: With the scripts of this module loaded.
        clock: Seconds that never go backwards.
        limits: How many events are kept; the audit log is kept for good.
        moved: Told the type of every event that this, and nobody else, has moved to the feed.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
        moved: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._relay = Relay(connection, clock, limits or Limits(), moved)

    async def relay(self, *, in_turn: bool = False) -> int:
        """See `Feed.relay`."""
        if in_turn and not await self._connection.command("SET", _TURN, "", "NX", "PX", TURN_MS):
            return 0
        return await self._relay.run()

    async def events(
        self, *, after: str | None = None, registration_id: str | None = None, limit: int = FEED_PAGE
    ) -> list[FeedEvent]:
        """See `Feed.events`."""
        place = after or BEFORE_ALL
        if registration_id is None:
            return _events(await self._range("XRANGE", _EVENTS, f"({place}", "+", limit))
        both = [_EVENTS, f"{_EVENTS}:{registration_id[:2]}"]
        return _events(await self._connection.run("feed_events", both, registration_id, place, limit))

    async def latest_events(self, *, limit: int = 20) -> list[FeedEvent]:
        """See `Feed.latest_events`."""
        return _events(await self._range("XREVRANGE", _EVENTS, "+", "-", limit))

    async def audit(
        self, *, after: str | None = None, registration_id: str | None = None, limit: int = FEED_PAGE
    ) -> list[AuditRecord]:
        """See `Feed.audit`."""
        number = int(after or 0)
        if registration_id is None:
            return _records(await self._range("XRANGE", _AUDIT, f"{number + 1}-0", "+", limit))
        return await self._audit_of(registration_id, number, limit)

    async def latest_audit(
        self, *, before: str | None = None, registration_id: str | None = None, limit: int = 20
    ) -> list[AuditRecord]:
        """See `Feed.latest_audit`."""
        if registration_id is None:
            end = f"{max(int(before) - 1, 0)}-0" if before else "+"
            return _records(await self._range("XREVRANGE", _AUDIT, end, "-", limit))
        return await self._audit_of(registration_id, f"({int(before)}" if before else "+inf", limit)

    async def note(self, entry: AuditEntry, *, now: datetime) -> None:
        """See `Feed.note`."""
        both = [keys.OPERATOR_EVENTS, keys.operator_change(secrets.token_urlsafe(9))]
        await self._connection.run("feed_note", both, int(now.timestamp()), encode(entry))

    async def take(
        self, group: Group, consumer: str, *, limit: int = FEED_PAGE, idle_seconds: int = TAKEOVER_SECONDS
    ) -> list[FeedEvent]:
        """See `Feed.take`."""
        found = await self._connection.run("feed_take", [_EVENTS], group, consumer, limit, idle_seconds * 1000, "")
        return _events(found[0])

    async def take_only(self, group: Group, consumer: str, types: Collection[str]) -> Taken:
        """See `Feed.take_only`."""
        arguments = group, consumer, FEED_PAGE, TAKEOVER_SECONDS * 1000, "\n".join(types)
        found, more = await self._connection.run("feed_take", [_EVENTS], *arguments)
        return Taken(_events(found), bool(more))

    async def done(self, group: Group, ids: list[str]) -> None:
        """See `Feed.done`."""
        if ids:
            await self._connection.command("XACK", _EVENTS, group, *ids, writes=True)

    async def head(self) -> Link:
        """Where the audit log says that it ends."""
        number, hash_ = await self._connection.command("HMGET", f"{keys.FEED}:head", "number", "hash")
        return Link(int(number), hash_.decode()) if number else ORIGIN

    async def sealed(self) -> AsyncIterator[Sealed]:
        """All records of the audit log as they are kept, oldest first; one round trip for some hundreds of them."""
        start = "-"
        while True:
            entries = await self._range("XRANGE", _AUDIT, start, "+", EXPORT_PAGE)
            for entry in entries:
                yield sealed_of(entry)
            if len(entries) < EXPORT_PAGE:
                return
            start = "(" + entries[-1][0].decode()

    async def _range(self, command: str, key: str, first: str, last: str, limit: int) -> Sequence[Any]:
        """Entries of a stream, in the shape in which scripts return them."""
        found: Sequence[Any] = await self._connection.command(command, key, first, last, "COUNT", limit)
        return [(place, [part for pair in fields.items() for part in pair]) for place, fields in found]

    async def _audit_of(self, registration_id: str, after: int | str, limit: int) -> list[AuditRecord]:
        both = [_AUDIT, f"{_AUDIT}:{registration_id}"]
        return _records(await self._connection.run("feed_audit", both, after, limit))


def _events(entries: Sequence[Any]) -> list[FeedEvent]:
    return [_event(place, fields_of(flat)) for place, flat in entries]


def _event(place: bytes, known: dict[bytes, bytes]) -> FeedEvent:
    return FeedEvent(
        id=place.decode(),
        at=datetime.fromtimestamp(int(known[b"at"]), UTC),
        registration_id=known[b"r"].decode() or None,
        type=known[b"type"].decode(),
        object_id=known[b"id"].decode(),
    )


def _records(entries: Sequence[Any]) -> list[AuditRecord]:
    return [opened(sealed_of(entry)) for entry in entries]
