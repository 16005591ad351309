"""One stream of everything that happens, and the audit log: what webhooks, mails and operators follow.

A change appends what happened to a stream in its own slot, in the same atomic step (`Change.events`, `Change.audit`).
`relay` moves that on to the feed, each entry once and in the order of its registration, whoever calls it and however
often it is interrupted: the feed remembers how far it has got with each source in the same step in which it grows.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, Protocol

from msgspec import Struct

FEED_PAGE: Final = 100

TAKEOVER_SECONDS: Final = 15
"""How long whoever took events may be busy with them; then somebody else gets them too. What comes of an event comes of
it once, so being told too early costs nothing but work."""

Via = Literal["api", "console", "cli", "callback", "server"]
"""How somebody came in; `callback` is a system that answers a signed request of its own accord, `server` is this
service itself."""

Group = Literal["webhooks", "mails"]
"""Who follows the feed in the background, each with its own place in it."""


class FeedEvent(Struct, kw_only=True, frozen=True):
    """Something that happened, in a registration as a rule."""

    id: str
    """Its place in the feed; later events have greater ones (compare as Redis does: two numbers)."""
    at: datetime
    registration_id: str | None
    """None for what belongs to none: files of the library, operators."""
    type: str
    """One of `app.domain.events.EVENT_TYPES`."""
    object_id: str


class Actor(Struct, kw_only=True, frozen=True):
    """Who works for the utility, and how they came in."""

    name: str
    role: str
    via: Via


class Taken(NamedTuple):
    """Events for a group, and whether there may be more for it now."""

    events: list[FeedEvent]
    more: bool


class AuditEntry(Struct, kw_only=True, frozen=True):
    """What somebody changed, as it travels with the change."""

    actor: Actor
    action: str
    """E.g. `messages.decide`: the operation, in words of ours that stay the same."""
    changes: list[dict[str, Any]]
    """Per object: `{"object": "message", "id": …, "before": {field: value}, "after": {field: value}}`, only fields that
    differ, never a secret; `before` is null for what is new and `after` for what is gone."""


class AuditRecord(Struct, kw_only=True, frozen=True):
    """An entry of the audit log."""

    id: str
    """Its place in the log: 1, 2, 3 and so on."""
    at: datetime
    registration_id: str | None
    actor: Actor
    action: str
    changes: list[dict[str, Any]]
    previous_hash: str
    hash: str
    """SHA-256 over everything above, `previous_hash` included: changing or removing a record breaks every later one
    (`app.domain.audit_chain`)."""


class Feed(Protocol):
    """Raises StoreUnavailable when the store does not answer."""

    async def relay(self, *, in_turn: bool = False) -> int:
        """Move what has happened on to the feed and to the audit log; how many entries were moved.

        Args:
            in_turn: Leave it to somebody else who has begun within the last moment, as the many processes of a large
                installation do that look again and again. Without it everything that has happened is there afterwards.
        """

    async def events(
        self, *, after: str | None = None, registration_id: str | None = None, limit: int = FEED_PAGE
    ) -> list[FeedEvent]:
        """The next events after a place, oldest first; from the beginning of what is kept without one."""

    async def latest_events(self, *, limit: int = 20) -> list[FeedEvent]:
        """What happened last, newest first."""

    async def audit(
        self, *, after: str | None = None, registration_id: str | None = None, limit: int = FEED_PAGE
    ) -> list[AuditRecord]:
        """The next audit records after a place, oldest first."""

    async def latest_audit(
        self, *, before: str | None = None, registration_id: str | None = None, limit: int = 20
    ) -> list[AuditRecord]:
        """The last audit records, or the last ones before a place, newest first."""

    async def note(self, entry: AuditEntry, *, now: datetime) -> None:
        """Put on record what somebody did that no change of a registration, the library or an operator carries.

        A store that keeps something of its own under the hash tag `{operators}` should rather append its entry in the
        same script that changes it, with the prelude `happened`.
        """

    async def take(
        self, group: Group, consumer: str, *, limit: int = FEED_PAGE, idle_seconds: int = TAKEOVER_SECONDS
    ) -> list[FeedEvent]:
        """Events for a group that no other consumer of it has, or that one has had for too long without `done`.

        Who asks again without `done` gets what it has once more: it has not been able to finish.
        Consumers that have nothing left and have not asked for so long are forgotten.

        Every event comes at least once; it comes again when whoever had it died, or when the answer with it was lost.
        A new group begins with the oldest event that is kept.
        """

    async def take_only(self, group: Group, consumer: str, types: Collection[str]) -> Taken:
        """Events of these types for a group, as `take` hands them out; it is done with all others by that.

        It costs a fraction for each of them, which is what a registration makes two dozen of.
        """

    async def done(self, group: Group, ids: list[str]) -> None:
        """These events have had their effect."""
