"""What is found across registrations is rebuilt from documents on every kind of store."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from app.domain.directory import Due, MessageSearch, RegistrationSearch
from app.domain.records import Access, Change, Wanted
from app.errors import Conflict
from app.schemas.clients import Client
from app.schemas.credentials import CredentialInternal
from app.schemas.grants import GrantStatus
from app.schemas.messages import MessageInternal, MessageStatus, MessageType
from app.schemas.registrations import RegistrationStatus
from app.store import keys, reindex
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.directory import RedisDirectory
from app.store.records import RedisRecords
from app.store.registrations import keys_like
from tests.factories import NOW, RANDOM, make_credential, make_grant, make_message
from tests.store.directories import OPEN, change_registration, register, rids

HOUR = timedelta(hours=1)


@pytest.fixture
async def directory(connection: Connection, records: RedisRecords) -> RedisDirectory:
    await connection.load(reindex.SCRIPTS)
    return RedisDirectory(records)


async def make(records: RedisRecords, number: int) -> str:
    """A registration with something in every index, whose Client Object was changed."""
    rid, at = RANDOM.registration_id(), NOW + number * HOUR
    asked = make_message(rid, type=MessageType.SUPPORT_REQUEST, status=MessageStatus.PENDING, modified=at)
    expires_at = int((NOW + timedelta(days=100)).timestamp())
    credential = make_credential(rid, client_secret_expires_at=expires_at)
    grant = make_grant(rid, expires=at + HOUR)
    await register(
        records,
        (asked, MessageInternal()),
        (credential, CredentialInternal(digest=credential.credential_id)),
        (grant,),
        registration_id=rid,
        modified=at,
        requirements=OPEN,
        scope="cds_client_admin data",
        client_metadata={"client_name": f"Meadow {number}", "contacts": ["ops@meadow.example"]},
    )
    (stored,) = await records.load(Access(rid, NOW), Wanted(Client, rid))
    assert stored
    change = Change(rid, NOW + HOUR)
    change.replace(stored, replace(stored.object, client_name=f"Barn {number}", cds_modified=change.now))
    change.due[grant.grant_id] = grant.expires
    await records.apply(change)
    return rid


@pytest.fixture
async def made(directory: RedisDirectory, records: RedisRecords) -> list[str]:
    return [await make(records, number) for number in range(4)]


async def rebuild(store: StoreConnection, records: RedisRecords) -> reindex.Progress:
    return await reindex.Reindexer(store.client, records.connection, records.documents, lambda _: None).run()


async def entries(store: StoreConnection) -> dict[str, dict[bytes, float]]:
    """Everything that is found across registrations."""
    found = {}
    for pattern in ("{??}:d:*", "{??}:words", "{??}:due", "{??}:registrations"):
        async for names in keys_like(store.client, pattern):
            for name in names:
                found[name] = dict(await store.client.zrange(name, 0, -1, withscores=True))
    return found


async def test_what_is_right_stays_as_it_is(store: StoreConnection, records: RedisRecords, made: list[str]) -> None:
    before = await entries(store)

    assert (await rebuild(store, records)).mended == 0

    assert await entries(store) == before


@pytest.mark.parametrize("with_text", [False, True])
async def test_what_is_lost_comes_back(
    store: StoreConnection, records: RedisRecords, made: list[str], with_text: bool
) -> None:
    """With the positions that the registrations know; also when they have lost the text of their words."""
    before = await entries(store)
    for name in before:
        await store.client.delete(name)
    for rid in made if with_text else ():
        assert await store.client.hdel(f"{keys.prefix(rid)}:o", "~")

    done = await rebuild(store, records)

    assert await entries(store) == before
    assert done.mended == sum(len(members) for members in before.values())
    assert (await rebuild(store, records)).mended == 0


async def test_what_does_not_belong_is_taken_out(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory, made: list[str]
) -> None:
    before = await entries(store)
    rid, gone = made[0], made[0][:2] + "zzzzzzzzzzzz"
    shard = keys.shard(rid[:2])
    (message,) = (await directory.messages(MessageSearch(type=MessageType.SUPPORT_REQUEST))).items[-1:]
    message_id = message.object.message_id
    assert message_id.startswith(rid)
    for name, member in (
        ("d:registrations:suspended:done", rid),
        ("d:registrations:active:onboarding", gone),
        ("d:messages:client:support_request", message_id),
        ("d:grants:active", f"{gone}-g1"),
        ("d:no_such_index", message_id),
        ("due", message_id),
        ("due", f"{gone}-c1"),
        ("due", "no id at all"),
        ("d:grants:active", "no id either"),
        ("registrations", gone),
        ("words", f"silo\n{rid}\nr"),
        ("words", f"hay\n{rid}\n0"),
        ("words", f"meadow\n{gone}\nr"),
    ):
        await store.client.zadd(f"{shard}:{name}", {member: 0})

    assert (await rebuild(store, records)).mended == 13

    assert await entries(store) == before


async def test_what_is_wrong_is_put_right(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory, made: list[str]
) -> None:
    """Also text that names other words than the documents do, and registrations in the order of an older version."""
    before = await entries(store)
    rid = made[0]
    prefix, shard = keys.prefix(rid), keys.shard(rid[:2])
    await store.client.hset(f"{prefix}:o", "~", f"\1r\n{rid}\nsilo\n")
    await store.client.zadd(f"{shard}:words", {f"silo\n{rid}\nr": 0})
    await store.client.zadd(f"{shard}:registrations", {rid: 1780315200})
    await store.client.zadd(f"{shard}:d:registrations:active:onboarding", {rid: 1})

    await rebuild(store, records)

    assert await entries(store) == before
    assert await directory.count(RegistrationSearch(q="silo")) == 0
    assert await directory.count(RegistrationSearch(q="barn")) == 4


async def test_operators_see_the_same_afterwards(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory, made: list[str]
) -> None:
    for name in await entries(store):
        await store.client.delete(name)
    await rebuild(store, records)

    assert rids(await directory.registrations(RegistrationSearch(onboarding=True, scope="data"))) == made[::-1]
    assert rids(await directory.registrations(RegistrationSearch(q="meadow barn ops@"))) == made[::-1]
    tally = await directory.tally()
    assert (tally.registrations[RegistrationStatus.ACTIVE], tally.grants[GrantStatus.ACTIVE]) == (4, 4)
    assert tally.waiting[MessageType.SUPPORT_REQUEST].count == 4
    assert len(await directory.due(NOW + timedelta(days=99))) == 8
    (first,) = await directory.due(NOW + HOUR)
    assert first == Due(made[0], first.object_id, NOW + HOUR)


async def test_what_changes_meanwhile_is_right_in_the_end(
    store: StoreConnection, records: RedisRecords, directory: RedisDirectory, made: list[str]
) -> None:
    for name in await entries(store):
        await store.client.delete(name)

    async def keep_changing() -> None:
        for turn in range(15):
            status = RegistrationStatus.SUSPENDED if turn % 2 else RegistrationStatus.ACTIVE
            name = {"client_name": f"Silo {turn}"}
            try:
                await change_registration(records, made[0], NOW + turn * HOUR, status=status, client_metadata=name)
            except Conflict:
                continue
            await make(records, turn)

    await asyncio.gather(keep_changing(), rebuild(store, records))

    assert (await rebuild(store, records)).mended == 0
    assert sum((await directory.tally()).registrations.values()) == 4 + 15
    assert await directory.count(RegistrationSearch(q="silo")) == 1
