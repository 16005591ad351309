"""What the benchmarks fill stores with is what requests would have left there."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.crypto.sealing import Sealer
from app.crypto.secret_keys import keys_document, new_key
from app.domain.context import Context
from app.domain.directory import MessageSearch, RegistrationSearch
from app.domain.records import Access, Listing
from app.domain.registration import register
from app.main import SCRIPTS
from app.schemas.credentials import Credential
from app.schemas.encoding import decode
from app.schemas.messages import Message
from app.store import reindex
from app.store.connect import StoreConnection, connect
from app.store.connection import Connection
from app.store.directory import RedisDirectory
from app.store.records import RedisRecords
from tests.bench.load import FULL, LEAN, Kind, about, context_on, load, name_of
from tests.factories import NOW
from tests.stores import empty, shared

KEY = new_key()


@pytest.fixture
async def store() -> AsyncIterator[StoreConnection]:
    """An empty store of one server."""
    store = await connect(shared("valkey").url)
    await empty(store)
    yield store
    await store.close()


@pytest.fixture
async def context(store: StoreConnection) -> AsyncIterator[Context]:
    """The domain on it."""
    connection = Connection(store.client, answer_seconds=60)
    await connection.load((*SCRIPTS, *reindex.SCRIPTS))
    yield context_on(connection, CDS_SECRET_KEYS=keys_document([KEY]).decode())
    await connection.close()


async def shape(store: StoreConnection) -> Counter[tuple[str, str, int]]:
    """Every key of registrations, with anything that is random out of its name, its type, and how much it holds."""
    client: Any = store.client
    sizes = {"hash": client.hlen, "zset": client.zcard, "string": client.strlen}
    found: Counter[tuple[str, str, int]] = Counter()
    async for key in client.scan_iter():
        kind = (await client.type(key)).decode()
        name = re.sub(r"^\{..\}[0-9a-z]{12}|^\{..\}", "", re.sub(r":standing:.*", ":standing", key.decode()))
        if kind != "stream" and not name.startswith(":n:"):
            found[name, kind, await sizes[kind](key)] += 1
    return found


@pytest.mark.parametrize("kind", [LEAN, FULL], ids=["lean", "full"])
async def test_a_copy_has_the_same_keys_and_entries_as_a_registration_that_was_asked_for(
    store: StoreConnection, context: Context, kind: Kind
) -> None:
    """The same indexes, fields, words and reminders; none of them is longer or shorter."""
    without_letters = Kind(kind.scope, letters=0)
    await register(context, about(name_of(0), kind), now=NOW)
    asked = await shape(store)
    await empty(store)

    await load(shared("valkey").url, 1, sealer=Sealer([KEY]), kind=without_letters, now=NOW)

    assert await shape(store) == asked


async def test_copies_are_found_read_and_opened_like_any_other(store: StoreConnection, context: Context) -> None:
    """Each has its own id, name, time and secret; all indexes have it, and none has anything else."""
    records = context.records
    assert isinstance(records, RedisRecords)
    directory = RedisDirectory(records)

    await load(shared("valkey").url, 20, sealer=Sealer([KEY]), kind=LEAN, now=NOW)

    everybody = await directory.registrations(RegistrationSearch())
    assert [one.object.client_metadata["client_name"] for one in everybody.items] == [
        " ".join(name_of(number)) for number in range(20)
    ]
    (third,) = (await directory.registrations(RegistrationSearch(q=name_of(3)[0]))).items
    access = Access(third.object.registration_id, NOW)
    credentials, messages = await records.pages(access, Listing(Credential), Listing(Message))
    (credential,) = [decode(one) for one in credentials.documents]
    assert credential["client_secret"].startswith("cdscs_")
    assert credential["client_id"] == third.object.registration_id
    assert len(messages.documents) == 2
    assert len((await directory.messages(MessageSearch(waiting=True))).items) == 5
    reindexed = await reindex.Reindexer(store.client, records.connection, records.documents, lambda _: None).run()
    assert (reindexed.mended, reindexed.unreadable) == (0, [])
