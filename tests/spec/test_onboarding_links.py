"""The links of onboarding Messages: who may open them, how often, for how long, and what follows (CDS-WG1-02 3.6)."""

import asyncio
import io
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain.onboarding_links import renew
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server, changed
from tests.grant_objects import suspend
from tests.html_pages import UserBrowser, View
from tests.message_objects import operator_posts, reread
from tests.onboarding import (
    CONTACTS,
    EVERY_STEP,
    accept_text,
    decide,
    hand_in_pdf,
    internal_of,
    open_step,
    request_of,
    requirement_of,
    statuses,
    with_form,
)

EXPIRING = ("data_terms", "contact_check", "portal_account", "setup_fee")
PAGES = {
    "data_terms": "Terms for customer data",
    "contact_check": "Send a code",
    "portal_account": "We do this for you",
    "setup_fee": "To be paid",
}


def patient(catalog: Catalog, **registration: Any) -> Catalog:
    """A catalog whose client_secrets outlive every test."""
    return changed(catalog, registration={"secret_ttl_seconds": None, **registration})


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """The demo utility, where the fee is paid without a checkout elsewhere and secrets live as long as links."""
    return await make_server(patient(with_form(demo_catalog, "setup_fee", text="Send a cheque.")))


@pytest.fixture
async def client(server: Server) -> Registered:
    return await server.register(EVERY_STEP, contacts=CONTACTS)


async def sweep(server: Server) -> int:
    """What happens when nobody is asking: whatever is due is done. How much that was."""
    assert server.service.state
    due = await server.service.state["directory"].due(server.clock.now)
    for one in due:
        await renew(server.context, one.registration_id, one.object_id, server.clock.now)
    return len(due)


@pytest.mark.clause("WG1-02-3.6-09", "WG1-02-3.6-19", "WG1-02-3.6-27", "WG1-02-3.6-47")
@pytest.mark.parametrize("field_id", EXPIRING)
async def test_a_link_may_be_opened_again_and_again(server: Server, client: Registered, field_id: str) -> None:
    """In fresh sessions and in the same one, by anybody who has it."""
    link = (await request_of(client, field_id))["related_uri"]

    for _ in range(3):
        server.clock.advance(days=20)
        async with UserBrowser(server) as browser:
            for view in (await browser.open(link), await browser.open(link)):
                assert view.response.status_code == 200
                assert PAGES[field_id] in view.text
    assert await statuses(client, await request_of(client, field_id)) == ["open"]


async def test_the_blank_form_may_be_downloaded_for_ever(server: Server, client: Registered) -> None:
    link = (await request_of(client, "insurance_form"))["related_uri"]

    for _ in range(3):
        server.clock.advance(days=200)
        answer = await server.http.get(link)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/pdf"
    assert (await request_of(client, "insurance_form"))["related_uri"] == link


@pytest.mark.clause("WG1-02-3.6-10", "WG1-02-3.6-20", "WG1-02-3.6-28", "WG1-02-3.6-48")
@pytest.mark.parametrize("way", ["somebody opens it", "nobody opens it"])
@pytest.mark.parametrize("field_id", EXPIRING)
async def test_an_expired_link_is_followed_by_a_request_with_a_new_one(
    server: Server, client: Registered, field_id: str, way: str
) -> None:
    """A reply of the same type, at once when somebody opens the old link, else in the background."""
    old = await request_of(client, field_id)
    server.clock.advance(days=91)
    assert await request_of(client, field_id) == old

    if way == "somebody opens it":
        view = View(await server.http.get(old["related_uri"]))
        assert view.response.status_code == 410
        assert "This link has expired" in view.text
    else:
        assert await sweep(server) == len(EXPIRING)
    new = await request_of(client, field_id)

    assert (new["type"], new["previous_uri"], new["status"]) == (old["type"], old["uri"], "open")
    assert (new["related_type"], new["name"], new["read"]) == (old["related_type"], old["name"], False)
    assert (new.get("amount"), new.get("currency")) == (old.get("amount"), old.get("currency"))
    assert new["related_uri"] != old["related_uri"]
    assert PAGES[field_id] in View(await server.http.get(new["related_uri"])).text
    assert (await server.http.get(old["related_uri"])).status_code == 410
    assert (await requirement_of(client, field_id)).message_id == new["message_id"]


async def test_what_is_due_is_done_once_and_for_all(server: Server, client: Registered) -> None:
    server.clock.advance(days=91)

    assert await sweep(server) == len(EXPIRING)
    assert await sweep(server) == 0
    server.clock.advance(days=91)
    assert await sweep(server) == len(EXPIRING)
    assert len(await client.messages("payment_request")) == 3


async def test_of_many_who_come_at_once_one_renews(server: Server, client: Registered) -> None:
    old = await request_of(client, "data_terms")
    server.clock.advance(days=91)

    answers = await asyncio.gather(*(server.http.get(old["related_uri"]) for _ in range(30)), sweep(server))

    assert {one.status_code for one in answers[:-1]} <= {410, 409}
    terms = [one for one in await client.messages("online_form_request") if one["name"] == "Data terms"]
    assert len(terms) == 2


async def test_both_requests_get_the_same_answer(server: Server, client: Registered) -> None:
    """Ambiguities A25."""
    old = await request_of(client, "data_terms")
    server.clock.advance(days=91)
    await sweep(server)
    new = await request_of(client, "data_terms")

    await accept_text(client)

    assert (await reread(client, old))["status"] == (await reread(client, new))["status"] == "complete"
    assert (await requirement_of(client, "data_terms")).status == "met"
    view = View(await server.http.get(old["related_uri"]))
    assert (view.response.status_code, "This step is complete" in view.text) == (200, True)


async def test_the_page_of_an_expired_link_leads_nowhere(server: Server, client: Registered) -> None:
    """Not to the new link, and not to anything about the registration."""
    old = await request_of(client, "data_terms")
    server.clock.advance(days=91)
    view = View(await server.http.get(old["related_uri"]))

    new = await request_of(client, "data_terms")
    assert set(view.links) == {"Privacy", "Terms", "Help"}
    for hidden in (new["message_id"], client.client_id, new["related_uri"].rpartition("=")[2]):
        assert hidden not in view.response.text


async def test_nobody_acts_on_an_expired_link(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")
        server.clock.advance(days=91)
        answer = await browser.submit(view, "Accept", name="Ada", agreed="yes")

    assert answer.status_code == 410
    assert (await requirement_of(client, "data_terms")).evidence == []


async def test_a_link_lives_on_while_we_look_at_what_was_submitted(server: Server, client: Registered) -> None:
    request = await request_of(client, "setup_fee")
    async with UserBrowser(server) as browser:
        view = await browser.press(await browser.open(request["related_uri"]), "I have paid", reference="cheque 7")
        server.clock.advance(days=100)
        await sweep(server)
        again = await browser.open(request["related_uri"])

    assert "We have it" in view.text
    assert "We have it" in again.text
    assert (await request_of(client, "setup_fee"))["uri"] == request["uri"]
    await decide(client, "setup_fee", "rejected", "There is no cheque.")
    assert (await server.http.get(request["related_uri"])).status_code == 200
    server.clock.advance(days=91)
    await sweep(server)
    renewed = await request_of(client, "setup_fee")
    assert (renewed["previous_uri"], renewed["status"]) == (request["uri"], "open")
    assert (await requirement_of(client, "setup_fee")).status == "open"


async def test_the_catalog_may_let_links_live_for_ever(make_server: MakeServer, demo_catalog: Catalog) -> None:
    server = await make_server(patient(demo_catalog, onboarding_link_ttl_seconds=None))
    client = await server.register(EVERY_STEP)
    old = await request_of(client, "data_terms")
    server.clock.advance(days=4000)

    assert await sweep(server) == 0
    assert (await server.http.get(old["related_uri"])).status_code == 200


async def test_requests_that_are_complete_are_not_renewed(server: Server, client: Registered) -> None:
    request = await request_of(client, "setup_fee")
    await decide(client, "setup_fee", "complete")
    server.clock.advance(days=91)

    await sweep(server)

    assert await sweep(server) == 0
    assert await client.messages("payment_request") == [await reread(client, request)]


def broken(link: str, other: str) -> dict[str, str]:
    """Links that are nearly right."""
    base, _, key = link.rpartition("=")
    return {
        "no key": link.partition("?")[0],
        "an empty key": f"{base}=",
        "a key cut short": link[:-1],
        "a longer key": f"{link}x",
        "another key": f"{base}={'x' * len(key)}",
        "two keys": f"{link}&key={key}",
        "a key of another registration": f"{base}={other.rpartition('=')[2]}",
        "a key that is no text": f"{base}=%ff%00",
        "a very long key": f"{base}={'x' * 60_000}",
        "another message": link.replace(link.partition("?")[0][-10:], "0123456789"),
        "no message": f"{PUBLIC_URL}/onboarding/nothing?key={key}",
        "a registration": f"{PUBLIC_URL}/onboarding/{other.partition('-')[0].rpartition('/')[2]}?key={key}",
        "the way back": f"{base.removesuffix('key')}back={key}",
        "no line": f"{base}=%0A",
    }


async def test_a_link_that_is_not_quite_right_leads_nowhere(server: Server, client: Registered) -> None:
    """Unknown, mistyped and somebody else's look the same."""
    other = await server.register(EVERY_STEP)
    link = (await request_of(client, "data_terms"))["related_uri"]
    seen = set()
    for what, url in broken(link, (await request_of(other, "data_terms"))["related_uri"]).items():
        for answer in (await server.http.get(url), await server.http.post(url, data={"do": "accept"})):
            view = View(answer)
            assert answer.status_code == 404, what
            seen.add(view.text.partition("Request ")[0])
    assert len(seen) == 1


async def test_a_message_without_a_link_of_ours_has_no_page(server: Server, client: Registered) -> None:
    (review,) = await client.messages("production_request")

    for query in ("key=", "key=%0A", "back=%0A", ""):
        answer = await server.http.get(f"/onboarding/{review['message_id']}?{query}")
        assert answer.status_code == 404


async def test_the_key_goes_nowhere_else(json_log: io.BytesIO, make_server: MakeServer) -> None:
    """Not into the log, not into a cache, not to another site."""
    server = await make_server()
    client = await server.register(EVERY_STEP, contacts=CONTACTS)
    link = (await request_of(client, "data_terms"))["related_uri"]
    async with UserBrowser(server) as browser:
        view = await browser.open(link)
        await browser.submit(view, "Accept", name="Ada", agreed="yes")

    headers = view.response.headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "same-origin")
    assert view.policy["default-src"] == ["'none'"]
    assert view.policy["form-action"] == ["'self'"]
    lines = [line for line in json_log.getvalue().decode().splitlines() if '"httpx"' not in line]
    assert link.rpartition("=")[2] not in str(lines), "httpx is the test's own browser"
    assert client.registration_id in str(lines)


async def test_a_suspended_registration_waits(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")
        await suspend(client)
        answers = [
            await browser.send("GET", str(view.response.url)),
            await browser.submit(view, "Accept", name="Ada", agreed="yes"),
        ]

    for answer in answers:
        assert answer.status_code == 403
        assert "This registration is suspended" in View(answer).text


async def test_a_step_that_the_catalog_has_no_more_leads_nowhere(
    server: Server, client: Registered, make_server: MakeServer, demo_catalog: Catalog
) -> None:
    link = (await request_of(client, "data_terms"))["related_uri"]
    fields = {name: field for name, field in demo_catalog.registration_fields.items() if name != "data_terms"}
    scopes = {name: scope for name, scope in demo_catalog.scopes.items() if name != "ple_customer_data"}
    later = await make_server(
        changed(demo_catalog, registration_fields=fields, scopes=scopes), store=server.service.parts.store
    )

    assert (await later.http.get(link)).status_code == 404
    server.clock.advance(days=91)
    assert (
        await renew(later.context, client.registration_id, link.partition("?")[0].rpartition("/")[2], client.access.now)
        is None
    )


async def test_links_follow_the_public_url(make_server: MakeServer) -> None:
    server = await make_server(CDS_PUBLIC_URL=f"{PUBLIC_URL}/energy")
    client = await server.register(EVERY_STEP, contacts=CONTACTS)
    request = await request_of(client, "data_terms")
    assert request["related_uri"].startswith(f"{PUBLIC_URL}/energy/onboarding/")

    moved = await make_server(CDS_PUBLIC_URL="https://other.example", store=server.service.parts.store)
    link = request["related_uri"].replace(f"{PUBLIC_URL}/energy", "https://other.example")
    async with UserBrowser(moved) as browser:
        view = await browser.press(await browser.open(link), "Accept", name="Ada", agreed="yes")
    assert "This step is complete" in view.text


async def test_a_page_takes_a_round_trip(server: Server, client: Registered) -> None:
    link = (await request_of(client, "data_terms"))["related_uri"]
    before = server.connection.round_trips

    await server.http.get(link)

    assert server.connection.round_trips - before == 1


async def test_an_operators_renewal_is_left_alone(server: Server, client: Registered) -> None:
    """Whoever posts a request again by hand, with a link elsewhere, has one that nobody opens here."""
    old = await request_of(client, "data_terms")
    link = "https://forms.example/7"
    new = await operator_posts(client, type=old["type"], previous_uri=old["uri"], related_uri=link)

    answer = await server.http.get(f"/onboarding/{new['message_id']}?key=%0A")

    assert answer.status_code == 404
    assert (await internal_of(client, new)).link_expires == 0
    server.clock.advance(days=91)
    await sweep(server)
    assert (await reread(client, new))["status"] == "open"


async def test_a_submission_in_time_counts_although_its_link_is_old(server: Server, client: Registered) -> None:
    """A pdf_form goes through the Messages API, whatever becomes of links."""
    server.clock.advance(days=1000)
    request = await hand_in_pdf(client)

    assert await statuses(client, request) == ["pending", "pending"]


def test_every_kind_of_step_is_here(demo_catalog: Catalog) -> None:
    steps: dict[str, Any] = {
        name: field.type
        for name, field in demo_catalog.registration_fields.items()
        if field.type != "registration_field"
    }
    assert set(steps) == {*EXPIRING, "insurance_form", "staff_review"}
    assert len(set(steps.values())) == 6
