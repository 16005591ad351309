"""What a read touches does not depend on how much there is: commands and entries are counted, not seconds.

Every script runs behind a prelude that counts what it asks the store for, and what it gets to see.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest

from app.crypto.sealing import Sealer
from app.crypto.secret_keys import new_key
from app.domain.context import Context
from app.domain.directory import MessageSearch, RegistrationSearch
from app.domain.messages import LISTS
from app.domain.records import Access, Cursor, Listing, Wanted
from app.main import SCRIPTS
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import RegistrationStatus
from app.store import keys
from app.store.connect import connect
from app.store.connection import Connection
from app.store.directory import RedisDirectory
from app.store.records import RedisRecords
from tests.bench.load import ADJECTIVES, ADMIN_SCOPE, GRID_SCOPE, KINDS, LEAN, context_on, fill, load
from tests.factories import NOW
from tests.stores import Servers, empty, shared

COUNTING = """
local redis = (function(store)
  local function size(reply)
    if type(reply) ~= 'table' then return 1 end
    local count = 0
    for _, one in ipairs(reply) do count = count + size(one) end
    return count
  end
  local function call(...)
    local reply = store.call(...)
    store.call('HINCRBY', 'touched', 'commands', 1)
    store.call('HINCRBY', 'touched', 'entries', size(reply))
    return reply
  end
  return setmetatable({call = call}, {__index = store})
end)(redis)
"""


class Touched(NamedTuple):
    """What scripts asked for, and how many entries they saw."""

    commands: int
    entries: int


def counted(source: str) -> str:
    """A script that counts, behind the line that says what it may do, if it has one."""
    flags, end, rest = source.partition("\n") if source.startswith("#!") else ("", "", source)
    return f"{flags}{end}{COUNTING}{rest}"


@pytest.fixture(scope="module")
def valkey() -> Servers:
    """A real store."""
    return shared("valkey")


@pytest.fixture
async def context(valkey: Servers) -> AsyncIterator[Context]:
    """The domain on an empty store whose scripts are counted."""
    store = await connect(valkey.url)
    await empty(store)
    connection = Connection(store.client, answer_seconds=60)
    await connection.load(one._replace(source=counted(one.source)) for one in SCRIPTS)
    yield context_on(connection)
    await connection.close()
    await store.close()


async def touched(connection: Connection, ask: Callable[[], Awaitable[object]]) -> Touched:
    """What one question touches."""
    await connection.command("DEL", "touched")
    await ask()
    commands, entries = await connection.command("HMGET", "touched", "commands", "entries")
    return Touched(int(commands or 0), int(entries or 0))


def records_of(context: Context) -> RedisRecords:
    """Those of Redis."""
    assert isinstance(context.records, RedisRecords)
    return context.records


def of_one(context: Context, registration_id: str, newest: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is asked about a registration whose newest object has this position."""
    records, access = records_of(context), Access(registration_id, NOW)
    later = NOW - timedelta(minutes=1)
    cursor = Cursor(newest - 500_000_000, newer=False)

    def grants(*filters: tuple[str, str], **more: Any) -> Callable[[], Awaitable[object]]:
        listing = Listing(Grant, filters=tuple((one,) for one in filters), **more)
        return lambda: records.pages(access, listing)

    lists = [Listing(Message, filters=(((name, ""),),)) for name in LISTS]
    beyond = [with_cursor(one, cursor) for one in lists]
    active, grid, admin = ("status", "active"), ("scope", GRID_SCOPE), ("scope", ADMIN_SCOPE)
    return {
        "Messages": lambda: records.pages(access, *lists),
        "Messages further on": lambda: records.pages(access, *beyond),
        "Grants": grants(),
        "Grants further on": grants(cursor=cursor),
        "Grants on the way back": grants(cursor=Cursor(cursor.position, newer=True)),
        "Grants of a status": grants(active),
        "Grants of a status and scope": grants(active, grid),
        "Grants of a status and scope that one has": grants(active, admin),
        "Grants created lately": grants(created_after=later),
        "Grants created before all of them": grants(created_before=NOW - timedelta(days=1000)),
        "one Registration": lambda: records.load(access, Wanted(Grant, f"{registration_id}-g0")),
        "Grants that are due": lambda: records.due_grants(access),
    }


def with_cursor(listing: Listing, cursor: Cursor) -> Listing:
    """The same listing from there on."""
    return Listing(listing.kind, filters=listing.filters, cursor=cursor)


async def test_what_is_asked_of_a_registration_touches_as_much_of_a_large_one_as_of_a_small_one(
    context: Context,
) -> None:
    """1,500 Messages and Grants or twice as many: the same commands see the same number of entries."""
    ids = [(await fill(context, size)).client_id for size in (1500, 3000)]
    connection = records_of(context).connection
    (newest,) = (await records_of(context).find(Access(ids[0], NOW), Listing(Grant, limit=1)))[:1]
    both = [of_one(context, one, newest.version) for one in ids]

    counted = {name: [await touched(connection, one[name]) for one in both] for name in both[0]}

    assert {name: large for name, (_, large) in counted.items()} == {name: one for name, (one, _) in counted.items()}
    assert max(large.commands for _, large in counted.values()) < 30
    assert max(large.entries for _, large in counted.values()) < 2000


def across(directory: RedisDirectory) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is asked across registrations."""
    active = RegistrationSearch(status=RegistrationStatus.ACTIVE, scope=ADMIN_SCOPE)
    return {
        "registrations": lambda: directory.registrations(RegistrationSearch()),
        "active registrations": lambda: directory.registrations(active),
        "inbox": lambda: directory.messages(MessageSearch(waiting=True)),
        "outstanding": lambda: directory.messages(MessageSearch()),
        "Grants": directory.grants,
        "numbers": directory.tally,
        "how many are active": lambda: directory.count(active),
        "due": lambda: directory.due(NOW),
        "nothing": lambda: directory.registrations(RegistrationSearch(q="nothing at all")),
    }


SEARCHES = (KINDS[0], f"{ADJECTIVES[0]} {KINDS[0]}", f"{KINDS[0]} {KINDS[1]}")


async def test_what_is_asked_across_registrations_touches_as_much_of_many_as_of_few(
    context: Context, valkey: Servers
) -> None:
    """Three times as many registrations, which are spread over all shards: hardly more commands, and no more entries of
    each shard than it is asked for. Searches for words are bounded.
    """
    records, sealer = records_of(context), Sealer([new_key()])
    directory, shards = RedisDirectory(records), len(keys.SHARDS)
    questions = across(directory)
    await load(valkey.url, 1000, sealer=sealer, kind=LEAN, now=NOW)
    few = {name: await touched(records.connection, ask) for name, ask in questions.items()}
    await load(valkey.url, 2000, sealer=sealer, kind=LEAN, first=1000, now=NOW)

    many = {name: await touched(records.connection, ask) for name, ask in questions.items()}

    assert await directory.count(RegistrationSearch()) == 3000
    for name, (commands, entries) in many.items():
        assert commands <= few[name].commands + shards, name
        assert entries <= shards * 16, name
    for words in SEARCHES:
        search = RegistrationSearch(q=words)
        commands, _ = await touched(records.connection, partial(directory.registrations, search))
        assert commands <= shards * 30, words
