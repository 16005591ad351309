"""Grant admin scopes: tokens that open a Grant (CDS-WG1-02 3.3.2; ambiguities E2, G1 to G8)."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.catalog import Catalog
from app.crypto.tokens import Randomness
from app.domain import files, grant_decisions
from app.domain.grant_decisions import Decision
from app.schemas.grants import Grant, GrantStatus
from tests.client_objects import operator_disables, operator_enables
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import (
    ADMIN_APIS,
    EVERYTHING,
    Holder,
    holder_of,
    load,
    make_grant,
    opening,
    patch,
    shown,
    utility,
)

FILES = "/cds-api/v1/server-provided-files"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with two grant admin scopes."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def opener(registered: Registered) -> Holder:
    """The grant admin Client Object."""
    return await holder_of(registered, "cds_grant_admin")


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object whose Grants are opened."""
    return await holder_of(registered, "test_meters test_prices")


@pytest.fixture
async def target(registered: Registered, data: Holder) -> Grant:
    """A Grant that the Server made."""
    return await make_grant(registered, data.client_id, "test_meters test_prices")


async def decide(holder: Holder, grant_id: str, **fields: Any) -> None:
    access = holder.registered.access
    await grant_decisions.modify_by_operator(holder.server.context, access, grant_id, Decision(**fields))


async def share_file(registered: Registered) -> Grant:
    """A Grant of one file."""
    context = registered.server.context
    file = await files.create(context, registered.access, name="data.csv", mime_type="text/csv", data=b"a,b\n1,2\n")
    client_id = (await registered.clients())["cds_server_provided_files_ple"]["client_id"]
    return await files.share(context, registered.access, client_id, [file.file_id])


def refused(response: httpx.Response, error: str = "invalid_authorization_details") -> None:
    assert (response.status_code, response.json()["error"]) == (400, error), response.text


@pytest.mark.clause("WG1-02-3.3.2-01", "WG1-02-3.3.2-08", "WG1-02-3.3.2-09", "WG1-02-3.3.2-11")
@pytest.mark.parametrize("form", [{}, {"scope": "cds_grant_admin"}])
async def test_a_grant_that_the_server_made_can_be_opened(opener, target, form):
    response = await opener.ask(opening(target), **form)

    body = response.json()
    assert response.status_code == 200
    assert (body["token_type"], body["scope"]) == ("bearer", "cds_grant_admin")
    assert body["authorization_details"] == opening(target)


@pytest.mark.clause("WG1-02-3.3.2-07")
async def test_the_token_is_limited_to_that_one_grant(opener, target, registered, data):
    await make_grant(registered, data.client_id, "test_prices")

    described = await opener.introspect(await opener.token(opening(target), scope="cds_grant_admin"))

    assert described["authorization_details"] == opening(target)
    assert described["cds_opened_grant"]["grant_id"] == target.grant_id


@pytest.mark.clause("WG1-02-8-02", "RFC6750-3.1-02")
async def test_a_grant_admin_token_does_not_open_the_admin_apis(server, opener, target):
    bearer = {"Authorization": f"Bearer {await opener.token(opening(target))}"}
    for api in ADMIN_APIS:
        response = await server.http.get(f"/cds-api/v1/{api}", headers=bearer)

        assert response.status_code == 403
        assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
        assert 'scope="cds_client_admin"' in response.headers["www-authenticate"]


@pytest.mark.clause("WG1-02-3.3.2-08")
async def test_other_client_objects_cannot_open_grants(data, target):
    refused(await data.ask(opening(target), scope="cds_grant_admin"), "invalid_scope")
    refused(await data.ask(opening(target)))


@pytest.mark.clause("WG1-02-3.3.2-09")
async def test_the_request_has_exactly_one_complete_entry(opener, target, registered, data):
    (entry,) = opening(target)
    other = await make_grant(registered, data.client_id, "test_prices")
    bad: list[Any] = [
        [],
        [entry, entry],
        [entry, *opening(other)],
        [entry | {"type": "cds_grant_admin_2"}],
        [entry | {"type": "test_meters"}],
        [{name: value for name, value in entry.items() if name != "grant_id"}],
        [{name: value for name, value in entry.items() if name != "client_id"}],
        [entry | {"grant_id": ""}],
        [entry | {"grant_id": 7}],
        [entry | {"grant_id": None}],
        [entry | {"client_id": "x" * 1001}],
        [entry | {"more": 1}],
    ]

    refused(await opener.ask())
    refused(await opener.ask(scope="cds_grant_admin"))
    for details in bad:
        refused(await opener.ask(details))
    assert await opener.grants() == []


@pytest.mark.clause("WG1-02-3.3.2-10")
async def test_the_grant_has_to_be_one_of_the_given_client_object(opener, target, registered):
    (entry,) = opening(target)
    other_object = (await registered.clients())["ple_grid_status"]["client_id"]
    for changed in (
        {"client_id": other_object},
        {"client_id": "nobody"},
        {"grant_id": Randomness().object_id(registered.registration_id, "g")},
        {"grant_id": registered.client_id},
        {"grant_id": "é"},
    ):
        refused(await opener.ask([entry | changed]))


@pytest.mark.clause("WG1-02-3.3.2-10", "WG1-02-8.4-01")
async def test_a_grant_of_another_registration_is_as_unknown_as_any(server, opener, target):
    other = await server.register(EVERYTHING)
    stranger = await holder_of(other, "cds_grant_admin")

    foreign, unknown = await stranger.ask(opening(target)), await opener.ask([opening(target)[0] | {"grant_id": "x"}])

    refused(foreign)
    assert foreign.json() == unknown.json()


@pytest.mark.clause("WG1-02-3.3.2-10")
async def test_a_grant_without_access_or_of_another_scope_is_not_opened(opener, registered, data, target):
    grid = await holder_of(registered, "ple_grid_status")
    other = await holder_of(registered, "test_other")
    of_no_admin = await make_grant(registered, grid.client_id, "ple_grid_status")
    of_another = await make_grant(registered, other.client_id, "test_other")
    empty = await make_grant(registered, data.client_id, "test_meters", status=GrantStatus.PENDING)
    later = await make_grant(
        registered, data.client_id, "test_meters", not_before=registered.access.now + timedelta(days=1)
    )
    await patch(registered, target.grant_id, {"status": "closed"})

    for grant in (of_no_admin, of_another, empty, later, target):
        refused(await opener.ask(opening(grant)))


@pytest.mark.clause("WG1-02-3.3.2-12")
async def test_each_grant_admin_scope_opens_the_scopes_that_name_it(registered, opener, target):
    second = await holder_of(registered, "cds_grant_admin_2")
    other = await holder_of(registered, "test_other")
    of_second = await make_grant(registered, other.client_id, "test_other")

    assert (await second.ask(opening(of_second, "cds_grant_admin_2"))).status_code == 200
    assert (await opener.ask(opening(target))).status_code == 200
    refused(await second.ask(opening(target, "cds_grant_admin_2")))
    refused(await opener.ask(opening(of_second)))


@pytest.mark.clause("WG1-02-8.2-04")
async def test_what_is_enabled_of_a_pending_grant_can_be_opened(opener, registered, data):
    pending = await make_grant(registered, data.client_id, "test_meters test_prices", status=GrantStatus.PENDING)
    await decide(data, pending.grant_id, enabled_scope="test_prices")

    described = await opener.introspect(await opener.token(opening(pending)))

    grant = await shown(registered, pending.grant_id)
    assert (grant["status"], grant["enabled_scope"], grant["eta"]) == ("pending", "test_prices", "2026-06-04T12:00:00Z")
    assert described["cds_opened_grant"]["scope"] == "test_prices"


@pytest.mark.clause("WG1-02-8.2-14")
@pytest.mark.parametrize("status", ["delayed", "stopped", "errored", "partial"])
async def test_other_statuses_with_access_can_be_opened(opener, data, target, status):
    part = {"enabled_scope": "test_prices"} if status == "partial" else {}
    await decide(data, target.grant_id, status=GrantStatus(status), **part)

    assert (await opener.ask(opening(target))).status_code == 200


async def test_opening_leaves_one_standing_grant_of_the_grant_admin_object(opener, target):
    await asyncio.gather(*(opener.token(opening(target)) for _ in range(20)))

    (grant,) = await opener.grants()
    assert (grant["scope"], grant["status"]) == ("cds_grant_admin", "active")
    assert grant["authorization_details"] == grant["enabled_authorization_details"] == opening(target)


FATES = {
    "closed": "closed",
    "disabled": "disabled",
    "revoked": "revoked",
    "expired": "expired",
    "suspended": "suspended",
}


async def take_access(holder: Holder, grant_id: str, status: str) -> None:
    if status == "closed":
        await patch(holder.registered, grant_id, {"status": "closed"})
    else:
        await decide(holder, grant_id, status=GrantStatus(status))


@pytest.mark.clause("WG1-02-8.2-16", "WG1-02-8.1-14")
@pytest.mark.parametrize("status", FATES)
async def test_tokens_die_with_the_grant_that_they_open(opener, data, target, status):
    token = await opener.token(opening(target))

    await take_access(data, target.grant_id, status)

    assert await opener.introspect(token) == {"active": False}
    refused(await opener.ask(opening(target)))
    (standing,) = await opener.grants()
    assert (standing["status"], standing["enabled_scope"]) == (FATES[status], "")
    gone = await shown(opener.registered, target.grant_id)
    assert (gone["status"], gone["enabled_scope"], gone["enabled_authorization_details"]) == (status, "", [])


@pytest.mark.clause("WG1-02-8.2-16")
async def test_a_files_token_opens_nothing_once_its_grant_is_closed(server, registered, opener):
    target = await share_file(registered)
    bearer = {"Authorization": f"Bearer {await opener.token(opening(target))}"}
    before = await server.http.get(FILES, headers=bearer)
    (file,) = before.json()["files"]
    await patch(registered, target.grant_id, {"status": "closed"})

    after = [await server.http.get(url, headers=bearer) for url in (FILES, file["uri"], file["download_uri"])]

    assert before.status_code == 200
    assert [one.status_code for one in after] == [401, 401, 401]


async def test_a_suspended_grant_can_be_opened_again_when_it_comes_back(opener, data, target):
    token = await opener.token(opening(target))
    await decide(data, target.grant_id, status=GrantStatus.SUSPENDED)
    await decide(data, target.grant_id, status=GrantStatus.ACTIVE)

    assert await opener.introspect(token) == {"active": False}
    assert (await opener.ask(opening(target))).status_code == 200
    assert [one["status"] for one in await opener.grants()] == ["active"]


async def test_a_grant_that_comes_back_from_disabled_is_opened_with_a_new_standing_grant(opener, data, target):
    await opener.token(opening(target))
    await decide(data, target.grant_id, status=GrantStatus.DISABLED)
    await decide(data, target.grant_id, status=GrantStatus.ACTIVE)

    assert (await opener.ask(opening(target))).status_code == 200
    assert [one["status"] for one in await opener.grants()] == ["active", "disabled"]


async def test_a_grant_with_nothing_enabled_suspends_what_opens_it(opener, data, registered):
    pending = await make_grant(registered, data.client_id, "test_meters", status=GrantStatus.PENDING)
    await decide(data, pending.grant_id, enabled_scope="test_meters")
    token = await opener.token(opening(pending))

    await decide(data, pending.grant_id, enabled_scope="")
    dead = await opener.introspect(token)
    (standing,) = await opener.grants()
    await decide(data, pending.grant_id, status=GrantStatus.ACTIVE)

    assert dead == {"active": False}
    assert standing["status"] == "suspended"
    assert (await opener.ask(opening(pending))).status_code == 200
    assert len(await opener.grants()) == 1


async def test_no_token_outlives_the_grant_that_it_opens(server, opener, data, registered):
    ends = server.clock.now + timedelta(minutes=10)
    target = await make_grant(registered, data.client_id, "test_meters", expires=ends)

    response = await opener.ask(opening(target))
    (standing,) = await opener.grants()
    server.clock.advance(minutes=10)

    assert response.json()["expires_in"] == 600
    assert standing["expires"] == standing["not_after"] == "2026-06-01T12:10:00Z"
    assert await opener.introspect(response.json()["access_token"]) == {"active": False}
    refused(await opener.ask(opening(target)))
    assert [one["status"] for one in await opener.grants()] == ["expired"]


async def test_a_new_end_of_a_grant_is_the_new_end_of_what_opens_it(server, opener, data, target):
    token = await opener.token(opening(target))

    await decide(data, target.grant_id, expires=server.clock.now + timedelta(minutes=10))
    shorter = await opener.ask(opening(target))
    await decide(data, target.grant_id, expires=None)
    longer = await opener.ask(opening(target))

    assert await opener.introspect(token) == {"active": False}
    assert shorter.json()["expires_in"] == 600
    assert longer.json()["expires_in"] == 3600
    assert [one["expires"] for one in await opener.grants()] == [None]


@pytest.mark.clause("WG1-02-5.2-04")
async def test_grants_of_a_disabled_client_object_are_not_opened(opener, data, target, registered):
    token = await opener.token(opening(target))

    await operator_disables(registered, data.client_id)
    dead = await opener.introspect(token)
    refused(await opener.ask(opening(target)))
    suspended = [one["status"] for one in await opener.grants()]
    await operator_enables(registered, data.client_id)

    assert dead == {"active": False}
    assert suspended == ["suspended"]
    assert (await opener.ask(opening(target))).status_code == 200
    assert [one["status"] for one in await opener.grants()] == ["active"]


async def test_what_was_suspended_for_two_reasons_comes_back_when_both_have_gone(registered, opener, data, target):
    await opener.token(opening(target))
    await operator_disables(registered, data.client_id)
    await operator_disables(registered, opener.client_id)

    await operator_enables(registered, data.client_id)
    first = [one["status"] for one in await opener.grants()]
    await operator_enables(registered, opener.client_id)
    second = [one["status"] for one in await opener.grants()]

    assert (first, second) == (["suspended"], ["active"])


async def test_closing_the_standing_grant_ends_its_tokens_and_leaves_the_opened_grant(opener, target, registered):
    token = await opener.token(opening(target))
    (standing,) = await opener.grants()

    await patch(registered, standing["grant_id"], {"status": "closed"})

    assert await opener.introspect(token) == {"active": False}
    assert (await shown(registered, target.grant_id))["status"] == "active"
    assert (await opener.ask(opening(target))).status_code == 200


async def test_a_closed_grant_forgets_what_opened_it(opener, target, registered):
    await opener.token(opening(target))
    await patch(registered, target.grant_id, {"status": "closed"})

    (standing,) = await opener.grants()
    internal = (await load(registered, standing["grant_id"])).internal
    assert (internal.standing, internal.target_grant_id) == ("", "")


async def test_a_client_cannot_turn_the_grant_to_another_target(opener, target, registered, data):
    other = await make_grant(registered, data.client_id, "test_prices")
    await opener.token(opening(target))
    (standing,) = await opener.grants()

    for entries in (opening(other), [*opening(target), *opening(other)], []):
        response = await patch(registered, standing["grant_id"], {"authorization_details": entries})

        assert response.status_code == 400
    assert await opener.grants() == [standing]
    same = await patch(registered, standing["grant_id"], {"authorization_details": opening(target)})
    assert (same.status_code, same.json()) == (200, standing)


async def test_a_grant_admin_token_costs_one_round_trip(server, opener, target):
    await opener.token(opening(target))
    before = server.connection.round_trips

    await opener.token(opening(target))

    assert server.connection.round_trips - before == 1


@pytest.mark.clause("WG1-02-6-01")
async def test_the_client_reads_what_happened_to_both_grants(opener, target, registered):
    await opener.token(opening(target))
    (standing,) = await opener.grants()
    await patch(registered, target.grant_id, {"status": "closed"})

    told = {(one.get("related_uri"), one["description"].partition(" is ")[2]) for one in await registered.messages()}
    for uri in (target.uri, standing["uri"]):
        assert (uri, "closed now; it gives no access now.") in told
