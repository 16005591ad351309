"""A real Chromium, the service as a process of its own, and a user who sits in front of both.

All tests here run in one event loop, in which the browser's driver lives: each module says
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.apps import App
from tests.browser.sites import Site
from tests.browser.users import ACTION_MS, OpenUser, User, open_user
from tests.live_server import edited_demo, live_server

EDITS = {"rfc7591_compatible: false": "rfc7591_compatible: true", "grants: review": "grants: automatic"}
"""The demo utility for strict OAuth libraries, with Grants that wait for users without an operator in between."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing that a Client writes, a logo for instance, is fetched from the real network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
ANSWER_PAGE = "<!doctype html><html lang=en><title>Back</title><h1>Back at the application</h1>"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, once per test process, with nothing remembered from before."""
    chromium = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if not chromium:
        pytest.skip("needs chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=ACTION_MS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the utility keeps everything."""
    return tmp_path_factory.mktemp("utility")


@pytest.fixture(scope="session")
def issuer(directory: Path) -> Iterator[str]:
    """The utility."""
    with live_server(directory, catalog=edited_demo(directory, EDITS)) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def http(issuer: str) -> AsyncIterator[httpx.AsyncClient]:
    """Programs that call it."""
    async with httpx.AsyncClient(base_url=issuer, trust_env=False) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def sites() -> AsyncIterator[contextlib.AsyncExitStack]:
    """Where the sites of a test are opened.

    They close when its users have left: a browser may still ask one for an icon, and complains when it is gone.
    """
    async with contextlib.AsyncExitStack() as sites:
        yield sites


@pytest_asyncio.fixture(loop_scope="session")
async def site(sites: contextlib.AsyncExitStack) -> Site:
    """The web site of an application, with the page to which answers go."""
    return await sites.enter_async_context(Site.open(back=ANSWER_PAGE))


@pytest_asyncio.fixture(loop_scope="session")
async def app(http: httpx.AsyncClient, site: Site) -> App:
    """An application whose answers go to its own site."""
    return await App.register(http, f"{site.url}/back")


@pytest_asyncio.fixture(loop_scope="session")
async def users(browser: Browser, issuer: str, sites: contextlib.AsyncExitStack) -> AsyncIterator[OpenUser]:
    """Sit users down in front of browsers of their own: `await users(java_script_enabled=False)`."""
    opened: list[User] = []

    async def sit_down(**options: object) -> User:
        opened.append(await open_user(browser, issuer, **options))
        return opened[-1]

    yield sit_down
    for user in opened:
        await user.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def user(users: OpenUser) -> User:
    """One of them."""
    return await users()
