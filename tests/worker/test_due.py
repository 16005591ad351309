"""What is due happens although nobody asks, and once, although many see to it."""

import asyncio
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import client_status
from app.domain.directory import Directory
from app.domain.records import Change, Listing, Wanted
from app.errors import Conflict, StoreUnavailable
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.worker.due import PATIENCE, Settling
from tests.conftest import MakeServer, Registered, Server, changed
from tests.grant_objects import holder_of, make_grant, utility
from tests.onboarding import EVERY_STEP

DAY = timedelta(days=1)
EVERYTHING = "cds_client_admin ple_grid_status test_prices"


def directory_of(server: Server) -> Directory:
    """What knows what is due."""
    assert server.service.state
    return server.service.state["directory"]


def settling(server: Server) -> Settling:
    """A job as a process that has just started has it."""
    return Settling(server.context, directory_of(server))


async def settle(server: Server) -> int:
    """Let a job work until there is nothing to do; in how many steps."""
    job, steps = settling(server), 0
    while await job.run_once(server.clock.now):
        steps += 1
    return steps


async def told(registered: Registered, name: str) -> list[dict[str, Any]]:
    return [one for one in await registered.messages("private_message") if one["name"] == name]


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """Secrets live for ninety days here."""
    ttl_seconds = 90 * 86400
    return await make_server(
        changed(
            utility(demo_catalog),
            registration={"secret_ttl_seconds": ttl_seconds, "onboarding_link_ttl_seconds": ttl_seconds // 3},
        )
    )


@pytest.fixture
async def registered(server: Server) -> Registered:
    return await server.register(EVERYTHING)


async def test_a_client_hears_two_weeks_ahead_that_a_credential_expires(server: Server, registered: Registered):
    credentials = (await registered.get("/cds-api/v1/credentials")).json()["credentials"]
    server.clock.advance(days=75, hours=23, minutes=59)
    early = await settle(server)
    server.clock.advance(minutes=1)

    await asyncio.gather(*(settle(server) for _ in range(5)))

    assert early == 0
    notices = await told(registered, "Credential expires soon")
    assert {one["related_uri"] for one in notices} == {one["uri"] for one in credentials}
    assert len(notices) == len(credentials)
    for one in notices:
        assert one["related_type"] == "credential"
        assert "expires at 2026-08-30T12:00:00Z" in one["description"]
    unchanged = (await registered.get("/cds-api/v1/credentials")).json()["credentials"]
    assert sorted(unchanged, key=str) == sorted(credentials, key=str)
    server.clock.advance(days=13)
    assert await settle(server) == 0
    assert len(await told(registered, "Credential expires soon")) == len(credentials)


async def test_nobody_hears_of_an_expiry_that_the_client_has_brought_forward_to_now(
    server: Server, registered: Registered
):
    for one in (await registered.get("/cds-api/v1/credentials")).json()["credentials"]:
        if one["client_id"] != registered.client_id:
            body = {"client_secret_expires_at": int(server.clock.now.timestamp())}
            assert (await registered.patch(one["uri"], body)).status_code == 200
    server.clock.advance(days=80)

    await settle(server)

    (notice,) = await told(registered, "Credential expires soon")
    assert notice["related_uri"].startswith("https://utility.example/cds-api/v1/credentials/")


async def test_after_a_long_outage_nobody_is_told_that_what_has_expired_will_expire(
    server: Server, registered: Registered
):
    server.clock.advance(days=100)

    assert await settle(server) > 0

    assert await settle(server) == 0
    page = await server.context.records.find(registered.access, Listing(Message))
    assert "Credential expires soon" not in {one.object.name for one in page}


async def test_grants_start_and_expire_on_time(server: Server, registered: Registered):
    holder = await holder_of(registered, "test_prices")
    starts, ends = server.clock.now + DAY, server.clock.now + 3 * DAY
    made = await make_grant(registered, holder.client_id, "test_prices", not_before=starts, expires=ends)
    server.clock.advance(days=1)

    await asyncio.gather(*(settle(server) for _ in range(5)))
    started = await stored_grant(server, registered, made.grant_id)
    server.clock.advance(days=2)
    await settle(server)
    ended = await stored_grant(server, registered, made.grant_id)

    assert (started.status, ended.status) == ("active", "expired")
    assert len([one for one in await registered.messages() if one.get("related_uri") == made.uri]) == 3


async def stored_grant(server: Server, registered: Registered, grant_id: str):
    """As it is in the store, without a read that would settle it."""
    (stored,) = await server.context.records.load(replace(registered.access, settled=True), Wanted(Grant, grant_id))
    assert stored
    return stored.object


async def test_an_onboarding_link_that_has_expired_is_renewed_once(server: Server):
    registered = await server.register("cds_client_admin ple_customer_data")
    steps = [one for one in await registered.messages() if one["status"] == "open"]
    server.clock.advance(days=40)

    await asyncio.gather(*(settle(server) for _ in range(5)))

    renewed = [one for one in await registered.messages() if one["created"] == "2026-07-11T12:00:00Z"]
    asked_again = [one for one in renewed if one["previous_uri"]]
    assert steps
    assert sorted(one["previous_uri"] for one in asked_again) == sorted(one["uri"] for one in steps)
    assert {one["related_uri"] for one in asked_again}.isdisjoint({one["related_uri"] for one in steps})
    assert await settle(server) == 0


async def test_links_of_one_registration_that_expire_together_do_not_get_in_each_others_way(
    server: Server, json_log: io.BytesIO
):
    """They have been made together, so they always do."""
    registered = await server.register(EVERY_STEP)
    steps = [one for one in await registered.messages() if "/onboarding/" in one.get("related_uri", "")]
    server.clock.advance(days=40)

    await settling(server).run_once(server.clock.now)

    again = [one for one in await registered.messages() if one["previous_uri"] in {step["uri"] for step in steps}]
    assert len(again) == len(steps) - 1 > 2  # the blank PDF has a link that does not end
    assert b'"level":"error"' not in json_log.getvalue()


async def test_what_others_settle_at_the_same_moment_is_no_error(
    server: Server, registered: Registered, json_log: io.BytesIO, monkeypatch: pytest.MonkeyPatch
):
    async def late(change: Change) -> None:
        raise Conflict("The object was changed meanwhile.")

    monkeypatch.setattr(server.context.records, "apply", late)
    server.clock.advance(days=80)
    job = settling(server)

    assert await job.run_once(server.clock.now)
    monkeypatch.undo()
    assert await job.run_once(server.clock.now)

    assert await told(registered, "Credential expires soon")
    assert b'"level":"error"' not in json_log.getvalue()


async def test_switching_a_client_object_that_a_crash_has_interrupted_is_finished(
    server: Server, registered: Registered, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_status, "BATCH", 2)
    grid = (await registered.clients())["ple_grid_status"]
    for _ in range(4):
        await registered.post("/cds-api/v1/credentials", {"client_id": grid["client_id"]})
    apply, left = server.context.records.apply, [1]

    async def crash_after_one(change: Change) -> None:
        if not left[0]:
            raise StoreUnavailable("The store does not answer.")
        left[0] -= 1
        await apply(change)

    monkeypatch.setattr(server.context.records, "apply", crash_after_one)
    assert (await registered.put(grid["cds_client_uri"], grid | {"cds_status": "disabled"})).status_code == 503
    monkeypatch.setattr(server.context.records, "apply", apply)
    disabled_at = int(server.clock.now.timestamp())
    server.clock.advance(seconds=59)
    assert await settle(server) == 0
    server.clock.advance(seconds=1)

    await asyncio.gather(*(settle(server) for _ in range(3)))

    assert await settle(server) == 0
    listing = await registered.get("/cds-api/v1/credentials", params={"client_ids": grid["client_id"]})
    assert {one["client_secret_expires_at"] for one in listing.json()["credentials"]} == {disabled_at}


async def test_what_cannot_be_settled_keeps_nobody_waiting_and_is_tried_again_later(
    server: Server, json_log: io.BytesIO, monkeypatch: pytest.MonkeyPatch
):
    bad, good = await server.register(), await server.register()
    apply = server.context.records.apply

    async def fail_for_one(change: Change) -> None:
        if change.registration_id == bad.registration_id:
            raise ValueError("no change of ours")
        await apply(change)

    monkeypatch.setattr(server.context.records, "apply", fail_for_one)
    server.clock.advance(days=80)
    job = settling(server)

    assert await job.run_once(server.clock.now)
    assert not await job.run_once(server.clock.now)
    assert len(await told(good, "Credential expires soon")) == 1
    assert json_log.getvalue().count(b'"due_not_settled"') == 1
    monkeypatch.undo()
    assert not await job.run_once(server.clock.advance(seconds=PATIENCE.total_seconds() - 1))
    assert await job.run_once(server.clock.advance(seconds=1))
    assert len(await told(bad, "Credential expires soon")) == 1


async def test_what_is_due_about_something_that_is_not_there_is_forgotten(server: Server, registered: Registered):
    change = Change(registered.registration_id, server.clock.now)
    change.remind(f"{registered.registration_id}-czzzzzzzzzz", server.clock.now)
    change.remind(f"{registered.registration_id}-99", server.clock.now)
    await server.context.records.apply(change)

    assert await settle(server) == 1

    assert await directory_of(server).due(server.clock.now) == []


async def test_an_outage_is_the_runtimes_business(
    server: Server, registered: Registered, monkeypatch: pytest.MonkeyPatch
):
    async def away(change: Change) -> None:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(server.context.records, "apply", away)
    server.clock.advance(days=80)
    job = settling(server)

    with pytest.raises(StoreUnavailable):
        await job.run_once(server.clock.now)
    monkeypatch.undo()
    assert await job.run_once(server.clock.now)
    assert await told(registered, "Credential expires soon")
