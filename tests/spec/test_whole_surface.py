"""Rules of CDS-WG1-02 that no single document or API shows: they hold between them."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import messages_decisions, production
from app.schemas.messages import MessageStatus
from tests.catalogs import DETAILS_FIELD, SCOPE, a_catalog, load, problems
from tests.conftest import REQUIRED_FIELDS, MakeServer, Registered, Server, changed

SERVER_METADATA = "/.well-known/cds-server-metadata.json"
AS_METADATA = "/.well-known/oauth-authorization-server"
ADMIN_LISTS = {"clients": "clients", "messages": "unread", "credentials": "credentials", "grants": "grants"}
REQUIRED_OF_WG1_01 = (
    "cds_metadata_version",
    "cds_metadata_url",
    "created",
    "updated",
    "name",
    "description",
    "website",
    "documentation",
    "support",
    "capabilities",
)


async def document(server: Server, path: str) -> dict[str, Any]:
    """A public document."""
    answer = await server.http.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def grid_token(registered: Registered, scope: str, details: list[dict[str, Any]]) -> tuple[int, str]:
    """Ask for a token with authorization details: the status, and the error if there is one."""
    client_id = (await registered.clients())[scope]["client_id"]
    secret = (await registered.credential_of(client_id))["client_secret"]
    answer = await registered.server.token_response(client_id, secret, authorization_details=json.dumps(details))
    return answer.status_code, answer.json().get("error", "")


@pytest.mark.clause("WG1-02-3.1-02")
async def test_the_server_metadata_is_that_of_wg1_01_with_the_two_additions(server: Server) -> None:
    metadata = await document(server, SERVER_METADATA)

    assert not [name for name in REQUIRED_OF_WG1_01 if name not in metadata]
    assert "oauth" in metadata["capabilities"]
    assert (await document(server, metadata["oauth_metadata"]))["cds_oauth_version"] == "v1"
    entries = (await document(server, metadata["coverage"]))["coverage_entries"]
    assert {one for entry in entries for one in entry["capabilities"]} | {"coverage"} == set(metadata["capabilities"])


@pytest.mark.clause("WG1-02-3.3.1-03")
async def test_an_admin_token_opens_the_apis_of_its_own_registration(server: Server) -> None:
    registered, other = await server.register("cds_client_admin ple_grid_status"), await server.register()
    metadata = await document(server, AS_METADATA)

    for api, members in ADMIN_LISTS.items():
        answer = await registered.get(metadata[f"cds_{api}_api"])
        assert answer.status_code == 200, answer.text
        assert answer.json()[members], api
        assert registered.registration_id in answer.text
        assert other.registration_id not in answer.text


@pytest.mark.clause("WG1-02-3.4-04")
async def test_details_are_typed_by_the_id_of_a_scope_and_not_by_its_type(
    make_server: MakeServer, tmp_path: Path
) -> None:
    scope = SCOPE | {"authorization_details_fields_supported": [DETAILS_FIELD | {"default": 5}]}
    server = await make_server(load(a_catalog(scopes={"usage_north": scope}), tmp_path))
    registered = await server.register("cds_client_admin usage_north")

    assert scope["type"] == "test_usage"
    assert await grid_token(registered, "usage_north", [{"type": "usage_north", "limit": 3}]) == (200, "")
    refused = await grid_token(registered, "usage_north", [{"type": "test_usage", "limit": 3}])
    assert refused == (400, "invalid_authorization_details")


@pytest.mark.clause("WG1-02-3.4-05")
async def test_requirements_come_with_the_registration_or_before_production(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """Fields at once, steps afterwards; staff need not do anything here."""
    server = await make_server(changed(demo_catalog, registration={"production": "automatic"}))
    scope = "cds_client_admin ple_interconnection"
    without = await server.http.post("/oauth/register", json={"scope": scope})
    assert (without.status_code, "cds_company_name" in without.text) == (400, True)
    registered = await server.register(scope, cds_company_name=REQUIRED_FIELDS["cds_company_name"])
    advance = production.when_steps_are_met(server.context, registered.access)

    outstanding = (await registered.get("/cds-api/v1/messages")).json()["outstanding"]
    assert len(outstanding) == 4
    for step in outstanding:
        assert "production" not in await statuses(registered, "ple_interconnection")
        await messages_decisions.decide(
            server.context, registered.access, step["message_id"], MessageStatus.COMPLETE, advance=advance
        )

    assert await statuses(registered, "ple_interconnection") == {"sandbox", "production"}


async def statuses(registered: Registered, scope: str) -> set[str]:
    """The statuses of the Client Objects of a scope."""
    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]
    return {one["cds_status"] for one in listing if one["scope"] == scope}


@pytest.mark.clause("WG1-02-5.1-15")
async def test_the_metadata_of_a_client_object_says_what_applies_to_it(make_server: MakeServer, tmp_path: Path) -> None:
    """Nothing differs between Client Objects here, so the limits behind the link are those that are enforced."""
    scope = SCOPE | {"authorization_details_fields_supported": [DETAILS_FIELD | {"maximum": 7, "default": 5}]}
    server = await make_server(load(a_catalog(scopes={"usage": scope}), tmp_path))
    registered = await server.register("cds_client_admin usage")

    client = (await registered.clients())["usage"]
    own = (await registered.get(client["cds_server_metadata"])).json()
    description = (await registered.get(own["oauth_metadata"])).json()["cds_scope_descriptions"]["usage"]

    assert description["authorization_details_fields_supported"][0]["maximum"] == 7
    assert await grid_token(registered, "usage", [{"type": "usage", "limit": 7}]) == (200, "")
    assert (await grid_token(registered, "usage", [{"type": "usage", "limit": 8}]))[0] == 400


@pytest.mark.clause("WG1-02-10-02")
async def test_extensions_cannot_take_away_or_replace_what_the_specifications_require(
    server: Server, tmp_path: Path
) -> None:
    """Lists that extensions may add to keep what is in them."""
    for section, path in (("server_metadata", SERVER_METADATA), ("oauth_metadata", AS_METADATA)):
        for name, value in (await document(server, path)).items():
            if name == "ui_locales_supported":  # The demo utility's own extension.
                continue
            replacement = {} if isinstance(value, list) else "https://other.example"
            found = problems(a_catalog(extensions={section: {name: replacement}}), tmp_path)
            assert any(name in problem for problem in found), f"{section}.{name}"


async def test_two_authorization_headers_count_as_none(server: Server) -> None:
    """A gateway in front may have looked at the other one."""
    registered = await server.register()
    await registered.get("/cds-api/v1/clients")
    both = [("Authorization", f"Bearer {registered.token}"), ("Authorization", "Bearer other")]

    answer = await server.http.get("/cds-api/v1/clients", headers=both)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="cds"')


@pytest.mark.clause("WG1-02-3.2-19")
async def test_test_accounts_are_documented_where_users_authorize(
    server: Server, make_server: MakeServer, demo_catalog: Catalog, tmp_path: Path
) -> None:
    metadata = await document(server, AS_METADATA)
    page = await server.http.get(metadata["cds_test_accounts"])

    assert metadata["response_types_supported"] == ["code"]
    assert page.status_code == 200
    for account in demo_catalog.test_accounts:
        assert account.username in page.text
        assert account.password in page.text
    without = await document(await make_server(load(a_catalog(), tmp_path)), AS_METADATA)
    assert without["response_types_supported"] == []
    assert "cds_test_accounts" not in without
