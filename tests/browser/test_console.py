"""The console in a real browser: by keyboard, on a phone, without scripts, and with Clients that mean no good."""

import contextlib
from collections.abc import Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.browser.inspection import NARROWEST, OVERFLOW, PHONE, inspect
from tests.browser.sites import Site
from tests.browser.users import OpenUser, User
from tests.live_server import live_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "cdsop_" + "k" * 43
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A utility with an operator, a Client that attacks, one with a long name, and something of everything."""
    directory = tmp_path_factory.mktemp("console")
    with live_server(directory, CDS_OPERATOR_BOOTSTRAP_KEY=KEY) as url:
        fill(url)
        yield url


def fill(url: str) -> None:
    """What operators find on their pages."""
    fields = {
        "scope": "cds_client_admin ple_customer_data",
        "cds_company_name": "Meadow Software",
        "cds_privacy_policy": "https://meadow.example/privacy",
        "cds_security_contact": "security@meadow.example",
    }
    with httpx.Client(base_url=url, trust_env=False) as http:
        for name in (HOSTILE, LONG, "Meadow Home"):
            made = http.post("/oauth/register", json=fields | {"client_name": name}).raise_for_status().json()
            login = (made["client_id"], made["client_secret"])
            form = {"grant_type": "client_credentials"}
            token = http.post("/oauth/token", data=form, auth=login).raise_for_status().json()["access_token"]
            message = {"type": "support_request", "name": name, "description": name, "previous_uri": None}
            headers = {"Authorization": f"Bearer {token}"}
            http.post("/cds-api/v1/messages", json=message, headers=headers).raise_for_status()
        staff = {"Authorization": f"Bearer {KEY}"}
        api = "/operator/api/v1"
        http.post(f"{api}/operators", json={"name": "jo", "role": "viewer"}, headers=staff).raise_for_status()
        hook = {"url": f"http://127.0.0.1:9/{LONG}", "description": "Billing"}
        webhook_id = http.post(f"{api}/webhooks", json=hook, headers=staff).raise_for_status().json()["webhook_id"]
        http.post(f"{api}/webhooks/{webhook_id}/test", headers=staff).raise_for_status()


@pytest_asyncio.fixture(loop_scope="session")
async def operator(user: User) -> User:
    """Somebody at work."""
    await sign_in(user)
    return user


async def sign_in(user: User, path: str = "/console") -> None:
    """Go to a page of the console and sign in on the way."""
    await user.go(path)
    await user.page.get_by_label("Operator key").fill(KEY)
    await user.press("Sign in")


async def focus(page: Page) -> str:
    """What has the focus."""
    found: str = await page.evaluate("document.activeElement.id || document.activeElement.innerText")
    return found


async def test_an_operator_works_by_keyboard_alone(user: User) -> None:
    keys = user.page.keyboard
    await user.go("/console/keys")
    await user.tab_to("Operator key")
    await keys.type(KEY)
    async with user.page.expect_navigation():
        await keys.press("Enter")
    assert await user.heading() == "Operator keys"

    await user.tab_to("Skip to the content")
    await keys.press("Enter")
    assert await focus(user.page) == "main"
    await user.tab_to("Revoke the key of jo")
    await keys.press("Enter")
    dialog = user.page.get_by_role("dialog", name="Revoke the key of jo?")
    assert await dialog.is_visible()
    await user.tab_to("Cancel")
    await keys.press("Escape")
    assert not await dialog.is_visible()

    await user.tab_to("Name")
    await keys.type("mara")
    async with user.page.expect_navigation():
        await keys.press("Enter")
    assert "The key of mara" in await user.text()
    await user.tab_to("Sign out")
    async with user.page.expect_navigation():
        await keys.press("Enter")
    assert await user.heading() == "Sign in"


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_a_question_is_answered_before_a_key_is_gone(users: OpenUser, java_script: bool) -> None:
    user = await users(java_script_enabled=java_script)
    await sign_in(user, "/console/keys")
    name = f"temp-{java_script}"
    await user.page.get_by_label("Name").fill(name)
    await user.press("Make a key")
    revoke = user.page.get_by_role("button", name=f"Revoke the key of {name}")
    answer = user.page.get_by_role("button", name="Revoke key", exact=True)
    assert await answer.count() == 0

    await revoke.click()
    async with user.page.expect_navigation():
        await answer.click()

    assert f"The key of {name} has been revoked." in await user.text()
    assert await revoke.count() == 0


async def test_on_a_phone_the_way_around_is_behind_a_button(operator: User) -> None:
    page = operator.page
    await page.set_viewport_size(PHONE)
    menu, entry = page.get_by_role("button", name="Menu"), page.get_by_role("link", name="Audit log")
    assert not await entry.is_visible()
    await menu.click()
    assert await entry.is_visible()
    await page.keyboard.press("Escape")
    assert not await entry.is_visible()
    await menu.click()
    async with page.expect_navigation():
        await entry.click()

    assert await operator.heading() == "Audit log"
    assert not await entry.is_visible()


async def test_at_a_desk_it_is_always_there(operator: User) -> None:
    assert await operator.page.get_by_role("link", name="Audit log").is_visible()
    assert not await operator.page.get_by_role("button", name="Menu").is_visible()


async def test_everybody_can_use_the_sign_in(user: User) -> None:
    await user.go("/console")
    await inspect(user.page, "console-sign-in")
    await user.page.get_by_label("Operator key").fill("nonsense")
    await user.press("Sign in")
    await inspect(user.page, "console-sign-in-failed")


@pytest.mark.parametrize("name", ["", "catalog", "audit", "mails", "webhooks", "keys", "registrations/00zzzzzzzzzzzz"])
async def test_everybody_can_use_every_page(operator: User, name: str) -> None:
    await operator.go(f"/console/{name}".rstrip("/"))
    for details in await operator.page.locator("details > summary").all():
        await details.click()
    await inspect(operator.page, f"console-{name.partition('/')[0] or 'overview'}")


async def test_everybody_can_use_a_webhook(operator: User) -> None:
    await operator.go("/console/webhooks")
    await operator.follow("Billing")
    await inspect(operator.page, "console-webhook")
    await operator.page.get_by_label("URL").fill("http://elsewhere.example/")
    await operator.press("Save")
    await inspect(operator.page, "console-webhook-wrong")


async def test_everybody_can_use_questions_and_the_menu(operator: User) -> None:
    page = operator.page
    await operator.go("/console/keys")
    await page.get_by_role("button", name="Revoke the key of jo").click()
    await inspect(page, "console-question")
    await page.keyboard.press("Escape")
    await page.set_viewport_size(NARROWEST)
    await page.get_by_role("button", name="Menu").click()
    assert await page.evaluate(OVERFLOW) <= 0
    await inspect(page, "console-menu")


async def test_what_a_client_writes_stays_text(operator: User) -> None:
    """Dialogs, refused scripts and the like are complaints, which fail the test when the browser is closed."""
    for path in ("", "/messages", "/registrations", "/audit", f"/registrations?q={HOSTILE}"):
        await operator.go(f"/console{path}")
        assert await operator.page.locator("main script, main img").count() == 0
    await operator.go("/console")
    assert HOSTILE in await operator.text()


@pytest_asyncio.fixture(loop_scope="session", params=["127.0.0.1", "localhost"])
async def evil(request: pytest.FixtureRequest, sites: contextlib.AsyncExitStack) -> Site:
    """An attacker's web site: on another port of the same host, with all cookies, or under another name."""
    return await sites.enter_async_context(Site.open(request.param))


async def test_no_other_site_shows_it_in_a_frame(operator: User, evil: Site) -> None:
    """Clickjacking."""
    evil.pages["/frame"] = f'<!doctype html><title>Win</title><iframe src="{operator.issuer}/console/keys"></iframe>'
    await operator.go(f"{evil.url}/frame")
    (frame,) = operator.page.frames[1:]
    await frame.wait_for_url("chrome-error://**", wait_until="commit")

    assert "frame-ancestors" in operator.complaints[0]
    operator.complaints.clear()


async def test_no_other_site_sends_its_forms(operator: User, evil: Site) -> None:
    """Cross-site request forgery."""
    evil.pages["/form"] = (
        f'<!doctype html><title>Win</title><form method="post" action="{operator.issuer}/console/keys/revoke">'
        '<input name="name" value="jo"><button>Win</button></form>'
    )
    await operator.go(f"{evil.url}/form")
    await operator.press("Win")

    assert await operator.heading() == "Nothing was done"
    await operator.go("/console/keys")
    assert await operator.page.get_by_role("rowheader", name="jo").count() == 1


async def test_a_link_of_another_site_leads_to_no_change(operator: User, evil: Site) -> None:
    """What changes something is a POST, so a GET of the same address is an error."""
    evil.pages["/link"] = (
        f'<!doctype html><title>Win</title><a href="{operator.issuer}/console/keys/revoke?name=jo">Win</a>'
    )
    await operator.go(f"{evil.url}/link")
    await operator.follow("Win")

    assert await operator.page.get_by_role("rowheader", name="jo").count() == 0
    await operator.go("/console/keys")
    assert await operator.page.get_by_role("rowheader", name="jo").count() == 1
