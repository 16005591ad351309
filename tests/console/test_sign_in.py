"""Signing in to the console with an operator key, and signing out."""

import io
from datetime import timedelta

import pytest

from app.crypto.tokens import digest
from app.domain import operators
from tests.conftest import PUBLIC_URL, MakeServer, Server
from tests.console.desk import Desk
from tests.html_pages import UserBrowser, View
from tests.operators import ROOT, operator_of

COOKIE = "__Host-cds-operator"
HOME = "/console/mails"
SIGN_IN = f"/console/sign-in?next={HOME}"


@pytest.fixture
async def browser(server: Server):
    async with UserBrowser(server) as browser:
        yield browser


async def test_a_key_opens_the_console(server: Server, browser: UserBrowser) -> None:
    mara = await operator_of(server, "support", "mara")
    page = await browser.open(HOME)
    answer = await browser.submit(page, "Sign in", key=f" {mara.key}\n")

    assert page.form("Sign in").values["next"] == HOME
    assert answer.headers["location"] == HOME
    parts = answer.headers["set-cookie"].split("; ")
    assert parts[0].startswith(f"{COOKIE}=cdsos_")
    assert set(parts[1:]) == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
    assert "mara support" in (await browser.open(HOME)).text


async def test_the_key_is_typed_unseen_and_never_shown_again(server: Server, browser: UserBrowser) -> None:
    page = await browser.open(SIGN_IN)
    refused = await browser.submit(page, "Sign in", key="cdsop_" + "x" * 43)

    assert 'name="key" type="password"' in page.response.text
    assert refused.status_code == 403
    assert "x" * 43 not in refused.text
    assert "not the key of an operator" in View(refused).text
    assert 'role="alert"' in refused.text


@pytest.mark.parametrize("key", ["", "x", "cdsop_" + "x" * 43, "x" * 5000, "cdsop_é", "\x00"])
async def test_what_is_no_key_opens_nothing(browser: UserBrowser, key: str) -> None:
    answer = await browser.submit(await browser.open(SIGN_IN), "Sign in", key=key)

    assert answer.status_code in {400, 403}
    assert COOKIE not in browser.http.cookies


async def test_keys_of_resource_servers_do_not_open_it(server: Server, browser: UserBrowser) -> None:
    gateway = await operator_of(server, "introspector")
    answer = await browser.submit(await browser.open(SIGN_IN), "Sign in", key=gateway.key)

    assert answer.status_code == 403
    assert "The console needs one of a viewer, support or admin." in View(answer).text
    assert COOKIE not in browser.http.cookies


async def test_the_key_of_the_settings_opens_it(make_server: MakeServer) -> None:
    server = await make_server(CDS_OPERATOR_BOOTSTRAP_KEY="correct-horse-battery-staple-0123456789")
    async with UserBrowser(server) as browser:
        page = await browser.press(
            await browser.open(SIGN_IN), "Sign in", key="correct-horse-battery-staple-0123456789"
        )
        assert "bootstrap admin" in page.text


async def test_guesses_are_limited_by_where_they_come_from(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="5/minute")
    mara = await operator_of(server)
    async with UserBrowser(server) as browser:
        page = await browser.open(SIGN_IN)
        statuses = [(await browser.submit(page, "Sign in", key=f"guess {n}")).status_code for n in range(7)]
        barred = await browser.submit(page, "Sign in", key=mara.key)
        server.clock.now += timedelta(minutes=1)
        later = await browser.submit(page, "Sign in", key=mara.key)

    assert statuses == [403] * 5 + [429] * 2
    assert barred.status_code == 429
    assert int(barred.headers["retry-after"]) > 0
    assert later.status_code == 303


async def test_a_form_of_another_site_or_browser_signs_nobody_in(server: Server, browser: UserBrowser) -> None:
    """Else somebody could make an operator work in a session that is not theirs."""
    mara = await operator_of(server)
    page = await browser.open(SIGN_IN)
    values = page.form("Sign in").values | {"key": mara.key}
    async with UserBrowser(server) as other:
        await other.open(SIGN_IN)
        answers = [
            await browser.send("POST", "/console/sign-in", data=values, headers={"Sec-Fetch-Site": "cross-site"}),
            await browser.send("POST", "/console/sign-in", data=values | {"form_token": ""}),
            await other.send("POST", "/console/sign-in", data=values),
        ]

    for answer in answers:
        assert answer.status_code == 403
        assert "Nothing was done" in View(answer).text
        assert COOKIE not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/\\evil.example",
        "\\\\evil.example",
        "/console//evil.example/..",
        "/console/../oauth/authorize",
        "/console\r\nSet-Cookie: a=b",
        "/console\t//evil",
        "javascript:alert(1)",
        "/consolex",
        "/oauth/authorizations",
        "/console#\u2028",
        "/console/sign-in?next=/console/sign-in",
        "/console/%2e%2e/x\x7f",
        "",
    ],
)
async def test_no_link_leads_from_the_sign_in_to_anywhere_else(
    server: Server, browser: UserBrowser, target: str
) -> None:
    mara = await operator_of(server)
    view = View(await browser.send("GET", "/console/sign-in", params={"next": target}))
    answer = await browser.submit(view, "Sign in", key=mara.key, next=target)

    assert answer.headers["location"] == "/console"
    assert "Set-Cookie: a" not in str(answer.headers)
    again = await browser.send("GET", "/console/sign-in", params={"next": target})
    assert again.headers["location"] == "/console"


async def test_the_page_that_was_asked_for_comes_after_the_sign_in(server: Server, browser: UserBrowser) -> None:
    mara = await operator_of(server)
    page = await browser.open("/console/audit?before=7&registration_id=00zzzzzzzzzzzz")
    answer = await browser.submit(page, "Sign in", key=mara.key)

    assert answer.headers["location"] == "/console/audit?before=7&registration_id=00zzzzzzzzzzzz"


async def test_a_planted_session_is_never_anybodys(server: Server, browser: UserBrowser) -> None:
    """Session fixation: every sign-in makes a handle of its own, and ends the session that the browser came with."""
    attacker, mara = await operator_of(server, "viewer"), await operator_of(server, "admin")
    page = await browser.open(SIGN_IN)
    await browser.submit(page, "Sign in", key=attacker.key)
    planted = browser.http.cookies[COOKIE]
    await browser.submit(page, "Sign in", key=mara.key)

    assert browser.http.cookies[COOKIE] != planted
    old = await server.http.get(HOME, headers={"Cookie": f"{COOKIE}={planted}"})
    assert old.status_code == 303
    for made_up in ("cdsos_" + "A" * 43, "x", "cdsus_3f_" + "A" * 43):
        answer = await server.http.get(HOME, headers={"Cookie": f"{COOKIE}={made_up}"})
        assert answer.status_code == 303


async def test_whoever_signs_out_is_out(admin: Desk, server: Server) -> None:
    cookie = f"{COOKIE}={admin.http.cookies[COOKIE]}"
    page = await admin.open(HOME)
    answer = await admin.submit(page, "Sign out")

    assert answer.headers["location"] == "/console/sign-in"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await server.http.get(HOME, headers={"Cookie": cookie})).status_code == 303


async def test_another_site_signs_nobody_out(admin: Desk) -> None:
    for headers, data in (
        ({"Sec-Fetch-Site": "cross-site"}, {"form_token": await admin.token()}),
        ({}, {"form_token": "x"}),
    ):
        answer = await admin.send("POST", "/console/sign-out", data=data, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    assert (await admin.send("GET", HOME)).status_code == 200


async def test_whoever_is_signed_in_passes_the_sign_in_page(admin: Desk) -> None:
    answer = await admin.send("GET", SIGN_IN)

    assert answer.status_code == 303
    assert answer.headers["location"] == HOME


async def test_on_this_machine_the_cookie_has_a_plain_name(make_server: MakeServer) -> None:
    server = await make_server(CDS_PUBLIC_URL="http://127.0.0.1:8000")
    mara = await operator_of(server)
    async with UserBrowser(server) as browser:
        answer = await browser.submit(await browser.open(SIGN_IN), "Sign in", key=mara.key)

    assert answer.headers["set-cookie"].startswith("cds-operator=cdsos_")
    assert "Secure" not in answer.headers["set-cookie"]


async def test_neither_key_nor_session_gets_into_log_or_store(json_log: io.BytesIO, make_server: MakeServer) -> None:
    server = await make_server()
    async with Desk(server) as desk:
        mara = await operator_of(server, "admin", "mara")
        page = await desk.open(SIGN_IN)
        await desk.submit(page, "Sign in", key="cdsop_" + "y" * 43)
        await desk.submit(page, "Sign in", key=mara.key)
        for _ in range(2):  # the line of a request is written with the next one
            await desk.open(HOME)
        handle = desk.http.cookies[COOKIE]
    log = json_log.getvalue().decode()
    kept = await server.connection.command("KEYS", "*session*")

    assert "mara" in log
    for secret in (mara.key, "y" * 43, handle, digest(mara.key)):
        assert secret not in log
    assert len(kept) == 1
    assert kept[0].decode() == f"{{operators}}:session:{digest(handle)}"


async def test_the_operator_api_takes_no_cookie_and_the_console_no_key(admin: Desk, server: Server) -> None:
    mara = await operator_of(server)
    api = await admin.send("GET", "/operator/api/v1/registrations")
    console = await server.http.get(HOME, headers={"Authorization": f"Bearer {mara.key}"})

    assert api.status_code == 401
    assert console.status_code == 303


async def test_a_new_key_under_an_old_name_does_not_revive_its_sessions(server: Server, browser: UserBrowser) -> None:
    assert server.service.state
    store = server.service.state["operators"].store
    mara = await operator_of(server, "admin", "mara")
    await browser.press(await browser.open(SIGN_IN), "Sign in", key=mara.key)
    await operators.revoke(store, ROOT, "mara", now=server.clock.now)
    await operator_of(server, "admin", "mara")
    server.clock.advance(seconds=5)

    assert (await browser.send("GET", HOME)).status_code == 303


def test_public_urls_of_tests_are_https() -> None:
    """The names of cookies above depend on it."""
    assert PUBLIC_URL.startswith("https:")
