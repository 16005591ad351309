"""Broadcasts: one text of an operator, a `notification` for every registration that it is for (ambiguities C23).

A broadcast is kept first and sent by background jobs, shard by shard. Where they have got with each shard is kept with
it, so that others can go on when one dies. The message_id follows from the broadcast_id, and no object is ever created
twice, so nobody gets a broadcast twice, however many send it and wherever they are interrupted.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

import structlog
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.crypto.tokens import broadcast_id_of
from app.domain.changelog import server_message
from app.domain.context import Context
from app.domain.feed import Actor, AuditEntry
from app.domain.messages_fields import read_description, read_name, target_of
from app.domain.messages_from_server import read_related
from app.domain.records import Change, Cursor
from app.domain.texts import one_of
from app.errors import Conflict, InvalidRequest, NotFound, StoreUnavailable
from app.schemas.messages import Message, MessageInternal, MessageType, RelatedType

CREATED: Final = "broadcasts.create"
"""What the audit log calls it."""

PAGE_SIZE: Final = 50
SHARDS_AT_ONCE: Final = 4
_LOCAL_ID_LENGTH: Final = 17
"""Of the Messages of broadcasts: a letter, and what a broadcast_id has behind its own."""

BATCH: Final = 32
"""Registrations of a shard that are looked at together. With so many Messages on their way at once (128) the store is
busy, and a request that comes in between waits for a few milliseconds."""

_KEY: Final = re.compile(r"[\x21-\x7E]{1,255}")

_log = structlog.get_logger("app.broadcasts")


class BroadcastStatus(StrEnum):
    """How far a broadcast has got."""

    RUNNING = "running"
    COMPLETE = "complete"


class Broadcast(Struct, kw_only=True, frozen=True):
    """A broadcast, as the operator API shows it."""

    broadcast_id: str
    name: str
    description: str
    related_uri: str | None = None
    related_type: RelatedType | None = None
    scopes: list[str]
    """Only for registrations that asked for one of these; empty for all of them."""
    created: datetime
    created_by: str
    """The name of the operator."""
    recipients: int
    """How many active registrations it was for when it was created."""
    sent: int = 0
    status: BroadcastStatus = BroadcastStatus.RUNNING
    completed: datetime | UnsetType = UNSET


class Preview(NamedTuple):
    """What a broadcast would do."""

    recipients: int
    message: Message
    """As a Client would see it, but for its id."""


class Walk(NamedTuple):
    """A shard, and the registration after which to go on in it ("" at its beginning; else as the store wrote it)."""

    shard: str
    after: str


class Reach(NamedTuple):
    """Registrations of a shard that a broadcast is for."""

    registration_ids: list[str]
    further: str | None
    """Where to go on; None at the end."""


@dataclass(frozen=True, slots=True)
class BroadcastPage:
    """One page, newest first, and where its neighbours begin (None at the ends)."""

    items: list[Broadcast]
    next: Cursor | None
    previous: Cursor | None


class BroadcastStore(Protocol):
    """Keeps broadcasts. Every method is one round trip, if nothing else is said, and raises StoreUnavailable."""

    async def create(self, broadcast: Broadcast, audit: AuditEntry) -> Broadcast:
        """Keep a new broadcast together with its audit entry; the one that is there when there is one of its id."""

    async def get(self, broadcast_id: str) -> Broadcast | None:
        """One of them."""

    async def page(self, cursor: Cursor | None, *, limit: int = PAGE_SIZE) -> BroadcastPage:
        """A page of them."""

    async def running(self, *, limit: int) -> tuple[Broadcast, list[Walk]] | None:
        """Any broadcast that is still being sent, and some shards that are not done, picked at random."""

    async def reach(self, scopes: list[str], until: datetime, walk: Walk, *, limit: int) -> Reach:
        """Those of the next `limit` registrations of a shard that it is for.

        They are active, were created by `until`, and asked for one of the scopes, if there are any.
        """

    async def count(self, scopes: list[str]) -> int:
        """How many active registrations asked for one of the scopes, if there are any. Several round trips."""

    async def advance(self, broadcast_id: str, walk: Walk, further: str | None, *, sent: int, now: datetime) -> None:
        """Note how far a broadcast has got after `walk`, and how many got it on the way: once, whoever comes first.

        It is complete when it has got to the end (None) of every shard.
        """


async def create(
    context: Context,
    store: BroadcastStore,
    actor: Actor,
    submitted: Mapping[str, Any],
    *,
    now: datetime,
    idempotency_key: str | None = None,
) -> Broadcast:
    """Begin a broadcast.

    Args:
        context: Of the server.
        store: Keeps it.
        actor: Who wants it.
        submitted: `name` and `description`; optionally `related_uri`, `related_type` and `scopes`.
        now: Registrations that come later do not get it.
        idempotency_key: The same one from the same operator stands for the same broadcast.

    Raises:
        InvalidRequest: A field is missing or not acceptable; nothing was created.
        Conflict: The key came with another broadcast before.
    """
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise InvalidRequest("Idempotency-Key has to be 1 to 255 visible ASCII characters.", field="Idempotency-Key")
    draft = _draft(context, actor, submitted, now)
    known = broadcast_id_of(actor.name, idempotency_key) if idempotency_key is not None else None
    new = replace(draft, broadcast_id=known or context.randomness.broadcast_id())
    if known and (kept := await store.get(known)):
        return _same(kept, new)
    new = replace(new, recipients=await store.count(new.scopes))
    return _same(await store.create(new, _audit(actor, new)), new)


async def preview(context: Context, store: BroadcastStore, submitted: Mapping[str, Any], *, now: datetime) -> Preview:
    """What a broadcast would do now. Raises InvalidRequest as `create` does."""
    draft = _draft(context, None, submitted, now)
    return Preview(await store.count(draft.scopes), message_of(context, draft, "", now))


async def get(store: BroadcastStore, broadcast_id: str) -> Broadcast:
    """One broadcast. Raises NotFound."""
    found = await store.get(broadcast_id)
    if found is None:
        raise NotFound("There is no such broadcast.")
    return found


async def send_some(context: Context, store: BroadcastStore, now: datetime) -> bool:
    """Send a few Messages of a broadcast that is under way; whether there was one.

    Any number of processes may do it at once. They rarely meet, because each picks shards at random.

    Raises:
        StoreUnavailable: The store does not answer; what was sent is sent, and the next call goes on.
    """
    found = await store.running(limit=SHARDS_AT_ONCE)
    if found is None:
        return False
    broadcast, walks = found
    await _all(_send_along(context, store, broadcast, walk, now) for walk in walks)
    return True


async def _send_along(context: Context, store: BroadcastStore, broadcast: Broadcast, walk: Walk, now: datetime) -> None:
    reach = await store.reach(broadcast.scopes, broadcast.created, walk, limit=BATCH)
    sent = await _all(_send(context, broadcast, one, now) for one in reach.registration_ids)
    await store.advance(broadcast.broadcast_id, walk, reach.further, sent=sum(sent), now=now)


async def _send(context: Context, broadcast: Broadcast, registration_id: str, now: datetime) -> bool:
    """Whether the registration has the Message now. What is wrong with one must not keep it from all others."""
    change = Change(registration_id, now)
    message = message_of(context, broadcast, registration_id, now)
    change.create(message, MessageInternal())
    change.event("message.created", message.message_id)
    try:
        await context.records.apply(change)
    except Conflict:  # it is there: somebody else was quicker, or died before this was noted
        return True
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 -- told in the log; the numbers of the broadcast show it, too
        _log.error(
            "broadcast_not_sent",
            broadcast_id=broadcast.broadcast_id,
            registration_id=registration_id,
            exc_info=error,
        )
        return False
    return True


async def _all(steps: Any) -> list[Any]:  # noqa: ANN401 -- an iterable of coroutines
    """What all of them return. None is left running when one fails: others must not write after this has ended."""
    done = await asyncio.gather(*steps, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return done


def message_of(context: Context, broadcast: Broadcast, registration_id: str, now: datetime) -> Message:
    """The Message that a registration gets."""
    return server_message(
        context,
        Change(registration_id, now),
        MessageType.NOTIFICATION,
        message_id=f"{registration_id}-m{broadcast.broadcast_id[1:]}",
        name=broadcast.name,
        description=broadcast.description,
        related_uri=broadcast.related_uri or UNSET,
        related_type=broadcast.related_type or UNSET,
    )


def is_of_broadcast(message_id: str) -> bool:
    """Whether a Message came with a broadcast: its id is as long as that of one, those of others are shorter."""
    return len(message_id.partition("-")[2]) == _LOCAL_ID_LENGTH


def _draft(context: Context, actor: Actor | None, submitted: Mapping[str, Any], now: datetime) -> Broadcast:
    uri, related_type = read_related(context, submitted, MessageType.NOTIFICATION)
    if uri is not UNSET and target_of(context.links, uri).wanted:
        raise InvalidRequest(
            "related_uri must not lead to an object of one registration, because others cannot see it.",
            field="related_uri",
        )
    return Broadcast(
        broadcast_id="",
        name=read_name(submitted, required=True),
        description=read_description(submitted.get("description"), required=True),
        related_uri=None if uri is UNSET else uri,
        related_type=None if related_type is UNSET else related_type,
        scopes=_read_scopes(context, submitted.get("scopes")),
        created=now,
        created_by=actor.name if actor else "",
        recipients=0,
    )


def _read_scopes(context: Context, value: object) -> list[str]:
    """Ids of scopes, each once. An empty list counts as absent."""
    offered = context.catalog.scopes
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) and one in offered for one in value):
        raise InvalidRequest(f"scopes must be a list of scopes: {one_of(offered)}.", field="scopes")
    return sorted(set(value))


_CONTENT: Final = ("name", "description", "related_uri", "related_type", "scopes")


def _same(kept: Broadcast, new: Broadcast) -> Broadcast:
    if any(getattr(kept, field) != getattr(new, field) for field in _CONTENT):
        raise Conflict("This Idempotency-Key came with another broadcast before.")
    return kept


def _audit(actor: Actor, broadcast: Broadcast) -> AuditEntry:
    after = {field: value for field in _CONTENT if (value := getattr(broadcast, field))}
    change = {"object": "broadcast", "id": broadcast.broadcast_id, "before": None, "after": after}
    return AuditEntry(actor=actor, action=CREATED, changes=[change])
