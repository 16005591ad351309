"""The API reference: read by everybody, and requests sent from it by those whose browser runs scripts."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.inspection import inspect
from tests.browser.users import User

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def send(page: Page, operation: str) -> None:
    """Open an operation and send what its form has."""
    details = page.locator(f"details#{operation}")
    if await details.get_attribute("open") is None:
        await details.locator("summary").click()
    await details.get_by_role("button", name="Send").click()


async def test_a_newcomer_registers_and_lists_client_objects_from_the_page(user: User) -> None:
    page, problems = user.page, []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    await user.go("/docs/api#register")

    await send(page, "register")
    await expect(page.locator("#register form").get_by_role("status")).to_contain_text("201 Created")
    await page.get_by_role("button", name="Get an access token").click()
    await expect(page.locator("#credentials").get_by_role("status")).to_contain_text("A token for cds_client_admin.")
    await send(page, "listClients")
    listed = page.get_by_role("region", name="Body of the answer to listClients")
    await expect(listed).to_contain_text('"cds_status": "sandbox"')

    assert problems == []
    await inspect(page, "api-reference")


async def test_it_is_all_there_without_scripts(browser: Browser, issuer: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{issuer}/docs/api#listClients")
    await page.locator("details#listClients summary").click()

    await expect(page.locator("details#listClients")).to_contain_text("CDS-WG1-02 5.3")
    assert not await page.locator("#credentials").is_visible()
    await context.close()
