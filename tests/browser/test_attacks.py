"""What attackers try on users and their browsers, with real ones (RFC 6749 10, RFC 9700 4)."""

import asyncio
import contextlib
import html
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from tests.browser.apps import ADMIN, REQUIRED_FIELDS, SCOPE, App, answer_of
from tests.browser.sites import Site
from tests.browser.users import MARA, SCHOOL, OpenUser, User

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEND = "<!doctype html><title>Win</title>{form}<script>document.forms[0].submit()</script>"
REDEMPTIONS = 100


@pytest_asyncio.fixture(params=["127.0.0.1", "localhost"], ids=["same site", "other site"], loop_scope="session")
async def evil(request: pytest.FixtureRequest, sites: contextlib.AsyncExitStack) -> Site:
    """An attacker's web site.

    On another port of the same host the browser sends all cookies of the utility along; under another name those that
    `SameSite=Lax` lets through.
    """
    return await sites.enter_async_context(Site.open(request.param))


def form(action: str, **values: str) -> str:
    """A form that its page sends by itself."""
    inputs = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in values.items())
    return SEND.format(form=f'<form method="post" action="{html.escape(action)}">{inputs}</form>')


async def lure(user: User, evil: Site, page: str) -> str:
    """Have a user open a page of the attacker's site; the heading of where that ends, which is ours."""
    evil.pages["/win"] = page
    await user.page.goto(f"{evil.url}/win")
    await user.page.wait_for_url(f"{user.issuer}/**")
    return await user.heading()


REFUSED = {"Nothing was done", "We need a cookie here"}


async def test_a_form_of_another_site_decides_nothing(app: App, user: User, evil: Site) -> None:
    """Cross-site request forgery, also with a form token that the attacker's own browser got."""
    await user.go(await app.push())
    await user.sign_in()
    address = user.page.url
    stolen = await user.page.locator("form input[name=form_token]").first.input_value()

    for decision in ("approve", "decline"):
        for token in ("", stolen):
            values = {"decision": decision, "form_token": token}
            assert await lure(user, evil, form(f"{address}/decision", **values)) in REFUSED

    await user.go(address)
    assert await user.heading() == "Meadow Home asks for access"
    assert await app.grants() == []


async def test_another_site_cannot_sign_a_user_in_or_out(app: App, users: OpenUser, evil: Site) -> None:
    """Login CSRF: the user would look at, and add to, what belongs to the attacker."""
    attacker, user = await users(), await users()
    await attacker.go("/oauth/sign-in")
    token = await attacker.page.locator("input[name=form_token]").input_value()
    await user.go("/oauth/sign-in")
    await user.sign_in(MARA)

    login = {"username": SCHOOL[0], "password": SCHOOL[1], "form_token": token}
    assert await lure(user, evil, form(f"{user.issuer}/oauth/sign-in", **login)) in REFUSED
    await lure(user, evil, form(f"{user.issuer}/oauth/sign-out", form_token=token))

    await user.go("/oauth/authorizations")
    assert "Signed in as Mara Lind" in await user.text()


async def test_another_site_cannot_end_an_authorization(app: App, user: User, evil: Site) -> None:
    await user.authorize(await app.push())
    (grant,) = await app.grants()
    action = f"{user.issuer}/oauth/authorizations/{grant['grant_id']}/revoke"

    heading = await lure(user, evil, form(action, form_token="x" * 43))

    assert heading in {*REFUSED, "Sign in to Prairie & Lake Energy"}
    assert [one["status"] for one in await app.grants()] == ["active"]


async def test_nobody_is_lured_into_the_request_of_another_browser(app: App, users: OpenUser) -> None:
    """Whoever begins a request and sends its page to somebody else gets no code for the account of that one."""
    attacker, victim = await users(), await users()
    await attacker.go(await app.push())

    await victim.go(attacker.page.url)

    assert await victim.heading() == "We need a cookie here"
    assert await victim.page.get_by_role("button").count() == 0


async def test_no_page_can_be_put_into_a_frame(app: App, user: User, evil: Site) -> None:
    """Clickjacking."""
    await user.authorize(await app.push())
    (grant,) = await app.grants()
    await user.go(await app.push())
    paths = [
        user.page.url,
        f"{user.issuer}/oauth/sign-in",
        f"{user.issuer}/oauth/authorizations",
        f"{user.issuer}/oauth/authorizations/{grant['grant_id']}/revoke",
        f"{user.issuer}/oauth/receipt?grant_id={grant['grant_id']}",
        app.authorize(),
        app.authorize(client_id="nobody-1"),
    ]
    evil.pages["/frames"] = "<!doctype html><title>Win</title>" + "".join(
        f'<iframe src="{html.escape(path)}"></iframe>' for path in paths
    )

    await user.page.goto(f"{evil.url}/frames")

    frames = user.page.frames[1:]
    assert len(frames) == len(paths)
    for frame in frames:
        await frame.wait_for_url("chrome-error://**", wait_until="commit")
    assert len([one for one in user.complaints if "frame-ancestors" in one]) == len(paths)
    user.complaints.clear()


async def test_a_window_that_another_site_opened_is_out_of_its_reach(app: App, user: User, evil: Site) -> None:
    script = f"w = window.open('{app.authorize()}')"
    evil.pages["/open"] = f'<!doctype html><title>Win</title><button onclick="{html.escape(script)}">Go</button>'
    await user.page.goto(f"{evil.url}/open")
    async with user.page.context.expect_page() as opened:
        await user.page.get_by_role("button", name="Go").click()
    await (await opened.value).wait_for_load_state()

    read = "() => { try { return w.document.body.innerText } catch (error) { return error.name } }"
    assert await user.page.evaluate(read) == "SecurityError"


def payload(evil: Site, number: int) -> str:
    """A text that would run a script, load something or draw a form, if anything took them for markup."""
    call = f"fetch('{evil.url}/ran')"
    parts = [
        f'"><script>alert(1);{call}</script>',
        f"'><img src={evil.url}/image onerror=alert(1)>",
        f"</title></style></textarea><svg onload=alert(1)><form action={evil.url}/form><button>Approve</button></form>",
        "{{ 7919 * 7907 }}${7919*7907}<%= 7919*7907 %>",
        f"\u202e<base href={evil.url}/><meta http-equiv=refresh content='0;url={evil.url}/moved'>",
    ]
    return " ".join(parts[number::3])


@pytest.mark.parametrize("number", range(3))
async def test_nothing_that_a_client_writes_runs_loads_or_pretends(http, site: Site, user: User, number: int) -> None:
    """Every field that a Client fills in, up to the pages where users see it; the browser has no complaints."""
    attack = payload(site, number)
    in_url = quote(attack, safe="'*();$")
    app = await App.register(
        http,
        f"{site.url}/back?x={in_url}",
        client_name=attack,
        client_uri=f"https://meadow.example/{in_url}",
        policy_uri=f"https://meadow.example/?{in_url}",
        tos_uri=f"https://meadow.example/#{in_url}",
        logo_uri=f"https://meadow.example/logo.png?{in_url}",
        contacts=[attack],
        cds_company_name=attack[:200],
        cds_privacy_policy=f"https://meadow.example/privacy?{in_url}",
    )
    details = [{"type": SCOPE, "account_numbers": [attack, "2"]}]

    await user.go(app.authorize(state=attack, authorization_details=details))
    views = [await user.page.content()]
    await user.sign_in()
    views.append(await user.page.content())
    assert attack in (await user.text()).replace("\n", " ")
    assert await user.page.get_by_role("button", name="Approve").count() == 1
    user.complaints[:] = [one for one in user.complaints if "ERR_NAME_NOT_RESOLVED" not in one]  # of the logo
    await user.press("Approve")
    answer = answer_of(user.page.url)
    grants = await app.grants()
    for path in (
        "/oauth/authorizations",
        f"/oauth/authorizations/{grants[0]['grant_id']}/revoke",
        f"/oauth/receipt?grant_id={grants[0]['grant_id']}",
        f"/oauth/receipt?error={in_url}&error_description={in_url}&state={in_url}",
        f"/oauth/authorizations?ended={in_url}&before={in_url}",
        f"/oauth/sign-in?grant_id={in_url}",
        app.authorize(client_id=attack),
        app.authorize(redirect_uri=attack),
        f"/oauth/authorize/{in_url}",
    ):
        await user.go(path)
        views.append(await user.page.content())

    assert answer["state"] == attack
    assert not [view for view in views if "62615533" in view]
    assert {one.partition("?")[0] for one in site.asked} == {"/back"}
    assert await user.page.locator("script, iframe, base, svg, meta[http-equiv]").count() == 0


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://meadow.example;script-src 'unsafe-inline'/x.png",
        "https://meadow.example\r\nSet-Cookie: a=b/",
        "https://meadow.example, https://evil.example/",
        "//evil.example/",
    ],
)
async def test_a_url_that_would_do_more_than_lead_somewhere_is_not_registered(http, url: str) -> None:
    for field in ("client_uri", "policy_uri", "tos_uri", "logo_uri", "cds_privacy_policy"):
        body = {"scope": f"{ADMIN} {SCOPE}"} | REQUIRED_FIELDS | {field: url}
        answer = await http.post("/oauth/register", json=body)
        assert answer.status_code == 400, field


@pytest.mark.parametrize("page", ["sign-in", "consent"])
async def test_scripts_that_get_into_a_page_all_the_same_do_not_run(app: App, user: User, page: str) -> None:
    """The policy of the pages is the second wall."""
    await user.go(await app.push())
    if page == "consent":
        await user.sign_in()
    await user.page.evaluate(
        """() => {
          const markup = '<img src=x onerror="window.ran = 1"><p onclick="window.ran = 1">'
          document.body.insertAdjacentHTML('beforeend', markup)
          document.querySelector('p[onclick]').click()
          const script = document.createElement('script')
          script.textContent = 'window.ran = 1'
          document.body.append(script)
        }"""
    )

    await user.page.wait_for_function("n => document.querySelector('img[src=x]')?.complete", arg=None)
    assert await user.page.evaluate("() => window.ran ?? null") is None
    assert all("Content Security Policy" in one for one in user.complaints)
    assert len(user.complaints) >= 3
    user.complaints.clear()


ELSEWHERE = (
    "{back}/../elsewhere",
    "{back}#fragment",
    "{back}?extra=1",
    "{origin}@evil.example/back",
    "{origin}\\@evil.example/back",
    "http://127.0.0.1.evil.example/back",
    "http://evil.example/back",
    "//evil.example/back",
    "\thttp://evil.example/back",
    "https:evil.example/back",
    "data:text/html,back",
)
"""Redirect URIs that a browser, or a careless server, could take for a registered one."""


async def test_nobody_is_sent_where_the_client_has_not_registered(app: App, site: Site, user: User) -> None:
    """Open redirects: neither with a code nor with an error."""
    for number, lead in enumerate(ELSEWHERE):
        redirect_uri = lead.format(back=app.redirect_uri, origin=site.url)
        await user.go(app.authorize(redirect_uri=redirect_uri, scope="nonsense" if number % 2 else SCOPE))
        assert await user.heading() == "This link does not work", lead
        assert user.page.url.startswith(f"{user.issuer}/oauth/authorize?")
    assert site.asked == []


async def test_our_own_pages_lead_to_our_own_pages(user: User) -> None:
    await user.go("/oauth/sign-in")
    await user.sign_in()

    for path in (
        "/oauth/sign-in?grant_id=//evil.example",
        "/oauth/receipt?grant_id=//evil.example",
        "/oauth/receipt?code=//evil.example",
        "/oauth/authorizations//evil.example/revoke",
        "//evil.example/oauth/authorizations",
        "/oauth/authorizations?before=//evil.example",
    ):
        await user.go(path)
        assert user.page.url.startswith(f"{user.issuer}/"), path
        hrefs = await user.page.locator("a").evaluate_all("all => all.map(one => one.href)")
        assert all(href.startswith(user.issuer) for href in hrefs), path


async def test_a_code_is_worth_nothing_to_anybody_else(app: App, http, site: Site, user: User) -> None:
    """Stolen on its way, by another Client, or put into another user's answer."""
    thief = await App.register(http, f"{site.url}/back")
    code = app.code_of(await user.authorize(await app.push()))
    bound = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri}

    attempts = [
        await app.post("token", thief.own, **bound, code_verifier=app.verifier),
        await app.post("token", (app.own[0], thief.own[1]), **bound, code_verifier=app.verifier),
        await app.post("token", app.own, **bound, code_verifier=thief.verifier),
        await app.post("token", app.own, **bound),
        await app.post("token", app.own, **(bound | {"redirect_uri": f"{site.url}/other"}), code_verifier=app.verifier),
    ]

    assert [one.json()["error"] for one in attempts] == [
        "invalid_grant",
        "invalid_client",
        "invalid_grant",
        "invalid_grant",
        "invalid_grant",
    ]
    assert await app.is_active((await app.redeem(code))["access_token"])


async def test_a_hundred_redemptions_of_one_code_give_one_token(app: App, user: User) -> None:
    """All at once, at a server that is a process of its own; the other ninety-nine end what the first one gave."""
    code = app.code_of(await user.authorize(await app.push()))
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "code_verifier": app.verifier,
    }
    async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=REDEMPTIONS)) as crowd:
        url = app.metadata["token_endpoint"]
        answers = await asyncio.gather(*(crowd.post(url, data=form, auth=app.own) for _ in range(REDEMPTIONS)))

    given = [one.json() for one in answers if one.status_code == 200]
    refused = [one.json()["error"] for one in answers if one.status_code == 400]
    assert len(given) == 1
    assert refused == ["invalid_grant"] * (REDEMPTIONS - 1)
    assert not await app.is_active(given[0]["access_token"])
    assert not await app.is_active(given[0]["refresh_token"])


async def test_a_copied_refresh_token_ends_what_its_owner_has(app: App, user: User) -> None:
    """Used again after its successor was: one of the two holders is a thief."""
    first = await app.redeem(app.code_of(await user.authorize(await app.push())))
    second = await app.refresh(first)
    third = await app.refresh(second)

    copy = await app.post("token", app.own, grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert (copy.status_code, copy.json()["error"]) == (400, "invalid_grant")
    for tokens in (first, second, third):
        assert not await app.is_active(tokens["access_token"])
        assert not await app.is_active(tokens["refresh_token"])
