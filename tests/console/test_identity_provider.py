"""Operators who sign in to the console with the OpenID Connect provider of the utility: an honest one, a lying one."""

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from app.domain.operator_sign_in import role_among
from tests.conftest import PUBLIC_URL, Clock, MakeServer, Server
from tests.forged_provider import SUBJECT, ForgedProvider, unsigned
from tests.html_pages import UserBrowser, View
from tests.openid_provider import openid_provider, settings
from tests.operators import operator_of

CALLBACK = f"{PUBLIC_URL}/console/oidc/callback"
BUTTON = "Sign in with Prairie & Lake Energy"
HOME = "/console/mails"
SIGN_IN = f"/console/sign-in?next={HOME}"
COOKIE = "__Host-cds-operator"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """npm's oidc-provider, which knows nothing of this server."""
    with openid_provider(tmp_path_factory.mktemp("provider"), CALLBACK) as url:
        yield url


@pytest.fixture
def provider(clock: Clock) -> ForgedProvider:
    """One that does what a test wants."""
    provider = ForgedProvider(clock, CALLBACK)
    provider.userinfo = {"sub": SUBJECT, "name": "Jo Wiedemann", "roles": ["staff", "support"]}
    return provider


@pytest.fixture
async def server(make_server: MakeServer, provider: ForgedProvider) -> Server:
    return await make_server(operator_identity_provider=provider.as_seen_by_the_server())


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    async with UserBrowser(server) as browser:
        yield browser


async def start(browser: UserBrowser, path: str = SIGN_IN) -> str:
    """Press the button; where the browser is sent."""
    answer = await browser.send("GET", (await browser.open(path)).links[BUTTON]["href"])
    assert answer.status_code == 303, answer.text
    location: str = answer.headers["location"]
    return location


async def sign_in(
    browser: UserBrowser, provider: ForgedProvider, path: str = SIGN_IN, **instead: Any
) -> httpx.Response:
    """The whole way; the answer at the redirect URI."""
    return await browser.send("GET", provider.authorize(await start(browser, path), **instead))


class LaxView(View):
    """A page of the provider, which closes tags that need no closing."""

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            super().handle_endtag(tag)


async def through_npm(server: Server, issuer: str, login: str) -> View:
    """Somebody with a browser goes to the real provider and comes back."""
    async with UserBrowser(server) as pages, httpx.AsyncClient() as elsewhere:

        async def follow(response: httpx.Response) -> View:
            while response.is_redirect:
                url = urljoin(str(response.url), response.headers["location"])
                go = pages.send if url.startswith(PUBLIC_URL) else elsewhere.request
                response = await go("GET", url)
            return LaxView(response)

        view = await follow(await pages.send("GET", (await pages.open(SIGN_IN)).links[BUTTON]["href"]))
        assert str(view.response.url).startswith(issuer)
        for button, values in (("Sign-in", {"login": login, "password": "anything"}), ("Continue", {})):
            form = view.form(button)
            url = urljoin(str(view.response.url), form.action)
            view = await follow(await elsewhere.post(url, data=form.values | values))
        return view


@pytest.mark.parametrize(
    ("login", "role"), [("ada-viewer", "viewer"), ("bo-support-viewer", "support"), ("eve-admin", "admin")]
)
async def test_staff_sign_in_with_the_role_that_the_provider_gives_them(
    make_server: MakeServer, issuer: str, login: str, role: str
) -> None:
    server = await make_server(**settings(issuer, "OPERATOR"))
    server.clock.run()
    view = await through_npm(server, issuer, login)

    assert view.response.url.path == HOME
    assert f"Name of {login} {role}" in view.text


async def test_whoever_has_no_role_is_turned_away(make_server: MakeServer, issuer: str) -> None:
    server = await make_server(**settings(issuer, "OPERATOR"))
    server.clock.run()
    view = await through_npm(server, issuer, "customer-introspector")

    assert view.response.status_code == 403
    assert "none of the roles" in view.text
    assert "set-cookie" not in view.response.headers


async def test_a_name_that_somebody_chose_there_is_no_name_of_a_key_in_the_audit_log(
    server: Server, browser: UserBrowser, provider: ForgedProvider
) -> None:
    provider.userinfo |= {"name": "mara", "roles": "admin"}
    await operator_of(server, "admin", "mara")
    await sign_in(browser, provider)
    page = await browser.press(await browser.open("/console/keys"), "Make a key", name="jo")
    audit = await browser.open("/console/audit")

    assert "mara admin Sign out" in page.text
    assert f"mara [{SUBJECT}]" in audit.text


async def test_logs_name_staff_by_what_the_provider_calls_them_and_not_by_their_name(
    json_log: io.BytesIO, make_server: MakeServer, provider: ForgedProvider
) -> None:
    server = await make_server(operator_identity_provider=provider.as_seen_by_the_server())
    async with UserBrowser(server) as browser:
        await sign_in(browser, provider)
        for _ in range(2):
            await browser.open(HOME)
    log = json_log.getvalue().decode()

    assert f"oidc:{SUBJECT}" in log
    assert "Wiedemann" not in log


async def test_the_session_is_a_new_one_and_leads_to_the_page_that_was_asked_for(
    server: Server, browser: UserBrowser, provider: ForgedProvider
) -> None:
    first = await sign_in(browser, provider)
    handle = browser.http.cookies[COOKIE]
    second = await browser.send("GET", provider.authorize(await restart(browser)))

    assert first.headers["location"] == HOME
    assert first.headers["set-cookie"].startswith(f"{COOKIE}=cdsos_")
    assert second.headers["location"] == "/console"
    assert browser.http.cookies[COOKIE] != handle
    assert (await server.http.get(HOME, headers={"Cookie": f"{COOKIE}={handle}"})).status_code == 303


async def restart(browser: UserBrowser) -> str:
    """Begin once more although somebody is signed in."""
    answer = await browser.send("GET", "/console/sign-in/oidc?next=//evil.example/console")
    location: str = answer.headers["location"]
    return location


async def test_keys_open_the_console_as_well(server: Server, browser: UserBrowser) -> None:
    mara = await operator_of(server, "admin", "mara")
    page = await browser.press(await browser.open(SIGN_IN), "Sign in", key=mara.key)

    assert "mara admin" in page.text


async def test_without_a_provider_there_is_no_way_to_one(make_server: MakeServer) -> None:
    server = await make_server()
    async with UserBrowser(server) as browser:
        assert BUTTON not in (await browser.open(SIGN_IN)).links
        for path in ("/console/sign-in/oidc", "/console/oidc/callback?state=x&code=y"):
            assert (await browser.send("GET", path)).status_code == 404


async def test_an_answer_is_good_for_the_browser_that_asked_and_once(
    server: Server, browser: UserBrowser, provider: ForgedProvider
) -> None:
    stolen = provider.authorize(await start(browser))
    async with UserBrowser(server) as thief:
        other = await thief.send("GET", stolen)
    burnt = await browser.send("GET", stolen)
    good = provider.authorize(await start(browser))
    first, again = await browser.send("GET", good), await browser.send("GET", good)

    assert other.status_code == 400
    assert burnt.status_code == again.status_code == 410
    assert first.status_code == 303
    for answer in (other, burnt, again):
        assert COOKIE not in answer.headers.get("set-cookie", "")


async def test_a_sign_in_of_a_customer_never_ends_in_the_console(
    make_server: MakeServer, clock: Clock, provider: ForgedProvider
) -> None:
    """Nor the other way round, even when both trust one provider."""
    customers = ForgedProvider(clock)
    server = await make_server(
        identity_provider=customers.as_seen_by_the_server(),
        operator_identity_provider=provider.as_seen_by_the_server(),
    )
    async with UserBrowser(server) as browser:
        view = await browser.open("/oauth/sign-in")
        to_customers = (await browser.send("GET", view.links[BUTTON]["href"])).headers["location"]
        crossed = customers.authorize(to_customers).replace("/oauth/oidc/", "/console/oidc/")
        into_console = await browser.send("GET", crossed)
        crossed = provider.authorize(await start(browser)).replace("/console/oidc/", "/oauth/oidc/")
        into_users = await browser.send("GET", crossed)

    for answer in (into_console, into_users):
        assert answer.status_code == 410
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://evil.example"}, {"aud": "somebody-else"}, {"exp": 0}, {"nonce": "n" * 43}, {"sub": None}],
)
async def test_an_id_token_that_proves_nothing_opens_nothing(
    browser: UserBrowser, provider: ForgedProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    answer = await sign_in(browser, provider)

    assert answer.status_code == 502
    assert "You are not signed in" in View(answer).text
    assert COOKIE not in browser.http.cookies


async def test_an_unsigned_role_is_nobodys(browser: UserBrowser, provider: ForgedProvider) -> None:
    provider.claims, provider.sign = {"roles": ["admin"]}, unsigned

    assert (await sign_in(browser, provider)).status_code == 502


@pytest.mark.parametrize(
    "userinfo",
    [
        {"sub": "somebody-else", "roles": ["admin"]},
        {"roles": ["admin"]},
        {"sub": SUBJECT},
        {"sub": SUBJECT, "roles": {"admin": True}},
    ],
)
async def test_a_role_of_somebody_else_or_of_another_kind_opens_nothing(
    browser: UserBrowser, provider: ForgedProvider, userinfo: dict[str, Any]
) -> None:
    provider.userinfo = userinfo

    assert (await sign_in(browser, provider)).status_code == 403
    assert COOKIE not in browser.http.cookies


async def test_the_id_token_has_the_last_word(browser: UserBrowser, provider: ForgedProvider) -> None:
    provider.claims, provider.userinfo = {"roles": "viewer"}, {"sub": SUBJECT, "name": "Jo", "roles": "admin"}
    await sign_in(browser, provider)

    assert "viewer Sign out" in (await browser.open(HOME)).text


async def test_a_provider_that_does_not_answer_is_told(browser: UserBrowser, provider: ForgedProvider) -> None:
    provider.is_down = True
    view = await browser.open(SIGN_IN)
    answer = await browser.send("GET", view.links[BUTTON]["href"])

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "You cannot sign in right now" in View(answer).text


async def test_whoever_changes_their_mind_is_back_at_the_sign_in(
    browser: UserBrowser, provider: ForgedProvider
) -> None:
    answer = await sign_in(browser, provider, code=None, error="access_denied")
    page = View(await browser.follow(answer))

    assert answer.headers["location"] == f"/console/sign-in?stopped&next={HOME}"
    assert "You have not been signed in." in page.text
    assert HOME in page.links[BUTTON]["href"]


async def test_trying_a_link_out_does_not_use_it_up(browser: UserBrowser, provider: ForgedProvider) -> None:
    url = provider.authorize(await start(browser))
    tried = await browser.send("HEAD", url)

    assert tried.status_code == 405
    assert (await browser.send("GET", url)).status_code == 303


async def test_the_role_may_be_in_another_claim(make_server: MakeServer, provider: ForgedProvider) -> None:
    server = await make_server(
        operator_identity_provider=provider.as_seen_by_the_server(), CDS_OPERATOR_OIDC_ROLE_CLAIM="realm_access.roles"
    )
    provider.claims = {"realm_access": {"roles": ["offline_access", "admin"]}}
    async with UserBrowser(server) as browser:
        await sign_in(browser, provider)
        assert "admin Sign out" in (await browser.open(HOME)).text


@pytest.mark.parametrize(
    ("claims", "claim", "role"),
    [
        ({"roles": "viewer"}, "roles", "viewer"),
        ({"roles": "viewer support"}, "roles", "support"),
        ({"roles": "viewer,admin"}, "roles", "admin"),
        ({"roles": ["x", 7, None, "support"]}, "roles", "support"),
        ({"https://utility.example/roles": ["admin"]}, "https://utility.example/roles", "admin"),
        ({"a": {"b": {"c": "viewer"}}}, "a.b.c", "viewer"),
        ({"roles": ["Admin", "ADMIN", "administrator"]}, "roles", None),
        ({"roles": ["introspector"]}, "roles", None),
        ({"roles": True}, "roles", None),
        ({"a": ["admin"]}, "a.b", None),
        ({}, "roles", None),
    ],
)
def test_the_mightiest_role_counts(claims: dict[str, Any], claim: str, role: str | None) -> None:
    assert role_among(claims, claim) == role
