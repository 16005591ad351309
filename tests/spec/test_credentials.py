"""Credentials: format, listing, reading, creating (CDS-WG1-02 7.1 to 7.5; ambiguities D1, D7 to D10)."""

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from app.catalog import Catalog
from app.domain import credentials
from app.domain.records import Change
from app.errors import InvalidRequest
from tests.conftest import MakeServer, Registered, Server, changed

PATH = "/cds-api/v1/credentials"
SCOPES = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
MEMBERS = {
    "credential_id": str,
    "uri": str,
    "client_id": str,
    "created": str,
    "modified": str,
    "type": str,
    "client_secret": str,
    "client_secret_expires_at": int,
}


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(SCOPES)


async def listed(registered: Registered, **params: str) -> list[dict[str, Any]]:
    answer = await registered.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"credentials", "next", "previous"}
    found: list[dict[str, Any]] = answer.json()["credentials"]
    return found


async def created(registered: Registered, client_id: str, **more: Any) -> dict[str, Any]:
    answer = await registered.post(PATH, {"client_id": client_id} | more)
    assert answer.status_code == 201, answer.text
    credential: dict[str, Any] = answer.json()
    return credential


async def grid_id(registered: Registered) -> str:
    client_id: str = (await registered.clients())["ple_grid_status"]["client_id"]
    return client_id


@pytest.mark.clause("WG1-02-7.1-01", "WG1-02-7.1-04", "WG1-02-7.2-01", "WG1-02-7-01", "WG1-02-7.3-02")
async def test_every_credential_has_all_required_fields(registered: Registered) -> None:
    """In listings, single GETs and the answers to POST and PATCH."""
    new = await created(registered, registered.client_id)
    patched = (await registered.patch(new["uri"], {})).json()

    for credential in [*await listed(registered), (await registered.get(new["uri"])).json(), new, patched]:
        for name, kind in MEMBERS.items():
            assert type(credential[name]) is kind, (name, credential)
        assert credential["type"] == "client_secret"


@pytest.mark.clause("WG1-02-4.2-13", "WG1-02-7.1-02", "WG1-02-7.1-03")
async def test_every_object_with_an_auth_method_has_a_secret_that_works(server: Server, registered: Registered) -> None:
    """Long, random, the same at every GET, and never what a Client has sent."""
    secrets = set()
    clients = (await registered.get("/cds-api/v1/clients")).json()["clients"]
    for client in clients:
        found = await listed(registered, client_ids=client["client_id"])
        assert len(found) == (0 if client["token_endpoint_auth_method"] is None else 1)
        for credential in found:
            again = (await registered.get(credential["uri"])).json()
            assert again == credential
            secrets.add(credential["client_secret"])
            if "client_credentials" in client["grant_types"] and client["scope"] != "cds_grant_admin":
                assert await server.access_token(client["client_id"], credential["client_secret"])
    assert registered.client_secret in secrets
    chosen = await created(registered, registered.client_id, client_secret="mine", client_secret_expires_at=1)
    secrets.add(chosen["client_secret"])
    assert len(secrets) == 6
    assert all(len(secret.removeprefix("cdscs_")) == 43 for secret in secrets)


@pytest.mark.clause("WG1-02-7.5-01", "WG1-02-7.5-03")
async def test_a_new_credential_works_beside_the_old_one(server: Server, registered: Registered) -> None:
    """Its answer is byte for byte what a GET returns."""
    client_id = await grid_id(registered)
    (old,) = await listed(registered, client_ids=client_id)

    answer = await registered.post(PATH, {"client_id": client_id})

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json()
    assert (await registered.get(new["uri"])).content == answer.content
    assert new["client_id"] == client_id
    assert new["client_secret"] != old["client_secret"]
    assert await server.access_token(client_id, new["client_secret"])
    assert await server.access_token(client_id, old["client_secret"])


@pytest.mark.clause("WG1-02-7.1-04")
@pytest.mark.parametrize("ttl_seconds", [None, 60])
async def test_the_catalog_says_when_new_credentials_expire(
    make_server: MakeServer, demo_catalog: Catalog, ttl_seconds: int | None
) -> None:
    """0 is never."""
    server = await make_server(changed(demo_catalog, registration={"secret_ttl_seconds": ttl_seconds}))
    registered = await server.register()
    expires_at = 0 if ttl_seconds is None else int(server.clock.now.timestamp()) + ttl_seconds

    new = await created(registered, registered.client_id)

    assert [one["client_secret_expires_at"] for one in await listed(registered)] == [expires_at] * 2
    server.clock.advance(seconds=60)
    expected = 200 if ttl_seconds is None else 401
    for secret in (new["client_secret"], registered.client_secret):
        assert (await server.token_response(registered.client_id, secret)).status_code == expected


@pytest.mark.clause("WG1-02-7.5-02")
@pytest.mark.parametrize("body", [{}, {"client_id": 5}, {"client_id": None}, {"client_id": ""}, {"client_id": ["x"]}])
async def test_incomplete_requests_are_refused(registered: Registered, body: dict[str, Any]) -> None:
    """With the name of the field."""
    answer = await registered.post(PATH, body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "client_id"
    assert len(await listed(registered)) == 5


@pytest.mark.clause("WG1-02-7.5-02")
async def test_objects_that_could_not_use_a_secret_get_none(server: Server, registered: Registered) -> None:
    """Unknown and foreign ones, those without an auth method and disabled ones (ambiguities D8)."""
    clients = await registered.clients()
    other = await server.register()
    grid = clients["ple_grid_status"]
    await registered.put(grid["cds_client_uri"], grid | {"cds_status": "disabled"})
    before = await listed(registered)

    refused = [
        "unknown",
        f"{registered.client_id}-77",
        other.client_id,
        clients["cds_server_provided_files_ple"]["client_id"],
        grid["client_id"],
        before[0]["credential_id"],
    ]
    for client_id in refused:
        answer = await registered.post(PATH, {"client_id": client_id})
        assert answer.status_code == 400, client_id
        assert answer.json()["error"] == "invalid_request"
    assert await listed(registered) == before
    assert len(await listed(other)) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"client_id=x", b'{"client_id":', b"\xff", b'{"client_id":"\\ud800"}'])
async def test_bodies_that_are_no_json_object_are_refused(registered: Registered, body: bytes) -> None:
    """With 400, whatever the content type says (ambiguities A14)."""
    assert (await registered.post(PATH, content=body)).status_code == 400
    assert (await registered.patch((await listed(registered))[0]["uri"], content=body)).status_code == 400


@pytest.mark.clause("WG1-02-7-04", "WG1-02-7.3-01", "WG1-02-7.4-01")
async def test_only_the_admin_token_of_the_registration_opens_the_api(server: Server, registered: Registered) -> None:
    """No token 401, a token of another scope 403, another registration's 404."""
    other = await server.register()
    client_id = await grid_id(registered)
    (credential,) = await listed(registered, client_ids=client_id)
    token = await server.access_token(client_id, credential["client_secret"])
    calls = [
        ("GET", PATH, None),
        ("POST", PATH, {"client_id": client_id}),
        ("GET", urlsplit(credential["uri"]).path, None),
        ("PATCH", urlsplit(credential["uri"]).path, {"client_secret_expires_at": 1}),
    ]

    for method, path, body in calls:
        missing = await server.http.request(method, path, json=body)
        assert (missing.status_code, missing.headers["www-authenticate"]) == (401, 'Bearer realm="cds"')
        wrong = await server.http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
        assert wrong.status_code == 403
        assert 'scope="cds_client_admin"' in wrong.headers["www-authenticate"]
    assert (await other.get(credential["uri"])).status_code == 404
    assert (await other.patch(credential["uri"], {"client_secret_expires_at": 0})).status_code == 404
    assert [one["client_id"] for one in await listed(other)] == [other.client_id]
    assert await listed(registered, client_ids=client_id) == [credential]


@pytest.mark.parametrize(
    "credential_id", ["nobody", "%00", "a" * 5000, "{rid}", "{rid}-1", "{rid}-cffffffffff", "{rid}-c"]
)
async def test_ids_that_cannot_be_are_not_found(registered: Registered, credential_id: str) -> None:
    """For reading and for writing alike."""
    path = f"{PATH}/{credential_id.replace('{rid}', registered.client_id)}"

    assert (await registered.get(path)).status_code == 404
    assert (await registered.patch(path, {"client_secret_expires_at": 0})).status_code == 404


@pytest.mark.clause("WG1-02-7.3-03", "WG1-02-7.3-07", "WG1-02-7.3-08", "WG1-02-7.3-06")
async def test_filters_narrow_the_listing_together(server: Server, registered: Registered) -> None:
    """Unknown and foreign ids find nothing, and nothing else is an error."""
    other = await server.register()
    client_id, admin_id = await grid_id(registered), registered.client_id
    first = (await listed(registered, client_ids=client_id))[0]["credential_id"]
    second = (await created(registered, client_id))["credential_id"]
    admin = (await listed(registered, client_ids=admin_id))[0]["credential_id"]

    async def ids(**params: str) -> set[str]:
        return {one["credential_id"] for one in await listed(registered, **params)}

    assert await ids(credential_ids=f"{first} {admin}") == {first, admin}
    assert await ids(client_ids=client_id) == {first, second}
    assert await ids(client_ids=f"{client_id} {admin_id}") == {first, second, admin}
    assert await ids(client_ids=client_id, credential_ids=f"{first} {admin}") == {first}
    assert await ids(client_ids=f"unknown {other.client_id}") == set()
    assert await ids(client_ids=f"unknown {client_id}") == {first, second}
    assert await ids(credential_ids="unknown") == set()
    assert await ids(credential_ids=f"{(await listed(other))[0]['credential_id']}") == set()
    assert len(await ids(client_ids="", credential_ids="", after="", before="")) == 6
    assert len(await ids(colour="green")) == 6


@pytest.mark.clause("WG1-02-7.3-09", "WG1-02-7.3-10", "WG1-02-7.3-06")
async def test_after_and_before_include_their_moment(server: Server, registered: Registered) -> None:
    """Also with fractions, another offset, and a plus that arrived as a blank (ambiguities D10)."""
    client_id = await grid_id(registered)
    server.clock.advance(minutes=10)
    middle = await created(registered, client_id)
    server.clock.advance(minutes=10)
    late = await created(registered, registered.client_id)
    one, two = middle["credential_id"], late["credential_id"]
    await registered.patch(middle["uri"], {"client_secret_expires_at": int(server.clock.now.timestamp()) + 60})

    async def ids(query: str) -> list[str]:
        answer = await registered.get(f"{PATH}?{query}")
        assert answer.status_code == 200, answer.text
        return [found["credential_id"] for found in answer.json()["credentials"]]

    assert await ids(f"after={middle['created']}") == [one, two]
    assert await ids("after=2026-06-01T12:10:00.000001Z") == [two]
    assert await ids("after=2026-06-01T13:10:00%2B01:00") == [one, two]
    assert await ids("after=2026-06-01T13:10:00+01:00") == [one, two]
    assert await ids(f"after={middle['created']}&before={middle['created']}") == [one]
    assert await ids(f"before={middle['created']}&client_ids={client_id}") == [
        one,
        *await ids("before=2026-06-01T12:00:00Z&client_ids=" + client_id),
    ]
    assert len(await ids("before=2026-06-01T12:09:59.9Z")) == 5
    assert await ids("after=9999-12-31T23:59:59Z") == []
    assert await ids("before=0001-01-01T00:00:00Z") == []
    assert len(await ids("after=0001-01-01T00:00:00Z&before=9999-12-31T23:59:59Z")) == 7


@pytest.mark.clause("WG1-02-7.3-09", "WG1-02-7.3-10")
@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize(
    "value", ["yesterday", "2026-06-01", "2026-06-01T12:00:00", "1780315200", "2026-13-01T00:00:00Z"]
)
async def test_a_moment_that_is_none_is_refused(registered: Registered, name: str, value: str) -> None:
    """With the name of the parameter."""
    answer = await registered.get(f"{PATH}?{name}={quote(value)}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == name


@pytest.mark.clause("WG1-02-7.3-11")
async def test_the_credential_that_was_modified_last_comes_first(server: Server, registered: Registered) -> None:
    """New ones and patched ones alike."""
    order = [one["credential_id"] for one in await listed(registered)]
    new = await created(registered, registered.client_id)
    expires_at = int(server.clock.now.timestamp()) + 3600

    await registered.patch(f"{PATH}/{order[2]}", {"client_secret_expires_at": expires_at})

    now = [one["credential_id"] for one in await listed(registered)]
    assert now == [order[2], new["credential_id"], order[0], order[1], *order[3:]]
    assert now[0] == (await listed(registered))[0]["credential_id"]


@pytest.mark.clause("WG1-02-7.3-04", "WG1-02-7.3-05")
async def test_a_listing_has_pages_of_a_hundred_that_lead_both_ways(server: Server, registered: Registered) -> None:
    """Their links keep the filters."""
    client_id = await grid_id(registered)
    for _ in range(150):
        change = Change(registered.registration_id, server.clock.advance(seconds=1))
        credentials.issue(server.context, change, client_id)
        await server.context.records.apply(change)
    params = {"client_ids": client_id, "after": "2026-06-01T00:00:00Z"}

    first = (await registered.get(PATH, params=params)).json()
    second = (await registered.get(first["next"])).json()
    back = (await registered.get(second["previous"])).json()

    assert (len(first["credentials"]), len(second["credentials"])) == (100, 51)
    assert (first["previous"], second["next"]) == (None, None)
    assert back == first
    both = first["credentials"] + second["credentials"]
    assert {one["client_id"] for one in both} == {client_id}
    assert len({one["client_secret"] for one in both}) == 151


@pytest.mark.clause("WG1-02-7.3-12", "WG1-02-5.3-09")
async def test_each_new_credential_is_in_the_changelog(registered: Registered) -> None:
    """The first ones of a registration are not, and a secret never is."""
    assert await registered.messages("private_message") == []

    new = await created(registered, registered.client_id)

    (message,) = await registered.messages("private_message")
    assert (message["related_type"], message["related_uri"]) == ("credential", new["uri"])
    assert (message["creator"], message["status"], message["read"]) == (None, "complete", False)
    assert new["client_secret"] not in str(message)


@pytest.mark.clause("WG1-02-7-02")
async def test_operators_create_credentials_that_show_up(server: Server, registered: Registered) -> None:
    """In the listing and in the changelog."""
    client_id = await grid_id(registered)

    new = await credentials.create(server.context, registered.access, client_id)

    shown = (await listed(registered, client_ids=client_id))[0]
    assert (shown["credential_id"], shown["client_secret"]) == (new.credential_id, new.client_secret)
    assert [one["related_uri"] for one in await registered.messages("private_message")] == [new.uri]


async def test_budgets_of_round_trips(server: Server, registered: Registered) -> None:
    """One to read, two to write."""
    uri = (await listed(registered))[0]["uri"]
    expires_at = int(server.clock.now.timestamp()) + 600
    calls = [
        ("GET", PATH, None, 1),
        ("GET", uri, None, 1),
        ("POST", PATH, {"client_id": registered.client_id}, 2),
        ("PATCH", uri, {"client_secret_expires_at": expires_at}, 2),
        ("PATCH", uri, {"client_secret_expires_at": expires_at}, 1),
        ("PATCH", uri, {}, 1),
    ]

    for method, path, body, budget in calls:
        before = server.connection.round_trips
        answer = await registered.call(method, path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        assert server.connection.round_trips - before == budget, (method, path)


async def test_a_hundred_credentials_can_be_made_at_once(registered: Registered) -> None:
    """They do not get into each other's way."""
    answers = await asyncio.gather(*(registered.post(PATH, {"client_id": registered.client_id}) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["client_secret"] for answer in answers}) == 100


@pytest.mark.clause("WG1-02-5.5-02")
@pytest.mark.parametrize("method", ["DELETE", "PUT"])
async def test_credentials_can_be_neither_deleted_nor_replaced(registered: Registered, method: str) -> None:
    """They expire (ambiguities B23)."""
    uri = (await listed(registered))[0]["uri"]

    answer = await registered.call(method, uri, json={})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"


async def test_the_domain_makes_no_credential_for_another_registration(server: Server, registered: Registered) -> None:
    """Whoever asks and whatever for."""
    other = await server.register()

    with pytest.raises(InvalidRequest):
        await credentials.create(server.context, other.access, registered.client_id)
