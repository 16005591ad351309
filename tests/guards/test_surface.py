"""What holds for every route, so that a new one is covered the day it appears."""

import io
import re
from typing import Any

import pytest

from app.web.routing import ErrorStyle, Route
from tests.conftest import PUBLIC_URL, REQUIRED_FIELDS, Registered, Server

EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
PUBLIC = {
    "/.well-known/cds-server-metadata.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/cds-api/v1/coverage",
    "/cds-api/v1/coverage/files/{name}",
    "/oauth/register",
    "/oauth/authorize",
    "/oauth/authorize/{transaction}",
    "/oauth/authorize/{transaction}/decision",
    "/oauth/authorize/{transaction}/logo",
    "/oauth/authorize/{transaction}/oidc",
    "/oauth/authorize/{transaction}/sign-in",
    "/oauth/authorizations",
    "/oauth/authorizations/{grant_id}/revoke",
    "/oauth/receipt",
    "/oauth/oidc/callback",
    "/oauth/sign-in",
    "/oauth/sign-in/oidc",
    "/oauth/sign-out",
    "/onboarding/callback",
    "/onboarding/forms/{field_id}",
    "/onboarding/{message_id}",
    "/onboarding/{message_id}/sign-in",
    "/",
    "/docs",
    "/docs/behind-a-gateway",
    "/docs/api",
    "/docs/api/reference.js",
    "/docs/errors",
    "/docs/extensions",
    "/docs/gateways",
    "/docs/getting-started",
    "/docs/onboarding-callbacks",
    "/docs/operator-api",
    "/docs/policy",
    "/docs/rate-limits",
    "/docs/registration-fields",
    "/docs/scopes",
    "/docs/security",
    "/docs/support",
    "/docs/terms",
    "/docs/test-accounts",
    "/docs/webhooks",
    "/register",
    "/livez",
    "/openapi.json",
    "/readyz",
    "/metrics",
}
"""What anybody may ask. A route that is not named here has to refuse those who do not authenticate."""

OPERATORS = "/operator/api/"
"""Where no token opens anything, but an operator key (tests/operator/test_roles.py)."""

CONSOLE = "/console"
"""Pages for operators who have signed in; tests/console sees to it that they are closed to all others."""

OPERATOR_API = "/operator/api/"
"""For operator keys; tests/operator/test_roles.py pins who may do what there."""

METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
IDS = {"client_id": "", "message_id": "-mzzzzzzzzzz", "credential_id": "-czzzzzzzzzz", "grant_id": "-gzzzzzzzzzz"}


def routes(server: Server) -> list[Route]:
    """Every route that is served."""
    assert server.service._edge  # noqa: SLF001 -- the table of routes has no other door
    return list(server.service._edge.table.routes)  # noqa: SLF001


def calls(server: Server, registration_id: str) -> list[tuple[str, str, Route]]:
    """Method, path and route of everything that is not public."""
    every = []
    for route in routes(server):
        if route.path in PUBLIC or route.path.startswith(CONSOLE):
            continue
        path = re.sub(
            r"\{(\w+)\}",
            lambda match: registration_id + IDS.get(match[1], "") if match[1] in IDS else "fzzz",
            route.path,
        )
        every += [(method, path, route) for method in route.endpoints]
    return every


async def send(server: Server, method: str, path: str, route: Route, headers: dict[str, str]) -> Any:
    """A call with a body that the kind of route can read."""
    if method not in METHODS_WITH_BODY:
        return await server.http.request(method, path, headers=headers)
    if route.errors is ErrorStyle.OAUTH:
        form = {"grant_type": "client_credentials", "token": "x"}
        return await server.http.request(method, path, headers=headers, data=form)
    return await server.http.request(method, path, headers=headers, json={})


@pytest.mark.clause("WG1-02-11.2-04", "RFC6750-3-01")
async def test_everything_that_is_not_public_refuses_those_who_do_not_authenticate(server: Server) -> None:
    """401 with the scheme that is expected; no token in the query or the body counts (ambiguities J6)."""
    registered = await server.register()

    for method, path, route in calls(server, registered.registration_id):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic bm9ib2R5OnNlY3JldA=="}):
            answer = await send(server, method, path + "?access_token=x", route, headers)
            assert answer.status_code == 401, (method, path, headers, answer.text)
            scheme = "Basic" if route.errors is ErrorStyle.OAUTH else "Bearer"
            assert answer.headers["www-authenticate"].startswith(scheme), (method, path)
            assert answer.json()["error"] in {"invalid_token", "invalid_client"}, (method, path)


async def test_no_api_opens_with_the_token_of_another_scope(server: Server) -> None:
    """A token for grid data is good, but not for these: 403 insufficient_scope."""
    registered = await server.register(EVERYTHING)
    grid = (await registered.clients())["ple_grid_status"]
    secret = (await registered.credential_of(grid["client_id"]))["client_secret"]
    token = await server.access_token(grid["client_id"], secret)

    for method, path, route in calls(server, registered.registration_id):
        if route.errors is ErrorStyle.OAUTH or path.startswith(OPERATORS):
            continue
        answer = await send(server, method, path, route, {"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["error"] == "insufficient_scope"
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_no_object_of_another_registration_can_be_seen_or_changed(server: Server) -> None:
    """404, as if it did not exist (ambiguities B17)."""
    owner, other = await server.register(EVERYTHING), await server.register(EVERYTHING)
    listings = {
        "clients": ("cds_client_uri", "client_ids", "client_id"),
        "credentials": ("uri", "credential_ids", "credential_id"),
        "grants": ("uri", "grant_ids", "grant_id"),
        "messages": ("uri", "message_ids", "message_id"),
    }
    for name, (link, filter_, identity) in listings.items():
        body = (await owner.get(f"/cds-api/v1/{name}")).json()
        objects = body["unread"] if name == "messages" else body[name]
        assert objects, name
        for one in objects:
            assert (await other.get(one[link])).status_code == 404
            method = "PUT" if name == "clients" else "PATCH"
            body = {"read": True, "status": "closed", "client_secret_expires_at": 0}
            assert (await other.call(method, one[link], json=body)).status_code == 404
            seen = (await other.get(f"/cds-api/v1/{name}", params={filter_: one[identity]})).json()
            assert all(not value for key, value in seen.items() if isinstance(value, list)), (name, seen)


async def test_unknown_paths_and_methods_answer_in_shape(server: Server) -> None:
    """Problem details with a request id; 405 says what is allowed."""
    missing = await server.http.get("/nowhere")
    wrong = await server.http.delete("/cds-api/v1/clients")

    assert missing.status_code == 404
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["instance"] == f"urn:request:{answer.headers['x-request-id']}"


async def test_every_answer_has_a_request_id_and_forbids_sniffing(server: Server) -> None:
    """Good ones, bad ones, empty ones."""
    for path in ("/livez", "/nowhere", "/cds-api/v1/clients", "/.well-known/oauth-authorization-server"):
        answer = await server.http.get(path, headers={"X-Request-ID": "from-the-proxy-1"})
        assert answer.headers["x-request-id"] == "from-the-proxy-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"]


async def test_head_answers_like_get_without_a_body(server: Server) -> None:
    """Ambiguities H12."""
    registered = await server.register()
    for path in ("/cds-api/v1/clients", "/cds-api/v1/messages", f"/cds-api/v1/clients/{registered.client_id}"):
        get, head = await registered.get(path), await registered.call("HEAD", path)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("path", "trips"),
    [
        ("/cds-api/v1/clients", 1),
        ("/cds-api/v1/clients/{id}", 1),
        ("/cds-api/v1/messages", 1),
        ("/cds-api/v1/credentials", 1),
        ("/cds-api/v1/grants", 1),
        ("/cds-api/v1/grants?statuses=active%20pending&client_ids={id}&scopes=cds_client_admin", 1),
        ("/.well-known/oauth-authorization-server", 0),
        ("/.well-known/cds-server-metadata.json", 0),
        ("/cds-api/v1/coverage", 0),
        ("/livez", 0),
        ("/readyz", 0),
    ],
)
async def test_reads_keep_to_their_budget_of_round_trips(server: Server, path: str, trips: int) -> None:
    """The token, the limits and the data in one (DESIGN: one round trip per API request)."""
    registered = await server.register(EVERYTHING)
    await registered.get("/cds-api/v1/clients")
    before = server.connection.round_trips

    answer = await registered.get(path.format(id=registered.client_id))

    assert answer.status_code == 200
    assert server.connection.round_trips - before == trips


async def test_tokens_introspection_and_revocation_take_one_round_trip_each(server: Server) -> None:
    """Once what is asked for has been looked at the first time."""
    registered = await server.register()
    token = await server.access_token(registered.client_id, registered.client_secret)
    auth = (registered.client_id, registered.client_secret)

    for path, form in (
        ("/oauth/token", {"grant_type": "client_credentials"}),
        ("/oauth/introspect", {"token": token}),
        ("/oauth/revoke", {"token": token}),
    ):
        before = server.connection.round_trips
        assert (await server.http.post(path, data=form, auth=auth)).status_code == 200
        assert server.connection.round_trips - before == 1, path


async def test_no_secret_and_nothing_personal_reaches_a_log_line(json_log: io.BytesIO, server: Server) -> None:
    """Through registration, tokens, messages, credentials, errors."""
    registered = await exercise(server)
    lines = json_log.getvalue().decode()

    assert registered.registration_id in lines
    secrets = [registered.client_secret, registered.token, "security@meadow.example", "Meadow", "private words"]
    secrets += [one["client_secret"] for one in (await registered.get("/cds-api/v1/credentials")).json()["credentials"]]
    for secret in secrets:
        assert secret not in lines


async def exercise(server: Server) -> Registered:
    """A bit of everything, errors included."""
    registered = await server.register(EVERYTHING, client_name="Meadow", **REQUIRED_FIELDS)
    await registered.get("/cds-api/v1/credentials")
    await registered.post("/cds-api/v1/credentials", json={"client_id": registered.client_id})
    await registered.post(
        "/cds-api/v1/messages",
        json={"type": "private_message", "previous_uri": None, "name": "private words", "description": "private words"},
    )
    await server.token_response(registered.client_id, "cdscs_" + "x" * 43)
    await server.http.get("/cds-api/v1/clients", headers={"Authorization": f"Bearer {registered.token}x"})
    await server.http.post("/oauth/register", content=b"{" + registered.client_secret.encode())
    return registered


async def test_published_urls_are_below_the_public_url(server: Server) -> None:
    """All of them, in metadata and in objects."""
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()
    served = {route.path for route in routes(server)}
    tokens = ("registration", "token", "revocation", "introspection")
    for name in (*tokens, "authorization", "pushed_authorization_request"):
        url = metadata[f"{name}_endpoint"]
        assert url.startswith(PUBLIC_URL)
        assert url.removeprefix(PUBLIC_URL) in served
    for name in ("clients", "messages", "credentials", "grants", "server_provided_files"):
        assert metadata[f"cds_{name}_api"].removeprefix(PUBLIC_URL) in served


async def test_who_asks_is_settled_before_what_is_asked(server: Server) -> None:
    """A token that is good no more gets 401 whatever is wrong with the body, and learns nothing else."""
    registered = await server.register()
    await registered.get("/cds-api/v1/clients")
    server.clock.advance(hours=2)

    for method, path, route in calls(server, registered.registration_id):
        if route.errors is ErrorStyle.PROBLEM:
            answer = await send(server, method, path, route, {"Authorization": f"Bearer {registered.token}"})
            assert answer.status_code == 401, (method, path, answer.text)
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
