"""Time changes Grants (CDS-WG1-02 8.1, 8.2; ambiguities E4, E7)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.domain.grant_times import settle_due
from app.domain.records import Access, Change
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from tests.client_objects import operator_disables, operator_enables
from tests.conftest import MakeServer, Registered, Server
from tests.factories import make_grant as make_bare_grant
from tests.grant_objects import (
    EVERYTHING,
    GRANTS,
    Holder,
    holder_of,
    make_grant,
    opening,
    patch,
    shown,
    utility,
)

DAY = timedelta(days=1)


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


@pytest.fixture
async def opener(registered: Registered) -> Holder:
    """The grant admin Client Object."""
    return await holder_of(registered, "cds_grant_admin")


async def decide(holder: Holder, grant_id: str, **fields: Any) -> Grant:
    access = holder.registered.access
    return await grant_decisions.modify_by_operator(holder.server.context, access, grant_id, Decision(**fields))


async def future_grant(data: Holder, **terms: Any) -> Grant:
    starts = data.server.clock.now + DAY
    return await make_grant(data.registered, data.client_id, "test_prices", not_before=starts, **terms)


async def told(registered: Registered, grant: Grant) -> list[dict[str, Any]]:
    return [one for one in await registered.messages() if one.get("related_uri") == grant.uri]


@pytest.mark.clause("WG1-02-8.1-05", "WG1-02-8.2-03", "WG1-02-8.2-16")
async def test_a_future_grant_starts_when_it_said_it_would(server, registered, data, opener):
    made = await future_grant(data)
    waiting = await shown(registered, made.grant_id)
    early = await opener.ask(opening(made))
    server.clock.advance(days=1, seconds=-1)
    still = await shown(registered, made.grant_id)
    server.clock.advance(seconds=1)
    started = await shown(registered, made.grant_id)

    assert (waiting["status"], waiting["not_before"], waiting["enabled_scope"]) == (
        "future",
        "2026-06-02T12:00:00Z",
        "",
    )
    assert early.status_code == 400
    assert still == waiting
    assert (started["status"], started["enabled_scope"]) == ("active", "test_prices")
    assert started["modified"] == "2026-06-02T12:00:00Z"
    assert (await opener.ask(opening(made))).status_code == 200


@pytest.mark.clause("WG1-02-8.1-06", "WG1-02-8.1-08", "WG1-02-8.2-13", "WG1-02-8.2-16")
async def test_a_grant_expires_when_it_said_it_would(server, registered, data, opener):
    made = await make_grant(registered, data.client_id, "test_prices", expires=server.clock.now + DAY)
    before = await shown(registered, made.grant_id)
    server.clock.advance(days=1, minutes=-1)
    token = await opener.token(opening(made))
    server.clock.advance(minutes=1)

    after = await shown(registered, made.grant_id)

    assert before["not_after"] == before["expires"] == after["not_after"] == after["expires"] == "2026-06-02T12:00:00Z"
    assert (before["status"], after["status"], after["enabled_scope"]) == ("active", "expired", "")
    assert after["modified"] == "2026-06-02T12:00:00Z"
    assert await opener.introspect(token) == {"active": False}
    assert (await opener.ask(opening(made))).status_code == 400


async def test_whoever_asks_late_reads_when_it_happened_and_is_told_when_it_was_noticed(server, registered, data):
    made = await make_grant(registered, data.client_id, "test_prices", expires=server.clock.now + DAY)
    server.clock.advance(days=3)

    grant = await shown(registered, made.grant_id)

    newest = (await told(registered, made))[0]
    assert (grant["modified"], newest["created"]) == ("2026-06-02T12:00:00Z", "2026-06-04T12:00:00Z")
    assert "is expired now" in newest["description"]


@pytest.mark.clause("WG1-02-8.4-15", "WG1-02-8.4-09")
async def test_listings_show_what_time_has_done_in_its_place(server, registered, data):
    made = await make_grant(registered, data.client_id, "test_prices", expires=server.clock.now + DAY)
    server.clock.advance(days=2)
    later = await make_grant(registered, data.client_id, "test_meters")

    expired = await registered.get(GRANTS, params={"statuses": "expired"})
    every = (await registered.get(GRANTS)).json()["grants"]

    assert [one["grant_id"] for one in expired.json()["grants"]] == [made.grant_id]
    assert [one["grant_id"] for one in every][:2] == [later.grant_id, made.grant_id]
    assert [one["modified"] for one in every] == sorted((one["modified"] for one in every), reverse=True)


async def test_a_grant_that_started_and_expired_unnoticed_is_expired(server, registered, data):
    made = await future_grant(data, expires=server.clock.now + 2 * DAY)
    server.clock.advance(days=5)

    grant = await shown(registered, made.grant_id)

    assert (grant["status"], grant["modified"]) == ("expired", "2026-06-03T12:00:00Z")
    assert len(await told(registered, made)) == 2


@pytest.mark.parametrize("status", ["pending", "needs_sub_grants"])
async def test_a_future_grant_becomes_what_it_was_made_for(server, registered, data, status):
    made = await future_grant(data, status=GrantStatus(status))
    waiting = await shown(registered, made.grant_id)
    server.clock.advance(days=1)

    grant = await shown(registered, made.grant_id)

    assert (waiting["status"], waiting["eta"]) == ("future", None)
    assert (grant["status"], grant["enabled_scope"]) == (status, "")
    assert (grant["eta"] is not None) == (status == "pending")


async def test_many_who_ask_at_once_let_it_happen_once(server, registered, data):
    made = [await future_grant(data) for _ in range(3)]
    server.clock.advance(days=1)
    await registered.get("/cds-api/v1/clients")

    answers = await asyncio.gather(*(registered.get(GRANTS) for _ in range(30)))

    assert {one.status_code for one in answers} == {200}
    assert {one.text for one in answers} == {answers[0].text}
    assert [len(await told(registered, one)) for one in made] == [2, 2, 2]


async def test_settling_again_changes_nothing(server, registered, data):
    made = await future_grant(data)
    now = server.clock.advance(days=1)
    await settle_due(server.context, registered.registration_id, now)
    before = server.connection.round_trips
    await settle_due(server.context, registered.registration_id, now)

    assert server.connection.round_trips - before == 1
    assert len(await told(registered, made)) == 2


async def test_hundreds_of_grants_expire_together(server, registered, data):
    ends = server.clock.now + DAY
    change = Change(registered.registration_id, server.clock.now)
    for _ in range(250):
        grant = make_bare_grant(data.client_id, scope="test_prices", expires=ends, not_after=ends)
        change.create(grant, GrantInternal())
        change.due[grant.grant_id] = ends
    await server.context.records.apply(change)
    server.clock.advance(days=1)

    listing = await registered.get(GRANTS, params={"statuses": "active", "client_ids": data.client_id})

    assert listing.json()["grants"] == []
    assert len((await registered.get(GRANTS, params={"statuses": "expired"})).json()["grants"]) == 100


@pytest.mark.parametrize("status", ["closed", "disabled"])
async def test_what_has_ended_does_not_expire_or_start(server, registered, data, status):
    made = await future_grant(data, expires=server.clock.now + 2 * DAY)
    if status == "closed":
        await patch(registered, made.grant_id, {"status": "closed"})
    else:
        await decide(data, made.grant_id, status=GrantStatus.DISABLED)
    server.clock.advance(days=3)

    assert (await shown(registered, made.grant_id))["status"] == status
    assert await server.context.records.due_grants(Access(registered.registration_id, server.clock.now)) == []


@pytest.mark.parametrize("status", ["suspended", "partial", "delayed", "stopped", "errored"])
async def test_a_grant_expires_whatever_its_status_is(server, registered, data, status):
    ends = server.clock.now + DAY
    made = await make_grant(registered, data.client_id, "test_meters test_prices", expires=ends)
    part = {"enabled_scope": "test_prices"} if status == "partial" else {}
    await decide(data, made.grant_id, status=GrantStatus(status), **part)
    server.clock.advance(days=1)

    assert (await shown(registered, made.grant_id))["status"] == "expired"


async def test_a_start_during_the_disabling_of_the_client_object_shows_afterwards(server, registered, data):
    made = await future_grant(data)
    await operator_disables(registered, data.client_id)
    disabled = await shown(registered, made.grant_id)
    server.clock.advance(days=1)
    started = await shown(registered, made.grant_id)
    await operator_enables(registered, data.client_id)
    enabled = await shown(registered, made.grant_id)

    assert [one["status"] for one in (disabled, started, enabled)] == ["suspended", "suspended", "active"]
    assert started["modified"] == disabled["modified"]


async def test_a_parent_follows_the_end_of_its_sub_grant(server, registered, data):
    parent = await make_grant(registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS)
    await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id, expires=server.clock.now + DAY)
    before = (await shown(registered, parent.grant_id))["status"]
    server.clock.advance(days=2)

    after = await shown(registered, parent.grant_id)

    assert (before, after["status"], after["modified"]) == ("active", "needs_sub_grants", "2026-06-02T12:00:00Z")


async def test_a_changed_end_is_the_one_that_counts(server, registered, data):
    made = await make_grant(registered, data.client_id, "test_prices", expires=server.clock.now + DAY)
    await decide(data, made.grant_id, expires=server.clock.now + 3 * DAY)
    server.clock.advance(days=2)
    middle = (await shown(registered, made.grant_id))["status"]
    server.clock.advance(days=1)

    assert (middle, (await shown(registered, made.grant_id))["status"]) == ("active", "expired")


@pytest.mark.clause("WG1-02-8.2-16")
async def test_introspection_knows_the_time_too(server, registered, data, opener):
    made = await make_grant(registered, data.client_id, "test_prices", expires=server.clock.now + DAY)
    server.clock.advance(days=1, minutes=-10)
    token = await opener.token(opening(made))
    live = await opener.introspect(token)
    server.clock.advance(minutes=10)

    assert live["exp"] == int(server.clock.now.timestamp())
    assert await opener.introspect(token) == {"active": False}
