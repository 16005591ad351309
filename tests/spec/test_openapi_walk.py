"""A walk through every operation, of which every answer has to be as /openapi.json says."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.catalog import Catalog
from app.openapi.operations import OPERATIONS
from tests.conftest import MakeServer, Registered, Server, changed
from tests.openapi_recorder import Recorder, close
from tests.operators import API, OperatorClient, operator_of

SCOPE = "cds_client_admin ple_customer_data ple_grid_status cds_server_provided_files_ple"
NOT_WALKED = {
    "getMetrics": "tests/web holds the text of the metrics against Prometheus",
    "reportOnboarding": "answered 404 here, where no secret is set; tests/spec/test_onboarding_payment.py",
    "downloadFieldFile": "tests/operator/test_field_files.py",
    "decideGrant": "answered 409 here; tests/operator/test_grants.py has a Grant with something to decide",
    "approveClient": "tests/operator/test_clients.py",
    "replayDelivery": "tests/operator/test_webhooks.py",
    "getDelivery": "tests/operator/test_webhooks.py",
    "testWebhook": "tests/operator/test_webhooks.py",
}
"""Operations whose good answer takes more than a request, and where it is tested."""


@dataclass
class Walk:
    """A server whose answers are looked at."""

    server: Server
    recorder: Recorder
    client: Registered
    admin: OperatorClient
    answers: dict[str, Any] = field(default_factory=dict)

    async def as_client(self, method: str, path: str, **kwargs: Any) -> Any:
        """The JSON of the answer to a Client."""
        return self.body(await self.client.call(method, f"/cds-api/v1{path}", **kwargs))

    async def as_operator(self, method: str, path: str, **kwargs: Any) -> Any:
        """The JSON of the answer to an operator."""
        return self.body(await self.admin.call(method, path, **kwargs))

    def body(self, answer: httpx.Response) -> Any:
        """What a good answer says."""
        assert answer.is_success, answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content


@pytest.fixture
async def walk(make_server: MakeServer, demo_catalog: Catalog) -> AsyncIterator[Walk]:
    """A Client and an operator of the demo utility."""
    server = await make_server(changed(demo_catalog, policies={"field_review": frozenset({"client_name"})}))
    recorder = Recorder(server.service)
    transport = httpx.ASGITransport(app=recorder, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=server.settings.public_url) as http:
        server.http = http
        client = await server.register(SCOPE, client_name="Meadow", contacts=["dev@meadow.example"])
        yield Walk(server, recorder, client, await operator_of(server))
    recorder.require_described()


async def test_every_operation_answers_as_it_is_described(walk: Walk) -> None:
    await look_at_public_documents(walk)
    await use_oauth(walk)
    await manage_client_objects(walk)
    await exchange_messages(walk)
    await work_as_an_operator(walk)
    await share_files(walk)
    await connect_systems(walk)

    good = {operation for operation, _, status in walk.recorder.seen if status[0] in "23"}
    assert {operation.id for operation in OPERATIONS.values()} - good == set(NOT_WALKED)


async def look_at_public_documents(walk: Walk) -> None:
    http = walk.server.http
    metadata = (await http.get("/.well-known/cds-server-metadata.json")).json()
    for path in (
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/livez",
        "/readyz",
    ):
        answer = await http.get(path)
        assert answer.is_success
        if "etag" in answer.headers:
            again = await http.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
    for entry in (await http.get(metadata["coverage"])).json()["coverage_entries"]:
        for url in (entry.get("map_resource"), entry.get("geojson_resource")):
            assert url is None or (await http.get(url)).is_success
    assert (await http.get("/cds-api/v1/coverage", params={"cursor": "x"})).status_code == 400
    assert (await http.get("/cds-api/v1/coverage/files/none")).status_code == 404


async def use_oauth(walk: Walk) -> None:
    http, client = walk.server.http, walk.client
    login = (client.client_id, client.client_secret)
    token = await walk.server.access_token(*login)
    introspected = await http.post("/oauth/introspect", data={"token": token}, auth=login)
    assert introspected.json()["active"]
    assert not (await http.post("/oauth/introspect", data={"token": "x"}, auth=login)).json()["active"]
    gateway = {"Proxy-Authorization": f"Bearer {walk.admin.key}", "Authorization": f"Bearer {token}"}
    assert (await http.get("/oauth/forward-auth", headers=gateway)).status_code == 200
    other = gateway | {"X-Required-Scope": "ple_grid_status"}
    assert (await http.post("/oauth/forward-auth", headers=other)).status_code == 403
    assert (await http.get("/oauth/forward-auth", headers=gateway | {"Authorization": "x"})).status_code == 401
    assert (await http.get("/oauth/forward-auth")).status_code == 407
    assert (await http.post("/oauth/revoke", data={"token": token}, auth=login)).is_success
    assert (await http.post("/oauth/token", data={"grant_type": "x"}, auth=login)).status_code == 400
    assert (await http.post("/oauth/token", data={"grant_type": "x"}, auth=("x", "y"))).status_code == 401
    assert (await http.post("/oauth/register", json={"scope": "x"})).status_code == 400
    sandbox = (await client.clients())["ple_customer_data"]
    secret = (await client.credential_of(sandbox["client_id"]))["client_secret"]
    verifier = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    pushed = await http.post(
        "/oauth/par", data={"response_type": "code", **verifier}, auth=(sandbox["client_id"], secret)
    )
    parameters = {"client_id": sandbox["client_id"], "response_type": "code", **verifier}
    assert (await http.post("/oauth/authorize", data=parameters)).status_code == 303
    parameters = {"client_id": sandbox["client_id"], "request_uri": pushed.json()["request_uri"]}
    assert (await http.get("/oauth/authorize", params=parameters)).status_code == 303
    assert (await http.get("/oauth/authorize")).status_code == 400


async def manage_client_objects(walk: Walk) -> None:
    sandbox = (await walk.client.clients())["ple_customer_data"]
    path = f"/clients/{sandbox['client_id']}"
    await walk.as_client("GET", "/clients", params={"client_ids": f"{sandbox['client_id']} none"})
    await walk.as_client("GET", path)
    await walk.as_client("GET", f"{path}/cds-server-metadata")
    await walk.as_client("GET", f"{path}/oauth-authorization-server")
    changed_answer = await walk.client.put(f"/cds-api/v1{path}", json={**sandbox, "client_name": "Meadow Two"})
    assert changed_answer.status_code == 202
    assert (await walk.client.put(f"/cds-api/v1{path}", json={**sandbox, "scope": 5})).status_code == 400
    assert (await walk.client.get("/cds-api/v1/clients/none")).status_code == 404
    assert (await walk.server.http.get("/cds-api/v1/clients")).status_code == 401
    credential = await walk.as_client("POST", "/credentials", json={"client_id": sandbox["client_id"]})
    path = f"/credentials/{credential['credential_id']}"
    await walk.as_client("GET", "/credentials", params={"after": "2020-01-01T00:00:00Z"})
    await walk.as_client("GET", path)
    now = int(walk.server.clock.now.timestamp())
    await walk.as_client("PATCH", path, json={"client_secret_expires_at": now})
    assert (await walk.client.get("/cds-api/v1/credentials", params={"after": "x"})).status_code == 400
    grants = (await walk.as_client("GET", "/grants", params={"statuses": "active pending"}))["grants"]
    other = next(one for one in grants if one["scope"] != "cds_client_admin") if len(grants) > 1 else grants[0]
    await walk.as_client("GET", f"/grants/{other['grant_id']}")
    await walk.as_client("PATCH", f"/grants/{other['grant_id']}", json={})


async def exchange_messages(walk: Walk) -> None:
    attachment = {"filename": "letter.pdf", "mime_type": "application/pdf", "data": "JVBERi0xLjcK"}
    message = {"type": "private_message", "previous_uri": None, "name": "Hello", "description": "A letter."}
    sent = await walk.as_client("POST", "/messages", json={**message, "attachments": [attachment]})
    await walk.as_client("GET", "/messages")
    await walk.as_client("GET", f"/messages/{sent['message_id']}")
    await walk.as_client("PATCH", f"/messages/{sent['message_id']}", json={"read": False})
    assert (await walk.client.post("/cds-api/v1/messages", json={"type": "x"})).status_code == 400
    listed = await walk.as_operator("GET", "/messages", params={"status": "waiting"})
    await walk.as_operator("GET", "/messages", params={"registration_id": walk.client.registration_id})
    assert {one["type"] for one in listed["messages"]} >= {"private_message", "field_changes"}
    for one in listed["messages"]:
        detail = await walk.as_operator("GET", f"/messages/{one['message_id']}")
        for file in detail.get("attachments", ()):
            part = await walk.admin.get(file["download_uri"], headers={"Range": "bytes=0-3"})
            assert part.status_code == 206
            await walk.as_operator("GET", file["download_uri"])
    await walk.as_operator("POST", f"/messages/{sent['message_id']}/decision", json={"status": "complete"})
    again = await walk.admin.post(f"/messages/{sent['message_id']}/decision", {"status": "complete"})
    assert again.status_code == 409


async def work_as_an_operator(walk: Walk) -> None:
    registration = f"/registrations/{walk.client.registration_id}"
    await walk.as_operator("GET", "/registrations", params={"q": "meadow", "status": "active", "onboarding": "true"})
    await walk.as_operator("GET", registration)
    await walk.as_operator("PATCH", registration, json={"notes": "Called on Monday."})
    written = {"type": "notification", "name": "News", "description": "There is news."}
    await walk.as_operator("POST", f"{registration}/messages", json=written)
    grid = (await walk.client.clients())["ple_grid_status"]
    client = f"/clients/{grid['client_id']}"
    await walk.as_operator("GET", client)
    await walk.as_operator("PATCH", client, json={"contacts": ["new@meadow.example"]})
    made = await walk.as_operator("POST", f"{client}/credentials", json={})
    await walk.as_operator("GET", "/credentials", params={"registration_id": walk.client.registration_id})
    await walk.as_operator("GET", f"/credentials/{made['credential_id']}")
    await walk.as_operator("POST", f"/credentials/{made['credential_id']}/expire", json={})
    grant = await walk.as_operator("POST", "/grants", json={"client_id": grid["client_id"], "scope": "ple_grid_status"})
    await walk.as_operator("GET", "/grants", params={"status": "active"})
    await walk.as_operator("GET", "/grants", params={"grant_ids": grant["grant_id"]})
    await walk.as_operator("GET", f"/grants/{grant['grant_id']}")
    await walk.as_operator("PATCH", f"/grants/{grant['grant_id']}", json={"status": "suspended", "description": "Why?"})
    assert not (await walk.admin.post(f"/grants/{grant['grant_id']}/decision", {"status": "complete"})).is_success
    assert (await walk.admin.patch(f"/grants/{grant['grant_id']}", {"misspelt": 1})).status_code == 400
    assert (await walk.admin.get("/registrations/none")).status_code == 404
    assert (await walk.server.http.get(f"{API}/registrations")).status_code == 401
    viewer = await operator_of(walk.server, "viewer")
    assert (await viewer.patch(registration, {"notes": "x"})).status_code == 403
    for path in ("/overview", "/events", "/audit", "/operators"):
        await walk.as_operator("GET", path)
    await walk.as_operator("POST", "/operators", json={"name": "dana", "role": "support"})
    await walk.as_operator("GET", "/operators/dana")
    await walk.as_operator("DELETE", "/operators/dana")


async def share_files(walk: Walk) -> None:
    file = ("study.pdf", b"%PDF-1.7 of some length", "application/pdf")
    made = await walk.as_operator("POST", "/files", files={"file": file})
    path = f"/files/{made['file_id']}"
    await walk.as_operator("GET", "/files")
    await walk.as_operator("PATCH", path, json={"description": "The study of 2026."})
    target = (await walk.client.clients())["cds_server_provided_files_ple"]["client_id"]
    grant = await walk.as_operator("POST", f"{path}/shares", json={"client_id": target})
    await walk.as_operator("GET", path)
    await walk.as_operator("GET", f"{path}/download")
    await open_files(walk, grant)
    body = {"client_id": target, "file_ids": [made["file_id"]]}
    other = await walk.as_operator("POST", "/shares", json=body)
    await walk.as_operator("DELETE", f"/shares/{other['grant_id']}")
    await walk.as_operator("DELETE", path)


async def open_files(walk: Walk, grant: dict[str, Any]) -> None:
    """What the Client does with the Grant (CDS-WG1-02 12.19)."""
    opener = (await walk.client.clients())["cds_grant_admin"]["client_id"]
    secret = (await walk.client.credential_of(opener))["client_secret"]
    entry = {"type": "cds_grant_admin", "client_id": grant["client_id"], "grant_id": grant["grant_id"]}
    details = {"scope": "cds_grant_admin", "authorization_details": json.dumps([entry])}
    token = await walk.server.access_token(opener, secret, **details)
    headers = {"Authorization": f"Bearer {token}"}
    login = (opener, secret)
    opened = (await walk.server.http.post("/oauth/introspect", data={"token": token}, auth=login)).json()
    assert opened["cds_opened_grant"]["grant_id"] == grant["grant_id"]
    listing = (await walk.server.http.get("/cds-api/v1/server-provided-files", headers=headers)).json()
    (file,) = listing["files"]
    assert (await walk.server.http.get(file["uri"], headers=headers)).is_success
    whole = await walk.server.http.get(file["download_uri"], headers=headers)
    known = await walk.server.http.get(file["download_uri"], headers=headers | {"If-None-Match": whole.headers["etag"]})
    beyond = await walk.server.http.get(file["download_uri"], headers=headers | {"Range": "bytes=900-"})
    assert (whole.status_code, known.status_code, beyond.status_code) == (200, 304, 416)


async def connect_systems(walk: Walk) -> None:
    made = await walk.as_operator("POST", "/webhooks", json={"url": "https://hooks.example/cds"})
    path = f"/webhooks/{made['webhook_id']}"
    await walk.as_operator("GET", "/webhooks")
    await walk.as_operator("GET", path)
    await walk.as_operator("POST", f"{path}/rotate-secret")
    await walk.as_operator("GET", f"{path}/deliveries", params={"status": "dead"})
    await walk.as_operator("POST", f"{path}/replay")
    await walk.as_operator("PATCH", path, json={"status": "disabled"})
    await walk.as_operator("DELETE", path)
    text = {"name": "Maintenance", "description": "On Sunday."}
    await walk.as_operator("POST", "/broadcasts/preview", json=text)
    broadcast = await walk.as_operator("POST", "/broadcasts", json=text)
    await walk.as_operator("GET", "/broadcasts")
    await walk.as_operator("GET", f"/broadcasts/{broadcast['broadcast_id']}")
    assert (await walk.server.http.post("/onboarding/callback", json={})).status_code == 404


async def test_an_answer_that_is_not_described_is_noticed(server: Server) -> None:
    """Each kind once: status, member, type, error code, operation."""
    recorder = Recorder(server.service)
    document = json.loads(json.dumps(recorder.description.document))
    del document["paths"]["/oauth/register"]["post"]["responses"]["400"]
    del document["components"]["schemas"]["ServerMetadata"]["required"]
    document["components"]["schemas"]["ServerMetadata"]["properties"]["name"] = {"type": "integer"}
    del document["components"]["schemas"]["CoverageListing"]["properties"]["next"]
    del document["paths"]["/cds-api/v1/clients"]
    for name, response in document["components"]["responses"].items():
        if name.startswith("Problem404"):
            response["x-error-codes"] = ["gone"]
    recorder.__dict__["description"] = type(recorder.description)(document)
    transport = httpx.ASGITransport(app=recorder)
    async with httpx.AsyncClient(transport=transport, base_url=server.settings.public_url) as http:
        await http.post("/oauth/register", json={})
        await http.get("/.well-known/cds-server-metadata.json")
        await http.get("/cds-api/v1/coverage")
        await http.get("/cds-api/v1/clients")
        await http.get("/cds-api/v1/coverage/files/none")

    kinds = (
        "no such status",
        "is not of type 'integer'",
        "'next' was unexpected",
        "no such operation",
        "not_found is not",
    )
    assert len(recorder.mismatches) == len(kinds)
    for mismatch, kind in zip(recorder.mismatches, kinds, strict=True):
        assert re.search(kind, mismatch), mismatch


def test_objects_are_closed_unless_they_are_extended() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"one": {"type": "object", "properties": {}}}}
    close(schema)

    assert schema["additionalProperties"] is False
    assert schema["properties"]["one"]["additionalProperties"] is False
