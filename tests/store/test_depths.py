"""How much waits, on every kind of store."""

from datetime import UTC, datetime

from app.domain.depths import Waiting
from app.store import keys
from app.store.connection import Connection
from app.store.depths import OF_EACH, SCRIPTS, RedisDepths
from app.store.feed import SCRIPTS as FEED_SCRIPTS
from app.store.feed import RedisFeed

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


async def depths_of(store) -> tuple[Connection, RedisDepths]:
    connection = Connection(store.client)
    await connection.load([*SCRIPTS, *FEED_SCRIPTS])
    return connection, RedisDepths(connection, clock=lambda: 1000.0)


async def test_nothing_waits_in_an_empty_store(store):
    _, depths = await depths_of(store)

    measured = await depths.measure(NOW)

    nothing = Waiting(0, 0)
    assert (measured.mails, measured.deliveries, measured.backlog) == (nothing, nothing, nothing)
    assert measured.lags == {}
    assert measured.broadcasts == measured.webhooks == measured.mails_failed == measured.deliveries_dead == 0


async def test_the_backlog_is_what_the_feed_has_not_got_and_as_old_as_its_oldest_entry(store):
    connection, depths = await depths_of(store)
    for shard, ms in (("00", 990_000), ("7f", 970_000)):
        await store.client.xadd(keys.events(shard), {"at": 1, "events": '[["client.created","x"]]'}, id=f"{ms}-1")

    assert (await depths.measure(NOW)).backlog == Waiting(2, 30)

    moved: list[str] = []
    await RedisFeed(connection, moved=moved.append).relay()
    assert (await depths.measure(NOW)).backlog == Waiting(0, 0)
    assert moved == ["client.created", "client.created"]


async def test_a_long_backlog_is_not_counted_to_its_end(store):
    _, depths = await depths_of(store)
    for _ in range(OF_EACH + 5):
        await store.client.xadd(keys.LIBRARY_EVENTS, {"at": 1})

    assert (await depths.measure(NOW)).backlog.number == OF_EACH
