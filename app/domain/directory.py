"""What operators ask across registrations: who is there, what waits for them, what is due.

The indexes behind it lie beside the registrations, shard by shard, and are written in the same atomic step as the
objects that they list. So nothing is ever missing from them, and nothing is late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from app.domain.records import Stored
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import Message, MessageType
from app.schemas.registrations import Registration, RegistrationStatus

PAGE_SIZE = 50
"""Entries per page of what operators look through."""

T = TypeVar("T", bound=Struct)


class Place(NamedTuple):
    """A place in a listing across registrations: beyond this entry, towards newer or towards older ones."""

    position: int
    member: str
    """The id of the object, which orders those of one position."""
    newer: bool


OLDEST_END: Final = Place(0, "", newer=True)
"""Where the oldest entries begin. Their page has the order of all pages; its `previous` leads on."""


@dataclass(frozen=True, slots=True)
class Sheet(Generic[T]):
    """One page, most recently modified first, and where its neighbours begin (None at the ends)."""

    items: list[Stored[T]]
    next: Place | None
    previous: Place | None


@dataclass(frozen=True, slots=True)
class RegistrationSearch:
    """Which registrations; all of it applies.

    Args:
        q: Words, each of which has to begin a word of a name, an id, a contact or a registration field value.
        status: Only those of this status.
        scope: Only those that asked for this scope.
        onboarding: Only those with (True) or without (False) an onboarding step that is not met.
    """

    q: str = ""
    status: RegistrationStatus | None = None
    scope: str | None = None
    onboarding: bool | None = None


@dataclass(frozen=True, slots=True)
class MessageSearch:
    """Which Messages, of all registrations.

    Args:
        waiting: Only those that wait for an operator (`app.domain.inbox.waits_for_operator`); else all that are open or
            pending, whoever has to act.
        type: Only those of this type.
    """

    waiting: bool = False
    type: MessageType | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many Messages of one type wait for an operator, and since when the first of them does.

    A Message waits since it was last modified: what comes back to the Server waits anew.
    """

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """The numbers of the first page of the console."""

    registrations: Mapping[RegistrationStatus, int]
    onboarding: int
    """Registrations with an onboarding step that is not met."""
    waiting: Mapping[MessageType, Waiting]
    outstanding: int
    """Messages that are open or pending, whoever has to act."""
    grants: Mapping[GrantStatus, int]


class Due(NamedTuple):
    """Something of a registration whose time has come."""

    registration_id: str
    object_id: str
    """A Grant, a Credential that will expire soon, and what else `app.domain.reminders` knows."""
    at: datetime


class Directory(Protocol):
    """All registrations together. Raises StoreUnavailable when the store does not answer."""

    async def registrations(self, search: RegistrationSearch, place: Place | None = None) -> Sheet[Registration]:
        """A page of registrations; one of a search with `q` may have fewer than `PAGE_SIZE` although there are more."""

    async def messages(self, search: MessageSearch, place: Place | None = None) -> Sheet[Message]:
        """A page of the Messages of all registrations."""

    async def grants(self, status: GrantStatus | None = None, place: Place | None = None) -> Sheet[Grant]:
        """A page of the Grants of all registrations."""

    async def registration_ids(self, shard: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Registrations of a shard in the order of their ids, for a walk through all of them that can be resumed."""

    async def waiting(self, registration_ids: Sequence[str]) -> list[int]:
        """How many Messages of each of these registrations wait for an operator."""

    async def count(self, search: RegistrationSearch) -> int:
        """How many there are; for a search with `q` as many as are found at once, and at most 1,000."""

    async def tally(self) -> Tally:
        """The numbers of the first page."""

    async def due(self, now: datetime, *, limit: int = 100) -> list[Due]:
        """What is due in any registration, the longest overdue first, a batch of it.

        It stays due until a change of the object says else, or `Change.remind` does.
        """
