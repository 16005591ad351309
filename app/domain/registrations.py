"""Registrations as operators work with them: looked for, seen as a whole, suspended, let back in, noted about.

A suspended registration is shut: its tokens are dead, and its Client Objects get no new ones. Clients learn of it by
being refused, and by a Message that they can read once the registration is active again. Its Credentials are not
touched, so they work then; the tokens of before stay dead.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from app.catalog import RegistrationField
from app.domain import changelog
from app.domain.context import Context
from app.domain.directory import Directory, Place, RegistrationSearch, Sheet
from app.domain.messages_fields import read_description
from app.domain.records import Access, Change, Listing, Stored, Wanted
from app.domain.retries import until_written
from app.domain.texts import is_text, one_of
from app.errors import InvalidRequest, NotFound
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Registration, RegistrationStatus, Requirement

MAX_NOTES_LENGTH: Final = 20_000
"""Characters of what operators write down about a registration."""

MAX_QUERY_LENGTH: Final = 200
"""Characters of a search."""

RECENT: Final = 20
"""Messages and Grants that a dossier shows of those that there are."""

_WAITING: Final = ((("waiting", ""),),)
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Step:
    """One onboarding step of a registration (3.6).

    Args:
        field_id: Of the registration field.
        requirement: How far it has got.
        field: What the catalog says about it; None when the catalog has it no more.
        message: The Message that asks for it; None for a step that only the Server takes.
    """

    field_id: str
    requirement: Requirement
    field: RegistrationField | None
    message: Message | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything about one registration, at one moment; all lists are most recently modified first.

    Of `clients`, `credentials`, `files` and `waiting` it has the first hundred, of `messages` and `grants` the first
    `RECENT`; `waiting` are the Messages that wait for an operator. No Credential has its secret.
    """

    registration: Registration
    steps: Sequence[Step]
    clients: Sequence[Stored[Client]]
    credentials: Sequence[Credential]
    waiting: Sequence[Stored[Message]]
    messages: Sequence[Stored[Message]]
    grants: Sequence[Stored[Grant]]
    files: Sequence[ServerProvidedFile]


def read_search(query: Mapping[str, str]) -> RegistrationSearch:
    """The search that query parameters ask for: `q`, `status`, `scope` and `onboarding` (`true` or `false`).

    Empty ones count as absent.

    Raises:
        InvalidRequest: One of them is not acceptable.
    """
    q, status = query.get("q", "").strip(), query.get("status", "")
    if len(q) > MAX_QUERY_LENGTH:
        raise InvalidRequest(f"q may have {MAX_QUERY_LENGTH} characters.", field="q")
    onboarding = query.get("onboarding", "")
    if onboarding and onboarding not in _TRUTH:
        raise InvalidRequest("onboarding must be true or false.", field="onboarding")
    return RegistrationSearch(
        q=q,
        status=read_status(status) if status else None,
        scope=query.get("scope") or None,
        onboarding=_TRUTH[onboarding] if onboarding else None,
    )


def read_status(value: object) -> RegistrationStatus:
    """A status of registrations. Raises InvalidRequest."""
    if isinstance(value, str) and value in set(RegistrationStatus):
        return RegistrationStatus(value)
    raise InvalidRequest(f"status must be {one_of(RegistrationStatus)}.", field="status")


async def search(directory: Directory, query: Mapping[str, str], place: Place | None = None) -> Sheet[Registration]:
    """A page of the registrations that query parameters ask for (see `read_search`), lately modified ones first.

    Raises:
        InvalidRequest: A parameter is not acceptable.
    """
    return await directory.registrations(read_search(query), place)


async def get(context: Context, access: Access) -> Stored[Registration]:
    """A registration. One round trip. Raises NotFound when there is none."""
    (stored,) = await context.records.load(access, Wanted(Registration, access.registration_id))
    if stored is None:
        raise NotFound("There is no such registration.")
    return stored


async def dossier(context: Context, access: Access) -> Dossier:
    """A registration with all that belongs to it. Two round trips; one more when Grants are due.

    Raises:
        NotFound: There is no such registration.
    """
    listings = (
        Listing(Client),
        Listing(Credential),
        Listing(Message, filters=_WAITING),
        Listing(Message, limit=RECENT),
        Listing(Grant, limit=RECENT),
        Listing(ServerProvidedFile),
    )
    pages = asyncio.gather(*(context.records.find(access, one) for one in listings))
    stored, (clients, credentials, waiting, messages, grants, files) = await asyncio.gather(get(context, access), pages)
    return Dossier(
        registration=stored.object,
        steps=await _steps(context, access, stored.object),
        clients=clients,
        credentials=[one.object for one in credentials],
        waiting=waiting,
        messages=messages,
        grants=grants,
        files=[one.object for one in files],
    )


async def _steps(context: Context, access: Access, registration: Registration) -> list[Step]:
    """The onboarding checklist in the order of the registration; no round trip when nothing has to be done."""
    required = registration.requirements
    if not required:
        return []
    wanted = (Wanted(Message, one.message_id) for one in required.values())
    messages = await context.records.load(access, *wanted)
    return [
        Step(field_id, one, context.catalog.registration_fields.get(field_id), message.object if message else None)
        for (field_id, one), message in zip(required.items(), messages, strict=True)
    ]


async def modify(
    context: Context,
    access: Access,
    *,
    status: RegistrationStatus | None = None,
    notes: str | None = None,
    description: str = "",
) -> Registration:
    """Suspend a registration, let it back in, or write something down about it; what is None stays as it is.

    Args:
        notes: For operators alone.
        description: What the Client reads about a change of the status.

    Raises:
        NotFound: There is no such registration.
        InvalidRequest: The notes or the description are no text, or too long.
        Conflict: Others kept changing it meanwhile.
    """
    read_description(description)
    if notes is not None and (len(notes) > MAX_NOTES_LENGTH or not is_text(notes)):
        raise InvalidRequest(f"notes must be text of at most {MAX_NOTES_LENGTH} characters.", field="notes")

    async def attempt() -> Registration:
        stored = await get(context, access)
        old = stored.object
        change = Change(access.registration_id, access.now)
        new = replace(old, status=status or old.status, notes=old.notes if notes is None else notes)
        if new == old:
            return old
        new = replace(new, modified=access.now)
        change.replace(stored, new)
        change.event("registration.modified", access.registration_id)
        if new.status is not old.status:
            _tell(context, change, new.status, description)
        await context.records.apply(change)
        return new

    return await until_written(attempt)


def _tell(context: Context, change: Change, status: RegistrationStatus, description: str) -> None:
    if status is RegistrationStatus.SUSPENDED:
        change.cut_off.append(change.registration_id)
        name = "Registration suspended"
        what = "The Server has suspended this registration: its access tokens are revoked, and no new ones are issued."
    else:
        name = "Registration active again"
        what = "This registration is active again. Credentials work as before; access tokens have to be requested anew."
    changelog.tell(context, change, name, f"{what} {description.strip()}".rstrip())
