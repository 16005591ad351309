"""The Grants API: listing and retrieving (CDS-WG1-02 8.1, 8.4, 8.5; ambiguities D10, J1 to J3)."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from app.catalog import Catalog
from app.crypto.tokens import Randomness
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.domain.grant_terms import Terms, new_state
from app.domain.records import Change, Wanted
from app.schemas.clients import Client
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from tests.conftest import MakeServer, Registered, Server
from tests.factories import make_grant as make_bare_grant
from tests.grant_objects import EVERYTHING, GRANTS, Holder, admin, holder_of, make_grant, opening, patch, utility

MEMBERS = {
    "grant_id",
    "uri",
    "replacing",
    "replaced_by",
    "parent",
    "children",
    "created",
    "modified",
    "not_before",
    "not_after",
    "eta",
    "expires",
    "status",
    "client_id",
    "scope",
    "authorization_details",
    "receipt_confirmations",
    "enabled_scope",
    "enabled_authorization_details",
}
DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with more kinds of scopes than the demo has."""
    return await make_server(utility(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def grid(registered: Registered) -> Holder:
    """A Client Object with client_credentials."""
    return await holder_of(registered, "ple_grid_status")


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


@pytest.fixture
async def users(registered: Registered) -> Holder:
    """The Client Object of a scope that users authorize."""
    return await holder_of(registered, "ple_customer_data")


async def listed(registered: Registered, **filters: str) -> list[str]:
    """The ids in a listing."""
    response = await registered.get(GRANTS, params=filters)
    assert response.status_code == 200, response.text
    return [one["grant_id"] for one in response.json()["grants"]]


async def make_many(registered: Registered, client_id: str, count: int) -> list[str]:
    """Many Grants at once; their ids, newest first."""
    context = registered.server.context
    access = registered.access
    (client,) = await context.records.load(access, Wanted(Client, client_id))
    assert client
    change = Change(access.registration_id, access.now)
    for _ in range(count):
        grant_id = context.randomness.object_id(access.registration_id, "g")
        grant, internal = new_state(context, client.object, grant_id, Terms(scope="test_prices"), access.now)
        change.create(grant, internal)
    await context.records.apply(change)
    return [put.object.grant_id for put in reversed(change.puts) if isinstance(put.object, Grant)]


def assert_is_grant(grant: dict[str, Any]) -> None:
    """The shape of 8.1, with what its fields say about each other."""
    assert set(grant) == MEMBERS
    assert grant["uri"].endswith(f"{GRANTS}/{grant['grant_id']}")
    assert grant["status"] in set(GrantStatus)
    for name in ("created", "modified"):
        assert DATETIME.fullmatch(grant[name])
    for name in ("not_before", "not_after", "eta", "expires"):
        assert grant[name] is None or DATETIME.fullmatch(grant[name])
    assert grant["not_after"] == grant["expires"]
    assert (grant["eta"] is not None) == (grant["status"] == "pending")
    if grant["status"] == "active":
        assert grant["enabled_scope"] == grant["scope"]
        assert grant["enabled_authorization_details"] == grant["authorization_details"]
    if grant["status"] in {"future", "disabled", "suspended", "revoked", "closed", "expired"}:
        assert (grant["enabled_scope"], grant["enabled_authorization_details"]) == ("", [])


@pytest.mark.clause("WG1-02-8.1-01", "WG1-02-8.2-01", "WG1-02-8.1-07", "WG1-02-8.1-13", "WG1-02-8.1-14")
async def test_every_grant_has_all_members_in_the_listing_by_itself_and_after_a_patch(server, registered, data, users):
    now = server.clock.now
    await make_grant(registered, users.client_id, "ple_customer_data", status=GrantStatus.NEEDS_AUTHORIZATION)
    await make_grant(registered, data.client_id, "test_meters", status=GrantStatus.PENDING)
    await make_grant(registered, data.client_id, "test_meters", not_before=now + timedelta(days=1))
    await make_grant(registered, data.client_id, "test_meters", status=GrantStatus.NEEDS_SUB_GRANTS)
    for status in grant_decisions.SETTABLE:
        grant = await make_grant(registered, data.client_id, "test_meters test_prices")
        part = {"enabled_scope": "test_prices"} if status is GrantStatus.PARTIAL else {}
        decision = Decision(status=status, **part)
        await grant_decisions.modify_by_operator(server.context, registered.access, grant.grant_id, decision)

    every = (await registered.get(GRANTS)).json()["grants"]
    assert {one["status"] for one in every} == {status.value for status in GrantStatus} - {"closed"}
    for grant in every:
        assert_is_grant(grant)
        assert (await registered.get(grant["uri"])).json() == grant
        if grant["scope"] != "cds_client_admin":
            closed = (await patch(registered, grant["grant_id"], {"status": "closed"})).json()
            assert_is_grant(closed)
            assert closed["status"] == "closed"
            assert (await registered.get(grant["uri"])).json() == closed


@pytest.mark.clause("WG1-02-8.1-09")
async def test_every_grant_names_one_of_the_client_objects(registered, grid):
    await grid.token()

    ids = {client["client_id"] for client in (await registered.clients()).values()}
    assert {one["client_id"] for one in (await registered.get(GRANTS)).json()["grants"]} <= ids


@pytest.mark.clause("WG1-02-8-02", "RFC6750-3-01", "RFC6750-3-02", "RFC6750-3.1-01")
async def test_only_an_admin_token_opens_the_api(server, registered, data):
    target = await make_grant(registered, data.client_id, "test_prices")
    opener = await holder_of(registered, "cds_grant_admin")
    wrong_scope = await opener.token(opening(target))
    for method, path in (
        ("GET", GRANTS),
        ("GET", f"{GRANTS}/{target.grant_id}"),
        ("PATCH", f"{GRANTS}/{target.grant_id}"),
    ):
        body = {"status": "closed"} if method == "PATCH" else None
        bare = await server.http.request(method, path, json=body)
        query = await server.http.request(method, f"{path}?access_token={registered.token}", json=body)
        dead = await server.http.request(method, path, json=body, headers={"Authorization": "Bearer abc"})
        shaped = f"cdsat_{registered.registration_id}_{'A' * 43}"
        unknown = await server.http.request(method, path, json=body, headers={"Authorization": f"Bearer {shaped}"})
        other = await server.http.request(method, path, json=body, headers={"Authorization": f"Bearer {wrong_scope}"})

        assert [one.status_code for one in (bare, query, dead, unknown, other)] == [401, 401, 401, 401, 403]
        assert "error" not in bare.headers["www-authenticate"]
        assert bare.headers["www-authenticate"].startswith("Bearer ")
        assert 'error="invalid_token"' in dead.headers["www-authenticate"]
        assert 'error="invalid_token"' in unknown.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in other.headers["www-authenticate"]
    assert (await registered.get(target.uri)).json()["status"] == "active"


@pytest.mark.clause("RFC6750-2.1-01")
async def test_the_scheme_is_not_case_sensitive(server, registered):
    token = await admin(registered).token()
    for scheme in ("Bearer", "bearer", "BEARER"):
        response = await server.http.get(GRANTS, headers={"Authorization": f"{scheme} {token}"})

        assert response.status_code == 200


@pytest.mark.clause("WG1-02-8.4-01", "WG1-02-8.5-01", "WG1-02-8.4-07")
async def test_other_registrations_see_nothing_of_a_grant(server, registered, data):
    grant = await make_grant(registered, data.client_id, "test_prices")
    other = await server.register()

    assert grant.grant_id not in await listed(other)
    assert await listed(other, grant_ids=grant.grant_id) == []
    assert await listed(other, client_ids=data.client_id) == []
    assert (await other.get(grant.uri)).status_code == 404
    assert (await patch(other, grant.grant_id, {"status": "closed"})).status_code == 404
    assert (await registered.get(grant.uri)).json()["status"] == "active"


@pytest.mark.clause("WG1-02-8.5-01")
async def test_a_grant_is_retrieved_under_its_uri(registered):
    (grant,) = (await registered.get(GRANTS)).json()["grants"]

    response = await registered.get(grant["uri"])

    assert (response.status_code, response.json()) == (200, grant)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["get", "patch"])
async def test_ids_that_name_no_grant_are_not_found(registered, method):
    message = (await registered.messages())[0]["message_id"]
    unknown = Randomness().object_id(registered.registration_id, "g")
    for one in (unknown, message, registered.client_id, "x", "é", "..", "a" * 5000, "%00", "f0000000000000000"):
        body = {} if method == "get" else {"json": {"status": "closed"}}
        response = await getattr(registered, method)(f"{GRANTS}/{quote(one)}", **body)

        assert response.status_code == 404, one
        assert response.headers["content-type"] == "application/problem+json"


async def test_other_methods_are_not_offered(registered):
    (grant,) = await listed(registered)
    for method, path in (("POST", GRANTS), ("PUT", f"{GRANTS}/{grant}"), ("DELETE", f"{GRANTS}/{grant}")):
        assert (await registered.call(method, path)).status_code == 405


@pytest.mark.clause("WG1-02-8.4-02", "WG1-02-8.4-03", "WG1-02-8.4-05")
async def test_a_listing_without_matches_is_empty(registered):
    response = await registered.get(GRANTS, params={"statuses": "errored"})

    assert (response.status_code, response.json()) == (200, {"grants": [], "next": None, "previous": None})


@pytest.mark.clause("WG1-02-8.4-15", "WG1-02-8.1-04")
async def test_what_was_modified_last_comes_first(server, registered, data):
    made = []
    for _ in range(3):
        server.clock.advance(seconds=1)
        made.append((await make_grant(registered, data.client_id, "test_prices")).grant_id)
    same_second = [(await make_grant(registered, data.client_id, "test_prices")).grant_id for _ in range(3)]
    (first,) = await listed(registered, scopes="cds_client_admin")
    assert await listed(registered) == [*reversed(same_second), *reversed(made), first]

    server.clock.advance(seconds=1)
    changed = (await patch(registered, made[1], {"status": "closed"})).json()

    assert await listed(registered) == [made[1], *reversed(same_second), made[2], made[0], first]
    assert changed["modified"] > changed["created"]
    every = (await registered.get(GRANTS)).json()["grants"]
    assert [one["modified"] for one in every] == sorted((one["modified"] for one in every), reverse=True)


@pytest.mark.clause("WG1-02-8.4-07")
async def test_grant_ids(registered, data):
    one, two, _ = await make_many(registered, data.client_id, 3)
    foreign = Randomness().object_id("ab0000000000zz", "g")

    assert await listed(registered, grant_ids=one) == [one]
    assert await listed(registered, grant_ids=f"{two} {one} {two} {foreign} x") == [one, two]
    assert await listed(registered, grant_ids=foreign) == []


@pytest.mark.clause("WG1-02-8.4-08", "WG1-02-8.1-03")
async def test_parents(registered, data):
    parent = await make_grant(registered, data.client_id, "test_meters")
    other = await make_grant(registered, data.client_id, "test_meters")
    children = [
        (await make_grant(registered, data.client_id, "test_prices", parent=parent.grant_id)).grant_id for _ in range(2)
    ]
    third = await make_grant(registered, data.client_id, "test_prices", parent=other.grant_id)

    assert await listed(registered, parents=parent.grant_id) == children[::-1]
    assert await listed(registered, parents=f"{parent.grant_id} {other.grant_id}") == [third.grant_id, *children[::-1]]
    assert await listed(registered, parents="ab0000000000zz-g1") == []
    shown = (await registered.get(parent.uri)).json()
    assert shown["children"] == children
    assert [(await registered.get(f"{GRANTS}/{one}")).json()["parent"] for one in children] == [parent.grant_id] * 2


@pytest.mark.clause("WG1-02-8.4-09")
async def test_statuses(registered, data):
    one, two, three = await make_many(registered, data.client_id, 3)
    await patch(registered, two, {"status": "closed"})
    (first,) = await listed(registered, scopes="cds_client_admin")

    assert await listed(registered, statuses="closed") == [two]
    assert await listed(registered, statuses="active closed") == [two, one, three, first]
    assert await listed(registered, statuses="unheard_of") == []
    assert await listed(registered, statuses="") == [two, one, three, first]


@pytest.mark.clause("WG1-02-8.4-10")
async def test_client_ids(registered, data, grid):
    (one,) = await make_many(registered, data.client_id, 1)
    await grid.token()
    (two,) = [grant["grant_id"] for grant in await grid.grants()]
    (first,) = await listed(registered, client_ids=registered.client_id)

    assert await listed(registered, client_ids=data.client_id) == [one]
    assert await listed(registered, client_ids=f"{data.client_id} {grid.client_id}") == [two, one]
    assert await listed(registered, client_ids="0 1 nobody") == []
    assert sorted(await listed(registered)) == sorted([one, two, first])


@pytest.mark.clause("WG1-02-8.4-11")
async def test_scopes_match_whole_ids_in_the_scope_and_types_in_the_details(server, registered, data):
    both = await make_grant(registered, data.client_id, "test_meters test_prices")
    detailed = make_bare_grant(
        data.client_id,
        scope="",
        authorization_details=[{"type": "test_meters", "until": "P6M"}],
        enabled_scope="",
    )
    change = Change(registered.registration_id, server.clock.now)
    change.create(detailed, GrantInternal())
    await server.context.records.apply(change)

    assert await listed(registered, scopes="test_meters") == [detailed.grant_id, both.grant_id]
    assert await listed(registered, scopes="test_prices") == [both.grant_id]
    assert await listed(registered, scopes="test_prices test_meters") == [detailed.grant_id, both.grant_id]
    for none in ("test_meters,test_prices", "test_meterstest_prices", "test", "TEST_METERS"):
        assert await listed(registered, scopes=none) == []


@pytest.mark.clause("WG1-02-8.4-12")
async def test_receipt_confirmations(server, registered, users):
    codes = [Randomness().receipt_confirmation() for _ in range(3)]
    change = Change(registered.registration_id, server.clock.now)
    grants = [make_bare_grant(users.client_id, receipt_confirmations=[code]) for code in codes]
    for grant in grants:
        change.create(grant, GrantInternal())
    await server.context.records.apply(change)

    assert await listed(registered, receipt_confirmations=codes[1]) == [grants[1].grant_id]
    assert await listed(registered, receipt_confirmations=f"{codes[0]} {codes[2]} NOTHING") == [
        grants[2].grant_id,
        grants[0].grant_id,
    ]


@pytest.mark.clause("WG1-02-8.4-13", "WG1-02-8.4-14")
async def test_after_and_before_include_their_moment(server, registered, data):
    (first,) = await listed(registered)
    server.clock.advance(seconds=10)
    (second,) = await make_many(registered, data.client_id, 1)
    server.clock.advance(seconds=10)
    (third,) = await make_many(registered, data.client_id, 1)
    at = "2026-06-01T12:00:10"

    assert await listed(registered, after=f"{at}Z") == [third, second]
    assert await listed(registered, after=f"{at}.5Z") == [third]
    assert await listed(registered, before=f"{at}Z") == [second, first]
    assert await listed(registered, before=f"{at}.999Z") == [second, first]
    assert await listed(registered, after=f"{at}Z", before=f"{at}Z") == [second]
    assert await listed(registered, after="2026-06-01T14:00:10+02:00", before="") == [third, second]
    assert await listed(registered, after="9999-12-31T23:59:59Z") == []
    await patch(registered, first, {"status": "closed"})
    registered.token_until = None
    assert await listed(registered, before="2026-06-01T12:00:05Z") == [first]


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize(
    "value", ["yesterday", "2026-06-01", "2026-06-01T12:00:00", "2026-02-30T00:00:00Z", "0", "\x00"]
)
async def test_malformed_moments_are_refused(registered, name, value):
    response = await registered.get(GRANTS, params={name: value})

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == name
    twice = await registered.get(f"{GRANTS}?{name}=2026-06-01T00:00:00Z&{name}=2026-06-02T00:00:00Z")
    assert twice.status_code == 400


@pytest.mark.clause("WG1-02-8.4-06")
async def test_filters_intersect_and_values_add_up(server, registered, data, grid):
    old = await make_many(registered, data.client_id, 4)
    await patch(registered, old[1], {"status": "closed"})
    server.clock.advance(minutes=1)
    new = await make_many(registered, data.client_id, 3)
    await patch(registered, new[2], {"status": "closed"})
    await grid.token()
    every = (await registered.get(GRANTS)).json()["grants"]

    def matching(**wanted: Any) -> list[str]:
        return [one["grant_id"] for one in every if all(one[name] in values for name, values in wanted.items())]

    assert await listed(registered, statuses="closed", client_ids=data.client_id) == matching(
        status={"closed"}, client_id={data.client_id}
    )
    assert await listed(
        registered, statuses="closed active", client_ids=f"{grid.client_id} {data.client_id}"
    ) == matching(status={"closed", "active"}, client_id={data.client_id, grid.client_id})
    assert await listed(registered, statuses="active", scopes="test_prices", after="2026-06-01T12:01:00Z") == new[:2]
    assert await listed(registered, statuses="active", grant_ids=f"{new[0]} {new[2]}") == [new[0]]
    assert await listed(registered, statuses="active", parents="x") == []
    repeated = await registered.get(f"{GRANTS}?statuses=closed&statuses=active&foo=bar")
    assert repeated.json()["grants"] == every


@pytest.mark.clause("WG1-02-8.4-04", "WG1-02-8.4-05")
async def test_long_listings_are_walked_in_both_directions_with_their_filter(registered, data):
    made = await make_many(registered, data.client_id, 250)
    exactly = await registered.get(GRANTS, params={"grant_ids": " ".join(made[:100])})
    assert (len(exactly.json()["grants"]), exactly.json()["next"]) == (100, None)

    forwards, url = [], f"{GRANTS}?scopes=test_prices"
    pages = []
    while url:
        page = (await registered.get(url)).json()
        pages.append(page)
        forwards += [one["grant_id"] for one in page["grants"]]
        url = page["next"]
    backwards: list[str] = []
    url = pages[-1]["previous"]
    while url:
        page = (await registered.get(url)).json()
        backwards = [one["grant_id"] for one in page["grants"]] + backwards
        url = page["previous"]

    assert [len(page["grants"]) for page in pages] == [100, 100, 50]
    assert forwards == made
    assert backwards == made[:200]
    assert pages[0]["previous"] is None
    assert all(page["next"].startswith("https://utility.example/cds-api/v1/grants?") for page in pages[:-1])


@pytest.mark.parametrize("cursor", ["x", "o", "o!", "nZZ", "o" + "z" * 30, "é"])
async def test_a_cursor_of_ones_own_making_is_refused(registered, cursor):
    assert (await registered.get(GRANTS, params={"cursor": cursor})).status_code == 400


async def test_reading_and_listing_cost_one_round_trip(server, registered, data):
    made = await make_many(registered, data.client_id, 120)
    await registered.get(GRANTS)
    for path in (GRANTS, f"{GRANTS}?statuses=active&client_ids={data.client_id}", f"{GRANTS}/{made[0]}"):
        before = server.connection.round_trips
        assert (await registered.get(path)).status_code == 200
        assert server.connection.round_trips - before == 1


@pytest.mark.clause("WG1-02-8.1-02")
async def test_a_replaced_grant_and_its_successor_refer_to_each_other(server, registered, data):
    first = await make_grant(registered, data.client_id, "test_prices")
    second = await make_grant(registered, data.client_id, "test_meters")
    server.clock.advance(seconds=5)
    successor = await make_grant(
        registered, data.client_id, "test_meters test_prices", replacing=(first.grant_id, second.grant_id)
    )

    assert (await registered.get(successor.uri)).json()["replacing"] == [first.uri, second.uri]
    for one in (first, second):
        shown = (await registered.get(one.uri)).json()
        assert (shown["replaced_by"], shown["modified"]) == ([successor.uri], "2026-06-01T12:00:05Z")
