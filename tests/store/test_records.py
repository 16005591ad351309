"""Registrations on every kind of store: what is written is read, in order, as a whole or not at all."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from app.domain.records import Access, Change, Cursor, Listing, Wanted
from app.errors import Conflict, NotFound
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import decode
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import Message, MessageStatus
from app.store import keys
from app.store.documents import Documents
from app.store.records import RedisRecords
from tests.factories import NOW, RANDOM, add_credential, make_credential, make_grant, make_message, new_registration


async def test_what_was_created_is_read_back_in_one_round_trip(records: RedisRecords) -> None:
    """Documents and objects come back as they went in."""
    change, client, credential, _ = new_registration()
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    before = records.connection.round_trips

    stored, missing = await records.load(
        access, Wanted(Client, client.client_id), Wanted(Client, client.client_id + "-9")
    )

    assert records.connection.round_trips == before + 1
    assert stored is not None
    assert stored.object == client
    assert missing is None
    assert decode(await records.document(access, Wanted(Credential, credential.credential_id))) == {
        **decode(await records.document(access, Wanted(Credential, credential.credential_id))),
        "client_secret": credential.client_secret,
    }


@pytest.mark.parametrize("object_id", ["", "x", "00zzzzzzzzzzzz", "00zzzzzzzzzzzz-g1", "*", "../r", "{00}r"])
async def test_ids_of_others_and_senseless_ids_are_not_found(records: RedisRecords, object_id: str) -> None:
    """A caller cannot even name something outside its registration."""
    change, *_ = new_registration()
    await records.apply(change)

    with pytest.raises(NotFound):
        await records.document(Access(change.registration_id, NOW), Wanted(Client, object_id))


async def test_an_id_of_another_type_is_not_found(records: RedisRecords) -> None:
    """A grant_id does not open a Client Object."""
    change, client, _, grant = new_registration()
    await records.apply(change)
    access = Access(change.registration_id, NOW)

    with pytest.raises(NotFound):
        await records.document(access, Wanted(Client, grant.grant_id))
    with pytest.raises(NotFound):
        await records.document(access, Wanted(Grant, client.client_id))
    assert await records.load(access, Wanted(Grant, client.client_id)) == [None]


async def test_a_registration_is_created_once(records: RedisRecords) -> None:
    """The same change again is a conflict and leaves nothing behind."""
    change, *_ = new_registration()
    await records.apply(change)

    with pytest.raises(Conflict):
        await records.apply(change)


async def test_nothing_can_be_added_to_a_registration_that_does_not_exist(records: RedisRecords) -> None:
    """Objects never appear without their registration."""
    change = Change(RANDOM.registration_id(), NOW)
    change.create(make_message(change.registration_id))

    with pytest.raises(Conflict):
        await records.apply(change)


async def test_a_change_with_one_outdated_object_writes_nothing(records: RedisRecords) -> None:
    """All or nothing, also for the objects that were fine."""
    change, client, _, grant = new_registration()
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    old_client, old_grant = await records.load(access, Wanted(Client, client.client_id), Wanted(Grant, grant.grant_id))
    assert old_client
    assert old_grant
    first = Change(change.registration_id, NOW)
    first.replace(old_client, replace(old_client.object, client_name="First"))
    await records.apply(first)
    second = Change(change.registration_id, NOW)
    second.replace(old_grant, replace(old_grant.object, status=GrantStatus.CLOSED))
    second.replace(old_client, replace(old_client.object, client_name="Second"))

    with pytest.raises(Conflict):
        await records.apply(second)

    now_client, now_grant = await records.load(access, Wanted(Client, client.client_id), Wanted(Grant, grant.grant_id))
    assert now_client
    assert now_client.object.client_name == "First"
    assert now_grant == old_grant


async def test_of_a_hundred_simultaneous_changes_of_one_object_one_wins(records: RedisRecords) -> None:
    """The version decides."""
    change, client, *_ = new_registration()
    await records.apply(change)
    (old,) = await records.load(Access(change.registration_id, NOW), Wanted(Client, client.client_id))
    assert old

    async def rename(name: str) -> bool:
        attempt = Change(change.registration_id, NOW)
        attempt.replace(old, replace(old.object, client_name=name))
        try:
            await records.apply(attempt)
        except Conflict:
            return False
        return True

    outcomes = await asyncio.gather(*(rename(str(number)) for number in range(100)))

    assert outcomes.count(True) == 1


async def test_pages_walk_through_everything_once_in_both_directions(records: RedisRecords) -> None:
    """Next links to the end, previous links back to the start."""
    change, *_ = new_registration(messages=25)
    await records.apply(change)
    access = Access(change.registration_id, NOW)

    forward, pages = [], []
    cursor = None
    while True:
        (page,) = await records.pages(access, Listing(Message, limit=10, cursor=cursor))
        pages.append(page)
        forward += [decode(document)["name"] for document in page.documents]
        cursor = page.next
        if cursor is None:
            break
    (middle,) = await records.pages(access, Listing(Message, limit=10, cursor=pages[2].previous))
    (first,) = await records.pages(access, Listing(Message, limit=10, cursor=middle.previous))

    assert forward == [str(number) for number in reversed(range(25))]
    assert [len(page.documents) for page in pages] == [10, 10, 5]
    assert pages[0].previous is None
    assert middle.documents == pages[1].documents
    assert first.documents == pages[0].documents
    assert first.previous is None
    assert first.next == pages[0].next


@pytest.mark.parametrize("limit", [1, 4, 5, 6])
async def test_a_page_that_nothing_narrows_down_is_the_same_alone_as_beside_another(
    records: RedisRecords, limit: int
) -> None:
    """They are read in two ways, with cursors at each object, between none, and beyond both ends."""
    change, *_ = new_registration(messages=5)
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    positions = [one.version for one in await records.find(access, Listing(Message))]
    around = [min(positions) - 1, *positions, max(positions) + 1]
    cursors = [None, *(Cursor(at, newer=newer) for at in around for newer in (False, True))]

    for cursor in cursors:
        listing = Listing(Message, limit=limit, cursor=cursor)
        (alone,) = await records.pages(access, listing)
        beside, _ = await records.pages(access, listing, listing)
        assert alone == beside


async def test_the_most_recently_modified_object_is_first(records: RedisRecords) -> None:
    """Later seconds before earlier ones, and later changes before earlier ones of the same second."""
    change, *_ = new_registration(messages=3)
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    oldest = list(await records.find(access, Listing(Message)))[-1]
    touch = Change(change.registration_id, NOW)
    touch.replace(oldest, replace(oldest.object, modified=NOW + timedelta(seconds=1)))
    await records.apply(touch)

    found = await records.find(access, Listing(Message))

    assert [one.object.name for one in found] == ["0", "2", "1"]


async def test_filters_intersect_and_values_of_one_filter_add_up(records: RedisRecords) -> None:
    """Status one of two, and of one Client Object, and created in a range."""
    change, client, *_ = new_registration()
    rid = change.registration_id
    statuses = [GrantStatus.ACTIVE, GrantStatus.PENDING, GrantStatus.CLOSED]
    for day in range(9):
        moment = NOW + timedelta(days=day)
        owner = client.client_id if day % 2 else f"{rid}-1"
        change.create(make_grant(owner, status=statuses[day % 3], created=moment, modified=moment))
    await records.apply(change)

    listing = Listing(
        Grant,
        filters=((("status", "active"), ("status", "pending")), (("client", "1"),)),
        created_after=NOW + timedelta(days=1),
        created_before=NOW + timedelta(days=6),
    )
    found = await records.find(Access(rid, NOW), listing)

    assert [(one.object.created - NOW).days for one in found] == [6, 4]
    assert {one.object.client_id for one in found} == {f"{rid}-1"}


async def test_named_ids_are_filtered_ordered_and_paged_like_everything_else(records: RedisRecords) -> None:
    """Unknown and foreign ids drop out."""
    change, *_ = new_registration(messages=5)
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    every = [one.object.message_id for one in await records.find(access, Listing(Message))]
    named = (every[3], every[0], every[4], "00zzzzzzzzzzzz-m1", "nonsense", every[3])

    (page,) = await records.pages(access, Listing(Message, ids=named, limit=2))
    (rest,) = await records.pages(access, Listing(Message, ids=named, limit=2, cursor=page.next))

    assert [decode(one)["message_id"] for one in page.documents] == [every[0], every[3]]
    assert [decode(one)["message_id"] for one in rest.documents] == [every[4]]
    assert rest.next is None
    assert rest.previous is not None


async def test_an_object_leaves_the_indexes_of_its_former_state(records: RedisRecords) -> None:
    """A Message that was read and completed is neither unread nor outstanding."""
    change, *_ = new_registration()
    message = make_message(change.registration_id, status=MessageStatus.PENDING)
    change.create(message)
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    (old,) = await records.load(access, Wanted(Message, message.message_id))
    assert old
    done = Change(change.registration_id, NOW)
    done.replace(old, replace(old.object, status=MessageStatus.COMPLETE, read=True))
    await records.apply(done)

    unread, outstanding, read = await records.pages(
        access, *(Listing(Message, filters=(((name, ""),),)) for name in ("unread", "outstanding", "read"))
    )

    assert (len(unread.documents), len(outstanding.documents), len(read.documents)) == (0, 0, 1)


async def test_a_secret_is_sealed_in_the_store_and_clear_in_the_answer(records: RedisRecords) -> None:
    """Nothing in the store contains the secret, whatever key it has."""
    change, client, *_ = new_registration()
    credential = make_credential(client.client_id)
    add_credential(change, credential)
    await records.apply(change)

    values = await records.connection.command("HVALS", keys.prefix(change.registration_id) + ":o")
    secrets = await records.connection.command("HGETALL", keys.prefix(change.registration_id) + ":auth")
    document = await records.document(Access(change.registration_id, NOW), Wanted(Credential, credential.credential_id))

    assert str(credential.client_secret).encode() not in b"".join(values)
    assert str(credential.client_secret).encode() not in repr(secrets).encode()
    assert decode(document)["client_secret"] == credential.client_secret


async def test_our_urls_follow_the_public_url(records: RedisRecords) -> None:
    """A document that was stored under one public URL shows another after the setting changed."""
    change, client, *_ = new_registration()
    await records.apply(change)

    records.documents = Documents("https://moved.example/cds")
    document = decode(await records.document(Access(change.registration_id, NOW), Wanted(Client, client.client_id)))

    assert document["cds_client_uri"] == f"https://moved.example/cds/cds-api/v1/clients/{client.client_id}"


async def test_every_change_appends_its_events_to_the_stream_of_the_shard(records: RedisRecords) -> None:
    """The entry says whose change it was, what happened, to what and when."""
    change, *_ = new_registration()
    await records.apply(change)

    entries = await records.connection.command("XRANGE", keys.events(change.registration_id[:2]), "-", "+")

    ((_, found),) = entries
    entry = found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
    assert entry[b"registration_id"].decode() == change.registration_id
    assert decode(entry[b"events"]) == [[event.type, event.object_id] for event in change.events]
    assert int(entry[b"at"]) == int(NOW.timestamp())


async def test_all_keys_of_a_registration_are_in_one_slot(records: RedisRecords) -> None:
    """The part of the key in braces is the shard, for every key that a registration has."""
    change, *_ = new_registration(messages=2)
    await records.apply(change)
    rid = change.registration_id

    assert keys.prefix(rid).startswith("{" + rid[:2] + "}")
    assert keys.events(rid[:2]).startswith("{" + rid[:2] + "}")
    assert keys.registrations(rid[:2]).startswith("{" + rid[:2] + "}")
    assert keys.prefix(rid).replace("{", "").replace("}", "") == rid


async def test_scripts_are_found_again_after_the_store_lost_them(records: RedisRecords) -> None:
    """A restarted or failed-over store does not know our scripts; callers do not notice."""
    change, client, *_ = new_registration()
    await records.apply(change)
    await records.connection.command("SCRIPT", "FLUSH") if _is_single(records) else None

    assert await records.document(Access(change.registration_id, NOW), Wanted(Client, client.client_id))


def _is_single(records: RedisRecords) -> bool:
    return "Cluster" not in type(records.connection._client).__name__  # noqa: SLF001 -- which kind this run has
