"""Registrations are found by words, on every kind of store."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.directory import PAGE_SIZE, Place, RegistrationSearch
from app.domain.records import Access, Change, Wanted
from app.schemas.clients import Client
from app.schemas.registrations import RegistrationStatus
from app.store.connect import StoreConnection
from app.store.directory import RedisDirectory
from app.store.records import RedisRecords
from tests.factories import NOW, RANDOM, make_grant, make_message
from tests.store.directories import OPEN, change_registration, register, rids, sheets

HOUR = timedelta(hours=1)


@pytest.fixture
def directory(records: RedisRecords) -> RedisDirectory:
    return RedisDirectory(records)


async def found(directory: RedisDirectory, q: str, **more: Any) -> list[str]:
    search = RegistrationSearch(q=q, **more)
    sheet = await directory.registrations(search)
    assert await directory.count(search) == len(sheet.items)
    return rids(sheet)


def about(name: str, *contacts: str, **fields: Any) -> dict[str, Any]:
    return {"client_metadata": {"client_name": name, "contacts": list(contacts)} | fields}


async def test_every_word_of_a_search_has_to_begin_a_word(records: RedisRecords, directory: RedisDirectory) -> None:
    meadow = await register(records, **about("Meadow Software", "ops@meadow.example"))
    muller = await register(
        records, **about("Müller Söhne"), field_values={"cds_city": "Meadowville"}, modified=NOW + HOUR
    )

    assert await found(directory, "mead") == [muller, meadow]
    assert await found(directory, "MEAD soft") == [meadow]
    assert await found(directory, "soft mead ops@meadow.ex") == [meadow]
    assert await found(directory, "muller meadowv") == [muller]
    assert await found(directory, "eadow") == []
    assert await found(directory, "meadow nothing") == []
    assert await found(directory, "  ") == [muller, meadow]
    assert await found(directory, "?! \N{WAVING HAND SIGN}") == []
    assert await found(directory, "meadow & software") == [meadow]


async def test_ids_find_their_registration(records: RedisRecords, directory: RedisDirectory) -> None:
    rid = RANDOM.registration_id()
    message, grant = make_message(rid), make_grant(rid)
    await register(records, (message,), (grant,), registration_id=rid)
    await register(records)

    for one in (rid, rid[:8], rid.upper(), f"{rid}-1", message.message_id, message.uri, grant.grant_id):
        assert await found(directory, one) == [rid], one


async def test_a_search_goes_with_filters(records: RedisRecords, directory: RedisDirectory) -> None:
    steps = await register(records, **about("Meadow One"), requirements=OPEN)
    shut = await register(records, **about("Meadow Two"), status=RegistrationStatus.SUSPENDED, scope="a data")

    assert set(await found(directory, "meadow")) == {steps, shut}
    assert await found(directory, "meadow", onboarding=True) == [steps]
    assert await found(directory, "meadow", status=RegistrationStatus.SUSPENDED) == [shut]
    assert await found(directory, "meadow", scope="data") == [shut]
    assert await found(directory, "one", scope="data") == []


async def test_words_move_with_a_registration(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory
) -> None:
    rid = await register(records, **about("Meadow Software"))

    await change_registration(records, rid, NOW, **about("Barn Software"))

    assert await found(directory, "meadow") == []
    assert await found(directory, "barn soft") == [rid]
    assert await words(store, rid) == {(rid, "r"), ("barn", "r"), ("software", "r")}


async def test_a_client_object_that_was_changed_finds_its_registration(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory
) -> None:
    """Each change takes its last words away; what the Registration says stays."""
    rid = await register(records, **about("Meadow"))

    async def rename(name: str, at: datetime) -> None:
        (stored,) = await records.load(Access(rid, at), Wanted(Client, rid))
        assert stored
        change = Change(rid, at)
        change.replace(stored, replace(stored.object, client_name=name, cds_modified=at))
        await records.apply(change)

    await rename("Barn Meadow", NOW)
    assert await found(directory, "barn") == await found(directory, "barn mead") == [rid]
    await rename("Silo", NOW + HOUR)
    assert await found(directory, "barn") == []
    assert await found(directory, "silo mead") == [rid]
    assert await words(store, rid) == {(rid, "r"), ("meadow", "r"), ("silo", "0")}
    await rename("", NOW + HOUR)
    assert await words(store, rid) == {(rid, "r"), ("meadow", "r")}


async def words(store: StoreConnection, rid: str) -> set[tuple[str, str]]:
    entries = await store.client.zrange(f"{{{rid[:2]}}}:words", 0, -1)
    parts = [entry.decode().split("\n") for entry in entries]
    return {(word, local) for word, of, local in parts if of == rid}


@pytest.mark.parametrize("one_shard", [True, False])
async def test_many_results_are_paged_in_order(
    records: RedisRecords, directory: RedisDirectory, one_shard: bool
) -> None:
    """Lately modified ones first, forth and back, also when a shard has so many that it walks through its index."""
    ids = [RANDOM.registration_id() for _ in range(400)]
    ids = ["3f" + one[2:] for one in ids] if one_shard else ids[: 2 * PAGE_SIZE + 5]
    made = [
        register(
            records,
            registration_id=one,
            modified=NOW + timedelta(seconds=number % 50),
            **about(f"Meadow {'Even' if number % 2 else 'Odd'}"),
        )
        for number, one in enumerate(ids)
    ]
    await asyncio.gather(*made)
    search = RegistrationSearch(q="even mead")

    forth = [sheet async for sheet in sheets(lambda place: directory.registrations(search, place))]

    listed = [one for sheet in forth for one in sheet.items]
    assert sorted(one.object.registration_id for one in listed) == sorted(ids[1::2])
    assert [one.version for one in listed] == sorted((one.version for one in listed), reverse=True)
    assert all(len(sheet.items) == PAGE_SIZE for sheet in forth[:-1])
    assert await directory.count(search) == len(listed)
    back = await directory.registrations(search, forth[-1].previous)
    assert rids(back) == rids(forth[-2])
    first = await directory.registrations(search, forth[1].previous)
    assert (rids(first), first.previous) == (rids(forth[0]), None)


async def test_a_search_that_would_take_long_goes_on_with_the_next_page(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    """Both words are very common, together they are rare: a page ends where the store has looked, nothing is lost."""
    meadow, barn = "Meadow Meadows Meadowland", "Barn Barns Barnyard"
    common = [f"{meadow} Software", f"{barn} Software", f"{meadow} Hay"]
    ids = ["3f" + RANDOM.registration_id()[2:] for _ in range(1500)]
    rare = {100, 1400}
    for start in range(0, len(ids), 100):
        await asyncio.gather(
            *(
                register(
                    records,
                    registration_id=ids[number],
                    modified=NOW + timedelta(seconds=number),
                    **about(f"{meadow} {barn}" if number in rare else common[number % 3]),
                )
                for number in range(start, start + 100)
            )
        )
    search = RegistrationSearch(q="meadow barn")

    forth = [sheet async for sheet in sheets(lambda place: directory.registrations(search, place))]

    assert [rids(sheet) for sheet in forth] == [[ids[1400]], [ids[100]]]
    back = await directory.registrations(search, Place(0, "", newer=True))
    assert rids(back) == [ids[100]]
    assert back.previous
    assert rids(await directory.registrations(search, back.previous)) == [ids[1400]]
