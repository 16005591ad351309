"""What the domain asks of its store: read for somebody, list for somebody, and apply a change as a whole.

The store keeps objects (`Client`, `Message`, `Credential`, `Grant`, `ServerProvidedFile`, `Registration`) of a
registration together. Every object has a public part, which is what goes over the wire, and an internal part. A
version identifies the state that was read; it changes whenever the object does.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from msgspec import Raw, Struct, json

from app.domain.feed import AuditEntry
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Registration

AnyObject = Client | Message | Credential | Grant | ServerProvidedFile | Registration
T_co = TypeVar("T_co", bound=Struct, covariant=True)

PAGE_SIZE = 100
"""Objects per page of every listing (ambiguities J1, C16)."""


class Nothing(Struct, frozen=True):
    """The internal part of an object that has none."""


class TokenFacts(Struct, frozen=True):
    """What an access token stands for."""

    client_id: str
    credential_id: str
    grant_id: str
    target_grant_id: str
    """The Grant that a grant admin token opens (3.3.2), or ""."""
    scope: str
    authorization_details: list[dict[str, Any]]
    expires_at: int


class CodeFacts(Struct, kw_only=True, frozen=True):
    """What an authorization code stands for (RFC 6749 4.1.2). How much it gives is up to the Grant when it is used."""

    client_id: str
    grant_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    """Whether the token request has to repeat the redirect URI, because the authorization request had it."""
    code_challenge: str | None
    """Of method S256; None when the request had none, and then no verifier may come with the code."""


class NewCode(NamedTuple):
    """An authorization code to store."""

    handle: str
    facts: CodeFacts
    ttl_seconds: int


@dataclass(slots=True)
class Access:
    """On whose behalf the store is read.

    With a `token_digest` every read checks the token in the same round trip, refuses with InvalidToken when it is
    unknown, expired or cut off, with InsufficientScope when it lacks `scope`, and leaves what it stands for in `token`.
    Without one the server itself asks.
    """

    registration_id: str
    now: datetime
    token_digest: str = ""
    scope: str = ""
    token: TokenFacts | None = None
    admitted: Callable[[TokenFacts], Awaitable[None] | None] | None = None
    """Called when the token is good and before anything else happens; may refuse, as a rate limit does.

    At once, or when what it returns is awaited.
    """
    settled: bool = False
    """Whether Grants are read as they are stored, because those that are due have been brought up to date before."""


class Wanted(NamedTuple):
    """One object that an operation needs: its type, and its id as a caller wrote it, which may be no id at all."""

    kind: type[AnyObject]
    object_id: str


@dataclass(frozen=True, slots=True)
class Stored(Generic[T_co]):
    """An object as it is in the store."""

    object: T_co
    internal: Any
    version: int
    unknown: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
    """Members of the document and of the internal part that this version does not know: a newer one has written them,
    and gets them back when the object is written again."""


class Cursor(NamedTuple):
    """A place in a listing: beyond the object at `position`, towards newer or towards older ones."""

    position: int
    newer: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the objects of `kind`, most recently modified first.

    Args:
        filters: All of them apply; each is a list of index values of which an object has to have one, e.g.
            `[("status", "active"), ("status", "pending")]`. See `app.store.indexes` for the values of each type.
        ids: When given, only these objects (ids as a caller wrote them).
        created_after, created_before: Inclusive bounds of `created`.
    """

    kind: type[AnyObject]
    filters: tuple[tuple[tuple[str, str], ...], ...] = ()
    ids: tuple[str, ...] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    cursor: Cursor | None = None
    limit: int = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Page:
    """The documents of one page as they go out, and where its neighbours begin (None at the ends).

    `listed` has them with commas in between, as listings need them: taken apart and put together again, a hundred took
    a third of the time of their listing.
    """

    listed: bytes
    next: Cursor | None
    previous: Cursor | None

    @property
    def documents(self) -> list[bytes]:
        """Each by itself."""
        return [bytes(one) for one in json.decode(b"[%b]" % self.listed, type=list[Raw])]


class Put(NamedTuple):
    """One object to write: a new one when `old` is None, else the successor of exactly that version."""

    object: AnyObject
    internal: Struct
    old: Stored[Any] | None
    gone: bool = False
    """Take exactly that version away instead."""


class Once(NamedTuple):
    """Makes a change happen once, however often whoever asked for it repeats the request (`app.domain.repeats`)."""

    key: str
    """Stands for the request; no change with the same may have been written within the last day."""
    fingerprint: str
    """What the request asked for."""
    kind: type[AnyObject]
    """Of what the change makes, the first object of this type is the answer."""


class Event(NamedTuple):
    """Something that happened, for the event stream."""

    type: str
    object_id: str


@dataclass(slots=True)
class Change:
    """Everything that one operation writes to one registration; all of it happens, or nothing.

    Later puts count as more recent than earlier ones when both have the same `modified` second.
    """

    registration_id: str
    now: datetime
    puts: list[Put] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    cut_off: list[str] = field(default_factory=list)
    """Ids of Client Objects, Credentials and Grants, or the registration_id: all tokens that depend on them die now."""
    forget_standing: list[str] = field(default_factory=list)
    """client_ids whose standing Grants have to be looked at afresh before the next token."""
    due: dict[str, datetime | None] = field(default_factory=dict)
    """grant_id to the moment when time changes the Grant, or None when nothing is due any more. Whoever looks after
    all registrations is reminded then (`app.domain.directory.Directory.due`)."""
    reminders: dict[str, datetime | None] = field(default_factory=dict)
    """Ids of other objects, likewise. What `app.domain.reminders` can tell from an object itself need not be here."""
    unchanged: list[Stored[Any]] = field(default_factory=list)
    """Objects that are not written, but on whose state the change rests: `apply` raises Conflict when one has
    changed."""
    vacant: list[tuple[type[AnyObject], tuple[str, str]]] = field(default_factory=list)
    """Filters, as in a Listing, that no object may fit before the change: `apply` raises Conflict when one does."""

    codes: list[NewCode] = field(default_factory=list)
    """Authorization codes that come into being with the change."""
    spent: list[str] = field(default_factory=list)
    """Handles of transactions that end with the change: `apply` raises Conflict when one is over already."""
    once: Once | None = None
    """`apply` raises Conflict when a change with this key is written already."""
    audit: AuditEntry | None = None
    """Who changed what, when somebody of the utility did; `app.domain.audit` fills it in."""

    def create(self, new: AnyObject, internal: Struct | None = None) -> None:
        """Add an object that must not exist yet."""
        self.puts.append(Put(new, internal or Nothing(), None))

    def replace(self, old: Stored[Any], new: AnyObject, internal: Struct | None = None) -> None:
        """Write the successor of `old`; `internal` None keeps the internal part as it was."""
        self.puts.append(Put(new, old.internal if internal is None else internal, old))

    def remove(self, old: Stored[ServerProvidedFile]) -> None:
        """Take the copy of a file away; all other objects stay for good, so that a Client can look back on them."""
        self.puts.append(Put(old.object, old.internal, old, gone=True))

    def event(self, type_: str, object_id: str) -> None:
        """Append to the event stream, e.g. `client.modified`."""
        self.events.append(Event(type_, object_id))

    def remind(self, object_id: str, at: datetime | None) -> None:
        """Have `Directory.due` name this object from `at` on; with None, no more."""
        self.reminders[object_id] = at

    def issue_code(self, handle: str, facts: CodeFacts, *, ttl_seconds: int) -> None:
        """Store an authorization code under a new handle of kind AUTHORIZATION_CODE."""
        self.codes.append(NewCode(handle, facts, ttl_seconds))

    def spend(self, handle: str) -> None:
        """End a transaction of this registration, so that nothing else can come of it."""
        self.spent.append(handle)


class Records(Protocol):
    """The store of registrations, as every domain function knows it.

    Every method raises StoreUnavailable when the store does not answer.
    """

    async def document(self, access: Access, wanted: Wanted) -> bytes:
        """The object as it goes out. One round trip. Raises InvalidToken, InsufficientScope, NotFound."""

    async def load(self, access: Access, *wanted: Wanted) -> list[Stored[Any] | None]:
        """Several objects of the registration, None for each that is not there. One round trip."""

    async def pages(self, access: Access, *listings: Listing) -> list[Page]:
        """One page for each listing. One round trip."""

    async def find(self, access: Access, listing: Listing) -> Sequence[Stored[Any]]:
        """The objects of one page, for an operation that goes on to change them. One round trip."""

    async def due_grants(self, access: Access) -> Sequence[Stored[Grant]]:
        """Grants whose time has come and that nobody has brought up to date yet, a batch of them. One round trip."""

    async def apply(self, change: Change) -> None:
        """Write a change. One round trip. Raises Conflict when an object is no longer as it was read."""


class PassedOn:
    """Records that are asked through something which adds to what is written, and to nothing else.

    Args:
        records: Where they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def document(self, access: Access, wanted: Wanted) -> bytes:
        """See `Records.document`."""
        return await self._records.document(access, wanted)

    async def load(self, access: Access, *wanted: Wanted) -> list[Stored[Any] | None]:
        """See `Records.load`."""
        return await self._records.load(access, *wanted)

    async def pages(self, access: Access, *listings: Listing) -> list[Page]:
        """See `Records.pages`."""
        return await self._records.pages(access, *listings)

    async def find(self, access: Access, listing: Listing) -> Sequence[Stored[Any]]:
        """See `Records.find`."""
        return await self._records.find(access, listing)

    async def due_grants(self, access: Access) -> Sequence[Stored[Grant]]:
        """See `Records.due_grants`."""
        return await self._records.due_grants(access)

    async def apply(self, change: Change) -> None:
        """See `Records.apply`."""
        await self._records.apply(change)
