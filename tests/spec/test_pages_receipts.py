"""Pages for users: declining, receipts, and the list of what they have authorized (CDS-WG1-02 8.3)."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.catalog import Catalog
from app.crypto.tokens import Handle
from app.web.browser import form_token
from tests.authorization_pages import (
    BACK,
    MARA,
    MARA_ID,
    SCHOOL,
    authorized,
    begin,
    browser,
    consent_page,
    other_browser,
    registered,
    users,
)
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server, changed
from tests.html_pages import UserBrowser, View

__all__ = ["browser", "other_browser", "registered"]


async def new_request(registered: Registered, browser: UserBrowser, **parameters: str) -> View:
    """The consent page, by the way that a Client sends its users."""
    query = {"response_type": "code", "client_id": f"{registered.registration_id}-1", "state": "s 1"} | parameters
    return await browser.press(await browser.open(f"/oauth/authorize?{urlencode(query)}"), "Sign in", **MARA)


async def redirect_uris(registered: Registered, *uris: str) -> None:
    """Let the sandbox Client Object have these redirect URIs; the first one is its default."""
    path = f"/cds-api/v1/clients/{registered.registration_id}-1"
    body = {"redirect_uris": list(uris), "cds_default_redirect_uri": uris[0], "client_name": "Meadow Home"}
    assert (await registered.put(path, body)).status_code in {200, 202}


async def grants_by_users(registered: Registered) -> list[dict[str, Any]]:
    """What users have authorized, as the Client sees it."""
    grants: list[dict[str, Any]] = (await registered.get("/cds-api/v1/grants")).json()["grants"]
    return [one for one in grants if one["scope"] == "ple_customer_data"]


@pytest.mark.clause("WG1-02-4.2-15", "WG1-02-8.1-11")
async def test_approving_leads_to_a_receipt_and_declining_to_the_error_by_default(
    registered: Registered, browser: UserBrowser
) -> None:
    """The receipt's address has no code any more, and its confirmation code is that of the Grant."""
    receipt = await browser.press(await new_request(registered, browser), "Approve")

    (grant,) = await grants_by_users(registered)
    assert str(receipt.response.url) == f"{PUBLIC_URL}/oauth/receipt?grant_id={grant['grant_id']}"
    assert (grant["status"], grant["enabled_scope"]) == ("active", "ple_customer_data")
    (code,) = grant["receipt_confirmations"]
    assert code in receipt.text
    assert "Meadow Home has access" in receipt.text
    assert "Sandbox" in receipt.text

    declined = await browser.press(await browser.open(await begin(registered)), "Decline")
    assert str(declined.response.url).startswith(f"{PUBLIC_URL}/oauth/receipt?error=access_denied&")
    assert "You declined" in declined.text
    assert len(await grants_by_users(registered)) == 1


async def test_the_answer_goes_to_the_client_with_its_state(registered: Registered, browser: UserBrowser) -> None:
    """Whether the user approves, declines, or declines without having signed in."""
    await redirect_uris(registered, f"{BACK}?a=b")
    approved = await browser.submit(await new_request(registered, browser), "Approve")
    declined = await browser.submit(await browser.open(await begin(registered, redirect_uri=BACK)), "Decline")
    await browser.press(await browser.open("/oauth/authorizations"), "Sign out")
    early = await browser.submit(await browser.open(await begin(registered, redirect_uri=BACK)), "Decline and go back")

    for answer in (approved, declined, early):
        assert answer.status_code == 303
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["location"].startswith(f"{BACK}?")
    sent = dict(parse_qsl(urlsplit(approved.headers["location"]).query))
    assert sent.pop("code").startswith("cdsac_")
    assert sent == {"a": "b", "state": "s 1", "iss": PUBLIC_URL}
    for answer in (declined, early):
        sent = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert (sent["error"], sent["state"], sent["iss"]) == ("access_denied", "s-1", PUBLIC_URL)


async def test_a_button_that_is_pressed_twice_counts_once_and_leads_to_the_same_place(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """A browser follows the last answer only, so without that the Client would never get its code."""
    view = await consent_page(browser, await begin(registered))
    answers = await asyncio.gather(*(browser.submit(view, "Approve") for _ in range(20)))
    declining = await browser.open(await begin(registered))
    declined = await asyncio.gather(*(browser.submit(declining, "Decline") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert "code=cdsac_" in answers[0].headers["location"]
    assert len({answer.headers["location"] for answer in declined}) == 1
    assert "error=access_denied" in declined[0].headers["location"]
    assert len(await grants_by_users(registered)) == 1

    server.clock.advance(minutes=2)
    assert (await browser.submit(view, "Approve")).status_code == 410


async def test_a_code_that_the_client_has_redeemed_is_not_handed_out_again(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """The Client would redeem it a second time and lose its tokens (RFC 6749 4.1.2)."""
    view = await consent_page(browser, await begin(registered))
    sent = (await browser.submit(view, "Approve")).headers["location"]
    secret = (await registered.credential_of(f"{registered.registration_id}-1"))["client_secret"]
    code = dict(parse_qsl(urlsplit(sent).query))["code"]
    form = {"grant_type": "authorization_code", "code": code}
    token = await server.token_response(f"{registered.registration_id}-1", secret, **form)

    again = await browser.submit(view, "Approve")

    assert token.status_code == 200, token.text
    assert again.status_code == 410


async def test_an_answer_cannot_be_changed_and_not_be_repeated_from_elsewhere(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    view = await consent_page(browser, await begin(registered))
    await browser.submit(view, "Approve")
    declining = await browser.open(await begin(registered))
    await browser.submit(declining, "Decline")

    assert (await browser.submit(view, "Decline")).status_code == 410
    assert (await browser.submit(declining, "Approve")).status_code == 410
    assert (await other_browser.submit(view, "Approve")).status_code == 400
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)
    assert (await browser.submit(view, "Approve")).status_code == 403
    assert len(await grants_by_users(registered)) == 1


async def test_approving_and_declining_at_once_does_one_of_the_two(
    registered: Registered, browser: UserBrowser
) -> None:
    await consent_page(browser, await begin(registered))
    for _ in range(10):
        before = len(await grants_by_users(registered))
        view = await browser.open(await begin(registered))
        answers = await asyncio.gather(*(browser.submit(view, name) for name in ("Approve", "Decline", "Approve")))
        (sent,) = {answer.headers["location"] for answer in answers if answer.status_code == 303}
        made = len(await grants_by_users(registered)) - before
        assert made == ("code=" in sent)
        assert made == ("error=access_denied" not in sent)


async def test_a_grant_of_another_user_goes_back_to_the_client_as_soon_as_somebody_has_signed_in(
    registered: Registered, browser: UserBrowser, other_browser: UserBrowser
) -> None:
    """8.3: nothing is asked."""
    await redirect_uris(registered, BACK)
    await browser.submit(await new_request(registered, browser), "Approve")
    (grant,) = await grants_by_users(registered)
    wider = [{"type": "ple_customer_data", "start_date": "P3Y"}]
    await registered.patch(f"/cds-api/v1/grants/{grant['grant_id']}", {"authorization_details": wider})
    query = {"response_type": "code", "client_id": grant["client_id"], "cds_grant_id": grant["grant_id"]}
    link = f"/oauth/authorize?{urlencode(query)}"

    theirs = await other_browser.submit(await other_browser.open(link), "Sign in", **SCHOOL)
    sent_back = await other_browser.follow(theirs)
    own = await browser.open(link)

    assert sent_back.headers["location"].startswith(f"{BACK}?error=cds_grant_id_invalid_user&")
    assert "You have been asked before" in own.text
    assert "From 1 June 2023 until" in own.text
    assert (await browser.submit(own, "Approve")).headers["location"].startswith(f"{BACK}?code=")
    (again,) = await grants_by_users(registered)
    assert (again["grant_id"], again["status"]) == (grant["grant_id"], "active")
    assert len(again["receipt_confirmations"]) == 2


async def test_a_request_that_cannot_be_trusted_ends_on_a_page_and_leads_nowhere(
    registered: Registered, browser: UserBrowser
) -> None:
    """RFC 6749 4.1.2.1."""
    sandbox = f"{registered.registration_id}-1"
    for query in (
        {},
        {"client_id": "nobody"},
        {"client_id": sandbox, "response_type": "code", "redirect_uri": "https://evil.example/back"},
        {"client_id": sandbox, "request_uri": "urn:ietf:params:oauth:request_uri:nonsense"},
    ):
        answer = await browser.send("GET", f"/oauth/authorize?{urlencode(query)}")
        view = View(answer)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "This link does not work" in view.text
        assert "evil.example" not in view.response.text
        assert not view.forms


async def test_the_receipt_page_tells_of_errors_in_our_words_only(browser: UserBrowser) -> None:
    declined = await browser.open("/oauth/receipt?error=access_denied&error_description=Call+555-1234&state=x")
    wrong_user = await browser.open("/oauth/receipt?error=cds_grant_id_invalid_user&error_description=Call+555-1234")
    unknown = await browser.open("/oauth/receipt?error=something_new&error_description=Call+555-1234")

    assert "You declined" in declined.text
    assert "is not yours" in wrong_user.text
    for view in (declined, wrong_user, unknown):
        assert view.response.status_code == 200
        assert "Nothing has been shared" in view.text
        assert "555" not in view.response.text


async def test_a_user_finds_receipts_again(registered: Registered, browser: UserBrowser) -> None:
    """Signing in on the way leads to the receipt that was asked for."""
    grant = await authorized(registered)
    page = await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}")
    receipt = await browser.press(page, "Sign in", **MARA)

    assert str(receipt.response.url).endswith(f"/oauth/receipt?grant_id={grant.grant_id}")
    for text in (*grant.receipt_confirmations, "Meadow Home", "Mara Lind", "1 June 2026 at 07:00 CDT", grant.grant_id):
        assert text in receipt.text
    assert "From 1 June 2025 until 1 June 2027" in receipt.text
    listed = await browser.open("/oauth/authorizations")
    assert "Meadow Home" in listed.text
    assert any(grant.grant_id in link["href"] for link in listed.links.values())


async def test_nobody_sees_what_somebody_else_authorized(registered: Registered, browser: UserBrowser) -> None:
    """404, as for what does not exist."""
    grant = await authorized(registered)
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **SCHOOL)
    grants = [grant.grant_id, f"{registered.registration_id}-gzzzzzzzzzz", "nonsense"]

    assert "You have not given access to any application." in (await browser.open("/oauth/authorizations")).text
    for grant_id in grants:
        for path in (f"/oauth/receipt?grant_id={grant_id}", f"/oauth/authorizations/{grant_id}/revoke"):
            assert (await browser.send("GET", path)).status_code == 404
        token = form_token(browser.http.cookies["__Host-cds-user"], f"revoke {grant_id}")
        path = f"/oauth/authorizations/{grant_id}/revoke"
        assert (await browser.send("POST", path, data={"form_token": token})).status_code == 404
    assert (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()["status"] == "active"


@pytest.mark.clause("WG1-02-8.2-11")
async def test_a_user_ends_an_authorization_after_being_asked_once_more(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """The Grant is revoked, gives no access any more, and the Client reads about it."""
    grant = await authorized(registered)
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)
    asked = await browser.open(f"/oauth/authorizations/{grant.grant_id}/revoke")
    assert (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()["status"] == "active"
    server.clock.advance(seconds=5)

    done = await browser.press(asked, "End access")

    assert "The access of Meadow Home has ended." in done.text
    assert "Ended by you" in done.text
    shown = (await registered.get(f"/cds-api/v1/grants/{grant.grant_id}")).json()
    assert (shown["status"], shown["enabled_scope"], shown["enabled_authorization_details"]) == ("revoked", "", [])
    told = [one for one in await registered.messages("private_message") if grant.grant_id in one["description"]]
    assert any("is revoked now" in one["description"] for one in told)
    again = await browser.press(asked, "End access")
    assert again.response.status_code == 200
    receipt = await browser.open(f"/oauth/receipt?grant_id={grant.grant_id}")
    assert "This access has ended" in receipt.text
    assert "Ended by you" in receipt.text


async def test_the_list_shows_statuses_in_words_and_comes_in_pages(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    ids = []
    for _ in range(22):
        server.clock.advance(seconds=1)
        ids.append((await authorized(registered)).grant_id)
    await users(server).note_user_grant(MARA_ID, f"{registered.registration_id}-gzzzzzzzzzz", created=server.clock.now)
    await registered.patch(f"/cds-api/v1/grants/{ids[-1]}", {"status": "closed"})
    await browser.press(await browser.open("/oauth/sign-in"), "Sign in", **MARA)

    first = await browser.open("/oauth/authorizations")
    second = await browser.open(first.links["Older"]["href"])

    shown = [
        [value.rpartition("=")[2] for name, value in view.attributes if name == "href" and "receipt?" in value]
        for view in (first, second)
    ]
    assert shown[0] + shown[1] == ids[::-1]
    assert len(shown[0]) == 19
    assert "Ended by the application" in first.text
    assert "Older" not in second.links
    assert "Newest" in second.links


async def test_a_code_on_its_way_to_the_receipt_is_taken_out_of_the_address(
    server: Server, registered: Registered, browser: UserBrowser
) -> None:
    """An unknown or old one leads to the list."""
    handle = server.context.randomness.handle(Handle.AUTHORIZATION_CODE, registered.registration_id)
    for code in (handle, "nonsense", "cdsat_x"):
        view = await browser.open(f"/oauth/receipt?code={code}&state=x&iss=https%3A%2F%2Futility.example")
        assert view.response.status_code == 200
        assert "The receipt is among your authorizations" in view.text
    assert (await browser.send("GET", "/oauth/receipt")).headers["location"] == "/oauth/authorizations"


async def test_a_utility_without_test_accounts_or_identity_provider_says_so(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    server = await make_server(changed(demo_catalog, test_accounts=()))
    async with UserBrowser(server) as browser:
        view = await browser.open("/oauth/sign-in")

    assert "Nobody can sign in here yet" in view.text
    assert not view.forms
