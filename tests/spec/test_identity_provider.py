"""Sign-in of real customers with an OpenID provider that knows nothing of this server: npm's oidc-provider.

Only its own pages are used, as a browser would; the service is in the test's own process and speaks to it over the
network.
"""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urljoin

import httpx
import pytest

from tests.authorization_pages import SCOPE, begin, production_client, users
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server
from tests.html_pages import UserBrowser, View
from tests.openid_provider import openid_provider, settings

CALLBACK = f"{PUBLIC_URL}/oauth/oidc/callback"
BUTTON = "Sign in with Prairie & Lake Energy"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The provider."""
    with openid_provider(tmp_path_factory.mktemp("provider"), CALLBACK) as url:
        yield url


@pytest.fixture
async def server(make_server: MakeServer, issuer: str) -> Server:
    server = await make_server(**settings(issuer))
    server.clock.run()
    return server


@pytest.fixture
async def registered(server: Server) -> Registered:
    return await server.register(SCOPE, client_name="Meadow Home")


@pytest.fixture
async def client_id(registered: Registered) -> str:
    """A production Client Object."""
    return (await production_client(registered)).client_id


@pytest.fixture
async def path(registered: Registered, client_id: str) -> str:
    """The page of an authorization request of it."""
    return await begin(registered, client_id)


@pytest.fixture
async def browser(server: Server) -> AsyncIterator["Visitor"]:
    async with UserBrowser(server) as pages, httpx.AsyncClient() as elsewhere:
        yield Visitor(pages, elsewhere)


class Visitor:
    """A user with a browser that goes from our pages to those of the provider and back."""

    def __init__(self, pages: UserBrowser, elsewhere: httpx.AsyncClient) -> None:
        self.pages = pages
        self.elsewhere = elsewhere
        self.seen: list[str] = []

    async def start(self, path: str) -> View:
        """Press the button on our sign-in page; ends on a page of the provider, or on ours if it asks nothing."""
        view = await self.pages.open(path)
        return await self.follow(await self.pages.send("GET", view.links[BUTTON]["href"]))

    async def press(self, view: View, button: str, **values: str) -> View:
        """Fill in a form of the provider and send it."""
        form = view.form(button)
        url = urljoin(str(view.response.url), form.action)
        return await self.follow(await self.elsewhere.post(url, data=form.values | values))

    async def follow(self, response: httpx.Response) -> View:
        while response.is_redirect:
            url = urljoin(str(response.url), response.headers["location"])
            self.seen.append(url)
            go = self.pages.send if url.startswith(PUBLIC_URL) else self.elsewhere.request
            response = await go("GET", url)
        return LaxView(response)

    async def sign_in(self, path: str, login: str = "ada") -> View:
        """The whole way of somebody whom the provider has not seen before."""
        view = await self.press(await self.start(path), "Sign-in", login=login, password="anything")
        return await self.press(view, "Continue")


class LaxView(View):
    """A page of the provider, which closes tags that need no closing."""

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            super().handle_endtag(tag)


@pytest.mark.clause("WG1-02-5.2-02")
async def test_a_customer_signs_in_decides_and_finds_the_receipt(server, browser, path, issuer):
    """The user is the provider's subject, called by the name that the provider has for it."""
    view = await browser.sign_in(path)
    assert "Meadow Home asks for access" in view.text
    assert "Signed in as Name of ada" in view.text
    assert "Sandbox" not in view.text

    await browser.pages.press(view, "Approve")
    listing = await browser.pages.open("/oauth/authorizations")

    assert "Meadow Home" in listing.text
    assert len(await users(server).grants_of_user(f"oidc:{issuer}#ada")) == 1
    assert await users(server).grants_of_user(f"oidc:{issuer}#eve") == []


async def test_a_customer_signs_in_to_see_what_was_authorized(browser):
    view = await browser.sign_in("/oauth/sign-in", "grace")

    assert view.response.url.path == "/oauth/authorizations"
    assert "Signed in as Name of grace" in view.text


async def test_whoever_is_signed_in_at_the_provider_has_nothing_to_type(server, browser, path):
    await browser.sign_in(path)
    browser.pages.http.cookies.delete("__Host-cds-user")

    assert "Meadow Home asks for access" in (await browser.start(path)).text


async def test_prompt_login_has_the_provider_ask_again(server, registered, client_id, browser, path):
    """And its ID token then says when the user has signed in."""
    await browser.sign_in(path)
    strict = await begin(registered, client_id, authenticated_after=int(server.clock.now.timestamp()))

    view = await browser.start(strict)
    assert "Sign-in" in [form.button for form in view.forms]
    view = await browser.press(view, "Sign-in", login="ada", password="anything")

    assert "Meadow Home asks for access" in view.text


async def test_a_customer_who_cancels_is_back_on_the_sign_in_page(browser, path):
    view = await browser.start(path)
    cancel = view.links["[ Cancel ]"]["href"]
    view = await browser.follow(await browser.elsewhere.get(urljoin(str(view.response.url), cancel)))

    assert view.response.url.path == path
    assert "You have not been signed in" in view.text
    assert "Meadow Home asks for access" in (await browser.sign_in(path)).text


async def test_the_way_back_works_once(browser, path):
    await browser.sign_in(path)
    (callback,) = [url for url in browser.seen if url.startswith(CALLBACK)]

    assert (await browser.pages.open(callback)).response.status_code == 410


async def test_a_secret_that_the_provider_does_not_know_is_a_page_that_helps(make_server, issuer):
    """The cause is for the operator's log."""
    server = await make_server(**settings(issuer) | {"CDS_USER_OIDC_CLIENT_SECRET": "wrong"})
    server.clock.run()
    async with UserBrowser(server) as pages, httpx.AsyncClient() as elsewhere:
        view = await Visitor(pages, elsewhere).sign_in("/oauth/sign-in")

    assert view.response.status_code == 502
    assert "You are not signed in" in view.text
    assert view.links["Back to the sign-in page"]["href"] == "/oauth/sign-in"
