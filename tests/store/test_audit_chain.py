"""The audit log cannot be changed, shortened or rearranged without anybody noticing, on every kind of store."""

import hashlib
import json

import pytest

from app.domain import audit_chain
from app.domain.audit_chain import BEGINNING, Finding, Link, hash_of, line_of
from app.domain.feed import Actor, AuditEntry
from app.store.connection import Connection
from app.store.feed import RedisFeed
from tests.factories import NOW

AUDIT = "{feed}:audit"
HEAD = "{feed}:head"
COUNT = 7


def entry(number: int) -> AuditEntry:
    change = {"object": "message", "id": f"m{number}", "before": None, "after": {"name": f"é {number}", "x": [1.5]}}
    return AuditEntry(actor=Actor(name="anna", role="admin", via="api"), action="messages.post", changes=[change])


@pytest.fixture
async def feed(connection: Connection) -> RedisFeed:
    """A log of seven records."""
    feed = RedisFeed(connection)
    for number in range(COUNT):
        await feed.note(entry(number), now=NOW)
    await feed.relay()
    return feed


async def look_at(feed: RedisFeed, *known: Link) -> Finding:
    return await audit_chain.examine(feed.sealed(), [*known, await feed.head()])


async def rewrite(connection: Connection, records: dict[int, tuple[bytes, str]]) -> None:
    """Put other records into the place of the log, as somebody could who has the store."""
    await connection.command("DEL", AUDIT, writes=True)
    for number, (record, hash_) in sorted(records.items()):
        await connection.command("XADD", AUDIT, f"{number}-0", "record", record, "hash", hash_, writes=True)


async def log_of(feed: RedisFeed) -> dict[int, tuple[bytes, str]]:
    return {sealed.number: (sealed.record, sealed.hash) async for sealed in feed.sealed()}


async def test_a_log_that_nobody_touched_is_found_good(feed):
    finding = await look_at(feed)

    assert finding == Finding(await feed.head(), None)
    assert finding.head.number == COUNT


async def test_an_empty_log_is_found_good(connection):
    assert await look_at(RedisFeed(connection)) == Finding(Link(0, BEGINNING), None)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "99"),
        ("at", "2020-01-01T00:00:00Z"),
        ("registration_id", "3f0123456789ab"),
        ("actor", {"name": "eve", "role": "admin", "via": "api"}),
        ("action", "messages.note"),
        ("changes", []),
        ("previous_hash", "f" * 64),
    ],
)
@pytest.mark.parametrize("hashed_anew", [False, True])
async def test_a_record_that_was_changed_is_named(feed, connection, member, value, hashed_anew):
    """Also when its own hash was made anew: the next record does not fit any more."""
    records = await log_of(feed)
    number = 4
    record = json.loads(records[number][0]) | {member: value}
    changed = json.dumps(record).encode()
    records[number] = (changed, hash_of(changed) if hashed_anew else records[number][1])
    await rewrite(connection, records)

    finding = await look_at(feed)

    named = number + 1 if hashed_anew and member not in {"id", "previous_hash"} else number
    assert finding.broken
    assert finding.broken.number == named
    assert finding.head.number == named - 1


@pytest.mark.parametrize("gone", [1, 4, COUNT])
async def test_a_record_that_was_removed_is_named(feed, connection, gone):
    """The first, one in the middle, the last."""
    await connection.command("XDEL", AUDIT, f"{gone}-0", writes=True)

    finding = await look_at(feed)

    assert finding.broken
    assert finding.broken.number == gone


async def test_records_that_changed_places_are_noticed(feed, connection):
    records = await log_of(feed)
    records[3], records[4] = records[4], records[3]
    await rewrite(connection, records)

    finding = await look_at(feed)

    assert finding.broken
    assert finding.broken.number == 3


async def test_something_that_is_no_record_is_noticed(feed, connection):
    records = await log_of(feed)
    records[COUNT] = (b"[]", hash_of(b"[]"))
    await rewrite(connection, records)

    finding = await look_at(feed)

    assert finding.broken
    assert finding.broken.number == COUNT


async def test_a_log_that_was_made_anew_is_noticed_by_whoever_noted_a_record(feed, connection):
    noted = (await feed.audit())[3]
    for key in (AUDIT, HEAD, "{feed}:positions"):
        await connection.command("DEL", key, writes=True)
    await connection.command("DEL", "{operators}:events", writes=True)
    for number in range(COUNT):
        await feed.note(entry(number + 100), now=NOW)
    other = RedisFeed(connection)
    await other.relay()

    assert (await look_at(other)).broken is None
    finding = await look_at(other, Link(int(noted.id), noted.hash))

    assert finding.broken
    assert finding.broken.number == 4


async def test_a_log_that_was_cut_off_with_its_head_is_noticed_by_whoever_noted_a_record(feed, connection):
    noted = (await feed.audit())[5]
    records = await log_of(feed)
    await rewrite(connection, {number: records[number] for number in (1, 2, 3)})
    await connection.command("HSET", HEAD, "number", 3, "hash", records[3][1], writes=True)

    assert (await look_at(feed)).broken is None
    finding = await look_at(feed, Link(int(noted.id), noted.hash))

    assert finding.broken
    assert finding.broken.number == 4


async def test_an_exported_line_can_be_checked_by_anybody(feed):
    """With what every language has: the hash is the last member, and made of the line without it."""
    previous = "0" * 64
    async for sealed in feed.sealed():
        line = line_of(sealed)
        record = json.loads(line)
        hash_ = record["hash"]
        assert line.endswith(f',"hash":"{hash_}"}}'.encode())
        assert hashlib.sha256(line[: line.rindex(b',"hash"')] + b"}").hexdigest() == hash_
        assert record["previous_hash"] == previous
        previous = hash_


async def test_a_long_log_is_read_in_pages(feed, monkeypatch):
    monkeypatch.setattr("app.store.feed.EXPORT_PAGE", 3)

    assert list(await log_of(feed)) == list(range(1, COUNT + 1))
    monkeypatch.setattr("app.store.feed.EXPORT_PAGE", COUNT)
    assert list(await log_of(feed)) == list(range(1, COUNT + 1))
