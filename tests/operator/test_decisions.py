"""What operators decide over the API, seen from the Client's side (CDS-WG1-02 3.6, 5.5, 6.2 to 6.9)."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Registered, Server
from tests.message_objects import EVERYTHING, PRIVATE, SUPPORT, attachment, created, operator_asks, reread, updates_of
from tests.operator.decided import answer_to, decide, decided, outstanding, request_grants, request_production
from tests.operators import OperatorClient, operator_of

STEPS = {
    "setup_fee": "payment_request",
    "contact_check": "online_form_request",
    "portal_account": "online_form_request",
    "data_terms": "online_form_request",
    "insurance_form": "pdf_form_request",
}


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with everything that the demo utility offers."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    """An operator who may decide."""
    return await operator_of(server)


async def step(client: Registered, field_id: str) -> dict[str, Any]:
    """The Message that asks for an onboarding step."""
    return next(one for one in await client.messages(STEPS[field_id]) if field_id in one["description"])


async def step_status(admin: OperatorClient, client: Registered, field_id: str) -> str:
    """How far an onboarding step has got."""
    found = (await admin.get(f"/registrations/{client.registration_id}")).json()["onboarding"]
    return next(one["status"] for one in found if one["registration_field"] == field_id)


@pytest.mark.clause("WG1-02-3.6-05", "WG1-02-6.3-03", "WG1-02-6.3-04")
async def test_an_approved_production_request_opens_production(client: Registered, admin: OperatorClient) -> None:
    request = await request_production(client)
    sandbox = (await client.clients())["ple_customer_data"]

    update = await decided(admin, request, "complete", "Welcome to production.")

    seen = await answer_to(client, request)
    assert seen["message_id"] == update["message_id"]
    assert (seen["status"], seen["description"]) == ("complete", "Welcome to production.")
    asked = await reread(client, request)
    assert (asked["status"], asked["related_type"]) == ("complete", "client")
    assert asked["related_uri"] == seen["related_uri"]
    made = (await client.get(asked["related_uri"])).json()
    assert (made["cds_status"], made["scope"]) == ("production", "ple_customer_data")
    assert made["client_id"] != sandbox["client_id"]
    credential = await client.credential_of(made["client_id"])
    assert credential["client_secret"]
    told = [one["related_uri"] for one in await client.messages("private_message")]
    assert {made["cds_client_uri"], credential["uri"]} <= set(told)
    assert request["message_id"] not in await outstanding(client)


async def test_the_request_of_the_server_is_decided_together_with_that_of_the_client(
    client: Registered, admin: OperatorClient
) -> None:
    """Ambiguities A19: both are about the same Client Object."""
    automatic = next(one for one in await client.messages("production_request"))
    own = await request_production(client)

    await decided(admin, own, "complete")

    assert (await reread(client, automatic))["status"] == "complete"
    assert (await decide(admin, automatic, "complete")).status_code == 409


@pytest.mark.clause("WG1-02-6.3-09", "WG1-02-6.3-10")
async def test_a_rejection_says_why_and_makes_nothing(client: Registered, admin: OperatorClient) -> None:
    request = await request_production(client)
    before = len((await client.get("/cds-api/v1/clients")).json()["clients"])

    for silence in ("", "  \n", "\u200b\u2060", "\u202e"):
        refused = await decide(admin, request, "rejected", silence)
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] == "description"
    assert (await reread(client, request))["status"] == "pending"
    await decided(admin, request, "rejected", "The test run was not complete.")

    seen = await answer_to(client, request)
    assert (seen["status"], seen["description"]) == ("rejected", "The test run was not complete.")
    assert (await reread(client, request))["status"] == "rejected"
    assert len((await client.get("/cds-api/v1/clients")).json()["clients"]) == before


@pytest.mark.parametrize("status", ["complete", "rejected", "pending"])
async def test_what_is_decided_cannot_be_decided_again(client: Registered, admin: OperatorClient, status: str) -> None:
    request = await request_production(client)
    await decided(admin, request, "complete")
    before = await client.messages()

    again = await decide(admin, request, status, "Once more.")

    assert again.status_code == 409
    assert again.json()["error"] == "conflict"
    assert await client.messages() == before


@pytest.mark.clause("WG1-02-6.3-03", "WG1-02-6.3-05")
async def test_an_approved_grant_request_makes_the_grants_that_it_links(
    client: Registered, admin: OperatorClient
) -> None:
    grid = (await client.clients())["ple_grid_status"]
    request = await request_grants(client, {"scope": "ple_grid_status"}, of=grid)

    update = await decided(admin, request, "complete", "There you go.")

    asked = await reread(client, request)
    assert (asked["status"], asked["related_type"]) == ("complete", "grant_list")
    assert update["related_uri"] == asked["related_uri"]
    (grant,) = (await client.get(asked["related_uri"])).json()["grants"]
    assert (grant["client_id"], grant["scope"], grant["status"]) == (grid["client_id"], "ple_grid_status", "active")


@pytest.mark.clause("WG1-02-6-01", "WG1-02-6.1-16", "WG1-02-6.3-05")
async def test_a_third_party_gets_the_grants_that_somebody_else_has_asked_for(
    server: Server, client: Registered, admin: OperatorClient
) -> None:
    """Ambiguities C24: an operator decides always, and the other registration is told."""
    other = await server.register(EVERYTHING)
    grid = (await other.clients())["ple_grid_status"]
    request = await request_grants(client, {"scope": "ple_grid_status"}, of=grid)

    await decided(admin, request, "complete")

    theirs = [one for one in (await other.get("/cds-api/v1/grants")).json()["grants"] if one["scope"] == grid["scope"]]
    assert [one["client_id"] for one in theirs] == [grid["client_id"]]
    told = [one for one in await other.messages("private_message") if one.get("related_type") == "grant"]
    assert told[0]["related_uri"] == theirs[0]["uri"]
    assert (await reread(client, request))["status"] == "complete"
    assert (await client.get(theirs[0]["uri"])).status_code == 404


async def test_a_request_for_files_is_approved_with_the_files(client: Registered, admin: OperatorClient) -> None:
    holder = (await client.clients())["cds_server_provided_files_ple"]
    entry = {"type": holder["scope"], "file_id": "f0000000000000000"}
    request = await request_grants(client, {"scope": holder["scope"], "authorization_details": [entry]}, of=holder)
    form = {"file": ("rates.csv", b"a,b\n", "text/csv")}
    file = (await admin.post("/files", files=form)).json()

    assert (await decide(admin, request, "complete")).status_code == 400
    wrong = await decide(admin, request, "rejected", "No.", file_ids=[file["file_id"]])
    assert wrong.json()["errors"][0]["field"] == "file_ids"
    await decided(admin, request, "complete", file_ids=[file["file_id"]])

    asked = await reread(client, request)
    (grant,) = (await client.get(asked["related_uri"])).json()["grants"]
    assert grant["authorization_details"] == [{"type": holder["scope"], "file_id": file["file_id"]}]


@pytest.mark.clause("WG1-02-5.5-12", "WG1-02-6.2-03", "WG1-02-6.3-03")
async def test_approved_field_changes_become_the_values(client: Registered, admin: OperatorClient) -> None:
    code = (await client.clients())["ple_customer_data"]
    put = await client.put(code["cds_client_uri"], code | {"client_name": "A new name"})
    assert put.status_code == 202
    (review,) = await client.messages("field_changes")

    answer = await decided(admin, review, "complete", "Fine.")

    assert answer["message_id"] == review["message_id"]
    assert (await client.get(code["cds_client_uri"])).json()["client_name"] == "A new name"
    seen = await reread(client, review)
    assert (seen["status"], seen["read"]) == ("complete", False)
    assert seen["description"].endswith("Fine.")


@pytest.mark.clause("WG1-02-6.3-10")
async def test_rejected_field_changes_leave_the_values(client: Registered, admin: OperatorClient) -> None:
    code = (await client.clients())["ple_customer_data"]
    await client.put(code["cds_client_uri"], code | {"client_name": "A new name"})
    (review,) = await client.messages("field_changes")

    assert (await decide(admin, review, "rejected")).status_code == 400
    await decided(admin, review, "rejected", "This is a trade mark of somebody else.")

    assert (await client.get(code["cds_client_uri"])).json()["client_name"] == code["client_name"]
    seen = await reread(client, review)
    assert seen["status"] == "rejected"
    assert "trade mark" in seen["description"]
    assert (await decide(admin, review, "complete")).status_code == 409


@pytest.mark.clause("WG1-02-6.2-06", "WG1-02-6.3-03")
async def test_a_submission_is_decided_as_the_request_that_it_answers(
    client: Registered, admin: OperatorClient
) -> None:
    request = await operator_asks(client, "contact")
    submission = await created(
        client,
        {
            "type": "client_submission",
            "previous_uri": request["uri"],
            "name": "",
            "description": "",
            "updates_requested": [{"field": "contact", "description": "Ada, 555 0100"}],
        },
    )
    assert (await reread(client, request))["status"] == "pending"

    update = await decided(admin, submission, "complete", "Thank you.")

    assert update["previous_uri"] == request["uri"]
    assert (await reread(client, request))["status"] == "complete"
    assert (await reread(client, submission))["status"] == "complete"
    assert (await decide(admin, request, "complete")).status_code == 409


@pytest.mark.clause("WG1-02-6.3-03")
async def test_a_support_request_is_answered_and_closed(client: Registered, admin: OperatorClient) -> None:
    request = await created(client, SUPPORT)

    await decided(admin, request, "pending", "We are looking into it.")
    assert (await reread(client, request))["status"] == "pending"
    assert (await decide(admin, request, "rejected", "No.")).status_code == 400
    await decided(admin, request, "complete", "Try it again.")

    texts = [one["description"] for one in await updates_of(client, request)]
    assert sorted(texts) == ["Try it again.", "We are looking into it."]
    assert {one["status"] for one in await updates_of(client, request)} == {"complete"}
    assert request["message_id"] not in await outstanding(client)


@pytest.mark.clause("WG1-02-3.6-13", "WG1-02-3.6-22", "WG1-02-3.6-31", "WG1-02-3.6-39", "WG1-02-3.6-51")
@pytest.mark.parametrize("field_id", STEPS)
async def test_an_onboarding_step_is_met_when_an_operator_says_so(
    client: Registered, admin: OperatorClient, field_id: str
) -> None:
    request = await step(client, field_id)

    update = await decided(admin, request, "complete", "Received.")

    assert update["previous_uri"] == request["uri"]
    assert (await reread(client, request))["status"] == "complete"
    assert await step_status(admin, client, field_id) == "met"


@pytest.mark.clause("WG1-02-3.6-14", "WG1-02-3.6-32", "WG1-02-3.6-40", "WG1-02-3.6-52")
@pytest.mark.parametrize("field_id", STEPS)
async def test_an_onboarding_step_is_rejected_with_a_reason(
    client: Registered, admin: OperatorClient, field_id: str
) -> None:
    request = await step(client, field_id)

    assert (await decide(admin, request, "rejected")).status_code == 400
    await decided(admin, request, "rejected", "The form is not signed.")

    assert (await answer_to(client, request))["description"] == "The form is not signed."
    assert await step_status(admin, client, field_id) == "rejected"


@pytest.mark.clause("WG1-02-6.3-06")
async def test_a_payment_that_an_operator_confirms_links_its_receipt(client: Registered, admin: OperatorClient) -> None:
    request = await step(client, "setup_fee")

    wrong = await decide(admin, request, "complete", receipt_uri="javascript:alert(1)")
    assert wrong.json()["errors"][0]["field"] == "receipt_uri"
    await decided(admin, request, "complete", receipt_uri="https://pay.example/receipts/7")

    seen = await answer_to(client, request)
    assert (seen["related_type"], seen["related_uri"]) == ("payment_receipt", "https://pay.example/receipts/7")


async def test_a_form_that_was_attached_can_be_fetched_and_accepted(client: Registered, admin: OperatorClient) -> None:
    request = await step(client, "insurance_form")
    body = {"type": "client_submission", "previous_uri": request["uri"], "name": "", "description": ""}
    submission = await created(client, body | {"attachments": [attachment(b"%PDF-1.7 signed")]})

    shown = (await admin.get(f"/messages/{submission['message_id']}")).json()
    (form,) = shown["attachments"]
    download = await admin.get(form["download_uri"])
    part = await admin.get(form["download_uri"], headers={"Range": "bytes=9-"})
    await decided(admin, submission, "complete")

    assert set(form) == {"filename", "mime_type", "size", "download_uri"}
    assert form["size"] == len(b"%PDF-1.7 signed")
    assert download.content == b"%PDF-1.7 signed"
    assert download.headers["content-disposition"].startswith("attachment")
    assert (part.status_code, part.content) == (206, b"signed")
    assert shown["question"] == {"message_id": request["message_id"], "decisions": [
        "complete", "rejected", "pending", "open", "errored",
    ]}  # fmt: skip
    assert await step_status(admin, client, "insurance_form") == "met"


async def test_a_private_message_is_noted_without_a_word_to_the_client(client: Registered, server: Server) -> None:
    support = await operator_of(server, "support")
    message = await created(client, PRIVATE)
    before = await client.messages()

    answer = await decided(support, message, "complete")

    assert answer["message_id"] == message["message_id"]
    assert await client.messages() == before
    waiting = await support.get("/messages", params={"status": "waiting", "type": "private_message"})
    assert waiting.json()["messages"] == []
    assert (await decide(support, message, "complete")).status_code == 409
    assert (await decide(support, message, "rejected", "No.")).status_code == 400


async def test_what_the_server_has_written_waits_for_no_decision(client: Registered, admin: OperatorClient) -> None:
    (welcome,) = await client.messages("notification")

    answer = await decide(admin, welcome, "complete")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": None}, "status"),
        ({"status": "done"}, "status"),
        ({"status": "errored"}, "status"),
        ({"status": "complete", "description": 1}, "description"),
        ({"status": "complete", "file_ids": "f1"}, "file_ids"),
        ({"status": "complete", "reason": "x"}, "reason"),
    ],
)
async def test_a_decision_that_makes_no_sense_is_refused_by_its_name(
    client: Registered, admin: OperatorClient, body: dict[str, Any], field: str
) -> None:
    request = await request_production(client)

    answer = await admin.post(f"/messages/{request['message_id']}/decision", body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert (await reread(client, request))["status"] == "pending"


async def test_unknown_messages_cannot_be_decided(client: Registered, admin: OperatorClient) -> None:
    for message_id in ("nonsense", "00zzzzzzzzzzzz-mzzzzzzzzzz", f"{client.registration_id}-mzzzzzzzzzz"):
        assert (await decide(admin, {"message_id": message_id}, "complete")).status_code == 404


async def test_a_refused_decision_changes_nothing(client: Registered, admin: OperatorClient) -> None:
    """The Client Object has been disabled meanwhile, so nothing can be granted to it."""
    grid = (await client.clients())["ple_grid_status"]
    request = await request_grants(client, {"scope": "ple_grid_status"}, of=grid)
    await client.put(grid["cds_client_uri"], grid | {"cds_status": "disabled"})
    messages, grants = await client.messages(), (await client.get("/cds-api/v1/grants")).json()

    answer = await decide(admin, request, "complete")

    assert answer.status_code == 409
    assert await client.messages() == messages
    assert (await client.get("/cds-api/v1/grants")).json() == grants


@pytest.mark.parametrize("others", [2, 20])
async def test_of_operators_who_decide_at_once_one_is_heard(server: Server, client: Registered, others: int) -> None:
    admins = [await operator_of(server) for _ in range(others)]
    request = await request_production(client)

    answers = await asyncio.gather(
        *(
            decide(admin, request, "rejected" if number % 2 else "complete", "So be it.")
            for number, admin in enumerate(admins)
        )
    )

    assert sorted(one.status_code for one in answers) == [200, *[409] * (others - 1)]
    (winner,) = [one.json() for one in answers if one.status_code == 200]
    assert [one["message_id"] for one in await updates_of(client, request)] == [winner["message_id"]]
    assert (await reread(client, request))["status"] == winner["status"]
    twins = [one for one in (await client.get("/cds-api/v1/clients")).json()["clients"]
             if one["scope"] == "ple_customer_data"]  # fmt: skip
    assert len(twins) == (2 if winner["status"] == "complete" else 1)
