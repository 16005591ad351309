"""Grants that wait for a user, and the authorization requests for them (CDS-WG1-02 8.2, 8.3; ambiguities F4 to F7)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import grant_decisions
from app.domain.approval import approve, decline, require_suitable_user
from app.domain.authorization_store import UserSession
from app.domain.grant_decisions import Decision
from app.errors import Refusal, RequestOver
from app.schemas.grants import Grant, GrantStatus
from tests.authorization_pages import MARA, MARA_ID, SCHOOL, users
from tests.authorizing import (
    DATED,
    EVERY_USER_SCOPE,
    PARTS,
    SLOW,
    STRICT,
    Site,
    answer,
    asked,
    authorizing_server,
    question_of,
    sent_back,
    shown_to_user,
    site_of,
)
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import load, make_grant, patch, shown
from tests.html_pages import UserBrowser, View
from tests.user_grants import DAILY, DATA, HALF, PHONE, answered

WAITS = GrantStatus.NEEDS_AUTHORIZATION
OTHER_SCOPE = "test_costs"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with scopes that users authorize."""
    return await authorizing_server(make_server, demo_catalog)


@pytest.fixture
async def registered(server: Server) -> Registered:
    return await server.register(EVERY_USER_SCOPE)


@pytest.fixture
async def site(registered: Registered) -> Site:
    """A Client Object with a secret and two scopes."""
    return await site_of(registered)


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    """A user's browser."""
    async with UserBrowser(server) as one:
        yield one


async def waiting(site: Site, scope: str = "test_usage", details: Any = (HALF,), **terms: Any) -> Grant:
    """A Grant that waits for a user."""
    return await site.grant(scope, list(details), status=WAITS, **terms)


# The way of a Grant


@pytest.mark.clause("WG1-02-8.3-01", "WG1-02-8.3-11", "WG1-02-8.3-12", "WG1-02-8.2-06", "WG1-02-8.3-02")
async def test_a_user_authorizes_a_grant_that_waits(server, registered, site, browser):
    """The same Grant, with a receipt, and all of it before anybody redeems the code."""
    grant = await waiting(site)
    before = await shown(registered, grant.grant_id)
    assert (before["status"], before["enabled_scope"]) == ("needs_authorization", "")
    server.clock.advance(hours=1)

    found = await site.approved(browser, cds_grant_id=grant.grant_id)

    after = await shown(registered, grant.grant_id)
    assert (after["status"], after["enabled_scope"]) == ("active", "test_usage")
    assert after["enabled_authorization_details"] == after["authorization_details"] == [HALF]
    assert len(after["receipt_confirmations"]) == 1
    assert (after["created"], after["modified"]) == (before["created"], "2026-06-01T13:00:00Z")
    assert len(await site.grants()) == 1
    tokens = answered(await site.exchange(found["code"]))
    assert (await site.introspect(tokens["access_token"]))["cds_grant_id"] == grant.grant_id


async def test_the_client_reads_about_it_in_its_messages(registered, site, browser):
    grant = await waiting(site)

    await site.approved(browser, cds_grant_id=grant.grant_id)

    texts = [one["description"] for one in await registered.messages() if one["name"] == "Grant changed"]
    assert any(
        f"Grant {grant.grant_id} is active now" in text and "A user has authorized it." in text for text in texts
    )


async def test_declining_leaves_the_grant_waiting(registered, site, browser):
    grant = await waiting(site)
    view = await site.consent(browser, cds_grant_id=grant.grant_id)

    sent_back(await browser.submit(view, "Decline"), "access_denied")

    assert (await shown(registered, grant.grant_id))["status"] == "needs_authorization"
    await site.approved(browser, cds_grant_id=grant.grant_id)


@pytest.mark.clause("WG1-02-8.3-04")
async def test_grant_id_and_prompt_may_be_pushed(server, registered, site, browser):
    grant = await waiting(site)
    request_uri = await site.pushed(cds_grant_id=grant.grant_id, prompt="login")
    before = server.connection.round_trips

    response = await site.use(request_uri)

    assert server.connection.round_trips - before == 3
    request = await asked(server, response)
    assert (request.cds_grant_id, request.prompt_login) == (grant.grant_id, True)
    view = View(await browser.follow(response))
    view = await browser.press(view, "Sign in", **MARA)
    answer(await browser.submit(view, "Approve"))
    assert (await shown(registered, grant.grant_id))["status"] == "active"


@pytest.mark.clause("WG1-02-8.3-09")
async def test_prompt_login_makes_a_user_with_a_session_sign_in_again(site, browser):
    await site.approved(browser)

    without = await browser.open(site.url())
    with_prompt = await browser.open(site.url(prompt="login"))

    assert {form.button for form in without.forms} >= {"Approve", "Decline"}
    assert any(form.button == "Sign in" for form in with_prompt.forms)
    assert not any(form.button == "Approve" for form in with_prompt.forms)
    assert {form.button for form in (await browser.press(with_prompt, "Sign in", **MARA)).forms} >= {"Approve"}


# What is asked for


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scope": "test_costs test_usage"},
        {"authorization_details": [HALF]},
        {"authorization_details": [{"share": 0.5, "meters": [], "type": "test_usage"}]},
        {"scope": DATA, "authorization_details": [HALF]},
        {"scope": "test_costs", "authorization_details": [HALF]},
    ],
)
async def test_scope_and_details_are_those_of_the_grant_sent_or_not(server, registered, changes):
    """Ambiguities F6. What the Client Object has as its defaults does not matter then."""
    site = await site_of(registered, cds_default_scope="test_costs", cds_default_authorization_details=[DAILY])
    grant = await waiting(site, DATA)

    request = await asked(server, await site.authorize(cds_grant_id=grant.grant_id, **changes))

    assert (request.scope, request.authorization_details) == (DATA, [HALF])
    assert request.cds_grant_id == grant.grant_id


@pytest.mark.clause("WG1-02-8.3-05")
@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "test_costs"},
        {"scope": DATA},
        {"authorization_details": "[]"},
        {"authorization_details": [DAILY]},
        {"authorization_details": [HALF, HALF]},
        {"scope": "test_usage", "authorization_details": [DAILY]},
        {"scope": "test_costs", "authorization_details": [HALF]},
    ],
)
async def test_another_access_than_that_of_the_grant_is_refused(site, changes):
    grant = await waiting(site)

    sent_back(await site.authorize(cds_grant_id=grant.grant_id, **changes), "cds_grant_id_invalid_value")


@pytest.mark.clause("WG1-02-8.3-05")
@pytest.mark.parametrize(
    "grant_id", ["x", "00zzzzzzzzzzzz-gabcdefghij", "{rid}-gabcdefghij", "{rid}-1", "{rid}", "ä b"]
)
async def test_an_unknown_grant_is_refused_before_anybody_signs_in(server, site, grant_id):
    """By redirect, with the state, and without a page."""
    named = grant_id.format(rid=site.registered.registration_id)
    before = server.connection.round_trips

    sent_back(await site.authorize(cds_grant_id=named), "cds_grant_id_invalid_value", about="cds_grant_id")

    assert server.connection.round_trips - before == 1


@pytest.mark.clause("WG1-02-8.3-05")
async def test_a_grant_of_another_client_object_is_refused(server, registered, site):
    """Of the same registration and of another one, and both look the same."""
    strict = await site_of(registered, STRICT)
    stranger = await site_of(await server.register(EVERY_USER_SCOPE))
    responses = [
        await site.authorize(cds_grant_id=(await waiting(owner, scope, details)).grant_id)
        for owner, scope, details in ((strict, STRICT, ()), (stranger, "test_usage", (HALF,)))
    ]

    for response in responses:
        sent_back(response, "cds_grant_id_invalid_value", about="cds_grant_id must be")


@pytest.mark.clause("WG1-02-8.3-05")
@pytest.mark.parametrize("status", ["active", "closed", "suspended", "disabled", "pending"])
async def test_a_grant_that_waits_for_nobody_is_refused(registered, site, status):
    grant = await site.grant() if status == "active" else await waiting(site)
    if status == "closed":
        await patch(registered, grant.grant_id, {"status": "closed"})
    elif status != "active":
        decision = Decision(status=GrantStatus(status))
        await grant_decisions.modify_by_operator(registered.server.context, registered.access, grant.grant_id, decision)

    sent_back(await site.authorize(cds_grant_id=grant.grant_id), "cds_grant_id_invalid_value", about=status)


async def test_a_grant_is_not_authorized_twice(site, browser):
    grant = await waiting(site)
    await site.approved(browser, cds_grant_id=grant.grant_id)

    sent_back(await site.authorize(cds_grant_id=grant.grant_id), "cds_grant_id_invalid_value", about="active")


async def test_a_grant_with_a_scope_that_the_client_lost_is_refused(registered, site):
    grant = await waiting(site, DATA)
    path = f"/cds-api/v1/clients/{site.client_id}"
    body = (await registered.get(path)).json() | {"scope": "test_costs", "cds_default_scope": "test_costs"}
    assert (await registered.put(path, body)).status_code == 200

    sent_back(await site.authorize(cds_grant_id=grant.grant_id), "cds_grant_id_invalid_value", about="scope")


# Order and number


@pytest.mark.clause("WG1-02-8.3-06")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "test_nothing"}, "invalid_scope"),
        ({"authorization_details": [{"type": "test_nothing"}]}, "invalid_authorization_details"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"prompt": ["login", "login"]}, "invalid_request"),
    ],
)
async def test_everything_else_is_looked_at_first(site, changes, error):
    sent_back(await site.authorize(cds_grant_id="no-such-grant", **changes), error)


@pytest.mark.clause("WG1-02-8.3-06")
async def test_a_wrong_redirect_uri_leads_nowhere_whatever_the_grant(site):
    grant = await waiting(site)

    for grant_id in (grant.grant_id, "no-such-grant"):
        response = await site.authorize(cds_grant_id=grant_id, redirect_uri="https://evil.example/")
        shown_to_user(response, about="redirect_uri")


async def test_a_challenge_is_demanded_before_the_grant_is_looked_at(registered):
    """Also when the Grant is to say which scope it is."""
    for scope in (STRICT, PHONE):
        strict = await site_of(registered, scope)
        grant = await waiting(strict, scope, ())
        for grant_id in (grant.grant_id, "no-such-grant"):
            response = await strict.authorize(cds_grant_id=grant_id, code_challenge=None, code_challenge_method=None)
            sent_back(response, "invalid_request", about="code_challenge")


@pytest.mark.clause("WG1-02-8.3-07")
async def test_an_empty_grant_id_is_no_grant_id(site, browser):
    await site.approved(browser, cds_grant_id="")

    assert (await site.newest())["scope"] == DATA


@pytest.mark.clause("WG1-02-8.3-07", "WG1-02-8.3-08")
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_empty_ones_beside_a_good_one_do_not_count(server, site, place):
    grant = await waiting(site)
    values = ["", ""]
    values.insert(place, grant.grant_id)

    assert (await asked(server, await site.authorize(cds_grant_id=values))).cds_grant_id == grant.grant_id


@pytest.mark.clause("WG1-02-8.3-08")
async def test_two_grant_ids_are_refused(site):
    """Also the same one twice (ambiguities F5)."""
    first, second = await waiting(site), await waiting(site)

    for pair in ([first, second], [first, first]):
        response = await site.authorize(cds_grant_id=[one.grant_id for one in pair])
        sent_back(response, "invalid_request", about="cds_grant_id")


# Whose Grant it is


@pytest.mark.clause("WG1-02-8.3-10")
async def test_a_grant_of_one_user_is_not_authorized_by_another(registered, site, browser, server):
    """Who authorized it first is the one to ask again."""
    grant = await waiting(site)
    await site.approved(browser, cds_grant_id=grant.grant_id)
    await patch(registered, grant.grant_id, {"scope": DATA})
    assert (await shown(registered, grant.grant_id))["status"] == "needs_authorization"

    async with UserBrowser(server) as other:
        view = await other.open(site.url(cds_grant_id=grant.grant_id))
        response = await other.submit(view, "Sign in", **SCHOOL)
        sent_back(await other.follow(response), "cds_grant_id_invalid_user")

    assert (await shown(registered, grant.grant_id))["status"] == "needs_authorization"
    await site.approved(browser, cds_grant_id=grant.grant_id)
    assert (await shown(registered, grant.grant_id))["enabled_scope"] == DATA


@pytest.mark.clause("WG1-02-8.3-10")
async def test_a_user_who_is_signed_in_already_is_looked_at_as_well(server, registered, site):
    grant = await waiting(site)
    async with UserBrowser(server) as mara, UserBrowser(server) as school:
        await site.approved(mara, cds_grant_id=grant.grant_id)
        await patch(registered, grant.grant_id, {"scope": DATA})
        await site.approved(school, SCHOOL)

        response = await school.follow(await school.send("GET", site.url(cds_grant_id=grant.grant_id)))

        sent_back(response, "cds_grant_id_invalid_user")


@pytest.mark.clause("WG1-02-8.3-10")
async def test_a_grant_that_changed_under_the_users_eyes_is_not_authorized(registered, site, browser):
    """What a user approves is what the page shows."""
    grant = await waiting(site, DATA)
    view = await site.consent(browser, cds_grant_id=grant.grant_id)
    await patch(registered, grant.grant_id, {"authorization_details": [DAILY]})

    sent_back(await browser.submit(view, "Approve"), "cds_grant_id_invalid_user")

    after = await shown(registered, grant.grant_id)
    assert (after["status"], after["receipt_confirmations"]) == ("needs_authorization", [])


async def test_of_two_users_who_approve_at_once_one_gets_the_grant(server, registered, site):
    """And only that one finds it among what they authorized."""
    grant = await waiting(site)
    questions = [await question_of(site, grant, user_id) for user_id in ("test:one", "test:two")]

    urls = await asyncio.gather(*(approve(question) for question in questions))

    assert sorted("code=" in url for url in urls) == [False, True]
    assert sum("error=cds_grant_id_invalid_user" in url for url in urls) == 1
    winner = questions[["code=" in url for url in urls].index(True)].user.user_id
    assert (await load(registered, grant.grant_id)).internal.user_id == winner
    assert len((await shown(registered, grant.grant_id))["receipt_confirmations"]) == 1


# What a Grant becomes


@pytest.mark.clause("WG1-02-8.2-06", "WG1-02-8.1-12")
async def test_a_wider_access_waits_for_the_user_and_the_old_one_goes_on(server, registered, site, browser):
    code = (await site.approved(browser, scope="test_usage", authorization_details=[HALF]))["code"]
    grant = await site.newest()
    tokens = answered(await site.exchange(code))
    wide = [HALF | {"share": 1}]

    response = await patch(registered, grant["grant_id"], {"scope": DATA, "authorization_details": wide})

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["enabled_scope"]) == ("needs_authorization", "test_usage")
    assert (await site.introspect(tokens["access_token"]))["authorization_details"] == [HALF]
    server.clock.advance(seconds=30)
    found = await site.approved(browser, cds_grant_id=grant["grant_id"])
    after = await shown(registered, grant["grant_id"])
    assert (after["status"], after["enabled_scope"]) == ("active", DATA)
    assert after["enabled_authorization_details"] == wide
    assert len(after["receipt_confirmations"]) == 2
    wider = answered(await site.exchange(found["code"]))
    assert (await site.introspect(wider["access_token"]))["scope"] == DATA


async def test_what_an_operator_has_limited_stays_limited(registered, site, browser):
    grant = await waiting(site, DATA)
    await site.approved(browser, cds_grant_id=grant.grant_id)
    limited = Decision(enabled_scope="test_usage")
    await grant_decisions.modify_by_operator(site.server.context, registered.access, grant.grant_id, limited)
    await patch(registered, grant.grant_id, {"authorization_details": [HALF | {"share": 1}]})

    await site.approved(browser, cds_grant_id=grant.grant_id)

    after = await shown(registered, grant.grant_id)
    assert (after["status"], after["enabled_scope"]) == ("partial", "test_usage")


@pytest.mark.clause("WG1-02-8.3-11", "WG1-02-8.1-07")
async def test_a_grant_whose_data_has_to_be_gathered_becomes_pending(registered, browser):
    slow = await site_of(registered, SLOW)
    grant = await waiting(slow, SLOW, ())

    await slow.approved(browser, cds_grant_id=grant.grant_id)

    after = await shown(registered, grant.grant_id)
    assert (after["status"], after["eta"], after["enabled_scope"]) == ("pending", "2026-06-04T12:00:00Z", "")
    done = Decision(status=GrantStatus.ACTIVE)
    await grant_decisions.modify_by_operator(slow.server.context, registered.access, grant.grant_id, done)
    assert (await shown(registered, grant.grant_id))["enabled_scope"] == SLOW


@pytest.mark.clause("WG1-02-8.2-07")
async def test_a_parent_is_complete_when_its_users_have_authorized_every_part(registered, browser):
    parts = await site_of(registered, PARTS)
    await parts.approved(browser)
    parent = await parts.newest()
    children = [
        await make_grant(registered, parts.client_id, PARTS, status=WAITS, parent=parent["grant_id"]) for _ in "12"
    ]

    for child in children:
        assert (await shown(registered, parent["grant_id"]))["status"] == "needs_sub_grants"
        await approve_as_active(registered, parts, child, browser)

    after = await shown(registered, parent["grant_id"])
    assert (after["status"], after["enabled_scope"]) == ("active", PARTS)


async def approve_as_active(registered: Registered, site: Site, grant: Grant, browser: UserBrowser) -> None:
    """Approve a part. This scope makes every approved Grant wait for parts of its own, so an operator goes on."""
    await site.approved(browser, cds_grant_id=grant.grant_id)
    done = Decision(status=GrantStatus.ACTIVE)
    await grant_decisions.modify_by_operator(site.server.context, registered.access, grant.grant_id, done)


@pytest.mark.clause("WG1-02-8.2-07")
async def test_approving_the_last_part_completes_the_parent(registered, site, browser):
    parent = await site.grant(DATA, status=GrantStatus.NEEDS_SUB_GRANTS)
    child = await waiting(site, DATA, parent=parent.grant_id)

    await site.approved(browser, cds_grant_id=child.grant_id)

    assert (await shown(registered, child.grant_id))["status"] == "active"
    assert (await shown(registered, parent.grant_id))["status"] == "active"


@pytest.mark.clause("WG1-02-3.9-04", "WG1-02-3.9-05")
async def test_relative_dates_count_from_the_latest_approval(server, registered, browser):
    """Not from the day on which the Grant was made."""
    dated = await site_of(registered, DATED)
    grant = await waiting(dated, DATED, [{"type": DATED, "until": "P10D"}])
    server.clock.advance(days=5)

    code = (await dated.approved(browser, cds_grant_id=grant.grant_id))["code"]

    tokens = answered(await dated.exchange(code))
    described = await dated.introspect(tokens["access_token"])
    assert described["authorization_details"] == [{"type": DATED, "until": "2026-06-16"}]
    assert (await shown(registered, grant.grant_id))["authorization_details"] == [{"type": DATED, "until": "P10D"}]
    server.clock.advance(days=5)
    same = {"authorization_details": [{"type": DATED, "until": "2026-06-16"}]}
    reduced = await patch(registered, grant.grant_id, same)
    assert (reduced.status_code, reduced.json()["status"]) == (200, "active")


# Answers that race, and what changes in between


async def test_approving_costs_two_round_trips_and_three_for_a_grant_that_waits(server, site):
    new, waits = await question_of(site), await question_of(site, await waiting(site))

    before = server.connection.round_trips
    await approve(new)
    assert server.connection.round_trips - before == 2
    before = server.connection.round_trips
    assert await require_suitable_user(waits) is None
    assert server.connection.round_trips - before == 1
    await approve(waits)
    assert server.connection.round_trips - before == 1 + 3


async def test_of_approving_and_declining_at_once_one_counts(server, site):
    """Whoever loses changes nothing."""

    async def outcome(answering: Any) -> str:
        try:
            return str(await answering)
        except Refusal as refusal:
            return refusal.code

    for first in (approve, decline):
        question = await question_of(site)
        declined = decline(server.context, question.authorizations, question.handle, now=question.now)
        answers = [approve(question), declined] if first is approve else [declined, approve(question)]
        known = len(await site.grants())

        outcomes = await asyncio.gather(*(outcome(one) for one in answers))

        assert sorted(one.startswith("http") for one in outcomes) == [False, True], outcomes
        assert "request_over" in outcomes
        approved = any("code=" in one for one in outcomes)
        assert len(await site.grants()) - known == (1 if approved else 0)


async def test_a_hundred_approvals_of_one_request_make_one_grant(server, registered, site):
    """And one code: a browser may send its answer twice."""
    grant = await waiting(site)
    for question in (await question_of(site), await question_of(site, grant)):
        known = len(await site.grants())

        urls = await asyncio.gather(*(approve(question) for _ in range(100)), return_exceptions=True)

        assert len({url for url in urls if isinstance(url, str)}) == 1
        assert all(isinstance(url, str | RequestOver) for url in urls), urls
        assert len(await site.grants()) - known == (0 if question.asked.cds_grant_id else 1)
    assert len((await shown(registered, grant.grant_id))["receipt_confirmations"]) == 1


async def test_a_client_that_was_changed_meanwhile_gets_no_code(registered, site, browser):
    """Its redirect URI, its scope, its status: what the user saw does not hold any more."""
    path = f"/cds-api/v1/clients/{site.client_id}"
    body = (await registered.get(path)).json()

    view = await site.consent(browser, scope="test_usage")
    await registered.put(path, body | {"scope": "test_costs", "cds_default_scope": "test_costs"})
    sent_back(await browser.submit(view, "Approve"), "invalid_scope")
    await registered.put(path, body)
    for change in ({"redirect_uris": body["redirect_uris"][:1]}, {"cds_status": "disabled"}):
        await registered.put(path, body)
        view = await site.consent(browser)
        await registered.put(path, body | change)
        response = await browser.submit(view, "Approve")
        assert response.status_code == 410
        assert "location" not in response.headers

    assert await site.grants() == []


async def test_a_user_finds_what_was_authorized(server, registered, site, browser):
    grant = await waiting(site)
    await site.approved(browser, cds_grant_id=grant.grant_id)
    server.clock.advance(seconds=1)
    await site.approved(browser)

    found = [one.grant_id for one in await users(server).grants_of_user(MARA_ID)]

    assert set(found) == {grant.grant_id, (await site.newest())["grant_id"]}
    for grant_id in found:
        assert (await load(registered, grant_id)).internal.user_id == MARA_ID


async def test_a_request_for_a_new_sign_in_is_not_answered_with_an_old_one(server, site):
    question = await question_of(site, prompt="login")
    old = UserSession(user_id=MARA_ID, name="Mara", sandbox=True, authenticated_at=question.user.authenticated_at - 1)
    with pytest.raises(RequestOver):
        await approve(replace(question, user=old))


async def test_a_real_customer_cannot_authorize_a_sandbox_client(site):
    """Ambiguities F8, whatever the pages offer."""
    question = await question_of(site)
    real = UserSession(user_id="oidc:1", name="Real", sandbox=False, authenticated_at=question.user.authenticated_at)
    with pytest.raises(RequestOver):
        await approve(replace(question, user=real))
    assert await site.grants() == []
