"""Everybody can use every page: at a desk and on a phone, in the light and in the dark (WCAG 2.2 AA, by axe-core).

`SCREENSHOTS=some/directory` keeps a picture of each page for the eye.
"""

import base64
import os
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.apps import SCOPE, App
from tests.browser.users import MARA, SCHOOL, User
from tests.node import TESTS, require_node

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROJECT = TESTS / "browser" / "axe"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
VIEWS = {"desk-light": DESK, "phone-dark": PHONE}
"""Each size and each colour scheme once: the one is about places, the other about colours."""
MORE_VIEWS = {"desk-dark": DESK, "phone-light": PHONE}
"""For the eye."""
NARROWEST = 320
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async rules => (await axe.run({runOnly: rules, resultTypes: ['violations']})).violations.map(
  one => `${one.impact}: ${one.id}: ${one.nodes.map(node => node.target + ' ' + node.failureSummary).join('; ')}`)"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

Inspect = Callable[[User, str], Awaitable[None]]


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    require_node(PROJECT)
    return (PROJECT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def inspect(axe: str) -> Inspect:
    """Look at the page in view from all sides: `await inspect(user, "sign-in")`."""
    kept = os.environ.get("SCREENSHOTS")

    async def look(user: User, name: str) -> None:
        page = user.page
        await page.evaluate(axe)
        for view, size in (VIEWS | (MORE_VIEWS if kept else {})).items():
            await page.set_viewport_size(size)
            await page.emulate_media(color_scheme="dark" if "dark" in view else "light")
            assert await page.evaluate(RUN, RULES) == [], f"{name}, {view}"
            if kept:
                await page.screenshot(path=Path(kept) / f"{name}-{view}.png", full_page=True)
        await page.set_viewport_size({"width": NARROWEST, "height": 640})
        assert await page.evaluate(OVERFLOW) <= 0, f"{name} has to be moved sideways on a narrow screen"
        await page.set_viewport_size(DESK)

    return look


@pytest_asyncio.fixture(loop_scope="session")
async def app(http, site) -> App:
    """An application with much to say about itself."""
    logo = files("app.catalog").joinpath("demo/electric-territory.png").read_bytes()
    return await App.register(
        http,
        f"{site.url}/back",
        client_name="Meadow Home Energy Coach",
        client_uri="https://meadow.example/",
        policy_uri="https://meadow.example/privacy",
        tos_uri="https://meadow.example/terms",
        cds_company_logo=base64.b64encode(logo).decode(),
    )


async def test_pages_of_a_request(app: App, user: User, inspect: Inspect) -> None:
    numbers = [f"4400-{number:04}" for number in range(15)]
    key = {"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", **COORDINATES}
    details = [{"type": SCOPE, "start_date": "P3Y", "account_numbers": numbers, "encryption_key": key}]
    await user.go(await app.push(authorization_details=details))
    await inspect(user, "sign-in")
    await user.sign_in((MARA[0], "wrong", ""))
    await inspect(user, "sign-in-failed")
    await user.sign_in()
    await inspect(user, "consent")


COORDINATES = {
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
"""Of a public key (RFC 7517 A.1)."""


async def test_pages_of_a_user(http, user: User, inspect: Inspect) -> None:
    app = await App.register(http, client_name="Orchard")
    other = await App.register(http, client_name="Meadow Home")
    await user.go("/oauth/sign-in")
    await inspect(user, "sign-in-alone")
    await user.sign_in(SCHOOL)
    await inspect(user, "authorizations-none")
    await user.go(app.authorize())
    await inspect(user, "consent-short")
    await user.press("Approve")
    await inspect(user, "receipt")
    await user.follow("End this access")
    await inspect(user, "revoke")
    await user.press("End access")
    await user.go(other.authorize())
    await user.press("Approve")
    await user.follow("All your authorizations")
    await inspect(user, "authorizations")
    await user.follow("Receipt for Orchard")
    await inspect(user, "receipt-ended")


async def test_pages_when_something_is_wrong(app: App, user: User, inspect: Inspect) -> None:
    url = await app.push()
    await user.go(url)
    transaction = user.page.url
    await user.go(url)
    await inspect(user, "error-link")
    await user.go("/oauth/receipt?error=access_denied")
    await inspect(user, "declined")
    await user.go("/oauth/receipt?error=server_error")
    await inspect(user, "failed")
    await user.go("/oauth/authorize/nothing")
    await inspect(user, "error-over")
    await user.page.context.clear_cookies()
    await user.go(transaction)
    await inspect(user, "error-cookies")
    await user.go("/oauth/authorizations/nothing/revoke")
    await user.sign_in()
    await user.go("/oauth/authorizations/nothing/revoke")
    await inspect(user, "error-not-found")
