"""Client secrets are sealed with a new key on every kind of store, beside whoever else writes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.crypto.sealing import Sealer, header_of
from app.crypto.secret_keys import new_key
from app.domain.records import Access, Wanted
from app.schemas.credentials import Credential
from app.schemas.encoding import decode
from app.store import keys, registrations, rotation
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.records import RedisRecords
from tests.factories import BASE, NOW, add_credential, make_credential, new_registration

OLD, NEW = new_key(), new_key()
ROTATED = Sealer([NEW, OLD])


@pytest.fixture
async def filled(connection: Connection) -> list[Credential]:
    """Forty registrations with two Credentials each, sealed with the old key."""
    await connection.load(rotation.SCRIPTS)
    records = records_with(connection, Sealer([OLD]))
    return [credential for one in await asyncio.gather(*(register(records) for _ in range(40))) for credential in one]


def records_with(connection: Connection, sealer: Sealer) -> RedisRecords:
    return RedisRecords(connection, Documents(BASE), sealer)


async def register(records: RedisRecords) -> list[Credential]:
    change, client, first, _ = new_registration()
    second = make_credential(client.client_id)
    add_credential(change, second)
    await records.apply(change)
    return [first, second]


async def reseal(connection: Connection, batches: AsyncIterator[list[str]]) -> rotation.Pass:
    return await rotation.reseal(connection, ROTATED, batches, progress=lambda _: None)


async def secret_of(records: RedisRecords, credential: Credential) -> str:
    wanted = Wanted(Credential, credential.credential_id)
    document = await records.document(Access(credential.client_id[:14], NOW), wanted)
    secret: str = decode(document)["client_secret"]
    return secret


async def sealed_with(connection: Connection, credential: Credential) -> str:
    rid, _, local = credential.credential_id.partition("-")
    sealed = await connection.command("HGET", keys.prefix(rid) + ":o", f"{local}$")
    kid: str = header_of(sealed.decode())["kid"]
    return kid


async def test_every_secret_is_sealed_with_the_first_key_and_opens_as_before(
    connection: Connection, filled: list[Credential]
) -> None:
    done = await reseal(connection, registrations.listed(connection))

    assert (done.registrations, done.secrets, done.resealed) == (40, 80, 80)
    records = records_with(connection, Sealer([NEW]))
    assert [await secret_of(records, one) for one in filled] == [one.client_secret for one in filled]


async def test_a_second_pass_finds_nothing_to_do(connection: Connection, filled: list[Credential]) -> None:
    await reseal(connection, registrations.listed(connection))

    done = await reseal(connection, registrations.listed(connection))

    assert (done.secrets, done.resealed, done.unreadable, done.overtaken) == (80, 0, 0, 0)


async def test_a_pass_over_all_that_is_stored_needs_no_index(
    store: StoreConnection, connection: Connection, filled: list[Credential]
) -> None:
    for shard in {one.client_id[:2] for one in filled}:
        await connection.command("DEL", keys.registrations(shard))

    assert (await reseal(connection, registrations.listed(connection))).secrets == 0
    assert (await reseal(connection, registrations.stored(store.client, ":o"))).resealed == 80


async def test_a_pass_that_was_interrupted_goes_on(connection: Connection, filled: list[Credential]) -> None:
    half: list[int] = []

    def stop(done: rotation.Pass) -> None:
        half.append(done.resealed)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await rotation.reseal(connection, ROTATED, registrations.listed(connection), progress=stop)
    done = await reseal(connection, registrations.listed(connection))

    assert 0 < half[0] < 80
    assert done.resealed == 80 - half[0]


async def test_a_secret_that_changed_since_it_was_read_is_left_alone(
    connection: Connection, filled: list[Credential]
) -> None:
    rid, _, local = filled[0].credential_id.partition("-")
    exchange = (f"{local}$", b"what it was", b"what it would be")

    assert await connection.run("reseal", [keys.prefix(rid)], *exchange) == 0
    assert await sealed_with(connection, filled[0]) == OLD.kid


async def test_a_secret_that_no_key_opens_is_counted_and_left_alone(
    connection: Connection, filled: list[Credential]
) -> None:
    done = await rotation.reseal(connection, Sealer([NEW]), registrations.listed(connection), progress=lambda _: None)

    assert (done.resealed, done.unreadable) == (0, 80)
    assert await sealed_with(connection, filled[0]) == OLD.kid


async def test_a_rotation_is_unfinished_until_it_comes_to_its_end(connection: Connection) -> None:
    assert await rotation.unfinished(connection) is None
    await rotation.begin(connection, "k1")
    assert await rotation.unfinished(connection) == "k1"
    await rotation.finish(connection)
    assert await rotation.unfinished(connection) is None
