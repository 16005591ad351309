"""The outbox in the console."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.mails import MAIL_PAGE, Mail
from tests.conftest import Server
from tests.console.desk import HOSTILE, Desk

PATH = "/console/mails"


async def put(server: Server, **changes: Any) -> None:
    """A mail in the outbox."""
    assert server.service.state
    fields: dict[str, Any] = {
        "id": "m-1",
        "kind": "verification_code",
        "to": "dev@meadow.example",
        "subject": "Your code is 1234 5678",
        "text": "Type this:\n\n    1234 5678\n",
        "created": server.clock.now,
    }
    await server.service.state["outbox"].put(Mail(**(fields | changes)))


async def test_without_a_mail_server_support_reads_what_waits(server: Server, support: Desk, admin: Desk) -> None:
    await put(server, registration_id="3f0000000000aa", expires=server.clock.now + timedelta(minutes=15))
    for desk in (support, admin):
        page = await desk.open(PATH)
        assert "Your code is 1234 5678" in page.text
        assert "Type this: 1234 5678" in page.text
        assert "dev@meadow.example" in page.text
        assert "good until in 15 min" in page.text
        assert page.links["3f0000000000aa"]["href"] == "/console/registrations/3f0000000000aa"


async def test_a_viewer_sees_that_there_are_mails_and_not_what_they_say(server: Server, viewer: Desk) -> None:
    await put(server)
    page = await viewer.open(PATH)

    assert "Verification code" in page.text
    assert "1234" not in page.response.text


async def test_with_a_mail_server_nobody_reads_them_here(make_server) -> None:
    server = await make_server(CDS_SMTP_URL="smtp://127.0.0.1:9", CDS_MAIL_FROM="cds@utility.example")
    await put(server)
    async with Desk(server) as desk:
        page = await (await desk.sign_in(server, "admin")).open(PATH)

    assert "Verification code" in page.text
    assert "1234" not in page.response.text
    assert "CDS_SMTP_URL" in page.text


async def test_they_are_found_by_status(server: Server, admin: Desk) -> None:
    await put(server)

    assert "dev@meadow.example" in (await admin.open(f"{PATH}?status=waiting")).text
    assert "There are no such mails." in (await admin.open(f"{PATH}?status=failed")).text
    assert (await admin.send("GET", f"{PATH}?status=lost")).status_code == 400


async def test_they_are_read_page_by_page(server: Server, admin: Desk) -> None:
    for number in range(MAIL_PAGE + 3):
        await put(server, id=f"m-{number}", to=f"dev{number}@meadow.example")
        server.clock.advance(seconds=1)
    first = await admin.open(PATH)
    second = await admin.open(first.links["Older"]["href"])

    assert f"dev{MAIL_PAGE + 2}@" in first.text
    assert "dev0@" in second.text
    assert first.response.text.count("to <bdi>") == MAIL_PAGE
    assert second.response.text.count("to <bdi>") == 3
    assert "Older" not in second.links
    assert second.links["Newest"]["href"] == PATH


@pytest.mark.parametrize("field", ["subject", "text", "to", "kind"])
async def test_mails_are_text(server: Server, admin: Desk, field: str) -> None:
    await put(server, **{field: HOSTILE})
    page = await admin.open(PATH)

    assert not {"script", "img"} & set(page.tags)


async def test_without_mails_it_says_so(viewer: Desk) -> None:
    assert "There are no such mails." in (await viewer.open(PATH)).text
