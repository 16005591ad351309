"""sso_verification: an account of the identity provider is connected with a registration (CDS-WG1-02 3.6)."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog, Form
from tests.conftest import Clock, MakeServer, Registered, Server
from tests.forged_provider import ISSUER, SUBJECT, ForgedProvider
from tests.html_pages import UserBrowser, View
from tests.message_objects import updates_of
from tests.onboarding import (
    INTERCONNECTION,
    SECRET,
    decide,
    open_step,
    query_of,
    report,
    request_of,
    requirement_of,
    statuses,
    with_form,
)

FIELD = "portal_account"
SIGN_IN = "Sign in with Prairie & Lake Energy"
CONNECT = "Connect this account"


@pytest.fixture
def provider(clock: Clock) -> ForgedProvider:
    return ForgedProvider(clock)


@pytest.fixture
async def server(make_server: MakeServer, provider: ForgedProvider) -> Server:
    """A utility whose identity provider people sign in with."""
    return await make_server(identity_provider=provider.as_seen_by_the_server())


@pytest.fixture
async def client(server: Server) -> Registered:
    return await server.register(INTERCONNECTION, client_name="Meadow Home")


async def sign_in(browser: UserBrowser, provider: ForgedProvider, view: View, link: str = SIGN_IN) -> View:
    """To the provider and back."""
    there = await browser.send("GET", view.links[link]["href"])
    return await browser.open(provider.authorize(there.headers["location"]))


async def connected(client: Registered, provider: ForgedProvider) -> View:
    """The whole step; the page that it ends on."""
    async with UserBrowser(client.server) as browser:
        view = await sign_in(browser, provider, await open_step(browser, client, FIELD))
        return await browser.press(view, CONNECT)


@pytest.mark.clause("WG1-02-3.6-30", "WG1-02-3.6-31")
async def test_an_account_is_connected_when_its_owner_says_so(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    """Confirmed, then complete; operators can see whose account it is."""
    request = await request_of(client, FIELD)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        assert view.forms == [], "there is nothing to connect yet"
        view = await sign_in(browser, provider, view)
        assert str(view.response.url) == request["related_uri"]
        assert "You are signed in as Ada Kunde" in view.text
        assert await statuses(client, request) == ["open"], "signing in alone connects nothing"
        view = await browser.press(view, CONNECT)

    assert "This step is complete" in view.text
    assert "Account Ada Kunde" in view.text
    assert await statuses(client, request) == ["complete"] * 3
    names = {one["name"] for one in await updates_of(client, request)}
    assert names == {"In review: Portal account", "Completed: Portal account"}
    (evidence,) = (await requirement_of(client, FIELD)).evidence
    assert (evidence.issuer, evidence.subject, evidence.name) == (ISSUER, SUBJECT, "Ada Kunde")
    assert (await requirement_of(client, FIELD)).status == "met"


@pytest.mark.clause("WG1-02-3.6-30", "WG1-02-3.6-31", "WG1-02-3.6-32")
async def test_where_an_operator_looks_at_it_a_sign_on_is_pending(
    make_server: MakeServer, provider: ForgedProvider, demo_catalog: Catalog
) -> None:
    form = Form(text=None, url=None, pdf=None, review="operator")
    field = replace(demo_catalog.registration_fields[FIELD], form=form)
    catalog = replace(demo_catalog, registration_fields={**demo_catalog.registration_fields, FIELD: field})
    server = await make_server(catalog, identity_provider=provider.as_seen_by_the_server())
    client = await server.register(INTERCONNECTION)
    request = await request_of(client, FIELD)

    view = await connected(client, provider)

    assert "We have it" in view.text
    assert await statuses(client, request) == ["pending", "pending"]
    await decide(client, FIELD, "rejected", "This account is not of your company.")
    assert (await requirement_of(client, FIELD)).status == "rejected"
    provider.userinfo["name"] = "Grace"
    assert "We have it" in (await connected(client, provider)).text
    await decide(client, FIELD, "complete")
    assert (await statuses(client, request))[0] == "complete"
    assert [one.name for one in (await requirement_of(client, FIELD)).evidence] == ["Ada Kunde", "Grace"]


@pytest.mark.clause("WG1-02-3.6-27")
async def test_the_way_to_the_provider_may_be_taken_again_and_again(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    for _ in range(2):
        async with UserBrowser(server) as browser:
            view = await open_step(browser, client, FIELD)
            answer = await browser.send("GET", view.links[SIGN_IN]["href"])
            assert answer.headers["location"].startswith(f"{ISSUER}/authorize?")


async def test_somebody_else_can_use_another_account(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    async with UserBrowser(server) as browser:
        view = await sign_in(browser, provider, await open_step(browser, client, FIELD))
        there = await browser.send("GET", view.links["Use another account"]["href"])
        assert query_of(there.headers["location"])["prompt"] == "login"
        provider.claims["sub"] = "grace-1"
        provider.userinfo = {"sub": "grace-1", "name": "Grace"}
        view = await browser.open(provider.authorize(there.headers["location"]))
        assert "You are signed in as Grace" in view.text
        await browser.press(view, CONNECT)

    (evidence,) = (await requirement_of(client, FIELD)).evidence
    assert (evidence.subject, evidence.name) == ("grace-1", "Grace")


async def test_whoever_turns_back_at_the_provider_can_try_again(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        there = await browser.send("GET", view.links[SIGN_IN]["href"])
        view = await browser.open(provider.authorize(there.headers["location"], code=None, error="access_denied"))
        assert "You have not been signed in" in view.text
        view = await sign_in(browser, provider, view)
        assert "You are signed in as Ada Kunde" in view.text


async def test_a_provider_that_is_down_leaves_a_way_on(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        provider.is_down = True
        down = View(await browser.send("GET", view.links[SIGN_IN]["href"]))
        assert down.response.status_code == 503
        assert (
            down.links["Back to the sign-in page"]["href"]
            == (await request_of(client, FIELD))["related_uri"].partition(".example")[2]
        )


async def test_a_link_from_somebody_else_connects_nothing_by_itself(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    """An attacker's step, opened by a customer who is signed in: it takes a press of the button on our page."""
    victim_of = await request_of(client, FIELD)
    async with UserBrowser(server) as victim, UserBrowser(server) as attacker:
        view = await sign_in(victim, provider, await open_step(victim, client, FIELD))
        theirs = await open_step(attacker, client, FIELD)
        stolen = view.form(CONNECT).values
        for browser, values, headers in (
            (victim, {"do": "connect"}, {"Sec-Fetch-Site": "same-origin"}),
            (victim, stolen, {"Sec-Fetch-Site": "cross-site"}),
            (victim, stolen, {"Origin": "https://evil.example"}),
            (attacker, stolen, {"Sec-Fetch-Site": "same-origin"}),
        ):
            answer = await browser.send("POST", victim_of["related_uri"], data=values, headers=headers)
            assert answer.status_code == 403
        assert theirs.forms == []
    assert await statuses(client, victim_of) == ["open"]


async def test_a_session_that_is_over_connects_nothing(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    async with UserBrowser(server) as browser:
        view = await sign_in(browser, provider, await open_step(browser, client, FIELD))
        server.clock.advance(hours=2)
        answer = await browser.submit(view, CONNECT)
        assert answer.status_code == 403
        assert SIGN_IN in (await open_step(browser, client, FIELD)).links


async def test_test_accounts_are_nobody_here(server: Server, client: Registered, provider: ForgedProvider) -> None:
    """A session of the sandbox has no account at the provider."""
    async with UserBrowser(server) as browser:
        page = await browser.open("/oauth/sign-in")
        await browser.submit(page, "Sign in", username="mara.lind@customers.example", password="winter-wheat")
        view = await open_step(browser, client, FIELD)
    assert "Mara" not in view.text
    assert view.forms == []
    assert SIGN_IN in view.links


async def test_connecting_twice_at_once_counts_once(
    server: Server, client: Registered, provider: ForgedProvider
) -> None:
    async with UserBrowser(server) as browser:
        view = await sign_in(browser, provider, await open_step(browser, client, FIELD))
        answers = await asyncio.gather(*(browser.submit(view, CONNECT) for _ in range(10)))
    assert {one.status_code for one in answers} <= {303, 200, 409}
    assert len((await requirement_of(client, FIELD)).evidence) == 1


async def test_names_that_a_provider_has_are_text(server: Server, client: Registered, provider: ForgedProvider) -> None:
    provider.userinfo["name"] = "<script>alert(1)</script>"
    view = await connected(client, provider)
    assert "script" not in view.tags
    assert "Account <script>alert(1)</script>" in view.text


async def test_without_a_provider_the_step_waits_for_an_operator(make_server: MakeServer) -> None:
    server = await make_server()
    client = await server.register(INTERCONNECTION)
    request = await request_of(client, FIELD)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, FIELD)
        assert "connects the account by hand" in view.text
        assert view.forms == []
        start = await browser.send("GET", request["related_uri"].replace("?", "/sign-in?"))
        assert start.status_code == 404
        post = await browser.send("POST", request["related_uri"], data={"do": "connect"})
        assert post.status_code == 403
    await decide(client, FIELD, "complete")
    assert (await requirement_of(client, FIELD)).status == "met"


@pytest.mark.parametrize(
    "change",
    [lambda link: link.replace("key=", "key=x"), lambda link: link.partition("?")[0], lambda link: link + "&key=y"],
)
async def test_the_way_to_the_provider_needs_the_link(
    server: Server, client: Registered, provider: ForgedProvider, change: Any
) -> None:
    link = (await request_of(client, FIELD))["related_uri"].replace("?", "/sign-in?")
    assert (await server.http.get(change(link))).status_code == 404
    other = (await request_of(client, "contact_check"))["related_uri"].replace("?", "/sign-in?")
    assert (await server.http.get(other)).status_code == 404, "there is nothing to sign in for"


@pytest.mark.clause("WG1-02-3.6-27", "WG1-02-3.6-30", "WG1-02-3.6-31", "WG1-02-3.6-32")
async def test_a_sign_on_elsewhere_is_reported(make_server: MakeServer, demo_catalog: Catalog) -> None:
    catalog = with_form(demo_catalog, FIELD, url="https://contractors.example/sign-on")
    server = await make_server(catalog, CDS_ONBOARDING_CALLBACK_SECRET=SECRET)
    client = await server.register(INTERCONNECTION)
    request = await request_of(client, FIELD)
    for _ in range(2):
        answer = await server.http.get(request["related_uri"])
        assert answer.headers["location"].startswith("https://contractors.example/sign-on?message_id=")

    await report(server, "1", request["message_id"], "pending")
    assert await statuses(client, request) == ["pending", "pending"]
    await report(server, "2", request["message_id"], "rejected", description="Unknown company.")
    assert (await statuses(client, request))[0] == "rejected"
    await report(server, "3", request["message_id"], "pending")
    await report(server, "4", request["message_id"], "complete")
    assert (await statuses(client, request))[0] == "complete"
    assert (await requirement_of(client, FIELD)).status == "met"
