"""The feed: everything that happens reaches it once and in order, whoever relays it and whatever breaks."""

import asyncio
from collections import defaultdict
from datetime import timedelta

import pytest
from msgspec.structs import replace

from app.domain.feed import Actor, AuditEntry, FeedEvent
from app.domain.records import Access, Change, Wanted
from app.main import SCRIPTS
from app.schemas.clients import Client
from app.schemas.files import FileInternal, ServerProvidedFile
from app.store import keys
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.feed import RedisFeed
from app.store.files import RedisFileLibrary
from app.store.records import RedisRecords
from app.store.relay import CUT_AFTER_SECONDS, OF_EACH, Limits
from tests.factories import BASE, NOW, RANDOM, new_registration

ANNA = Actor(name="anna", role="admin", via="api")


class Seconds:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def feed(connection: Connection, seconds: Seconds) -> RedisFeed:
    return RedisFeed(connection, seconds)


def entry(action: str = "registrations.note") -> AuditEntry:
    """An entry for the audit log."""
    change = {"object": "registration", "id": "x", "before": {"notes": "", "amount": 1}, "after": {"notes": "é"}}
    return AuditEntry(actor=ANNA, action=action, changes=[change])


def happening(registration_id: str, *types: str, audit: AuditEntry | None = None, now=NOW) -> Change:
    """A change of a registration that does nothing but happen."""
    change = Change(registration_id, now, audit=audit)
    for type_ in types:
        change.event(type_, f"{registration_id}-m1")
    return change


async def registered(records: RedisRecords) -> str:
    """A new registration."""
    change, *_ = new_registration()
    await records.apply(change)
    return change.registration_id


def told(events: list[FeedEvent]) -> list[tuple[str | None, str]]:
    return [(event.registration_id, event.type) for event in events]


async def everything(feed: RedisFeed) -> list[FeedEvent]:
    """All events, page by page."""
    found: list[FeedEvent] = []
    while page := await feed.events(after=found[-1].id if found else None, limit=7):
        found += page
    return found


async def test_what_happens_is_in_the_feed_in_its_order(records, feed):
    rid = await registered(records)
    await records.apply(happening(rid, "message.created", "client.modified", now=NOW + timedelta(seconds=1)))

    moved = await feed.relay()
    first, second, third = await feed.events()

    assert moved == 2
    assert first == FeedEvent(id=first.id, at=NOW, registration_id=rid, type="registration.created", object_id=rid)
    assert (second.type, third.type) == ("message.created", "client.modified")
    assert second.at == third.at == NOW + timedelta(seconds=1)
    assert await feed.relay() == 0
    assert await feed.events(after=first.id) == [second, third]
    assert await feed.events(after=first.id, limit=1) == [second]
    assert await feed.events(after=third.id) == []
    assert await feed.latest_events(limit=2) == [third, second]


async def test_the_library_and_the_operators_are_in_it_too(connection, records, feed):
    library = RedisFileLibrary(connection, records.documents)
    uri = f"{BASE}/cds-api/v1/server-provided-files/f1"
    file = ServerProvidedFile(
        file_id="f1", uri=uri, created=NOW, modified=NOW, mime_type="text/plain", size=1, name="a", description="",
        download_uri=uri,
    )  # fmt: skip
    await library.create(file, FileInternal(key="k"), now=NOW, audit=entry("files.create"))
    stored = await library.get("f1")
    await library.replace(stored, file, FileInternal(key="k", retired=True), now=NOW, audit=entry("files.delete"))
    for _ in range(2):
        await library.delete("f1", now=NOW, audit=entry("files.delete"))
    await feed.note(entry("webhooks.create"), now=NOW)

    await feed.relay()

    assert told(await feed.events()) == [(None, "file.created"), (None, "file.deleted")]
    actions = [record.action for record in await feed.audit()]
    assert sorted(actions) == ["files.create", "files.delete", "files.delete", "webhooks.create"]


async def test_the_events_of_a_registration_are_read_from_any_of_them_on_in_pages_of_any_size(records, feed):
    """Those of one change lie together, and a reader may have stopped between them."""
    one = await registered(records)
    neighbour = one[:2] + RANDOM.registration_id()[2:]
    await records.connection.command("HSET", keys.prefix(neighbour) + ":r", "rev", 1)
    for rid in (one, neighbour, one, one):
        await records.apply(happening(rid, "message.created", "client.modified", "message.created"))
    await feed.relay()
    every = [event for event in await feed.events() if event.registration_id == one]

    assert len(every) == 1 + 3 * 3
    for place, event in enumerate(every):
        assert await feed.events(registration_id=one, after=event.id) == every[place + 1 :]
        assert await feed.events(registration_id=one, after=event.id, limit=2) == every[place + 1 : place + 3]
    assert [event.id for event in await feed.events(registration_id=one, limit=1)] == [every[0].id]


async def test_events_of_a_registration_that_are_forgotten_are_not_made_up_for_with_others(records, feed):
    one = await registered(records)
    await records.apply(happening(one, "message.created", "client.modified"))
    await registered(records)
    await feed.relay()
    first, second, third = await feed.events(registration_id=one)
    await records.connection.command("XDEL", "{feed}:events", first.id, second.id)

    assert await feed.events(registration_id=one) == [third]


async def test_events_that_an_earlier_version_noted_one_by_one_are_found(records, feed):
    one = await registered(records)
    await records.apply(happening(one, "message.created", "client.modified"))
    await feed.relay()
    every = await feed.events()
    shard = f"{{feed}}:events:{one[:2]}"
    await records.connection.command("DEL", shard)
    for event in every:
        await records.connection.command("XADD", shard, event.id, "r", one)

    assert await feed.events(registration_id=one) == every
    assert await feed.events(registration_id=one, after=every[0].id, limit=1) == [every[1]]


async def test_the_events_of_one_registration_are_found_among_those_of_others(records, feed):
    one = await registered(records)
    neighbour = one[:2] + RANDOM.registration_id()[2:]
    change, *_ = new_registration()
    for rid in (change.registration_id, neighbour):
        await records.connection.command("HSET", keys.prefix(rid) + ":r", "rev", 1)
    for number in range(30):
        rid = (one, neighbour, change.registration_id)[number % 3]
        await records.apply(happening(rid, f"type.{number}"))
    await feed.relay()

    found = await feed.events(registration_id=one)
    rest = await feed.events(registration_id=one, after=found[3].id, limit=3)

    assert [event.type for event in found] == ["registration.created"] + [f"type.{n}" for n in range(0, 30, 3)]
    assert rest == found[4:7]
    assert await feed.events(registration_id=RANDOM.registration_id()) == []


async def test_audit_records_follow_each_other_and_are_found_by_registration(records, feed):
    one, other = await registered(records), await registered(records)
    for number in range(6):
        rid = one if number % 2 else other
        await records.apply(happening(rid, audit=entry(f"a.{number}")))
        await feed.relay()

    log = await feed.audit()

    assert [record.id for record in log] == ["1", "2", "3", "4", "5", "6"]
    assert [record.action for record in log] == [f"a.{number}" for number in range(6)]
    assert log[0].actor == ANNA
    assert log[0].at == NOW
    assert log[0].changes == entry().changes
    assert [record.previous_hash for record in log[1:]] == [record.hash for record in log[:-1]]
    assert await feed.audit(after="4") == log[4:]
    assert await feed.audit(after="1", limit=2) == log[1:3]
    assert await feed.audit(registration_id=one) == log[1::2]
    assert await feed.audit(registration_id=one, after="2", limit=1) == log[3:4]
    assert await feed.latest_audit(limit=2) == [log[5], log[4]]
    assert await feed.latest_audit(registration_id=other, limit=2) == [log[4], log[2]]
    assert await feed.audit(registration_id=RANDOM.registration_id()) == []


async def test_many_relays_at_once_lose_repeat_and_reorder_nothing(store: StoreConnection, records, feed):
    """Five processes relay while ten registrations change, with and without audit entries."""
    rids = [await registered(records) for _ in range(10)]
    links = [Connection(store.client) for _ in range(5)]
    for link in links:
        await link.load(SCRIPTS)
    feeds = [RedisFeed(link) for link in links]
    busy = True

    async def relaying(one: RedisFeed) -> None:
        while busy:
            await one.relay()
            await asyncio.sleep(0)

    async def changing(rid: str) -> None:
        for number in range(20):
            audit = entry(f"{rid}.{number}") if number % 3 == 0 else None
            await records.apply(happening(rid, f"n.{number}", audit=audit))

    relays = [asyncio.create_task(relaying(one)) for one in feeds]
    await asyncio.gather(*map(changing, rids))
    busy = False
    await asyncio.gather(*relays)
    await feed.relay()

    by_registration = defaultdict(list)
    for event in await everything(feed):
        by_registration[event.registration_id].append(event.type)
    assert by_registration == {rid: ["registration.created"] + [f"n.{n}" for n in range(20)] for rid in rids}
    log = await feed.audit(limit=1000)
    assert [record.id for record in log] == [str(number + 1) for number in range(70)]
    assert [one.previous_hash for one in log[1:]] == [one.hash for one in log[:-1]]
    for rid in rids:
        actions = [one.action for one in await feed.audit(registration_id=rid)]
        assert actions == [f"{rid}.{number}" for number in range(0, 20, 3)]
    for link in links:
        await link.close()


async def test_a_relay_that_dies_between_reading_and_writing_leaves_the_work_to_the_next(records, connection, feed):
    """And when it was not dead after all, its late step does nothing."""
    rid = await registered(records)
    await records.apply(happening(rid, "a", audit=entry()))
    slow = feed._relay  # noqa: SLF001 -- nobody dies in the middle of a call otherwise
    read = await slow._read(OF_EACH)  # noqa: SLF001 -- likewise

    await RedisFeed(connection).relay()
    await records.apply(happening(rid, "b", audit=entry()))
    await RedisFeed(connection).relay()
    late = await slow._move(read)  # noqa: SLF001 -- likewise

    assert late == 0
    assert [event.type for event in await feed.events()] == ["registration.created", "a", "b"]
    assert len(await feed.audit()) == 2
    assert await feed.relay() == 0


async def test_a_step_that_is_sent_twice_after_a_lost_answer_counts_once(records, connection, feed, monkeypatch):
    rid = await registered(records)
    await records.apply(happening(rid, "a", audit=entry()))
    once = connection.run

    async def twice(*args):
        answers = [await once(*args) for _ in range(2)]
        return answers[1]

    monkeypatch.setattr(connection, "run", twice)
    await feed.note(entry("noted"), now=NOW)
    moved = await feed.relay()

    assert moved == 3
    assert [event.type for event in await feed.events()] == ["registration.created", "a"]
    assert {record.action for record in await feed.audit()} == {"registrations.note", "noted"}
    assert len(await feed.audit()) == 2


async def test_those_who_relay_in_turn_leave_it_to_the_first_of_them_for_a_moment(
    records, connection, feed, monkeypatch
):
    monkeypatch.setattr("app.store.feed.TURN_MS", 60_000)
    await registered(records)
    feeds = [RedisFeed(connection) for _ in range(5)]

    moved = await asyncio.gather(*(one.relay(in_turn=True) for one in feeds))
    await registered(records)

    assert sorted(moved) == [0, 0, 0, 0, 1]
    assert await feed.relay(in_turn=True) == 0
    assert await feed.relay() == 1


async def test_who_looks_whether_anything_has_happened_asks_every_server_once(store, feed, connection, monkeypatch):
    asked: list[str] = []
    once = connection.run
    monkeypatch.setattr(connection, "run", lambda name, *call: asked.append(name) or once(name, *call))
    await feed.relay()

    await feed.relay()

    servers = len(store.client.get_primaries()) if store.is_cluster else 1
    assert len(asked) == 2 * servers


async def test_sources_are_cut_off_behind_what_has_arrived_after_a_while(records, connection, feed, seconds):
    rid = await registered(records)
    source = keys.events(rid[:2])
    for number in range(30):
        await records.apply(happening(rid, f"n.{number}"))
    await feed.relay()
    assert await connection.command("XLEN", source) == 31

    for _ in range(2):  # it arrived in two steps
        seconds.now += CUT_AFTER_SECONDS
        await feed.relay()
    assert await connection.command("XLEN", source) == 1
    await records.apply(happening(rid, "last"))
    await RedisFeed(connection).relay()

    assert [event.type for event in await everything(feed)][-2:] == ["n.29", "last"]
    assert len(await everything(feed)) == 32


@pytest.mark.parametrize("relayed_before", [True, False])
async def test_entries_that_were_lost_are_told_and_not_passed_over(records, connection, feed, capsys, relayed_before):
    """A source has been cut by its cap, because nobody relayed for long."""
    rid = await registered(records)
    source = keys.events(rid[:2])
    if relayed_before:
        await feed.relay()
    for number in range(3 * OF_EACH):
        await records.apply(happening(rid, f"n.{number}"))
    await connection.command("XTRIM", source, "MAXLEN", 2 * OF_EACH, writes=True)

    await feed.relay()
    events = await everything(feed)

    gap = events[1 if relayed_before else 0]
    assert (gap.type, gap.object_id, gap.registration_id) == ("feed.gap", source, None)
    types = [event.type for event in events if event.type.startswith("n.")]
    assert types == [f"n.{number}" for number in range(OF_EACH, 3 * OF_EACH)]
    assert sum(event.type == "feed.gap" for event in events) == 1
    (record,) = await feed.audit()
    assert (record.action, record.actor.via) == ("feed.gap", "server")
    assert "entries lost" in capsys.readouterr().out


async def test_a_long_queue_without_a_gap_is_no_gap(records, feed, seconds, connection):
    rid = await registered(records)
    for number in range(3 * OF_EACH):
        await records.apply(happening(rid, f"n.{number}"))
    await feed.relay()
    seconds.now = CUT_AFTER_SECONDS
    await feed.relay()
    for number in range(3 * OF_EACH):
        await records.apply(happening(rid, f"n.{number}"))
    await RedisFeed(connection).relay()

    assert len(await everything(feed)) == 1 + 6 * OF_EACH
    assert await feed.audit() == []


async def test_an_entry_that_nobody_can_read_does_not_stop_the_others(records, connection, feed):
    rid = await registered(records)
    source = keys.events(rid[:2])
    await connection.command("XADD", source, "*", "at", "1", "events", "nonsense", writes=True)
    await records.apply(happening(rid, "after"))

    await feed.relay()

    assert [event.type for event in await feed.events()] == ["registration.created", "feed.gap", "after"]


async def test_each_event_goes_to_one_consumer_of_a_group_and_to_every_group(records, feed):
    rid = await registered(records)
    await records.apply(happening(rid, *(f"n.{number}" for number in range(9))))
    await feed.relay()

    parts = await asyncio.gather(*(feed.take("webhooks", f"c{number}", limit=4) for number in range(3)))
    ids = [event.id for part in parts for event in part]

    assert sorted(map(len, parts)) == [2, 4, 4]
    assert len(set(ids)) == 10
    assert await feed.take("webhooks", "c9") == []
    assert len(await feed.take("mails", "c1")) == 10


async def test_a_group_that_wants_certain_events_is_done_with_all_others(records, feed, connection):
    """Also when there are more of them than it takes at once, and it gets each that it wants."""
    rid = await registered(records)
    for number in range(30):
        await records.apply(happening(rid, *["dull"] * 100, *["wanted"] * (number == 20)))
    await feed.relay()

    events, more = await feed.take_only("mails", "c1", {"wanted", "never"})
    while more and not events:
        events, more = await feed.take_only("mails", "c1", {"wanted", "never"})
    (event,) = events
    pending = await connection.command("XPENDING", "{feed}:events", "mails")

    assert event.type == "wanted"
    assert (pending["pending"] if isinstance(pending, dict) else pending[0]) == 1
    assert (await feed.take_only("mails", "c1", {"wanted"})).events == [event]
    await feed.done("mails", [event.id])
    assert await feed.take_only("mails", "c1", {"wanted"}) == ([], False)
    assert await feed.take("mails", "c2") == []


async def test_what_a_consumer_did_not_finish_goes_to_another_one(records, feed):
    rid = await registered(records)
    await records.apply(happening(rid, "a", "b"))
    await feed.relay()
    one, two, three = await feed.take("webhooks", "dies")
    await feed.done("webhooks", [one.id])

    assert await feed.take("webhooks", "lives") == []
    again = await feed.take("webhooks", "lives", idle_seconds=0)
    await feed.done("webhooks", [event.id for event in again])

    assert again == [two, three]
    assert await feed.take("webhooks", "lives", idle_seconds=0) == []
    await feed.done("webhooks", [])


async def test_a_consumer_that_asks_again_before_it_has_finished_gets_the_same_at_once(records, feed):
    rid = await registered(records)
    await records.apply(happening(rid, "a", "b"))
    await feed.relay()
    first = await feed.take("webhooks", "fails", limit=2)

    again = await feed.take("webhooks", "fails", limit=3)

    assert again[:2] == first
    assert [event.type for event in again] == ["registration.created", "a", "b"]
    await feed.done("webhooks", [event.id for event in again])
    assert await feed.take("webhooks", "fails") == []


async def test_consumers_that_are_gone_and_have_nothing_left_are_forgotten(records, feed, connection):
    async def names() -> set[str]:
        listed = await connection.command("XINFO", "CONSUMERS", "{feed}:events", "webhooks")
        flat = [one if isinstance(one, list) else [part for pair in one.items() for part in pair] for one in listed]
        return {one[at + 1].decode() for one in flat for at in range(0, len(one), 2) if one[at] in {b"name", "name"}}

    rid = await registered(records)
    await records.apply(happening(rid, "a"))
    await feed.relay()
    held = await feed.take("webhooks", "holds")
    await feed.take("webhooks", "done")
    await feed.take("webhooks", "asks")
    assert await names() == {"holds", "done", "asks"}
    await asyncio.sleep(0.01)  # so that they have been idle at all

    await feed.take("webhooks", "asks", limit=1, idle_seconds=0)

    assert await names() == {"holds", "asks"}
    await feed.done("webhooks", [event.id for event in held])
    await asyncio.sleep(0.01)
    await feed.take("webhooks", "asks", idle_seconds=0)
    assert await names() == {"asks"}


async def test_a_group_that_waits_for_events_gets_those_that_come(records, feed):
    assert await feed.take("webhooks", "early") == []
    await registered(records)
    await feed.relay()

    assert [event.type for event in await feed.take("webhooks", "early")] == ["registration.created"]


async def test_the_feed_forgets_the_oldest_events_but_none_that_a_group_has_not_had(records, connection, capsys):
    feed = RedisFeed(connection, limits=Limits(kept=20, most=40, batch=5))
    rid = await registered(records)
    await feed.take("webhooks", "c")

    async def length_after(count: int) -> int:
        for _ in range(count):
            await records.apply(happening(rid, "n"))
            await feed.relay()
        return int(await connection.command("XLEN", "{feed}:events"))

    assert await length_after(34) == 35
    assert await length_after(20) < 46
    assert "forgotten that webhooks or mails have not had" in capsys.readouterr().out
    taken = await feed.take("webhooks", "c")
    await feed.done("webhooks", [event.id for event in taken])
    for _ in range(8):
        await length_after(1)
    assert 20 <= await length_after(1) <= 26


async def test_changes_of_objects_arrive_like_any_other(records, feed):
    """The whole way: an object changes, its event and its entry arrive."""
    start, client, *_ = new_registration()
    await records.apply(start)
    (stored,) = await records.load(Access(start.registration_id, NOW), Wanted(Client, client.client_id))
    change = Change(start.registration_id, NOW, audit=entry("clients.modify"))
    change.replace(stored, replace(stored.object, client_name="New"))
    change.event("client.modified", client.client_id)
    await records.apply(change)

    await feed.relay()

    assert told(await feed.events())[-1] == (start.registration_id, "client.modified")
    assert [one.action for one in await feed.audit(registration_id=start.registration_id)] == ["clients.modify"]
