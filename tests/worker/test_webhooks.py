"""Real endpoints are told what happens, at least once, with good signatures, whatever they answer."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.delivery.webhooks import HttpSender
from app.domain.deliveries import LEASE_SECONDS, PAUSES_SECONDS
from app.errors import StoreUnavailable
from app.worker.webhooks import QueueDeliveries, SendDeliveries
from tests.conftest import Server
from tests.endpoints import Endpoint, believe_in, endpoint
from tests.operators import OperatorClient, operator_of
from tests.patience import SECONDS


@pytest.fixture
async def admin(server: Server, monkeypatch: pytest.MonkeyPatch) -> OperatorClient:
    believe_in(monkeypatch, server.clock)
    return await operator_of(server)


@pytest.fixture
async def hook(admin: OperatorClient) -> AsyncIterator[Endpoint]:
    """An endpoint that is told everything."""
    async with endpoint() as one:
        await subscribe(admin, one)
        yield one


async def subscribe(admin: OperatorClient, to: Endpoint, **fields: Any) -> str:
    """Have an endpoint told; the webhook_id."""
    created = (await admin.post("/webhooks", {"url": to.url, **fields})).json()
    to.secret = created["secret"]
    webhook_id: str = created["webhook_id"]
    return webhook_id


class Work:
    """The two jobs of a worker on the store of a server."""

    def __init__(
        self,
        server: Server,
        sender: HttpSender | None = None,
        jitter: float = 0.0,
        note_pauses_seconds: Sequence[float] = (),
    ) -> None:
        state = server.service.state
        assert state
        self.feed, self.clock = state["feed"], server.clock
        webhooks, deliveries = state["webhooks"], state["deliveries"]
        self.queueing = QueueDeliveries(
            self.feed, webhooks, deliveries, base_url=server.settings.public_url, consumer="test"
        )
        self.sending = SendDeliveries(
            webhooks,
            deliveries,
            sender or HttpSender(),
            jitter=lambda: jitter,
            clock=server.clock,
            note_pauses_seconds=note_pauses_seconds,
        )

    async def queue(self) -> None:
        """Make deliveries of everything that has happened."""
        await self.feed.relay()
        while await self.queueing.run_once(self.clock.now):
            pass

    async def send(self) -> None:
        """Send everything that is due and wait until it has ended."""
        is_over = False
        while not is_over:  # an attempt that ends during a step may make room for what the step did not take
            was_busy = self.sending.busy
            is_over = not await self.sending.run_once(self.clock.now) and not was_busy

    async def all(self) -> None:
        await self.queue()
        await self.send()


@pytest.fixture
async def work(server: Server) -> AsyncIterator[Work]:
    one = Work(server)
    yield one
    await one.sending.close()


async def deliveries_of(admin: OperatorClient, hook: Endpoint | None = None) -> list[dict[str, Any]]:
    webhooks = (await admin.get("/webhooks")).json()["webhooks"]
    (webhook_id,) = [one["webhook_id"] for one in webhooks if hook is None or one["url"] == hook.url]
    found: list[dict[str, Any]] = (await admin.get(f"/webhooks/{webhook_id}/deliveries")).json()["deliveries"]
    return found


async def test_what_happens_reaches_the_endpoint_thin_signed_and_once(server, admin, hook, work):
    registered = await server.register()
    await work.all()

    feed = (await admin.get("/events")).json()["events"]
    told = {one.body["data"]["event_id"]: one for one in hook.received}
    assert len(hook.received) == len(feed) == len(told)
    created = next(one for one in hook.received if one.body["type"] == "registration.created")
    assert created.body == {
        "type": "registration.created",
        "timestamp": "2026-06-01T12:00:00Z",
        "data": {
            "registration_id": registered.registration_id,
            "object_id": registered.registration_id,
            "uri": f"https://utility.example/operator/api/v1/registrations/{registered.registration_id}",
            "event_id": created.body["data"]["event_id"],
        },
    }
    assert created.headers["content-type"] == "application/json"
    assert created.headers["user-agent"] == "cds-server"
    assert "." not in created.webhook_id
    assert {one["status"] for one in await deliveries_of(admin)} == {"delivered"}
    await work.all()
    assert len(hook.received) == len(feed)


async def test_the_uri_of_an_event_is_where_the_operator_reads_the_object(server, admin, hook, work):
    await server.register()
    await work.all()

    types = {one.body["type"]: one.body["data"]["uri"].partition("utility.example")[2] for one in hook.received}
    assert len(types) >= 5
    for type_, uri in types.items():
        if type_ != "operator.created":
            assert (await admin.get(uri)).status_code == 200, uri


async def test_an_endpoint_is_told_only_what_it_asked_for_and_only_since_it_asked(server, admin, work):
    await server.register()
    server.clock.advance(seconds=1)
    async with endpoint() as picky:
        await subscribe(admin, picky, events=["client.created"])
        await work.all()
        assert picky.received == []

        await server.register()
        await work.all()

    assert {one.body["type"] for one in picky.received} == {"client.created"}


async def test_a_failed_delivery_is_tried_again_at_the_times_of_the_standard_and_dies_after_the_last(
    server, admin, hook, work
):
    hook.always = 500
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")

    for attempts, pause in enumerate(PAUSES_SECONDS, 1):
        await work.send()
        (delivery,) = await deliveries_of(admin)
        assert (delivery["status"], delivery["attempts"], delivery["last_status_code"]) == ("waiting", attempts, 500)
        server.clock.advance(seconds=pause - 1)
        await work.send()
        assert len(hook.received) == attempts
        server.clock.advance(seconds=1)
    await work.send()

    (delivery,) = await deliveries_of(admin)
    assert (delivery["status"], delivery["attempts"]) == ("dead", 10)
    assert delivery["last_error"] == "The endpoint answered 500."
    assert len(hook.received) == 10
    assert len(set(hook.ids)) == 1
    assert len({one.headers["webhook-timestamp"] for one in hook.received}) == 10
    assert len({str(one.body) for one in hook.received}) == 1
    server.clock.advance(days=1)
    await work.send()
    assert len(hook.received) == 10


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("120", 120),
        ("Mon, 01 Jun 2026 12:02:00 GMT", 120),
        ("2", 5),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 5),
        ("9" * 5000, 3600),
        ("soon", 5),
        ("", 5),
    ],
)
async def test_an_endpoint_that_says_when_to_come_back_is_left_alone_so_long_but_not_for_ever(
    server, admin, hook, work, asked, pause
):
    hook.always, hook.headers = 503, {"retry-after": asked}
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    await work.send()

    (delivery,) = await deliveries_of(admin)
    at = datetime.fromisoformat(delivery["next_attempt"])
    assert at == server.clock.now + timedelta(seconds=pause)


async def test_pauses_are_longer_by_chance_so_that_not_all_come_at_once(server, admin, hook):
    hook.always = 500
    late = Work(server, jitter=1.0)
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    await late.send()

    (delivery,) = await deliveries_of(admin)
    assert delivery["next_attempt"] == "2026-06-01T12:00:06Z"
    await late.sending.close()


async def test_dead_letters_arrive_when_they_are_replayed(server, admin, hook, work):
    hook.always = 410 - 7
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    for pause in (*PAUSES_SECONDS, 0):
        await work.send()
        server.clock.advance(seconds=pause)
    hook.always = 200
    before = len(hook.received)

    assert (await admin.post(f"/webhooks/{webhook_id}/replay")).json() == {"replayed": 1}
    await work.send()

    assert len(hook.received) == before + 1
    assert len(set(hook.ids)) == 1
    (delivery,) = await deliveries_of(admin)
    assert (delivery["status"], delivery["attempts"], delivery["last_status_code"]) == ("delivered", 1, 200)


async def test_an_endpoint_that_is_gone_is_turned_off_and_the_audit_log_says_so(server, admin, hook, work):
    hook.always = 410
    await server.register()
    await work.all()

    (webhook,) = (await admin.get("/webhooks")).json()["webhooks"]
    assert (webhook["status"], webhook["disabled_by"]) == ("disabled", "endpoint")
    received = len(hook.received)
    await server.register()
    await work.all()
    assert len(hook.received) == received
    record = (await admin.get("/audit")).json()["audit"][-1]
    assert (record["action"], record["actor"]["name"], record["actor"]["via"]) == (
        "webhooks.modify",
        "server",
        "server",
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(admin, work, status):
    async with endpoint() as elsewhere, endpoint(always=status) as hook:
        hook.headers = {"location": elsewhere.url}
        webhook_id = await subscribe(admin, hook)
        elsewhere.secret = hook.secret
        await admin.post(f"/webhooks/{webhook_id}/test")
        await work.send()

    assert len(hook.received) == 1
    assert (elsewhere.received, elsewhere.forged) == ([], 0)


async def test_proxies_and_passwords_of_the_environment_are_not_used(admin, server, hook, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password geheim")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    one = Work(server)
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    await one.send()
    await one.sending.close()

    assert "authorization" not in hook.received[0].headers


async def test_what_an_endpoint_says_is_neither_kept_nor_waited_for(admin, server, work):
    async with endpoint(content=b"x" * 10_000_000, headers={"set-cookie": "a=b"}) as talkative:
        webhook_id = await subscribe(admin, talkative)
        for _ in range(2):
            await admin.post(f"/webhooks/{webhook_id}/test")
            await work.send()

        assert {one["status"] for one in await deliveries_of(admin)} == {"delivered"}
        assert "cookie" not in talkative.received[1].headers
        assert "xxx" not in (await admin.get(f"/webhooks/{webhook_id}/deliveries")).text


async def test_an_endpoint_that_does_not_answer_holds_up_nobody_else(server, admin, hook, monkeypatch):
    patient = Work(server, HttpSender(timeout_seconds=3600))
    async with AsyncExitStack() as stack:
        dead = [await stack.enter_async_context(endpoint(hang=True)) for _ in range(5)]
        for one in dead:
            await subscribe(admin, one)
        for _ in range(5):
            await server.register()
        await patient.queue()

        async with asyncio.timeout(SECONDS):
            while len(hook.received) < 20:
                await patient.sending.run_once(server.clock.now)
                await asyncio.sleep(0.01)

        monkeypatch.setattr("app.worker.webhooks.PARTING_SECONDS", 0)
        await patient.sending.close()
    assert all(one.under_way == one.most > 0 for one in dead)
    assert {one["status"] for one in await deliveries_of(admin, dead[0])} == {"waiting"}


async def test_an_endpoint_that_does_not_answer_in_time_has_not_taken_it(server, admin):
    impatient = Work(server, HttpSender(timeout_seconds=0.2))
    async with endpoint(hang=True) as dead:
        webhook_id = await subscribe(admin, dead)
        await admin.post(f"/webhooks/{webhook_id}/test")
        await impatient.send()
        await impatient.sending.close()

    (delivery,) = await deliveries_of(admin)
    assert (delivery["status"], delivery["attempts"]) == ("waiting", 1)
    assert delivery["last_error"] == "The endpoint did not answer within 0.2 seconds."


async def test_an_endpoint_that_fails_is_asked_one_by_one_until_it_takes_something(server, admin, hook, work):
    hook.always = 503
    for _ in range(10):
        await server.register()
    await work.queue()
    await work.send()
    most = hook.most
    server.clock.advance(seconds=5)
    hook.most = 0
    await work.send()
    assert (most, hook.most) == (8, 1)

    hook.always = 204
    server.clock.advance(minutes=5)
    await work.send()
    assert {one["status"] for one in await deliveries_of(admin)} == {"delivered"}


async def test_what_an_endpoint_has_taken_is_noted_when_the_store_is_back_and_not_sent_again(
    server, admin, hook, monkeypatch
):
    queue = server.service.state["deliveries"]
    settle, refused = queue.settle, []

    async def refuse_twice(*args: Any) -> bool:
        if len(refused) < 2:
            refused.append(args)
            raise StoreUnavailable("The store does not answer.")
        return await settle(*args)

    monkeypatch.setattr(queue, "settle", refuse_twice)
    work = Work(server, note_pauses_seconds=(0.0, 0.0))
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    await work.send()
    server.clock.advance(seconds=LEASE_SECONDS)
    await work.send()

    assert [one["status"] for one in await deliveries_of(admin)] == ["delivered"]
    assert (len(refused), len(hook.received)) == (2, 1)
    await work.sending.close()


async def test_what_could_not_be_noted_before_somebody_else_may_have_it_is_sent_again_under_its_id(
    server, admin, hook, monkeypatch
):
    queue = server.service.state["deliveries"]
    settle, refused = queue.settle, []

    async def refuse_once(*args: Any) -> bool:
        if not refused:
            refused.append(args)
            server.clock.advance(seconds=LEASE_SECONDS)
            raise StoreUnavailable("The store does not answer.")
        return await settle(*args)

    monkeypatch.setattr(queue, "settle", refuse_once)
    work = Work(server, note_pauses_seconds=(0.0, 0.0))
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    await work.send()

    assert [one["status"] for one in await deliveries_of(admin)] == ["delivered"]
    assert (len(hook.received), len(set(hook.ids))) == (2, 1)
    await work.sending.close()


async def test_after_a_rotation_the_old_secret_verifies_for_a_day(server, admin, hook, work):
    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    new = (await admin.post(f"/webhooks/{webhook_id}/rotate-secret")).json()["secret"]

    async def told() -> int:
        before = len(hook.received)
        await admin.post(f"/webhooks/{webhook_id}/test")
        await work.send()
        return len(hook.received) - before

    assert await told() == 1
    assert len(hook.received[-1].headers["webhook-signature"].split()) == 2
    old, hook.secret = hook.secret, new
    assert await told() == 1
    server.clock.advance(days=1)
    assert await told() == 1
    assert len(hook.received[-1].headers["webhook-signature"].split()) == 1
    hook.secret = old
    assert await told() == 0
    assert hook.forged == 1


async def test_an_endpoint_that_nobody_is_at_gets_it_later(server, admin, work):
    created = (await admin.post("/webhooks", {"url": "http://127.0.0.1:9/hooks"})).json()
    await admin.post(f"/webhooks/{created['webhook_id']}/test")
    await work.send()

    (delivery,) = await deliveries_of(admin)
    assert (delivery["status"], delivery["last_error"]) == ("waiting", "Nobody can be reached at the endpoint.")
    assert "last_status_code" not in delivery


async def test_events_are_not_done_with_before_their_deliveries_are_queued(server, admin, hook, work, monkeypatch):
    await server.register()
    await work.feed.relay()
    queue = server.service.state["deliveries"]
    add = queue.add

    async def fail(*_: Any) -> None:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(queue, "add", fail)
    with pytest.raises(StoreUnavailable):
        await work.queueing.run_once(server.clock.now)
    monkeypatch.setattr(queue, "add", add)

    events = await work.feed.take("webhooks", "another", idle_seconds=0)
    assert events
    await queue.add([], server.clock.now)
    another = QueueDeliveries(
        work.feed, server.service.state["webhooks"], queue, base_url="https://utility.example", consumer="another"
    )
    monkeypatch.setattr(work.feed, "take", lambda *_, **__: asyncio.sleep(0, events))
    await another.run_once(server.clock.now)
    await work.send()
    assert sorted(hook.ids) == sorted({*hook.ids})
    assert len(hook.received) == len(events)


async def test_no_secret_and_no_url_is_in_the_log(json_log: io.BytesIO, server, admin, hook, work):
    hook.answers = [500, 410]
    await server.register()
    await work.all()
    server.clock.advance(seconds=5)
    await work.send()

    lines = json_log.getvalue().decode().splitlines()
    logged = "\n".join(line for line in lines if '"logger":"uvicorn' not in line)  # which is that of the endpoint
    assert "delivery_delayed" in logged
    assert "webhook_turned_off" in logged
    for private in (hook.secret, "whsec_", "tenant=1"):
        assert private not in logged


async def test_the_jobs_end_with_the_process_and_break_off_what_takes_too_long(server, admin, monkeypatch):
    monkeypatch.setattr("app.worker.webhooks.PARTING_SECONDS", 0.1)
    one = Work(server)
    async with endpoint(hang=True) as dead:
        webhook_id = await subscribe(admin, dead)
        await admin.post(f"/webhooks/{webhook_id}/test")
        await one.sending.run_once(server.clock.now)
        assert one.sending.busy

        await one.sending.close()

        assert not one.sending.busy
        dead.hang = False
        server.clock.advance(seconds=60)
        another = Work(server)
        await another.send()
        await another.sending.close()
    assert len(dead.received) == 2
    assert len(set(dead.ids)) == 1


def test_the_schedule_is_that_of_the_standard():
    assert timedelta(seconds=sum(PAUSES_SECONDS)) == timedelta(hours=75, minutes=35, seconds=5)


async def test_a_mistake_of_ours_is_told_and_the_delivery_tried_again_like_any_other(
    json_log, server, admin, hook, work
):
    class Broken(HttpSender):
        async def send(self, *_: Any) -> Any:
            raise LookupError

    webhook_id = (await admin.get("/webhooks")).json()["webhooks"][0]["webhook_id"]
    await admin.post(f"/webhooks/{webhook_id}/test")
    broken = Work(server, Broken())
    await broken.send()
    await broken.sending.close()

    (delivery,) = await deliveries_of(admin)
    assert (delivery["status"], delivery["attempts"]) == ("waiting", 1)
    assert b"delivery_failed" in json_log.getvalue()
    server.clock.advance(seconds=5)
    await work.send()
    assert len(hook.received) == 1
