"""Events in the operator API: everything that happens, oldest first, from any place on."""

import pytest

from app.domain.events import EVENT_TYPES
from tests.conftest import PUBLIC_URL, Server
from tests.message_objects import EVERYTHING
from tests.operators import API, operator_of

PATH = "/events"


async def events_of(server: Server, **query: str) -> list[dict]:
    """Events as a viewer reads them, without those about operators."""
    answer = await (await operator_of(server, "viewer")).get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["events"] if not one["type"].startswith("operator.")]


async def test_what_happened_a_moment_ago_is_there(server):
    client = await server.register()
    before = await events_of(server)
    server.clock.advance(seconds=1)
    await client.post("/cds-api/v1/credentials", {"client_id": client.client_id})

    after = await events_of(server, after=before[-1]["id"])

    assert {one["type"] for one in before} >= {"registration.created", "client.created", "credential.created"}
    assert {one["type"] for one in after} == {"credential.created", "message.created"}
    (made,) = [one for one in after if one["type"] == "credential.created"]
    credential = await client.credential_of(client.client_id)
    assert made | {"id": ""} == {
        "id": "",
        "at": "2026-06-01T12:00:01Z",
        "registration_id": client.registration_id,
        "type": "credential.created",
        "object_id": credential["credential_id"],
    }


async def test_one_registration_can_be_followed_alone(server):
    one, other = await server.register(), await server.register()

    events = await events_of(server, registration_id=one.registration_id)

    assert {event["registration_id"] for event in events} == {one.registration_id}
    assert len(events) == len([e for e in await events_of(server) if e["registration_id"] == one.registration_id])
    assert await events_of(server, registration_id=other.client_id + "-1") == []


async def test_events_come_in_pages_that_miss_and_repeat_nothing(server, monkeypatch):
    monkeypatch.setattr("app.operator.following.FEED_PAGE", 3)
    viewer = await operator_of(server, "viewer")
    await server.register(EVERYTHING)

    seen, url = [], f"{PUBLIC_URL}{API}{PATH}"
    while url:
        answer = (await viewer.get(url)).json()
        assert len(answer["events"]) == 3 or answer["next"] is None
        seen += [one["id"] for one in answer["events"]]
        url = answer["next"]

    assert len(seen) == len(set(seen))
    assert len(seen) == len(await server.service.state["feed"].events(limit=1000))


async def test_every_type_of_event_is_in_the_list_of_them(server):
    client = await server.register(EVERYTHING)
    await client.get("/cds-api/v1/messages")
    await client.post("/cds-api/v1/credentials", {"client_id": client.client_id})

    assert {one["type"] for one in await events_of(server)} <= set(EVENT_TYPES)


@pytest.mark.parametrize("after", ["x", "1-", "1-1-1", "+"])
async def test_a_place_that_is_none_is_refused(server, after):
    answer = await (await operator_of(server)).get(PATH, params={"after": after})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "after"
