"""What operators ask across registrations, on every kind of store."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.directory import PAGE_SIZE, Due, MessageSearch, RegistrationSearch, Waiting
from app.domain.records import Access, Change, Wanted
from app.domain.reminders import EXPIRY_NOTICE_SECONDS
from app.errors import Conflict
from app.schemas.credentials import Credential, CredentialInternal
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType
from app.schemas.registrations import Registration, RegistrationStatus
from app.store import keys
from app.store.connect import StoreConnection
from app.store.directory import RedisDirectory
from app.store.records import RedisRecords
from tests.factories import NOW, RANDOM, make_credential, make_grant, make_message
from tests.store.directories import MET, OPEN, change_registration, make_registration, register, rids, sheets

HOUR = timedelta(hours=1)
EVERYTHING = RegistrationSearch()


@pytest.fixture
def directory(records: RedisRecords) -> RedisDirectory:
    return RedisDirectory(records)


async def test_without_registrations_there_is_nothing(directory: RedisDirectory) -> None:
    sheet = await directory.registrations(EVERYTHING)

    assert (sheet.items, sheet.next, sheet.previous) == ([], None, None)
    assert await directory.count(EVERYTHING) == 0
    assert await directory.due(NOW) == []
    tally = await directory.tally()
    assert tally.registrations == {RegistrationStatus.ACTIVE: 0, RegistrationStatus.SUSPENDED: 0}
    assert (tally.onboarding, tally.waiting, tally.outstanding) == (0, {}, 0)
    assert set(tally.grants.values()) == {0}


async def test_lately_modified_registrations_come_first_and_can_be_written_as_they_were_read(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    first, second, third = [await register(records, modified=NOW + number * HOUR) for number in range(3)]
    assert rids(await directory.registrations(EVERYTHING)) == [third, second, first]

    await change_registration(records, first, NOW + 5 * HOUR)
    sheet = await directory.registrations(EVERYTHING)

    assert rids(sheet) == [first, third, second]
    change = Change(first, NOW + 6 * HOUR)
    change.replace(sheet.items[0], replace(sheet.items[0].object, modified=NOW + 6 * HOUR))
    await records.apply(change)
    late = Change(first, NOW + 6 * HOUR)
    late.replace(sheet.items[0], sheet.items[0].object)
    with pytest.raises(Conflict):
        await records.apply(late)


@pytest.mark.parametrize("ties", [True, False])
async def test_pages_lead_forth_and_back_through_all_registrations(
    records: RedisRecords, directory: RedisDirectory, ties: bool
) -> None:
    """Also through those that were modified at once, and when most are in one shard."""
    many = 2 * PAGE_SIZE + 20
    ids = [RANDOM.registration_id() for _ in range(many)]
    ids = [("3f" if number % 3 else one[:2]) + one[2:] for number, one in enumerate(ids)]
    moments = [NOW if ties else NOW + timedelta(seconds=number // 2) for number in range(many)]
    await asyncio.gather(
        *(register(records, registration_id=one, modified=at) for one, at in zip(ids, moments, strict=True))
    )

    forth = [sheet async for sheet in sheets(lambda place: directory.registrations(EVERYTHING, place))]

    assert [len(sheet.items) for sheet in forth] == [PAGE_SIZE, PAGE_SIZE, 20]
    order = sorted(zip(moments, ids, strict=True), reverse=True)
    assert [one for sheet in forth for one in rids(sheet)] == [one for _, one in order]
    assert forth[0].previous is None
    for before, after in pairwise(forth):
        assert after.previous
        back = await directory.registrations(EVERYTHING, after.previous)
        assert (rids(back), back.next, back.previous) == (rids(before), before.next, before.previous)


async def test_a_page_that_is_just_full_is_the_last(records: RedisRecords, directory: RedisDirectory) -> None:
    await asyncio.gather(*(register(records) for _ in range(PAGE_SIZE)))

    sheet = await directory.registrations(EVERYTHING)

    assert (len(sheet.items), sheet.next) == (PAGE_SIZE, None)


async def test_what_is_modified_while_somebody_pages_is_neither_lost_nor_shown_twice(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    ids = [await register(records, modified=NOW + timedelta(seconds=number)) for number in range(PAGE_SIZE + 10)]
    first = await directory.registrations(EVERYTHING)
    assert first.next
    await change_registration(records, rids(first)[-1], NOW + HOUR)  # the one that the place names

    second = await directory.registrations(EVERYTHING, first.next)

    assert set(rids(first)) | set(rids(second)) == set(ids)
    assert not set(rids(first)) & set(rids(second))


async def test_filters_of_registrations_apply_together(records: RedisRecords, directory: RedisDirectory) -> None:
    suspended = RegistrationStatus.SUSPENDED
    made = {
        "plain": await register(records),
        "steps": await register(records, requirements=OPEN, scope="cds_client_admin data"),
        "done": await register(records, requirements=MET, scope="cds_client_admin data"),
        "shut": await register(records, status=suspended, scope="cds_client_admin data database"),
    }

    async def found(**search: Any) -> set[str]:
        wanted = RegistrationSearch(**search)
        sheet = await directory.registrations(wanted)
        assert await directory.count(wanted) == len(sheet.items)
        return {name for name, rid in made.items() if rid in rids(sheet)}

    assert await found() == set(made)
    assert await found(status=suspended) == {"shut"}
    assert await found(status=RegistrationStatus.ACTIVE) == {"plain", "steps", "done"}
    assert await found(scope="data") == {"steps", "done", "shut"}
    assert await found(scope="database") == {"shut"}
    assert await found(scope="no_such_scope") == set()
    assert await found(onboarding=True) == {"steps"}
    assert await found(onboarding=False, scope="data") == {"done", "shut"}
    assert await found(onboarding=False, scope="data", status=RegistrationStatus.ACTIVE) == {"done"}


async def test_a_registration_moves_when_its_status_or_its_onboarding_changes(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    rid = await register(records, requirements=OPEN, scope="cds_client_admin data")

    async def facts() -> list[int]:
        searches = ({"onboarding": True}, {"onboarding": False}, {"status": RegistrationStatus.ACTIVE})
        return [await directory.count(RegistrationSearch(scope="data", **one)) for one in searches]

    assert await facts() == [1, 0, 1]
    await change_registration(records, rid, NOW, requirements=MET)
    assert await facts() == [0, 1, 1]
    await change_registration(records, rid, NOW, status=RegistrationStatus.SUSPENDED)
    assert await facts() == [0, 1, 0]
    await change_registration(records, rid, NOW, status=RegistrationStatus.ACTIVE, requirements=OPEN)
    assert await facts() == [1, 0, 1]


def message(rid: str, type_: MessageType, status: MessageStatus, *, noted: bool = False, **fields: Any) -> Any:
    item = make_message(rid, type=type_, status=status, **fields)
    return item, MessageInternal(noted=noted)


async def test_messages_of_all_registrations_by_who_has_to_act(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    rid, other = RANDOM.registration_id(), RANDOM.registration_id()
    review = message(rid, MessageType.PRODUCTION_REQUEST, MessageStatus.PENDING)
    letter = message(rid, MessageType.PRIVATE_MESSAGE, MessageStatus.COMPLETE, creator=rid)
    form = message(other, MessageType.ONLINE_FORM_REQUEST, MessageStatus.OPEN, modified=NOW + HOUR)
    news = message(other, MessageType.NOTIFICATION, MessageStatus.COMPLETE)
    seen = message(other, MessageType.PRIVATE_MESSAGE, MessageStatus.COMPLETE, creator=other, noted=True)
    await register(records, review, letter, registration_id=rid)
    await register(records, form, news, seen, registration_id=other)

    async def found(**search: Any) -> list[str]:
        return [one.object.message_id for one in (await directory.messages(MessageSearch(**search))).items]

    ids = [one[0].message_id for one in (review, letter, form)]
    assert await found(waiting=True) == [ids[1], ids[0]]
    assert await found() == [ids[2], ids[0]]
    assert await found(waiting=True, type=MessageType.PRODUCTION_REQUEST) == [ids[0]]
    assert await found(type=MessageType.ONLINE_FORM_REQUEST) == [ids[2]]
    assert await found(waiting=True, type=MessageType.ONLINE_FORM_REQUEST) == []


async def test_a_message_moves_with_its_status_and_leaves_when_it_is_decided(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    rid = RANDOM.registration_id()
    form = message(rid, MessageType.ONLINE_FORM_REQUEST, MessageStatus.OPEN)
    letter = message(rid, MessageType.PRIVATE_MESSAGE, MessageStatus.COMPLETE, creator=rid)
    await register(records, form, letter, registration_id=rid)

    async def move(item: Any, *, at: datetime, noted: bool = False, **fields: Any) -> None:
        (stored,) = await records.load(Access(rid, NOW), Wanted(Message, item[0].message_id))
        assert stored
        change = Change(rid, at)
        change.replace(stored, replace(stored.object, modified=at, **fields), replace(stored.internal, noted=noted))
        await records.apply(change)

    async def facts() -> tuple[int, dict[str, Any]]:
        tally = await directory.tally()
        waiting = (await directory.messages(MessageSearch(waiting=True))).items
        assert len(waiting) == sum(one.count for one in tally.waiting.values())
        return tally.outstanding, dict(tally.waiting)

    letters, forms = MessageType.PRIVATE_MESSAGE, MessageType.ONLINE_FORM_REQUEST
    assert await facts() == (1, {letters: Waiting(1, NOW)})
    await move(form, at=NOW + HOUR, status=MessageStatus.PENDING)
    assert await facts() == (1, {letters: Waiting(1, NOW), forms: Waiting(1, NOW + HOUR)})
    await move(letter, at=NOW, noted=True)
    assert await facts() == (1, {forms: Waiting(1, NOW + HOUR)})
    await move(form, at=NOW + 2 * HOUR, status=MessageStatus.COMPLETE)
    assert await facts() == (0, {})


async def test_the_oldest_of_all_registrations_counts(records: RedisRecords, directory: RedisDirectory) -> None:
    for number in (3, 1, 2):
        rid = RANDOM.registration_id()
        asked = message(rid, MessageType.SUPPORT_REQUEST, MessageStatus.PENDING, modified=NOW + number * HOUR)
        await register(records, asked, registration_id=rid)

    assert (await directory.tally()).waiting == {MessageType.SUPPORT_REQUEST: Waiting(3, NOW + HOUR)}


async def test_grants_of_all_registrations_by_status(records: RedisRecords, directory: RedisDirectory) -> None:
    made = {}
    for number, status in enumerate((GrantStatus.ACTIVE, GrantStatus.PENDING, GrantStatus.ACTIVE)):
        rid = RANDOM.registration_id()
        grant = make_grant(rid, status=status, modified=NOW + number * HOUR)
        await register(records, (grant,), registration_id=rid)
        made[grant.grant_id] = grant
    ids = list(made)

    assert [one.object for one in (await directory.grants()).items] == list(made.values())[::-1]
    active = await directory.grants(GrantStatus.ACTIVE)
    assert [one.object.grant_id for one in active.items] == [ids[2], ids[0]]

    change = Change(ids[1][:14], NOW)
    (stored,) = await records.load(Access(ids[1][:14], NOW), Wanted(Grant, ids[1]))
    assert stored
    change.replace(stored, replace(stored.object, status=GrantStatus.ACTIVE))
    await records.apply(change)

    assert (await directory.grants(GrantStatus.PENDING)).items == []
    assert (await directory.tally()).grants[GrantStatus.ACTIVE] == 3


async def test_registrations_made_at_once_are_all_there(records: RedisRecords, directory: RedisDirectory) -> None:
    ids = await asyncio.gather(*(register(records, requirements=OPEN) for _ in range(100)))

    listed = [sheet async for sheet in sheets(lambda place: directory.registrations(EVERYTHING, place))]

    assert sorted(one for sheet in listed for one in rids(sheet)) == sorted(ids)
    assert (await directory.tally()).onboarding == 100
    walked = await asyncio.gather(*(directory.registration_ids(shard) for shard in keys.SHARDS))
    assert [one for shard in walked for one in shard] == sorted(ids)


async def test_a_walk_goes_on_behind_any_registration(records: RedisRecords, directory: RedisDirectory) -> None:
    ids = sorted(["3f" + RANDOM.registration_id()[2:] for _ in range(7)])
    for one in ids:
        await register(records, registration_id=one)

    first = await directory.registration_ids("3f", limit=3)
    second = await directory.registration_ids("3f", after=first[-1], limit=3)
    third = await directory.registration_ids("3f", after=second[-1], limit=3)

    assert [first, second, third] == [ids[:3], ids[3:6], ids[6:]]
    assert await directory.registration_ids("3f", after=ids[-1]) == []
    assert await directory.registration_ids("3f", after="3f") == ids


async def test_entries_without_an_object_are_passed_over(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory
) -> None:
    rid = await register(records)
    gone = "3f" + RANDOM.registration_id()[2:]
    await store.client.zadd("{3f}:d:registrations:active:done", {gone: 1})
    await store.client.zadd("{3f}:d:grants:active", {f"{gone}-g1": 1})

    assert rids(await directory.registrations(EVERYTHING)) == [rid]
    assert (await directory.grants()).items == []


async def test_a_refused_change_leaves_no_trace(records: RedisRecords, directory: RedisDirectory) -> None:
    rid = await register(records, client_metadata={"client_name": "Old"})
    again = Change(rid, NOW)
    again.create(make_registration(rid, status=RegistrationStatus.SUSPENDED, client_metadata={"client_name": "New"}))
    again.remind(f"{rid}-m1", NOW)

    with pytest.raises(Conflict):
        await records.apply(again)

    assert await directory.count(RegistrationSearch(status=RegistrationStatus.SUSPENDED)) == 0
    assert await directory.count(RegistrationSearch(q="new")) == 0
    assert await directory.due(NOW) == []


async def test_a_page_takes_at_most_three_round_trips(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory
) -> None:
    """On a cluster, of each server; all in one shard is the worst that can be."""
    await asyncio.gather(
        *(register(records, registration_id="3f" + RANDOM.registration_id()[2:]) for _ in range(2 * PAGE_SIZE))
    )
    servers = 3 if store.is_cluster else 1
    before = records.connection.round_trips

    sheet = await directory.registrations(EVERYTHING)

    assert len(sheet.items) == PAGE_SIZE
    assert records.connection.round_trips - before <= servers + 2


# What is due ---------------------------------------------------------------------------------------------------------


async def test_what_is_due_in_any_registration(records: RedisRecords, directory: RedisDirectory) -> None:
    ids = [await register(records) for _ in range(3)]
    soon, later, ended = [f"{rid}-m{number}" for number, rid in enumerate(ids)]
    for one, at in ((soon, NOW + HOUR), (later, NOW + 2 * HOUR), (ended, NOW)):
        change = Change(one[:14], NOW)
        change.remind(one, at)
        await records.apply(change)
    done = Change(ended[:14], NOW)
    done.remind(ended, None)
    await records.apply(done)

    assert await directory.due(NOW + HOUR - timedelta(seconds=1)) == []
    assert await directory.due(NOW + HOUR) == [Due(ids[0], soon, NOW + HOUR)]
    assert [one.object_id for one in await directory.due(NOW + 2 * HOUR)] == [soon, later]
    assert [one.object_id for one in await directory.due(NOW + 2 * HOUR, limit=1)] == [soon]


async def test_of_much_that_is_due_the_longest_overdue_comes_first(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    """Also when all of it is in one registration."""
    rid = await register(records)
    change = Change(rid, NOW)
    ids = [f"{rid}-m{number:03}" for number in range(30)]
    for number, one in enumerate(ids):
        change.remind(one, NOW + timedelta(seconds=number))
    await records.apply(change)

    assert [one.object_id for one in await directory.due(NOW + HOUR, limit=20)] == ids[:20]
    assert len(await directory.due(NOW + HOUR)) == 30


async def test_grants_are_due_when_time_changes_them(records: RedisRecords, directory: RedisDirectory) -> None:
    rid = RANDOM.registration_id()
    grant = make_grant(rid, expires=NOW + HOUR)
    await register(records, (grant,), registration_id=rid)
    change = Change(rid, NOW)
    change.due[grant.grant_id] = NOW + HOUR
    missing = RANDOM.object_id(rid, "g")
    change.due[missing] = NOW
    await records.apply(change)
    assert [one.object_id for one in await directory.due(NOW + HOUR)] == [missing, grant.grant_id]

    await records.due_grants(Access(rid, NOW + HOUR))  # forgets the one that does not exist
    assert [one.object_id for one in await directory.due(NOW + HOUR)] == [grant.grant_id]

    change = Change(rid, NOW)
    change.due[grant.grant_id] = None
    await records.apply(change)
    assert await directory.due(NOW + HOUR) == []


async def test_credentials_are_due_some_time_before_they_expire(
    records: RedisRecords, directory: RedisDirectory
) -> None:
    """Until the Client was told, and anew when the expiry changes."""
    rid = RANDOM.registration_id()
    year, day = timedelta(days=365), timedelta(days=1)
    lasting = make_credential(rid)
    long = make_credential(rid, client_secret_expires_at=int((NOW + year).timestamp()))
    short = make_credential(rid, client_secret_expires_at=int((NOW + day).timestamp()))
    over = make_credential(rid, client_secret_expires_at=int(NOW.timestamp()))
    every = [(one, CredentialInternal(digest=one.credential_id)) for one in (lasting, long, short, over)]
    await register(records, *every, registration_id=rid)

    assert await directory.due(NOW + 2 * year) == [
        Due(rid, short.credential_id, NOW + day / 2),
        Due(rid, long.credential_id, NOW + year - timedelta(seconds=EXPIRY_NOTICE_SECONDS)),
    ]

    async def change(credential: Credential, told: bool, **fields: Any) -> None:
        (stored,) = await records.load(Access(rid, NOW), Wanted(Credential, credential.credential_id))
        assert stored
        one = Change(rid, NOW)
        expires_at = stored.object.client_secret_expires_at if told else 0
        one.replace(stored, replace(stored.object, **fields), replace(stored.internal, told_expiry=expires_at))
        await records.apply(one)

    await change(short, told=True)
    await change(long, told=False, client_secret_expires_at=int((NOW + 2 * day).timestamp()))
    assert await directory.due(NOW + 2 * year) == [Due(rid, long.credential_id, NOW + day)]
    await change(long, told=False, client_secret_expires_at=0)
    assert await directory.due(NOW + 2 * year) == []


async def test_a_change_can_say_when_it_wants_to_be_reminded(records: RedisRecords, directory: RedisDirectory) -> None:
    """That comes before what the object says."""
    rid = RANDOM.registration_id()
    credential = make_credential(rid, client_secret_expires_at=int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()))
    change = Change(rid, NOW)
    change.create(make_registration(rid))
    change.create(credential, CredentialInternal(digest="d"))
    change.remind(credential.credential_id, NOW)
    await records.apply(change)

    assert await directory.due(NOW) == [Due(rid, credential.credential_id, NOW)]
    (stored,) = await records.load(Access(rid, NOW), Wanted(Registration, rid))
    assert stored
