"""The inbox and exchanges of Messages as operators see them."""

from tests.conftest import Server
from tests.console.desk import Desk
from tests.message_objects import EVERYTHING, MESSAGES, SUPPORT, created


async def test_a_support_request_is_answered_in_two_clicks(server: Server, admin: Desk) -> None:
    client = await server.register("cds_client_admin", client_name="Meadow Software")
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


async def test_every_page_is_there(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING, client_name="Meadow Software")
    for path in (
        "/console/messages", "/console/registrations", f"/console/registrations/{client.registration_id}",
        f"/console/registrations/{client.registration_id}/write", f"/console/registrations/{client.registration_id}/messages",
        f"/console/registrations/{client.registration_id}/history", f"/console/registrations/{client.registration_id}/suspend",
        "/console/grants", "/console/grants/new", "/console/files", "/console/broadcasts", "/console/broadcasts/new",
    ):
        page = await admin.open(path)
        assert page.response.status_code == 200, (path, page.text)
