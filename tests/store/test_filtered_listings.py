"""Listings of many objects that several filters narrow down at once, against a look at every object."""

import dataclasses
import itertools
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from app.domain.records import Access, Change, Cursor, Listing
from app.schemas.encoding import decode
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from app.store.records import RedisRecords
from tests.factories import NOW, make_grant, new_registration
from tests.stores import url_of

COUNT = 900
STATUSES = (GrantStatus.ACTIVE, GrantStatus.CLOSED)
SCOPES = ("meter", "bill", "rare")


def grant_of(registration_id: str, number: int) -> Grant:
    """The newest third is active for meters, the oldest closed for bills; in between a few have what is rare."""
    scope = "rare" if number % 300 == 17 else SCOPES[number * 2 // COUNT]
    status = STATUSES[(number * 3 // COUNT) % 2]
    at = NOW - timedelta(seconds=number)
    grant = make_grant(registration_id, created=at, modified=at, scope=scope, status=status)
    return replace(grant, client_id=f"{registration_id}-{number % 2 + 1}")


@pytest.fixture(params=["fakeredis", "valkey"])
def store_url(request: pytest.FixtureRequest) -> str:
    """What is in one slot is the same for a cluster."""
    return url_of(request.param)


@pytest.fixture
async def grants(records: RedisRecords) -> list[Grant]:
    """Many Grants of one registration, newest first; the one that it begins with is as new as the first of them."""
    change, *_, first = new_registration()
    await records.apply(change)
    made = [grant_of(change.registration_id, number) for number in range(COUNT)]
    for start in range(0, COUNT, 100):
        written = Change(change.registration_id, NOW)
        for one in made[start : start + 100]:
            written.create(one, GrantInternal())
        await records.apply(written)
    return [made[0], first, *made[1:]]


async def walked(records: RedisRecords, access: Access, listing: Listing) -> list[str]:
    """Ids of a whole listing; on the way, that all pages but the last are full and that the way back is the same."""
    pages = [(await records.pages(access, listing))[0]]
    while pages[-1].next:
        pages.append((await records.pages(access, _from(listing, pages[-1].next)))[0])
    ids = [[decode(one)["grant_id"] for one in page.documents] for page in pages]
    assert [len(one) for one in ids[:-1]] == [100] * (len(ids) - 1)
    assert pages[0].previous is None
    if len(pages) > 1:
        assert pages[-1].previous
        (back,) = await records.pages(access, _from(listing, pages[-1].previous))
        assert [decode(one)["grant_id"] for one in back.documents] == ids[-2]
    return [one for page in ids for one in page]


def _from(listing: Listing, cursor: Cursor) -> Listing:
    return dataclasses.replace(listing, cursor=cursor)


AFTER: tuple[datetime | None, ...] = (None, NOW - timedelta(seconds=450))
BEFORE = (*AFTER, NOW - timedelta(seconds=850), NOW - timedelta(days=1))


@pytest.mark.parametrize("scopes", [(), ("bill",), ("rare",), ("meter", "rare")], ids=" ".join)
async def test_filters_together_list_what_has_it_all(
    records: RedisRecords, grants: list[Grant], scopes: tuple[str, ...]
) -> None:
    """Whatever is asked for, near or far, much or nothing: complete, in order, in full pages, forth and back."""
    access = Access(grants[0].client_id[:14], NOW)
    for statuses, client, after, before in itertools.product(
        [(), STATUSES[:1], STATUSES[1:], STATUSES], ["", "1"], AFTER, BEFORE
    ):
        wanted = [
            one.grant_id
            for one in grants
            if (not statuses or one.status in statuses)
            and (not scopes or one.scope in scopes)
            and (not client or one.client_id.endswith(f"-{client}"))
            and (after is None or one.created >= after)
            and (before is None or one.created <= before)
        ]
        by_value = (("status", statuses), ("scope", scopes), ("client", (client,) if client else ()))
        filters = tuple(tuple((name, str(value)) for value in values) for name, values in by_value if values)
        listing = Listing(Grant, filters=filters, created_after=after, created_before=before)

        found = await walked(records, access, listing)

        assert found == wanted, (statuses, client, after, before)


async def test_named_ids_may_be_many(records: RedisRecords, grants: list[Grant]) -> None:
    """More than are looked at in one go, some twice, some of nobody."""
    access, rid = Access(grants[0].client_id[:14], NOW), grants[0].client_id[:14]
    ids = tuple(one.grant_id for one in grants[::2]) * 3 + tuple(f"{rid}-g{number:010}" for number in range(100))

    found = await walked(records, access, Listing(Grant, ids=ids))

    assert found == [one.grant_id for one in grants[::2]]
