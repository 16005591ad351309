"""Registrations that differ, for tests of what is asked across them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from app.domain.directory import Place, Sheet
from app.domain.records import Access, Change, Wanted
from app.schemas.clients import ClientInternal
from app.schemas.registrations import Registration, RegistrationStatus, Requirement, RequirementStatus
from app.store.records import RedisRecords
from tests.factories import NOW, RANDOM, make_client

OPEN = {"terms": Requirement(status=RequirementStatus.OPEN)}
MET = {"terms": Requirement(status=RequirementStatus.MET)}


def make_registration(registration_id: str, **fields: Any) -> Registration:
    """An active one without onboarding."""
    values: dict[str, Any] = {
        "registration_id": registration_id,
        "created": NOW,
        "modified": NOW,
        "status": RegistrationStatus.ACTIVE,
        "scope": "cds_client_admin",
        "client_metadata": {},
    }
    return Registration(**(values | fields))


async def register(records: RedisRecords, *more: Any, registration_id: str = "", **fields: Any) -> str:
    """Store a registration with an admin Client Object and whatever else is to be in it."""
    rid = registration_id or RANDOM.registration_id()
    change = Change(rid, NOW)
    registration = make_registration(rid, **fields)
    change.create(registration)
    name = registration.client_metadata.get("client_name", rid)
    client = make_client(rid, client_name=name, contacts=registration.client_metadata.get("contacts", []))
    change.create(client, ClientInternal())
    for item in more:
        change.create(*item)
    await records.apply(change)
    return rid


async def change_registration(records: RedisRecords, rid: str, at: datetime, **fields: Any) -> None:
    """Store a registration once more with other fields, modified at `at`."""
    (stored,) = await records.load(Access(rid, at), Wanted(Registration, rid))
    assert stored
    change = Change(rid, at)
    change.replace(stored, replace(stored.object, modified=at, **fields))
    await records.apply(change)


async def sheets(read: Callable[[Place | None], Awaitable[Sheet[Any]]]) -> AsyncIterator[Sheet[Any]]:
    """All pages from the first to the last."""
    place: Place | None = None
    while True:
        sheet = await read(place)
        yield sheet
        if sheet.next is None:
            return
        place = sheet.next


def rids(sheet: Sheet[Registration]) -> list[str]:
    """The registrations of a page."""
    return [one.object.registration_id for one in sheet.items]
