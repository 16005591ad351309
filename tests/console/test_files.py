"""Server-Provided Files in the console: brought in, shared, taken back, deleted."""

from tests.conftest import Registered, Server
from tests.console.desk import HOSTILE, Desk
from tests.html_pages import View
from tests.message_objects import EVERYTHING

PATH = "/console/files"
SCOPE = "cds_server_provided_files_ple"
PDF = ("study.pdf", b"%PDF-1.7 hosting capacity", "application/pdf")


async def uploaded(admin: Desk, file: tuple[str, bytes, str] = PDF, **fields: str) -> View:
    """The page of a file that was just brought in."""
    page = await admin.open(PATH)
    form = next(one for one in page.forms if "description" in one.values)
    return await admin.after(await admin.send_files(PATH, form.values | fields, file))


async def files_of(client: Registered) -> list[str]:
    """The names of the files that a Client can see in its Grants."""
    grants = (await client.get("/cds-api/v1/grants", params={"scopes": SCOPE})).json()["grants"]
    return [entry["file_id"] for one in grants for entry in one["enabled_authorization_details"]]


async def test_a_file_is_brought_in_and_saved_again(server: Server, admin: Desk, viewer: Desk) -> None:
    page = await uploaded(admin, description="Hosting capacity\r\nof the west side")
    assert "Nobody has access to it yet." in page.text
    assert page.title.startswith("study.pdf")

    view = await viewer.open(str(page.response.url))
    answer = await viewer.send("GET", view.links["Download"]["href"])

    assert answer.content == PDF[1]
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "Delete" not in view.links
    assert "Hosting capacity" in (await viewer.open(PATH)).text


async def test_a_file_may_be_larger_than_any_message(make_server: object, server: Server, admin: Desk) -> None:
    size_bytes = server.settings.max_attachments_bytes + 1_000_000

    page = await uploaded(admin, ("all.csv", b"0123456789" * (size_bytes // 10), "text/csv"), name="readings.csv")

    assert page.title.startswith("readings.csv")
    assert "17.8 MB, text/csv" in page.text


async def test_names_of_files_are_text_and_lose_their_folders(server: Server, admin: Desk) -> None:
    page = await uploaded(admin, ("C:\\secret\\<b>plan<b>.html", b"<script>alert(1)</script>", "text/html"))
    assert page.title.startswith("<b>plan<b>.html")
    assert "script" not in page.tags
    described = await uploaded(admin, description=HOSTILE)
    assert HOSTILE in described.text
    assert "script" not in described.tags


async def test_a_form_without_a_file_is_shown_again(server: Server, admin: Desk) -> None:
    page = await admin.open(PATH)
    form = next(one for one in page.forms if "description" in one.values)

    refused = View(await admin.send_files(PATH, form.values | {"description": "A study"}))

    assert refused.response.status_code == 400
    assert "Choose a file." in refused.text
    assert next(one for one in refused.forms if "description" in one.values).values["description"] == "A study"


async def test_a_file_is_shared_with_a_client_that_a_search_finds(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING, client_name="Meadow Software")
    await server.register("cds_client_admin", client_name="Meadow without files")
    page = await uploaded(admin)
    target = (await client.clients())[SCOPE]["client_id"]

    found = await admin.open(f"{page.response.url}?q=mead")
    assert "Meadow without files" not in found.links
    shared = await admin.press(found, f"Share with {target}")

    assert f"Shared with {target}" in shared.text
    assert len(await files_of(client)) == 1
    (record,) = [one for one in await client.messages("private_message") if "Grant" in one["name"]]
    assert record


async def test_a_file_is_shared_by_the_id_of_a_client_object(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    target = (await client.clients())[SCOPE]["client_id"]
    page = await uploaded(admin)

    found = await admin.open(f"{page.response.url}?q={target}")
    await admin.press(found, f"Share with {target}")

    assert len(await files_of(client)) == 1


async def test_sharing_with_what_takes_no_files_is_refused(server: Server, admin: Desk) -> None:
    client = await server.register("cds_client_admin")
    page = await uploaded(admin)
    for client_id in (client.client_id, "nonsense", "zzzzzzzzzzzzzz"):
        data = {"form_token": await admin.token(), "client_id": client_id}
        refused = await admin.post(f"{page.response.url}/share", data)
        assert refused.status_code in {400, 404}
        assert "Share it" in refused.text


async def test_a_file_is_taken_back(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    target = (await client.clients())[SCOPE]["client_id"]
    page = await uploaded(admin)
    shared = await admin.press(await admin.open(f"{page.response.url}?q={target}"), f"Share with {target}")

    after = await admin.press(shared, "Take it back")

    assert "Taken back." in after.text
    assert "Nobody has access to it." in after.text
    assert "Taken back or ended: 1" in after.text
    assert await files_of(client) == []


async def test_deleting_says_from_whom_it_is_taken_and_does_it(server: Server, admin: Desk) -> None:
    client = await server.register(EVERYTHING)
    target = (await client.clients())[SCOPE]["client_id"]
    page = await uploaded(admin)
    await admin.press(await admin.open(f"{page.response.url}?q={target}"), f"Share with {target}")

    ask = await admin.open(f"{page.response.url}/delete")
    assert "It is taken back from one Grant" in ask.text
    index = await admin.press(ask, "Delete the file")

    assert "The file is deleted." in index.text
    assert "The library is empty." in index.text
    assert await files_of(client) == []
    assert (await admin.send("GET", str(page.response.url))).status_code == 404


async def test_other_roles_are_refused(server: Server, admin: Desk, support: Desk) -> None:
    page = await uploaded(admin)
    token = {"form_token": await support.token()}
    assert (await support.send_files(PATH, token, PDF)).status_code == 403
    for path in ("share", "delete"):
        assert (await support.post(f"{page.response.url}/{path}", token)).status_code == 403
    view = await support.open(str(page.response.url))
    assert not [form for form in view.forms if form.action.startswith(PATH)]


async def test_an_upload_of_another_session_is_refused_before_it_is_kept(
    server: Server, admin: Desk, support: Desk
) -> None:
    token = {"form_token": await support.token()}
    assert (await admin.send_files(PATH, token, PDF)).status_code == 403
    assert (await admin.send_files(PATH, {}, PDF)).status_code == 403
    assert "The library is empty." in (await admin.open(PATH)).text
