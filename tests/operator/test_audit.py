"""The audit log: what operators change is in it, with who, what, before and after, and never a secret."""

import base64
import re

import pytest

from app.domain import client_decisions, credentials, files, messages_from_server, registrations
from app.domain.audit import LONGEST_TEXT, MOST_ITEMS, acting_as, changes_of, object_change
from app.domain.feed import Actor
from app.domain.records import Change
from app.schemas.messages import MessageAttachment, MessageInternal
from app.schemas.registrations import RegistrationStatus
from tests.conftest import PUBLIC_URL, Registered, Server
from tests.factories import NOW, add_credential, make_credential, make_message
from tests.message_objects import EVERYTHING
from tests.operators import API, operator_of

ANNA = Actor(name="anna", role="admin", via="console")
PATH = "/audit"


async def log_of(server: Server, **query: str) -> list[dict]:
    """The audit log as a viewer reads it, but for the operators that the test made."""
    answer = await (await operator_of(server, "viewer")).get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["audit"] if one["actor"]["name"] != "root"]


def acting(server: Server, action: str):
    return acting_as(server.context, ANNA, action)


async def suspend(server: Server, client: Registered) -> None:
    """Something that an operator changes."""
    admin = await operator_of(server, name="suspender")
    answer = await admin.patch(
        f"/registrations/{client.registration_id}", {"status": "suspended", "description": "Over."}
    )
    assert answer.status_code == 200, answer.text


async def test_a_change_through_the_api_is_recorded_with_who_what_before_and_after(server):
    client, other = await server.register(), await server.register()
    await suspend(server, client)

    records = await log_of(server)

    assert {one["registration_id"] for one in records} == {client.registration_id}
    assert {one["actor"]["name"] for one in records} == {"suspender"}
    first = records[0]
    assert first["actor"] == {"name": "suspender", "role": "admin", "via": "api"}
    assert first["action"] == "registrations.suspend"
    assert first["at"] == "2026-06-01T12:00:00Z"
    (change,) = [one for one in first["changes"] if one["object"] == "registration"]
    assert change["id"] == client.registration_id
    assert change["before"]["status"] == "active"
    assert change["after"]["status"] == "suspended"
    assert await log_of(server, registration_id=client.registration_id) == records
    assert await log_of(server, registration_id=other.registration_id) == []
    assert await log_of(server, registration_id="nonsense") == []


async def test_what_clients_do_themselves_is_not_in_the_audit_log(server):
    client = await server.register()
    await client.put(f"/cds-api/v1/clients/{client.client_id}", {"client_name": "New"})

    assert await log_of(server) == []


async def test_reading_leaves_no_record(server):
    client = await server.register()
    admin = await operator_of(server)
    for path in (f"/registrations/{client.registration_id}", "/messages", "/overview", "/events"):
        assert (await admin.get(path)).status_code == 200, path

    assert await log_of(server) == []


async def test_no_secret_is_in_the_log_or_in_the_feed(server):
    """A new Credential, its digest, and the secrets that are there already."""
    client = await server.register()
    context = acting(server, "credentials.create")
    made = await credentials.create(context, client.access, client.client_id)
    await credentials.expire_by_operator(context, client.access, made.credential_id, "Leaked.")
    listed = (await client.get("/cds-api/v1/credentials")).json()["credentials"]
    viewer = await operator_of(server, "viewer")

    text = (await viewer.get(PATH)).text + (await viewer.get("/events")).text

    assert made.credential_id in text
    assert len(listed) == 2
    for secret in [one["client_secret"] for one in listed] + [viewer.key]:
        assert secret not in text
    assert "digest" not in text
    assert "cdscs_" not in text
    assert "client_secret_expires_at" in text


async def test_what_is_new_has_no_before_and_what_is_gone_no_after(server):
    context = acting(server, "files.create")
    client = await server.register()
    file = await files.create(context, client.access, name="a.txt", mime_type="text/plain", data=b"private bytes")
    await files.delete(acting(server, "files.delete"), client.access, file.file_id)

    created, retired, deleted = await log_of(server)

    assert created["registration_id"] is None
    (change,) = created["changes"]
    assert (change["object"], change["id"], change["before"]) == ("file", file.file_id, None)
    assert change["after"]["name"] == "a.txt"
    assert retired["changes"] == [{"object": "file", "id": file.file_id, "before": {}, "after": {"retired": True}}]
    assert deleted["action"] == "files.delete"
    assert deleted["changes"][0]["after"] is None
    assert deleted["changes"][0]["before"]["size"] == len(b"private bytes")
    assert "private bytes" not in str([created, retired, deleted])


async def test_only_fields_that_differ_are_recorded(server):
    client = await server.register(EVERYTHING)
    other = (await client.clients())["ple_grid_status"]["client_id"]
    server.clock.advance(seconds=5)
    disabled = {"cds_status": "disabled", "description": "Misused."}
    await client_decisions.modify(acting(server, "clients.modify"), client.access, other, disabled)

    changes = [change for record in await log_of(server) for change in record["changes"]]

    change = next(one for one in changes if one["object"] == "client")
    assert change["before"]["cds_status"] != "disabled"
    assert change["after"]["cds_status"] == "disabled"
    assert "client_name" not in change["after"]
    assert "cds_modified" not in change["after"]
    assert {"object": "access_tokens", "id": other, "before": {}, "after": None} in changes


def put(new, internal=None) -> dict:
    """What the log says about one object of a change."""
    change = Change(new.message_id[:14], NOW)
    change.create(new, internal or MessageInternal())
    (only,) = changes_of(change)
    return only


def test_attachments_are_named_and_their_content_is_left_out():
    content = base64.b64encode(b"secret plans").decode()
    message = make_message(
        "3f0123456789ab", attachments=[MessageAttachment(filename="a.pdf", mime_type="application/pdf", data=content)]
    )

    recorded = put(message)

    assert recorded["after"]["attachments"] == [{"filename": "a.pdf", "mime_type": "application/pdf"}]
    assert content not in str(recorded)


def test_long_values_are_cut_with_a_note_of_how_long_they_are():
    prose, blob = "word " * 1000, "A" * 5000
    cut = object_change("x", "1", None, {"prose": prose, "blob": blob, "list": list(range(500)), "short": "word"})[
        "after"
    ]

    assert cut["prose"] == prose[:LONGEST_TEXT] + "[… 5000 characters in all]"
    assert cut["blob"] == "[… 5000 characters in all]"
    assert len(cut["list"]) == MOST_ITEMS + 1
    assert cut["list"][-1] == "[… 500 items in all]"
    assert cut["short"] == "word"


def test_a_member_called_client_secret_is_nowhere_however_deep():
    change = object_change("x", "1", None, {"a": [{"b": {"client_secret": "s3cret", "c": 1}}]})

    assert change["after"] == {"a": [{"b": {"c": 1}}]}


def test_a_new_credential_shows_neither_its_secret_nor_what_stands_for_it():
    credential = make_credential("3f0123456789ab")
    change = Change("3f0123456789ab", NOW)
    add_credential(change, credential)

    (recorded,) = changes_of(change)

    assert recorded["after"]["credential_id"] == credential.credential_id
    assert {"client_secret", "digest"}.isdisjoint(recorded["after"])


def test_a_change_that_only_cuts_tokens_off_is_recorded():
    change = Change("3f0123456789ab", NOW, cut_off=["3f0123456789ab-c1"])

    assert changes_of(change) == [{"object": "access_tokens", "id": "3f0123456789ab-c1", "before": {}, "after": None}]


async def test_records_come_in_pages_with_links_that_keep_the_filter(server, monkeypatch):
    monkeypatch.setattr("app.operator.following.FEED_PAGE", 2)
    client = await server.register()
    for number in range(5):
        await messages_from_server.post_from_server(
            acting(server, f"messages.{number}"),
            client.access,
            {"type": "private_message", "previous_uri": None, "name": "Hello", "description": "There"},
        )
    viewer = await operator_of(server, "viewer")

    pages, url = [], f"{PUBLIC_URL}{API}{PATH}?registration_id={client.registration_id}"
    while url:
        assert url.startswith(f"{PUBLIC_URL}{API}{PATH}?registration_id={client.registration_id}")
        answer = (await viewer.get(url)).json()
        assert answer["previous"] is None
        pages.append([one["action"] for one in answer["audit"]])
        url = answer["next"]

    assert pages == [["messages.0", "messages.1"], ["messages.2", "messages.3"], ["messages.4"]]


@pytest.mark.parametrize("after", ["x", "-1", "1-1", "1" * 20])
async def test_a_place_that_is_none_is_refused(server, after):
    answer = await (await operator_of(server)).get(PATH, params={"after": after})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "after"


async def test_the_chain_of_hashes_is_shown(server):
    client = await server.register()
    for status in (RegistrationStatus.SUSPENDED, RegistrationStatus.ACTIVE):
        await registrations.modify(acting(server, "registrations.suspend"), client.access, status=status)

    first, second = (await (await operator_of(server)).get(PATH)).json()["audit"][:2]

    assert re.fullmatch(r"[0-9a-f]{64}", first["hash"])
    assert first["previous_hash"] == "0" * 64
    assert second["previous_hash"] == first["hash"]
    assert (first["id"], second["id"]) == ("1", "2")
