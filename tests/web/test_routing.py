"""From a path to its route: exact, with one parameter, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from app.web.routing import Route, RouteTable
from tests.conftest import MakeServer, Server
from tests.html_pages import View

CLIENTS = "/cds-api/v1/clients"
REGISTER = "/oauth/register"


async def endpoint(_: Request) -> Response:
    return Response()


def route(path: str, *methods: str) -> Route:
    """A route that answers these methods."""
    return Route(path, dict.fromkeys(methods or ("GET",), endpoint))


TABLE = RouteTable([route("/a"), route("/a/{one}"), route("/a/{one}/b"), route("/a/fixed"), route("/c/{two}/d")])


@pytest.mark.parametrize(
    ("path", "found", "params"),
    [
        ("/a", "/a", {}),
        ("/a/fixed", "/a/fixed", {}),
        ("/a/x", "/a/{one}", {"one": "x"}),
        ("/a/{one}", "/a/{one}", {"one": "{one}"}),
        ("/a/{}", "/a/{one}", {"one": "{}"}),
        ("/a/{}/b", "/a/{one}/b", {"one": "{}"}),
        ("/a/x/b", "/a/{one}/b", {"one": "x"}),
        ("/a/ /b", "/a/{one}/b", {"one": " "}),
        ("/a/\x00", "/a/{one}", {"one": "\x00"}),
        ("/a/b\n", "/a/{one}", {"one": "b\n"}),
        ("/a/..", "/a/{one}", {"one": ".."}),
        ("/c/x/d", "/c/{two}/d", {"two": "x"}),
    ],
)
def test_a_path_is_found_with_its_parameter(path: str, found: str, params: dict[str, str]) -> None:
    match = TABLE.find(path)

    assert match
    assert (match[0].path, match[1]) == (found, params)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "a",
        "//a",
        "/a/",
        "/a//b",
        "/a/x/",
        "/a/x/b/",
        "/a/x/c",
        "/A",
        "/a/x/b/c",
        "/c",
        "/c/x",
        "/c//d",
        "/c/x/D",
    ],
)
def test_what_is_not_a_path_of_ours_is_not_found(path: str) -> None:
    assert TABLE.find(path) is None


@settings(deadline=None)
@given(path=st.text(max_size=40))
def test_any_path_is_looked_up(path: str) -> None:
    match = TABLE.find(path)

    assert match is None or path.startswith(("/a", "/c"))


@pytest.mark.parametrize("paths", [("/a", "/a"), ("/a/{x}", "/a/{y}"), ("/a/{x}/b", "/a/{y}/b")])
def test_two_routes_for_one_path_are_a_mistake(paths: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="two routes"):
        RouteTable([route(path) for path in paths])


def test_allowed_methods_are_named_with_those_that_come_along() -> None:
    assert route("/a", "POST").methods == ("OPTIONS", "POST")
    assert route("/a", "GET", "PUT").methods == ("GET", "HEAD", "OPTIONS", "PUT")
    assert Route("/a", app=Response()).methods == ("GET", "HEAD", "OPTIONS")


# --- over HTTP ---


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "//oauth/token",
        "/oauth/token/",
        "/oauth//token",
        "/OAuth/Token",
        f"{CLIENTS}/",
        f"{CLIENTS}/x/y/z",
        "/%00",
        "/%0d%0aX: y",
        "/%ff%fe",
        "/..%2f..%2fetc/passwd",
        f"{CLIENTS}%2f",
        "/" + "x" * 8000,
        "/" + "/".join("x" * 2000),
        "/.well-known",
        "/\u202e",
    ],
)
async def test_an_unknown_path_is_404_for_every_method(server: Server, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        answer = await server.http.request(method, path)
        assert answer.status_code == 404, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x:" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize("path", ["/docs/scope", "/console/inbox", "/registre", "/oauth/authorise"])
async def test_whoever_follows_a_wrong_link_in_a_browser_gets_a_page(server: Server, path: str) -> None:
    answer = await server.http.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert answer.status_code == 404
    page = View(answer)
    assert "There is nothing here" in page.text
    assert page.links["To the first page"]["href"] == "/"


@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/oidc/callback", "/console/oidc/callback"])
async def test_trying_a_link_out_with_head_uses_nothing_up_and_allow_says_so(server: Server, path: str) -> None:
    answers = [await server.http.request(method, path) for method in ("HEAD", "PROPFIND", "OPTIONS")]

    assert [answer.status_code for answer in answers] == [405, 405, 204]
    assert {"HEAD" in answer.headers["allow"] for answer in answers} == {False}


@pytest.mark.parametrize(
    "name", ["\x00", "\n", "\r\nX-Evil: 1", "%", "%2F", "\u00e4", "\U0001f4a9", ":o", "*", "{}", "'"]
)
@pytest.mark.parametrize("kind", ["clients", "messages", "credentials", "grants"])
async def test_a_senseless_id_in_a_path_is_404(server: Server, kind: str, name: str) -> None:
    registered = await server.register()
    for path in (f"/cds-api/v1/{kind}/{encoded(name)}", f"/cds-api/v1/{kind}/{registered.client_id}{encoded(name)}"):
        answer = await registered.get(path)
        assert answer.status_code == 404, answer.text
        assert "x-evil" not in answer.headers


def encoded(name: str) -> str:
    """Percent-encoded, every byte."""
    return "".join(f"%{byte:02X}" for byte in name.encode())


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", CLIENTS, "GET, HEAD, OPTIONS"),
        ("POST", CLIENTS, "GET, HEAD, OPTIONS"),
        ("PATCH", f"{CLIENTS}/x", "GET, HEAD, OPTIONS, PUT"),
        ("PUT", "/cds-api/v1/messages", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/oauth/token", "OPTIONS, POST"),
        ("HEAD", "/oauth/token", "OPTIONS, POST"),
        ("GET", REGISTER, "OPTIONS, POST"),
        ("TRACE", "/livez", "GET, HEAD, OPTIONS"),
        ("get", "/livez", "GET, HEAD, OPTIONS"),
        ("PROPFIND", "/.well-known/oauth-authorization-server", "GET, HEAD, OPTIONS"),
        ("POST", "/cds-api/v1/server-provided-files/fx/download", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_405_and_says_what_is_right(
    server: Server, method: str, path: str, allowed: str
) -> None:
    answer = await server.http.send(_request(server, method, path))

    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed


def _request(server: Server, method: str, path: str) -> object:
    """A request whose method is sent as it is."""
    request = server.http.build_request("GET", path)
    request.method = method
    return request


async def test_options_say_what_is_allowed(server: Server) -> None:
    for path, allowed in ((CLIENTS, "GET, HEAD, OPTIONS"), (REGISTER, "OPTIONS, POST")):
        answer = await server.http.options(path)
        assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
        assert "content-length" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_a_wrong_method_spends_no_allowance(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_REGISTRATION="1/hour")
    for method in ("GET", "OPTIONS", "DELETE"):
        assert (await server.http.request(method, REGISTER)).status_code in {204, 405}

    assert (await server.http.post(REGISTER, json={"scope": "cds_client_admin"})).status_code == 201


@pytest.mark.parametrize("prefix", ["", "/energy/cds"])
async def test_a_prefix_of_the_public_url_may_be_stripped_or_not(make_server: MakeServer, prefix: str) -> None:
    server = await make_server(CDS_PUBLIC_URL="https://utility.example/energy/cds")
    registered = await server.http.post(
        f"https://utility.example{prefix}{REGISTER}", json={"scope": "cds_client_admin"}
    )

    assert registered.status_code == 201
    uri = registered.json()["cds_client_uri"]
    assert uri.startswith("https://utility.example/energy/cds/cds-api/v1/clients/")
    assert (await server.http.get(f"https://utility.example{prefix}/livez")).status_code == 200
    assert (await server.http.get("https://utility.example/energy/cds")).status_code == 200, "the public URL itself"
    for path in ("/energy", "/energy/cdsx/livez", "/energy/cds/energy/cds/livez", "/energy/cds//livez"):
        assert (await server.http.get(f"https://utility.example{path}")).status_code == 404
