"""pdf_form: a blank form goes out, a filled-in one comes back through the Messages API (CDS-WG1-02 3.6)."""

from typing import Any

import pytest

from app.catalog import Catalog
from app.domain.directory import MessageSearch
from tests.conftest import MakeServer, Registered, Server
from tests.message_objects import MESSAGES, attachment, reread, updates_of
from tests.onboarding import INTERCONNECTION, decide, hand_in_pdf, request_of, requirement_of, statuses, with_form

FIELD = "insurance_form"
URI = "https://files.meadow.example/form.pdf"


@pytest.fixture
async def client(server: Server) -> Registered:
    return await server.register(INTERCONNECTION)


@pytest.mark.clause("WG1-02-3.6-36", "WG1-02-6.1-15")
async def test_the_request_links_the_document_itself(server: Server, client: Registered) -> None:
    request = await request_of(client, FIELD)
    answer = await server.http.get(request["related_uri"])

    assert (request["type"], request["related_type"], request["creator"]) == ("pdf_form_request", "pdf_form", None)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content.startswith(b"%PDF-")
    assert answer.content == (await server.http.get(f"/onboarding/forms/{FIELD}")).content


@pytest.mark.parametrize("field_id", ["data_terms", "company_name", "nothing", "..%2F..%2Fcatalog.yaml"])
async def test_only_forms_can_be_downloaded(server: Server, field_id: str) -> None:
    assert (await server.http.get(f"/onboarding/forms/{field_id}")).status_code == 404


async def test_a_blank_form_elsewhere_is_linked(make_server: MakeServer, demo_catalog: Catalog) -> None:
    server = await make_server(with_form(demo_catalog, FIELD, url="https://forms.example/insurance.pdf?v=2"))
    client = await server.register(INTERCONNECTION)
    for link in ((await request_of(client, FIELD))["related_uri"], f"/onboarding/forms/{FIELD}"):
        answer = await server.http.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, "https://forms.example/insurance.pdf?v=2")


@pytest.mark.clause("WG1-02-3.6-38", "WG1-02-3.6-43")
@pytest.mark.parametrize(
    "submitted",
    [
        {"attachments": [attachment()]},
        {"attachments": [attachment()], "updates_requested": []},
        {"updates_requested": [{"field": "form", "uri": URI}]},
    ],
    ids=["attached", "attached, with an empty list", "linked"],
)
async def test_a_filled_in_form_is_pending(server: Server, client: Registered, submitted: dict[str, Any]) -> None:
    request = await request_of(client, FIELD)
    body = {"type": "client_submission", "previous_uri": request["uri"], "name": "", "description": "", **submitted}

    answer = await client.post(MESSAGES, body)

    assert answer.status_code == 201
    (update,) = await updates_of(client, request)
    assert (update["status"], update["previous_uri"]) == ("pending", request["uri"])
    assert (await reread(client, request))["status"] == "pending"
    assert (await requirement_of(client, FIELD)).status == "pending"
    assert server.service.state
    inbox = await server.service.state["directory"].messages(MessageSearch(waiting=True))
    assert request["message_id"] in {one.object.message_id for one in inbox.items}


@pytest.mark.clause("WG1-02-3.6-39", "WG1-02-3.6-40")
async def test_an_operator_decides_and_a_rejected_form_can_be_sent_again(client: Registered) -> None:
    request = await hand_in_pdf(client)

    update = await decide(client, FIELD, "rejected", "Page two is not signed.")
    assert (update["status"], update["previous_uri"]) == ("rejected", request["uri"])
    assert update["description"] == "Page two is not signed."
    assert (await requirement_of(client, FIELD)).status == "rejected"
    await hand_in_pdf(client)
    assert (await statuses(client, request))[0] == "pending"
    update = await decide(client, FIELD, "complete")
    assert (update["status"], update["previous_uri"]) == ("complete", request["uri"])
    assert (await requirement_of(client, FIELD)).status == "met"


async def test_nothing_is_sent_to_the_link(server: Server, client: Registered) -> None:
    link = (await request_of(client, FIELD))["related_uri"]
    assert (await server.http.post(link, data={"do": "accept"})).status_code == 404
