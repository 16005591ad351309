"""A real customer in a real browser, between the pages of the utility and those of its identity provider."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.async_api import Browser

from tests.browser.apps import App
from tests.browser.inspection import inspect
from tests.browser.users import User, open_user
from tests.live_server import edited_demo, live_server
from tests.openid_provider import openid_provider, settings
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

EDITS = {
    "production: review": "production: automatic",
    "security_contact, data_terms, staff_review]": "security_contact]",
}
"""The demo utility with production Client Objects right after the registration."""
BUTTON = "Sign in with Prairie & Lake Energy"


@pytest.fixture(scope="module")
def utility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The utility, with its identity provider."""
    directory, port = tmp_path_factory.mktemp("utility"), free_port()
    with (
        openid_provider(directory, f"http://127.0.0.1:{port}/oauth/oidc/callback") as provider,
        live_server(directory, catalog=edited_demo(directory, EDITS), port=port, **settings(provider)) as url,
    ):
        yield url


async def sign_in_at_provider(user: User, login: str) -> None:
    """What the pages of the provider ask of somebody who has not been there yet."""
    await user.follow(BUTTON)
    await user.page.get_by_placeholder("Enter any login").fill(login)
    await user.page.get_by_placeholder("and password").fill("anything")
    await user.press("Sign-in")
    await user.press("Continue")


async def test_a_customer_signs_in_there_and_decides_here(browser: Browser, utility: str) -> None:
    async with httpx.AsyncClient(base_url=utility, trust_env=False) as http:
        app = await App.register(http, status="production")
        user = await open_user(browser, utility)
        await user.go(app.authorize())
        await inspect(user.page, "sign-in-provider")
        assert await user.page.get_by_label("Password").count() == 0
        await sign_in_at_provider(user, "ada")

        assert "Signed in as Name of ada" in await user.text()
        assert "made-up" not in await user.text()
        await inspect(user.page, "consent-production")
        await user.press("Approve")
        assert await user.heading() == "Meadow Home has access"
        (grant,) = await app.grants()
        assert grant["status"] == "active"
        await user.press("Sign out")
        await inspect(user.page, "sign-in-provider-alone")
        user.complaints.clear()  # about the provider's own pages
        await user.leave()


async def test_whoever_turns_back_there_can_try_again_here(browser: Browser, utility: str) -> None:
    async with httpx.AsyncClient(base_url=utility, trust_env=False) as http:
        app = await App.register(http, status="production")
        user = await open_user(browser, utility)
        await user.go(app.authorize())
        await user.follow(BUTTON)
        await user.follow("[ Cancel ]")
        await inspect(user.page, "sign-in-stopped")
        assert await user.page.get_by_role("alert").is_visible()
        await sign_in_at_provider(user, "ada")
        await user.press("Approve")

        assert await user.heading() == "Meadow Home has access"
        user.complaints.clear()
        await user.leave()
