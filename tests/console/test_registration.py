"""The page of one registration, and what operators do there."""

import base64

import pytest

from tests.conftest import Registered, Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import View
from tests.message_objects import EVERYTHING, SUPPORT, attachment, created, reread

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def path_of(client: Registered) -> str:
    """Its page."""
    return f"/console/registrations/{client.registration_id}"


async def test_the_page_has_everything_of_one_client(server: Server, viewer: Desk) -> None:
    client = await server.register(EVERYTHING, client_name="Meadow Software", cds_use_case="Bills at a glance")
    await created(client, SUPPORT)

    page = await viewer.open(path_of(client))

    for text in (
        "Meadow Software", "Bills at a glance", "security@meadow.example", "Insurance form PDF form", "Help",
        "Welcome to Prairie & Lake Energy", "0 of 6 met", "Customer data sandbox", "Grid status production",
    ):  # fmt: skip
        assert text in page.text, text
    credentials = (await client.get("/cds-api/v1/credentials")).json()["credentials"]
    assert all(one["credential_id"] in page.text for one in credentials)
    assert not any(one["client_secret"] in page.response.text for one in credentials)
    assert not [form for form in page.forms if "/console/registrations/" in form.action]


async def test_a_logo_is_saved_and_never_shown(server: Server, viewer: Desk) -> None:
    client = await server.register(EVERYTHING, cds_company_logo=base64.b64encode(PNG).decode())
    page = await viewer.open(path_of(client))

    answer = await viewer.send("GET", page.links["Save the file"]["href"])

    assert answer.content == PNG
    assert answer.headers["content-disposition"] == 'attachment; filename="cds_company_logo.png"'
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert not page.images
    assert page.policy["img-src"] == ["'none'"]
    assert (await viewer.send("GET", f"{path_of(client)}/field?name=cds_use_case")).status_code == 404


async def test_what_clients_have_submitted_is_text(server: Server, viewer: Desk) -> None:
    client = await server.register(
        EVERYTHING, client_name=HOSTILE, cds_company_name=HOSTILE, cds_use_case=HOSTILE, contacts=[HOSTILE]
    )
    page = await viewer.open(path_of(client))
    assert "script" not in page.tags
    assert not page.images
    assert page.text.count("<script>alert(1)</script>") >= 4


async def test_links_of_clients_cannot_be_anything_but_web_pages(server: Server, viewer: Desk) -> None:
    client = await server.register(
        "cds_client_admin", client_uri="https://meadow.example/?q=1", policy_uri="https://a.b/"
    )
    page = await viewer.open(path_of(client))
    outside = [value for name, value in page.attributes if name == "href" and not value.startswith(("/", "#"))]
    assert outside
    assert all(value.startswith("https://") for value in outside)
    rels = [value for name, value in page.attributes if name == "rel" and "next" not in value]
    assert set(rels) == {"noopener noreferrer nofollow"}


async def test_a_step_is_marked_as_met_or_sent_again(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    page = await admin.open(path_of(client))

    page = await admin.press(page, "Mark as met Setup fee")
    assert "1 of 6 met" in page.text
    page = await admin.press(page, "Send a new link Contact check")
    assert "The Client has a Message with a new link." in page.text

    asked = [one for one in await client.messages("online_form_request") if "contact_check" in one["description"]]
    assert len({one["related_uri"] for one in asked}) == 2


async def test_a_form_that_was_sent_in_is_rejected_with_a_reason(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    request = next(iter(await client.messages("pdf_form_request")))
    submission = {"previous_uri": request["uri"], "type": "client_submission", "name": "", "description": ""}
    await created(client, submission | {"attachments": [attachment()]})

    page = await admin.open(path_of(client))
    message = await admin.open(f"/console/messages/{request['message_id']}")
    assert page.links["Reject…"]
    await admin.press(message, "Reject", description="The signature is missing.")

    assert (await reread(client, request))["status"] == "rejected"
    assert "Insurance form PDF form rejected" in (await admin.open(path_of(client))).text


async def test_production_access_can_be_given_whatever_is_open(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    sandbox = (await client.clients())["ple_interconnection"]
    ask = f"/console/registrations/{sandbox['client_id']}/approve"

    page = await admin.open(ask)
    assert "you pass over them: Contact check, Portal account, Insurance form, Setup fee" in page.text
    page = await admin.press(page, "Give production access", description="A pilot.")

    assert "in production as" in page.text
    statuses = {one["cds_status"] for one in (await client.get("/cds-api/v1/clients")).json()["clients"]}
    assert statuses == {"production", "sandbox"}
    again = View(await admin.post(ask, {"form_token": await admin.token()}))
    assert again.response.status_code == 409
    assert "The production Client Object exists" in again.text


async def test_a_client_object_is_disabled_with_a_reason_and_enabled_again(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    target = (await client.clients())["ple_grid_status"]
    path = f"/console/registrations/{target['client_id']}"

    page = await admin.open(f"{path}/disable")
    assert "expired secrets never become valid again" in page.text
    page = await admin.press(page, "Disable", description="Too many requests.")
    assert "disabled by an operator" in page.text
    assert (await client.clients())["ple_grid_status"]["cds_status"] == "disabled"
    news = await client.messages("private_message")
    assert any("Too many requests." in one["description"] for one in news)

    await admin.press(await admin.open(f"{path}/enable"), "Enable")
    assert (await client.clients())["ple_grid_status"]["cds_status"] == "production"


async def test_credentials_come_and_go_without_their_secrets(server: Server, admin: Desk) -> None:
    client = await server.register("cds_client_admin")
    path = "/console/registrations"

    page = await admin.press(await admin.open(f"{path}/{client.client_id}/credential"), "Create a Credential")
    assert "The Credential is there." in page.text
    first, second = (await client.get("/cds-api/v1/credentials")).json()["credentials"]
    old = next(one for one in (first, second) if one["client_secret"] == client.client_secret)
    new = next(one for one in (first, second) if one is not old)
    assert new["client_secret"] not in page.response.text

    page = await admin.press(
        await admin.open(f"{path}/{old['credential_id']}/expire"), "Expire now", description="Leaked."
    )
    assert "The Credential has expired." in page.text
    answer = await server.token_response(client.client_id, client.client_secret)
    assert answer.status_code == 401
    assert (await server.token_response(client.client_id, new["client_secret"])).status_code == 200


async def test_suspending_says_what_it_means_and_is_undone_by_activating(server: Server, admin: Desk) -> None:
    client = await server.register("cds_client_admin")
    page = await admin.open(f"{path_of(client)}/suspend")
    assert "Every access token of this registration is revoked now" in page.text

    page = await admin.press(page, "Suspend", description="Unpaid.")
    assert "The registration is suspended." in page.text
    assert (await server.token_response(client.client_id, client.client_secret)).status_code in {400, 401}

    page = await admin.press(await admin.open(f"{path_of(client)}/activate"), "Activate")
    assert "The registration is active again." in page.text
    client.token_until = None
    assert any("Unpaid." in one["description"] for one in await client.messages("private_message"))


async def test_notes_are_for_operators(server: Server, admin: Desk, viewer: Desk) -> None:
    client = await server.register("cds_client_admin")
    page = await admin.press(await admin.open(path_of(client)), "Keep the notes", notes="Calls on\r\nMondays")

    assert "The notes are kept." in page.text
    assert "Calls on Mondays" in (await viewer.open(path_of(client))).text
    assert "Mondays" not in (await client.get("/cds-api/v1/clients")).text
    long = View(
        await admin.post(f"{path_of(client)}/notes", {"form_token": await admin.token(), "notes": "x" * 20_001})
    )
    assert long.response.status_code == 400
    assert "notes must be text of at most 20000 characters." in long.text
    form = next(one for one in long.forms if one.action.endswith("/notes"))
    assert len(form.values["notes"]) == 20_001


async def test_the_history_names_who_changed_what(server: Server, admin: Desk, viewer: Desk) -> None:
    client = await server.register("cds_client_admin")
    await admin.press(await admin.open(path_of(client)), "Keep the notes", notes=HOSTILE)

    for path in (path_of(client), f"{path_of(client)}/history"):
        page = await viewer.open(path)
        assert admin.name in page.text
        assert "registrations.note" in page.text
        assert "script" not in page.tags
    assert "client.created" in page.text
    assert (await viewer.send("GET", f"{path_of(client)}/history?after=x")).status_code == 400


async def test_all_messages_of_a_registration_have_pages(server: Server, viewer: Desk) -> None:
    client = await server.register("cds_client_admin")
    for number in range(102):
        server.clock.advance(seconds=1)
        await created(client, SUPPORT | {"name": f"Question {number}"})

    first = await viewer.open(f"{path_of(client)}/messages")
    older = await viewer.open(first.links["Older"]["href"])

    assert "Question 101" in first.links
    assert "Question 0" in older.links
    assert "Question 101" in (await viewer.open(older.links["Newer"]["href"])).links


@pytest.mark.parametrize(
    "path",
    ["suspend", "activate", "disable", "enable", "approve", "credential", "renew", "notes", "write"],
)
async def test_other_roles_are_refused_by_the_server(server: Server, viewer: Desk, path: str) -> None:
    client = await server.register("cds_client_admin")
    data = {"form_token": await viewer.token(), "description": "x", "notes": "x"}
    assert (await viewer.post(f"{path_of(client)}/{path}", data)).status_code == 403


@pytest.mark.parametrize("path", ["", "/messages", "/history", "/suspend", "/write", "/approve", "/expire"])
async def test_what_is_no_registration_is_not_found(admin: Desk, path: str) -> None:
    for named in ("zzzzzzzzzzzzzz", "00aaaaaaaaaaaa", "nonsense"):
        assert (await admin.send("GET", f"/console/registrations/{named}{path}")).status_code == 404
