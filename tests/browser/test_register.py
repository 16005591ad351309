"""People register in a real browser: with and without scripts, by keyboard, on a phone; and all can (axe-core)."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.browser.inspection import NARROWEST, OVERFLOW, PHONE, inspect
from tests.browser.users import OpenUser, User
from tests.domain.samples import png

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPANY = {
    "Company name": "Meadow Software",
    "Privacy policy": "https://meadow.example/privacy",
    "Security contact": "security@meadow.example",
}


async def choose(user: User, *names: str) -> None:
    """The first step."""
    await user.go("/register")
    for name in names:
        await user.page.get_by_label(name, exact=True).check()
    await user.press("Continue")


async def fill_in(user: User, **more: str) -> None:
    """The second step, but for the button."""
    await user.page.get_by_label("Name of your application").fill("Meadow Home")
    await user.page.get_by_label("Contacts").fill("mara@meadow.example\ndev@meadow.example")
    for label, value in (COMPANY | more).items():
        await user.page.get_by_role("textbox", name=label, exact=True).fill(value)


async def credentials(user: User) -> tuple[str, str]:
    """What the last step shows."""
    texts = [await user.page.locator(f"#{member}").inner_text() for member in ("client_id", "client_secret")]
    return texts[0], texts[1]


async def token_status(http: httpx.AsyncClient, login: tuple[str, str]) -> int:
    """Whether credentials are good."""
    return (await http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=login)).status_code


@pytest.mark.clause("WG1-02-3.2-16")
@pytest.mark.parametrize("scripts", [True, False])
async def test_somebody_registers(users: OpenUser, http: httpx.AsyncClient, *, scripts: bool, tmp_path: Path) -> None:
    """Chooses, fills in, uploads a logo, gets a secret that works, and saves it."""
    user = await users(java_script_enabled=scripts)
    await choose(user, "Customer data", "Grid status")
    await fill_in(user)
    logo = {"name": "logo.png", "mimeType": "image/png", "buffer": png()}
    await user.page.get_by_label("Company logo").set_input_files(logo)
    await user.page.get_by_label("Newsletter").check()
    await user.press("Register")

    assert await user.heading() == "You are registered"
    login = await credentials(user)
    assert await token_status(http, login) == 200
    assert "client_secret" not in user.page.url
    async with user.page.expect_download() as coming:
        await user.page.get_by_role("button", name="Download as JSON").click()
    download = await coming.value
    await download.save_as(tmp_path / "client.json")
    saved = json.loads((tmp_path / "client.json").read_text(encoding="utf-8"))
    assert (saved["client_id"], saved["client_secret"]) == login
    assert login[1] not in download.url
    assert download.suggested_filename == f"client-{login[0]}.json"


async def test_the_commands_work_as_they_stand(users: OpenUser) -> None:
    """The first one reads the secret, which so gets into no history."""
    user = await users()
    await choose(user, "Grid status")
    await user.press("Register")
    _, secret = await credentials(user)
    ask, use = [(await one.inner_text()).strip() for one in await user.page.locator("pre").all()]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    shell = await asyncio.create_subprocess_exec(
        "bash", "-eu", stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    printed, _ = await shell.communicate(f"{ask}\n{secret}\n{use}\n".encode())

    assert shell.returncode == 0
    assert b'"scope":"ple_grid_status"' in printed
    assert b'"outstanding"' in printed
    assert secret not in ask + use


async def test_the_next_step_opens_beside_the_secret(users: OpenUser) -> None:
    user = await users()
    await choose(user, "Customer data")
    await fill_in(user)
    await user.press("Register")
    async with user.page.context.expect_page() as opened:
        await user.page.get_by_role("link", name="Data terms").click()
    step = await opened.value
    await step.wait_for_load_state()

    assert "Terms for customer data" in await step.locator("main").inner_text()
    assert await user.heading() == "You are registered"


async def test_what_is_wrong_is_said_beside_it_and_kept(users: OpenUser) -> None:
    """Also what browsers find acceptable, and the rules of registration do not."""
    user = await users(java_script_enabled=False)
    await choose(user, "Customer data")
    await fill_in(user, **{"Privacy policy": "ftp://meadow.example/privacy", "Security contact": "a@b"})
    await user.press("Register")

    assert (await user.text()).count("was not accepted") == 2
    assert await user.page.get_by_label("Company name").input_value() == "Meadow Software"
    await user.page.get_by_role("link", name="Security contact").click()
    await fill_in(user)
    await user.press("Register")
    assert await user.heading() == "You are registered"


async def test_nobody_registers_twice_by_going_back_or_loading_again(users: OpenUser, http: httpx.AsyncClient) -> None:
    user = await users(java_script_enabled=False)
    await choose(user, "Grid status")
    await user.press("Register")
    login = await credentials(user)
    await user.page.reload()
    assert await credentials(user) == login
    await user.page.go_back()
    assert await user.heading() == "About your application"
    await user.press("Register")

    assert await credentials(user) == login
    assert await token_status(http, login) == 200


async def test_a_double_click_registers_once(users: OpenUser, http: httpx.AsyncClient) -> None:
    user = await users()
    await choose(user, "Grid status")
    await user.press_twice("Register")
    await user.page.wait_for_selector("#client_secret")

    assert await token_status(http, await credentials(user)) == 200


async def test_the_keyboard_is_enough(users: OpenUser) -> None:
    """Every stop on the way can be seen."""
    user = await users(java_script_enabled=True)
    await user.go("/register")
    await user.tab_to("Grid status")
    await user.page.keyboard.press("Space")
    await user.tab_to("Continue")
    async with user.page.expect_navigation():
        await user.page.keyboard.press("Enter")
    await user.tab_to("Name of your application")
    await user.page.keyboard.type("Meadow Home")
    await user.tab_to("Addresses of the application, if it has some")
    await user.page.keyboard.press("Enter")
    await user.tab_to("Website of the application")
    await user.page.keyboard.type("https://meadow.example")
    await user.tab_to("Register")
    async with user.page.expect_navigation():
        await user.page.keyboard.press("Enter")

    assert await user.heading() == "You are registered"


async def test_a_phone_is_enough(users: OpenUser) -> None:
    user = await users(viewport=PHONE, has_touch=True, is_mobile=True, java_script_enabled=False)
    await user.go("/register")
    await user.page.get_by_text("Interconnection applications", exact=True).tap()
    assert await user.page.get_by_label("Interconnection applications").is_checked()
    await user.press("Continue")
    await user.page.get_by_label("Company name").fill("Meadow Software")
    await user.press("Register")

    assert await user.heading() == "You are registered"
    assert "250.00 USD" in await user.text()


async def test_everybody_can_use_every_step(users: OpenUser) -> None:
    user = await users()
    await user.go("/register?scope=ple_customer_data")
    await inspect(user.page, "register-choose")
    await user.press("Continue")
    await inspect(user.page, "register-fields")
    await fill_in(user, **{"Privacy policy": "ftp://meadow.example/privacy"})
    await user.press("Register")
    await inspect(user.page, "register-wrong")
    await fill_in(user)
    await user.press("Register")
    await inspect(user.page, "register-done")


async def test_the_form_for_everything_fits_the_narrowest_screen(users: OpenUser) -> None:
    user = await users(viewport=NARROWEST)
    await choose(user, "Customer data", "Grid status", "Interconnection applications", "Server-Provided Files")
    await user.page.get_by_text("Addresses of the application, if it has some").click()

    assert await user.page.evaluate(OVERFLOW) <= 0
