"""Indexes are rebuilt from documents on every kind of store."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.crypto.tokens import digest
from app.domain.records import Access, Change, Listing, Wanted
from app.domain.tokens import ClientLogin, NotIssued
from app.errors import Conflict
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from app.schemas.messages import Message, MessageInternal, MessageStatus
from app.store import keys, reindex
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.files import RedisFileLibrary
from app.store.records import RedisRecords
from app.store.registrations import keys_like
from app.store.tokens import RedisTokens
from app.store.users import RedisUsers
from tests.factories import BASE, NOW, RANDOM, make_grant, make_message, new_registration

Everything = dict[str, dict[bytes, Any]]


@pytest.fixture
async def rids(connection: Connection, records: RedisRecords) -> list[str]:
    """Five registrations, whose objects were modified in different seconds."""
    await connection.load(reindex.SCRIPTS)
    return [await register(records, number) for number in range(5)]


async def register(records: RedisRecords, number: int) -> str:
    moment = NOW + timedelta(hours=number + 1)
    change, client, *_ = new_registration()
    await records.apply(change)
    more = Change(change.registration_id, moment)
    for second in range(4):
        at = moment + timedelta(seconds=second)
        status = MessageStatus.PENDING if second % 2 else MessageStatus.COMPLETE
        message = make_message(change.registration_id, created=at, modified=at, read=second == 2, status=status)
        more.create(message, MessageInternal(thread=message.message_id if second else ""))
        grant = make_grant(client.client_id, created=at, modified=at, expires=at + timedelta(days=1))
        grant = replace(grant, status=GrantStatus.CLOSED) if second == 3 else grant
        more.create(grant)
        more.due[grant.grant_id] = grant.expires if grant.status is GrantStatus.ACTIVE else None
    await records.apply(more)
    return change.registration_id


async def rebuild(store: StoreConnection, records: RedisRecords) -> reindex.Progress:
    return await reindex.Reindexer(store.client, records.connection, records.documents, lambda _: None).run()


async def derived(store: StoreConnection) -> Everything:
    """Every index there is, with positions."""
    found: Everything = {}
    for pattern in ("*:i:*", "*:due", "*:registrations", "*:d:*", "*:words"):
        async for names in keys_like(store.client, pattern):
            for name in names:
                found[name] = dict(await store.client.zrange(name, 0, -1, withscores=True))
    async for names in keys_like(store.client, "*:auth"):
        for name in names:
            found[name] = await store.client.hgetall(name)
    return found


async def listings(records: RedisRecords, rids: list[str]) -> list[list[bytes]]:
    """What Clients see in listings, filtered and not."""
    asked = (
        Listing(Client),
        Listing(Message),
        Listing(Message, filters=((("unread", ""),),)),
        Listing(Message, filters=((("outstanding", ""),),)),
        Listing(Credential),
        Listing(Grant),
        Listing(Grant, filters=((("status", "active"),), (("client", "0"),))),
        Listing(Grant, created_after=NOW + timedelta(hours=2)),
    )
    return [page.documents for rid in rids for page in await records.pages(Access(rid, NOW), *asked)]


async def test_a_store_that_is_as_it_should_be_stays_as_it_is(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    before = await derived(store)

    done = await rebuild(store, records)

    assert (done.registrations, done.objects, done.mended, done.unreadable) == (5, 5 * 12, 0, [])
    assert done.indexes == sum(":i:" in name or ":d:" in name for name in before)
    assert await derived(store) == before


async def test_lost_indexes_come_back_with_the_positions_that_others_know(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    before = await derived(store)
    prefix = keys.prefix(rids[0])
    for name in ("i:messages", "i:grants:status:active", "i:grants:created", "i:clients", "due", "auth"):
        if name != "i:clients":
            assert await store.client.delete(f"{prefix}:{name}")

    await rebuild(store, records)

    assert await derived(store) == before


async def test_listings_and_logins_are_as_before_when_every_index_is_lost(
    store: StoreConnection, records: RedisRecords, tokens: RedisTokens, rids: list[str]
) -> None:
    before, entries = await listings(records, rids), await derived(store)
    for name in entries:
        await store.client.delete(name)

    done = await rebuild(store, records)

    assert await listings(records, rids) == before
    after = await derived(store)
    assert {name: set(members) for name, members in after.items()} == {
        name: set(members) for name, members in entries.items()
    }
    assert done.mended == sum(len(members) for members in entries.values())


async def test_a_credential_that_was_found_again_authenticates(
    store: StoreConnection, records: RedisRecords, tokens: RedisTokens, rids: list[str]
) -> None:
    change, _, credential, _ = new_registration()
    await records.apply(change)
    rid = change.registration_id
    login = ClientLogin(rid, rid, digest(str(credential.client_secret)))

    async def issued() -> Any:
        return await tokens.issue(login, "", RANDOM.access_token(rid), now=NOW, ttl_seconds=60)

    await store.client.delete(keys.prefix(rid) + ":auth")
    assert await issued() is NotIssued.REFUSED
    await rebuild(store, records)

    assert await issued() is NotIssued.NO_STANDING_GRANT


async def test_what_does_not_belong_into_an_index_is_taken_out(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    before = await derived(store)
    prefix = keys.prefix(rids[0])
    (message, *_) = before[f"{prefix}:i:messages:unread"]
    (grant,) = set(before[f"{prefix}:i:grants:status:closed"])
    await store.client.zadd(f"{prefix}:i:messages:read", {message: 1})
    await store.client.zadd(f"{prefix}:i:grants:status:no_such_status", {grant: 1})
    await store.client.zadd(f"{prefix}:i:clients", {"77": 1})
    await store.client.zadd(f"{prefix}:due", {grant: 1})
    await store.client.hset(f"{prefix}:auth", "digest", "cgone\n0\n0")
    await store.client.zadd(keys.registrations("00"), {"00zzzzzzzzzzzz": 1})

    done = await rebuild(store, records)

    assert await derived(store) == before
    assert done.mended == 6


async def test_the_library_of_files_is_rebuilt_too(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    library = RedisFileLibrary(records.connection, records.documents)
    for second in range(3):
        await library.create(make_file(NOW + timedelta(seconds=second)), FileInternal(key="k"), now=NOW)
    before = (await library.page()).documents
    await store.client.delete(f"{keys.LIBRARY}:i:files")

    await rebuild(store, records)

    assert (await library.page()).documents == before


def make_file(moment: Any) -> ServerProvidedFile:
    file_id = RANDOM.file_id()
    uri = f"{BASE}/cds-api/v1/server-provided-files/{file_id}"
    return ServerProvidedFile(
        file_id=file_id,
        uri=uri,
        created=moment,
        modified=moment,
        mime_type="text/plain",
        size=1,
        name="Tariffs",
        description="",
        download_uri=f"{uri}/download",
    )


async def test_an_object_that_changed_since_it_was_read_is_left_to_whoever_changed_it(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    before = await derived(store)
    prefix = keys.prefix(rids[0])
    (message, *_) = before[f"{prefix}:i:messages:unread"]
    plan = f'[{{"id": "{message.decode()}", "at": 1, "add": ["messages"], "drop": ["messages:unread"]}}]'

    assert await records.connection.run("mend", [prefix], plan, b"what it was", b"") == 0
    assert await derived(store) == before


async def test_something_that_is_no_object_is_told_and_left_alone(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    prefix = keys.prefix(rids[0])
    await store.client.hset(f"{prefix}:o", mapping={"m1": "no JSON", "x1": "{}", "c1": "{}", "g1": "[]"})
    await store.client.zadd(f"{prefix}:i:messages", {"m1": 1})

    done = await rebuild(store, records)

    assert sorted(problem.split()[1] for problem in done.unreadable) == ["c1:", "g1:", "m1:", "x1:"]
    assert await store.client.zscore(f"{prefix}:i:messages", "m1") == 1


async def test_changes_go_on_meanwhile_and_leave_everything_right(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    access = Access(rids[0], NOW)
    found = await records.find(access, Listing(Message))
    for name in ("messages:unread", "messages:outstanding", "messages:read"):
        await store.client.delete(f"{keys.prefix(rids[0])}:i:{name}")

    async def keep_changing() -> None:
        for turn in range(20):
            change = Change(rids[0], NOW)
            wanted = Wanted(Message, found[turn % len(found)].object.message_id)
            (stored,) = await records.load(access, wanted)
            assert stored
            change.replace(stored, replace(stored.object, read=not stored.object.read))
            change.create(make_message(rids[0]), MessageInternal())
            try:
                await records.apply(change)
            except Conflict:
                continue

    await asyncio.gather(keep_changing(), rebuild(store, records))

    assert (await rebuild(store, records)).mended == 0
    pages = await records.pages(access, *(Listing(Message, filters=(((name, ""),),)) for name in ("unread", "read")))
    (every,) = await records.pages(access, Listing(Message))
    assert sum(len(page.documents) for page in pages) == len(every.documents) > len(found)


async def test_users_find_again_what_they_authorized(
    store: StoreConnection, records: RedisRecords, rids: list[str]
) -> None:
    """With the moment of their latest approval; a Grant that no user authorized is nobody's."""
    users = RedisUsers(records.connection)
    later = NOW + timedelta(days=1)
    change = Change(rids[0], NOW)
    grants = [make_grant(rids[0]) for _ in range(3)]
    moments = (0, int(later.timestamp()), 0)
    for grant, user_id, moment in zip(grants, ("mara", "mara", ""), moments, strict=True):
        change.create(grant, GrantInternal(user_id=user_id, authorized_at=moment))
    await records.apply(change)
    await users.note_user_grant("mara", grants[0].grant_id, created=NOW)

    first, second = await rebuild(store, records), await rebuild(store, records)

    assert (first.mended, second.mended) == (1, 0)
    found = await users.grants_of_user("mara")
    assert [one.grant_id for one in found] == [grants[1].grant_id, grants[0].grant_id]
    assert await users.grants_of_user("") == []
