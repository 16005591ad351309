"""Pages for users: forms from elsewhere, and what Clients write about themselves (CDS-WG1-02 4.2, 5.2, 8.3)."""

import base64
import struct
import zlib

import pytest

from tests.authorization_pages import (
    BACK,
    MARA,
    SCHOOL,
    SCOPE,
    authorized,
    begin,
    browser,
    consent_page,
    other_browser,
    registered,
)
from tests.conftest import Registered, Server
from tests.html_pages import UserBrowser, View

__all__ = ["browser", "other_browser", "registered"]

ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&lt;{{7*7}}"


def png() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\1\2\3")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


# Forms from elsewhere


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, None, 403),
        ({"Sec-Fetch-Site": "same-site"}, None, 403),
        ({"Origin": "https://evil.example"}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({"Origin": "https://utility.example.evil.example"}, None, 403),
        ({}, "", 403),
        ({}, "x" * 43, 403),
        ({"Sec-Fetch-Site": "same-origin"}, "", 403),
        ({"Origin": "https://utility.example"}, "é", 403),
    ],
)
async def test_forms_from_elsewhere_or_without_their_token_are_refused(
    server: Server,
    registered: Registered,
    browser: UserBrowser,
    headers: dict[str, str],
    token: str | None,
    status: int,
) -> None:
    """RFC 6749 10.12; every form that changes something."""
    grant = await authorized(registered)
    path = await begin(registered)
    first = await browser.open(path)
    view = await consent_page(browser, path)
    revoking = await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke")
    alone = await browser.open("/oauth/sign-in")
    forms = [
        first.form("Sign in"),
        view.form("Approve"),
        view.form("Decline"),
        view.form("Not you?"),
        revoking.form("End access"),
        alone.form("Sign in"),
    ]

    for form in forms:
        values = form.values | MARA | ({} if token is None else {"form_token": token})
        answer = await browser.send("POST", form.action, data=values, headers=headers)
        assert answer.status_code == status, form.action
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "Nothing was done" in View(answer).text
    assert (await browser.open(path)).form("Approve")
    assert (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()["status"] == "active"


async def test_a_form_is_good_for_its_own_request_and_purpose_only(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    view = await consent_page(browser, await begin(registered))
    another = await browser.open(await begin(registered))
    theirs = await consent_page(other_browser, await begin(registered))

    for foreign in (another.form("Approve"), theirs.form("Approve"), view.form("Decline"), view.form("Not you?")):
        token = foreign.values["form_token"]
        answer = await browser.submit(view, "Approve", form_token=token)
        assert answer.status_code == 403


async def test_after_somebody_else_signed_in_the_old_page_decides_nothing(
    registered: Registered, browser: UserBrowser
) -> None:
    """Whoever approves has seen the page under their own name."""
    view = await consent_page(browser, await begin(registered))
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)

    answer = await browser.submit(view, "Approve")

    assert answer.status_code == 403
    assert "This page is out of date." in View(answer).text


async def test_a_form_that_is_no_form_is_refused(registered: Registered, browser: UserBrowser) -> None:
    path = await begin(registered)
    view = await consent_page(browser, path)
    token = view.form("Approve").values["form_token"]

    as_json = await browser.send("POST", f"{path}/decision", json={"decision": "approve", "form_token": token})
    undecided = await browser.send("POST", f"{path}/decision", data={"decision": "perhaps", "form_token": token})
    by_get = await browser.send("GET", f"{path}/decision?decision=approve&form_token={token}")

    assert (as_json.status_code, undecided.status_code, by_get.status_code) == (400, 400, 405)


# What Clients write about themselves


async def test_nothing_that_a_client_writes_becomes_markup(server: Server, browser: UserBrowser) -> None:
    """Every field of it that reaches a page, and the parameters of the pages themselves."""
    registered = await server.register(
        SCOPE,
        client_name=ATTACK,
        client_uri="https://meadow.example/'onmouseover='alert(1)",
        logo_uri="https://meadow.example/logo.png?'onerror='alert(1)",
        tos_uri="https://meadow.example/?a='b'",
        cds_company_name=ATTACK,
        cds_privacy_policy="https://meadow.example/privacy#'x='",
    )
    details = [{"type": "ple_customer_data", "account_numbers": [ATTACK, "2"]}]
    path = await begin(registered, details=details, state=ATTACK)
    grant = await authorized(registered)
    asked = f"?before={ATTACK}&ended={ATTACK}"
    views = [
        await browser.open(path),
        await consent_page(browser, path, MARA),
        await browser.open(f"/oauth/authorizations{asked}"),
        await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke"),
        await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}"),
        await browser.open(f"/oauth/receipt?error={ATTACK}&error_description={ATTACK}"),
        await browser.open(f"/oauth/sign-in?grant_id={ATTACK}"),
        await browser.press(await browser.open("/oauth/sign-in"), "Sign in", username=ATTACK, password=ATTACK),
    ]

    for view in views:
        assert not {"script", "iframe", "object"} & set(view.tags)
        assert not [name for name, _ in view.attributes if name.startswith("on")]
        assert all(image["src"].startswith("https://meadow.example/logo.png") for image in view.images)
        assert "49" not in view.text
    consent = views[1]
    assert consent.text.count("<script>alert(1)</script>") >= 3
    assert len(consent.images) == 1


async def test_links_of_a_client_show_where_they_lead_and_do_not_tell_where_from(
    server: Server, browser: UserBrowser
) -> None:
    """https only."""
    registered = await server.register(
        SCOPE,
        client_name="Meadow",
        client_uri="http://meadow.example",
        policy_uri="https://legal.meadow.example/privacy",
        tos_uri="https://legal.meadow.example/terms",
        cds_privacy_policy="https://legal.meadow.example/privacy",
    )
    view = await consent_page(browser, await begin(registered))

    assert "http://meadow.example" not in view.response.text
    foreign = {text: link for text, link in view.links.items() if "meadow.example" in link["href"]}
    assert {text: link["href"].rpartition("/")[2] for text, link in foreign.items()} == {
        "Privacy policy": "privacy",
        "Terms of service": "terms",
    }
    for link in foreign.values():
        assert link["rel"] == "noopener noreferrer nofollow"
    assert view.text.count("at legal.meadow.example") == 2


async def test_a_logo_comes_from_our_own_copy_first(server: Server, browser: UserBrowser) -> None:
    """So that the Client does not learn who looks at the page."""
    registered = await server.register(
        SCOPE,
        client_name="Meadow",
        logo_uri="https://meadow.example/logo.png",
        cds_company_logo=base64.b64encode(png()).decode(),
    )
    path = await begin(registered)
    view = await consent_page(browser, path)
    logo = await browser.send("GET", view.images[0]["src"])

    assert view.images[0]["src"] == f"{path}/logo"
    assert view.policy["img-src"] == ["'self'"]
    assert logo.content == png()
    assert logo.headers["content-type"] == "image/png"
    assert logo.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert logo.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("logo_uri", "source"),
    [
        ("https://Meadow.example:8443/a/logo.svg?x=1#y", "https://meadow.example:8443"),
        ("http://meadow.example/logo.png", None),
        (None, None),
    ],
)
async def test_a_logo_elsewhere_is_shown_from_its_one_origin_and_only_with_https(
    server: Server, browser: UserBrowser, logo_uri: str | None, source: str | None
) -> None:
    registered = await server.register(SCOPE, client_name="Meadow", logo_uri=logo_uri)
    path = await begin(registered)
    view = await consent_page(browser, path)

    assert view.policy["img-src"] == [source or "'none'"]
    assert [image["src"] for image in view.images] == ([logo_uri] if source else [])
    assert all(image["referrerpolicy"] == "no-referrer" for image in view.images)
    assert (await browser.send("GET", f"{path}/logo")).status_code == 404


async def test_the_logo_of_a_request_is_for_its_browser(
    server: Server, registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    path = await begin(registered)
    await browser.open(path)
    assert (await other_browser.send("GET", f"{path}/logo")).status_code == 400


async def test_forms_of_the_consent_page_may_lead_to_the_client_and_of_others_nowhere(
    registered: Registered, browser: UserBrowser
) -> None:
    """Browsers hold the redirect after a form to the policy of the page with the form."""
    away = await consent_page(browser, await begin(registered, redirect_uri=BACK))
    local = await browser.open(await begin(registered, redirect_uri="http://127.0.0.1:5555/back"))
    alone = await browser.open("/oauth/sign-in")

    assert away.policy["form-action"] == ["'self'", "https:"]
    assert local.policy["form-action"] == ["'self'", "https:", "http:"]
    assert alone.policy["form-action"] == ["'self'"]
    assert "You go back to meadow.example" in away.text
