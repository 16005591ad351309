"""What a user goes through between an application and its code, in a real browser (CDS-WG1-02 4.2, 5.2, 8.3)."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect
from redis.asyncio import Redis

from app.crypto.tokens import digest
from app.store import keys
from app.store.embedded import EmbeddedStore
from tests.browser.apps import SCOPE, App, answer_of
from tests.browser.sites import Site
from tests.browser.users import ACTION_MS, MARA, SCHOOL, OpenUser, User

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_an_application_gets_access_to_what_its_user_has_seen(
    app: App, site: Site, users: OpenUser, java_script: bool
) -> None:
    user = await users(java_script_enabled=java_script)

    await user.go(await app.push(authorization_details=[{"type": SCOPE, "interval": "monthly"}]))
    assert await user.heading() == "Sign in to Prairie & Lake Energy"
    await user.sign_in()
    assert await user.heading() == "Meadow Home asks for access"
    assert "made-up customers" in await user.text()
    facts = await user.facts()
    await user.press("Approve")
    assert await user.heading() == "Back at the application"
    assert site.referers == []

    tokens = await app.redeem(app.code_of(user.page.url))
    (grant,) = await app.grants()
    refreshed = await app.refresh(tokens)
    assert facts["Length of interval"].startswith("Billing month")
    assert facts["Company name"] == "Meadow Software GmbH"
    assert grant["status"] == "active"
    assert grant["authorization_details"][0]["interval"] == "monthly"
    assert tokens["authorization_details"] == grant["authorization_details"]
    assert await app.is_active(refreshed["access_token"])


@pytest.mark.parametrize("signs_in", [True, False], ids=["after signing in", "without signing in"])
async def test_a_user_declines(app: App, user: User, signs_in: bool) -> None:
    await user.go(await app.push())
    if signs_in:
        await user.sign_in()
        await user.press("Decline")
    else:
        await user.press("Decline and go back")

    answer = answer_of(user.page.url)
    assert set(answer) == {"error", "error_description", "state", "iss"}
    assert (answer["error"], answer["state"]) == ("access_denied", "s-1")
    assert await app.grants() == []


@pytest.mark.clause("WG1-02-4.2-15", "WG1-02-8.2-11")
async def test_without_a_page_of_its_own_the_application_leaves_its_user_at_a_receipt(http, user: User) -> None:
    """From there the user ends the access again. The code has never left the server, and is out of the address."""
    app = await App.register(http, client_name="Orchard")

    await user.authorize(app.authorize())
    assert await user.heading() == "Orchard has access"
    (grant,) = await app.grants()
    receipt = await user.facts()
    address = urlsplit(user.page.url)
    await user.follow("All your authorizations")
    await user.follow("End access of Orchard")
    await user.press("End access")

    assert receipt["Confirmation code"] == grant["receipt_confirmations"][0]
    assert receipt["Reference"] == grant["grant_id"]
    assert (address.path, address.query) == ("/oauth/receipt", f"grant_id={grant['grant_id']}")
    assert "The access of Orchard has ended." in await user.text()
    assert [one["status"] for one in await app.grants()] == ["revoked"]
    await user.follow("Receipt for Orchard")
    assert await user.heading() == "This access has ended"


async def test_declining_without_a_page_of_the_application_is_told_by_ours(http, user: User) -> None:
    app = await App.register(http)
    await user.go(app.authorize())
    await user.press("Decline and go back")

    assert await user.heading() == "You declined"


@pytest.mark.clause("WG1-02-8.2-11", "WG1-02-8.2-16")
async def test_what_a_user_ends_is_dead_at_once(app: App, user: User) -> None:
    tokens = await app.redeem(app.code_of(await user.authorize(await app.push())))
    assert await app.is_active(tokens["access_token"])

    await user.go("/oauth/authorizations")
    await user.page.get_by_role("link", name="End access of Meadow Home").first.click()
    await user.press("End access")

    assert not await app.is_active(tokens["access_token"])
    assert not await app.is_active(tokens["refresh_token"])
    refused = await app.post("token", app.own, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def ask_for_more(app: App, user: User) -> str:
    """The grant_id of an authorization of `user` that the Client has widened, so that it waits for the user again."""
    await user.authorize(await app.push(authorization_details=[{"type": SCOPE, "include_bills": False}]))
    (grant,) = await app.grants()
    details = [entry | {"include_bills": True} for entry in grant["authorization_details"]]
    changed = await app.api(
        "PATCH", f"{app.metadata['cds_grants_api']}/{grant['grant_id']}", {"authorization_details": details}
    )
    assert changed["status"] == "needs_authorization"
    grant_id: str = grant["grant_id"]
    return grant_id


async def test_a_user_is_asked_again_about_an_authorization_that_is_there(app: App, user: User) -> None:
    """CDS-WG1-02 8.3: cds_grant_id."""
    grant_id = await ask_for_more(app, user)
    only = {"cds_grant_id": grant_id, "scope": None}

    await user.go(await app.push(**only))
    assert "this changes an authorization that exists already" in await user.text()
    await user.press("Approve")
    tokens = await app.redeem(app.code_of(user.page.url))

    (grant,) = await app.grants()
    assert (grant["grant_id"], grant["status"]) == (grant_id, "active")
    assert len(grant["receipt_confirmations"]) == 2
    assert tokens["authorization_details"][0]["include_bills"] is True
    await user.go(await app.push(**only))
    assert answer_of(user.page.url)["error"] == "cds_grant_id_invalid_value"


async def test_nobody_is_asked_about_an_authorization_of_somebody_else(app: App, users: OpenUser) -> None:
    grant_id = await ask_for_more(app, await users())
    other = await users()

    await other.go(app.authorize(cds_grant_id=grant_id, scope=None))
    await other.sign_in(SCHOOL)

    assert answer_of(other.page.url)["error"] == "cds_grant_id_invalid_user"


async def test_a_session_is_enough_unless_the_application_wants_a_new_sign_in(app: App, user: User) -> None:
    await user.authorize(await app.push())

    await user.go(await app.push(prompt="login"))
    assert await user.heading() == "Sign in to Prairie & Lake Energy"
    await user.page.reload()
    assert await user.heading() == "Sign in to Prairie & Lake Energy"
    await user.sign_in()
    await user.press("Approve")
    app.code_of(user.page.url)
    await user.go(await app.push())
    assert await user.heading() == "Meadow Home asks for access"


async def test_an_application_may_send_its_request_as_a_form(app: App, site: Site, user: User) -> None:
    """RFC 6749 3.1. The cookie of the session does not come with the form of another site, but with what follows."""
    await user.authorize(await app.push())
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in app.parameters().items())
    action = app.metadata["authorization_endpoint"]
    site.pages["/go"] = f'<form method="post" action="{action}">{inputs}<button>Connect</button></form>'

    await user.go(f"http://localhost:{site.port}/go")
    await user.press("Connect")

    assert await user.heading() == "Meadow Home asks for access"


async def test_another_user_takes_over_after_signing_out(app: App, user: User) -> None:
    await user.go(await app.push())
    await user.sign_in(MARA)
    await user.press("Not you?")
    await user.sign_in(SCHOOL)

    assert "Signed in as Lakeside School District" in await user.text()
    await user.press("Approve")
    app.code_of(user.page.url)


async def test_after_signing_out_nothing_is_seen_by_going_back(user: User) -> None:
    await user.go("/oauth/sign-in")
    await user.sign_in()
    assert await user.heading() == "Your authorizations"
    await user.press("Sign out")
    await user.page.go_back()

    assert await user.heading() == "Sign in to Prairie & Lake Energy"


async def test_a_mistyped_password_is_told_and_what_was_typed_stays(app: App, user: User) -> None:
    await user.go(await app.push())
    await user.sign_in((MARA[0], "winter-what", ""))

    assert await user.page.get_by_role("alert").is_visible()
    assert await user.page.get_by_label("Username").input_value() == MARA[0]
    assert await user.page.get_by_label("Password").input_value() == ""
    await user.sign_in()
    assert await user.heading() == "Meadow Home asks for access"


async def test_a_request_is_answered_once(app: App, user: User) -> None:
    """Also for a user who goes back afterwards."""
    await user.authorize(await app.push())
    await user.page.go_back()

    assert await user.heading() == "This request is over"
    await user.follow("Your authorizations")
    assert "Meadow Home" in await user.text()
    assert len(await app.grants()) == 1


async def test_a_double_click_on_approve_makes_one_authorization(app: App, user: User) -> None:
    await user.go(await app.push())
    await user.sign_in()
    await user.press_twice("Approve")
    await expect(user.page).to_have_url(re.compile(r"/back\?"), timeout=ACTION_MS)

    await app.redeem(app.code_of(user.page.url))
    assert len(await app.grants()) == 1


@pytest.mark.parametrize("moment", ["before signing in", "after signing in"])
async def test_a_request_that_has_waited_for_too_long_is_over(
    app: App, user: User, directory: Path, moment: str
) -> None:
    await user.go(await app.push())
    handle = user.page.url.rpartition("/")[2]
    if moment == "after signing in":
        await user.sign_in()
    socket = EmbeddedStore(directory / ".data" / "store").socket_path
    async with Redis(unix_socket_path=str(socket)) as store:
        assert await store.expire(keys.transaction(handle.split("_")[1], digest(handle)), 0)
    if moment == "after signing in":
        await user.press("Approve")
    else:
        await user.sign_in()

    assert await user.heading() == "This request is over"
    assert await app.grants() == []


async def test_a_request_uri_is_good_for_one_browser_once(app: App, users: OpenUser) -> None:
    url = await app.push()
    first, second = await users(), await users()
    await first.go(url)
    answer = await second.go(url)

    assert answer.status == 400
    assert await second.heading() == "This link does not work"
    assert "invalid_request_uri" in await second.text()
    await second.go(first.page.url)
    assert await second.heading() == "We need a cookie here"
    await first.sign_in()
    assert await first.heading() == "Meadow Home asks for access"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody-1"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/back"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
    ids=str,
)
async def test_a_request_that_cannot_be_trusted_leads_nowhere(app: App, user: User, wrong: dict[str, str]) -> None:
    url = app.authorize(**wrong)
    await user.go(url)

    assert await user.heading() == "This link does not work"
    assert user.page.url == url
    assert await user.page.get_by_role("button").count() == 0


async def test_other_mistakes_of_an_application_go_back_to_it(app: App, user: User) -> None:
    await user.go(app.authorize(code_challenge_method="plain"))

    answer = answer_of(user.page.url)
    assert await user.heading() == "Back at the application"
    assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_request", "s-1", app.metadata["issuer"])


async def test_the_keyboard_is_enough(app: App, user: User) -> None:
    """Tab and Enter, and whatever has the focus shows it."""
    keyboard = user.page.keyboard
    await user.go(await app.push())

    await user.tab_to("Username")
    await keyboard.type(MARA[0])
    await user.tab_to("Password")
    await keyboard.type(MARA[1])
    async with user.page.expect_navigation():
        await keyboard.press("Enter")
    assert await user.heading() == "Meadow Home asks for access"
    await user.tab_to("Approve")
    async with user.page.expect_navigation():
        await keyboard.press("Enter")

    await app.redeem(app.code_of(user.page.url))


async def test_two_requests_in_two_tabs_do_not_disturb_each_other(app: App, user: User) -> None:
    one, two = await app.push(state="one"), await app.push(state="two")
    first = user.page
    second = await user.page.context.new_page()
    await first.goto(one)
    await second.goto(two)
    await user.sign_in()
    await second.reload()
    await second.get_by_role("button", name="Approve").click()
    await second.wait_for_url("**/back?**")
    await user.press("Approve")

    app.code_of(second.url, "two")
    app.code_of(first.url, "one")
