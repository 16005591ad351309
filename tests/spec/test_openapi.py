"""The description that clients are generated from: complete, valid, and of this very utility."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from app.cli import main
from app.openapi.document import undescribed
from app.openapi.operations import OPERATIONS
from app.openapi.pages import is_alias, is_page
from app.web.routing import ErrorStyle
from tests.conftest import PUBLIC_URL, MakeServer, Server
from tests.guards.test_surface import routes
from tests.html_validity import require_valid


@pytest.fixture
async def document(server: Server) -> dict[str, Any]:
    """The document of the demo utility."""
    found: dict[str, Any] = (await server.http.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation."""
    for methods in document["paths"].values():
        yield from methods.values()


async def test_the_description_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


async def test_every_route_is_described_or_is_a_page(server: Server) -> None:
    assert undescribed(routes(server)) == []


async def test_whatever_answers_errors_as_pages_is_a_page_but_the_authorization_endpoint(server: Server) -> None:
    pages = {route.path for route in routes(server) if route.errors is ErrorStyle.PAGE}
    assert pages - {route.path for route in routes(server) if is_page(route)} == {"/oauth/authorize"}


async def test_nothing_is_described_that_is_not_served(server: Server, document: dict[str, Any]) -> None:
    served = {(method, route.path) for route in routes(server) for method in route.endpoints or ("GET",)}
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described <= served
    assert set(OPERATIONS) - described <= {("GET", "/metrics")}


async def test_every_operation_says_what_it_follows_and_who_may(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert "Source: " in operation["description"], operation["operationId"]
        assert operation["summary"]
        assert operation["security"] is not None
        assert "500" in operation["responses"]


async def test_every_member_is_explained(document: dict[str, Any]) -> None:
    unexplained = [
        f"{name}.{member}"
        for name, schema in document["components"]["schemas"].items()
        for member, one in schema.get("properties", {}).items()
        if not one.get("description") and member not in {"software_id", "software_version"}
    ]
    assert unexplained == []


async def test_every_json_body_and_answer_has_an_example_that_fits(document: dict[str, Any]) -> None:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)
    contents = [one for operation in operations(document) for one in _contents(operation)]
    assert len(contents) > 100
    for content_type, content in contents:
        schema = json.loads(json.dumps(content["schema"]).replace('"#/', '"urn:document#/'))
        check = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        if "json" in content_type and "$ref" in schema:
            assert content["examples"], schema
        for example in content.get("examples", {}).values():
            errors = [f"{error.json_path}: {error.message}" for error in check.iter_errors(example["value"])]
            assert errors == [], schema


def _contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for response in operation["responses"].values():
        yield from response.get("content", {}).items()


async def test_links_lead_to_operations(document: dict[str, Any]) -> None:
    known = {operation["operationId"] for operation in operations(document)}
    assert len(known) == len(list(operations(document)))
    for operation in operations(document):
        for response in operation["responses"].values():
            assert {one["operationId"] for one in response.get("links", {}).values()} <= known


async def test_the_registration_request_has_the_fields_and_scopes_of_this_utility(document: dict[str, Any]) -> None:
    request = document["components"]["schemas"]["RegistrationRequest"]

    assert request["required"] == ["scope"]
    assert "`ple_grid_status`" in request["properties"]["scope"]["description"]
    assert request["properties"]["cds_company_name"]["maxLength"] == 200
    assert "Required for `ple_customer_data`" in request["properties"]["cds_company_name"]["description"]
    assert {"type": "null"} in request["properties"]["cds_company_logo"]["anyOf"]
    check = Draft202012Validator({name: one for name, one in request.items() if name != "description"})
    assert check.is_valid({"scope": "cds_client_admin ple_grid_status"})
    assert not check.is_valid({"scope": "ple_grid_status"})
    assert not check.is_valid({"scope": "cds_client_admin ple_interconnection"})


async def test_the_example_of_a_registration_is_accepted(server: Server, document: dict[str, Any]) -> None:
    content = document["paths"]["/oauth/register"]["post"]["requestBody"]["content"]["application/json"]
    example = content["examples"]["example"]["value"]

    assert (await server.http.post("/oauth/register", json=example)).status_code == 201


async def test_null_and_absent_are_told_apart(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "expires" in schemas["Grant"]["required"]
    assert {"type": "null"} in schemas["Grant"]["properties"]["expires"]["anyOf"]
    assert "related_uri" not in schemas["Message"]["required"]
    assert schemas["Message"]["properties"]["related_uri"]["type"] == "string"
    assert schemas["Message"]["properties"]["amount"]["type"] == "number"
    assert schemas["Message"]["properties"]["created"]["format"] == "date-time"


async def test_it_is_a_public_document_that_can_be_kept(server: Server) -> None:
    answer = await server.http.get("/openapi.json")
    again = await server.http.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"
    assert again.status_code == 304


async def test_urls_are_below_the_public_url_whatever_that_is(make_server: MakeServer) -> None:
    server = await make_server(CDS_PUBLIC_URL=f"{PUBLIC_URL}/energy")
    document = (await server.http.get("/openapi.json")).json()

    assert document["servers"][0]["url"] == f"{PUBLIC_URL}/energy"
    flow = document["components"]["securitySchemes"]["clientToken"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == f"{PUBLIC_URL}/energy/oauth/token"
    assert [route.path for route in routes(server) if is_alias(route)] == [
        "/.well-known/oauth-authorization-server/energy"
    ]


def test_the_command_prints_what_the_server_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDS_PUBLIC_URL", PUBLIC_URL)
    printed = CliRunner().invoke(main, ["openapi"])

    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.output)["servers"][0]["url"] == PUBLIC_URL


async def test_the_reference_page_has_every_operation_without_a_script(
    server: Server, document: dict[str, Any]
) -> None:
    page = await server.http.get("/docs/api")

    for operation in operations(document):
        assert f'id="{operation["operationId"]}"' in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http://" not in page.text.replace("http://127.0.0.1", "").replace("http://www.w3.org", "")
    script = await server.http.get("/docs/api/reference.js")
    assert script.headers["content-type"].startswith("text/javascript")


async def test_the_reference_page_is_valid_html(server: Server) -> None:
    require_valid((await server.http.get("/docs/api")).text)
