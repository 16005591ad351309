"""Whatever a body says, the answer is a 4xx in the shape of the endpoint, and never a 5xx (issue: errors)."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from app.errors import ContentTooLarge, InvalidRequest
from app.web.bodies import read_body
from tests.conftest import MakeServer, Registered, Server

SCOPES = "cds_client_admin ple_customer_data ple_grid_status cds_server_provided_files_ple"
FORM = "application/x-www-form-urlencoded"

BROKEN = {
    "nothing": b"",
    "blanks": b" \n ",
    "half an object": b'{"a": ',
    "two objects": b"{} {}",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "a string": b'"x"',
    "single quotes": b"{'a': 1}",
    "a comment": b'{"a": 1 /* x */}',
    "a trailing comma": b'{"a": 1,}',
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a number without end": b'{"a": ' + b"9" * 100_000 + b"}",
    "an exponent without end": b'{"a": 1E+99999999999999999999}',
    "nested without end": b'{"a": ' + b"[" * 99_000,
    "nested too deep": b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}",
    "objects nested too deep": b'{"a": ' * 40 + b"1" + b"}" * 40,
    "invalid utf-8": b'{"a": "\xff\xfe"}',
    "a surrogate in utf-8": b'{"a": "\xed\xa0\x80"}',
    "half a surrogate": b'{"a": "\\ud800"}',
    "half a surrogate as a name": b'{"\\udfff": 1}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "nul": b'{"a": "\x00"}',
    "escaped nul": b'{"a": "\\u0000"}',
    "escaped nul in a name": b'{"a\\u0000": 1}',
    "escape": b'{"a": "\\u001b[2J"}',
    "backspace": b'{"a": "\\b"}',
    "delete": b'{"a": "\x7f"}',
    "escaped delete": b'{"a": "\\u007F"}',
    "the mark of our urls": b'{"a": "\x01/x"}',
    "nul after the object": b"{}\x00",
    "a form": b"grant_type=client_credentials",
    "a page": b"<!doctype html>",
    "bytes": bytes(range(256)),
}

ABSURD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    -(2**70),
    "",
    " ",
    "x" * 20_000,
    "\u0085\u2028\u202e",
    "9999-12-31T23:59:59-23:59",
    "0000-00-00T00:00:00Z",
    "2026-06-01T12:00:60+99:99",
    "javascript:alert(1)",
    "http://[::1",
    [],
    ["x"] * 300,
    [None],
    [[[]]],
    [{}],
    {},
    {"type": {"type": []}},
    {"": ""},
]
"""Values that no field, or hardly any, accepts."""

RAW = [b"1E+999999999", b"-1E-999999999", b"1.5", b"0." + b"1" * 5000, b"-0"]
"""Numbers that Python's json module does not write."""


@dataclass
class Target:
    """An endpoint that takes a JSON object, and one that it accepts."""

    method: str
    path: str
    body: dict[str, Any]
    is_oauth: bool = False


async def targets(registered: Registered) -> list[Target]:
    """All of them, with objects of this registration."""
    clients = await registered.clients()
    client = clients["ple_customer_data"]
    grant = (await registered.get("/cds-api/v1/grants")).json()["grants"][0]
    credential = await registered.credential_of(clients["ple_grid_status"]["client_id"])
    message = (await registered.messages())[0]
    api = "/cds-api/v1"
    request = {
        "type": "grant_request",
        "previous_uri": None,
        "name": "Grants",
        "description": "More.",
        "related_uri": client["cds_client_uri"],
        "grants_requested": [{"scope": "ple_grid_status", "authorization_details": []}],
        "updates_requested": [{"field": "client_name", "new_value": "x"}],
        "attachments": [{"filename": "a.txt", "mime_type": "text/plain", "data": "YQ=="}],
    }
    registration = {
        "scope": SCOPES,
        "client_name": "Meadow",
        "client_uri": "https://meadow.example",
        "redirect_uris": ["https://meadow.example/back"],
        "contacts": ["a@meadow.example"],
        "grant_types": ["client_credentials"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "jwks": {"keys": []},
        "software_version": "1",
        "cds_company_name": "Meadow",
        "cds_privacy_policy": "https://meadow.example/privacy",
        "cds_security_contact": "security@meadow.example",
    }
    details = {"scope": grant["scope"], "authorization_details": [{"type": grant["scope"]}], "status": "closed"}
    return [
        Target("POST", "/oauth/register", registration, is_oauth=True),
        Target("PUT", f"{api}/clients/{client['client_id']}", client),
        Target("POST", f"{api}/messages", request),
        Target("PATCH", f"{api}/messages/{message['message_id']}", {"read": True, "attachments": []}),
        Target("POST", f"{api}/credentials", {"client_id": client["client_id"], "type": "client_secret"}),
        Target(
            "PATCH", f"{api}/credentials/{credential['credential_id']}", {"client_secret_expires_at": 4_000_000_000}
        ),
        Target("PATCH", f"{api}/grants/{grant['grant_id']}", details),
    ]


NAMES = [
    "register",
    "put_client",
    "post_message",
    "patch_message",
    "post_credential",
    "patch_credential",
    "patch_grant",
]


@pytest.fixture
async def registered(server: Server) -> Registered:
    return await server.register(SCOPES)


@pytest.fixture(params=range(len(NAMES)), ids=NAMES)
async def target(request: pytest.FixtureRequest, registered: Registered) -> Target:
    """Each endpoint that takes JSON."""
    return (await targets(registered))[request.param]


async def send(registered: Registered, target: Target, body: bytes, **headers: str) -> httpx.Response:
    """Send a body as it is."""
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await registered.call(target.method, target.path, content=body, headers=headers)


def require_refusal(answer: httpx.Response, target: Target, status: int = 400) -> None:
    """A 4xx in the shape of the endpoint that shows nothing of ours."""
    assert answer.status_code == status, (target.path, answer.status_code, answer.text)
    body = answer.json()
    expected = "application/json" if target.is_oauth else "application/problem+json"
    assert answer.headers["content-type"] == expected
    assert isinstance(body["error"], str)
    assert set(body["error_description"]) <= {chr(code) for code in range(0x20, 0x7F)} - {'"', "\\"}
    assert "Traceback" not in answer.text
    assert "msgspec" not in answer.text


async def test_a_body_that_is_no_json_object_is_400(registered: Registered, target: Target) -> None:
    for body in BROKEN.values():
        require_refusal(await send(registered, target, body), target)


async def test_no_value_of_any_field_breaks_anything(registered: Registered, target: Target) -> None:
    """Every field of every object, each with everything absurd."""
    for body in absurd_bodies(target.body):
        answer = await send(registered, target, body)
        assert answer.status_code < 500, (target.path, body[:300], answer.text)
        if answer.status_code >= 400:
            require_refusal(answer, target, answer.status_code)


def absurd_bodies(good: dict[str, Any]) -> Iterator[bytes]:
    """The object with one value replaced at a time, also inside its lists and objects."""
    mark = "@@here@@"
    for place in places(good):
        spoilt = copy.deepcopy(good)
        put(spoilt, place, mark)
        text = json.dumps(spoilt).encode()
        for value in ABSURD:
            yield text.replace(f'"{mark}"'.encode(), json.dumps(value).encode())
        for raw in RAW:
            yield text.replace(f'"{mark}"'.encode(), raw)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of an object are."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    if path:
        yield path
    for key, child in inner:
        yield from places(child, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Replace what is at a place."""
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


async def test_unknown_fields_with_any_content_do_no_harm(registered: Registered, target: Target) -> None:
    for name in ("", "__proto__", "\u0000x".strip("\u0000"), "a.b", "x" * 5000, "ü", '"', "$ref", "extra"):
        body = json.dumps(target.body | {name: {"deep": [1, 2, {"x": None}]}}).encode()
        answer = await send(registered, target, body)
        assert answer.status_code < 500, (target.path, name, answer.text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
            max_leaves=20,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
async def test_any_bytes_at_all_are_answered(registered: Registered, body: bytes) -> None:
    for target in await targets(registered):
        answer = await send(registered, target, body)
        assert answer.status_code < 500, (target.path, body, answer.text)


async def test_the_content_type_of_json_does_not_matter(registered: Registered, target: Target) -> None:
    """Ambiguities A14: what counts is the body."""
    for content_type in ("text/plain", "application/json; charset=utf-16", "nonsense", FORM):
        answer = await send(registered, target, b"{", Content_Type=content_type)
        require_refusal(answer, target)


# --- size and time ---


async def test_a_body_over_the_limit_is_413(make_server: MakeServer) -> None:
    """Where files may be values of fields, the limit is that of attachments."""
    server = await make_server(CDS_MAX_BODY="16384", CDS_MAX_ATTACHMENTS=str(10 * 1024 * 1024))
    registered = await server.register()

    for target in await small_targets(registered):
        size_bytes = 10 * 1024 * 1024 if target.method == "PUT" or target.is_oauth else 16384
        require_refusal(await send(registered, target, b'{"a": "' + b"x" * size_bytes + b'"}'), target, 413)
        require_refusal(await send(registered, target, b"{}", Content_Length="9" * 6000), target, 413)


async def small_targets(registered: Registered) -> list[Target]:
    """The endpoints with the objects that every registration has."""
    message = (await registered.messages())[0]["message_id"]
    credential = (await registered.credential_of(registered.client_id))["credential_id"]
    grant = (await registered.get("/cds-api/v1/grants")).json()["grants"][0]["grant_id"]
    paths = {
        "/oauth/register": "POST",
        f"/cds-api/v1/clients/{registered.client_id}": "PUT",
        f"/cds-api/v1/messages/{message}": "PATCH",
        "/cds-api/v1/credentials": "POST",
        f"/cds-api/v1/credentials/{credential}": "PATCH",
        f"/cds-api/v1/grants/{grant}": "PATCH",
    }
    return [Target(method, path, {}, is_oauth="oauth" in path) for path, method in paths.items()]


async def test_a_body_without_a_length_is_measured_as_it_comes(make_server: MakeServer) -> None:
    """Chunked, and far longer than what is accepted: nobody reads on."""
    registered = await (await make_server(CDS_MAX_BODY="16384")).register()
    sent: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1000):
            sent.append(number)
            yield b"x" * 1000

    answer = await registered.call("POST", "/cds-api/v1/credentials", content=pieces())

    assert answer.status_code == 413
    assert len(sent) == 17


async def test_a_chunked_body_is_as_good_as_any_other(server: Server) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in b'{"scope": "cds_client_admin"}':
            yield bytes([byte])

    answer = await server.http.post("/oauth/register", content=pieces())

    assert answer.status_code == 201


def request_of(*pieces: bytes, delay_seconds: float = 0, **headers: str) -> Request[Any]:
    """A request whose body comes in pieces; the last one says that more would follow."""
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(delay_seconds)
        return {"type": "http.request", "body": waiting.pop(0) if waiting else b"", "more_body": True}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": named, "query_string": b""}, receive)


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    with pytest.raises(InvalidRequest, match="in time"):
        await read_body(request_of(delay_seconds=0.01), limit_bytes=100, seconds=0.03)


async def test_a_body_is_refused_as_soon_as_it_is_too_long() -> None:
    with pytest.raises(ContentTooLarge):
        await read_body(request_of(b"x" * 60, b"x" * 60), limit_bytes=100)


@pytest.mark.parametrize("length", ["101", "9" * 5000, "00000000000000000000101"])
async def test_a_length_over_the_limit_is_refused_before_anything_is_read(length: str) -> None:
    with pytest.raises(ContentTooLarge):
        await read_body(request_of(delay_seconds=60, content_length=length), limit_bytes=100)


@pytest.mark.parametrize("length", ["-5", "abc", "1e9", "\u00b2", ""])
async def test_a_senseless_length_is_left_to_the_bytes_that_come(length: str) -> None:
    with pytest.raises(ContentTooLarge):
        await read_body(request_of(b"x" * 101, content_length=length), limit_bytes=100)


async def test_a_caller_who_hangs_up_is_no_error(server: Server) -> None:
    """Half a body and then nothing: no answer is owed, and nothing was registered."""
    messages: list[Any] = [
        {"type": "http.request", "body": b'{"scope": ', "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def take(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/oauth/register",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
    }
    await server.service(scope, receive, take)

    assert answers == []


# --- scopes and dates ---


async def test_ten_thousand_scopes_are_refused_quickly(server: Server) -> None:
    registered = await server.register()
    many = " ".join(f"s{number}" for number in range(10_000))

    registration = await server.http.post("/oauth/register", json={"scope": f"cds_client_admin {many}"})
    assert (registration.status_code, registration.json()["error"]) == (400, "invalid_client_metadata")
    repeated = await server.http.post("/oauth/register", json={"scope": " ".join(["cds_client_admin"] * 500)})
    assert repeated.status_code == 201
    token = await server.token_response(registered.client_id, registered.client_secret, scope=many)
    assert (token.status_code, token.json()["error"]) == (400, "invalid_scope")
    grants = await registered.get("/cds-api/v1/grants", params={"scopes": many})
    assert grants.status_code == 400


@pytest.mark.parametrize(
    "date",
    [
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-06-01T12:00:60Z",
        "2026-06-01T25:00:00Z",
        "2026-06-01T12:00:00+99:99",
        "2026-06-01",
        "yesterday",
        "1",
        "\u0662\u0660\u0662\u0666-06-01T12:00:00Z",
        "2026-06-01T12:00:00.{}Z".format("9" * 5000),
        "\x00",
        "2026-06-01T12:00:00Z\n",
    ],
)
async def test_absurd_dates_in_filters_are_answered(server: Server, date: str) -> None:
    registered = await server.register()

    for path in ("/cds-api/v1/credentials", "/cds-api/v1/grants"):
        for name in ("after", "before"):
            answer = await registered.get(path, params={name: date})
            assert answer.status_code in {200, 400}, answer.text
            if answer.status_code == 400:
                assert answer.json()["errors"][0]["field"] == name


# --- forms ---

AUTHENTICATED_FORMS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke")


async def post_form(registered: Registered, path: str, body: bytes, content_type: str = FORM) -> httpx.Response:
    """A form as it is, from somebody who may."""
    auth = (registered.client_id, registered.client_secret)
    headers = {"Content-Type": content_type}
    return await registered.server.http.post(path, content=body, headers=headers, auth=auth)


@pytest.mark.parametrize("path", AUTHENTICATED_FORMS)
@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain", "multipart/form-data; boundary=x"])
async def test_a_form_of_another_content_type_is_400(registered: Registered, path: str, content_type: str) -> None:
    answer = await post_form(registered, path, b"grant_type=client_credentials&token=x", content_type)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("content_type", [f"{FORM};charset=UTF-8", FORM.upper(), f" {FORM} ; charset=utf-8"])
async def test_a_charset_beside_the_content_type_is_fine(registered: Registered, content_type: str) -> None:
    answer = await post_form(registered, "/oauth/token", b"grant_type=client_credentials", content_type)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&grant_type=client_credentials&token=a&token=b",
        b"grant_type=%FF&token=%FF",
        b"grant_type=\xff&token=\xff",
        b"grant_type=client_credentials%00&token=%00",
        b"&".join(b"p%d=1" % number for number in range(101)),
        b"",
        b"&&&",
        b"=",
        b"grant_type",
        b"%",
        b'{"grant_type": "client_credentials"}',
        b"\x00",
    ],
)
@pytest.mark.parametrize("path", AUTHENTICATED_FORMS)
async def test_a_senseless_form_is_400(registered: Registered, path: str, body: bytes) -> None:
    answer = await post_form(registered, path, body)

    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


async def test_an_empty_parameter_counts_as_left_out(registered: Registered) -> None:
    """RFC 6749 3.2; also twice."""
    answer = await post_form(registered, "/oauth/token", b"grant_type=client_credentials&scope=&scope=&x=&")

    assert answer.status_code == 200


@pytest.mark.parametrize("path", AUTHENTICATED_FORMS)
async def test_a_form_over_the_limit_is_413(make_server: MakeServer, path: str) -> None:
    server = await make_server(CDS_MAX_BODY="16384")
    registered = await server.register()

    answer = await post_form(registered, path, b"token=" + b"x" * 20_000)

    assert (answer.status_code, answer.json()["error"]) == (413, "content_too_large")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["grant_type", "scope", "authorization_details", "token", "token_type_hint", "x"]),
            st.one_of(
                st.sampled_from(["client_credentials", "cds_client_admin", "[]", "[{}]", '[{"type":"x"}]', "null"]),
                st.text(max_size=40),
            ),
        ),
        max_size=5,
        unique_by=lambda pair: pair[0],
    )
)
async def test_any_form_is_answered(registered: Registered, pairs: list[tuple[str, str]]) -> None:
    clean = {name: value.encode("utf-8", "ignore").decode() for name, value in pairs}
    auth = (registered.client_id, registered.client_secret)

    for path in AUTHENTICATED_FORMS:
        answer = await registered.server.http.post(path, data=clean, auth=auth)
        assert answer.status_code < 500, (path, clean, answer.text)


@pytest.mark.parametrize(
    "details",
    [
        "[",
        "{}",
        "[[]]",
        '[{"type": 1}]',
        '[{"type": "cds_grant_admin", "client_id": 1, "grant_id": null}]',
        '[{"type": "cds_grant_admin", "client_id": "\\u0000", "grant_id": "\\ud800"}]',
        '[{"type": "cds_grant_admin", "client_id": "x", "grant_id": 1E+999999999}]',
        "[" * 90_000,
        json.dumps([{"type": "cds_grant_admin"}] * 3000),
        '[{"type": "' + "x" * 100_000 + '"}]',
    ],
)
async def test_senseless_authorization_details_are_400(registered: Registered, details: str) -> None:
    clients = await registered.clients()
    grant_admin = clients["cds_grant_admin"]["client_id"]
    secret = (await registered.credential_of(grant_admin))["client_secret"]

    answer = await registered.server.token_response(grant_admin, secret, authorization_details=details)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] in {"invalid_authorization_details", "invalid_request", "invalid_scope"}


# --- queries ---


@pytest.mark.parametrize(
    "query",
    [
        "%00",
        "cursor=%00",
        "%FF=%FF",
        "cursor=o%FF",
        "a" * 60_000,
        "&".join(["client_ids=x"] * 5000),
        "statuses=%01%02&client_ids=%1b&scopes=%7f&grant_ids=%00&file_ids=%00&message_ids=%00&credential_ids=%00",
        "client_ids=" + "%20" * 10_000,
        "client_ids=../../x",
        "client_ids=*&credential_ids=[a-z]*",
        "client_ids={x}:o",
        "%",
        "=",
        "&;&",
        "after=%00&before=%FF",
    ],
)
async def test_no_query_breaks_a_listing(registered: Registered, query: str) -> None:
    for name in ("clients", "messages", "credentials", "grants", "server-provided-files"):
        answer = await registered.get(f"/cds-api/v1/{name}?{query}")
        assert answer.status_code in {200, 400, 403}, (name, query[:80], answer.text)
    coverage = await registered.server.http.get(f"/cds-api/v1/coverage?{query}")
    assert coverage.status_code in {200, 400}
