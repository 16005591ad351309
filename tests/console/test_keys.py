"""Operator keys in the console."""

import pytest

from tests.console.desk import Desk
from tests.html_pages import UserBrowser, View
from tests.operators import API, operator_of

PATH = "/console/keys"


def key_in(page: View) -> str:
    """The key that a page shows."""
    return next(word for word in page.text.split() if word.startswith("cdsop_"))


async def test_a_new_key_is_shown_once_and_works_at_once(admin: Desk, server) -> None:
    page = await admin.press(await admin.open(PATH), "Make a key", name="jo@utility.example", role="support")
    key = key_in(page)
    later = await admin.open(PATH)

    assert "The key of jo@utility.example" in page.text
    assert page.response.headers["cache-control"] == "no-store"
    assert "cdsop_" not in later.text
    assert "jo@utility.example support" in " ".join(later.text.split())
    async with UserBrowser(server) as jo:
        view = await jo.press(await jo.open("/console/sign-in?next=/console/mails"), "Sign in", key=key)
        assert "jo@utility.example support" in view.text
    assert (await server.http.get(f"{API}/messages", headers={"Authorization": f"Bearer {key}"})).status_code == 200


async def test_loading_the_answer_again_makes_no_second_key(admin: Desk) -> None:
    page = await admin.open(PATH)
    await admin.submit(page, "Make a key", name="jo", role="viewer")
    again = await admin.submit(page, "Make a key", name="jo", role="viewer")

    assert again.status_code == 409
    assert "jo" in View(again).text
    assert "cdsop_" not in again.text


@pytest.mark.parametrize("name", ["", " ", "two words", "-x", "x" * 65, "bootstrap", "<script>", "ä", "a/b", 'a"b'])
async def test_a_name_that_does_not_suit_is_explained_at_the_field(admin: Desk, name: str) -> None:
    answer = await admin.submit(await admin.open(PATH), "Make a key", name=name, role="admin")
    page = View(answer)

    assert answer.status_code == 400
    assert "name must be up to 64 letters" in page.text
    assert ("aria-invalid", "true") in page.attributes
    assert page.form("Make a key").values["name"] == name.strip()
    assert page.form("Make a key").values["role"] == "admin"


@pytest.mark.parametrize("role", ["", "root", "Admin"])
async def test_there_are_no_other_roles(admin: Desk, role: str) -> None:
    answer = await admin.submit(await admin.open(PATH), "Make a key", name="jo", role=role)

    assert answer.status_code == 400
    assert "role must be one of" in View(answer).text


async def test_a_revoked_key_is_asked_about_first_and_gone_afterwards(admin: Desk, server) -> None:
    jo = await operator_of(server, "admin", "jo")
    page = await admin.open(PATH)
    assert "Revoke the key of jo?" in page.text
    shown = await admin.after(await admin.choose(page, "/keys/revoke", {}, name="jo"))
    server.clock.advance(seconds=5)

    assert "The key of jo has been revoked." in shown.text
    assert (await jo.get("/messages")).status_code == 401
    again = await admin.after(await admin.choose(shown, "/keys/revoke", {}, name="jo"))
    assert "There is no operator jo any more." in again.text


async def test_nobody_locks_themselves_out(admin: Desk, server) -> None:
    page = await admin.open(PATH)
    assert not [form for form in page.forms if form.values.get("name") == admin.name]
    answer = await admin.post(PATH + "/revoke", {"form_token": await admin.token(), "name": admin.name})
    server.clock.advance(seconds=5)

    assert "You cannot revoke yourself" in (await admin.after(answer)).text
    assert (await admin.send("GET", PATH)).status_code == 200


async def test_the_key_of_the_settings_is_named_and_cannot_be_revoked_here(make_server) -> None:
    server = await make_server(CDS_OPERATOR_BOOTSTRAP_KEY="cdsop_" + "b" * 43)
    async with Desk(server) as desk:
        page = await desk.open("/console/sign-in?next=/console/keys")
        page = await desk.press(page, "Sign in", key="cdsop_" + "b" * 43)

        assert "Set by CDS_OPERATOR_BOOTSTRAP_KEY" in page.text
        assert not [form for form in page.forms if form.values.get("name") == "bootstrap"]
        await desk.post(PATH + "/revoke", {"form_token": await desk.token(), "name": "bootstrap"})
        server.clock.advance(seconds=5)
        assert (await desk.send("GET", PATH)).status_code == 200


async def test_the_audit_log_says_who_did_it_and_never_the_key(admin: Desk) -> None:
    key = key_in(await admin.press(await admin.open(PATH), "Make a key", name="jo", role="viewer"))
    await admin.choose(await admin.open(PATH), "/keys/revoke", {}, name="jo")
    log = await admin.open("/console/audit")

    assert "operators.add" in log.text
    assert "operators.revoke" in log.text
    assert f"{admin.name} , admin, in the console" in log.text
    assert key not in log.response.text
