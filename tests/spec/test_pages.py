"""The pages on which users sign in and decide: what holds for all, sessions, requests (CDS-WG1-02 4.2, 5.2, 8.3)."""

import pytest

from app.web.browser import form_token
from tests.authorization_pages import (
    MARA,
    MARA_ID,
    SCHOOL,
    SCOPE,
    authorized,
    begin,
    browser,
    consent_page,
    other_browser,
    production_client,
    registered,
    users,
)
from tests.conftest import MakeServer, Registered, Server
from tests.html_pages import UserBrowser, View

__all__ = ["browser", "other_browser", "registered"]


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
