"""online_form: a text to accept on our own page, or a form elsewhere (CDS-WG1-02 3.6)."""

import asyncio
import hashlib
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.catalog import Catalog
from app.domain.directory import MessageSearch
from app.domain.onboarding_links import renew
from app.errors import StoreUnavailable
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server
from tests.html_pages import UserBrowser, View
from tests.message_objects import reread, updates_of
from tests.onboarding import (
    CONTACTS,
    EVERY_STEP,
    SECRET,
    accept_text,
    decide,
    open_step,
    query_of,
    report,
    request_of,
    requirement_of,
    statuses,
    with_form,
)

ATTACK = "<script>alert(1)</script>"
FORM = "https://sign.example/envelopes?template=7&lang=en#start"


@pytest.fixture
async def client(server: Server) -> Registered:
    return await server.register(EVERY_STEP, client_name="Meadow Home", contacts=CONTACTS)


@pytest.fixture
async def reviewed(make_server: MakeServer, demo_catalog: Catalog) -> Registered:
    """A Client of a utility where an operator looks at each acceptance."""
    form = demo_catalog.registration_fields["data_terms"].form
    assert form
    server = await make_server(with_form(demo_catalog, "data_terms", text=form.text, review="operator"))
    return await server.register(EVERY_STEP, client_name="Meadow Home")


async def waiting(server: Server) -> list[str]:
    """The names of the Messages in the inbox of operators."""
    assert server.service.state
    sheet = await server.service.state["directory"].messages(MessageSearch(waiting=True))
    return [one.object.name for one in sheet.items]


def text_of(server: Server) -> str:
    """What is to be accepted."""
    form = server.context.catalog.registration_fields["data_terms"].form
    assert form
    assert form.text
    return form.text


async def test_the_page_shows_the_text_and_asks_for_a_name(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")

    assert view.title == "Data terms - Prairie & Lake Energy"
    assert "Read and accept the terms for customer data." in view.text
    assert "<h2>Terms for customer data</h2>" in view.response.text
    assert f"This step belongs to Meadow Home , registration {client.client_id}" in view.text
    assert view.links["More about the step"]["href"] == f"{PUBLIC_URL}/docs/registration-fields#data_terms"
    assert "script" not in view.tags


@pytest.mark.clause("WG1-02-3.6-50", "WG1-02-3.6-51")
async def test_what_is_accepted_is_confirmed_and_complete(server: Server, client: Registered) -> None:
    """Two answers: that it has arrived, and that it is accepted, which overrides the first (ambiguities C10)."""
    request = await request_of(client, "data_terms")
    server.clock.advance(hours=1)

    view = await accept_text(client, name="  Ada   Kunde ")

    assert "This step is complete" in view.text
    assert "Accepted by Ada Kunde" in view.text
    assert await statuses(client, request) == ["complete", "complete", "complete"]
    first, second = sorted((one["name"] for one in await updates_of(client, request)), reverse=True)
    assert (first, second) == ("In review: Data terms", "Completed: Data terms")
    requirement = await requirement_of(client, "data_terms")
    (evidence,) = requirement.evidence
    assert requirement.status == "met"
    assert (evidence.name, evidence.at, evidence.message_id) == ("Ada Kunde", server.clock.now, request["message_id"])
    assert evidence.text_digest == hashlib.sha256(text_of(server).encode()).hexdigest()


@pytest.mark.clause("WG1-02-3.6-50", "WG1-02-3.6-51", "WG1-02-3.6-52")
async def test_where_an_operator_looks_at_it_what_is_accepted_is_pending(reviewed: Registered) -> None:
    """In the inbox, until somebody decides; after a rejection it can be submitted again."""
    server, request = reviewed.server, await request_of(reviewed, "data_terms")

    view = await accept_text(reviewed)

    assert "We have it" in view.text
    assert "Accepted by Ada Kunde" in view.text
    (update,) = await updates_of(reviewed, request)
    assert (update["status"], update["previous_uri"]) == ("pending", request["uri"])
    assert "Data terms" in await waiting(server)
    assert await statuses(reviewed, request) == ["pending", "pending"]
    await decide(reviewed, "data_terms", "rejected", "Please have a director sign.")
    assert await statuses(reviewed, request) == ["rejected", "rejected", "rejected"]
    async with UserBrowser(server) as browser:
        view = await open_step(browser, reviewed, "data_terms")
        assert "This was not accepted. Please have a director sign." in view.text
        await browser.press(view, "Accept", name="Grace", agreed="yes")
    await decide(reviewed, "data_terms", "complete")
    assert (await statuses(reviewed, request))[0] == "complete"
    assert [one.name for one in (await requirement_of(reviewed, "data_terms")).evidence] == ["Ada Kunde", "Grace"]


async def test_what_an_operator_has_rejected_is_an_operators_again(client: Registered) -> None:
    """Also where texts are accepted without one."""
    await decide(client, "data_terms", "rejected", "Not with this company.")

    view = await accept_text(client)

    assert "We have it" in view.text
    assert await statuses(client, await request_of(client, "data_terms")) == ["pending", "rejected", "pending"]


async def test_of_what_is_half_done_nothing_is_lost(
    server: Server, client: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away after the confirmation; whoever comes next completes the step."""
    request = await request_of(client, "data_terms")
    apply, calls = server.context.records.apply, []

    async def once(change: Any) -> None:
        calls.append(change)
        if len(calls) > 1:
            raise StoreUnavailable("gone")
        await apply(change)

    async with UserBrowser(server) as browser:
        view = await browser.open(request["related_uri"])
        monkeypatch.setattr(type(server.context.records), "apply", lambda _, change: once(change))
        answer = await browser.submit(view, "Accept", name="Ada", agreed="yes")
        monkeypatch.undo()

    assert answer.status_code == 503
    assert await statuses(client, request) == ["pending", "pending"]
    assert server.service.state
    due = await server.service.state["directory"].due(server.clock.now)
    assert request["message_id"] in {one.object_id for one in due}
    await renew(server.context, client.registration_id, request["message_id"], server.clock.now)
    assert await statuses(client, request) == ["complete", "complete", "complete"]
    assert (await requirement_of(client, "data_terms")).status == "met"
    assert await server.service.state["directory"].due(server.clock.now) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "Ada"}, "tick the box"),
        ({"name": "Ada", "agreed": "no"}, "tick the box"),
        ({"name": "", "agreed": "yes"}, "Please write your name"),
        ({"name": " \u00a0 ", "agreed": "yes"}, "Please write your name"),
        ({"name": "A" * 201, "agreed": "yes"}, "Please write your name"),
        ({"name": "Ada\x1b[2J", "agreed": "yes"}, "Please write your name"),
        ({"name": "Ada\u202e\u2028", "agreed": "yes", "text_digest": "x"}, "changed since you opened"),
        ({"name": "Ada", "agreed": "yes", "text_digest": ""}, "changed since you opened"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_is_accepted(
    server: Server, client: Registered, values: dict[str, str], said: str
) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(
            await open_step(browser, client, "data_terms"), "Accept", **({"agreed": ""} | values)
        )

    assert view.response.status_code in {400, 409}
    assert said in view.text
    assert "Terms for customer data" in view.text
    assert (await requirement_of(client, "data_terms")).evidence == []
    assert (await request_of(client, "data_terms"))["status"] == "open"


async def test_what_was_typed_is_kept(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await browser.press(
            await open_step(browser, client, "data_terms"), "Accept", name='Ada "A" <K>', agreed=""
        )
        assert view.form("Accept").values["name"] == 'Ada "A" <K>'
        view = await browser.press(view, "Accept", agreed="yes")
    assert "This step is complete" in view.text


async def test_a_text_that_has_changed_is_read_again(
    server: Server, client: Registered, make_server: MakeServer, demo_catalog: Catalog
) -> None:
    async with UserBrowser(server) as before:
        view = await open_step(before, client, "data_terms")
        later = await make_server(
            with_form(demo_catalog, "data_terms", text="# New terms\n\nBe kind."), store=server.service.parts.store
        )
        async with UserBrowser(later) as after:
            after.http.cookies = before.http.cookies
            view = await after.press(view, "Accept", name="Ada", agreed="yes")
            assert view.response.status_code == 409
            assert "changed since you opened this page" in view.text
            assert "Be kind." in view.text
            view = await after.press(view, "Accept", agreed="yes")
    assert "This step is complete" in view.text
    (evidence,) = (await requirement_of(client, "data_terms")).evidence
    assert evidence.text_digest == hashlib.sha256(b"# New terms\n\nBe kind.").hexdigest()


async def test_of_many_who_accept_at_once_one_counts(server: Server, client: Registered) -> None:
    request = await request_of(client, "data_terms")
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")
        submit = [browser.submit(view, "Accept", name=f"Ada {number}", agreed="yes") for number in range(20)]
        answers = await asyncio.gather(*submit)

    assert {one.status_code for one in answers} <= {303, 200, 409}
    assert len((await requirement_of(client, "data_terms")).evidence) == 1
    assert await statuses(client, request) == ["complete", "complete", "complete"]


async def test_accepting_twice_changes_nothing(server: Server, client: Registered) -> None:
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")
        await browser.press(view, "Accept", name="Ada", agreed="yes")
        before = await client.messages()
        again = await browser.press(view, "Accept", name="Eve", agreed="yes")

    assert "Accepted by Ada" in again.text
    assert await client.messages() == before


@pytest.mark.parametrize("attack", ["no token", "another step", "another browser", "another site", "no cookies"])
async def test_a_form_of_somebody_else_does_nothing(server: Server, client: Registered, attack: str) -> None:
    async with UserBrowser(server) as browser, UserBrowser(server) as other:
        view = await open_step(browser, client, "data_terms")
        values = {"name": "Eve", "agreed": "yes"}
        headers = {"Sec-Fetch-Site": "same-origin"}
        if attack == "no token":
            values["form_token"] = ""
        elif attack == "another step":
            elsewhere = await open_step(browser, client, "contact_check")
            values["form_token"] = elsewhere.form("Send the code").values["form_token"]
        elif attack == "another browser":
            values["form_token"] = (await open_step(other, client, "data_terms")).form("Accept").values["form_token"]
        elif attack == "another site":
            headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        else:
            browser.http.cookies.clear()
        form = view.form("Accept")
        answer = await browser.send("POST", form.action, data=form.values | values, headers=headers)

    assert answer.status_code == 403
    assert "Nothing was done" in View(answer).text
    assert (await requirement_of(client, "data_terms")).evidence == []


@pytest.mark.parametrize(
    ("send", "status"),
    [
        ({"json": {"do": "accept"}}, 400),
        ({"data": {"do": "send"}}, 404),
        ({"data": {"do": "verify"}}, 404),
        ({"data": {}}, 400),
        ({"content": b"do=accept&do=accept", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 400),
        ({"data": {"do": "accept", "name": "x" * 2_000_000}}, 413),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    server: Server, client: Registered, send: dict[str, Any], status: int
) -> None:
    link = (await request_of(client, "data_terms"))["related_uri"]

    answer = await server.http.post(link, **send)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await server.http.request(method, link)).status_code == 405


async def test_what_clients_and_people_write_is_text(server: Server) -> None:
    """On every page, in every state."""
    client = await server.register(EVERY_STEP, client_name=ATTACK, contacts=[f'"{ATTACK}"@x.example', "ops@x.example"])
    async with UserBrowser(server) as browser:
        views = [await open_step(browser, client, name) for name in ("data_terms", "contact_check", "portal_account")]
        views.append(await browser.press(views[0], "Accept", name=ATTACK, agreed=""))
        views.append(await browser.press(views[-1], "Accept", agreed="yes"))

    for view in views:
        assert "script" not in view.tags
        assert ATTACK in view.text
    assert f"Accepted by {ATTACK}" in views[-1].text


async def test_a_text_cannot_bring_anything_along(make_server: MakeServer, demo_catalog: Catalog) -> None:
    """Neither HTML nor images nor scripts in links."""
    links = "![x](https://x.example/y.png) [a](javascript:alert(1)) [b](https://b.example/)"
    text = f"# A\n\n{ATTACK} {links}\n\n| a |\n|--|\n| 1 |"
    server = await make_server(with_form(demo_catalog, "data_terms", text=text))
    client = await server.register(EVERY_STEP)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")

    assert not {"script", "img", "iframe"} & set(view.tags)
    assert ATTACK in view.text
    assert view.links["b"]["href"] == "https://b.example/"
    assert not any("javascript" in link["href"] for link in view.links.values())
    assert "table" in view.tags


@pytest.fixture
async def elsewhere(make_server: MakeServer, demo_catalog: Catalog) -> Registered:
    """A Client of a utility whose terms are signed with a service."""
    catalog = with_form(demo_catalog, "data_terms", url=FORM)
    server = await make_server(catalog, CDS_ONBOARDING_CALLBACK_SECRET=SECRET)
    return await server.register(EVERY_STEP)


@pytest.mark.clause("WG1-02-3.6-47")
async def test_a_form_elsewhere_is_told_what_it_is_about(elsewhere: Registered) -> None:
    """Each time that the link is opened; what the catalog has in the query stays."""
    request = await request_of(elsewhere, "data_terms")
    for _ in range(2):
        answer = await elsewhere.server.http.get(request["related_uri"])
        location = answer.headers["location"]
        asked = query_of(location)

        assert answer.status_code == 303
        assert location.startswith("https://sign.example/envelopes?template=7&lang=en&")
        assert urlsplit(location).fragment == "start"
        assert asked["message_id"] == request["message_id"]
        assert answer.headers["referrer-policy"] == "same-origin"
        assert request["related_uri"].rpartition("=")[2] not in location, "the key stays here"


@pytest.mark.clause("WG1-02-3.6-50", "WG1-02-3.6-51", "WG1-02-3.6-52")
@pytest.mark.parametrize(
    ("reported", "said"),
    [
        ([], "Nothing has arrived yet"),
        (["pending"], "We have it"),
        (["pending", "rejected"], "This was not accepted"),
        (["pending", "complete"], "This step is complete"),
    ],
)
async def test_people_come_back_and_see_how_far_the_step_is(
    elsewhere: Registered, reported: list[str], said: str
) -> None:
    server, request = elsewhere.server, await request_of(elsewhere, "data_terms")
    location = (await server.http.get(request["related_uri"])).headers["location"]
    for status in reported:
        server.clock.advance(seconds=5)
        answer = await report(server, status, request["message_id"], status, description="Because.")
        assert answer.json() == {"message_id": request["message_id"], "status": status}

    view = View(await server.http.get(query_of(location)["return_url"]))

    assert said in view.text
    assert view.forms == []
    assert request["related_uri"] not in view.response.text
    assert (await reread(elsewhere, request))["status"] == (reported[-1] if reported else "open")
    assert [one["status"] for one in await updates_of(elsewhere, request)] == reported[-1:] * len(reported)


async def test_the_way_back_opens_nothing(elsewhere: Registered) -> None:
    server, request = elsewhere.server, await request_of(elsewhere, "data_terms")
    back = query_of((await server.http.get(request["related_uri"])).headers["location"])["return_url"]

    assert (await server.http.post(back, data={"do": "accept"})).status_code == 404
    assert (await server.http.get(back.replace("back=", "key="))).status_code == 404
    assert (await server.http.get(f"{back}x")).status_code == 404
    assert (await server.http.get(f"{back}&back=x")).status_code == 404


async def test_a_form_that_is_signed_elsewhere_is_not_accepted_here(elsewhere: Registered) -> None:
    request = await request_of(elsewhere, "data_terms")

    answer = await elsewhere.server.http.post(
        request["related_uri"], data={"do": "accept", "name": "Eve", "agreed": "yes"}
    )

    assert answer.status_code == 404
    assert (await reread(elsewhere, request))["status"] == "open"


async def test_without_a_form_the_step_waits_for_an_operator(make_server: MakeServer, demo_catalog: Catalog) -> None:
    server = await make_server(with_form(demo_catalog, "data_terms"))
    client = await server.register(EVERY_STEP)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, client, "data_terms")
        assert "There is nothing to do on this page" in view.text
        assert view.forms == []
        await decide(client, "data_terms", "complete")
        view = await open_step(browser, client, "data_terms")
    assert "This step is complete" in view.text


async def test_what_a_person_may_send_is_limited_by_source(make_server: MakeServer, demo_catalog: Catalog) -> None:
    server = await make_server(demo_catalog, CDS_RATE_LIMIT_ANONYMOUS="5/minute")
    answers = [await server.http.get("/onboarding/nothing?key=x") for _ in range(7)]

    assert [one.status_code for one in answers] == [404] * 5 + [429] * 2
