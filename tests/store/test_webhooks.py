"""Webhooks and their deliveries on every kind of store: taken once, never lost, never more than are kept."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.crypto.sealing import Sealer
from app.crypto.secret_keys import new_key
from app.domain.deliveries import (
    DEAD_DAYS,
    KEPT_DAYS,
    LEASE_SECONDS,
    DeliveryStatus,
    Outcome,
    Queued,
)
from app.domain.feed import Actor, AuditEntry
from app.domain.webhooks import MAX_WEBHOOKS, OVERLAP, Webhook, WebhookStatus
from app.store import deliveries as delivery_store
from app.store import keys
from app.store.deliveries import RedisDeliveries
from app.store.rotation import SCRIPTS as ROTATION
from app.store.rotation import reseal
from app.store.webhooks import RedisWebhooks
from tests.factories import NOW

ENTRY = AuditEntry(actor=Actor(name="root", role="admin", via="cli"), action="webhooks.create", changes=[])
LEASE = timedelta(seconds=LEASE_SECONDS)
ONE, TWO = "w000000000a", "w000000000b"


@pytest.fixture
def webhooks(connection) -> RedisWebhooks:
    return RedisWebhooks(connection, Sealer([new_key()]))


@pytest.fixture
async def queue(connection, webhooks) -> RedisDeliveries:
    for webhook_id in (ONE, TWO):
        await webhooks.create(make_webhook(webhook_id), f"whsec_{webhook_id}", ENTRY)
    return RedisDeliveries(connection, webhooks)


def make_webhook(webhook_id: str = ONE, **fields: Any) -> Webhook:
    values: dict[str, Any] = {
        "webhook_id": webhook_id,
        "url": "https://hooks.utility.example/cds",
        "events": ["*"],
        "created": NOW,
        "modified": NOW,
    }
    return Webhook(**(values | fields))


def make_delivery(number: int, webhook_id: str = ONE) -> Queued:
    return Queued(
        delivery_id=f"{number}-0_{webhook_id}",
        webhook_id=webhook_id,
        type="client.modified",
        created=NOW,
        payload=f'{{"number":{number}}}',
    )


async def take(queue: RedisDeliveries, now: Any = NOW, limit: int = 100, each: int = 100, **others: int) -> list[Any]:
    return await queue.take(now, limit=limit, each=each, others=others)


def delivered(now: Any = NOW) -> Outcome:
    return Outcome(status=DeliveryStatus.DELIVERED, last_attempt=now, last_status_code=204)


def dead(now: Any = NOW) -> Outcome:
    return Outcome(status=DeliveryStatus.DEAD, last_attempt=now, last_status_code=500, last_error="no")


async def listed(queue: RedisDeliveries, status: DeliveryStatus | None = None, webhook_id: str = ONE) -> list[str]:
    return [one.delivery_id for one in (await queue.page(webhook_id, status, None)).items]


async def test_a_webhook_is_kept_and_its_secret_only_sealed(webhooks, connection):
    webhook = make_webhook()
    assert await webhooks.create(webhook, "whsec_geheim", ENTRY)

    assert await webhooks.get(ONE) == webhook
    assert await webhooks.list() == [webhook]
    assert b"geheim" not in b"".join((await connection.command("HGETALL", f"{keys.WEBHOOKS}:o")).values())


async def test_each_change_leaves_its_audit_entry_in_the_same_step(webhooks, connection):
    webhook = make_webhook()
    await webhooks.create(webhook, "whsec_x", ENTRY)
    changed = make_webhook(url="https://other.example/", modified=NOW + timedelta(seconds=5))
    assert await webhooks.replace(webhook, changed, ENTRY)
    assert not await webhooks.replace(webhook, make_webhook(description="late"), ENTRY)
    assert await webhooks.delete(changed, ENTRY, NOW)
    assert not await webhooks.delete(changed, ENTRY, NOW)

    entries = await connection.command("XRANGE", keys.OPERATOR_EVENTS, "-", "+")
    assert len(entries) == 3


async def test_there_are_only_so_many_webhooks(webhooks):
    made = [make_webhook(f"w00000000{number:02}") for number in range(MAX_WEBHOOKS + 1)]
    results = [await webhooks.create(one, "whsec_x", ENTRY) for one in made]

    assert results == [True] * MAX_WEBHOOKS + [False]
    await webhooks.delete(made[0], ENTRY, NOW)
    assert await webhooks.create(made[-1], "whsec_x", ENTRY)


async def test_of_many_who_change_a_webhook_at_once_one_succeeds(webhooks):
    old = make_webhook()
    await webhooks.create(old, "whsec_x", ENTRY)
    news = [make_webhook(description=str(number)) for number in range(20)]

    done = await asyncio.gather(*(webhooks.replace(old, new, ENTRY) for new in news))

    assert sum(done) == 1
    assert await webhooks.get(ONE) == news[done.index(True)]


async def test_a_webhook_that_an_earlier_version_has_written_can_be_changed(webhooks, connection):
    await webhooks.create(make_webhook(), "whsec_x", ENTRY)
    body = await connection.command("HGET", f"{keys.WEBHOOKS}:o", ONE)
    shorter = body.replace(b'"description":"",', b"")
    assert shorter != body
    await connection.command("HSET", f"{keys.WEBHOOKS}:o", ONE, shorter, writes=True)

    assert await webhooks.replace(make_webhook(), make_webhook(description="new"), ENTRY)


async def test_of_many_who_rotate_a_secret_at_once_one_succeeds(webhooks, queue):
    old = make_webhook()

    done = await asyncio.gather(*(webhooks.rotate(old, old, f"whsec_{number}", ENTRY) for number in range(20)))

    assert sum(done) == 1
    await queue.add([make_delivery(1)], NOW)
    (taken,) = await take(queue)
    assert taken.secrets.current == f"whsec_{done.index(True)}"
    assert taken.secrets.previous == f"whsec_{ONE}"
    assert taken.secrets.signing(NOW + OVERLAP - timedelta(seconds=1)) == [taken.secrets.current, f"whsec_{ONE}"]
    assert taken.secrets.signing(NOW + OVERLAP) == [taken.secrets.current]
    assert "whsec" not in repr(taken)


async def test_secrets_are_sealed_again_when_keys_rotate(connection):
    await connection.load(ROTATION)
    old, new = new_key(), new_key()
    webhooks = RedisWebhooks(connection, Sealer([old]))
    await webhooks.create(make_webhook(), "whsec_first", ENTRY)
    await webhooks.rotate(make_webhook(), make_webhook(), "whsec_second", ENTRY)

    async def nobody():
        return
        yield

    done = await reseal(connection, Sealer([new, old]), nobody(), progress=lambda _: None)

    assert (done.secrets, done.resealed, done.unreadable, done.registrations) == (2, 2, 0, 0)
    queue = RedisDeliveries(connection, RedisWebhooks(connection, Sealer([new])))
    await queue.add([make_delivery(1)], NOW)
    (taken,) = await take(queue)
    assert taken.secrets.signing(NOW) == ["whsec_second", "whsec_first"]


async def test_a_secret_that_no_key_opens_holds_up_nobody_else(json_log, connection, queue):
    other = RedisWebhooks(connection, Sealer([new_key()]))
    await other.create(make_webhook("w000000000c"), "whsec_x", ENTRY)
    await queue.add([make_delivery(1, "w000000000c"), make_delivery(1, TWO)], NOW)

    taken = await take(queue)

    assert [one.webhook.webhook_id for one in taken] == [TWO]
    await asyncio.sleep(0)
    assert b"webhook_secret_unreadable" in json_log.getvalue()


async def test_a_delivery_is_queued_once_however_often_it_is_added(queue):
    for _ in range(3):
        await queue.add([make_delivery(1), make_delivery(2)], NOW)

    (first, _) = sorted(await take(queue), key=lambda one: one.queued.delivery_id)
    await queue.settle(first, delivered(), NOW)
    await queue.add([make_delivery(1), make_delivery(2)], NOW)

    assert await take(queue, NOW + LEASE - timedelta(seconds=1)) == []
    assert (first.queued, first.attempts) == (make_delivery(1), 1)
    assert (await queue.get("1-0_w000000000a")).status is DeliveryStatus.DELIVERED


async def test_nothing_is_queued_for_a_webhook_that_is_gone(queue):
    await queue.add([make_delivery(1, "w000000000z")], NOW)

    assert await queue.get("1-0_w000000000z") is None


async def test_who_takes_a_delivery_has_it_alone(queue):
    await queue.add([make_delivery(number) for number in range(40)], NOW)

    batches = await asyncio.gather(*(take(queue, limit=5) for _ in range(12)))

    ids = [one.queued.delivery_id for batch in batches for one in batch]
    assert sorted(ids) == sorted(f"{number}-0_{ONE}" for number in range(40))
    again = await take(queue, NOW + LEASE)
    assert len(again) == 40
    assert {one.attempts for one in again} == {2}


async def test_each_webhook_gets_its_share(queue):
    await queue.add([make_delivery(number) for number in range(50)], NOW)
    await queue.add([make_delivery(1, TWO)], NOW)

    taken = await take(queue, limit=10, each=4)
    assert sorted(one.webhook.webhook_id for one in taken) == [ONE] * 4 + [TWO]
    assert await take(queue, limit=10, each=4, **{ONE: 0}) == []
    assert len(await take(queue, limit=10, each=4, **{ONE: 1})) == 1


async def test_nothing_is_taken_for_a_disabled_webhook_until_it_is_active_again(webhooks, queue):
    await queue.add([make_delivery(1)], NOW)
    active = make_webhook()
    disabled = make_webhook(status=WebhookStatus.DISABLED)
    await webhooks.replace(active, disabled, ENTRY)
    assert await take(queue) == []

    await webhooks.replace(disabled, active, ENTRY)
    assert len(await take(queue)) == 1


async def test_a_failure_counts_only_while_it_is_ones_own_and_a_success_always(queue):
    await queue.add([make_delivery(1)], NOW)
    (slow,) = await take(queue)
    (quick,) = await take(queue, NOW + LEASE)

    assert not await queue.settle(slow, dead(), NOW)
    assert await queue.settle(slow, delivered(), NOW)
    assert not await queue.settle(quick, dead(), NOW)
    assert await listed(queue, DeliveryStatus.DELIVERED) == [f"1-0_{ONE}"]


async def test_a_failed_delivery_is_due_when_it_said(queue):
    await queue.add([make_delivery(1)], NOW)
    (taken,) = await take(queue)
    later = NOW + timedelta(minutes=5)
    outcome = Outcome(
        status=DeliveryStatus.WAITING, last_attempt=NOW, last_status_code=503, last_error="busy", again=later
    )
    await queue.settle(taken, outcome, NOW)

    shown = await queue.get(taken.queued.delivery_id)
    assert (shown.status, shown.attempts, shown.next_attempt) == (DeliveryStatus.WAITING, 1, later)
    assert (shown.last_status_code, shown.last_error, shown.last_attempt) == (503, "busy", NOW)
    assert await take(queue, later - timedelta(seconds=1)) == []
    assert len(await take(queue, later)) == 1


async def test_deliveries_are_listed_newest_first_by_status_and_in_pages(queue):
    for number in range(7):
        await queue.add([make_delivery(number)], NOW)
    taken = {one.queued.delivery_id: one for one in await take(queue)}
    await queue.settle(taken[f"1-0_{ONE}"], delivered(), NOW)
    await queue.settle(taken[f"2-0_{ONE}"], dead(), NOW)

    assert await listed(queue) == [f"{number}-0_{ONE}" for number in range(6, -1, -1)]
    assert await listed(queue, DeliveryStatus.DEAD) == [f"2-0_{ONE}"]
    assert await listed(queue, DeliveryStatus.DELIVERED) == [f"1-0_{ONE}"]
    assert len(await listed(queue, DeliveryStatus.WAITING)) == 5
    first = await queue.page(ONE, None, None, limit=3)
    second = await queue.page(ONE, None, first.next, limit=3)
    back = await queue.page(ONE, None, second.previous, limit=3)
    assert (first.previous, back) == (None, first)
    assert len({one.delivery_id for one in first.items + second.items}) == 6


async def test_dead_letters_are_replayed_one_by_one_or_all_together(queue, connection):
    await queue.add([make_delivery(number) for number in range(5)], NOW)
    for taken in await take(queue):
        await queue.settle(taken, dead(), NOW)

    assert await queue.replay(f"3-0_{ONE}", NOW, ENTRY)
    assert not await queue.replay(f"9-0_{ONE}", NOW, ENTRY)
    (again,) = await take(queue)
    assert (again.queued.delivery_id, again.attempts) == (f"3-0_{ONE}", 1)
    assert await queue.replay_dead(ONE, NOW, ENTRY) == 4
    assert await queue.replay_dead(ONE, NOW, None) == 0
    assert len(await take(queue)) == 4
    entries = await connection.command("XLEN", keys.OPERATOR_EVENTS)
    assert entries == 2 + 2  # two webhooks made, two replays


async def test_what_was_delivered_is_forgotten_after_some_days_and_dead_letters_later(queue, connection):
    await queue.add([make_delivery(1), make_delivery(2)], NOW)
    first, second = await take(queue)
    await queue.settle(first, delivered(), NOW)
    await queue.settle(second, dead(), NOW)

    assert await queue.forget(NOW + timedelta(days=KEPT_DAYS, seconds=-1)) == 0
    assert await queue.forget(NOW + timedelta(days=KEPT_DAYS)) == 1
    assert await listed(queue) == [second.queued.delivery_id]
    assert await queue.forget(NOW + timedelta(days=DEAD_DAYS)) == 1
    assert await connection.command("HLEN", f"{keys.DELIVERIES}:queued") == 0


async def test_of_each_webhook_only_so_many_are_kept(queue, monkeypatch, connection):
    kept = {DeliveryStatus.DELIVERED: (KEPT_DAYS, 2), DeliveryStatus.DEAD: (DEAD_DAYS, 2)}
    monkeypatch.setattr(delivery_store, "_KEPT", kept)
    for number in range(5):
        await queue.add([make_delivery(number)], NOW)
        (taken,) = await take(queue)
        await queue.settle(taken, delivered(), NOW)

    assert await listed(queue) == [f"4-0_{ONE}", f"3-0_{ONE}"]
    assert await connection.command("ZCARD", f"{keys.DELIVERIES}:ends") == 2


async def test_what_comes_when_too_many_wait_is_a_dead_letter(queue, monkeypatch):
    monkeypatch.setattr(delivery_store, "MOST_WAITING", 2)
    await queue.add([make_delivery(number) for number in range(4)], NOW)

    assert len(await listed(queue, DeliveryStatus.WAITING)) == 2
    (beyond, _) = (await queue.page(ONE, DeliveryStatus.DEAD, None)).items
    assert beyond.last_error == "Too many deliveries were waiting for this webhook."


async def test_what_waits_for_a_deleted_webhook_goes_with_it(webhooks, queue, connection, monkeypatch):
    monkeypatch.setattr(delivery_store, "FORGET_BATCH", 10)
    await queue.add([make_delivery(number) for number in range(25)], NOW)
    await webhooks.delete(make_webhook(), ENTRY, NOW)

    assert await take(queue) == []
    while await queue.forget(NOW):
        pass
    assert await connection.command("HLEN", f"{keys.DELIVERIES}:queued") == 0
    assert await connection.command("ZCARD", f"{keys.DELIVERIES}:ends") == 0
    assert await connection.command("SCARD", f"{keys.WEBHOOKS}:gone") == 0
