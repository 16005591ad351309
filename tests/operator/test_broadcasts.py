"""Broadcasts: one text of an operator for every registration, each exactly once."""

import asyncio
import io
from typing import Any

import pytest

from app.domain import broadcasts
from app.domain.broadcasts import BroadcastStore
from app.domain.records import Change
from app.errors import ServerError, StoreUnavailable
from tests.conftest import Registered, Server
from tests.operators import operator_of

OUTAGE = {"name": "Maintenance on Sunday", "description": "Data will be late.\n\nWe are sorry."}


def store_of(server: Server) -> BroadcastStore:
    """Where the broadcasts of a server are kept."""
    assert server.service.state
    return server.service.state["broadcasts"]


async def send_all(server: Server) -> int:
    """Let the background job work until there is nothing to do; in how many steps."""
    steps = 0
    while await broadcasts.send_some(server.context, store_of(server), server.clock.now):
        steps += 1
    return steps


async def received(registered: Registered) -> list[dict[str, Any]]:
    """The notifications of a Client, but for its welcome."""
    return [one for one in await registered.messages("notification") if not one["name"].startswith("Welcome")]


@pytest.mark.clause("WG1-02-6.2-01", "WG1-02-6.2-02")
async def test_every_registration_gets_one_notification(server: Server) -> None:
    clients = [await server.register() for _ in range(3)]
    anna = await operator_of(server, "support", "anna")

    answer = await anna.post("/broadcasts", OUTAGE)
    await send_all(server)

    assert answer.status_code == 201
    created = answer.json()
    assert created | {"broadcast_id": ""} == {
        "broadcast_id": "",
        **OUTAGE,
        "related_uri": None,
        "related_type": None,
        "scopes": [],
        "created": "2026-06-01T12:00:00Z",
        "created_by": "anna",
        "recipients": 3,
        "sent": 0,
        "status": "running",
    }
    for client in clients:
        (message,) = await received(client)
        assert (
            message.items()
            >= {
                **OUTAGE,
                "type": "notification",
                "status": "complete",
                "read": False,
                "creator": None,
                "previous_uri": None,
                "created": "2026-06-01T12:00:00Z",
            }.items()
        )
        assert (await client.get(message["uri"])).json() == message
    seen = (await anna.get(answer.headers["location"])).json()
    assert seen == created | {"sent": 3, "status": "complete", "completed": "2026-06-01T12:00:00Z"}


async def test_a_broadcast_may_lead_somewhere(server: Server) -> None:
    client = await server.register()
    anna = await operator_of(server)
    link = {"related_uri": "https://utility.example/docs/support", "related_type": "support"}

    await anna.post("/broadcasts", OUTAGE | link)
    await send_all(server)

    (message,) = await received(client)
    assert message.items() >= link.items()


async def test_only_those_who_asked_for_one_of_the_scopes_get_it(server: Server) -> None:
    grid = await server.register("cds_client_admin ple_grid_status")
    both = await server.register("cds_client_admin ple_grid_status ple_interconnection")
    other = await server.register()
    anna = await operator_of(server)

    body = OUTAGE | {"scopes": ["ple_interconnection", "ple_grid_status", "ple_grid_status"]}
    created = (await anna.post("/broadcasts", body)).json()
    await send_all(server)

    assert created["scopes"] == ["ple_grid_status", "ple_interconnection"]
    assert created["recipients"] == 2
    assert [len(await received(one)) for one in (grid, both, other)] == [1, 1, 0]


async def test_who_registers_later_does_not_get_it(server: Server) -> None:
    await server.register()
    anna = await operator_of(server)
    await anna.post("/broadcasts", OUTAGE)
    server.clock.advance(seconds=1)
    later = await server.register()

    await send_all(server)

    assert await received(later) == []


async def test_a_suspended_registration_does_not_get_it(server: Server) -> None:
    active, suspended = await server.register(), await server.register()
    anna = await operator_of(server)
    await anna.patch(f"/registrations/{suspended.registration_id}", json={"status": "suspended"})

    created = (await anna.post("/broadcasts", OUTAGE)).json()
    await send_all(server)

    assert created["recipients"] == 1
    assert (await anna.get(f"/broadcasts/{created['broadcast_id']}")).json()["sent"] == 1
    assert len(await received(active)) == 1


async def test_a_preview_shows_the_message_and_counts_without_sending_anything(server: Server) -> None:
    client = await server.register("cds_client_admin ple_grid_status")
    await server.register()
    anna = await operator_of(server, "support")

    answer = await anna.post("/broadcasts/preview", OUTAGE | {"scopes": ["ple_grid_status"]})
    await send_all(server)

    assert answer.status_code == 200
    assert answer.json()["recipients"] == 1
    assert answer.json()["message"].items() >= (OUTAGE | {"type": "notification", "creator": None}).items()
    assert answer.json()["message"].keys().isdisjoint({"message_id", "uri"})
    assert await received(client) == []
    assert (await anna.get("/broadcasts")).json() == {"broadcasts": [], "next": None, "previous": None}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"description": ""}, "description"),
        ({"related_uri": "ftp://utility.example"}, "related_uri"),
        ({"related_uri": "https://x.example", "related_type": "grant"}, "related_type"),
        ({"related_type": "documentation"}, "related_type"),
        ({"scope": ["ple_grid_status"]}, "scope"),
        ({"scopes": "ple_grid_status"}, "scopes"),
        ({"scopes": ["nothing"]}, "scopes"),
        ({"scopes": [["ple_grid_status"]]}, "scopes"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_sent(server: Server, wrong: dict[str, Any], field: str) -> None:
    anna = await operator_of(server)

    answers = [await anna.post(path, OUTAGE | wrong) for path in ("/broadcasts", "/broadcasts/preview")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert [answer.json()["errors"][0]["field"] for answer in answers] == [field, field]
    assert await send_all(server) == 0


async def test_a_link_that_only_one_registration_could_follow_is_refused(server: Server) -> None:
    client = await server.register()
    anna = await operator_of(server)
    (own, *_) = await client.messages()

    answer = await anna.post("/broadcasts", OUTAGE | {"related_uri": own["uri"]})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "related_uri"


async def test_viewers_look_but_do_not_broadcast(server: Server) -> None:
    viewer, anna = await operator_of(server, "viewer"), await operator_of(server)
    created = (await anna.post("/broadcasts", OUTAGE)).json()

    refused = [await viewer.post(path, OUTAGE) for path in ("/broadcasts", "/broadcasts/preview")]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert (await viewer.get("/broadcasts")).json()["broadcasts"] == [created]
    assert (await viewer.get(f"/broadcasts/{created['broadcast_id']}")).json() == created
    assert (await viewer.get("/broadcasts/bnothing")).status_code == 404


async def test_an_idempotency_key_makes_one_broadcast_of_many_posts(server: Server) -> None:
    client = await server.register()
    anna, bert = await operator_of(server), await operator_of(server)
    key = {"Idempotency-Key": "outage-2026-06"}

    first = await anna.post("/broadcasts", OUTAGE, headers=key)
    await send_all(server)
    again = await anna.post("/broadcasts", OUTAGE, headers=key)
    await send_all(server)
    others = await bert.post("/broadcasts", OUTAGE | {"name": "Another"}, headers=key)
    changed = await anna.post("/broadcasts", OUTAGE | {"name": "Another"}, headers=key)
    bad = await anna.post("/broadcasts", OUTAGE, headers={"Idempotency-Key": "x" * 256})

    assert (again.status_code, again.json()["broadcast_id"]) == (201, first.json()["broadcast_id"])
    assert again.headers["location"] == first.headers["location"]
    assert again.json()["status"] == "complete"
    assert len(await received(client)) == 1
    assert others.status_code == 201
    assert others.json()["broadcast_id"] != first.json()["broadcast_id"]
    assert changed.status_code == 409
    assert bad.status_code == 400


async def test_broadcasts_are_listed_newest_first_page_by_page(server: Server) -> None:
    anna = await operator_of(server)
    for number in range(55):
        await anna.post("/broadcasts", OUTAGE | {"name": f"Number {number}"})

    first = (await anna.get("/broadcasts")).json()
    second = (await anna.get(first["next"])).json()
    back = (await anna.get(second["previous"])).json()

    names = [one["name"] for page in (first, second) for one in page["broadcasts"]]
    assert names == [f"Number {number}" for number in reversed(range(55))]
    assert (first["previous"], second["next"]) == (None, None)
    assert back == first


async def test_a_broadcast_is_in_the_audit_log(server: Server) -> None:
    anna = await operator_of(server, "support", "anna")
    created = (await anna.post("/broadcasts", OUTAGE)).json()

    assert server.service.state
    feed = server.service.state["feed"]
    await feed.relay()
    (record,) = [one for one in await feed.latest_audit() if one.action == "broadcasts.create"]

    assert record.actor.name == "anna"
    assert record.registration_id is None
    assert record.changes == [
        {"object": "broadcast", "id": created["broadcast_id"], "before": None, "after": OUTAGE},
    ]


async def test_many_who_send_at_once_send_it_once(server: Server) -> None:
    clients = [await server.register() for _ in range(40)]
    anna = await operator_of(server)
    created = (await anna.post("/broadcasts", OUTAGE)).json()

    await asyncio.gather(*(send_all(server) for _ in range(8)))

    assert [len(await received(client)) for client in clients] == [1] * 40
    assert (await anna.get(f"/broadcasts/{created['broadcast_id']}")).json()["sent"] == 40


async def test_an_outage_in_the_middle_sends_nothing_twice(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [await server.register() for _ in range(20)]
    anna = await operator_of(server)
    created = (await anna.post("/broadcasts", OUTAGE)).json()
    apply, left = server.context.records.apply, [7]

    async def away_after_some(change: Change) -> None:
        if not left[0]:
            raise StoreUnavailable("The store does not answer.")
        left[0] -= 1
        await apply(change)

    monkeypatch.setattr(server.context.records, "apply", away_after_some)
    with pytest.raises(StoreUnavailable):
        await send_all(server)
    monkeypatch.undo()
    await send_all(server)

    assert [len(await received(client)) for client in clients] == [1] * 20
    assert (await anna.get(f"/broadcasts/{created['broadcast_id']}")).json()["sent"] == 20


async def test_one_registration_that_cannot_be_written_to_keeps_no_other_waiting(
    json_log: io.BytesIO, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await server.register(), await server.register()
    anna = await operator_of(server)
    created = (await anna.post("/broadcasts", OUTAGE)).json()
    apply = server.context.records.apply

    async def fail_for_one(change: Change) -> None:
        if change.registration_id == bad.registration_id:
            raise ServerError("The script failed.")
        await apply(change)

    monkeypatch.setattr(server.context.records, "apply", fail_for_one)
    await send_all(server)
    monkeypatch.undo()

    assert len(await received(good)) == 1
    seen = (await anna.get(f"/broadcasts/{created['broadcast_id']}")).json()
    assert (seen["recipients"], seen["sent"], seen["status"]) == (2, 1, "complete")
    assert b'"broadcast_not_sent"' in json_log.getvalue()
