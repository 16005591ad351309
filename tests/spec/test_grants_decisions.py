"""What the Server makes of Grants: creation, limits, sub-Grants, ends (CDS-WG1-02 8.1, 8.2; ambiguities E4 to E7)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.crypto.tokens import Randomness
from app.domain import grant_decisions, grant_withholding
from app.domain.grant_decisions import Decision
from app.domain.records import Change
from app.errors import (
    AlreadyDecided,
    Conflict,
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    NotFound,
    Refusal,
)
from app.schemas.grants import ENDED, WITHOUT_ACCESS, Grant, GrantInternal, GrantStatus
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

METERS = {"type": "test_meters", "until": "P6M", "share": 1, "meters": ["m1", "m2"], "interval": "hour"}
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


def enabled(grant: dict[str, Any]) -> tuple[str, list[Any]]:
    return grant["enabled_scope"], grant["enabled_authorization_details"]


# Creation


@pytest.mark.clause("WG1-02-3.3.2-01", "WG1-02-8.2-02", "WG1-02-8.1-10")
async def test_the_server_makes_a_grant_of_its_own_accord(registered, data):
    made = await make_grant(registered, data.client_id, "test_prices", authorization_details=[METERS])

    grant = await shown(registered, made.grant_id)
    assert (grant["status"], grant["scope"]) == ("active", "test_prices test_meters")
    assert enabled(grant) == ("test_prices test_meters", [METERS])
    (told,) = [one for one in await registered.messages() if one.get("related_uri") == made.uri]
    assert (told["type"], told["related_type"]) == ("private_message", "grant")


@pytest.mark.clause("WG1-02-8.1-07", "WG1-02-8.2-04", "WG1-02-8.2-07")
@pytest.mark.parametrize("status", ["pending", "needs_authorization", "needs_sub_grants"])
async def test_a_grant_that_waits_for_something_enables_nothing_at_first(registered, data, status):
    holder = await holder_of(registered, "ple_customer_data") if status == "needs_authorization" else data
    scope = "ple_customer_data" if status == "needs_authorization" else "test_prices"

    made = await make_grant(registered, holder.client_id, scope, status=GrantStatus(status))

    grant = await shown(registered, made.grant_id)
    assert (grant["status"], grant["scope"], *enabled(grant)) == (status, scope, "", [])
    assert grant["eta"] == ("2026-06-04T12:00:00Z" if status == "pending" else None)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"scope": ""}, InvalidScope),
        ({"scope": "unknown"}, InvalidScope),
        ({"scope": "ple_grid_status"}, InvalidScope),
        ({"authorization_details": [{"type": "ple_grid_status"}]}, InvalidAuthorizationDetails),
        ({"authorization_details": [METERS | {"share": 2}]}, InvalidAuthorizationDetails),
        ({"status": GrantStatus.CLOSED}, InvalidRequest),
        ({"status": GrantStatus.PARTIAL}, InvalidRequest),
        ({"status": GrantStatus.NEEDS_AUTHORIZATION}, InvalidRequest),
        ({"status": GrantStatus.FUTURE}, InvalidRequest),
        ({"eta": "+1"}, InvalidRequest),
        ({"not_before": "-1"}, InvalidRequest),
        ({"expires": "-1"}, InvalidRequest),
        ({"not_before": "+2", "expires": "+1"}, InvalidRequest),
        ({"parent": "x"}, InvalidRequest),
        ({"replacing": ("x",)}, InvalidRequest),
        ({"replacing": ("x", "x")}, InvalidRequest),
    ],
)
async def test_terms_that_make_no_sense_are_refused(registered, data, terms, refusal):
    times = {
        name: registered.access.now + int(value) * DAY
        for name, value in terms.items()
        if isinstance(value, str) and value[:1] in {"+", "-"}
    }
    with pytest.raises(refusal) as caught:
        await make_grant(registered, data.client_id, **({"scope": "test_prices"} | terms | times))

    assert isinstance(caught.value, Refusal)
    assert await data.grants() == []


async def test_grants_of_built_in_scopes_are_made_in_their_own_ways(registered, opener):
    files_id = (await registered.clients())["cds_server_provided_files_ple"]["client_id"]
    for client_id, terms in (
        (registered.client_id, {"scope": "cds_client_admin"}),
        (opener.client_id, {"authorization_details": opening({"client_id": "a", "grant_id": "b"})}),
        (files_id, {"authorization_details": [{"type": "cds_server_provided_files_ple", "file_id": "f1"}]}),
    ):
        with pytest.raises(InvalidScope):
            await make_grant(registered, client_id, **terms)


async def test_no_grant_is_made_for_an_unknown_a_foreign_or_a_disabled_client_object(server, registered, data):
    other = await server.register(EVERYTHING)
    for client_id in ("x", f"{registered.registration_id}-99", (await holder_of(other, "cds_grant_admin")).client_id):
        with pytest.raises(NotFound):
            await make_grant(registered, client_id, "test_prices")
    await operator_disables(registered, data.client_id)
    with pytest.raises(Conflict):
        await make_grant(registered, data.client_id, "test_prices")


async def test_a_grant_cannot_relate_to_grants_of_others(server, registered, data):
    other = await server.register(EVERYTHING)
    theirs = await make_grant(other, (await holder_of(other, "test_meters test_prices")).client_id, "test_prices")
    for terms in ({"parent": theirs.grant_id}, {"replacing": (theirs.grant_id,)}):
        with pytest.raises(InvalidRequest):
            await make_grant(registered, data.client_id, "test_prices", **terms)


# Sub-Grants


@pytest.mark.clause("WG1-02-8.2-07", "WG1-02-8.1-03")
async def test_a_parent_is_active_once_all_its_sub_grants_are(server, registered, data, opener):
    parent = await make_grant(registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS)
    children = [
        await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id, status=GrantStatus.PENDING)
        for _ in range(2)
    ]
    assert (await opener.ask(opening(parent))).status_code == 400

    await decide(data, children[0].grant_id, status=GrantStatus.ACTIVE)
    half = await shown(registered, parent.grant_id)
    server.clock.advance(seconds=5)
    await decide(data, children[1].grant_id, status=GrantStatus.STOPPED)
    whole = await shown(registered, parent.grant_id)

    assert (half["status"], *enabled(half)) == ("needs_sub_grants", "", [])
    assert (whole["status"], *enabled(whole), whole["modified"]) == (
        "active",
        "test_prices",
        [],
        "2026-06-01T12:00:05Z",
    )
    assert whole["children"] == [one.grant_id for one in children]
    assert (await opener.ask(opening(parent))).status_code == 200


async def test_a_parent_falls_back_when_a_sub_grant_is_closed_and_nothing_else_is(registered, data, opener):
    parent = await make_grant(registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS)
    children = [await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id) for _ in range(2)]
    token = await opener.token(opening(parent))

    await patch(registered, children[0].grant_id, {"status": "closed"})

    fallen = await shown(registered, parent.grant_id)
    assert (fallen["status"], *enabled(fallen)) == ("needs_sub_grants", "", [])
    assert (await shown(registered, children[1].grant_id))["status"] == "active"
    assert await opener.introspect(token) == {"active": False}


async def test_another_sub_grant_that_waits_makes_its_parent_wait_again(registered, data):
    parent = await make_grant(registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS)
    await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id)
    first = (await shown(registered, parent.grant_id))["status"]

    await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id, status=GrantStatus.PENDING)

    assert (first, (await shown(registered, parent.grant_id))["status"]) == ("active", "needs_sub_grants")


async def test_closing_a_parent_leaves_its_sub_grants_alone(registered, data):
    parent = await make_grant(registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS)
    child = await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id)

    await patch(registered, parent.grant_id, {"status": "closed"})
    await patch(registered, child.grant_id, {"scope": "test_meters", "authorization_details": [METERS]})

    assert (await shown(registered, child.grant_id))["status"] in {"active", "pending"}
    assert (await shown(registered, parent.grant_id))["status"] == "closed"
    with pytest.raises(InvalidRequest):
        await make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id)


async def test_parents_of_parents_follow(registered, data):
    top = await make_grant(registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS)
    middle = await make_grant(
        registered, data.client_id, "test_prices", status=GrantStatus.NEEDS_SUB_GRANTS, parent=top.grant_id
    )
    await make_grant(registered, data.client_id, "test_meters", parent=middle.grant_id)

    assert [(await shown(registered, one.grant_id))["status"] for one in (top, middle)] == ["active", "active"]


async def test_sub_grants_that_are_made_at_once_are_all_listed(registered, data):
    parent = await make_grant(registered, data.client_id, "test_prices")
    made = []
    for _ in range(2):
        results = await asyncio.gather(
            *(make_grant(registered, data.client_id, "test_meters", parent=parent.grant_id) for _ in range(3)),
            return_exceptions=True,
        )
        made += [one.grant_id for one in results if isinstance(one, Grant)]

    assert sorted((await shown(registered, parent.grant_id))["children"]) == sorted(made)
    assert len(made) >= 2


# Decisions


@pytest.mark.clause("WG1-02-8.1-12", "WG1-02-8.2-05")
async def test_an_operator_limits_a_grant_to_a_part(registered, data, opener):
    made = await make_grant(registered, data.client_id, "test_prices", authorization_details=[METERS])
    less = METERS | {"meters": ["m2"]}

    await decide(data, made.grant_id, enabled_authorization_details=[less], reason="The other meter is not yours.")

    grant = await shown(registered, made.grant_id)
    assert (grant["status"], *enabled(grant)) == ("partial", "test_prices test_meters", [less])
    assert (grant["scope"], grant["authorization_details"]) == ("test_prices test_meters", [METERS])
    opened = (await opener.introspect(await opener.token(opening(made))))["cds_opened_grant"]
    assert opened["authorization_details"] == [less | {"until": "2026-12-01"}]
    assert any("The other meter is not yours." in one["description"] for one in await registered.messages())


async def test_enabling_all_of_a_limited_grant_makes_it_active_again(registered, data):
    made = await make_grant(registered, data.client_id, "test_meters test_prices")
    await decide(data, made.grant_id, enabled_scope="test_meters")
    await decide(data, made.grant_id, enabled_scope="test_prices test_meters")

    grant = await shown(registered, made.grant_id)
    assert (grant["status"], *enabled(grant)) == ("active", "test_meters test_prices", [])


@pytest.mark.clause("WG1-02-8.2-04", "WG1-02-8.1-07")
async def test_a_pending_grant_gives_what_is_there_already(registered, data, opener):
    made = await make_grant(registered, data.client_id, "test_meters test_prices", status=GrantStatus.PENDING)
    later = registered.access.now + 9 * DAY

    await decide(data, made.grant_id, enabled_scope="test_prices", eta=later)
    loading = await shown(registered, made.grant_id)
    opened = (await opener.introspect(await opener.token(opening(made))))["cds_opened_grant"]
    await decide(data, made.grant_id, status=GrantStatus.ACTIVE)
    loaded = await shown(registered, made.grant_id)

    assert (loading["status"], loading["eta"], *enabled(loading)) == (
        "pending",
        "2026-06-10T12:00:00Z",
        "test_prices",
        [],
    )
    assert opened["scope"] == "test_prices"
    assert (loaded["status"], loaded["eta"], *enabled(loaded)) == ("active", None, "test_meters test_prices", [])


@pytest.mark.clause("WG1-02-8.1-14", "WG1-02-8.2-16", "WG1-02-8.2-13")
@pytest.mark.parametrize("status", sorted(WITHOUT_ACCESS - {GrantStatus.CLOSED, GrantStatus.FUTURE}))
async def test_statuses_without_access_enable_nothing(server, registered, data, status):
    made = await make_grant(registered, data.client_id, "test_prices", authorization_details=[METERS])
    server.clock.advance(seconds=5)

    await decide(data, made.grant_id, status=status)

    grant = await shown(registered, made.grant_id)
    ends = "2026-06-01T12:00:05Z" if status is GrantStatus.EXPIRED else None
    assert (grant["status"], *enabled(grant)) == (status, "", [])
    assert (grant["not_after"], grant["expires"]) == (ends, ends)


@pytest.mark.parametrize("final", [GrantStatus.CLOSED, GrantStatus.REVOKED])
async def test_what_a_client_or_a_user_has_ended_stays_ended(registered, data, final):
    made = await make_grant(registered, data.client_id, "test_prices")
    if final is GrantStatus.CLOSED:
        await patch(registered, made.grant_id, {"status": "closed"})
    else:
        await decide(data, made.grant_id, status=final)

    for status in grant_decisions.SETTABLE:
        with pytest.raises(AlreadyDecided):
            await decide(data, made.grant_id, status=status)
    assert (await shown(registered, made.grant_id))["status"] == final


@pytest.mark.parametrize(
    "fields",
    [
        {"status": GrantStatus.CLOSED},
        {"status": GrantStatus.FUTURE},
        {"status": GrantStatus.PARTIAL},
        {"status": GrantStatus.PARTIAL, "enabled_scope": "test_meters test_prices"},
        {"status": GrantStatus.PARTIAL, "enabled_scope": ""},
        {"status": GrantStatus.ACTIVE, "enabled_scope": "test_prices"},
        {"status": GrantStatus.SUSPENDED, "enabled_scope": "test_prices"},
        {"status": GrantStatus.DISABLED, "enabled_scope": ""},
        {"enabled_scope": ""},
        {"enabled_scope": "ple_grid_status"},
        {"enabled_authorization_details": [METERS | {"share": 2}]},
        {"enabled_authorization_details": [METERS | {"until": "P5Y"}]},
        {"enabled_authorization_details": [{"type": "ple_grid_status"}]},
        {"eta": "later"},
        {"expires": "earlier"},
    ],
)
async def test_decisions_that_contradict_themselves_are_refused(registered, data, fields):
    made = await make_grant(registered, data.client_id, "test_meters test_prices")
    now = registered.access.now
    times = {"later": now + DAY, "earlier": now - DAY}
    fields = {name: times.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
    before = await shown(registered, made.grant_id)

    with pytest.raises(InvalidRequest):
        await decide(data, made.grant_id, **fields)

    assert await shown(registered, made.grant_id) == before


async def test_decisions_about_unknown_grants_are_refused(registered, data):
    for grant_id in ("x", Randomness().object_id(registered.registration_id, "g"), registered.client_id):
        with pytest.raises(NotFound):
            await decide(data, grant_id, status=GrantStatus.SUSPENDED)


@pytest.mark.clause("WG1-02-8.1-06", "WG1-02-8.1-08")
async def test_an_expired_grant_comes_back_only_with_a_later_end(server, registered, data):
    made = await make_grant(registered, data.client_id, "test_prices", expires=registered.access.now + DAY)
    server.clock.advance(days=2)

    with pytest.raises(InvalidRequest):
        await decide(data, made.grant_id, status=GrantStatus.ACTIVE)
    with pytest.raises(InvalidRequest):
        await decide(data, made.grant_id, expires=registered.access.now + DAY)
    await decide(data, made.grant_id, status=GrantStatus.ACTIVE, expires=registered.access.now + DAY)

    grant = await shown(registered, made.grant_id)
    assert (grant["status"], *enabled(grant)) == ("active", "test_prices", [])
    assert grant["expires"] == grant["not_after"] == "2026-06-04T12:00:00Z"


async def test_a_grant_that_an_operator_gives_back_still_waits_for_its_start_and_its_client_object(registered, data):
    early = await make_grant(registered, data.client_id, "test_prices", not_before=registered.access.now + DAY)
    barred = await make_grant(registered, data.client_id, "test_prices")
    for one in (early, barred):
        await decide(data, one.grant_id, status=GrantStatus.SUSPENDED)
    await decide(data, early.grant_id, status=GrantStatus.ACTIVE)
    await operator_disables(registered, data.client_id)
    await decide(data, barred.grant_id, status=GrantStatus.ACTIVE)
    while_disabled = [(await shown(registered, one.grant_id))["status"] for one in (early, barred)]
    await operator_enables(registered, data.client_id)

    assert while_disabled == ["suspended", "suspended"]
    assert [(await shown(registered, one.grant_id))["status"] for one in (early, barred)] == ["future", "active"]


async def test_a_decision_that_changes_nothing_writes_nothing(server, registered, data):
    made = await make_grant(registered, data.client_id, "test_prices")
    messages = len(await registered.messages())
    server.clock.advance(seconds=5)

    await decide(data, made.grant_id, status=GrantStatus.ACTIVE)

    assert (await shown(registered, made.grant_id))["modified"] == "2026-06-01T12:00:00Z"
    assert len(await registered.messages()) == messages


# Client Objects with very many Grants


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three Grants."""
    monkeypatch.setattr(grant_withholding, "BATCH", 3)


async def many(registered: Registered, client_id: str, count: int) -> list[str]:
    change = Change(registered.registration_id, registered.server.clock.now)
    grants = [make_bare_grant(client_id, scope="test_prices", enabled_scope="test_prices") for _ in range(count)]
    for one in grants:
        change.create(one, GrantInternal())
    await registered.server.context.records.apply(change)
    return [one.grant_id for one in grants]


@pytest.mark.usefixtures("small_batches")
@pytest.mark.clause("WG1-02-5.2-04", "WG1-02-8.2-16")
async def test_all_grants_of_a_disabled_client_object_are_suspended_however_many_they_are(registered, data, opener):
    ids = await many(registered, data.client_id, 10)
    suspended_by_operator, closed = ids[0], ids[1]
    await decide(data, suspended_by_operator, status=GrantStatus.SUSPENDED)
    await patch(registered, closed, {"status": "closed"})
    tokens = [await opener.token(opening(await shown(registered, one))) for one in ids[2:]]

    await operator_disables(registered, data.client_id)
    disabled = {one["grant_id"]: one["status"] for one in await data.grants()}
    dead = [await opener.introspect(token) for token in tokens]
    await operator_enables(registered, data.client_id)
    enabled_again = {one["grant_id"]: one["status"] for one in await data.grants()}

    rest = set(ids) - {suspended_by_operator, closed}
    assert disabled == dict.fromkeys([*rest, suspended_by_operator], "suspended") | {closed: "closed"}
    assert dead == [{"active": False}] * 8
    assert enabled_again == dict.fromkeys(rest, "active") | {suspended_by_operator: "suspended", closed: "closed"}
    assert (await opener.ask(opening(await shown(registered, ids[5])))).status_code == 200


@pytest.mark.usefixtures("small_batches")
async def test_the_first_batch_already_stops_everything_that_opens_the_others(server, registered, data, opener):
    ids = await many(registered, data.client_id, 10)
    tokens = [await opener.token(opening(await shown(registered, one))) for one in ids]
    change = Change(registered.registration_id, server.clock.now)
    records, context = server.context.records, server.context

    further = await grant_withholding.withhold_of_client(context, registered.access, change, data.client_id)
    await records.apply(change)

    assert further is not None
    assert [await opener.introspect(token) for token in tokens] == [{"active": False}] * 10


async def test_one_message_tells_about_all_grants_of_a_disabled_client_object(registered, data):
    await many(registered, data.client_id, 5)

    await operator_disables(registered, data.client_id)

    (told,) = [one for one in await registered.messages() if one.get("related_type") == "grant_list"]
    assert told["description"].startswith("5 Grants of Client Object")
    assert told["related_uri"] == f"https://utility.example{GRANTS}?client_ids={data.client_id}"
    assert len((await registered.get(told["related_uri"])).json()["grants"]) == 5


def test_the_statuses_that_end_a_grant_give_no_access():
    assert ENDED < WITHOUT_ACCESS


async def test_a_grant_of_a_scope_that_the_catalog_has_lost_can_still_be_closed(server, registered, data):
    (old,) = await many(registered, data.client_id, 1)
    scopes = {name: scope for name, scope in server.context.catalog.scopes.items() if name != "test_prices"}
    object.__setattr__(server.context, "catalog", replace(server.context.catalog, scopes=scopes))

    response = await patch(registered, old, {"status": "closed"})

    assert (response.status_code, response.json()["status"]) == (200, "closed")
