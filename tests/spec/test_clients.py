"""Client Objects as Clients see them: format, listing, reading (CDS-WG1-02 5.1 to 5.4)."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.client_objects import create
from app.domain.records import Change, Wanted
from app.schemas.clients import ClientStatus
from app.schemas.registrations import Registration
from tests.conftest import REQUIRED_FIELDS, MakeServer, Registered, Server, changed

PATH = "/cds-api/v1/clients"
EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
ALWAYS = {
    "client_id": str,
    "client_id_issued_at": int,
    "scope": str,
    "redirect_uris": list,
    "token_endpoint_auth_method": str | None,
    "grant_types": list,
    "response_types": list,
    "client_name": str,
    "contacts": list,
    "authorization_details_types": list,
    "cds_created": str,
    "cds_modified": str,
    "cds_client_uri": str,
    "cds_status": str,
    "cds_status_options": list,
    "cds_server_metadata": str,
}
STATUSES = {"production", "sandbox", "disabled"}


async def listed(registered: Registered) -> list[dict[str, Any]]:
    answer = await registered.get(PATH)
    assert answer.status_code == 200, answer.text
    clients: list[dict[str, Any]] = answer.json()["clients"]
    return clients


async def add_clients(server: Server, registered: Registered, count: int) -> None:
    """Give the registration more Client Objects than a page holds, one per second."""
    scope = server.context.catalog.scopes["ple_grid_status"]
    for _ in range(count):
        access = registered.access
        (stored,) = await server.context.records.load(access, Wanted(Registration, access.registration_id))
        assert stored
        change = Change(access.registration_id, server.clock.advance(seconds=1))
        number = stored.object.next_client
        client_id = f"{access.registration_id}-{number}"
        create(server.context, change, stored.object, client_id, [scope], ClientStatus.PRODUCTION)
        change.replace(stored, replace(stored.object, next_client=number + 1))
        await server.context.records.apply(change)


@pytest.mark.clause("WG1-02-5.1-01", "WG1-02-5.1-04", "WG1-02-5.1-08", "WG1-02-5.2-01", "WG1-02-5.1-24")
async def test_every_client_object_has_all_required_fields(server: Server) -> None:
    """In the listing, in single GETs and in the answer to the registration."""
    registered = await server.register(EVERYTHING)
    clients = await listed(registered)

    for client in [*clients, registered.response.json()]:
        for name, kind in ALWAYS.items():
            assert isinstance(client[name], kind), (name, client)
        assert {client["cds_status"], *client["cds_status_options"]} <= STATUSES
    assert {client["scope"]: client["authorization_details_types"] for client in clients} == {
        "cds_client_admin": [],
        "cds_grant_admin": ["cds_grant_admin"],
        "cds_server_provided_files_ple": ["cds_server_provided_files_ple"],
        "ple_customer_data": ["ple_customer_data"],
        "ple_grid_status": ["ple_grid_status"],
        "ple_interconnection": [],
    }


@pytest.mark.clause("WG1-02-5.1-02")
async def test_what_is_not_set_is_still_there(server: Server) -> None:
    """Empty lists and null instead of absent keys; the scope too, once a Client has emptied it."""
    registered = await server.register(EVERYTHING)
    clients = await registered.clients()

    files = clients["cds_server_provided_files_ple"]
    assert files["token_endpoint_auth_method"] is None
    assert (files["grant_types"], files["response_types"], files["redirect_uris"]) == ([], [], [])
    assert all(client["contacts"] == [] for client in clients.values())
    grid = clients["ple_grid_status"]
    emptied = await registered.put(grid["cds_client_uri"], grid | {"scope": ""})
    assert emptied.status_code == 200, emptied.text
    assert emptied.json()["scope"] == ""


@pytest.mark.clause("WG1-02-5.1-03")
async def test_the_name_of_an_object_without_a_name_is_its_own_client_id(server: Server) -> None:
    """Each object its own (ambiguities A4)."""
    registered = await server.register(EVERYTHING)

    assert all(client["client_name"] == client["client_id"] for client in await listed(registered))


@pytest.mark.clause("WG1-02-5.1-05", "WG1-02-5.1-06")
async def test_no_client_object_shows_a_secret_or_its_expiry(server: Server) -> None:
    """Neither in the listing nor in a single GET nor in the answer to a PUT."""
    registered = await server.register(EVERYTHING)

    for client in await listed(registered):
        single = (await registered.get(client["cds_client_uri"])).json()
        put = (await registered.put(client["cds_client_uri"], client)).json()
        for shown in (client, single, put):
            assert not {"client_secret", "client_secret_expires_at"} & set(shown)


@pytest.mark.clause("WG1-02-5.1-07", "RFC7591-2-01")
async def test_metadata_of_rfc_7591_comes_back_unchanged_and_unknown_metadata_does_not(server: Server) -> None:
    """On every object of the registration (ambiguities A4)."""
    about = {
        "client_name": "Meadow",
        "client_name#de": "Wiese",
        "contacts": ["it@meadow.example"],
        "client_uri": "https://meadow.example/",
        "logo_uri": "https://meadow.example/logo.png",
        "tos_uri": "https://meadow.example/tos",
        "policy_uri": "https://meadow.example/privacy",
        "software_id": "meadow",
        "software_version": "1.2",
    }
    registered = await server.register(EVERYTHING, **about, favourite_colour="green")

    for client in await listed(registered):
        assert {name: client[name] for name in about} == about
        assert "favourite_colour" not in client


@pytest.mark.clause("WG1-02-5.1-09")
async def test_a_change_moves_cds_modified_and_not_cds_created(server: Server) -> None:
    """Both are RFC 3339 in UTC."""
    registered = await server.register(EVERYTHING)
    grid = (await registered.clients())["ple_grid_status"]
    server.clock.advance(minutes=5)

    new = (await registered.put(grid["cds_client_uri"], grid | {"contacts": ["it@meadow.example"]})).json()

    assert new["cds_created"] == grid["cds_created"] == grid["cds_modified"] == "2026-06-01T12:00:00Z"
    assert new["cds_modified"] == "2026-06-01T12:05:00Z"
    assert (await registered.get(grid["cds_client_uri"])).json() == new


@pytest.mark.clause("WG1-02-5.1-10", "WG1-02-5.4-01", "WG1-02-5-01")
async def test_each_object_is_read_at_its_own_uri(server: Server) -> None:
    """What is there is what the listing has."""
    registered = await server.register(EVERYTHING)
    clients = await listed(registered)

    uris = [client["cds_client_uri"] for client in clients]
    assert len(set(uris)) == len(uris) == 6
    for client in clients:
        answer = await registered.get(client["cds_client_uri"])
        assert answer.status_code == 200
        assert answer.json() == client
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.clause("WG1-02-5.1-12", "WG1-02-5.1-13")
async def test_every_object_but_the_admin_one_can_be_disabled(server: Server) -> None:
    """Whatever the non-normative examples show (ambiguities B1)."""
    registered = await server.register(EVERYTHING)

    for client in await listed(registered):
        options = client["cds_status_options"]
        assert options[0] == client["cds_status"]
        assert options[1:] == ([] if client["scope"] == "cds_client_admin" else ["disabled"])


@pytest.mark.clause("WG1-02-5.1-14", "WG1-02-5.1-16")
async def test_the_server_metadata_of_every_object_is_the_public_document(server: Server) -> None:
    """A Bearer token does no harm there (ambiguities B12)."""
    registered = await server.register(EVERYTHING)

    for client in await listed(registered):
        document = await registered.get(client["cds_server_metadata"])
        assert document.status_code == 200
        assert (await registered.get(document.json()["oauth_metadata"])).json()["issuer"] == server.settings.public_url


@pytest.mark.clause("WG1-02-5.1-17")
@pytest.mark.parametrize(
    ("place", "public"),
    [
        ("cds-server-metadata", "/.well-known/cds-server-metadata.json"),
        ("oauth-authorization-server", "/.well-known/oauth-authorization-server"),
    ],
)
async def test_metadata_below_a_client_object_needs_the_admin_token(server: Server, place: str, public: str) -> None:
    """And says what the public document says."""
    registered, other = await server.register(EVERYTHING), await server.register()
    path = f"{PATH}/{registered.client_id}/{place}"
    same = (await server.http.get(public)).json()

    refused = await server.http.get(path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (await registered.get(path)).json() == same
    assert (await registered.get(f"{PATH}/{registered.client_id}-1/{place}")).json() == same
    assert (await other.get(path)).status_code == 404
    assert (await registered.get(f"{PATH}/nobody/{place}")).status_code == 404


@pytest.mark.clause(
    "WG1-02-5.1-18", "WG1-02-5.1-19", "WG1-02-5.1-20", "WG1-02-5.1-21", "WG1-02-5.1-22", "WG1-02-5.1-23"
)
async def test_objects_for_user_authorization_begin_with_the_defaults(server: Server) -> None:
    """Full scope, receipt page, no details; other objects have none of the three fields."""
    registered = await server.register(EVERYTHING)
    clients = await registered.clients()

    code = clients.pop("ple_customer_data")
    assert code["response_types"] == ["code"]
    assert code["cds_default_scope"] == code["scope"]
    assert [code["cds_default_redirect_uri"]] == code["redirect_uris"] == [server.context.links.receipt]
    assert code["cds_default_authorization_details"] == []
    assert not any(name.startswith("cds_default") for client in clients.values() for name in client)


@pytest.mark.clause("WG1-02-5-02", "WG1-02-5.3-01", "WG1-02-5.4-01")
async def test_only_the_admin_token_of_the_registration_opens_the_api(server: Server) -> None:
    """No token 401, a grant admin token 403, another registration's 404, and its listing has only its own."""
    registered, other = await server.register(EVERYTHING), await server.register("cds_client_admin ple_grid_status")
    grid = (await registered.clients())["ple_grid_status"]
    grid_secret = await registered.credential_of(grid["client_id"])
    grid_token = await server.access_token(grid["client_id"], grid_secret["client_secret"])

    for path in (PATH, urlsplit(grid["cds_client_uri"]).path):
        missing = await server.http.get(path)
        assert missing.status_code == 401
        assert missing.headers["www-authenticate"] == 'Bearer realm="cds"'
        bad = await server.http.get(path, headers={"Authorization": "Bearer nonsense"})
        assert bad.status_code == 401
        assert 'error="invalid_token"' in bad.headers["www-authenticate"]
        wrong = await server.http.get(path, headers={"Authorization": f"Bearer {grid_token}"})
        assert wrong.status_code == 403
        assert 'error="insufficient_scope"' in wrong.headers["www-authenticate"]
    assert (await other.get(grid["cds_client_uri"])).status_code == 404
    assert (await other.put(grid["cds_client_uri"], grid)).status_code == 404
    ids = {client["client_id"] for client in await listed(other)}
    assert ids == {other.client_id, f"{other.client_id}-1"}


@pytest.mark.parametrize(
    "client_id", ["nobody", "00", "%00", "a" * 5000, "..", "0-0", "{rid}-", "{rid}-99", "{rid}-m1"]
)
async def test_ids_that_cannot_be_are_not_found(server: Server, client_id: str) -> None:
    """For reading and for writing alike (ambiguities B17)."""
    registered = await server.register()
    path = f"{PATH}/{client_id.replace('{rid}', registered.client_id)}"

    assert (await registered.get(path)).status_code == 404
    assert (await registered.put(path, {})).status_code == 404


@pytest.mark.clause("WG1-02-5.3-02", "WG1-02-5.3-03", "WG1-02-5.3-06", "WG1-02-5.3-07")
async def test_client_ids_picks_objects_of_the_registration(server: Server) -> None:
    """Separated by %20 or +, given once or repeated; unknown and foreign ids find nothing."""
    registered, other = await server.register(EVERYTHING), await server.register()
    rid = registered.client_id

    async def ids(query: str) -> list[str]:
        answer = await registered.get(f"{PATH}?{query}")
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"clients", "next", "previous"}
        return sorted(client["client_id"] for client in answer.json()["clients"])

    assert await ids(f"client_ids={rid}%20{rid}-2") == [rid, f"{rid}-2"]
    assert await ids(f"client_ids={rid}-1+{rid}-2") == [f"{rid}-1", f"{rid}-2"]
    assert await ids(f"client_ids={rid}-1&client_ids={rid}-2") == [f"{rid}-1", f"{rid}-2"]
    assert await ids(f"client_ids={rid}+unknown+{other.client_id}") == [rid]
    assert await ids("client_ids=unknown") == []
    assert await ids(f"client_ids={other.client_id}") == []
    assert len(await ids("client_ids=")) == 6
    assert len(await ids("colour=green")) == 6


@pytest.mark.clause("WG1-02-5.3-08")
async def test_the_object_that_was_modified_last_comes_first(server: Server) -> None:
    """Also among objects that were modified in the same second."""
    registered = await server.register(EVERYTHING)
    before = await listed(registered)
    assert before[0]["scope"] == "cds_client_admin"

    for client in before[1:]:
        await registered.put(client["cds_client_uri"], client | {"contacts": ["it@meadow.example"]})
    after = await listed(registered)

    assert [one["client_id"] for one in after[:-1]] == [one["client_id"] for one in reversed(before[1:])]
    assert after[-1]["client_id"] == before[0]["client_id"]


@pytest.mark.clause("WG1-02-5.3-04", "WG1-02-5.3-05")
async def test_a_listing_has_pages_of_a_hundred_that_lead_both_ways(server: Server) -> None:
    """Nothing is lost and nothing comes twice."""
    registered = await server.register()
    await add_clients(server, registered, 99)
    whole = (await registered.get(PATH)).json()
    assert (len(whole["clients"]), whole["next"], whole["previous"]) == (100, None, None)

    await add_clients(server, registered, 31)
    first = (await registered.get(PATH)).json()
    second = (await registered.get(first["next"])).json()
    back = (await registered.get(second["previous"])).json()

    assert first["next"].startswith(server.settings.public_url + PATH)
    assert (len(first["clients"]), len(second["clients"])) == (100, 31)
    assert (first["previous"], second["next"]) == (None, None)
    assert back == first
    modified = [client["cds_modified"] for client in first["clients"] + second["clients"]]
    assert modified == sorted(modified, reverse=True)
    assert len({client["client_id"] for client in first["clients"] + second["clients"]}) == 131


async def test_a_page_keeps_the_filter_of_the_first_one(server: Server) -> None:
    """The link is absolute and has all of the query."""
    registered = await server.register()
    await add_clients(server, registered, 120)
    ids = " ".join(f"{registered.client_id}-{number}" for number in range(1, 111))

    first = (await registered.get(PATH, params={"client_ids": ids})).json()
    second = (await registered.get(first["next"])).json()

    numbers = sorted(int(one["client_id"].rpartition("-")[2]) for one in first["clients"] + second["clients"])
    assert numbers == list(range(1, 111))


@pytest.mark.parametrize("cursor", ["x", "n", "o!", "n" + "z" * 20, "%00", "ñ"])
async def test_a_cursor_that_is_not_ours_is_refused(server: Server, cursor: str) -> None:
    """With 400 and the name of the parameter."""
    registered = await server.register()

    answer = await registered.get(f"{PATH}?cursor={cursor}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


@pytest.mark.clause("WG1-02-5.3-09")
async def test_the_first_objects_leave_no_messages_and_later_changes_do(server: Server) -> None:
    """One private_message of the Server for each change, whoever made it."""
    registered = await server.register(EVERYTHING)
    assert await registered.messages("private_message") == []
    grid = (await registered.clients())["ple_grid_status"]

    await registered.put(grid["cds_client_uri"], grid | {"contacts": ["it@meadow.example"]})

    (message,) = await registered.messages("private_message")
    assert (message["creator"], message["status"], message["read"]) == (None, "complete", False)
    assert (message["related_type"], message["related_uri"]) == ("client", grid["cds_client_uri"])
    assert grid["client_id"] in message["description"]
    assert "it@meadow.example" not in message["description"]


@pytest.mark.clause("WG1-02-4.1-06")
async def test_registration_field_values_are_on_the_objects_whose_scopes_list_them(server: Server) -> None:
    """Never on the admin object (ambiguities A5)."""
    registered = await server.register("cds_client_admin ple_customer_data ple_interconnection ple_grid_status")
    clients = await registered.clients()

    name = REQUIRED_FIELDS["cds_company_name"]
    shown = {scope for scope, client in clients.items() if client.get("cds_company_name") == name}
    assert shown == {"ple_customer_data", "ple_interconnection"}
    assert not any(field.startswith("cds_company") for field in clients["cds_client_admin"])


async def test_reading_takes_one_round_trip(server: Server) -> None:
    """The token is checked on the way."""
    registered = await server.register(EVERYTHING)
    await registered.get(PATH)
    connection = server.connection

    for path in (PATH, f"{PATH}/{registered.client_id}", f"{PATH}/{registered.client_id}/cds-server-metadata"):
        before = connection.round_trips
        assert (await registered.get(path)).status_code == 200
        assert connection.round_trips - before == 1


@pytest.mark.clause("WG1-02-5.5-02", "WG1-02-5.4-02", "WG1-02-5.5-03", "RFC7592-3-01")
async def test_there_is_no_rfc_7592_beside_the_clients_api(server: Server) -> None:
    """No registration_access_token, and no way to delete an object (ambiguities B16)."""
    registered = await server.register()
    path = f"{PATH}/{registered.client_id}"

    assert not {"registration_client_uri", "registration_access_token"} & set(registered.response.json())
    for method in ("DELETE", "PATCH", "POST"):
        answer = await registered.call(method, path, json={})
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
    assert (await registered.call("HEAD", path)).status_code == 200


async def test_the_answer_to_a_get_is_byte_for_byte_that_of_the_put(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """So that Clients can compare what they have with what is there."""
    server = await make_server(changed(demo_catalog, policies={"field_review": frozenset()}))
    registered = await server.register(EVERYTHING, **{"client_name#de": "Wiese"})
    code = (await registered.clients())["ple_customer_data"]
    body = code | {"client_name": "Straße", "software_id": "m", "cds_company_name": "Ünïted"}

    put = await registered.put(code["cds_client_uri"], body)

    assert put.status_code == 200, put.text
    assert (await registered.get(code["cds_client_uri"])).content == put.content
