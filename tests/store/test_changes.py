"""What a change may rest on, and what survives in the internal parts of objects, on every kind of store."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from app.domain.records import Access, Change, Listing, Wanted
from app.errors import Conflict
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.grants import Grant, GrantInternal, GrantStatus, Resume, Withheld
from app.store.records import RedisRecords
from tests.factories import NOW, add_credential, make_credential, make_grant, new_registration


async def test_a_change_that_rests_on_an_object_fails_when_that_has_changed(records: RedisRecords) -> None:
    """The object itself is not written; as long as it is the same, the change goes through."""
    start, client, *_ = new_registration()
    await records.apply(start)
    access = Access(start.registration_id, NOW)
    (seen,) = await records.load(access, Wanted(Client, client.client_id))
    assert seen
    fine = Change(start.registration_id, NOW, unchanged=[seen])
    add_credential(fine, make_credential(client.client_id))
    await records.apply(fine)
    assert await records.load(access, Wanted(Client, client.client_id)) == [seen]
    rename = Change(start.registration_id, NOW)
    rename.replace(seen, replace(seen.object, client_name="New"))
    await records.apply(rename)

    late = Change(start.registration_id, NOW, unchanged=[seen])
    refused = make_credential(client.client_id)
    add_credential(late, refused)
    with pytest.raises(Conflict):
        await records.apply(late)

    assert await records.load(access, Wanted(Credential, refused.credential_id)) == [None]


async def test_what_a_suspended_grant_remembers_keeps_its_decimals(records: RedisRecords) -> None:
    """An amount must not become a float on the way (3.9), and the Grant is found by what it waits for."""
    start, client, *_ = new_registration()
    await records.apply(start)
    details = [{"type": "t", "amount": Decimal("0.10")}]
    grant = make_grant(client.client_id, status=GrantStatus.SUSPENDED, enabled_scope="")
    resume = Resume(
        reasons=[Withheld.CLIENT], status=GrantStatus.ACTIVE, enabled_scope="t", enabled_authorization_details=details
    )
    change = Change(start.registration_id, NOW)
    change.create(grant, GrantInternal(resume=resume))
    await records.apply(change)

    (found,) = await records.find(Access(start.registration_id, NOW), Listing(Grant, filters=((("resume", "0"),),)))

    assert found.object == grant
    assert found.internal.resume == resume
    assert str(found.internal.resume.enabled_authorization_details[0]["amount"]) == "0.10"


@pytest.mark.parametrize(
    ("after", "before", "count"),
    [
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None, 0),
        (None, datetime(1, 1, 1, tzinfo=UTC), 0),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 1),
        (NOW, NOW, 1),
    ],
)
async def test_the_ends_of_the_calendar_are_bounds_like_any_other(
    records: RedisRecords, after: datetime | None, before: datetime | None, count: int
) -> None:
    """Numbers that large are written in another way by Lua."""
    start, *_ = new_registration()
    await records.apply(start)
    listing = Listing(Credential, created_after=after, created_before=before)

    (page,) = await records.pages(Access(start.registration_id, NOW), listing)

    assert len(page.documents) == count
