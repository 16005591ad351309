"""Changes of Client Objects that wait for an operator (CDS-WG1-02 5.5, 6.2 to 6.5; ambiguities B20, B21, C11)."""

import asyncio
import base64
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain.field_changes import decide_field_changes
from app.domain.records import Wanted
from app.errors import AlreadyDecided, InvalidClientMetadata, InvalidRequest, NotFound
from app.schemas.messages import Message, MessageStatus
from app.schemas.registrations import Registration
from app.store.connect import StoreConnection, memory_client
from tests.conftest import MakeServer, Registered, Server, changed
from tests.domain.samples import png

SCOPES = "cds_client_admin ple_customer_data ple_grid_status"
REVIEWED = frozenset({"client_name", "logo_uri", "cds_company_name", "cds_company_logo", "redirect_uris"})
NEW_URI = "https://meadow.example/callback"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service whose operators look at some fields."""
    return await make_server(changed(demo_catalog, policies={"field_review": REVIEWED}))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration."""
    return await server.register(SCOPES)


@pytest.fixture
async def code(registered: Registered) -> dict[str, Any]:
    """The sandbox object with which users are asked."""
    return (await registered.clients())["ple_customer_data"]


async def put(registered: Registered, client: dict[str, Any], changes: dict[str, Any], status: int) -> dict[str, Any]:
    """PUT the present object with changes, and read that it is what was answered."""
    present = (await registered.get(client["cds_client_uri"])).json()
    answer = await registered.put(client["cds_client_uri"], present | changes)
    assert answer.status_code == status, answer.text
    assert (await registered.get(client["cds_client_uri"])).json() == answer.json()
    new: dict[str, Any] = answer.json()
    return new


async def decide(registered: Registered, message: dict[str, Any], status: str, description: str = "") -> Message:
    return await decide_field_changes(
        registered.server.context, registered.access, message["message_id"], MessageStatus(status), description
    )


async def reviews(registered: Registered) -> list[dict[str, Any]]:
    """The field_changes Messages, newest first."""
    return await registered.messages("field_changes")


@pytest.mark.clause("WG1-02-5.5-10", "WG1-02-5.5-11", "WG1-02-5.5-12", "WG1-02-6.5-04")
async def test_a_reviewed_field_keeps_its_value_and_the_answer_is_202(
    registered: Registered, code: dict[str, Any]
) -> None:
    """The Message says from what to what."""
    new = await put(registered, code, {"client_name": "Meadow", "logo_uri": "https://meadow.example/l.png"}, 202)

    assert new == code
    (message,) = await reviews(registered)
    assert (message["status"], message["creator"], message["read"]) == ("pending", None, False)
    assert (message["related_uri"], message["related_type"]) == (code["cds_client_uri"], "client")
    assert sorted(message["updates_requested"], key=lambda one: one["field"]) == [
        {"field": "client_name", "previous_value": code["client_name"], "new_value": "Meadow"},
        {"field": "logo_uri", "previous_value": None, "new_value": "https://meadow.example/l.png"},
    ]
    outstanding = (await registered.get("/cds-api/v1/messages")).json()["outstanding"]
    assert message["message_id"] in {one["message_id"] for one in outstanding}


async def test_fields_that_need_no_review_change_at_once(
    server: Server, registered: Registered, code: dict[str, Any]
) -> None:
    """In the same PUT, with a changelog Message of their own (ambiguities B20)."""
    server.clock.advance(seconds=1)
    new = await put(registered, code, {"client_name": "Meadow", "contacts": ["it@meadow.example"]}, 202)

    assert new == code | {"contacts": ["it@meadow.example"], "cds_modified": "2026-06-01T12:00:01Z"}
    (message,) = await reviews(registered)
    assert [one["field"] for one in message["updates_requested"]] == ["client_name"]
    (note,) = await registered.messages("private_message")
    assert "contacts" in note["description"]


@pytest.mark.clause("WG1-02-5.5-13", "WG1-02-5.3-09")
async def test_an_approval_sets_the_new_values(server: Server, registered: Registered, code: dict[str, Any]) -> None:
    """The Message shows up again, with what the operator says (ambiguities C11)."""
    await put(registered, code, {"client_name": "Meadow", "cds_company_name": "Meadow Ltd"}, 202)
    (message,) = await reviews(registered)
    await registered.patch(message["uri"], {"read": True})
    server.clock.advance(minutes=1)

    await decide(registered, message, "complete", "Fine with us.")

    (decided,) = await reviews(registered)
    assert (decided["status"], decided["read"], decided["modified"]) == ("complete", False, "2026-06-01T12:01:00Z")
    assert "Fine with us." in decided["description"]
    assert decided["updates_requested"] == message["updates_requested"]
    new = (await registered.get(code["cds_client_uri"])).json()
    assert new == code | {
        "client_name": "Meadow",
        "cds_company_name": "Meadow Ltd",
        "cds_modified": "2026-06-01T12:01:00Z",
    }
    notes = [one for one in await registered.messages("private_message") if one["related_type"] == "client"]
    assert len(notes) == 1
    wanted = Wanted(Registration, registered.registration_id)
    (registration,) = await server.context.records.load(registered.access, wanted)
    assert registration
    assert registration.object.field_values["cds_company_name"] == "Meadow Ltd"
    await put(registered, code, {}, 200)


@pytest.mark.clause("WG1-02-5.5-13", "WG1-02-6.3-10")
async def test_a_rejection_says_why_and_changes_nothing(registered: Registered, code: dict[str, Any]) -> None:
    """Without a reason it is not accepted."""
    await put(registered, code, {"client_name": "Meadow"}, 202)
    (message,) = await reviews(registered)
    with pytest.raises(InvalidRequest):
        await decide(registered, message, "rejected", " ")

    await decide(registered, message, "rejected", "That is another company.")

    (decided,) = await reviews(registered)
    assert decided["status"] == "rejected"
    assert "That is another company." in decided["description"]
    assert (await registered.get(code["cds_client_uri"])).json() == code
    await put(registered, code, {"client_name": "Meadow"}, 202)
    assert len(await reviews(registered)) == 2


async def test_a_decision_is_made_once(server: Server, registered: Registered, code: dict[str, Any]) -> None:
    """A status that such a Message cannot have, another Message and another registration's are refused."""
    await put(registered, code, {"client_name": "Meadow"}, 202)
    (message,) = await reviews(registered)
    with pytest.raises(InvalidRequest):
        await decide(registered, message, "open")
    other = await server.register()
    with pytest.raises(NotFound):
        await decide(other, message, "complete")
    welcome = (await registered.messages("notification"))[0]
    with pytest.raises(NotFound):
        await decide(registered, welcome, "complete")

    await decide(registered, message, "complete")

    for status in ("complete", "rejected", "errored", "pending"):
        with pytest.raises(AlreadyDecided):
            await decide(registered, message, status, "Because.")


async def test_an_errored_review_can_still_be_decided(registered: Registered, code: dict[str, Any]) -> None:
    """A repeated PUT opens a new one, and then the errored one is out of date."""
    await put(registered, code, {"client_name": "Meadow"}, 202)
    (first,) = await reviews(registered)
    await decide(registered, first, "pending", "Our lawyer has a look.")
    assert "lawyer" in (await reviews(registered))[0]["description"]
    await decide(registered, first, "errored")
    await decide(registered, first, "complete")
    assert (await registered.get(code["cds_client_uri"])).json()["client_name"] == "Meadow"

    await put(registered, code, {"client_name": "Prairie"}, 202)
    second = (await reviews(registered))[0]
    await decide(registered, second, "errored")
    await put(registered, code, {"client_name": "Prairie"}, 202)
    third = (await reviews(registered))[0]
    assert third["message_id"] != second["message_id"]
    with pytest.raises(AlreadyDecided):
        await decide(registered, second, "complete")
    await decide(registered, third, "complete")
    assert (await registered.get(code["cds_client_uri"])).json()["client_name"] == "Prairie"


async def test_repeating_the_present_value_leaves_a_review_alone(registered: Registered, code: dict[str, Any]) -> None:
    """Every GET-change-PUT does it; repeating the new value does not ask twice either (ambiguities B21)."""
    await put(registered, code, {"client_name": "Meadow"}, 202)
    before = await reviews(registered)

    await put(registered, code, {"contacts": ["it@meadow.example"]}, 200)
    await put(registered, code, {"client_name": "Meadow"}, 202)

    assert await reviews(registered) == before


async def test_another_value_takes_the_place_of_one_that_waits(registered: Registered, code: dict[str, Any]) -> None:
    """The rest of the superseded Message goes on waiting in the new one (ambiguities B21)."""
    await put(registered, code, {"client_name": "Meadow", "logo_uri": "https://meadow.example/l.png"}, 202)

    await put(registered, code, {"client_name": "Prairie"}, 202)

    new, old = sorted(await reviews(registered), key=lambda one: one["status"])
    assert old["status"] == "rejected"
    assert "uperseded" in old["description"]
    assert {one["field"]: one["new_value"] for one in new["updates_requested"]} == {
        "client_name": "Prairie",
        "logo_uri": "https://meadow.example/l.png",
    }
    with pytest.raises(AlreadyDecided):
        await decide(registered, old, "complete")
    await decide(registered, new, "complete")
    client = (await registered.get(code["cds_client_uri"])).json()
    assert (client["client_name"], client["logo_uri"]) == ("Prairie", "https://meadow.example/l.png")


async def test_several_reviews_of_one_object_are_decided_one_by_one(
    registered: Registered, code: dict[str, Any]
) -> None:
    """One Message per PUT."""
    await put(registered, code, {"client_name": "Meadow"}, 202)
    await put(registered, code, {"logo_uri": "https://meadow.example/l.png"}, 202)
    logo, name = sorted(await reviews(registered), key=lambda one: one["updates_requested"][0]["field"], reverse=True)

    await decide(registered, name, "rejected", "No.")
    await decide(registered, logo, "complete")

    client = (await registered.get(code["cds_client_uri"])).json()
    assert (client["client_name"], client["logo_uri"]) == (code["client_name"], "https://meadow.example/l.png")


async def test_going_back_to_a_default_is_a_change_too(registered: Registered, code: dict[str, Any]) -> None:
    """A logo that is left out goes when an operator agrees."""
    await put(registered, code, {"logo_uri": "https://meadow.example/l.png"}, 202)
    await decide(registered, (await reviews(registered))[0], "complete")
    body = {name: value for name, value in code.items() if name != "logo_uri"}

    answer = await registered.put(code["cds_client_uri"], body)

    assert answer.status_code == 202
    assert answer.json()["logo_uri"] == "https://meadow.example/l.png"
    pending = next(one for one in await reviews(registered) if one["status"] == "pending")
    assert pending["updates_requested"] == [
        {"field": "logo_uri", "previous_value": "https://meadow.example/l.png", "new_value": None}
    ]
    await decide(registered, pending, "complete")
    assert "logo_uri" not in (await registered.get(code["cds_client_uri"])).json()


async def test_a_default_waits_together_with_what_it_rests_on(registered: Registered, code: dict[str, Any]) -> None:
    """A default redirect URI cannot be one that is not listed yet (ambiguities B7)."""
    changes = {"redirect_uris": [NEW_URI], "cds_default_redirect_uri": NEW_URI, "tos_uri": "https://meadow.example/t"}

    new = await put(registered, code, changes, 202)

    assert new["redirect_uris"] == [new["cds_default_redirect_uri"]] == code["redirect_uris"]
    assert new["tos_uri"] == "https://meadow.example/t"
    (message,) = await reviews(registered)
    assert [one["field"] for one in message["updates_requested"]] == ["redirect_uris", "cds_default_redirect_uri"]
    await decide(registered, message, "complete")
    client = (await registered.get(code["cds_client_uri"])).json()
    assert client["redirect_uris"] == [client["cds_default_redirect_uri"]] == [NEW_URI]


async def test_an_approval_that_does_not_fit_any_more_is_refused(registered: Registered, code: dict[str, Any]) -> None:
    """The new values are checked against the object as it is by then; the operator can reject or wait."""
    receipt = code["redirect_uris"][0]
    await put(registered, code, {"redirect_uris": [receipt, NEW_URI]}, 202)
    await decide(registered, (await reviews(registered))[0], "complete")
    await put(registered, code, {"redirect_uris": [receipt]}, 202)
    await put(registered, code, {"cds_default_redirect_uri": NEW_URI}, 200)
    waiting = next(one for one in await reviews(registered) if one["status"] == "pending")

    with pytest.raises(InvalidClientMetadata):
        await decide(registered, waiting, "complete")

    await decide(registered, waiting, "rejected", "The default is another one by now.")
    assert (await registered.get(code["cds_client_uri"])).json()["redirect_uris"] == [receipt, NEW_URI]


async def test_a_new_logo_waits_in_the_file_store(server: Server, registered: Registered, code: dict[str, Any]) -> None:
    """The Message tells its kind and size, never its content (ambiguities A5)."""

    async def key() -> str | None:
        wanted = Wanted(Registration, registered.registration_id)
        (registration,) = await server.context.records.load(registered.access, wanted)
        assert registration
        found: str | None = registration.object.field_files.get("cds_company_logo")
        return found

    def logo(width: int) -> dict[str, str]:
        return {"cds_company_logo": base64.b64encode(png(width=width)).decode()}

    async def waiting() -> tuple[dict[str, Any], str]:
        message = next(one for one in await reviews(registered) if one["status"] == "pending")
        (stored,) = await server.context.records.load(registered.access, Wanted(Message, message["message_id"]))
        assert stored
        return message, stored.internal.files["cds_company_logo"]

    await put(registered, code, logo(1), 202)
    message, first = await waiting()
    assert await key() is None
    assert message["updates_requested"] == [
        {
            "field": "cds_company_logo",
            "previous_value": None,
            "new_value": {"mime_type": "image/png", "size": len(png())},
        }
    ]
    await put(registered, code, logo(1), 202)
    assert (await waiting())[1] == first

    await put(registered, code, logo(2), 202)
    message, second = await waiting()
    with pytest.raises(NotFound):
        await server.context.files.get(first)
    await decide(registered, message, "complete")
    assert await key() == second
    assert await server.context.files.get(second) == png(width=2)

    await put(registered, code, logo(3), 202)
    message, third = await waiting()
    await decide(registered, message, "rejected", "Too grey.")
    assert await key() == second
    with pytest.raises(NotFound):
        await server.context.files.get(third)
    await put(registered, code, {"cds_company_logo": None}, 202)
    message, gone = await waiting()
    assert gone == ""
    await decide(registered, message, "complete")
    assert await key() is None
    with pytest.raises(NotFound):
        await server.context.files.get(second)


async def test_a_field_that_is_no_longer_reviewed_supersedes_what_waits(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """After a change of the catalog; the other fields of the Message go on waiting."""
    store = StoreConnection(memory_client(), is_cluster=False, wait_replicas=0)
    before = changed(demo_catalog, policies={"field_review": REVIEWED})
    registered = await (await make_server(before, store=store)).register(SCOPES)
    code = (await registered.clients())["ple_customer_data"]
    await put(registered, code, {"client_name": "Meadow", "logo_uri": "https://meadow.example/l.png"}, 202)
    after = changed(demo_catalog, policies={"field_review": frozenset({"logo_uri"})})
    registered.server = await make_server(after, store=store)

    await put(registered, code, {"client_name": "Prairie"}, 200)

    new, old = sorted(await reviews(registered), key=lambda one: one["status"])
    assert (new["status"], old["status"]) == ("pending", "rejected")
    assert [one["field"] for one in new["updates_requested"]] == ["logo_uri"]


async def test_two_reviews_at_once_both_get_their_message(registered: Registered, code: dict[str, Any]) -> None:
    """Whichever comes second starts again from what the first has written."""
    answers = await asyncio.gather(
        registered.put(code["cds_client_uri"], code | {"client_name": "Meadow"}),
        registered.put(code["cds_client_uri"], code | {"logo_uri": "https://meadow.example/l.png"}),
    )

    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(await reviews(registered)) == 2


async def test_a_disabled_object_is_reviewed_as_well(registered: Registered, code: dict[str, Any]) -> None:
    """Status and review do not touch each other."""
    await put(registered, code, {"client_name": "Meadow", "cds_status": "disabled"}, 202)

    await decide(registered, (await reviews(registered))[0], "complete")

    client = (await registered.get(code["cds_client_uri"])).json()
    assert (client["client_name"], client["cds_status"]) == ("Meadow", "disabled")
