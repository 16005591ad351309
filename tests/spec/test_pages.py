"""The pages on which users sign in, decide, and look after what they have authorized (CDS-WG1-02 4.2, 5.2, 8.3)."""

import asyncio
import base64
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.catalog import Catalog
from app.crypto.tokens import Handle
from app.web.browser import form_token
from tests.authorization_pages import (
    BACK,
    MARA,
    MARA_ID,
    SCHOOL,
    SCOPE,
    authorized,
    begin,
    consent_page,
    production_client,
    users,
)
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server, changed
from tests.html_pages import UserBrowser, View

ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&lt;{{7*7}}"


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A Client that may ask users for customer data."""
    return await server.register(SCOPE, client_name="Meadow Home")


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    """A user's browser."""
    async with UserBrowser(server) as one:
        yield one


@pytest.fixture
async def other_browser(server: Server) -> AsyncIterator[UserBrowser]:
    """Somebody else's."""
    async with UserBrowser(server) as one:
        yield one


def png() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\1\2\3")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


# What holds for every page


async def every_page(registered: Registered, browser: UserBrowser) -> list[View]:
    """One of each kind, errors among them."""
    grant = await authorized(registered)
    path = await begin(registered)
    return [
        await browser.open(path),
        await browser.open("/oauth/sign-in"),
        await browser.press(await browser.open("/oauth/sign-in"), "Sign in", username="x", password="y"),
        await consent_page(browser, path),
        await browser.open("/oauth/authorizations"),
        await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}"),
        await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke"),
        await browser.open("/oauth/receipt?error=access_denied"),
        await browser.open("/oauth/authorize/nonsense"),
        await browser.open(f"/oauth/authorizations/{registered.registration_id}-gzzzzzzzzzz/revoke"),
    ]


async def test_every_page_keeps_out_of_frames_caches_and_referers_and_allows_no_script(
    registered: Registered, browser: UserBrowser
) -> None:
    """RFC 6749 10.13, RFC 9700 4.2 and 4.16."""
    for view in await every_page(registered, browser):
        headers = view.response.headers
        assert headers["content-type"] == "text/html; charset=utf-8", view.response.url
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert view.policy["default-src"] == ["'none'"]
        assert view.policy["frame-ancestors"] == ["'none'"]
        assert view.policy["base-uri"] == ["'none'"]
        assert [source[:8] for source in view.policy["style-src"]] == ["'sha256-"]
        assert "script-src" not in view.policy
        assert "'self'" in view.policy["form-action"]
        assert "script" not in view.tags
        assert not [name for name, _ in view.attributes if name.startswith("on") or name == "style"]


async def test_every_page_can_be_read_aloud_and_names_the_utility(registered: Registered, browser: UserBrowser) -> None:
    """One main heading, a title, a language, labels for what is filled in."""
    for view in await every_page(registered, browser):
        assert view.tags.count("h1") == 1, view.response.url
        assert view.tags.count("main") == 1
        assert ("lang", "en") in view.attributes
        assert "Prairie & Lake Energy" in view.text
        assert view.title.endswith("- Prairie & Lake Energy")
        ids = [value for name, value in view.attributes if name == "id"]
        labelled = [value for name, value in view.attributes if name == "for"]
        assert set(labelled) <= set(ids)
        assert len(labelled) == view.tags.count("label")
        assert len(ids) == len(set(ids))


async def test_errors_of_pages_are_pages_whatever_goes_wrong(make_server: MakeServer) -> None:
    """Also 404, 405 and 429; the last says when to come back."""
    server = await make_server(CDS_RATE_LIMIT_ANONYMOUS="3/minute")
    async with UserBrowser(server) as browser:
        missing = View(await browser.send("GET", "/oauth/authorize/cdsax_nonsense"))
        wrong = View(await browser.send("DELETE", "/oauth/receipt"))
        await browser.open("/oauth/sign-in")
        await browser.open("/oauth/sign-in")
        many = View(await browser.send("GET", "/oauth/sign-in"))

    assert (missing.response.status_code, missing.title[:20]) == (410, "This request is over")
    assert (wrong.response.status_code, wrong.response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert many.response.status_code == 429
    assert int(many.response.headers["retry-after"]) > 0
    assert "Please wait a moment" in many.text


async def test_cookies_are_the_hosts_own_and_out_of_reach_of_scripts(
    registered: Registered, browser: UserBrowser
) -> None:
    page = await browser.send("GET", await begin(registered))
    signed_in = await browser.submit(View(page), "Sign in", **MARA)

    for answer, name in ((page, "__Host-cds-browser"), (signed_in, "__Host-cds-user")):
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{name}=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_without_tls_on_this_machine_the_cookies_have_plain_names(make_server: MakeServer) -> None:
    """A browser refuses `__Host-` and `Secure` there."""
    server = await make_server(CDS_PUBLIC_URL="http://127.0.0.1:8000")
    async with UserBrowser(server) as browser:
        cookie = (await browser.send("GET", "/oauth/sign-in")).headers["set-cookie"]
        inside = await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)

    assert cookie.startswith("cds-browser=")
    assert "Secure" not in cookie
    assert "Your authorizations" in inside.title


async def test_links_and_forms_keep_the_prefix_of_the_public_url(make_server: MakeServer) -> None:
    server = await make_server(CDS_PUBLIC_URL="https://gateway.example/energy")
    registered = await server.register(SCOPE)
    async with UserBrowser(server) as browser:
        path = "/energy" + await begin(registered)
        view = await consent_page(browser, path)
        inside = await browser.open("/energy/oauth/authorizations")

    assert {form.action for form in view.forms} == {"/energy/oauth/sign-out", f"{path}/decision"}
    assert inside.response.status_code == 200


# Signing in


async def test_a_test_account_signs_in_for_a_sandbox_request_and_sees_what_is_asked(
    registered: Registered, browser: UserBrowser
) -> None:
    first = await browser.open(await begin(registered, details=[{"type": "ple_customer_data", "end_date": "P2Y"}]))
    assert "Meadow Home asks you for access" in first.text
    assert "Sandbox" in first.text

    view = await browser.press(first, "Sign in", **MARA)

    assert "Signed in as Mara Lind" in view.text
    assert "Meadow Home asks for access" in view.text
    assert "Sandbox" in view.text
    assert "From 1 June 2025 until 1 June 2028" in view.text
    for text in ("Customer data", "Length of interval", "One hour", "Include bills", "Meadow Software"):
        assert text in view.text
    assert [form.button for form in view.forms] == ["Not you?", "Approve", "Decline"]


async def test_the_username_is_known_in_any_case_of_letters(registered: Registered, browser: UserBrowser) -> None:
    view = await consent_page(browser, await begin(registered), MARA | {"username": " Mara.Lind@Customers.Example "})
    assert "Signed in as Mara Lind" in view.text


@pytest.mark.parametrize(
    "login",
    [
        MARA | {"password": "summer-rye"},
        MARA | {"password": SCHOOL["password"]},
        MARA | {"username": "nobody"},
        {"username": "", "password": ""},
        {"username": "x" * 5000, "password": "y" * 5000},
    ],
)
async def test_a_wrong_login_is_told_without_saying_what_is_wrong(
    registered: Registered, browser: UserBrowser, login: dict[str, str]
) -> None:
    answer = await browser.submit(await browser.open(await begin(registered)), "Sign in", **login)

    assert answer.status_code == 403
    assert "The username or the password is wrong." in View(answer).text
    assert "__Host-cds-user" not in answer.headers.get("set-cookie", "")
    assert login["password"] == "" or login["password"] not in answer.text


@pytest.mark.parametrize("spread", ["one account", "one address"])
async def test_guessing_passwords_is_slowed_down_by_account_and_by_address(
    make_server: MakeServer, spread: str
) -> None:
    """429, also with the right password, until time has passed."""
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="5/minute", CDS_TRUSTED_PROXIES="127.0.0.1")
    registered = await server.register(SCOPE)
    path = await begin(registered)
    async with UserBrowser(server) as browser:
        view = await browser.open(path)

        async def attempt(number: int, password: str) -> int:
            address = f"203.0.113.{number if spread == 'one account' else 1}"
            browser.http.headers["X-Forwarded-For"] = address
            name = MARA["username"] if spread == "one account" or number == 9 else f"user{number}"
            return (await browser.submit(view, "Sign in", username=name, password=password)).status_code

        assert [await attempt(number, "wrong") for number in range(1, 7)] == [403] * 5 + [429]
        assert await attempt(9, MARA["password"]) == 429
        server.clock.advance(minutes=2)
        assert await attempt(9, MARA["password"]) == 303


async def test_each_sign_in_makes_a_new_session_and_forgets_the_old_one(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """A session handle that somebody planted in the browser never becomes good (session fixation)."""
    planted = server.context.randomness.session()
    browser.http.cookies.set("__Host-cds-user", planted, domain="utility.example", path="/")
    await consent_page(browser, await begin(registered))
    first = browser.http.cookies["__Host-cds-user"]
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)
    second = browser.http.cookies["__Host-cds-user"]

    assert len({planted, first, second}) == 3
    sessions = [await users(server).session(one, now=server.clock.now) for one in (planted, first, second)]
    assert [one.name if one else None for one in sessions] == [None, None, "Lakeside School District"]


async def test_a_session_ends_after_an_hour_and_by_signing_out(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    await consent_page(browser, await begin(registered))
    view = await browser.open("/oauth/authorizations")
    assert "Signed in as Mara Lind" in view.text

    out = await browser.press(view, "Sign out")
    assert "Signed in" not in out.text
    assert "Sign in to" in (await browser.open("/oauth/authorizations")).text

    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)
    server.clock.advance(hours=1, seconds=1)
    assert "Sign in to" in (await browser.open("/oauth/authorizations")).text


async def test_somebody_else_can_take_over_the_request_by_signing_out_first(
    registered: Registered, browser: UserBrowser
) -> None:
    view = await consent_page(browser, await begin(registered))
    again = await browser.press(view, "Not you?")
    assert "Meadow Home asks you for access" in again.text

    assert "Signed in as Lakeside School District" in (await browser.press(again, "Sign in", **SCHOOL)).text


async def test_a_session_serves_the_next_request_without_signing_in_again(
    registered: Registered, browser: UserBrowser
) -> None:
    await consent_page(browser, await begin(registered))
    assert "Meadow Home asks for access" in (await browser.open(await begin(registered))).text


async def test_prompt_login_needs_a_new_sign_in_even_with_a_live_session(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """Also within the same second."""
    await consent_page(browser, await begin(registered))
    path = await begin(registered, authenticated_after=int(server.clock.now.timestamp()))

    first = await browser.open(path)
    assert "Meadow Home asks you for access" in first.text
    approve = {"decision": "approve", "form_token": form_token(browser.http.cookies["__Host-cds-user"], "approve")}
    assert (await browser.send("POST", f"{path}/decision", data=approve)).headers["location"] == path

    view = await browser.press(first, "Sign in", **MARA)
    assert "Meadow Home asks for access" in view.text
    assert "Meadow Home asks for access" in (await browser.open(path)).text


# Sandbox and production


@pytest.mark.clause("WG1-02-5.2-03")
async def test_made_up_users_cannot_authorize_production_and_the_page_does_not_offer_it(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """Ambiguities F8: neither by signing in there, nor with a session that exists."""
    production = await production_client(registered)
    await consent_page(browser, await begin(registered))
    path = await begin(registered, production.client_id)

    view = await browser.open(path)
    assert "Meadow Home asks you for access" in view.text
    assert "Sandbox" not in view.text
    assert [form.button for form in view.forms] == ["Decline and go back"]

    token = form_token(browser.http.cookies["__Host-cds-browser"], f"sign in {path.rpartition('/')[2]}")
    refused = await browser.send("POST", f"{path}/sign-in", data=MARA | {"form_token": token})
    assert refused.status_code == 400
    handle = browser.http.cookies["__Host-cds-user"]
    token = form_token(handle, f"approve {path.rpartition('/')[2]}")
    answer = await browser.send("POST", f"{path}/decision", data={"decision": "approve", "form_token": token})
    assert answer.headers["location"] == path
    assert await users(server).grants_of_user(MARA_ID) == []


async def test_a_switched_off_client_ends_on_an_error_page(registered: Registered, browser: UserBrowser) -> None:
    """Ambiguities B14."""
    path = await begin(registered)
    await registered.put(f"/cds-api/v1/clients/{registered.registration_id}-1", {"cds_status": "disabled"})

    view = await browser.open(path)

    assert view.response.status_code == 410
    assert "The application that asks is switched off." in view.text


# One request, one browser


async def test_a_request_belongs_to_the_browser_that_opened_it_first(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    path = await begin(registered)
    await browser.open(path)

    for stranger in (await other_browser.open(path), await other_browser.open(path)):
        assert stranger.response.status_code == 400
        assert "We need a cookie here" in stranger.text
        assert "Allow cookies" in stranger.text
    assert (await browser.open(path)).response.status_code == 200


async def test_a_browser_that_keeps_no_cookies_is_told_what_to_do(server: Server, registered: Registered) -> None:
    """Whether the request was bound to it already or not."""
    async with UserBrowser(server, keeps_cookies=False) as browser:
        view = await browser.open(await begin(registered))
        after = await browser.press(view, "Sign in", **MARA)
        bound = await browser.open(await begin(registered, browser_digest="x" * 43))
        by_itself = await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)

    for one in (after, bound):
        assert one.response.status_code == 400
        assert "Allow cookies" in one.text
    assert by_itself.response.status_code == 403
    assert "__Host-cds-user" not in by_itself.response.headers.get("set-cookie", "")


async def test_an_expired_request_is_over(server: Server, registered: Registered, browser: UserBrowser) -> None:
    path = await begin(registered, ttl_seconds=600)
    view = await consent_page(browser, path)
    server.clock.advance(seconds=601)

    for over in (await browser.open(path), await browser.press(view, "Approve"), await browser.press(view, "Decline")):
        assert over.response.status_code == 410
        assert "This request is over" in over.text
        assert "/oauth/authorizations" in over.links["Your authorizations"]["href"]


@pytest.mark.parametrize("handle", ["x", "cdsax_00000000000000_" + "a" * 43, "cdspr_00000000000000_" + "a" * 43, "%00"])
async def test_an_unknown_request_is_over_too(browser: UserBrowser, handle: str) -> None:
    for action, method in (("", "GET"), ("/logo", "GET"), ("/sign-in", "POST"), ("/decision", "POST")):
        answer = await browser.send(method, f"/oauth/authorize/{handle}{action}")
        assert answer.status_code == 410, action


# Forms from elsewhere


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, None, 403),
        ({"Sec-Fetch-Site": "same-site"}, None, 403),
        ({"Origin": "https://evil.example"}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({"Origin": "https://utility.example.evil.example"}, None, 403),
        ({}, "", 403),
        ({}, "x" * 43, 403),
        ({"Sec-Fetch-Site": "same-origin"}, "", 403),
        ({"Origin": "https://utility.example"}, "é", 403),
    ],
)
async def test_forms_from_elsewhere_or_without_their_token_are_refused(
    server: Server,
    registered: Registered,
    browser: UserBrowser,
    headers: dict[str, str],
    token: str | None,
    status: int,
) -> None:
    """RFC 6749 10.12; every form that changes something."""
    grant = await authorized(registered)
    path = await begin(registered)
    first = await browser.open(path)
    view = await consent_page(browser, path)
    revoking = await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke")
    alone = await browser.open("/oauth/sign-in")
    forms = [
        first.form("Sign in"),
        view.form("Approve"),
        view.form("Decline"),
        view.form("Not you?"),
        revoking.form("End access"),
        alone.form("Sign in"),
    ]

    for form in forms:
        values = form.values | MARA | ({} if token is None else {"form_token": token})
        answer = await browser.send("POST", form.action, data=values, headers=headers)
        assert answer.status_code == status, form.action
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "Nothing was done" in View(answer).text
    assert (await browser.open(path)).form("Approve")
    assert (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()["status"] == "active"


async def test_a_form_is_good_for_its_own_request_and_purpose_only(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    view = await consent_page(browser, await begin(registered))
    another = await browser.open(await begin(registered))
    theirs = await consent_page(other_browser, await begin(registered))

    for foreign in (another.form("Approve"), theirs.form("Approve"), view.form("Decline"), view.form("Not you?")):
        token = foreign.values["form_token"]
        answer = await browser.submit(view, "Approve", form_token=token)
        assert answer.status_code == 403


async def test_after_somebody_else_signed_in_the_old_page_decides_nothing(
    registered: Registered, browser: UserBrowser
) -> None:
    """Whoever approves has seen the page under their own name."""
    view = await consent_page(browser, await begin(registered))
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)

    answer = await browser.submit(view, "Approve")

    assert answer.status_code == 403
    assert "This page is out of date." in View(answer).text


async def test_a_form_that_is_no_form_is_refused(registered: Registered, browser: UserBrowser) -> None:
    path = await begin(registered)
    view = await consent_page(browser, path)
    token = view.form("Approve").values["form_token"]

    as_json = await browser.send("POST", f"{path}/decision", json={"decision": "approve", "form_token": token})
    undecided = await browser.send("POST", f"{path}/decision", data={"decision": "perhaps", "form_token": token})
    by_get = await browser.send("GET", f"{path}/decision?decision=approve&form_token={token}")

    assert (as_json.status_code, undecided.status_code, by_get.status_code) == (400, 400, 405)


# What Clients write about themselves


async def test_nothing_that_a_client_writes_becomes_markup(server: Server, browser: UserBrowser) -> None:
    """Every field of it that reaches a page, and the parameters of the pages themselves."""
    registered = await server.register(
        SCOPE,
        client_name=ATTACK,
        client_uri="https://meadow.example/'onmouseover='alert(1)",
        logo_uri="https://meadow.example/logo.png?'onerror='alert(1)",
        tos_uri="https://meadow.example/?a='b'",
        cds_company_name=ATTACK,
        cds_privacy_policy="https://meadow.example/privacy#'x='",
    )
    details = [{"type": "ple_customer_data", "account_numbers": [ATTACK, "2"]}]
    path = await begin(registered, details=details, state=ATTACK)
    grant = await authorized(registered)
    asked = f"?before={ATTACK}&ended={ATTACK}"
    views = [
        await browser.open(path),
        await consent_page(browser, path, MARA),
        await browser.open(f"/oauth/authorizations{asked}"),
        await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke"),
        await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}"),
        await browser.open(f"/oauth/receipt?error={ATTACK}&error_description={ATTACK}"),
        await browser.open(f"/oauth/sign-in?grant_id={ATTACK}"),
        await browser.press(await browser.open("/oauth/sign-in"), "Sign in", username=ATTACK, password=ATTACK),
    ]

    for view in views:
        assert not {"script", "iframe", "object"} & set(view.tags)
        assert not [name for name, _ in view.attributes if name.startswith("on")]
        assert all(image["src"].startswith("https://meadow.example/logo.png") for image in view.images)
        assert "49" not in view.text
    consent = views[1]
    assert consent.text.count("<script>alert(1)</script>") >= 3
    assert len(consent.images) == 1


async def test_links_of_a_client_show_where_they_lead_and_do_not_tell_where_from(
    server: Server, browser: UserBrowser
) -> None:
    """https only."""
    registered = await server.register(
        SCOPE,
        client_name="Meadow",
        client_uri="http://meadow.example",
        policy_uri="https://legal.meadow.example/privacy",
        tos_uri="https://legal.meadow.example/terms",
        cds_privacy_policy="https://legal.meadow.example/privacy",
    )
    view = await consent_page(browser, await begin(registered))

    assert "http://meadow.example" not in view.response.text
    foreign = {text: link for text, link in view.links.items() if "meadow.example" in link["href"]}
    assert {text: link["href"].rpartition("/")[2] for text, link in foreign.items()} == {
        "Privacy policy": "privacy",
        "Terms of service": "terms",
    }
    for link in foreign.values():
        assert link["rel"] == "noopener noreferrer nofollow"
    assert view.text.count("at legal.meadow.example") == 2


async def test_a_logo_comes_from_our_own_copy_first(server: Server, browser: UserBrowser) -> None:
    """So that the Client does not learn who looks at the page."""
    registered = await server.register(
        SCOPE,
        client_name="Meadow",
        logo_uri="https://meadow.example/logo.png",
        cds_company_logo=base64.b64encode(png()).decode(),
    )
    path = await begin(registered)
    view = await consent_page(browser, path)
    logo = await browser.send("GET", view.images[0]["src"])

    assert view.images[0]["src"] == f"{path}/logo"
    assert view.policy["img-src"] == ["'self'"]
    assert logo.content == png()
    assert logo.headers["content-type"] == "image/png"
    assert logo.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert logo.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("logo_uri", "source"),
    [
        ("https://Meadow.example:8443/a/logo.svg?x=1#y", "https://meadow.example:8443"),
        ("http://meadow.example/logo.png", None),
        (None, None),
    ],
)
async def test_a_logo_elsewhere_is_shown_from_its_one_origin_and_only_with_https(
    server: Server, browser: UserBrowser, logo_uri: str | None, source: str | None
) -> None:
    registered = await server.register(SCOPE, client_name="Meadow", logo_uri=logo_uri)
    path = await begin(registered)
    view = await consent_page(browser, path)

    assert view.policy["img-src"] == [source or "'none'"]
    assert [image["src"] for image in view.images] == ([logo_uri] if source else [])
    assert all(image["referrerpolicy"] == "no-referrer" for image in view.images)
    assert (await browser.send("GET", f"{path}/logo")).status_code == 404


async def test_the_logo_of_a_request_is_for_its_browser(
    server: Server, registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    path = await begin(registered)
    await browser.open(path)
    assert (await other_browser.send("GET", f"{path}/logo")).status_code == 400


async def test_forms_of_the_consent_page_may_lead_to_the_client_and_of_others_nowhere(
    registered: Registered, browser: UserBrowser
) -> None:
    """Browsers hold the redirect after a form to the policy of the page with the form."""
    away = await consent_page(browser, await begin(registered, redirect_uri=BACK))
    local = await browser.open(await begin(registered, redirect_uri="http://127.0.0.1:5555/back"))
    alone = await browser.open("/oauth/sign-in")

    assert away.policy["form-action"] == ["'self'", "https:"]
    assert local.policy["form-action"] == ["'self'", "https:", "http:"]
    assert alone.policy["form-action"] == ["'self'"]
    assert "You go back to meadow.example" in away.text


# Declining, receipts, the list


async def new_request(registered: Registered, browser: UserBrowser, **parameters: str) -> View:
    """The consent page, by the way that a Client sends its users."""
    query = {"response_type": "code", "client_id": f"{registered.registration_id}-1", "state": "s 1"} | parameters
    return await browser.press(await browser.open(f"/oauth/authorize?{urlencode(query)}"), "Sign in", **MARA)


async def redirect_uris(registered: Registered, *uris: str) -> None:
    """Let the sandbox Client Object have these redirect URIs; the first one is its default."""
    path = f"/cds-api/v1/clients/{registered.registration_id}-1"
    body = {"redirect_uris": list(uris), "cds_default_redirect_uri": uris[0], "client_name": "Meadow Home"}
    assert (await registered.put(path, body)).status_code in {200, 202}


async def grants_by_users(registered: Registered) -> list[dict[str, Any]]:
    """What users have authorized, as the Client sees it."""
    grants: list[dict[str, Any]] = (await registered.get("/cds-api/v1/grants")).json()["grants"]
    return [one for one in grants if one["scope"] == "ple_customer_data"]


@pytest.mark.clause("WG1-02-4.2-15", "WG1-02-8.1-11")
async def test_approving_leads_to_a_receipt_and_declining_to_the_error_by_default(
    registered: Registered, browser: UserBrowser
) -> None:
    """The receipt's address has no code any more, and its confirmation code is that of the Grant."""
    receipt = await browser.press(await new_request(registered, browser), "Approve")

    (grant,) = await grants_by_users(registered)
    assert str(receipt.response.url) == f"{PUBLIC_URL}/oauth/receipt?grant_id={grant['grant_id']}"
    assert (grant["status"], grant["enabled_scope"]) == ("active", "ple_customer_data")
    (code,) = grant["receipt_confirmations"]
    assert code in receipt.text
    assert "Meadow Home has access" in receipt.text
    assert "Sandbox" in receipt.text

    declined = await browser.press(await browser.open(await begin(registered)), "Decline")
    assert str(declined.response.url).startswith(f"{PUBLIC_URL}/oauth/receipt?error=access_denied&")
    assert "You declined" in declined.text
    assert len(await grants_by_users(registered)) == 1


async def test_the_answer_goes_to_the_client_with_its_state(registered: Registered, browser: UserBrowser) -> None:
    """Whether the user approves, declines, or declines without having signed in."""
    await redirect_uris(registered, f"{BACK}?a=b")
    approved = await browser.submit(await new_request(registered, browser), "Approve")
    declined = await browser.submit(await browser.open(await begin(registered, redirect_uri=BACK)), "Decline")
    await browser.press(await browser.open("/oauth/authorizations"), "Sign out")
    early = await browser.submit(await browser.open(await begin(registered, redirect_uri=BACK)), "Decline and go back")

    for answer in (approved, declined, early):
        assert answer.status_code == 303
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["location"].startswith(f"{BACK}?")
    sent = dict(parse_qsl(urlsplit(approved.headers["location"]).query))
    assert sent.pop("code").startswith("cdsac_")
    assert sent == {"a": "b", "state": "s 1", "iss": PUBLIC_URL}
    for answer in (declined, early):
        sent = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert (sent["error"], sent["state"], sent["iss"]) == ("access_denied", "s-1", PUBLIC_URL)


async def test_a_button_that_is_pressed_twice_counts_once_and_leads_to_the_same_place(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """A browser follows the last answer only, so without that the Client would never get its code."""
    view = await consent_page(browser, await begin(registered))
    answers = await asyncio.gather(*(browser.submit(view, "Approve") for _ in range(20)))
    declining = await browser.open(await begin(registered))
    declined = await asyncio.gather(*(browser.submit(declining, "Decline") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert "code=cdsac_" in answers[0].headers["location"]
    assert len({answer.headers["location"] for answer in declined}) == 1
    assert "error=access_denied" in declined[0].headers["location"]
    assert len(await grants_by_users(registered)) == 1

    server.clock.advance(minutes=2)
    assert (await browser.submit(view, "Approve")).status_code == 410


async def test_a_code_that_the_client_has_redeemed_is_not_handed_out_again(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """The Client would redeem it a second time and lose its tokens (RFC 6749 4.1.2)."""
    view = await consent_page(browser, await begin(registered))
    sent = (await browser.submit(view, "Approve")).headers["location"]
    secret = (await registered.credential_of(f"{registered.registration_id}-1"))["client_secret"]
    code = dict(parse_qsl(urlsplit(sent).query))["code"]
    form = {"grant_type": "authorization_code", "code": code}
    token = await server.token_response(f"{registered.registration_id}-1", secret, **form)

    again = await browser.submit(view, "Approve")

    assert token.status_code == 200, token.text
    assert again.status_code == 410


async def test_an_answer_cannot_be_changed_and_not_be_repeated_from_elsewhere(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    view = await consent_page(browser, await begin(registered))
    await browser.submit(view, "Approve")
    declining = await browser.open(await begin(registered))
    await browser.submit(declining, "Decline")

    assert (await browser.submit(view, "Decline")).status_code == 410
    assert (await browser.submit(declining, "Approve")).status_code == 410
    assert (await other_browser.submit(view, "Approve")).status_code == 400
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)
    assert (await browser.submit(view, "Approve")).status_code == 403
    assert len(await grants_by_users(registered)) == 1


async def test_approving_and_declining_at_once_does_one_of_the_two(
    registered: Registered, browser: UserBrowser
) -> None:
    await consent_page(browser, await begin(registered))
    for _ in range(10):
        before = len(await grants_by_users(registered))
        view = await browser.open(await begin(registered))
        answers = await asyncio.gather(*(browser.submit(view, name) for name in ("Approve", "Decline", "Approve")))
        (sent,) = {answer.headers["location"] for answer in answers if answer.status_code == 303}
        made = len(await grants_by_users(registered)) - before
        assert made == ("code=" in sent)
        assert made == ("error=access_denied" not in sent)


async def test_a_grant_of_another_user_goes_back_to_the_client_as_soon_as_somebody_has_signed_in(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    """8.3: nothing is asked."""
    await redirect_uris(registered, BACK)
    await browser.submit(await new_request(registered, browser), "Approve")
    (grant,) = await grants_by_users(registered)
    wider = [{"type": "ple_customer_data", "start_date": "P3Y"}]
    await registered.patch(f"/cds-api/v1/grants/{grant['grant_id']}", {"authorization_details": wider})
    query = {"response_type": "code", "client_id": grant["client_id"], "cds_grant_id": grant["grant_id"]}
    link = f"/oauth/authorize?{urlencode(query)}"

    theirs = await other_browser.submit(await other_browser.open(link), "Sign in", **SCHOOL)
    sent_back = await other_browser.follow(theirs)
    own = await browser.open(link)

    assert sent_back.headers["location"].startswith(f"{BACK}?error=cds_grant_id_invalid_user&")
    assert "You have been asked before" in own.text
    assert "From 1 June 2023 until" in own.text
    assert (await browser.submit(own, "Approve")).headers["location"].startswith(f"{BACK}?code=")
    (again,) = await grants_by_users(registered)
    assert (again["grant_id"], again["status"]) == (grant["grant_id"], "active")
    assert len(again["receipt_confirmations"]) == 2


async def test_a_request_that_cannot_be_trusted_ends_on_a_page_and_leads_nowhere(
    registered: Registered, browser: UserBrowser
) -> None:
    """RFC 6749 4.1.2.1."""
    sandbox = f"{registered.registration_id}-1"
    for query in (
        {},
        {"client_id": "nobody"},
        {"client_id": sandbox, "response_type": "code", "redirect_uri": "https://evil.example/back"},
        {"client_id": sandbox, "request_uri": "urn:ietf:params:oauth:request_uri:nonsense"},
    ):
        answer = await browser.send("GET", f"/oauth/authorize?{urlencode(query)}")
        view = View(answer)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "This link does not work" in view.text
        assert "evil.example" not in view.response.text
        assert not view.forms


async def test_the_receipt_page_tells_of_errors_in_our_words_only(browser: UserBrowser) -> None:
    declined = await browser.open("/oauth/receipt?error=access_denied&error_description=Call+555-1234&state=x")
    wrong_user = await browser.open("/oauth/receipt?error=cds_grant_id_invalid_user&error_description=Call+555-1234")
    unknown = await browser.open("/oauth/receipt?error=something_new&error_description=Call+555-1234")

    assert "You declined" in declined.text
    assert "is not yours" in wrong_user.text
    for view in (declined, wrong_user, unknown):
        assert view.response.status_code == 200
        assert "Nothing has been shared" in view.text
        assert "555" not in view.response.text


async def test_a_user_finds_receipts_again(registered: Registered, browser: UserBrowser) -> None:
    """Signing in on the way leads to the receipt that was asked for."""
    grant = await authorized(registered)
    page = await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}")
    receipt = await browser.press(page, "Sign in", **MARA)

    assert str(receipt.response.url).endswith(f"/oauth/receipt?grant_id={grant.grant_id}")
    for text in (*grant.receipt_confirmations, "Meadow Home", "Mara Lind", "1 June 2026 at 07:00 CDT", grant.grant_id):
        assert text in receipt.text
    assert "From 1 June 2025 until 1 June 2027" in receipt.text
    listed = await browser.open("/oauth/authorizations")
    assert "Meadow Home" in listed.text
    assert any(grant.grant_id in link["href"] for link in listed.links.values())


async def test_nobody_sees_what_somebody_else_authorized(registered: Registered, browser: UserBrowser) -> None:
    """404, as for what does not exist."""
    grant = await authorized(registered)
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)
    grants = [grant.grant_id, f"{registered.registration_id}-gzzzzzzzzzz", "nonsense"]

    assert "You have not given access to any application." in (await browser.open("/oauth/authorizations")).text
    for grant_id in grants:
        for path in (f"/oauth/receipt?grant_id={grant_id}", f"/oauth/authorizations/{grant_id}/revoke"):
            assert (await browser.send("GET", path)).status_code == 404
        token = form_token(browser.http.cookies["__Host-cds-user"], f"revoke {grant_id}")
        path = f"/oauth/authorizations/{grant_id}/revoke"
        assert (await browser.send("POST", path, data={"form_token": token})).status_code == 404
    assert (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()["status"] == "active"


@pytest.mark.clause("WG1-02-8.2-11")
async def test_a_user_ends_an_authorization_after_being_asked_once_more(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """The Grant is revoked, gives no access any more, and the Client reads about it."""
    grant = await authorized(registered)
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)
    asked = await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke")
    assert (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()["status"] == "active"
    server.clock.advance(seconds=5)

    done = await browser.press(asked, "End access")

    assert "The access of Meadow Home has ended." in done.text
    assert "Ended by you" in done.text
    shown = (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()
    assert (shown["status"], shown["enabled_scope"], shown["enabled_authorization_details"]) == ("revoked", "", [])
    told = [one for one in await registered.messages("private_message") if grant.grant_id in one["description"]]
    assert any("is revoked now" in one["description"] for one in told)
    again = await browser.press(asked, "End access")
    assert again.response.status_code == 200
    receipt = await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}")
    assert "This access has ended" in receipt.text
    assert "Ended by you" in receipt.text


async def test_the_list_shows_statuses_in_words_and_comes_in_pages(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    ids = []
    for _ in range(22):
        server.clock.advance(seconds=1)
        ids.append((await authorized(registered)).grant_id)
    await users(server).note_user_grant(MARA_ID, f"{registered.registration_id}-gzzzzzzzzzz", created=server.clock.now)
    await registered.patch(f"/cds-api/v1/grants/{ids[-1]}", {"status": "closed"})
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)

    first = await browser.open("/oauth/authorizations")
    second = await browser.open(first.links["Older"]["href"])

    shown = [
        [value.rpartition("=")[2] for name, value in view.attributes if name == "href" and "receipt?" in value]
        for view in (first, second)
    ]
    assert shown[0] + shown[1] == ids[::-1]
    assert len(shown[0]) == 19
    assert "Ended by the application" in first.text
    assert "Older" not in second.links
    assert "Newest" in second.links


async def test_a_code_on_its_way_to_the_receipt_is_taken_out_of_the_address(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """An unknown or old one leads to the list."""
    handle = server.context.randomness.handle(Handle.AUTHORIZATION_CODE, registered.registration_id)
    for code in (handle, "nonsense", "cdsat_x"):
        view = await browser.open(f"/oauth/receipt?code={code}&state=x&iss=https%3A%2F%2Futility.example")
        assert view.response.status_code == 200
        assert "The receipt is among your authorizations" in view.text
    assert (await browser.send("GET", "/oauth/receipt")).headers["location"] == "/oauth/authorizations"


async def test_a_utility_without_test_accounts_or_identity_provider_says_so(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    server = await make_server(changed(demo_catalog, test_accounts=()))
    async with UserBrowser(server) as browser:
        view = await browser.open("/oauth/sign-in")

    assert "Nobody can sign in here yet" in view.text
    assert not view.forms
