"""A broken connection leaves it open whether a script ran, so redis-py sends it again: twice has to be like once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.crypto.tokens import digest
from app.domain.records import Access, Change, Listing, Wanted
from app.domain.tokens import ClientLogin, Inspected, Issued, Revocation, StandingFacts
from app.errors import Conflict
from app.schemas.clients import Client
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.store import keys
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.files import RedisFileLibrary
from app.store.records import RedisRecords
from app.store.tokens import RedisTokens
from tests.factories import BASE, NOW, RANDOM, make_message, new_registration

Run = Callable[..., Awaitable[Any]]


@pytest.fixture
def twice(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """From now on every script runs twice, as after a lost answer; the answers of both runs, one pair per call."""
    answers: list[list[Any]] = []
    once: Run = connection.run

    async def run(name: str, script_keys: list[str], *args: Any) -> Any:
        answers.append([await once(name, script_keys, *args) for _ in range(2)])
        return answers[-1][1]

    monkeypatch.setattr(connection, "run", run)
    return answers


async def test_a_registration_that_is_sent_twice_is_there_once_and_no_conflict(
    records: RedisRecords, twice: list[list[Any]]
) -> None:
    change, client, *_ = new_registration(messages=2)
    await records.apply(change)
    rid = change.registration_id

    stored, *_ = await records.load(Access(rid, NOW), Wanted(Client, client.client_id))
    events = await records.connection.command("XLEN", keys.events(rid[:2]))
    rev = await records.connection.command("HGET", keys.prefix(rid) + ":r", "rev")

    assert twice[0] == [1, 1]
    assert stored
    assert stored.object == client
    assert events == len(change.events)
    assert int(rev) == len(change.puts) + 1


async def test_a_change_that_is_sent_twice_is_made_once_whatever_came_between(
    connection: Connection, records: RedisRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, client, *_ = new_registration()
    await records.apply(change)
    access = Access(change.registration_id, NOW)
    (old,) = await records.load(access, Wanted(Client, client.client_id))
    assert old
    sent: list[tuple[Any, ...]] = []
    once = connection.run

    async def run(*call: Any) -> Any:
        sent.append(call)
        return await once(*call)

    monkeypatch.setattr(connection, "run", run)
    first = Change(change.registration_id, NOW + timedelta(seconds=1))
    first.replace(old, replace(old.object, client_name="First"))
    await records.apply(first)
    (between,) = await records.load(access, Wanted(Client, client.client_id))
    assert between
    second = Change(change.registration_id, NOW + timedelta(seconds=2))
    second.replace(between, replace(between.object, client_name="Second"))
    await records.apply(second)

    assert await once(*sent[0]) == 1
    (now,) = await records.load(access, Wanted(Client, client.client_id))
    assert now
    assert now.object.client_name == "Second"


async def test_the_same_change_as_a_new_request_is_a_conflict_all_the_same(records: RedisRecords) -> None:
    change, *_ = new_registration()
    await records.apply(change)

    with pytest.raises(Conflict):
        await records.apply(change)


async def test_that_a_change_was_made_is_remembered_for_a_minute(store: StoreConnection, records: RedisRecords) -> None:
    change, *_ = new_registration()
    await records.apply(change)

    (name,) = [name async for name in store.client.scan_iter(match="*:n:*")]
    assert name.decode().startswith(keys.prefix(change.registration_id))
    assert 0 < await records.connection.command("TTL", name) <= 60


async def test_a_message_created_twice_by_a_resent_pipeline_is_listed_once(
    records: RedisRecords, twice: list[list[Any]]
) -> None:
    change, *_ = new_registration()
    await records.apply(change)
    more = Change(change.registration_id, NOW)
    more.create(make_message(change.registration_id))
    await records.apply(more)

    assert len(await records.find(Access(change.registration_id, NOW), Listing(Message))) == 1


async def test_tokens_are_issued_inspected_and_revoked_twice_as_if_once(
    records: RedisRecords, tokens: RedisTokens, twice: list[list[Any]]
) -> None:
    change, client, credential, grant = new_registration()
    await records.apply(change)
    rid = change.registration_id
    stored_client, stored_grant = await records.load(
        Access(rid, NOW), Wanted(Client, client.client_id), Wanted(Grant, grant.grant_id)
    )
    assert stored_client
    assert stored_grant
    login = ClientLogin(rid, rid, digest(str(credential.client_secret)))
    access_token = RANDOM.access_token(rid)

    assert await tokens.stand(stored_client, [""], stored_grant, None, StandingFacts("cds_client_admin", []))
    assert isinstance(await tokens.issue(login, "", access_token, now=NOW, ttl_seconds=60), Issued)
    assert isinstance(await tokens.inspect(login, access_token, now=NOW), Inspected)
    assert await tokens.revoke(login, access_token, now=NOW) in {Revocation.DELETED, Revocation.INACTIVE}
    assert await tokens.inspect(login, access_token, now=NOW) is None


async def test_files_of_the_library_are_written_shared_and_deleted_twice_without_a_conflict(
    records: RedisRecords, twice: list[list[Any]]
) -> None:
    library = RedisFileLibrary(records.connection, records.documents)
    file = make_file()
    await library.create(file, FileInternal(), now=NOW)
    stored = await library.get(file.file_id)
    assert stored
    await library.replace(stored, replace(file, name="Another"), FileInternal(), now=NOW)
    await library.share([file.file_id], "00g1", now=NOW)
    shares = await library.shares(file.file_id)
    await library.delete(file.file_id, now=NOW)

    assert [first == second for first, second in twice] == [True] * len(twice)
    assert shares == ["00g1"]
    with pytest.raises(Conflict):
        await library.replace(stored, replace(file, name="Late"), FileInternal(), now=NOW)


def make_file() -> ServerProvidedFile:
    file_id = RANDOM.file_id()
    return ServerProvidedFile(
        file_id=file_id,
        uri=f"{BASE}/cds-api/v1/server-provided-files/{file_id}",
        created=NOW,
        modified=NOW,
        mime_type="text/plain",
        size=1,
        name="Tariffs",
        description="",
        download_uri=f"{BASE}/cds-api/v1/server-provided-files/{file_id}/download",
    )
