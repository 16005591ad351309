"""Requests of the Server and the Client's submissions (CDS-WG1-02 3.6, 6.2, 6.5, 6.9, 6.11)."""

import asyncio
from typing import Any

import pytest

from app.domain.messages import thread
from app.domain.records import Wanted
from app.schemas.registrations import Registration
from tests.conftest import PUBLIC_URL, Registered, Server
from tests.message_objects import (
    EVERYTHING,
    MESSAGES,
    PRIVATE,
    attachment,
    created,
    operator_asks,
    operator_decides,
    operator_posts,
    refused,
    reread,
    updates_of,
)


def answering(request: dict[str, Any], *updates: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A client_submission."""
    body = {"previous_uri": request["uri"], "type": "client_submission", "name": "", "description": ""}
    return body | ({"updates_requested": list(updates)} if updates else {}) | changes


async def pdf_request(client: Registered) -> dict[str, Any]:
    (message,) = await client.messages("pdf_form_request")
    return message


@pytest.mark.clause("WG1-02-6.2-04", "WG1-02-6.1-06", "WG1-02-6.5-01", "WG1-02-6.5-02", "WG1-02-6.3-07")
async def test_the_server_asks_for_named_and_described_fields(server: Server) -> None:
    client = await server.register()

    request = await operator_asks(client, "tax_id", "address")

    assert request["status"] == "open"
    assert request["read"] is False
    assert request["creator"] is None
    assert [one["field"] for one in request["updates_requested"]] == ["tax_id", "address"]
    assert all(one["name"] and one["description"] for one in request["updates_requested"])


@pytest.mark.clause("WG1-02-6.9-24", "WG1-02-6.3-08", "WG1-02-6.9-08", "WG1-02-6.9-22", "WG1-02-6.5-03")
@pytest.mark.clause("WG1-02-6.2-05")
async def test_a_submission_moves_an_open_request_to_pending(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id", "address")
    server.clock.advance(seconds=5)

    answers = [
        {"field": "tax_id", "description": "12-345", "name": "ignored", "new_value": 5},
        {"field": "address", "uri": "https://client.example/address.pdf"},
    ]
    submission = await created(client, answering(request, *answers))

    assert submission["status"] == "complete"
    assert submission["updates_requested"] == [
        {"field": "tax_id", "description": "12-345"},
        {"field": "address", "uri": "https://client.example/address.pdf"},
    ]
    moved = await reread(client, request)
    assert moved == request | {"status": "pending", "modified": submission["created"]}
    assert await updates_of(client, request) == []


@pytest.mark.clause("WG1-02-6.11-04", "WG1-02-6.11-05", "WG1-02-6.11-07")
async def test_a_newer_submission_replaces_the_earlier_one(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id")
    first = await created(client, answering(request, {"field": "tax_id", "description": "wrong"}))
    server.clock.advance(seconds=5)
    second = await created(client, answering(request, {"field": "tax_id", "description": "right"}))
    amendment = await created(client, PRIVATE | {"previous_uri": second["uri"]})

    exchange = await thread(server.context, client.access, first["message_id"])

    newest_first = [amendment, second, first, request]
    assert [one.object.message_id for one in exchange] == [one["message_id"] for one in newest_first]
    with pytest.raises(Exception, match="newer submission"):
        await operator_decides(client, first, "complete")
    assert (await operator_decides(client, second, "complete"))["previous_uri"] == request["uri"]


@pytest.mark.clause("WG1-02-6.9-03", "WG1-02-3.6-43")
async def test_a_submission_answers_a_request_of_the_server(server: Server) -> None:
    client, other = await server.register(EVERYTHING), await server.register()
    answer = {"field": "tax_id", "description": "x"}
    own = await created(client, PRIVATE)
    foreign = await operator_asks(other, "tax_id")
    (payment,) = await client.messages("payment_request")

    for uri in (None, own["uri"], payment["uri"], foreign["uri"], f"{PUBLIC_URL}{MESSAGES}/x", "https://a.example/"):
        await refused(client, answering({"uri": uri}, answer), field="previous_uri")
    body = answering(foreign, answer)
    await refused(client, {name: value for name, value in body.items() if name != "previous_uri"})
    await created(client, answering(await operator_asks(client, "tax_id"), answer))
    await created(client, answering(await pdf_request(client), attachments=[attachment()]))


@pytest.mark.clause("WG1-02-6.9-06")
@pytest.mark.parametrize("field", ["name", "description"])
@pytest.mark.parametrize("text", ["some text", None, 5])
async def test_a_submission_has_no_texts_of_its_own(server: Server, field: str, text: object) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id")

    await refused(client, answering(request, {"field": "tax_id", "description": "x"}, **{field: text}), field=field)

    assert (await reread(client, request))["status"] == "open"


@pytest.mark.clause("WG1-02-6.9-08", "WG1-02-6.5-01", "WG1-02-6.5-03")
@pytest.mark.parametrize(
    ("updates", "field"),
    [
        (None, "updates_requested"),
        ([], "updates_requested"),
        ("tax_id", "updates_requested"),
        (["tax_id"], "updates_requested.0"),
        ([{"description": "x"}], "updates_requested.0.field"),
        ([{"field": 7, "description": "x"}], "updates_requested.0.field"),
        ([{"field": "bogus", "description": "x"}], "updates_requested.0.field"),
        ([{"field": "tax_id"}], "updates_requested.0"),
        ([{"field": "tax_id", "description": None, "uri": None}], "updates_requested.0"),
        ([{"field": "tax_id", "description": 12}], "updates_requested.0.description"),
        ([{"field": "tax_id", "uri": "ftp://a.example/"}], "updates_requested.0.uri"),
        ([{"field": "tax_id", "description": "x"}] * 2, "updates_requested.1.field"),
        (
            [{"field": "address", "description": "x"}, {"field": "more", "uri": "https://a.example"}],
            "updates_requested.1.field",
        ),
    ],
)
async def test_answers_fit_to_what_was_asked(server: Server, updates: Any, field: str) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id", "address")

    await refused(client, answering(request, updates_requested=updates), field=field)

    assert (await reread(client, request))["status"] == "open"


async def test_some_of_the_fields_are_enough(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id", "address")

    await created(client, answering(request, {"field": "address", "description": "Lake Street 1"}))

    assert (await reread(client, request))["status"] == "pending"


async def test_a_rejected_request_can_be_answered_again_and_a_complete_one_not(server: Server) -> None:
    client = await server.register()
    answer = {"field": "tax_id", "description": "x"}
    for status in ("rejected", "errored"):
        request = await operator_asks(client, "tax_id")
        await created(client, answering(request, answer))
        await operator_decides(client, request, status, "Not readable.")
        assert (await reread(client, request))["status"] == status
        await created(client, answering(request, answer))
        assert (await reread(client, request))["status"] == "pending"
    await operator_decides(client, request, "complete")

    await refused(client, answering(request, answer), field="previous_uri")


@pytest.mark.clause("WG1-02-3.6-43", "WG1-02-3.6-38", "WG1-02-6.2-06")
@pytest.mark.parametrize("by_link", [True, False])
async def test_a_filled_in_form_is_attached_or_linked(server: Server, by_link: bool) -> None:
    client = await server.register(EVERYTHING)
    request = await pdf_request(client)
    server.clock.advance(seconds=5)
    link = {"field": "insurance_form", "uri": "https://client.example/form.pdf"}

    body = answering(request, link) if by_link else answering(request, attachments=[attachment()])
    submission = await created(client, body)

    assert submission["status"] == "complete"
    assert (await reread(client, request))["status"] == "pending"
    (update,) = await updates_of(client, request)
    assert update["status"] == "pending"
    assert update["creator"] is None
    assert update["read"] is False
    outstanding = (await client.get(MESSAGES)).json()["outstanding"]
    assert update in outstanding


@pytest.mark.parametrize("updates", [None, [], [{"field": "form", "description": "in the mail"}]])
async def test_a_form_that_is_not_there_is_refused(server: Server, updates: Any) -> None:
    client = await server.register(EVERYTHING)
    request = await pdf_request(client)

    await refused(client, answering(request, updates_requested=updates), field="updates_requested")

    assert (await reread(client, request))["status"] == "open"


async def test_sending_the_form_again_does_not_pile_up_updates(server: Server) -> None:
    client = await server.register(EVERYTHING)
    request = await pdf_request(client)

    for _ in range(3):
        await created(client, answering(request, attachments=[attachment()]))

    assert len(await updates_of(client, request)) == 1
    await operator_decides(client, request, "rejected", "There is no signature.")
    await created(client, answering(request, attachments=[attachment()]))
    statuses = sorted(update["status"] for update in await updates_of(client, request))
    assert statuses == ["pending", "rejected", "rejected"]


async def test_the_requirement_follows_the_form(server: Server) -> None:
    client = await server.register(EVERYTHING)
    request = await pdf_request(client)

    async def requirement() -> str:
        (stored,) = await server.context.records.load(client.access, Wanted(Registration, client.registration_id))
        assert stored is not None
        return str(stored.object.requirements["insurance_form"].status)

    steps = [await requirement()]
    await created(client, answering(request, attachments=[attachment()]))
    steps.append(await requirement())
    await operator_decides(client, request, "rejected", "There is no signature.")
    steps.append(await requirement())
    await created(client, answering(request, attachments=[attachment()]))
    steps.append(await requirement())
    await operator_decides(client, request, "complete")
    steps.append(await requirement())

    assert steps == ["open", "pending", "rejected", "pending", "met"]


async def test_submissions_at_once_all_count(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id")
    body = answering(request, {"field": "tax_id", "description": "x"})

    answers = await asyncio.gather(*(client.post(MESSAGES, body) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [201] * 3
    assert (await reread(client, request))["status"] == "pending"


@pytest.mark.clause("WG1-02-6.2-05")
async def test_the_server_may_enter_an_answer_that_it_got_by_phone(server: Server) -> None:
    client = await server.register()
    request = await operator_asks(client, "tax_id")

    submission = await operator_posts(
        client,
        type="client_submission",
        previous_uri=request["uri"],
        name="",
        description="",
        updates_requested=[{"field": "tax_id", "description": "12-345"}],
    )

    assert submission["creator"] is None
    assert submission["status"] == "complete"
    assert (await reread(client, request))["status"] == "pending"
