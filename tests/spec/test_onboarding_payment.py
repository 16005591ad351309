"""payment_required: a checkout elsewhere that reports, or a payment that an operator finds (CDS-WG1-02 3.6, 6.3)."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.directory import MessageSearch
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server
from tests.html_pages import UserBrowser, View
from tests.message_objects import operator_decides, operator_posts, reread, updates_of
from tests.onboarding import (
    CALLBACK,
    INTERCONNECTION,
    SECRET,
    decide,
    internal_of,
    open_step,
    query_of,
    report,
    request_of,
    requirement_of,
    signed,
    statuses,
    with_form,
)

FIELD = "setup_fee"
OTHER_SECRET = "whsec_" + "B" * 44
RECEIPT = "https://pay.prairie-lake.example/receipts/7"
SUM = {"amount": 250, "currency": "USD"}


@pytest.fixture
async def server(make_server: MakeServer) -> Server:
    """The demo utility, whose checkout reports."""
    return await make_server(CDS_ONBOARDING_CALLBACK_SECRET=SECRET)


@pytest.fixture
async def client(server: Server) -> Registered:
    return await server.register(INTERCONNECTION, client_name="Meadow Home")


@pytest.fixture
async def by_cheque(make_server: MakeServer, demo_catalog: Catalog) -> Registered:
    """A Client of a utility without a checkout."""
    catalog = with_form(demo_catalog, FIELD, text="Send a **cheque** to PO Box 7.")
    return await (await make_server(catalog)).register(INTERCONNECTION, client_name="Meadow Home")


@pytest.mark.clause("WG1-02-3.6-08", "WG1-02-3.6-09")
async def test_the_link_leads_to_the_checkout_each_time(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    assert (request["type"], request["related_type"], request["amount"]) == ("payment_request", "payment_form", 250)
    for _ in range(3):
        answer = await server.http.get(request["related_uri"])
        asked = query_of(answer.headers["location"])
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("https://pay.prairie-lake.example/setup-fee?message_id=")
        assert asked["message_id"] == request["message_id"]
        assert asked["return_url"].startswith(f"{PUBLIC_URL}/onboarding/{request['message_id']}?back=")


@pytest.mark.clause("WG1-02-3.6-12", "WG1-02-3.6-13", "WG1-02-6.3-06")
async def test_a_payment_is_pending_then_complete_with_a_receipt(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)

    assert (await report(server, "1", request["message_id"], "pending")).status_code == 200
    (update,) = await updates_of(client, request)
    assert (update["status"], update["previous_uri"]) == ("pending", request["uri"])
    assert (await requirement_of(client, FIELD)).status == "pending"
    server.clock.advance(seconds=30)
    answer = await report(server, "2", request["message_id"], "complete", receipt_uri=RECEIPT, **SUM)
    update, _ = await updates_of(client, request)

    assert answer.json() == {"message_id": request["message_id"], "status": "complete"}
    assert (update["status"], update["related_type"], update["related_uri"]) == ("complete", "payment_receipt", RECEIPT)
    assert (await requirement_of(client, FIELD)).status == "met"
    view = View(await server.http.get(request["related_uri"]))
    assert "Receipt" in view.title
    assert "250.00 USD" in view.text
    assert "Meadow Home" in view.text
    assert request["message_id"] in view.text
    assert view.links["Receipt of the payment service"]["href"] == RECEIPT


@pytest.mark.clause("WG1-02-3.6-14")
async def test_a_payment_that_fails_says_why_and_may_be_tried_again(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    await report(server, "1", request["message_id"], "pending")
    await report(server, "2", request["message_id"], "rejected", description="The card was declined.")

    update = (await updates_of(client, request))[0]
    assert {one["status"] for one in await updates_of(client, request)} == {"rejected"}
    assert "The card was declined." in {one["description"] for one in await updates_of(client, request)}
    assert update["previous_uri"] == request["uri"]
    assert (await server.http.get(request["related_uri"])).status_code == 303
    await report(server, "3", request["message_id"], "pending")
    await report(server, "4", request["message_id"], "complete", **SUM)
    assert (await statuses(client, request))[0] == "complete"


async def test_a_checkout_that_fails_can_still_be_followed_by_a_payment(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    for number, status in enumerate(("errored", "errored", "pending", "complete")):
        assert (await report(server, str(number), request["message_id"], status)).status_code == 200
    assert (await statuses(client, request))[0] == "complete"


async def test_the_same_call_again_changes_nothing(server: Server, client: Registered) -> None:
    """Also when something else has happened since: an old call that is sent once more does not bring its time back."""
    request = await request_of(client, FIELD)
    for call_id, status in (("1", "pending"), ("2", "rejected"), ("3", "pending")):
        await report(server, call_id, request["message_id"], status, description="No funds.")
    before = await client.messages()

    for call_id, status in (("2", "rejected"), ("1", "pending"), ("3", "pending")):
        answer = await report(server, call_id, request["message_id"], status, description="No funds.")
        assert answer.json() == {"message_id": request["message_id"], "status": "pending"}
    assert await client.messages() == before


async def test_many_of_the_same_call_at_once_have_one_effect(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    calls = [report(server, "same", request["message_id"], "complete", **SUM) for _ in range(30)]

    answers = await asyncio.gather(*calls)

    assert {one.status_code for one in answers} <= {200, 409}
    assert any(one.status_code == 200 for one in answers)
    assert len(await updates_of(client, request)) == 1


async def test_the_same_news_in_another_call_changes_nothing(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    for number in range(3):
        answer = await report(server, str(number), request["message_id"], "complete", **SUM)
        assert (answer.status_code, answer.json()["status"]) == (200, "complete")
    assert (await report(server, "late", request["message_id"], "pending")).json()["status"] == "complete"
    assert len(await updates_of(client, request)) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [("complete", "rejected"), ("rejected", "complete"), ("complete", "errored"), ("rejected", "errored")],
)
async def test_a_decision_that_contradicts_the_first_is_refused(
    server: Server, client: Registered, first: str, second: str
) -> None:
    request = await request_of(client, FIELD)
    await report(server, "1", request["message_id"], first, description="Because.")

    answer = await report(server, "2", request["message_id"], second, description="Because.")

    assert answer.status_code == 409
    assert answer.json()["error"] == "conflict"
    assert (await reread(client, request))["status"] == first


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"amount": 249.99, "currency": "USD"}, "amount"),
        ({"amount": 250, "currency": "EUR"}, "currency"),
        ({"amount": 250}, "currency"),
        ({"currency": "USD"}, "amount"),
        ({"amount": "250", "currency": "USD"}, "amount"),
        ({"amount": True, "currency": "USD"}, "amount"),
        ({"amount": 250, "currency": 7}, "currency"),
        ({"amount": 1e400, "currency": "USD"}, None),
        ({"receipt_uri": "javascript:alert(1)"}, "receipt_uri"),
        ({"receipt_uri": "https://user:secret@pay.example/"}, "receipt_uri"),
        ({"description": 7}, "description"),
        ({"description": "x" * 70_000}, "description"),
        ({"description": "\x07"}, None),
    ],
)
async def test_a_report_that_is_not_right_is_refused(
    server: Server, client: Registered, more: dict[str, Any], field: str | None
) -> None:
    request = await request_of(client, FIELD)

    answer = await report(server, "1", request["message_id"], "complete", **more)

    assert answer.status_code == 400
    if field:
        assert answer.json()["errors"][0]["field"] == field
    assert (await reread(client, request))["status"] == "open"


@pytest.mark.parametrize("amount", [250, 250.0])
async def test_an_amount_is_compared_as_a_number(server: Server, client: Registered, amount: float) -> None:
    request = await request_of(client, FIELD)
    answer = await report(server, "1", request["message_id"], "complete", amount=amount, currency="USD")
    assert answer.status_code == 200


@pytest.mark.parametrize("status", ["open", "met", "", None, 7, ["complete"]])
async def test_a_status_that_nobody_reports_is_refused(server: Server, client: Registered, status: Any) -> None:
    request = await request_of(client, FIELD)
    assert (await report(server, "1", request["message_id"], status)).status_code == 400


async def test_a_rejection_needs_a_reason(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    assert (await report(server, "1", request["message_id"], "rejected")).status_code == 400
    assert (await report(server, "2", request["message_id"], "rejected", description=" \n")).status_code == 400


async def test_only_steps_that_are_taken_elsewhere_are_reported(server: Server, client: Registered) -> None:
    """Whoever has the secret of the checkout cannot accept texts, verify addresses or review PDFs."""
    for field_id in ("contact_check", "portal_account", "insurance_form"):
        request = await request_of(client, field_id)
        assert (await report(server, field_id, request["message_id"], "complete")).status_code == 400
        assert (await reread(client, request))["status"] == "open"
    client_object = (await client.clients())["ple_interconnection"]
    body = {"type": "production_request", "name": "", "description": "", "related_uri": client_object["cds_client_uri"]}
    production = (await client.post("/cds-api/v1/messages", body)).json()
    assert (await report(server, "p", production["message_id"], "complete")).status_code == 400


async def test_what_an_operator_asks_for_with_a_link_elsewhere_may_be_reported(
    server: Server, client: Registered
) -> None:
    """And what is asked for with a link of ours may not."""
    fee = {"type": "payment_request", "amount": 12, "currency": "EUR"}
    message = await operator_posts(client, related_uri="https://pay.example/12", **fee)
    own = await operator_posts(client, related_uri=f"{PUBLIC_URL}/docs", **fee)

    wrong = await report(server, "1", message["message_id"], "complete", amount=13, currency="EUR")
    assert wrong.status_code == 400
    right = await report(server, "2", message["message_id"], "complete", amount=12, currency="EUR")
    assert right.json()["status"] == "complete"
    assert (await report(server, "3", own["message_id"], "complete")).status_code == 400


@pytest.mark.parametrize("message_id", ["nothing", "", 7, None, "0" * 14, "00zzzzzzzzzzzz-mzzzzzzzzzz"])
async def test_a_message_that_is_not_there_cannot_be_reported_on(server: Server, message_id: Any) -> None:
    assert (await report(server, "1", message_id, "complete")).status_code in {400, 404}


async def test_a_report_reaches_one_registration_only(server: Server, client: Registered) -> None:
    other = await server.register(INTERCONNECTION)
    request = await request_of(client, FIELD)
    await report(server, "1", request["message_id"], "complete", **SUM)
    assert (await request_of(other, FIELD))["status"] == "open"


def tampered(body: bytes, headers: dict[str, str], now: Any) -> dict[str, tuple[bytes, dict[str, str]]]:
    """A signed call in which something is not as it was signed."""
    asymmetric = headers["webhook-signature"].replace("v1,", "v1a,")
    late, early = now - timedelta(seconds=301), now + timedelta(seconds=301)
    return {
        "no headers": (body, {}),
        "no signature": (body, headers | {"webhook-signature": ""}),
        "no id": (body, headers | {"webhook-id": ""}),
        "no time": (body, headers | {"webhook-timestamp": ""}),
        "another body": (body.replace(b"pending", b"complete"), headers),
        "another id": (body, headers | {"webhook-id": "call-2"}),
        "another time": (body, headers | {"webhook-timestamp": str(int(now.timestamp()) + 1)}),
        "a time that is none": (body, headers | {"webhook-timestamp": "now"}),
        "a time far away": (body, headers | {"webhook-timestamp": "9" * 30}),
        "a time in other digits": (body, headers | {"webhook-timestamp": "-1"}),
        "another secret": (body, signed(body, now, secret=OTHER_SECRET)),
        "too old": (body, signed(body, now, at=late)),
        "from the future": (body, signed(body, now, at=early)),
        "an asymmetric one": (body, headers | {"webhook-signature": asymmetric}),
        "nothing behind the version": (body, headers | {"webhook-signature": "v1,"}),
        "no version": (body, headers | {"webhook-signature": headers["webhook-signature"][3:]}),
        "no Base64": (body, headers | {"webhook-signature": "v1,!!!!"}),
        "very many": (body, headers | {"webhook-signature": "v1,x " * 2000}),
        "no text": (b'{"message_id": "\xff"}', headers),
    }


async def test_a_call_that_is_not_signed_as_it_should_be_is_refused(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    body = json.dumps({"message_id": request["message_id"], "status": "pending"}).encode()
    headers = signed(body, server.clock.now)
    for what, (sent, with_headers) in tampered(body, headers, server.clock.now).items():
        answer = await server.http.post(CALLBACK, content=sent, headers=with_headers)
        assert answer.status_code == 401, what
        assert answer.json()["error"] == "invalid_signature"
    assert (await reread(client, request))["status"] == "open"
    several = headers | {"webhook-signature": f"v1,AAAA v2,x {headers['webhook-signature']}"}
    assert (await server.http.post(CALLBACK, content=body, headers=several)).status_code == 200


async def test_a_secret_can_be_replaced_without_a_gap(make_server: MakeServer) -> None:
    server = await make_server(CDS_ONBOARDING_CALLBACK_SECRET=f"{OTHER_SECRET} {SECRET}")
    client = await server.register(INTERCONNECTION)
    message_id = (await request_of(client, FIELD))["message_id"]
    for secret, status in ((SECRET, "pending"), (OTHER_SECRET, "complete")):
        body = json.dumps({"message_id": message_id, "status": status}).encode()
        headers = signed(body, server.clock.now, secret=secret, call_id=status)
        assert (await server.http.post(CALLBACK, content=body, headers=headers)).status_code == 200


async def test_without_a_secret_nobody_reports(make_server: MakeServer) -> None:
    server = await make_server()
    client = await server.register(INTERCONNECTION)
    answer = await report(server, "1", (await request_of(client, FIELD))["message_id"], "complete")

    assert answer.status_code == 404
    assert "CDS_ONBOARDING_CALLBACK_SECRET is not set" in answer.json()["detail"]
    assert (await server.http.get(CALLBACK)).status_code == 405


async def test_a_huge_report_is_refused_before_it_is_read(server: Server) -> None:
    answer = await server.http.post(CALLBACK, content=b"x" * 2_000_000, headers=signed(b"x", server.clock.now))
    assert answer.status_code == 413


async def test_what_was_reported_is_in_the_audit_log(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    await report(server, "1", request["message_id"], "complete", **SUM)

    assert server.service.state
    feed = server.service.state["feed"]
    await feed.relay()
    (record,) = await feed.latest_audit(registration_id=client.registration_id)
    assert (record.action, record.actor.via) == ("onboarding.callback", "callback")
    assert request["message_id"] in str(record.changes)


async def test_calls_are_remembered_for_a_while(server: Server, client: Registered) -> None:
    """The last twenty of a request, which is more than any system sends within five minutes."""
    request = await request_of(client, FIELD)
    for number in range(25):
        await report(server, str(number), request["message_id"], "pending" if number % 2 else "errored")
    assert (await internal_of(client, request)).calls == [str(number) for number in range(5, 25)]


async def test_a_report_about_the_old_request_counts_for_the_new_one(server: Server, client: Registered) -> None:
    """Somebody began to pay before the link was renewed (ambiguities A25)."""
    old = await request_of(client, FIELD)
    server.clock.advance(days=91)
    assert (await server.http.get(old["related_uri"])).status_code == 410
    new = await request_of(client, FIELD)
    assert new["uri"] != old["uri"]
    assert (await server.http.get(new["related_uri"])).status_code == 303

    await report(server, "1", old["message_id"], "complete", **SUM)

    assert (await reread(client, old))["status"] == (await reread(client, new))["status"] == "complete"
    assert (await requirement_of(client, FIELD)).status == "met"


@pytest.mark.clause("WG1-02-3.6-09", "WG1-02-3.6-12", "WG1-02-3.6-13", "WG1-02-6.3-06")
async def test_without_a_checkout_the_page_says_how_to_pay(by_cheque: Registered) -> None:
    """Somebody tells that they have paid, and an operator finds the money."""
    server, request = by_cheque.server, await request_of(by_cheque, FIELD)
    async with UserBrowser(server) as browser:
        view = await open_step(browser, by_cheque, FIELD)
        assert "250.00 USD" in view.text
        assert "<strong>cheque</strong>" in view.response.text
        view = await browser.press(view, "I have paid", reference=" Cheque 4711 ")

    assert "We have it" in view.text
    assert "Reference Cheque 4711" in view.text
    assert await statuses(by_cheque, request) == ["pending", "pending"]
    assert "Cheque 4711" in (await updates_of(by_cheque, request))[0]["description"]
    assert server.service.state
    inbox = await server.service.state["directory"].messages(MessageSearch(waiting=True))
    assert request["message_id"] in {one.object.message_id for one in inbox.items}
    server.clock.advance(days=3)
    update = await operator_decides(by_cheque, request, "complete")
    assert (update["related_type"], update["related_uri"]) == ("payment_receipt", request["related_uri"])
    view = View(await server.http.get(update["related_uri"]))
    assert "Receipt" in view.text
    assert "Accepted 4 June 2026" in view.text
    assert view.forms == []


@pytest.mark.clause("WG1-02-3.6-14")
async def test_a_payment_that_nobody_finds_can_be_reported_again(by_cheque: Registered) -> None:
    async with UserBrowser(by_cheque.server) as browser:
        await browser.press(await open_step(browser, by_cheque, FIELD), "I have paid", reference="1")
        await decide(by_cheque, FIELD, "rejected", "There is no such cheque.")
        view = await open_step(browser, by_cheque, FIELD)
        assert "There is no such cheque." in view.text
        view = await browser.press(view, "I have paid", reference="2")
    assert "We have it" in view.text
    assert [one.reference for one in (await requirement_of(by_cheque, FIELD)).evidence] == ["1", "2"]


@pytest.mark.parametrize("reference", ["", " ", "x" * 201, "a\x00b"])
async def test_a_payment_needs_a_reference(by_cheque: Registered, reference: str) -> None:
    async with UserBrowser(by_cheque.server) as browser:
        answer = await browser.submit(await open_step(browser, by_cheque, FIELD), "I have paid", reference=reference)
    assert answer.status_code == 400
    assert (await requirement_of(by_cheque, FIELD)).evidence == []


async def test_an_operator_marks_as_paid_what_nobody_has_reported(by_cheque: Registered) -> None:
    await decide(by_cheque, FIELD, "complete", "Paid by a cheque.")
    assert (await requirement_of(by_cheque, FIELD)).status == "met"


async def test_the_instructions_say_how_to_pay_where_there_is_no_form(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    server = await make_server(with_form(demo_catalog, FIELD))
    client = await server.register(INTERCONNECTION)
    async with UserBrowser(server) as browser:
        assert "ACH bank transfer" in (await open_step(browser, client, FIELD)).text


async def test_a_fee_that_has_changed_is_what_it_was_for_those_who_were_asked(
    server: Server, client: Registered, make_server: MakeServer, demo_catalog: Catalog
) -> None:
    field = replace(demo_catalog.registration_fields[FIELD], amount=demo_catalog.registration_fields[FIELD].amount * 2)
    catalog = replace(demo_catalog, registration_fields={**demo_catalog.registration_fields, FIELD: field})
    later = await make_server(catalog, store=server.service.parts.store, CDS_ONBOARDING_CALLBACK_SECRET=SECRET)
    old = await request_of(client, FIELD)
    server.clock.advance(days=91)
    await later.http.get(old["related_uri"])
    new = await request_of(client, FIELD)

    assert (new["uri"] != old["uri"], new["amount"]) == (True, 250)
    assert (await report(later, "1", new["message_id"], "complete", **SUM)).status_code == 200
