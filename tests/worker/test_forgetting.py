"""Registrations that nobody has ever used are forgotten, and nothing else (DESIGN.md section 7)."""

from typing import Any

import pytest

from app.domain import broadcasts
from app.domain.feed import Actor, AuditEntry
from app.domain.records import Event
from app.main import background_jobs
from app.store import keys
from app.worker.jobs import Forgetting
from tests.conftest import MakeServer, Registered, Server

DAYS = 30
DEMO = "cds_client_admin ple_grid_status"


async def walk(server: Server, days: int = DAYS) -> None:
    """Let the job do all of its walk."""
    state = server.service.state
    assert state
    job = Forgetting(state["context"], state["directory"], state["unused"], days)
    while await job.run_once(server.clock.now):
        pass


async def there(server: Server) -> set[str]:
    """The keys in the store that belong to registrations, and what the indexes of the shards list."""
    client = server.connection._client  # noqa: SLF001 -- nothing else tells all keys
    found = {key.decode() async for key in client.scan_iter("*")}
    listed = [key for key in found if ":d:" in key or key.endswith((":registrations", ":words"))]
    members = [await server.connection.command("ZRANGE", key, 0, -1) for key in listed]
    return {key for key in found if ":n:" not in key and ":events" not in key} | {
        member.decode() for several in members for member in several
    }


def is_about(registered: Registered, entries: set[str]) -> list[str]:
    """Which of these name a registration."""
    prefix, registration_id = keys.prefix(registered.registration_id), registered.registration_id
    return sorted(one for one in entries if one.startswith(prefix) or registration_id in one)


async def test_a_registration_that_nobody_has_used_leaves_nothing_behind(server: Server) -> None:
    unused = await server.register(DEMO, client_name="Passing By")
    assert len(is_about(unused, await there(server))) > 10
    server.clock.advance(days=DAYS, seconds=1)
    await walk(server)

    assert is_about(unused, await there(server)) == []
    assert (await server.token_response(unused.client_id, unused.client_secret)).status_code == 401


async def test_the_audit_log_keeps_that_it_was_there(server: Server) -> None:
    unused = await server.register()
    server.clock.advance(days=DAYS, seconds=1)
    await walk(server)
    state = server.service.state
    assert state
    await state["feed"].relay()

    (record,) = [one for one in await audit(server) if one["action"] == "registrations.forget"]
    assert record["registration_id"] == unused.registration_id
    assert record["actor"]["via"] == "server"
    assert record["changes"][0]["before"]["scope"] == "cds_client_admin"
    assert record["changes"][0]["after"] is None


async def audit(server: Server) -> list[dict[str, Any]]:
    """The audit log as operators read it."""
    http = server.http
    key = {"Authorization": f"Bearer {BOOTSTRAP}"}
    records: list[dict[str, Any]] = (await http.get("/operator/api/v1/audit", headers=key)).json()["audit"]
    return records


BOOTSTRAP = "cdsop_" + "A" * 43


@pytest.fixture
async def server(make_server: MakeServer) -> Server:
    return await make_server(CDS_OPERATOR_BOOTSTRAP_KEY=BOOTSTRAP)


async def with_a_token(server: Server, registered: Registered) -> None:
    await server.token_response(registered.client_id, registered.client_secret)


async def with_a_note(server: Server, registered: Registered) -> None:
    path = f"/operator/api/v1/registrations/{registered.registration_id}"
    answer = await server.http.patch(path, json={"notes": "a"}, headers={"Authorization": f"Bearer {BOOTSTRAP}"})
    assert answer.status_code == 200


async def with_a_message(server: Server, registered: Registered) -> None:
    path = f"/operator/api/v1/registrations/{registered.registration_id}/messages"
    body = {"type": "private_message", "name": "Hello", "description": "Are you there?"}
    answer = await server.http.post(path, json=body, headers={"Authorization": f"Bearer {BOOTSTRAP}"})
    assert answer.status_code == 201, answer.text


async def suspended(server: Server, registered: Registered) -> None:
    path = f"/operator/api/v1/registrations/{registered.registration_id}"
    headers = {"Authorization": f"Bearer {BOOTSTRAP}"}
    assert (await server.http.patch(path, json={"status": "suspended"}, headers=headers)).status_code == 200


async def with_a_notification(server: Server, registered: Registered) -> None:
    path = f"/operator/api/v1/registrations/{registered.registration_id}/messages"
    body = {"type": "notification", "name": "For you", "description": "Only for you."}
    answer = await server.http.post(path, json=body, headers={"Authorization": f"Bearer {BOOTSTRAP}"})
    assert answer.status_code == 201, answer.text


async def test_a_broadcast_keeps_nobody(server: Server) -> None:
    unused = await server.register()
    body = {"name": "Maintenance", "description": "On Sunday."}
    headers = {"Authorization": f"Bearer {BOOTSTRAP}"}
    assert (await server.http.post("/operator/api/v1/broadcasts", json=body, headers=headers)).status_code == 201
    state = server.service.state
    assert state
    server.clock.advance(days=1)
    while await broadcasts.send_some(state["context"], state["broadcasts"], server.clock.now):
        pass
    assert await server.connection.command("ZCARD", f"{keys.prefix(unused.registration_id)}:i:messages") > 0
    server.clock.advance(days=DAYS)
    await walk(server)

    assert is_about(unused, await there(server)) == []


@pytest.mark.parametrize("use", [with_a_token, with_a_note, with_a_message, with_a_notification, suspended])
async def test_whatever_anybody_has_done_with_it_keeps_a_registration(server: Server, use: Any) -> None:
    used = await server.register(DEMO)
    server.clock.advance(days=1)
    await use(server, used)
    before = is_about(used, await there(server))
    server.clock.advance(days=10 * DAYS)
    await walk(server)

    after = is_about(used, await there(server))
    assert f"{keys.prefix(used.registration_id)}:o" in after
    assert len(after) >= len(before) - 2  # a token expires in its own time


async def test_young_ones_are_kept(server: Server) -> None:
    young = await server.register()
    server.clock.advance(days=DAYS - 1)
    await walk(server)

    assert (await server.token_response(young.client_id, young.client_secret)).status_code == 200


async def test_of_those_that_were_made_before_there_were_marks_none_is_forgotten(server: Server) -> None:
    older = await server.register()
    await server.connection.command("HDEL", f"{keys.prefix(older.registration_id)}:r", "unused", writes=True)
    server.clock.advance(days=10 * DAYS)
    await walk(server)

    assert (await server.token_response(older.client_id, older.client_secret)).status_code == 200


async def test_one_that_is_used_while_it_is_looked_at_is_kept(server: Server) -> None:
    late = await server.register()
    state = server.service.state
    assert state
    (candidate,) = await state["unused"].candidates([late.registration_id])
    await server.token_response(late.client_id, late.client_secret)
    entry = AuditEntry(actor=Actor(name="server", role="server", via="server"), action="x", changes=[])
    event = Event("registration.deleted", late.registration_id)

    assert not await state["unused"].forget(candidate, event, entry, now=server.clock.now)
    assert (await server.token_response(late.client_id, late.client_secret)).status_code == 200


async def test_the_walk_begins_once_a_day_whoever_looks(server: Server) -> None:
    state = server.service.state
    assert state
    first, second = (Forgetting(state["context"], state["directory"], state["unused"], DAYS) for _ in range(2))

    assert await first.run_once(server.clock.now)
    assert not await second.run_once(server.clock.now)


async def test_it_is_done_only_where_the_settings_ask_for_it(make_server: MakeServer) -> None:
    for written, expected in (("off", False), ("30", True)):
        server = await make_server(CDS_FORGET_UNUSED=written)
        assert server.service.state
        names = [job.name for job in background_jobs(server.service.state)]
        assert ("forget" in names) is expected
