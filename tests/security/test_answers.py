"""Headers that hold for every answer, and headers of callers that change nothing."""

import gzip
import json

import pytest

from tests.conftest import PUBLIC_URL, Server
from tests.guards.test_surface import CONSOLE, EVERYTHING, PUBLIC, calls, routes, send

EVIL = "attacker.example"
LYING = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": "http",
    "X-Original-URL": "/operator/api/v1/overview",
    "X-Rewrite-URL": "/operator/api/v1/overview",
    "X-HTTP-Method-Override": "DELETE",
    "Forwarded": f"for=10.0.0.1;host={EVIL};proto=http",
}


async def test_no_answer_that_needs_a_token_is_kept_by_a_cache_or_shown_to_other_sites(server: Server) -> None:
    """Refusals too; scripts of other origins may read public documents alone."""
    registered = await server.register(EVERYTHING)
    await registered.get("/cds-api/v1/clients")

    for method, path, route in calls(server, registered.registration_id):
        for token in ("nonsense", registered.token):
            answer = await send(
                server, method, path, route, {"Authorization": f"Bearer {token}", "Origin": "https://x"}
            )
            assert "no-store" in answer.headers.get("cache-control", ""), (method, path, answer.status_code)
            assert not [name for name in answer.headers if name.startswith("access-control")], (method, path)
            assert answer.headers["x-content-type-options"] == "nosniff", (method, path)


async def test_every_page_keeps_out_of_frames_and_has_a_strict_policy(server: Server) -> None:
    """Whatever is HTML: pages of users, the documentation, the console's way in, and their errors."""
    seen = 0
    for route in routes(server):
        if route.path not in PUBLIC and not route.path.startswith(CONSOLE):
            continue
        answer = await server.http.get(route.path.replace("{", "").replace("}", ""))
        if not answer.headers.get("content-type", "").startswith("text/html") or answer.status_code == 303:
            continue
        seen += 1
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; "), route.path
        for part in ("base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
            assert part in policy, route.path
        assert "unsafe" not in policy, route.path
        assert answer.headers["x-frame-options"] == "DENY", route.path
        assert answer.headers["referrer-policy"] == "same-origin", route.path
    assert seen > 30


async def test_what_a_caller_says_about_host_scheme_path_and_method_changes_no_answer(server: Server) -> None:
    """Published URLs are made of CDS_PUBLIC_URL alone, so no link can be poisoned."""
    for path in (
        "/.well-known/cds-server-metadata.json",
        "/.well-known/oauth-authorization-server",
        "/docs",
        "/console",
    ):
        honest, lying = await server.http.get(path), await server.http.get(path, headers=LYING)
        assert lying.status_code == honest.status_code
        assert lying.content == honest.content
        assert lying.headers.get("location") == honest.headers.get("location")
    body = {"scope": "cds_client_admin"}
    registered = await server.http.post("/oauth/register", json=body, headers=LYING)
    assert registered.status_code == 201
    assert EVIL not in registered.text
    assert registered.json()["cds_client_uri"].startswith(PUBLIC_URL)


async def test_nothing_is_compressed_so_that_no_length_tells_a_secret(server: Server) -> None:
    """BREACH needs a compressed answer that has a secret beside something of the attacker."""
    registered = await server.register()
    wants = {"Accept-Encoding": "gzip, deflate, br, zstd"}

    for path in ("/cds-api/v1/credentials", "/cds-api/v1/messages"):
        assert "content-encoding" not in (await registered.get(path, headers=wants)).headers
    for path in ("/docs", "/console/sign-in", "/.well-known/oauth-authorization-server"):
        assert "content-encoding" not in (await server.http.get(path, headers=wants)).headers


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_compressed_body_is_not_unpacked(server: Server, coding: str) -> None:
    """A few kilobytes cannot become gigabytes here."""
    bomb = gzip.compress(json.dumps({"scope": "cds_client_admin", "client_name": "a" * 100_000}).encode())

    answer = await server.http.post("/oauth/register", content=bomb, headers={"Content-Encoding": coding})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "path", ["/oauth/sign-in", "/oauth/authorizations", "/console", "/console/sign-in", "/register"]
)
async def test_cookies_of_others_are_not_unpacked(server: Server, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Python's way to take escapes out of a cookie has taken seconds for a long one."""

    def unpacks(_value: str) -> str:
        raise AssertionError("somebody unpacks cookies")

    monkeypatch.setattr("http.cookies._unquote", unpacks)
    escapes = '"' + "\\" * 30_000 + '"'
    browser, user = "b" * 43, f"cdsus_00_{'u' * 43}"
    cookies = f"other={escapes}; __Host-cds-browser={browser};__Host-cds-user={user} ; __Host-cds-operator={escapes}"

    answer = await server.http.get(path, headers={"Cookie": cookies})

    assert answer.status_code in {200, 303}
    assert "cds-browser" not in answer.headers.get("set-cookie", ""), "the browser is known by its cookie"


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fcatalog.yaml",
        "....//catalog.yaml",
        "..\\catalog.yaml",
        "%00",
        ".",
    ],
)
async def test_no_name_of_a_file_leads_out_of_its_folder(server: Server, name: str) -> None:
    """Maps of the coverage, files and their bytes: names are looked up, never joined to a path."""
    registered = await server.register()

    for path in ("/cds-api/v1/coverage/files/", "/onboarding/forms/"):
        assert (await server.http.get(path + name)).status_code == 404, path
    for path in (f"/cds-api/v1/server-provided-files/{name}", f"/cds-api/v1/server-provided-files/{name}/download"):
        assert (await registered.get(path)).status_code in {403, 404}, path
