"""Every error in the shape of its endpoint: RFC 6749 and RFC 7591 objects, RFC 9457 problems, RFC 6750 challenges."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import BusyLoadingError, ClusterDownError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.testing import capture_logs

from app import errors
from app.errors import InsufficientScope, InvalidRequest, InvalidToken, MethodNotAllowed, Refusal
from app.schemas.encoding import decode
from app.store.pipelines import SingleSender
from app.web.errors import error_answer, public_description
from app.web.routing import ErrorStyle
from tests.conftest import MakeServer, Registered, Server

API = "/cds-api/v1"
LEAKS = re.compile(r"Traceback|File \"|\.py\b|redis|msgspec|starlette|Lua|EVALSHA|cdsat_|cdscs_", re.IGNORECASE)


def require_no_leak(answer: httpx.Response) -> None:
    """Nothing of how we are made, and no secret."""
    assert not LEAKS.search(answer.text), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,128}", answer.headers["x-request-id"])


def require_oauth_error(answer: httpx.Response, status: int, code: str) -> None:
    """RFC 6749 5.2: the two members, in the characters that are allowed."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error", "error_description"]
    assert body["error"] == code
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", body["error_description"])
    require_no_leak(answer)


def require_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    """RFC 9457 with the OAuth members (ambiguities J5)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["instance"] == f"urn:request:{answer.headers['x-request-id']}"
    assert body["error"] == code
    assert body["detail"] == body["error_description"]
    assert isinstance(body["title"], str)
    assert [entry["field"] for entry in body.get("errors", [])] == ([field] if field else [])
    assert all(entry["detail"] for entry in body.get("errors", []))
    require_no_leak(answer)


# --- one of each, over HTTP ---

OAUTH: list[tuple[str, dict[str, Any], int, str]] = [
    ("/oauth/register", {"content": b"{"}, 400, "invalid_request"),
    ("/oauth/register", {"json": {}}, 400, "invalid_client_metadata"),
    ("/oauth/register", {"json": {"scope": "cds_client_admin", "contacts": 1}}, 400, "invalid_client_metadata"),
    ("/oauth/token", {"data": {"grant_type": "client_credentials"}}, 401, "invalid_client"),
    ("/oauth/introspect", {"data": {"token": "x"}}, 401, "invalid_client"),
    ("/oauth/revoke", {"data": {"token": "x"}}, 401, "invalid_client"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), OAUTH)
async def test_oauth_endpoints_answer_oauth_errors(
    server: Server, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    require_oauth_error(await server.http.post(path, **body), status, code)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "other"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "authorization_details": "["}, "invalid_authorization_details"),
    ],
)
async def test_the_token_endpoint_has_a_code_for_each_refusal(server: Server, form: dict[str, str], code: str) -> None:
    registered = await server.register()
    auth = (registered.client_id, registered.client_secret)

    require_oauth_error(await server.http.post("/oauth/token", data=form, auth=auth), 400, code)


async def test_a_failed_client_authentication_says_how_to_authenticate(server: Server) -> None:
    """RFC 6749 5.2: 401 with the scheme that was used."""
    for headers in ({}, {"Authorization": "Basic !"}, {"Authorization": "Bearer x"}):
        answer = await server.http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)
        require_oauth_error(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"] == 'Basic realm="cds"'


async def test_the_apis_answer_problems_that_name_the_field(server: Server) -> None:
    registered = await server.register()
    grants = (await registered.get(f"{API}/grants")).json()["grants"]

    refused = await registered.get(f"{API}/grants", params={"after": "yesterday"})
    require_problem(refused, 400, "invalid_request", "after")
    refused = await registered.get(f"{API}/clients", params={"cursor": "?"})
    require_problem(refused, 400, "invalid_request", "cursor")
    require_problem(await registered.post(f"{API}/credentials", content=b"{"), 400, "invalid_request")
    refused = await registered.patch(f"{API}/grants/{grants[0]['grant_id']}", {"status": "active"})
    require_problem(refused, 400, "invalid_request", "status")
    require_problem(await registered.get(f"{API}/clients/x"), 404, "not_found")
    require_problem(await registered.call("DELETE", f"{API}/clients"), 405, "method_not_allowed")
    require_problem(await server.http.get("/nowhere"), 404, "not_found")


async def test_too_large_and_too_many_are_answered_in_shape(make_server: MakeServer) -> None:
    server = await make_server(CDS_MAX_BODY="16384", CDS_RATE_LIMIT_CLIENT="5/minute")
    registered = await server.register()
    big = b'{"client_id": "' + b"x" * 20_000

    require_problem(await registered.post(f"{API}/credentials", content=big), 413, "content_too_large")
    large = await server.http.post(
        "/oauth/token", data={"x": "x" * 20_000}, auth=(registered.client_id, registered.client_secret)
    )
    require_oauth_error(large, 413, "content_too_large")
    for _ in range(6):
        limited = await registered.get(f"{API}/clients")
    require_problem(limited, 429, "too_many_requests")
    assert limited.headers["retry-after"] == "12"
    assert limited.headers["ratelimit"] == '"client";r=0;t=12'
    assert limited.headers["ratelimit-policy"] == '"client";q=5;w=60'
    token = await server.token_response(registered.client_id, registered.client_secret)
    require_oauth_error(token, 429, "too_many_requests")


# --- RFC 6750 ---


@pytest.mark.clause("RFC6750-3-01", "RFC6750-3-02")
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}]
)
async def test_without_a_token_the_challenge_has_no_error(server: Server, headers: dict[str, str]) -> None:
    answer = await server.http.get(f"{API}/clients", headers=headers)

    require_problem(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"] == 'Bearer realm="cds"'


@pytest.mark.clause("RFC6750-3.1-01")
@pytest.mark.parametrize(
    "token",
    [
        "x",
        "x y",
        "cdsat_",
        "cdsat_{}_",
        "cdsat_{}_" + "x" * 43,
        "cdsat_{}_" + "x" * 42 + "!",
        "\u00e4",
        "x" * 10_000,
        '"',
        "%00",
    ],
)
async def test_a_bad_token_is_named_as_the_reason(server: Server, token: str) -> None:
    registered = await server.register()
    authorization = f"Bearer {token.format(registered.registration_id)}".encode("latin-1")

    answer = await server.http.get(f"{API}/clients", headers={b"Authorization": authorization})

    require_problem(answer, 401, "invalid_token")
    challenge = answer.headers["www-authenticate"]
    assert re.fullmatch(r'Bearer realm="cds", error="invalid_token", error_description="[^"\\]+"', challenge)


@pytest.mark.clause("RFC6750-2.1-01")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer ", "\tbearer\t"])
async def test_the_scheme_is_read_in_any_case(server: Server, scheme: str) -> None:
    registered = await server.register()
    await registered.get(f"{API}/clients")

    answer = await server.http.get(f"{API}/clients", headers={"Authorization": f"{scheme} {registered.token} "})

    assert answer.status_code == 200


@pytest.mark.clause("RFC6750-3.1-02")
async def test_a_token_of_another_scope_is_403_and_names_the_one_that_is_needed(server: Server) -> None:
    registered = await server.register("cds_client_admin ple_grid_status")
    grid = (await registered.clients())["ple_grid_status"]
    secret = (await registered.credential_of(grid["client_id"]))["client_secret"]
    token = await server.access_token(grid["client_id"], secret)

    answer = await server.http.get(f"{API}/clients", headers={"Authorization": f"Bearer {token}"})

    require_problem(answer, 403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="cds_client_admin"' in answer.headers["www-authenticate"]


# --- when we are the ones who fail ---


async def boom(*_: object, **__: object) -> None:
    """A mistake of ours, with a secret in its text."""
    message = "cdsat_very_secret in /srv/app/file.py"
    raise RuntimeError(message)


async def test_a_mistake_of_ours_is_500_and_shows_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has the cause under the request id."""
    registered = await server.register()
    await registered.get(f"{API}/clients")
    monkeypatch.setattr(type(server.context.records), "pages", boom)
    monkeypatch.setattr(type(server.tokens), "issue", boom)

    with capture_logs() as lines:
        problem = await registered.get(f"{API}/clients")
        token = await server.token_response(registered.client_id, registered.client_secret)

    require_problem(problem, 500, "server_error")
    require_oauth_error(token, 500, "server_error")
    failed = [line for line in lines if line["event"] == "failed"]
    assert [line["request_id"] for line in failed] == [one.headers["x-request-id"] for one in (problem, token)]
    assert all(isinstance(line["exc_info"], RuntimeError) for line in failed)
    assert problem.headers["x-request-id"] in problem.json()["detail"]


async def calls(server: Server, registered: Registered) -> list[Callable[[], Awaitable[httpx.Response]]]:
    """One call of each endpoint that needs the store."""
    grant = (await registered.get(f"{API}/grants")).json()["grants"][0]["grant_id"]
    credential = (await registered.credential_of(registered.client_id))["credential_id"]
    message = (await registered.messages())[0]["message_id"]
    auth = (registered.client_id, registered.client_secret)
    reads = ["clients", "messages", "credentials", "grants", f"clients/{registered.client_id}", f"grants/{grant}"]
    reads += [f"messages/{message}", f"credentials/{credential}", "server-provided-files", "server-provided-files/f1"]
    writes = [
        ("PUT", f"{API}/clients/{registered.client_id}", {"client_name": "x"}),
        ("PATCH", f"{API}/messages/{message}", {"read": True}),
        ("POST", f"{API}/credentials", {"client_id": registered.client_id}),
        ("PATCH", f"{API}/credentials/{credential}", {"client_secret_expires_at": 4_000_000_000}),
        ("PATCH", f"{API}/grants/{grant}", {"status": "closed"}),
    ]
    forms = {"/oauth/token": {"grant_type": "client_credentials"}}
    forms |= {"/oauth/introspect": {"token": registered.token}, "/oauth/revoke": {"token": registered.token}}

    def read(path: str) -> Callable[[], Awaitable[httpx.Response]]:
        return lambda: registered.get(f"{API}/{path}")

    def write(method: str, path: str, body: dict[str, Any]) -> Callable[[], Awaitable[httpx.Response]]:
        return lambda: registered.call(method, path, json=body)

    def form(path: str, data: dict[str, str]) -> Callable[[], Awaitable[httpx.Response]]:
        return lambda: server.http.post(path, data=data, auth=auth)

    def register() -> Awaitable[httpx.Response]:
        return server.http.post("/oauth/register", json={"scope": "cds_client_admin"})

    every = [register, *(read(path) for path in reads), *(write(*one) for one in writes)]
    return [*every, *(form(path, data) for path, data in forms.items())]


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("connection refused by 10.9.8.7"),
        RedisTimeoutError("timed out"),
        BusyLoadingError("Redis is loading the dataset in memory"),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'"),
        ClusterDownError("The cluster is down"),
        ReadOnlyError("You can't write against a read only replica."),
        OSError(104, "Connection reset by peer"),
    ],
    ids=lambda error: str(error)[:12],
)
async def test_a_store_that_is_down_is_503_everywhere_and_never_a_404(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """STYLE habit 7: what did not happen must not look done, and what is there must not look gone."""
    registered = await server.register()
    every = await calls(server, registered)

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(SingleSender, "send", fail)
    for call in every:
        answer = await call()
        oauth = "oauth" in str(answer.request.url)
        (require_oauth_error if oauth else require_problem)(answer, 503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "2"
        assert "10.9.8.7" not in answer.text


async def test_public_documents_do_not_need_the_store(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(SingleSender, "send", fail)
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/cds-server-metadata.json", f"{API}/coverage"):
        assert (await server.http.get(path)).status_code == 200


async def test_a_script_that_fails_is_a_mistake_of_ours(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    registered = await server.register()
    await registered.get(f"{API}/clients")

    async def fail(*_: object) -> None:
        raise ResponseError("user_script:7: attempt to index a nil value script: 9f3")

    monkeypatch.setattr(SingleSender, "send", fail)
    answer = await registered.get(f"{API}/clients")

    require_problem(answer, 500, "server_error")


# --- the answer itself ---

REFUSALS = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, Refusal) and one.__init__ is Refusal.__init__
]


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("style", [ErrorStyle.OAUTH, ErrorStyle.PROBLEM])
def test_every_refusal_has_an_answer_in_both_shapes(kind: type[Refusal], style: ErrorStyle) -> None:
    answer = error_answer(kind("What is wrong.", field="a.b", detail="the secret cause"), style, "request1")

    body = decode(bytes(answer.body))
    assert 400 <= answer.status_code < 600
    assert body["error"] == kind.code
    assert body["error_description"] == "a.b: What is wrong."
    assert b"secret" not in answer.body
    assert (b"cache-control", b"no-store") in answer.raw_headers


@settings(deadline=None)
@given(description=st.text(max_size=80), field=st.none() | st.text(max_size=20))
def test_whatever_a_refusal_says_the_answer_stays_in_shape(description: str, field: str | None) -> None:
    """Also with text that a caller chose."""
    refusal = InvalidRequest(description or "x", field=field)
    for style in (ErrorStyle.OAUTH, ErrorStyle.PROBLEM):
        body = decode(bytes(error_answer(refusal, style, "request1").body))
        assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", body["error_description"])
    assert public_description(refusal)


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_a_challenge_cannot_be_broken_out_of(text: str) -> None:
    refused = (InvalidToken(text or "x"), InsufficientScope(text or "x", scope="cds_client_admin"))
    for refusal in refused:
        headers = dict(error_answer(refusal, ErrorStyle.PROBLEM, "request1").raw_headers)
        challenge = headers[b"www-authenticate"].decode("ascii")
        assert re.fullmatch(r'Bearer (?:[a-z_]+="[^"\\\r\n]*"(?:, |$))+', challenge)


def test_a_field_is_named_once() -> None:
    assert public_description(InvalidRequest("scope is missing.", field="scope")) == "scope is missing."
    assert public_description(InvalidRequest("Missing.", field="scope")) == "scope: Missing."


def test_quotes_that_oauth_errors_may_not_have_become_others() -> None:
    assert public_description(InvalidRequest('name must be "".', field="name")) == "name must be ''."


def test_405_names_what_is_allowed() -> None:
    answer = error_answer(MethodNotAllowed(("GET", "HEAD")), ErrorStyle.PROBLEM, "request1")

    assert (b"allow", b"GET, HEAD") in answer.raw_headers


@pytest.mark.parametrize("request_id", ["short", "with blank inside", "x" * 129, "ümlaut-ümlaut", "a\tb-------"])
async def test_a_senseless_request_id_of_a_caller_is_replaced(server: Server, request_id: str) -> None:
    answer = await server.http.get("/nowhere", headers={b"X-Request-ID": request_id.encode("latin-1")})

    assert answer.headers["x-request-id"] != request_id
    require_problem(answer, 404, "not_found")


async def test_every_request_has_an_id_of_its_own(server: Server) -> None:
    ids = {(await server.http.get("/nowhere")).headers["x-request-id"] for _ in range(50)}

    assert len(ids) == 50
