"""The inbox and exchanges of Messages as operators see them."""

from typing import Any

import pytest

from app.console.changes import latest_changes
from app.schemas.encoding import decode
from tests.conftest import Registered, Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import View
from tests.message_objects import EVERYTHING, PRIVATE, SUPPORT, attachment, created, reread


async def client_of(server: Server, name: str = "Meadow Software", scope: str = EVERYTHING) -> Registered:
    """A Client with everything that there is."""
    return await server.register(scope, client_name=name)


async def request_of(client: Registered, kind: str) -> dict[str, Any]:
    """The Message of a type that waits for something."""
    return next(one for one in await client.messages(kind) if one["status"] in {"open", "pending"})


def path_of(message: dict[str, Any]) -> str:
    """Its page."""
    return f"/console/messages/{message['message_id']}"


async def test_a_support_request_is_answered_in_two_clicks(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    await created(client, SUPPORT)

    inbox = await admin.open("/console/messages")
    assert "Meadow Software" in inbox.text
    message = await admin.open(inbox.links["Help"]["href"])
    answer = await admin.choose(message, "/decision", {"status": "complete"}, description="It works again.")
    page = await admin.after(answer)

    assert "It works again." in page.text
    assert "Nothing waits for you" in (await admin.open("/console/messages")).text
    updates = await client.messages("request_update")
    assert [one["description"] for one in updates] == ["It works again."]


async def test_the_inbox_can_be_narrowed_to_a_type(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    await created(client, SUPPORT)
    await created(client, PRIVATE)

    page = await admin.open("/console/messages?type=private_message")

    assert "Hello" in page.links
    assert "Help" not in page.links
    assert (await admin.send("GET", "/console/messages?type=letter")).status_code == 400
    assert (await admin.send("GET", "/console/messages?at=elsewhere")).status_code == 400


async def test_the_inbox_says_for_how_long_something_has_waited(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    await created(client, SUPPORT)
    server.clock.advance(minutes=50)

    assert "oldest 50 min" in (await admin.open("/console/messages")).text


async def test_a_long_inbox_has_pages(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    for number in range(52):
        server.clock.advance(seconds=1)
        await created(client, SUPPORT | {"name": f"Question {number}"})

    first = await admin.open("/console/messages")
    newer = await admin.open(first.links["Newer"]["href"])
    older = await admin.open(newer.links["Older"]["href"])

    assert questions(first) == [f"Question {number}" for number in range(50)]
    assert questions(newer) == ["Question 50", "Question 51"]
    assert questions(older) == questions(first)
    assert "Older" not in first.links
    assert "Newer" not in newer.links


async def test_what_waits_begins_with_the_oldest_and_everything_else_with_the_newest(
    server: Server, admin: Desk
) -> None:
    client = await client_of(server, scope="cds_client_admin")
    for number in range(3):
        server.clock.advance(seconds=1)
        await created(client, SUPPORT | {"name": f"Question {number}"})

    everything = await admin.open("/console/messages?show=outstanding")

    assert questions(await admin.open("/console/messages")) == ["Question 0", "Question 1", "Question 2"]
    assert questions(everything) == ["Question 2", "Question 1", "Question 0"]


def questions(page: View) -> list[str]:
    """The subjects of Messages on a page, in its order."""
    return [text for text in page.links if text.startswith("Question ")]


async def test_an_exchange_is_shown_in_order_with_who_wrote(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    request = await request_of(client, "pdf_form_request")
    await created(client, submission(request))

    page = await admin.open(path_of(request))

    asked, answered = page.text.index("Send the insurance form back"), page.text.index("form.pdf")
    assert asked < answered < page.text.index("What you submitted has arrived")
    assert f"From the Client {client.client_id}" in page.text


def submission(request: dict[str, Any], *files: dict[str, Any]) -> dict[str, Any]:
    """The answer to a PDF form."""
    return {
        "previous_uri": request["uri"],
        "type": "client_submission",
        "name": "",
        "description": "",
        "attachments": list(files) or [attachment()],
    }


@pytest.mark.clause("WG1-02-6.3-11")
async def test_a_rejection_without_a_reason_is_asked_for_one(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    request = await request_of(client, "pdf_form_request")
    await created(client, submission(request))
    page = await admin.open(path_of(request))

    refused = View(await admin.choose(page, "/decision", {"status": "rejected"}, description=""))
    assert refused.response.status_code == 400
    assert "A rejection needs a description that says why." in refused.text

    done = await admin.after(
        await admin.choose(refused, "/decision", {"status": "rejected"}, description="No signature.")
    )
    assert "No signature." in done.text
    assert (await reread(client, request))["status"] == "rejected"


async def test_what_was_entered_comes_back_with_a_refused_decision(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    request = await request_of(client, "payment_request")
    page = await admin.open(path_of(request))

    fields = {"description": "Thank you\r\nvery much", "receipt_uri": "nowhere"}
    refused = View(await admin.choose(page, "/decision", {"status": "complete"}, **fields))

    assert refused.response.status_code == 400
    form = next(one for one in refused.forms if one.action.endswith("/decision"))
    assert form.values["receipt_uri"] == "nowhere"
    assert form.values["description"].splitlines() == ["Thank you", "very much"]
    assert "receipt_uri must be an absolute http or https URL" in refused.text


async def test_who_comes_second_sees_what_happened_meanwhile(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    request = await created(client, SUPPORT)
    page = await admin.open(path_of(request))
    await admin.choose(page, "/decision", {"status": "complete"}, description="The first answer.")

    late = View(await admin.choose(page, "/decision", {"status": "complete"}, description="The second answer."))

    assert late.response.status_code == 409
    assert "Somebody was faster" in late.text
    assert "The first answer." in late.text
    assert len(await client.messages("request_update")) == 1


async def test_a_production_request_says_beforehand_what_approving_does(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    request = await request_of(client, "production_request")

    page = await admin.open(path_of(request))
    assert "Creates the production Client Object for ple_customer_data and its first Credential" in page.text
    assert "Onboarding steps that are not met: Data terms." in page.text

    await admin.choose(page, "/decision", {"status": "complete"})
    listing = (await client.get("/cds-api/v1/clients")).json()["clients"]
    assert {one["cds_status"] for one in listing if one["scope"] == "ple_customer_data"} == {"production", "sandbox"}


async def test_grants_that_are_asked_for_are_read_in_words(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    details = [{"type": "ple_customer_data", "interval": "quarter_hourly", "account_numbers": ["100-200"]}]
    asked = [{"scope": "ple_customer_data", "authorization_details": details}]
    body = SUPPORT | {"type": "grant_request", "name": "Readings", "grants_requested": asked}
    request = await created(client, body)

    page = await admin.open(path_of(request))
    assert "Length of interval 15 minutes" in page.text
    assert "Account numbers 100-200" in page.text
    assert "Creates one Grant as it says" in page.text

    await admin.choose(page, "/decision", {"status": "complete"})
    grants = (await client.get("/cds-api/v1/grants")).json()["grants"]
    assert "needs_authorization" in {one["status"] for one in grants}


async def test_files_are_chosen_where_files_are_asked_for(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    scope = "cds_server_provided_files_ple"
    asked = [{"scope": scope, "authorization_details": [{"type": scope, "file_id": "the study"}]}]
    request = await created(client, SUPPORT | {"type": "grant_request", "grants_requested": asked})
    await admin.send_files(
        "/console/files", {"form_token": await admin.token()}, ("study.pdf", b"%PDF", "application/pdf")
    )

    page = await admin.open(path_of(request))
    assert "study.pdf" in page.text
    nothing = View(await admin.choose(page, "/decision", {"status": "complete"}))
    assert nothing.response.status_code == 400
    assert "Choose the files that are to be shared." in nothing.text

    (library,) = (await server.context.library.page()).documents
    file_id = decode(library)["file_id"]
    shared = await admin.choose(page, "/decision", {"status": "complete", "file_id": file_id})
    assert shared.status_code == 303
    grants = (await client.get("/cds-api/v1/grants", params={"scopes": scope})).json()["grants"]
    assert [one["authorization_details"][0]["file_id"] for one in grants] == [file_id]


async def test_changes_under_review_are_a_table_of_before_and_after(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    mine = (await client.clients())["ple_customer_data"]
    kept = {name: mine[name] for name in ("redirect_uris", "contacts", "scope")}
    fields = {name: value for name, value in mine.items() if name in {"cds_company_name", "cds_privacy_policy"}}
    answer = await client.put(mine["cds_client_uri"], kept | fields | {"client_name": "Meadow & Sons"})
    assert answer.status_code == 202
    request = await request_of(client, "field_changes")

    page = await admin.open(path_of(request))
    assert "client_name Meadow Software Meadow & Sons" in page.text

    await admin.choose(page, "/decision", {"status": "complete"})
    assert (await client.clients())["ple_customer_data"]["client_name"] == "Meadow & Sons"


async def test_a_private_message_waits_until_it_is_noted(server: Server, support: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    message = await created(client, PRIVATE)
    page = await support.open(path_of(message))

    await support.press(page, "Mark as noted")

    assert "Nothing waits for you" in (await support.open("/console/messages")).text
    assert "Read it?" not in (await support.open(path_of(message))).text


async def test_a_reply_with_files_reaches_the_client(server: Server, support: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    message = await created(client, PRIVATE)
    page = await support.open(path_of(message))
    form = next(one for one in page.forms if one.action.endswith("/reply"))
    assert form.values["name"] == "Re: Hello"

    files = [("one.txt", b"first", "text/plain"), ("two.txt", b"second", "text/plain")]
    answer = await support.send_files(form.action, form.values | {"text": "Fine, thank you."}, *files)

    assert answer.status_code == 303
    sent = next(one for one in await client.messages("private_message") if one["name"] == "Re: Hello")
    assert sent["previous_uri"] == message["uri"]
    assert [one["filename"] for one in sent["attachments"]] == ["one.txt", "two.txt"]
    assert "Nothing waits for you" in (await support.open("/console/messages")).text


async def test_too_many_attachments_are_refused(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    message = await created(client, PRIVATE)
    page = await admin.open(path_of(message))
    form = next(one for one in page.forms if one.action.endswith("/reply"))
    big = ("big.bin", b"x" * (server.settings.max_attachments_bytes + 1), "application/octet-stream")

    answer = await admin.send_files(form.action, form.values | {"text": "See there."}, big)

    assert answer.status_code == 413
    assert len(await client.messages("private_message")) == 1


async def test_attachments_are_saved_and_never_shown(server: Server, viewer: Desk) -> None:
    client = await client_of(server)
    request = await request_of(client, "pdf_form_request")
    hostile = attachment(b"<script>alert(1)</script>", filename='"><img src=x>.html', mime_type="text/html")
    await created(client, submission(request, hostile, attachment(b"", filename="empty.pdf")))
    page = await viewer.open(path_of(request))
    link = page.links['"><img src=x>.html']
    assert "download" in link

    answer = await viewer.send("GET", link["href"])

    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (await viewer.send("GET", link["href"].replace("number=0", "number=7"))).status_code == 404
    part = await viewer.send("GET", link["href"], headers={"Range": "bytes=1-6"})
    assert (part.status_code, part.content) == (206, b"script")
    assert part.headers["content-disposition"].startswith("attachment")


async def test_what_clients_write_is_text(server: Server, admin: Desk) -> None:
    client = await client_of(server, HOSTILE)
    message = await created(client, SUPPORT | {"name": HOSTILE, "description": HOSTILE})
    for path in ("/console/messages", path_of(message)):
        page = await admin.open(path)
        assert HOSTILE in page.text.replace("\n", " ")
        assert "script" not in page.tags
        assert not page.images


async def test_links_of_clients_open_without_a_way_back(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    message = await created(
        client, SUPPORT | {"related_uri": "https://meadow.example/log", "related_type": "more_info"}
    )

    link = (await admin.open(path_of(message))).links["https://meadow.example/log"]

    assert link["rel"] == "noopener noreferrer nofollow"


async def test_the_secret_link_of_a_step_is_not_shown(server: Server, admin: Desk) -> None:
    client = await client_of(server)
    request = await request_of(client, "online_form_request")

    page = await admin.open(path_of(request))

    assert request["related_uri"] not in page.response.text
    assert "key=" not in page.response.text


async def test_a_question_can_be_asked_and_its_answer_written_down(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    write = f"/console/registrations/{client.registration_id}/write"
    page = await admin.open(f"{write}?type=server_request")
    form = next(one for one in page.forms if "name.0" in one.values)
    asked = {"name": "One question", "description": "Please answer.", "name.0": "Staff", "field.0": "staff"}
    sent = await admin.send_files(write, form.values | asked | {"description.0": "How many?"})
    assert sent.status_code == 303
    request = await request_of(client, "server_request")
    assert request["updates_requested"][0]["field"] == "staff"

    exchange = await admin.open(path_of(request))
    answer = await admin.open(exchange.links["Write the answer down"]["href"])
    form = next(one for one in answer.forms if "answer.staff" in one.values)
    await admin.send_files(write, form.values | {"answer.staff": "Seven."})

    assert (await reread(client, request))["status"] == "pending"
    assert "Seven." in (await admin.open(path_of(request))).text


async def test_what_is_wrong_with_a_field_of_a_question_stands_beside_it(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    write = f"/console/registrations/{client.registration_id}/write"
    page = await admin.open(f"{write}?type=server_request")
    form = next(one for one in page.forms if "name.0" in one.values)
    asked = {"name": "Two questions", "description": "Please.", "name.2": "Staff", "field.2": "staff"}

    refused = View(await admin.send_files(write, form.values | asked))

    assert refused.response.status_code == 400
    assert ("id", "error-description.2") in refused.attributes


async def test_a_payment_request_needs_a_page_and_takes_an_amount(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    write = f"/console/registrations/{client.registration_id}/write"
    page = await admin.open(f"{write}?type=payment_request")
    form = next(one for one in page.forms if "amount" in one.values)
    fields = form.values | {"name": "Fee", "description": "For the study.", "amount": "a lot", "currency": "USD"}

    refused = View(await admin.send_files(write, fields | {"related_uri": "https://pay.example/"}))
    assert refused.response.status_code == 400
    assert "amount must be a number such as 250.00." in refused.text
    for odd in ("NaN", "sNaN", "Infinity", "-1", "1e999999999"):
        refused = View(await admin.send_files(write, fields | {"amount": odd, "related_uri": "https://pay.example/"}))
        assert refused.response.status_code == 400, odd
        assert "amount must be a number from 0 to less than a million millions." in refused.text, odd
    again = View(await admin.send_files(write, fields | {"amount": "250.00"}))
    assert "related_uri must be where the payment_form is." in again.text
    sent = await admin.send_files(write, fields | {"amount": "250.00", "related_uri": "https://pay.example/"})

    assert sent.status_code == 303
    request = await request_of(client, "payment_request")
    assert (request["amount"], request["currency"]) == (250.0, "USD")


async def test_viewers_see_what_could_be_decided_and_no_form(server: Server, viewer: Desk, support: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    request = await created(client, SUPPORT)
    page = await viewer.open(path_of(request))
    assert "An admin can decide about this." in page.text
    assert not [form for form in page.forms if "/console/messages/" in form.action]
    data = {"form_token": await viewer.token(), "status": "complete"}
    assert (await viewer.post(f"{path_of(request)}/decision", data)).status_code == 403
    data = {"form_token": await support.token(), "status": "complete"}
    assert (await support.post(f"{path_of(request)}/decision", data)).status_code == 403
    assert (await viewer.send_files(f"{path_of(request)}/reply", {})).status_code == 403


async def test_forms_of_other_sites_and_sessions_are_refused(server: Server, admin: Desk, support: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    request = await created(client, SUPPORT)
    data = {"status": "complete", "form_token": await support.token()}
    assert (await admin.post(f"{path_of(request)}/decision", data)).status_code == 403
    own = {"form_token": await admin.token(), "status": "complete"}
    headers = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    answer = await admin.send("POST", f"{path_of(request)}/decision", data=own, headers=headers)
    assert answer.status_code == 403
    reply = {"previous": request["message_id"], "name": "Re", "text": "Hello", "form_token": data["form_token"]}
    answer = await admin.send_files(f"{path_of(request)}/reply", reply)
    assert answer.status_code == 403
    assert (await reread(client, request))["status"] == "pending"


async def test_decisions_are_in_the_audit_log_with_who_took_them(server: Server, admin: Desk) -> None:
    client = await client_of(server, scope="cds_client_admin")
    request = await created(client, SUPPORT)
    page = await admin.open(path_of(request))

    await admin.choose(page, "/decision", {"status": "complete"})

    assert server.service.state
    (record,) = await latest_changes(server.service.state["feed"], client.registration_id, limit=1)
    assert (record.actor.name, record.actor.via, record.action) == (admin.name, "console", "messages.decide")


async def test_nothing_of_another_registration_can_be_decided_through_an_exchange(server: Server, admin: Desk) -> None:
    mine, other = await client_of(server, scope="cds_client_admin"), await client_of(server, scope="cds_client_admin")
    request, foreign = await created(mine, SUPPORT), await created(other, SUPPORT)
    data = {"form_token": await admin.token(), "status": "complete", "message_id": foreign["message_id"]}

    assert (await admin.post(f"{path_of(request)}/decision", data)).status_code == 404
    assert (await reread(other, foreign))["status"] == "pending"


@pytest.mark.parametrize("path", ["nonsense", "zzzzzzzzzzzzzz-m00000000000", "0" * 200, "%00", "..%2F.."])
async def test_what_is_no_message_is_not_found(admin: Desk, path: str) -> None:
    assert (await admin.send("GET", f"/console/messages/{path}")).status_code in {400, 404}
