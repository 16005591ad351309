"""The overview of the operator API: counts, inbox, what happened last, the store."""

import pytest

from tests.conftest import MakeServer, Server
from tests.message_objects import EVERYTHING, PRIVATE, SUPPORT, created
from tests.operators import operator_of


async def test_the_overview_counts_what_there_is(server: Server) -> None:
    client = await server.register(EVERYTHING)
    plain = await server.register()
    admin, viewer = await operator_of(server), await operator_of(server, "viewer")
    await admin.patch(f"/registrations/{plain.registration_id}", {"status": "suspended"})
    await created(client, PRIVATE)
    server.clock.advance(seconds=90)
    question = await created(client, SUPPORT)
    server.clock.advance(seconds=30)

    answer = await viewer.get("/overview")

    assert answer.status_code == 200
    seen = answer.json()
    assert seen["registrations"] == {"active": 1, "suspended": 1}
    assert seen["onboarding"] == 1
    assert seen["waiting"]["private_message"] == {"count": 1, "oldest": "2026-06-01T12:00:00Z"}
    assert seen["waiting"]["support_request"] == {"count": 1, "oldest": "2026-06-01T12:01:30Z"}
    assert seen["outstanding"] > 2
    assert seen["grants"]["active"] == 2
    assert seen["inbox"][0]["age_seconds"] == 120
    assert (seen["inbox"][-1]["message_id"], seen["inbox"][-1]["age_seconds"]) == (question["message_id"], 30)
    assert seen["events"][0]["type"] == "message.created"
    assert seen["events"][0]["registration_id"] == client.registration_id
    assert seen["store"]["round_trip_ms"] >= 0
    assert seen["store"]["feed_backlog"] > 0
    assert (await viewer.get("/overview")).json()["store"]["feed_backlog"] == 0


async def test_an_empty_server_has_an_overview_too(server: Server) -> None:
    viewer = await operator_of(server, "viewer")

    seen = (await viewer.get("/overview")).json()

    assert (seen["inbox"], seen["outstanding"]) == ([], 0)
    assert seen["registrations"].get("active", 0) == 0


@pytest.mark.parametrize("count", [30])
async def test_the_inbox_of_the_overview_is_short(make_server: MakeServer, count: int) -> None:
    server = await make_server()
    client, viewer = await server.register(), await operator_of(server, "viewer")
    for _ in range(count):
        await created(client, PRIVATE)

    seen = (await viewer.get("/overview")).json()

    assert len(seen["inbox"]) == 10
    assert seen["waiting"]["private_message"]["count"] == count
