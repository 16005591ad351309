"""Messages in the operator API: the inbox, exchanges, what operators write (CDS-WG1-02 6.1 to 6.9)."""

import asyncio
from typing import Any

import pytest

from tests.conftest import MakeServer, Registered, Server
from tests.message_objects import EVERYTHING, PRIVATE, SUPPORT, attachment, created, require_message, reread
from tests.operators import API, OperatorClient, operator_of

WORD = {"type": "private_message", "name": "A word", "description": "From us to you."}


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with everything that the demo utility offers."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def support(server: Server) -> OperatorClient:
    """An operator who writes Messages."""
    return await operator_of(server, "support")


async def listed(operator: OperatorClient, **query: str) -> list[dict[str, Any]]:
    """A page of Messages."""
    answer = await operator.get("/messages", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


async def posted(operator: OperatorClient, client: Registered, **fields: Any) -> dict[str, Any]:
    """A Message that an operator writes, as its Client sees it."""
    answer = await operator.post(f"/registrations/{client.registration_id}/messages", WORD | fields)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"{client.server.settings.public_url}{API}/messages/{body['message_id']}"
    seen = await reread(client, body)
    require_message(seen)
    return seen


async def test_the_inbox_has_what_waits_for_an_operator_newest_first(
    server: Server, client: Registered, support: OperatorClient
) -> None:
    server.clock.advance(seconds=1)
    question = await created(client, PRIVATE)
    other = await server.register()
    server.clock.advance(seconds=1)
    request = await created(other, SUPPORT)

    waiting = await listed(support, status="waiting")

    assert [one["message_id"] for one in waiting[:2]] == [request["message_id"], question["message_id"]]
    assert [one["registration_id"] for one in waiting[:2]] == [other.registration_id, client.registration_id]
    assert {one["type"] for one in waiting[2:]} == {"production_request"}
    assert all(one["waiting"] for one in waiting)


async def test_outstanding_has_also_what_waits_for_clients(client: Registered, support: OperatorClient) -> None:
    outstanding = await listed(support, status="outstanding")

    assert {one["type"] for one in outstanding} >= {"payment_request", "online_form_request", "production_request"}
    assert await listed(support) == outstanding
    fees = await listed(support, status="outstanding", type="payment_request")
    assert [one["type"] for one in fees] == ["payment_request"]
    assert fees[0]["waiting"] is False


async def test_the_messages_of_one_registration_have_more_filters(
    server: Server, client: Registered, support: OperatorClient
) -> None:
    await server.register(EVERYTHING)
    question = await created(client, PRIVATE)
    of_one = {"registration_id": client.registration_id}

    everything = await listed(support, **of_one)
    unread, read = await listed(support, status="unread", **of_one), await listed(support, status="read", **of_one)

    ids = {one["message_id"] for one in await client.messages()}
    assert {one["message_id"] for one in everything} == ids
    assert [one["message_id"] for one in read] == [question["message_id"]]
    assert {one["message_id"] for one in unread} == ids - {question["message_id"]}
    assert {one["type"] for one in await listed(support, status="waiting", **of_one)} == {
        "private_message",
        "production_request",
    }
    assert [one["type"] for one in await listed(support, type="notification", **of_one)] == ["notification"]


async def test_pages_of_one_registration_lead_forward_and_back(
    server: Server, client: Registered, support: OperatorClient
) -> None:
    for _ in range(130):
        await posted(support, client)
        server.clock.advance(seconds=1)

    first = (await support.get("/messages", params={"registration_id": client.registration_id})).json()
    second = (await support.get(first["next"])).json()
    again = (await support.get(second["previous"])).json()

    assert len(first["messages"]) == 100
    assert first["previous"] is None
    assert second["next"] is None
    ids = [one["message_id"] for page in (first, second) for one in page["messages"]]
    assert len(set(ids)) == len(ids) > 130
    times = [one["modified"] for page in (first, second) for one in page["messages"]]
    assert times == sorted(times, reverse=True)
    assert again["messages"] == first["messages"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "read"}, "status"),
        ({"status": "nonsense"}, "status"),
        ({"type": "letter"}, "type"),
        ({"cursor": "o5"}, "cursor"),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused_by_its_name(
    support: OperatorClient, query: dict[str, str], field: str
) -> None:
    answer = await support.get("/messages", params=query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.clause("WG1-02-6.1-03", "WG1-02-6.1-05", "WG1-02-6.2-02", "WG1-02-6.3-02")
@pytest.mark.parametrize("type_", ["notification", "private_message"])
async def test_operators_write_to_a_client(client: Registered, support: OperatorClient, type_: str) -> None:
    seen = await posted(support, client, type=type_, related_uri="https://utility.example/news")

    assert (seen["type"], seen["status"], seen["read"], seen["creator"]) == (type_, "complete", False, None)
    assert (seen["name"], seen["description"]) == ("A word", "From us to you.")
    assert (seen["related_uri"], seen["related_type"]) == ("https://utility.example/news", "more_info")
    assert seen["message_id"] in {
        one["message_id"] for one in (await client.get("/cds-api/v1/messages")).json()["unread"]
    }


@pytest.mark.clause("WG1-02-6.1-13", "WG1-02-6.1-14", "WG1-02-6.1-15", "WG1-02-6.1-18", "WG1-02-6.3-07")
@pytest.mark.parametrize(
    ("type_", "fields", "related"),
    [
        ("payment_request", {"amount": 12.5, "currency": "USD"}, "payment_form"),
        ("online_form_request", {}, "online_form"),
        ("pdf_form_request", {}, "pdf_form"),
    ],
)
async def test_operators_ask_for_payments_and_forms(
    client: Registered, support: OperatorClient, type_: str, fields: dict[str, Any], related: str
) -> None:
    seen = await posted(support, client, type=type_, related_uri="https://forms.example/7", **fields)

    assert (seen["status"], seen["related_type"]) == ("open", related)
    assert {name: seen[name] for name in fields} == fields


@pytest.mark.parametrize("amount", ["1e999999999", "1000000000000", "-1", "-1e-999999999", "true", '"1"', "[]"])
async def test_a_sum_that_nobody_pays_is_refused(server: Server, amount: str) -> None:
    """Written out on a page, 1e999999999 would be a gigabyte of zeros."""
    client, support = await server.register(), await operator_of(server, "support")
    texts = '"type": "payment_request", "name": "Fee", "description": "Fee", "related_uri": "https://pay.example/7"'
    body = f'{{{texts}, "amount": {amount}, "currency": "USD"}}'

    answer = await support.call("POST", f"/registrations/{client.registration_id}/messages", content=body.encode())

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "amount"


@pytest.mark.clause("WG1-02-6.1-06", "WG1-02-6.2-04", "WG1-02-6.5-02", "WG1-02-6.3-07")
async def test_operators_ask_for_details(client: Registered, support: OperatorClient) -> None:
    asked = [{"field": "iban", "name": "IBAN", "description": "Where refunds go."}]

    seen = await posted(support, client, type="server_request", updates_requested=asked)

    assert (seen["status"], seen["updates_requested"]) == ("open", asked)


@pytest.mark.clause("WG1-02-6.1-08", "WG1-02-6.7-01")
async def test_attachments_come_along(client: Registered, support: OperatorClient) -> None:
    content = bytes(range(256)) * 5000
    answer = await support.post(
        f"/registrations/{client.registration_id}/messages",
        WORD | {"attachments": [attachment(content, filename="map.bin", mime_type="application/octet-stream")]},
    )

    (shown,) = answer.json()["attachments"]
    (seen,) = (await reread(client, answer.json()))["attachments"]
    download = await support.get(shown["download_uri"])

    assert (shown["filename"], shown["size"]) == ("map.bin", len(content))
    assert seen == attachment(content, filename="map.bin", mime_type="application/octet-stream")
    assert download.content == content
    assert download.headers["content-disposition"].startswith("attachment")
    assert (await support.get(f"/attachments/{answer.json()['message_id']}.1")).status_code == 404
    for nonsense in ("nonsense", answer.json()["message_id"], f"{answer.json()['message_id']}.x"):
        assert (await support.get(f"/attachments/{nonsense}")).status_code == 404


async def test_attachments_over_the_limit_are_too_large(make_server: MakeServer) -> None:
    server = await make_server(CDS_MAX_ATTACHMENTS=str(10 * 1024 * 1024))
    client, support = await server.register(), await operator_of(server, "support")
    body = WORD | {"attachments": [attachment(b"x" * (10 * 1024 * 1024 + 1))]}

    answer = await support.post(f"/registrations/{client.registration_id}/messages", body)

    assert answer.status_code == 413
    assert len(await client.messages("private_message")) == 0


@pytest.mark.clause("WG1-02-6.1-02", "WG1-02-6.11-07")
async def test_a_reply_is_in_the_thread_and_takes_the_question_out_of_the_inbox(
    server: Server, client: Registered, support: OperatorClient
) -> None:
    first = await created(client, PRIVATE)
    server.clock.advance(seconds=1)
    second = await created(client, PRIVATE | {"previous_uri": first["uri"], "name": "Moreover"})
    server.clock.advance(seconds=1)

    reply = await posted(support, client, previous_uri=second["uri"])

    assert reply["previous_uri"] == second["uri"]
    assert await listed(support, status="waiting", type="private_message") == []
    shown = (await support.get(f"/messages/{second['message_id']}")).json()
    assert [one["message_id"] for one in shown["thread"]] == [
        first["message_id"],
        second["message_id"],
        reply["message_id"],
    ]
    assert shown["question"] is None
    assert (await reread(client, first)) == first


async def test_replies_that_are_written_at_once_are_all_kept(
    client: Registered, server: Server, support: OperatorClient
) -> None:
    question = await created(client, PRIVATE)
    others = [support, await operator_of(server, "support"), await operator_of(server)]

    await asyncio.gather(*(posted(one, client, previous_uri=question["uri"]) for one in others))

    shown = (await support.get(f"/messages/{question['message_id']}")).json()
    assert len(shown["thread"]) == 4


async def test_a_question_says_what_can_be_decided(client: Registered, support: OperatorClient) -> None:
    request = await created(client, SUPPORT)

    shown = (await support.get(f"/messages/{request['message_id']}")).json()

    assert shown["question"] == {"message_id": request["message_id"], "decisions": ["complete", "pending"]}
    assert shown["waiting"] is True
    assert [one["message_id"] for one in shown["thread"]] == [request["message_id"]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": "support_request"}, "type"),
        ({"type": None}, "type"),
        ({"name": ""}, "name"),
        ({"description": " "}, "description"),
        ({"previous_uri": "https://utility.example/cds-api/v1/messages/00zzzzzzzzzzzz-mzzzzzzzzzz"}, "previous_uri"),
        ({"related_uri": "javascript:alert(1)"}, "related_uri"),
        ({"type": "payment_request"}, "related_uri"),
        ({"type": "server_request"}, "updates_requested"),
        ({"attachments": [{"filename": "a/b"}]}, "attachments.0.data"),
        ({"priority": "high"}, "priority"),
    ],
)
async def test_a_message_that_makes_no_sense_is_refused_by_its_name(
    client: Registered, support: OperatorClient, fields: dict[str, Any], field: str
) -> None:
    before = await client.messages()

    answer = await support.post(f"/registrations/{client.registration_id}/messages", WORD | fields)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert await client.messages() == before


async def test_a_message_of_one_registration_cannot_continue_one_of_another(
    server: Server, client: Registered, support: OperatorClient
) -> None:
    other = await server.register()
    foreign = await created(other, PRIVATE)

    answer = await support.post(
        f"/registrations/{client.registration_id}/messages", WORD | {"previous_uri": foreign["uri"]}
    )

    assert answer.status_code == 400
