"""A Client modifies a Grant (CDS-WG1-02 8.6; ambiguities E1, E8 to E11, J7)."""

import asyncio
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain import files, grant_decisions
from app.domain.grant_decisions import Decision
from app.domain.records import Change
from app.errors import AlreadyDecided, InvalidRequest
from app.schemas.grants import Grant, GrantStatus
from tests.client_objects import operator_disables, operator_enables
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import (
    EVERYTHING,
    GRANTS,
    Holder,
    holder_of,
    load,
    make_grant,
    opening,
    patch,
    shown,
    utility,
)

METERS = {"type": "test_meters", "until": "P6M", "share": 0.5, "meters": ["m1", "m2"], "interval": "hour"}
HISTORY = {
    "type": "ple_customer_data",
    "start_date": "P1Y",
    "end_date": "P1Y",
    "interval": "hourly",
    "account_numbers": [],
    "include_bills": True,
    "encryption_key": None,
}


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has; operators review what Clients want of Grants."""
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
async def users(registered: Registered) -> Holder:
    """The Client Object of a scope that users authorize."""
    return await holder_of(registered, "ple_customer_data")


@pytest.fixture
async def both(registered: Registered, data: Holder) -> Grant:
    """A Grant of two scopes, one of them with details, made by the Server."""
    return await make_grant(registered, data.client_id, "test_meters test_prices", authorization_details=[METERS])


@pytest.fixture
async def history(registered: Registered, users: Holder) -> Grant:
    """A Grant of a scope that users authorize, as it is after a user has done so."""
    return await make_grant(registered, users.client_id, "", authorization_details=[HISTORY])


async def decide(holder: Holder, grant_id: str, **fields: Any) -> None:
    access = holder.registered.access
    await grant_decisions.modify_by_operator(holder.server.context, access, grant_id, Decision(**fields))


def enabled(grant: dict[str, Any]) -> tuple[str, list[Any]]:
    return grant["enabled_scope"], grant["enabled_authorization_details"]


def accepted(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.clause("WG1-02-8.6-01", "WG1-02-8.6-03", "WG1-02-8.6-12", "WG1-02-8.2-12", "WG1-02-8.1-14")
async def test_a_client_closes_a_grant(server, registered, both):
    server.clock.advance(seconds=7)

    closed = accepted(await patch(registered, both.grant_id, {"status": "closed"}))

    assert closed == await shown(registered, both.grant_id)
    assert (closed["status"], *enabled(closed)) == ("closed", "", [])
    assert (closed["scope"], closed["authorization_details"]) == ("test_meters test_prices", [METERS])
    assert (closed["created"], closed["modified"]) == ("2026-06-01T12:00:00Z", "2026-06-01T12:00:07Z")


@pytest.mark.clause("WG1-02-8.6-03", "WG1-02-8.6-10")
@pytest.mark.parametrize(
    "status",
    [*(one.value for one in GrantStatus if one is not GrantStatus.CLOSED), "Closed", "", None, 1, True, ["closed"], {}],
)
async def test_no_other_status_can_be_set(registered, both, status):
    before = await shown(registered, both.grant_id)

    response = await patch(registered, both.grant_id, {"status": status, "scope": "test_prices"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "status"
    assert await shown(registered, both.grant_id) == before


@pytest.mark.parametrize("status", grant_decisions.SETTABLE)
async def test_a_grant_can_be_closed_whatever_its_status_is(registered, data, both, status):
    part = {"enabled_scope": "test_prices"} if status is GrantStatus.PARTIAL else {}
    if status is not GrantStatus.NEEDS_AUTHORIZATION:
        await decide(data, both.grant_id, status=status, **part)

    closed = accepted(await patch(registered, both.grant_id, {"status": "closed"}))

    assert (closed["status"], closed["eta"], *enabled(closed)) == ("closed", None, "", [])


async def test_closing_twice_changes_nothing_the_second_time(server, registered, both):
    first = accepted(await patch(registered, both.grant_id, {"status": "closed"}))
    messages = len(await registered.messages())
    server.clock.advance(seconds=7)

    second = accepted(await patch(registered, both.grant_id, {"status": "closed"}))

    assert second == first
    assert len(await registered.messages()) == messages


@pytest.mark.clause("WG1-02-8.6-02", "WG1-02-8.6-11")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"client_id": "x", "expires": None, "foo": 1},
        {"grant_id": "x", "uri": 1, "created": "never", "enabled_scope": "everything", "receipt_confirmations": ["A"]},
        {"scope": "test_prices test_meters"},
        {"scope": "test_meters test_prices", "authorization_details": [METERS, METERS]},
    ],
)
async def test_a_patch_without_a_change_is_answered_with_the_grant_as_it_is(server, registered, both, body):
    before = await shown(registered, both.grant_id)
    server.clock.advance(seconds=7)

    assert accepted(await patch(registered, both.grant_id, body)) == before
    assert await shown(registered, both.grant_id) == before


@pytest.mark.clause("WG1-02-8.6-04", "WG1-02-8.6-05", "WG1-02-8.6-12")
async def test_a_scope_can_be_taken_away_and_its_details_go_with_it(server, registered, both):
    server.clock.advance(seconds=7)

    reduced = accepted(await patch(registered, both.grant_id, {"scope": "test_prices"}))

    assert reduced == await shown(registered, both.grant_id)
    assert (reduced["status"], reduced["scope"], *enabled(reduced)) == ("active", "test_prices", "test_prices", [])
    assert (reduced["authorization_details"], reduced["modified"]) == ([], "2026-06-01T12:00:07Z")


@pytest.mark.clause("WG1-02-8.6-05")
async def test_the_tokens_of_a_reduced_grant_lose_the_scope(registered, data):
    token = await data.token()
    (grant,) = await data.grants()

    await patch(registered, grant["grant_id"], {"scope": "test_prices"})

    assert (await data.introspect(token))["scope"] == "test_prices"
    again = await data.introspect(await data.token(scope="test_prices"))
    assert again["cds_grant_id"] == grant["grant_id"]
    full = await data.introspect(await data.token())
    assert (full["scope"], full["cds_grant_id"] == grant["grant_id"]) == ("test_meters test_prices", False)


@pytest.mark.clause("WG1-02-8.6-07", "WG1-02-8.6-08")
@pytest.mark.parametrize(
    "change",
    [{"until": "P1M"}, {"share": 0.25}, {"share": 0}, {"meters": ["m2"]}, {"until": "2026-07-01", "meters": ["m1"]}],
)
async def test_details_can_be_narrowed_at_once(registered, both, change):
    narrow = METERS | change

    reduced = accepted(await patch(registered, both.grant_id, {"authorization_details": [narrow]}))

    assert (reduced["status"], reduced["authorization_details"]) == ("active", [narrow])
    assert enabled(reduced) == ("test_meters test_prices", [narrow])


@pytest.mark.clause("WG1-02-8.6-08", "WG1-02-8.6-05")
async def test_reducing_a_grant_of_a_user_needs_no_authorization(registered, history):
    narrow = HISTORY | {"include_bills": True, "start_date": "P6M", "account_numbers": []}

    reduced = accepted(await patch(registered, history.grant_id, {"authorization_details": [narrow]}))

    assert (reduced["status"], *enabled(reduced)) == ("active", "ple_customer_data", [narrow])


@pytest.mark.clause("WG1-02-8.6-09", "WG1-02-8.6-12")
@pytest.mark.parametrize(
    "change",
    [
        {"start_date": "P2Y"},
        {"end_date": "infinite"},
        {"interval": "quarter_hourly"},
        {"account_numbers": ["1"]},
        {"start_date": "P2Y", "end_date": "P1M"},
        {"include_bills": False},
    ],
)
async def test_wider_or_other_details_of_a_user_need_an_authorization(registered, history, change):
    wide = HISTORY | change

    changed = accepted(await patch(registered, history.grant_id, {"authorization_details": [wide]}))

    assert changed == await shown(registered, history.grant_id)
    assert (changed["status"], changed["scope"]) == ("needs_authorization", "ple_customer_data")
    assert changed["authorization_details"] == [wide]
    assert enabled(changed) == ("ple_customer_data", [HISTORY])
    assert changed["eta"] is None


@pytest.mark.clause("WG1-02-8.6-06")
async def test_a_wider_scope_that_a_user_authorizes_needs_an_authorization(make_server, demo_catalog):
    scopes = dict(demo_catalog.scopes)
    customer = replace(scopes["ple_customer_data"], group="users")
    scopes["ple_customer_data"] = customer
    scopes["test_more"] = replace(
        customer,
        id="test_more",
        type="test_more",
        authorization_details_types_supported=(),
        authorization_details_fields_supported=(),
    )
    server = await make_server(replace(demo_catalog, scopes=scopes))
    registered = await server.register("cds_client_admin ple_customer_data test_more")
    users = await holder_of(registered, "ple_customer_data test_more")
    grant = await make_grant(registered, users.client_id, "test_more")

    wider = accepted(await patch(registered, grant.grant_id, {"scope": "test_more ple_customer_data"}))
    other = accepted(await patch(registered, grant.grant_id, {"scope": "ple_customer_data"}))
    back = accepted(await patch(registered, grant.grant_id, {"scope": "test_more"}))

    assert (wider["status"], wider["scope"]) == ("needs_authorization", "test_more ple_customer_data")
    assert (other["status"], other["scope"]) == ("needs_authorization", "ple_customer_data")
    assert wider["enabled_scope"] == other["enabled_scope"] == "test_more"
    assert (back["status"], back["scope"], back["enabled_scope"]) == ("active", "test_more", "test_more")


async def test_going_back_to_what_was_authorized_needs_no_authorization(registered, history):
    await patch(registered, history.grant_id, {"authorization_details": [HISTORY | {"start_date": "P2Y"}]})
    wide = await shown(registered, history.grant_id)

    back = accepted(await patch(registered, history.grant_id, {"authorization_details": [HISTORY]}))
    again = accepted(
        await patch(registered, history.grant_id, {"authorization_details": wide["authorization_details"]})
    )
    less = accepted(
        await patch(registered, history.grant_id, {"authorization_details": [HISTORY | {"end_date": "P1M"}]})
    )

    assert (back["status"], *enabled(back)) == ("active", "ple_customer_data", [HISTORY])
    assert again["status"] == "needs_authorization"
    assert (less["status"], *enabled(less)) == ("active", "ple_customer_data", [HISTORY | {"end_date": "P1M"}])


async def test_a_grant_that_nobody_has_authorized_yet_stays_waiting_when_it_is_reduced(registered, users):
    grant = await make_grant(
        registered, users.client_id, authorization_details=[HISTORY], status=GrantStatus.NEEDS_AUTHORIZATION
    )
    narrow = HISTORY | {"start_date": "P1M"}

    reduced = accepted(await patch(registered, grant.grant_id, {"authorization_details": [narrow]}))

    assert (reduced["status"], *enabled(reduced)) == ("needs_authorization", "", [])
    assert reduced["authorization_details"] == [narrow]


@pytest.mark.clause("WG1-02-8.6-13", "WG1-02-8.6-14", "WG1-02-8.1-07")
@pytest.mark.parametrize("change", [{"share": 1}, {"until": "P1Y"}, {"interval": "day"}, {"meters": ["m1", "m3"]}])
async def test_where_no_user_authorizes_an_operator_looks_at_a_wider_grant(registered, data, both, change):
    opener = await holder_of(registered, "cds_grant_admin")
    token = await opener.token(opening(both))
    wide = METERS | change

    pending = accepted(await patch(registered, both.grant_id, {"authorization_details": [wide]}), 202)

    assert pending == await shown(registered, both.grant_id)
    assert (pending["status"], pending["eta"]) == ("pending", "2026-06-04T12:00:00Z")
    assert pending["authorization_details"] == [wide]
    assert enabled(pending) == ("test_meters test_prices", [METERS])
    described = await opener.introspect(token)
    assert described["cds_opened_grant"]["authorization_details"] == [METERS | {"until": "2026-12-01"}]


async def test_repeating_what_is_under_review_changes_nothing(registered, both):
    wide = {"authorization_details": [METERS | {"share": 1}]}
    pending = accepted(await patch(registered, both.grant_id, wide), 202)

    assert accepted(await patch(registered, both.grant_id, wide)) == pending


@pytest.mark.clause("WG1-02-8.6-13", "WG1-02-8.1-07")
async def test_an_operator_approves_or_declines_what_is_under_review(server, registered, both):
    wide = METERS | {"share": 1}
    context, access = server.context, registered.access
    with pytest.raises(AlreadyDecided):
        await grant_decisions.approve_changes(context, access, both.grant_id)

    await patch(registered, both.grant_id, {"authorization_details": [wide]})
    for silence in (" ", "\u200b"):
        with pytest.raises(InvalidRequest, match="says why"):
            await grant_decisions.decline_changes(context, access, both.grant_id, silence)
    await grant_decisions.decline_changes(context, access, both.grant_id, "Not in this pilot.")
    declined = await shown(registered, both.grant_id)
    await patch(registered, both.grant_id, {"authorization_details": [wide]})
    await grant_decisions.approve_changes(context, access, both.grant_id)
    approved = await shown(registered, both.grant_id)

    assert (declined["status"], declined["eta"], declined["authorization_details"]) == ("active", None, [METERS])
    assert enabled(declined) == ("test_meters test_prices", [METERS])
    assert (approved["status"], approved["eta"], approved["authorization_details"]) == ("active", None, [wide])
    assert enabled(approved) == ("test_meters test_prices", [wide])
    assert any("Not in this pilot." in one["description"] for one in await registered.messages())


async def test_without_review_a_wider_grant_is_active_at_once(make_server, demo_catalog):
    server = await make_server(utility(demo_catalog, grants="automatic"))
    registered = await server.register(EVERYTHING)
    data = await holder_of(registered, "test_meters test_prices")
    users = await holder_of(registered, "ple_customer_data")
    free = await make_grant(registered, data.client_id, "test_prices")
    bound = await make_grant(registered, users.client_id, authorization_details=[HISTORY])

    wider = accepted(await patch(registered, free.grant_id, {"scope": "test_prices test_meters"}))
    waits = accepted(
        await patch(registered, bound.grant_id, {"authorization_details": [HISTORY | {"start_date": "P2Y"}]})
    )

    assert (wider["status"], wider["enabled_scope"]) == ("active", "test_prices test_meters")
    assert waits["status"] == "needs_authorization"


async def test_the_standing_grant_of_tokens_takes_what_a_token_request_would_get(registered, data):
    await data.token(scope="test_prices")
    (grant,) = await data.grants()

    wider = accepted(await patch(registered, grant["grant_id"], {"authorization_details": [METERS]}))
    token = await data.introspect(await data.token([METERS], scope="test_prices"))

    assert (wider["status"], wider["scope"]) == ("active", "test_prices test_meters")
    assert enabled(wider) == ("test_prices test_meters", [METERS])
    assert token["cds_grant_id"] == grant["grant_id"]


async def test_what_an_operator_has_limited_stays_limited_when_its_client_widens_it(registered, data):
    await data.token([METERS], scope="test_prices")
    (grant,) = await data.grants()
    await decide(data, grant["grant_id"], enabled_scope="test_prices")

    wider = accepted(await patch(registered, grant["grant_id"], {"authorization_details": [METERS | {"share": 1}]}))

    assert (wider["status"], *enabled(wider)) == ("partial", "test_prices", [])


async def test_reducing_a_limited_grant_to_what_is_enabled_makes_it_active(registered, data, both):
    await decide(data, both.grant_id, enabled_scope="test_prices")

    reduced = accepted(await patch(registered, both.grant_id, {"scope": "test_prices"}))

    assert (reduced["status"], *enabled(reduced)) == ("active", "test_prices", [])


@pytest.mark.clause("WG1-02-8.6-04", "WG1-02-8.6-10")
@pytest.mark.parametrize(
    "scope",
    ["", " ", "ple_grid_status", "test_prices cds_client_admin", "unknown", None, 1, ["test_prices"], "x" * 20_000],
)
async def test_scopes_that_the_client_object_does_not_have_are_refused(registered, both, scope):
    before = await shown(registered, both.grant_id)

    response = await patch(registered, both.grant_id, {"scope": scope})

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == "scope"
    assert await shown(registered, both.grant_id) == before


@pytest.mark.clause("WG1-02-8.6-07", "WG1-02-8.6-10")
@pytest.mark.parametrize(
    "details",
    [
        None,
        "[]",
        {},
        [None],
        [{}],
        [{"type": "unknown"}],
        [{"type": "ple_customer_data"}],
        [METERS | {"share": 2}],
        [METERS | {"share": "0.5"}],
        [METERS | {"until": "soon"}],
        [METERS | {"more": 1}],
        [METERS | {"meters": [1]}],
    ],
)
async def test_bad_details_are_refused(registered, both, details):
    before = await shown(registered, both.grant_id)

    response = await patch(registered, both.grant_id, {"authorization_details": details})

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].startswith("authorization_details")
    assert await shown(registered, both.grant_id) == before


@pytest.mark.clause("RFC5789-2-01")
@pytest.mark.parametrize(
    "body",
    [
        {"scope": "test_prices", "status": "active"},
        {"scope": "test_prices", "authorization_details": 1},
        {"scope": "unknown", "status": "closed"},
        {"status": "closed", "authorization_details": [{"type": "unknown"}]},
    ],
)
async def test_a_patch_applies_as_a_whole_or_not_at_all(registered, both, body):
    before = await shown(registered, both.grant_id)

    assert (await patch(registered, both.grant_id, body)).status_code == 400
    assert await shown(registered, both.grant_id) == before


async def test_a_reduction_and_the_end_in_one_patch(registered, both):
    closed = accepted(await patch(registered, both.grant_id, {"scope": "test_prices", "status": "closed"}))

    assert (closed["status"], closed["scope"], *enabled(closed)) == ("closed", "test_prices", "", [])


@pytest.mark.parametrize("status", ["closed", "disabled", "revoked", "expired"])
async def test_the_extent_of_a_grant_that_has_ended_cannot_be_changed(registered, data, both, status):
    if status == "closed":
        await patch(registered, both.grant_id, {"status": "closed"})
    else:
        await decide(data, both.grant_id, status=GrantStatus(status))

    response = await patch(registered, both.grant_id, {"scope": "test_prices"})

    assert response.status_code == 400
    assert (await shown(registered, both.grant_id))["scope"] == "test_meters test_prices"


async def test_a_grant_suspended_by_an_operator_can_be_reduced_but_not_widened(registered, data, both):
    await decide(data, both.grant_id, status=GrantStatus.SUSPENDED)

    wider = await patch(registered, both.grant_id, {"authorization_details": [METERS | {"share": 1}]})
    reduced = accepted(await patch(registered, both.grant_id, {"scope": "test_prices"}))
    await decide(data, both.grant_id, status=GrantStatus.ACTIVE)

    assert wider.status_code == 400
    assert (reduced["status"], *enabled(reduced)) == ("suspended", "", [])
    assert enabled(await shown(registered, both.grant_id)) == ("test_prices", [])


async def test_what_is_changed_while_the_client_object_is_disabled_counts_afterwards(registered, data, both):
    await operator_disables(registered, data.client_id)

    reduced = accepted(await patch(registered, both.grant_id, {"scope": "test_prices"}))
    await operator_enables(registered, data.client_id)

    assert (reduced["status"], *enabled(reduced)) == ("suspended", "", [])
    after = await shown(registered, both.grant_id)
    assert (after["status"], *enabled(after)) == ("active", "test_prices", [])


async def test_scopes_that_the_client_object_has_given_up_stay_in_its_grants(registered, data, both):
    client = (await registered.clients())["test_meters test_prices"]
    await registered.put(client["cds_client_uri"], client | {"scope": "test_meters"})

    same = await patch(registered, both.grant_id, {"scope": "test_prices test_meters"})
    reduced = accepted(await patch(registered, both.grant_id, {"scope": "test_prices"}))
    back = await patch(registered, both.grant_id, {"scope": "ple_grid_status"})

    assert (same.status_code, back.status_code) == (200, 400)
    assert reduced["scope"] == "test_prices"


@pytest.mark.clause("WG1-02-8.6-10")
async def test_files_can_be_removed_from_a_grant_and_never_added(server, registered):
    context, access = server.context, registered.access
    ids = [
        (await files.create(context, access, name=f"{number}.csv", mime_type="text/csv", data=b"1")).file_id
        for number in range(3)
    ]
    client_id = (await registered.clients())["cds_server_provided_files_ple"]["client_id"]
    grant = await files.share(context, access, client_id, ids[:2])
    entries = grant.authorization_details

    added = await patch(
        registered, grant.grant_id, {"authorization_details": [*entries, entries[0] | {"file_id": ids[2]}]}
    )
    none = await patch(registered, grant.grant_id, {"authorization_details": []})
    removed = accepted(await patch(registered, grant.grant_id, {"authorization_details": entries[1:]}))

    assert (added.status_code, none.status_code) == (400, 400)
    assert (removed["status"], *enabled(removed)) == ("active", "cds_server_provided_files_ple", entries[1:])


async def test_the_admin_grant_keeps_its_scope(registered):
    (grant,) = (await registered.get(GRANTS)).json()["grants"]
    for body in (
        {"scope": ""},
        {"scope": "ple_grid_status"},
        {"authorization_details": [{"type": "cds_client_admin"}]},
    ):
        assert (await patch(registered, grant["grant_id"], body)).status_code == 400
    assert await shown(registered, grant["grant_id"]) == grant


@pytest.mark.clause("WG1-02-6-01")
async def test_the_client_reads_about_every_change_in_its_messages(registered, both):
    await patch(registered, both.grant_id, {"scope": "test_prices"})
    await patch(registered, both.grant_id, {"status": "closed"})

    told = [one for one in await registered.messages() if one.get("related_uri") == both.uri]
    assert [one["type"] for one in told] == ["private_message"] * 3
    assert "closed" in told[0]["description"]
    assert "test_prices" in told[1]["description"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b'"closed"', b'{"status": "closed"', b"\xff\xfe", b"[" * 100_000]
)
async def test_bodies_that_are_no_json_objects_are_refused(registered, both, body):
    response = await registered.call("PATCH", f"{GRANTS}/{both.grant_id}", content=body)

    assert response.status_code == 400


async def test_a_body_is_read_whatever_its_content_type_says(registered, both):
    response = await registered.call(
        "PATCH",
        f"{GRANTS}/{both.grant_id}",
        content=b'{"status": "closed"}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert accepted(response)["status"] == "closed"


async def test_the_cost_of_a_patch(server, registered, both):
    await registered.get(GRANTS)
    costs = []
    for body in ({}, {"scope": "test_prices"}, {"status": "closed"}):
        before = server.connection.round_trips
        await patch(registered, both.grant_id, body)
        costs.append(server.connection.round_trips - before)

    assert costs == [1, 3, 2]


async def test_of_many_patches_at_once_all_are_answered_and_none_is_lost(registered, data):
    entry = METERS | {"meters": [f"m{number}" for number in range(8)]}
    grant = await make_grant(registered, data.client_id, authorization_details=[entry])
    bodies = [{"authorization_details": [entry | {"meters": entry["meters"][: 8 - less]}]} for less in range(1, 4)]

    responses = await asyncio.gather(*(patch(registered, grant.grant_id, body) for body in bodies))

    assert {one.status_code for one in responses} <= {200, 202, 409}
    final = await shown(registered, grant.grant_id)
    assert final["authorization_details"] in [body["authorization_details"] for body in bodies]


async def test_a_patch_that_others_overtake_is_done_on_what_they_left(server, registered, both):
    records = server.context.records
    real, overtaken = records.apply, []

    async def apply(change: Change) -> None:
        if not overtaken:
            overtaken.append(True)
            stored = await load(registered, both.grant_id)
            other = Change(registered.registration_id, server.clock.now)
            other.replace(stored, replace(stored.object, receipt_confirmations=["CODE"]))
            await real(other)
        await real(change)

    records.apply = apply

    closed = accepted(await patch(registered, both.grant_id, {"status": "closed"}))

    assert (closed["status"], closed["receipt_confirmations"]) == ("closed", ["CODE"])
