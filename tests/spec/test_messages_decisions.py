"""What the Server writes and decides (CDS-WG1-02 3.6, 6, 6.1 to 6.4, 6.9)."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Form
from app.domain.decisions import decide_message
from app.domain.messages_decisions import DECISIONS, read_case
from app.domain.messages_from_server import post_from_server
from app.domain.onboarding_steps import submit
from app.domain.records import Wanted
from app.errors import AlreadyDecided, Conflict, InvalidRequest, NotFound
from app.schemas.messages import MessageStatus, RelatedType
from app.schemas.registrations import Evidence, Registration
from tests.conftest import PUBLIC_URL, Registered, Server
from tests.message_objects import (
    EVERYTHING,
    MESSAGES,
    PRIVATE,
    SUPPORT,
    created,
    operator_asks,
    operator_decides,
    operator_posts,
    reread,
    updates_of,
)

FIELDS = {
    "setup_fee": "payment_request",
    "contact_check": "online_form_request",
    "portal_account": "online_form_request",
    "data_terms": "online_form_request",
    "insurance_form": "pdf_form_request",
}


async def step(client: Registered, field_id: str) -> dict[str, Any]:
    """The Message that asks for an onboarding step."""
    messages = await client.messages(FIELDS[field_id])
    return next(one for one in messages if field_id in one["description"])


async def requirement(client: Registered, field_id: str) -> str:
    """How far an onboarding step has got."""
    wanted = Wanted(Registration, client.registration_id)
    (stored,) = await client.server.context.records.load(client.access, wanted)
    assert stored is not None
    return str(stored.object.requirements[field_id].status)


async def submitted(client: Registered, request: dict[str, Any], field_id: str) -> dict[str, Any]:
    """The newest request_update after somebody has paid or submitted what an operator looks at first."""
    context = client.server.context
    field = replace(context.catalog.registration_fields[field_id], form=Form(None, None, None, review="operator"))
    evidence = Evidence(at=client.access.now, message_id=request["message_id"], name="Ada")
    await submit(context, client.access, field, evidence, "Ada has done it.")
    return (await updates_of(client, request))[0]


@pytest.mark.clause("WG1-02-6.3-08", "WG1-02-6.2-06")
@pytest.mark.parametrize("field_id", ["setup_fee", "portal_account", "data_terms"])
async def test_what_was_paid_or_submitted_is_pending(server: Server, field_id: str) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, field_id)
    server.clock.advance(seconds=5)

    update = await submitted(client, request, field_id)

    assert (update["type"], update["status"], update["previous_uri"]) == ("request_update", "pending", request["uri"])
    assert update["creator"] is None
    assert update["read"] is False
    assert update["description"]
    assert (await reread(client, request))["status"] == "pending"
    assert await requirement(client, field_id) == "pending"
    assert await submitted(client, request, field_id) == update
    assert await updates_of(client, request) == [update]


@pytest.mark.clause("WG1-02-3.6-13", "WG1-02-3.6-31", "WG1-02-3.6-39", "WG1-02-3.6-51")
@pytest.mark.clause("WG1-02-6.3-03")
@pytest.mark.parametrize("field_id", FIELDS)
async def test_what_is_accepted_is_complete(server: Server, field_id: str) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, field_id)
    server.clock.advance(seconds=5)
    if field_id != "contact_check":
        await operator_decides(client, request, "pending")

    update = await operator_decides(client, request, "complete")

    assert (update["status"], update["previous_uri"]) == ("complete", request["uri"])
    decided = await reread(client, request)
    assert decided["status"] == "complete"
    assert (decided["related_uri"], decided["related_type"]) == (request["related_uri"], request["related_type"])
    assert await requirement(client, field_id) == "met"
    assert {one["status"] for one in await updates_of(client, request)} == {"complete"}
    outstanding = (await client.get(MESSAGES)).json()["outstanding"]
    assert request["message_id"] not in str(outstanding)


@pytest.mark.parametrize("field_id", [field_id for field_id in FIELDS if field_id != "insurance_form"])
async def test_a_request_can_be_sent_again_with_a_fresh_link(server: Server, field_id: str) -> None:
    """Those of a provider may expire at any time, and then both requests are decided together."""
    client = await server.register(EVERYTHING)
    old = await step(client, field_id)
    server.clock.advance(days=30)
    assert await reread(client, old) == old
    link = "https://provider.example/sessions/2"

    renewed = await operator_posts(client, type=old["type"], previous_uri=old["uri"], related_uri=link)
    twice = await operator_posts(client, type=old["type"], previous_uri=renewed["uri"], related_uri=link)
    await operator_decides(client, twice, "pending")
    assert await requirement(client, field_id) == "pending"
    await operator_decides(client, renewed, "complete")

    assert (renewed["status"], renewed["previous_uri"], renewed["related_uri"]) == ("open", old["uri"], link)
    assert renewed["related_type"] == old["related_type"]
    assert [(await reread(client, one))["status"] for one in (old, renewed, twice)] == ["complete"] * 3
    assert await requirement(client, field_id) == "met"


@pytest.mark.clause("WG1-02-3.6-14", "WG1-02-3.6-32", "WG1-02-3.6-40", "WG1-02-3.6-52", "WG1-02-6.3-09")
@pytest.mark.clause("WG1-02-6.3-10")
@pytest.mark.parametrize("field_id", FIELDS)
async def test_what_is_rejected_says_why(server: Server, field_id: str) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, field_id)
    await operator_decides(client, request, "pending")

    for nothing in ("", " \n"):
        with pytest.raises(InvalidRequest, match="says why"):
            await operator_decides(client, request, "rejected", nothing)
    update = await operator_decides(client, request, "rejected", "The card was declined.")

    assert (update["status"], update["previous_uri"]) == ("rejected", request["uri"])
    assert update["description"] == "The card was declined."
    assert (await reread(client, request))["status"] == "rejected"
    assert await requirement(client, field_id) == "rejected"


@pytest.mark.clause("WG1-02-6.3-11")
async def test_what_failed_here_is_errored_and_can_still_be_decided(server: Server) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, "setup_fee")
    await operator_decides(client, request, "pending")

    update = await operator_decides(client, request, "errored")

    assert update["status"] == "errored"
    assert update["description"]
    assert (await reread(client, request))["status"] == "errored"
    assert await requirement(client, "setup_fee") == "pending"
    await operator_decides(client, request, "complete")
    assert await requirement(client, "setup_fee") == "met"


@pytest.mark.clause("WG1-02-6.3-06")
@pytest.mark.parametrize("receipt", [None, "https://pay.example/receipts/7"])
async def test_a_completed_payment_has_a_receipt(server: Server, receipt: str | None) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, "setup_fee")

    update = await operator_decides(client, request, "complete", receipt_uri=receipt)

    assert update["related_type"] == "payment_receipt"
    assert update["related_uri"] == (receipt or request["related_uri"])
    assert (await reread(client, request))["related_type"] == "payment_form"


@pytest.mark.clause("WG1-02-6.1-18", "WG1-02-6.1-13", "WG1-02-6.1-14", "WG1-02-6.1-15")
@pytest.mark.parametrize(
    ("type_", "related_type"),
    [
        ("payment_request", "payment_form"),
        ("online_form_request", "online_form"),
        ("pdf_form_request", "pdf_form"),
    ],
)
async def test_requests_of_operators_link_their_form(server: Server, type_: str, related_type: str) -> None:
    client = await server.register()
    link = "https://utility.example/forms/7"

    due = {"amount": 12, "currency": "EUR"} if type_ == "payment_request" else {}
    message = await operator_posts(client, type=type_, related_uri=link, **due)

    assert message["status"] == "open"
    assert (message["related_uri"], message["related_type"]) == (link, related_type)
    assert (message.get("amount"), message.get("currency")) == (due.get("amount"), due.get("currency"))
    assert (await operator_decides(client, message, "pending"))["status"] == "pending"
    assert (await operator_decides(client, message, "complete"))["status"] == "complete"


@pytest.mark.clause("WG1-02-6.2-02")
async def test_a_broadcast_reaches_everybody_and_a_private_message_one(server: Server) -> None:
    one, other = await server.register(), await server.register()
    news = {"type": "notification", "name": "Maintenance", "description": "On Sunday."}

    first, second = await operator_posts(one, **news), await operator_posts(other, **news)
    await operator_posts(one)

    assert (first["name"], first["status"]) == (second["name"], second["status"]) == ("Maintenance", "complete")
    assert first["uri"] != second["uri"]
    await one.patch(first["uri"], {"read": True})
    assert (await reread(other, second))["read"] is False
    assert len(await one.messages("private_message")) == 1
    assert await other.messages("private_message") == []


@pytest.mark.clause("WG1-02-6.9-26", "WG1-02-6.9-30", "WG1-02-6.1-02", "WG1-02-6.9-27")
async def test_the_server_asks_back_and_the_client_answers(server: Server) -> None:
    client = await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_customer_data"]["cds_client_uri"]
    texts = {"name": "", "description": "", "related_uri": sandbox}
    asked = [{"scope": "ple_customer_data", "authorization_details": []}]
    for request in (
        await created(client, texts | {"type": "production_request"}),
        await created(client, texts | {"type": "grant_request", "grants_requested": asked}),
    ):
        question = await operator_posts(client, previous_uri=request["uri"])

        assert question["type"] == "private_message"
        assert (await client.get(question["previous_uri"])).json() == request
        answer = await created(client, PRIVATE | {"previous_uri": question["uri"]})
        assert answer["previous_uri"] == question["uri"]


@pytest.mark.clause("WG1-02-6.9-28", "WG1-02-6.9-31", "WG1-02-6.9-25", "WG1-02-6.9-29", "WG1-02-6.3-09")
@pytest.mark.parametrize("type_", ["production_request", "grant_request"])
async def test_requests_of_clients_wait_and_can_be_rejected(server: Server, type_: str) -> None:
    client = await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_interconnection"]["cds_client_uri"]
    asked = [{"scope": "ple_interconnection", "authorization_details": []}]
    body = {"type": type_, "name": "", "description": "", "related_uri": sandbox, "grants_requested": asked}
    request = await created(client, body)
    assert request in (await client.get(MESSAGES)).json()["outstanding"]

    update = await operator_decides(client, request, "rejected", "Not for this purpose.")

    assert (update["status"], update["previous_uri"]) == ("rejected", request["uri"])
    assert update["description"] == "Not for this purpose."
    decided = await reread(client, request)
    assert decided["status"] == "rejected"
    assert decided["related_uri"] == sandbox


@pytest.mark.clause("WG1-02-6.9-31", "WG1-02-6.3-05")
async def test_an_approval_carries_out_what_was_asked_for_in_the_same_change(server: Server) -> None:
    client = await server.register(EVERYTHING)
    asked = [{"scope": "ple_grid_status", "authorization_details": []}]
    body = {"type": "grant_request", "name": "", "description": "", "grants_requested": asked}
    request = await created(client, body)
    link = (server.context.links.grants([f"{client.client_id}-g0123456789"]), RelatedType.GRANT_LIST)
    calls = []

    async def execute(change: Any, case: Any, status: MessageStatus) -> Any:
        calls.append((change.registration_id, case.request.object.message_id, status))
        return link

    update = await operator_decides(client, request, "complete", execute=execute)

    assert calls == [(client.registration_id, request["message_id"], "complete")]
    for message in (update, await reread(client, request)):
        assert (message["status"], message["related_uri"], message["related_type"]) == ("complete", *link)
    with pytest.raises(ValueError, match="by making"):
        await operator_decides(client, await created(client, body), "complete")


async def test_one_decision_answers_every_request_for_the_same_production_object(server: Server) -> None:
    """The one that the Server made at registration, and the Client's own."""
    client = await server.register(EVERYTHING)
    (automatic,) = await client.messages("production_request")
    body = {"type": "production_request", "name": "", "description": "", "related_uri": automatic["related_uri"]}
    own = await created(client, body)
    other_uri = (await client.clients())["ple_interconnection"]["cds_client_uri"]
    other = await created(client, body | {"related_uri": other_uri})

    await operator_decides(client, own, "rejected", "Not yet.")

    for request in (automatic, own):
        assert (await reread(client, request))["status"] == "rejected"
        assert [one["status"] for one in await updates_of(client, request)] == ["rejected"]
    assert await reread(client, other) == other


@pytest.mark.clause("WG1-02-6.3-13", "WG1-02-6.3-02", "WG1-02-6.2-06")
async def test_only_the_statuses_of_a_type_can_be_decided(server: Server) -> None:
    client = await server.register(EVERYTHING)
    support = await created(client, SUPPORT)
    news, answer = await operator_posts(client, type="notification"), await created(client, PRIVATE)
    (production,) = await client.messages("production_request")

    for message, statuses in (
        (support, ["open", "rejected", "errored"]),
        (production, ["open", "errored"]),
        (news, list(MessageStatus)),
        (answer, list(MessageStatus)),
    ):
        for status in statuses:
            with pytest.raises(InvalidRequest):
                await operator_decides(client, message, status, "Because.")
        assert await reread(client, message) == message
    assert (await operator_decides(client, support, "pending", "We are on it."))["status"] == "pending"
    assert (await operator_decides(client, support, "complete", "Fixed."))["status"] == "complete"
    assert MessageStatus.REJECTED not in DECISIONS[next(type_ for type_ in DECISIONS if type_ == "support_request")]


async def test_a_decision_cannot_be_taken_twice(server: Server) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, "data_terms")
    await operator_decides(client, request, "complete")

    for status in ("complete", "rejected", "pending"):
        with pytest.raises(AlreadyDecided):
            await operator_decides(client, request, status, "Again.")
    await submitted(client, request, "data_terms")
    assert len(await updates_of(client, request)) == 1


async def test_of_two_operators_one_decides(server: Server) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, "data_terms")

    outcomes = await asyncio.gather(
        *(operator_decides(client, request, status, "Because.") for status in ("complete", "rejected") * 3),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 5
    assert len(await updates_of(client, request)) == 1


async def test_two_steps_decided_at_once_are_both_kept(server: Server) -> None:
    client = await server.register(EVERYTHING)
    fields = ["setup_fee", "insurance_form", "data_terms"]
    requests = [await step(client, field_id) for field_id in fields]

    await asyncio.gather(*(operator_decides(client, request, "complete") for request in requests))

    assert [await requirement(client, field_id) for field_id in fields] == ["met"] * 3


async def test_earlier_updates_take_over_the_final_status(server: Server) -> None:
    """Nothing stays outstanding for ever."""
    client = await server.register(EVERYTHING)
    request = await step(client, "insurance_form")
    await operator_decides(client, request, "pending")
    await operator_decides(client, request, "pending", "It takes a little longer.")
    await operator_decides(client, request, "open", "Page two is missing.")
    assert await requirement(client, "insurance_form") == "open"
    assert {one["status"] for one in await updates_of(client, request)} == {"open"}

    await operator_decides(client, request, "complete")

    assert [one["status"] for one in await updates_of(client, request)] == ["complete"] * 4
    outstanding = (await client.get(MESSAGES)).json()["outstanding"]
    assert not any(request["uri"] in {one["uri"], one["previous_uri"]} for one in outstanding)


@pytest.mark.clause("WG1-02-6.9-28", "WG1-02-6.3-03")
async def test_a_submission_is_decided_with_the_request_that_it_answers(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id")
    body = {"previous_uri": request["uri"], "type": "client_submission", "name": "", "description": ""}
    submission = await created(client, body | {"updates_requested": [{"field": "tax_id", "description": "1"}]})

    update = await operator_decides(client, submission, "rejected", "That is not a tax id.")

    assert update["previous_uri"] == request["uri"]
    assert (await reread(client, request))["status"] == "rejected"
    assert await reread(client, submission) == submission


async def test_what_follows_from_a_met_requirement_is_part_of_the_change(server: Server) -> None:
    client = await server.register(EVERYTHING)
    request = await step(client, "data_terms")
    seen: list[str] = []

    async def advance(change: Any, registration: Registration) -> Registration:
        seen.append(registration.requirements["data_terms"].status)
        return registration

    await operator_decides(client, request, "pending", advance=advance)
    assert seen == []
    await operator_decides(client, request, "complete", advance=advance)

    assert seen == ["met"]


async def test_there_is_nothing_to_decide_about_what_is_not_there(server: Server) -> None:
    client, other = await server.register(), await server.register(EVERYTHING)
    foreign = await step(other, "data_terms")

    for message_id in ("nonsense", foreign["message_id"]):
        with pytest.raises(NotFound):
            await read_case(server.context, client.access, message_id)
    with pytest.raises(NotFound):
        await operator_decides(client, foreign, "pending")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": "field_changes"}, "type"),
        ({"type": "request_update"}, "type"),
        ({"type": None}, "type"),
        ({"name": ""}, "name"),
        ({"description": " "}, "description"),
        ({"description": 'an attachment? "\x025:m0123456789/0"'}, "description"),
        ({"previous_uri": "https://elsewhere.example/"}, "previous_uri"),
        ({"related_uri": "nowhere"}, "related_uri"),
        ({"related_uri": "https://a.example", "related_type": "payment_form"}, "related_type"),
        ({"related_uri": f"{PUBLIC_URL}/cds-api/v1/clients", "related_type": "documentation"}, "related_type"),
        ({"related_type": "documentation"}, "related_type"),
        ({"type": "pdf_form_request", "related_uri": "https://a.example", "related_type": "more_info"}, "related_type"),
        ({"amount": 5, "currency": "EUR"}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"updates_requested": [{"field": "x", "name": "X", "description": "x"}]}, "updates_requested"),
        ({"type": "payment_request"}, "related_uri"),
        ({"type": "payment_request", "related_uri": "https://a.example", "amount": 5}, "currency"),
        ({"type": "payment_request", "related_uri": "https://a.example", "currency": "EUR"}, "amount"),
        ({"type": "payment_request", "related_uri": "https://a.example", "amount": -1, "currency": "EUR"}, "amount"),
        ({"type": "payment_request", "related_uri": "https://a.example", "amount": 5, "currency": "euro"}, "currency"),
        ({"type": "server_request"}, "updates_requested"),
        (
            {"type": "server_request", "updates_requested": [{"field": "x", "name": "X"}]},
            "updates_requested.0.description",
        ),
        (
            {"type": "server_request", "updates_requested": [{"field": "x", "name": "", "description": "x"}]},
            "updates_requested.0.name",
        ),
        (
            {"type": "server_request", "updates_requested": [{"field": "x", "name": "X", "description": "x"}] * 2},
            "updates_requested",
        ),
        ({"attachments": [{}]}, "attachments.0.data"),
    ],
)
async def test_operators_messages_are_checked_too(server: Server, fields: dict[str, Any], field: str) -> None:
    client = await server.register()

    with pytest.raises(InvalidRequest) as refusal:
        await operator_posts(client, **fields)

    assert refusal.value.field == field


@pytest.mark.clause("WG1-02-6.4-01")
@pytest.mark.parametrize("related_type", [None, "more_info", "documentation", "support"])
async def test_operators_say_what_a_page_elsewhere_is(server: Server, related_type: str | None) -> None:
    client = await server.register()

    message = await operator_posts(client, related_uri="https://utility.example/docs/7", related_type=related_type)

    assert message["related_type"] == (related_type or "more_info")


async def test_a_message_needs_a_registration(server: Server) -> None:
    client = await server.register()
    nobody = client.access
    nobody.registration_id = "00zzzzzzzzzzzz"

    with pytest.raises(NotFound):
        await post_from_server(server.context, nobody, PRIVATE)


@pytest.mark.clause("WG1-02-6.3-03", "WG1-02-6.9-28", "WG1-02-6.9-31")
async def test_one_door_decides_about_every_type_and_carries_it_out(server: Server) -> None:
    client = await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_interconnection"]
    await client.put(sandbox["cds_client_uri"], sandbox | {"client_name": "New name"})
    texts = {"name": "", "description": "", "related_uri": sandbox["cds_client_uri"]}
    asked = [{"scope": "ple_interconnection", "authorization_details": []}]
    requests = {
        "support_request": await created(client, SUPPORT),
        "payment_request": await step(client, "setup_fee"),
        "production_request": await created(client, texts | {"type": "production_request"}),
        "grant_request": await created(client, texts | {"type": "grant_request", "grants_requested": asked}),
        "field_changes": (await client.messages("field_changes"))[0],
    }

    for request in requests.values():
        await decide_message(server.context, client.access, request["message_id"], MessageStatus.COMPLETE)

    decided = {type_: await reread(client, request) for type_, request in requests.items()}
    assert {one["status"] for one in decided.values()} == {"complete"}
    assert (await client.get(sandbox["cds_client_uri"])).json()["client_name"] == "New name"
    assert await requirement(client, "setup_fee") == "met"
    production = (await client.get(decided["production_request"]["related_uri"])).json()
    assert production["cds_status"] == "production"
    assert decided["grant_request"]["related_type"] == "grant_list"
    for request in requests.values():
        with pytest.raises(AlreadyDecided):
            await decide_message(server.context, client.access, request["message_id"], MessageStatus.COMPLETE)
