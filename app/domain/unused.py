"""Registrations that nobody has ever used: who they are, and how they are forgotten.

Registration is open to everybody, so some are tried out once and left, and some are made by those who mean no good.
Forgotten is only what was never worth anything to anybody: its Client Objects never authenticated themselves, no
onboarding step was done, nobody of the utility has written, noted or decided anything, and it is old. The audit log
keeps that it was there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from msgspec import UNSET

from app.domain.broadcasts import is_of_broadcast
from app.domain.context import Context
from app.domain.feed import Actor, AuditEntry
from app.domain.records import AnyObject, Event
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.grants import Grant
from app.schemas.messages import Message, MessageInternal
from app.schemas.registrations import Registration, RegistrationStatus, RequirementStatus

ACTION = "registrations.forget"
_SERVER = Actor(name="server", role="server", via="server")
_NOT_BEGUN = frozenset({RequirementStatus.OPEN, RequirementStatus.PENDING})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registration none of whose Client Objects has ever authenticated itself, with all that it has."""

    registration: Registration
    objects: Sequence[tuple[AnyObject, Any]]
    """Each with its internal part."""
    version: int


class UnusedStore(Protocol):
    """Knows registrations whose Client Objects never came back. Every method raises StoreUnavailable."""

    async def begin_walk(self, *, seconds: int) -> bool:
        """Whether nobody has begun a walk through all registrations within so many seconds; now somebody has."""

    async def candidates(self, registration_ids: Sequence[str]) -> list[Candidate]:
        """Those of these registrations that may be unused. One round trip, one more for each candidate."""

    async def forget(self, candidate: Candidate, event: Event, audit: AuditEntry, *, now: datetime) -> bool:
        """Take a registration away as a whole, unless it has been used or changed since it was read. One round trip."""


def is_unused(candidate: Candidate, *, before: datetime) -> bool:
    """Whether a registration is older than `before` and nobody has ever done anything with it."""
    registration = candidate.registration
    return (
        registration.created < before
        and registration.status is RegistrationStatus.ACTIVE
        and not registration.notes
        and not registration.verified_email
        and all(one.status in _NOT_BEGUN and not one.evidence for one in registration.requirements.values())
        and all(_is_as_registered(item, internal, registration) for item, internal in candidate.objects)
    )


def _is_as_registered(item: AnyObject, internal: Any, registration: Registration) -> bool:  # noqa: ANN401 -- by type
    """Whether an object came with the registration, or later without anybody's doing."""
    match item:
        case Registration():
            return True
        case Client():
            return item.cds_modified == item.cds_created == registration.created
        case Credential() | Grant():
            return item.created == registration.created
        case Message():
            return _is_routine(item, internal, registration)
        case _:
            return False


def _is_routine(message: Message, internal: MessageInternal, registration: Registration) -> bool:
    """Whether a Message is one that everybody gets: with the registration, by a broadcast, or for a renewed link."""
    if message.creator is not None or message.attachments is not UNSET or internal.code or internal.calls:
        return False
    is_later = message.created != registration.created
    return not is_later or bool(internal.registration_field) or is_of_broadcast(message.message_id)


async def forget_unused(
    context: Context, store: UnusedStore, registration_ids: Sequence[str], *, before: datetime, now: datetime
) -> int:
    """Forget those of these registrations that are older than `before` and unused; how many they were.

    Raises:
        StoreUnavailable: The store or the file store does not answer; what is done is done.
    """
    forgotten = 0
    for candidate in await store.candidates(registration_ids):
        if not is_unused(candidate, before=before):
            continue
        registration = candidate.registration
        event = Event("registration.deleted", registration.registration_id)
        if await store.forget(candidate, event, _entry(registration), now=now):
            forgotten += 1
            for key in registration.field_files.values():
                await context.files.delete(key)
    return forgotten


def _entry(registration: Registration) -> AuditEntry:
    before = {"created": registration.created, "scope": registration.scope, "status": registration.status}
    change = {"object": "registration", "id": registration.registration_id, "before": before, "after": None}
    return AuditEntry(actor=_SERVER, action=ACTION, changes=[change])
