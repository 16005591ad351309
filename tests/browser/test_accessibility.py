"""Everybody can use every page: at a desk and on a phone, in the light and in the dark (WCAG 2.2 AA, by axe-core)."""

import base64
from importlib.resources import files

import pytest
import pytest_asyncio

from app.docs.site import CONTENTS
from tests.browser.apps import SCOPE, App
from tests.browser.inspection import inspect
from tests.browser.users import MARA, SCHOOL, User

pytestmark = pytest.mark.asyncio(loop_scope="session")


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


async def test_pages_of_a_request(app: App, user: User) -> None:
    numbers = [f"4400-{number:04}" for number in range(15)]
    key = {"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", **COORDINATES}
    details = [{"type": SCOPE, "start_date": "P3Y", "account_numbers": numbers, "encryption_key": key}]
    await user.go(await app.push(authorization_details=details))
    await inspect(user.page, "sign-in")
    await user.sign_in((MARA[0], "wrong", ""))
    await inspect(user.page, "sign-in-failed")
    await user.sign_in()
    await inspect(user.page, "consent")


COORDINATES = {
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
"""Of a public key (RFC 7517 A.1)."""


async def test_pages_of_a_user(http, user: User) -> None:
    app = await App.register(http, client_name="Orchard")
    other = await App.register(http, client_name="Meadow Home")
    await user.go("/oauth/sign-in")
    await inspect(user.page, "sign-in-alone")
    await user.sign_in(SCHOOL)
    await inspect(user.page, "authorizations-none")
    await user.go(app.authorize())
    await inspect(user.page, "consent-short")
    await user.press("Approve")
    await inspect(user.page, "receipt")
    await user.follow("End this access")
    await inspect(user.page, "revoke")
    await user.press("End access")
    await user.go(other.authorize())
    await user.press("Approve")
    await user.follow("All your authorizations")
    await inspect(user.page, "authorizations")
    await user.follow("Receipt for Orchard")
    await inspect(user.page, "receipt-ended")


async def test_pages_when_something_is_wrong(app: App, user: User) -> None:
    url = await app.push()
    await user.go(url)
    transaction = user.page.url
    await user.go(url)
    await inspect(user.page, "error-link")
    await user.go("/oauth/receipt?error=access_denied")
    await inspect(user.page, "declined")
    await user.go("/oauth/receipt?error=server_error")
    await inspect(user.page, "failed")
    await user.go("/oauth/authorize/nothing")
    await inspect(user.page, "error-over")
    await user.page.context.clear_cookies()
    await user.go(transaction)
    await inspect(user.page, "error-cookies")
    await user.go("/oauth/authorizations/nothing/revoke")
    await user.sign_in()
    await user.go("/oauth/authorizations/nothing/revoke")
    await inspect(user.page, "error-not-found")


@pytest.mark.parametrize("path", ["/", *(page.path for page in CONTENTS)])
async def test_documentation(user: User, path: str) -> None:
    await user.go(path)
    await inspect(user.page, path.strip("/").replace("/", "-") or "landing")


async def test_the_place_that_a_link_names_is_in_view(user: User) -> None:
    await user.go("/docs/scopes#ple_customer_data-interval-hourly")
    await inspect(user.page, "docs-scopes-target")

    assert "Sums of the recorded intervals." in await user.page.locator(":target").inner_text()
    assert await user.page.locator(":target").is_visible()
