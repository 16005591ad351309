"""What holds for every page and form of the console, so that a new one is covered the day it appears."""

import itertools
import re
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from app.console import routes
from app.web.routing import ErrorStyle, Limit
from tests.conftest import PUBLIC_URL, Registered, Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import UserBrowser, View
from tests.message_objects import EVERYTHING, SUPPORT, created

OPEN = {"/console/sign-in", "/console/sign-out", "/console/sign-in/oidc", "/console/oidc/callback"}
"""Where somebody comes who has not signed in; tests of their own see to them."""

CLOSED = [route for route in routes if route.path not in OPEN]
PAGES = [route.path for route in CLOSED if "GET" in route.endpoints]
FORMS = [route.path for route in CLOSED if "POST" in route.endpoints]
WITH_FILES = {
    "/console/messages/{message_id}/reply",
    "/console/registrations/{registration_id}/write",
    "/console/files",
}
"""Forms that are sent as multipart/form-data."""

NOT_THERE = {
    "message_id": "00zzzzzzzzzzzz-mzzzzzzzzzz",
    "registration_id": "00zzzzzzzzzzzz",
    "client_id": "00zzzzzzzzzzzz-1",
    "credential_id": "00zzzzzzzzzzzz-czzzzzzzzzz",
    "grant_id": "00zzzzzzzzzzzz-gzzzzzzzzzz",
    "file_id": "fzzzzzzzzzzzzzzzz",
    "broadcast_id": "bzzzzzzzzzzzzzzzz",
    "webhook_id": "wzzzzzzzzzz",
}


def filled(path: str, **ids: str) -> str:
    """The path with ids in it; of things that are not there unless given."""
    return re.sub(r"\{(\w+)\}", lambda match: ids.get(match[1], NOT_THERE[match[1]]), path)


async def sent(desk: Desk, path: str, data: dict[str, str]) -> httpx.Response:
    """A form of our own page, whatever it is about."""
    files = {"file": ("a.txt", b"text", "text/plain")} if path in WITH_FILES else None
    return await desk.post(filled(path), data, files=files)


async def ids_of(registered: Registered) -> dict[str, str]:
    """One of everything that a registration has."""
    message = await created(registered, SUPPORT | {"name": HOSTILE, "description": HOSTILE})
    grants = (await registered.get("/cds-api/v1/grants")).json()["grants"]
    credentials = (await registered.get("/cds-api/v1/credentials")).json()["credentials"]
    return {
        "message_id": message["message_id"],
        "registration_id": registered.registration_id,
        "client_id": registered.client_id,
        "credential_id": credentials[0]["credential_id"],
        "grant_id": grants[0]["grant_id"],
    }


async def test_strangers_are_sent_to_the_sign_in_page_and_back_afterwards(server: Server) -> None:
    for path in PAGES:
        answer = await server.http.get(filled(path) + "?q=a%20b&x=%C3%A4")
        location = urlsplit(answer.headers["location"])
        assert answer.status_code == 303
        assert (location.netloc, location.path) == ("", "/console/sign-in")
        assert parse_qs(location.query)["next"] == [filled(path) + "?q=a%20b&x=%C3%A4"]
        assert "set-cookie" not in answer.headers


async def test_forms_of_strangers_do_nothing(server: Server) -> None:
    for path in FORMS:
        answer = await server.http.post(filled(path), data={"form_token": "x"})
        assert answer.status_code == 303, path
        assert answer.headers["location"] == "/console/sign-in"


async def test_forms_need_the_token_of_their_session(admin: Desk, support: Desk) -> None:
    wrong = ({}, {"form_token": ""}, {"form_token": "x"}, {"form_token": "ä"}, {"form_token": await support.token()})
    for path, token in itertools.product(FORMS, wrong):
        answer = await sent(admin, path, token | {"name": "x", "role": "admin", "url": "https://x.example/"})
        assert answer.status_code == 403, (path, token, answer.text)
        assert "Nothing was done" in View(answer).text


async def test_forms_of_other_sites_do_nothing_even_with_the_token(admin: Desk) -> None:
    data = {"form_token": await admin.token(), "name": "x", "role": "admin", "url": "https://x.example/"}
    others = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"})
    for path, headers in itertools.product(FORMS, others):
        answer = await admin.send("POST", filled(path), data=data, headers=headers)
        assert answer.status_code == 403, (path, answer.text)
        assert "another site" in View(answer).text


async def test_a_viewer_changes_nothing(viewer: Desk) -> None:
    token = await viewer.token()
    for path in FORMS:
        answer = await sent(viewer, path, {"form_token": token})
        assert answer.status_code == 403, path
        page = View(answer)
        assert "This needs another role" in page.text
        assert "viewer" in page.text
        assert "Overview" in page.links


async def test_every_page_is_shut_to_frames_scripts_caches_and_other_sites(server: Server, admin: Desk) -> None:
    registered = await server.register(EVERYTHING, client_name=HOSTILE)
    ids = await ids_of(registered)
    for path in PAGES:
        answer = await admin.send("GET", filled(path, **ids))
        if answer.status_code == 404 or answer.headers["content-type"] != "text/html; charset=utf-8":
            continue
        assert answer.status_code in {200, 303, 400, 409}, (path, answer.text)
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status_code == 303:
            continue
        page = View(answer)
        policy = page.policy
        assert policy.pop("style-src")[0].startswith("'sha256-")
        assert policy.pop("img-src") in (["'none'"], ["'self'"])
        assert policy == {
            "default-src": ["'none'"],
            "form-action": ["'self'"],
            "base-uri": ["'none'"],
            "frame-ancestors": ["'none'"],
        }


async def test_what_a_client_writes_is_text_on_every_page(server: Server, admin: Desk) -> None:
    registered = await server.register(EVERYTHING, client_name=HOSTILE, client_uri="https://x.example/")
    ids = await ids_of(registered)
    shown = 0
    for path in PAGES:
        answer = await admin.send("GET", filled(path, **ids) + "?q=" + quote(HOSTILE))
        if answer.headers["content-type"] != "text/html; charset=utf-8" or not answer.content:
            continue
        page = View(answer)
        assert not {"script", "img", "iframe", "object", "embed"} & set(page.tags), path
        assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"], path
        assert not [value for name, value in page.attributes if name in {"href", "action"} and "script:" in value], path
        shown += HOSTILE.split("<img")[0] in page.text
    assert shown >= 5


EVERYBODYS = {"Overview", "Inbox", "Registrations", "Grants", "Files", "Broadcasts", "Catalog", "Audit log", "Mails"}
ADMINS = {"Webhooks", "Operator keys"}


async def test_the_navigation_leads_everywhere(admin: Desk) -> None:
    page = await admin.open("/console")

    assert page.links["Overview"]["aria-current"] == "page"
    for name in EVERYBODYS | ADMINS:
        answer = await admin.send("GET", page.links[name]["href"])
        assert answer.status_code == 200
        assert View(answer).links[name]["aria-current"] == "page"


@pytest.mark.parametrize(("role", "missing"), [("admin", set()), ("support", ADMINS), ("viewer", ADMINS)])
async def test_the_navigation_has_what_the_role_may_see(desks: dict[str, Desk], role: str, missing: set[str]) -> None:
    page = await desks[role].open("/console/mails")

    assert EVERYBODYS | ADMINS - missing <= set(page.links)
    assert not missing & set(page.links)
    assert f"{desks[role].name} {role}" in page.text


@pytest.mark.parametrize("path", ["/console/keys", "/console/webhooks"])
async def test_pages_for_admins_say_so_to_others(support: Desk, path: str) -> None:
    answer = await support.send("GET", path)

    assert answer.status_code == 403
    assert "admin" in View(answer).text
    assert "www-authenticate" not in answer.headers


async def test_a_notice_is_shown_once_and_only_if_it_is_ours(server: Server, admin: Desk) -> None:
    page = await admin.open("/console/keys")
    page = await admin.press(page, "Make a key", name="mara")
    answer = await admin.choose(page, "/keys/revoke", {}, name="mara")
    notice = answer.headers["set-cookie"].partition(";")[0]
    shown = await admin.after(answer)

    assert "The key of mara has been revoked." in shown.text
    assert "has been revoked" not in (await admin.open("/console/keys")).text
    for forged in (
        "__Host-cds-notice=K0dlc3Rlcm4=.x",
        "__Host-cds-notice=" + "A" * 3000,
        "__Host-cds-notice=%ff.%ff",
        notice.replace("=K", "=L", 1),
    ):
        other = await admin.send("GET", "/console/keys", headers={"Cookie": f"{forged}; {session_of(admin)}"})
        assert other.status_code == 200
        assert 'class="notice' not in other.text, forged
    async with UserBrowser(server) as stranger:
        assert "revoked" not in (await stranger.send("GET", "/console/sign-in", headers={"Cookie": notice})).text


def session_of(desk: Desk) -> str:
    """The cookie of a session."""
    return f"__Host-cds-operator={desk.http.cookies['__Host-cds-operator']}"


async def test_what_is_not_there_says_so_within_the_console(admin: Desk) -> None:
    answer = await admin.send("GET", filled("/console/registrations/{registration_id}"))

    assert answer.status_code == 404
    page = View(answer)
    assert "There is nothing here" in page.text
    assert page.links["Overview"]["href"] == "/console"


async def test_under_a_path_prefix_every_link_has_it(make_server, demo_catalog) -> None:
    server: Server = await make_server(CDS_PUBLIC_URL=f"{PUBLIC_URL}/cds")
    async with Desk(server) as desk:
        sign_in = await desk.send("GET", "/cds/console/audit?before=7")
        assert sign_in.headers["location"] == "/cds/console/sign-in?next=/console/audit%3Fbefore%3D7"
        page = View(await desk.send("GET", sign_in.headers["location"]))
        assert [form.action for form in page.forms] == ["/cds/console/sign-in"]


def test_errors_of_every_route_are_pages_and_callers_have_a_limit() -> None:
    assert {route.errors for route in routes} == {ErrorStyle.PAGE}
    assert {route.limit for route in routes} == {Limit.ANONYMOUS}
