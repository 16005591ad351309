"""What operators ask for with an Idempotency-Key happens once (DESIGN.md section 7)."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Registered, Server
from tests.message_objects import EVERYTHING
from tests.operators import OperatorClient, operator_of

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
WORD = {"type": "private_message", "name": "A word", "description": "From us to you."}


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with everything that the demo utility offers."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    """An operator who may change things."""
    return await operator_of(server)


async def request(client: Registered, admin: OperatorClient, what: str) -> tuple[str, dict[str, Any], str]:
    """Path, body and the id's name of a POST that makes something."""
    clients = await client.clients()
    grid, files = clients["ple_grid_status"], clients["cds_server_provided_files_ple"]
    if what == "message":
        return f"/registrations/{client.registration_id}/messages", WORD, "message_id"
    if what == "credential":
        return f"/clients/{grid['client_id']}/credentials", {}, "credential_id"
    if what == "grant":
        return "/grants", {"client_id": grid["client_id"], "scope": "ple_grid_status"}, "grant_id"
    file = (await admin.post("/files", files={"file": ("a.csv", b"a", "text/csv")})).json()
    return f"/files/{file['file_id']}/shares", {"client_id": files["client_id"]}, "grant_id"


KINDS = ["message", "credential", "grant", "share"]


@pytest.mark.parametrize("what", KINDS)
async def test_a_repeated_request_is_answered_with_what_it_made(
    client: Registered, admin: OperatorClient, what: str
) -> None:
    path, body, name = await request(client, admin, what)

    first = await admin.post(path, body, headers=KEY)
    client.server.clock.advance(seconds=30)
    again = await admin.post(path, dict(reversed(body.items())), headers=KEY)
    other = await admin.post(path, body, headers={"Idempotency-Key": "another"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 201), first.text
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert other.json()[name] != first.json()[name]


@pytest.mark.parametrize("what", KINDS)
async def test_of_requests_that_come_at_once_one_makes_something(
    client: Registered, admin: OperatorClient, what: str
) -> None:
    path, body, name = await request(client, admin, what)

    answers = await asyncio.gather(*(admin.post(path, body, headers=KEY) for _ in range(20)))

    assert {one.status_code for one in answers} == {201}
    assert len({one.json()[name] for one in answers}) == 1


async def test_a_key_is_not_used_for_another_request(client: Registered, admin: OperatorClient) -> None:
    path, body, _ = await request(client, admin, "message")
    await admin.post(path, body, headers=KEY)
    before = await client.messages()

    other = await admin.post(path, body | {"name": "Another word"}, headers=KEY)

    assert (other.status_code, other.json()["error"]) == (422, "idempotency_key_reused")
    assert await client.messages() == before


async def test_keys_of_others_are_others(server: Server, client: Registered, admin: OperatorClient) -> None:
    path, body, name = await request(client, admin, "message")
    elsewhere = f"/registrations/{(await server.register()).registration_id}/messages"
    colleague = await operator_of(server)

    answers = [
        await admin.post(path, body, headers=KEY),
        await colleague.post(path, body, headers=KEY),
        await admin.post(elsewhere, body, headers=KEY),
    ]

    assert [one.status_code for one in answers] == [201] * 3
    assert len({one.json()[name] for one in answers}) == 3


async def test_a_refused_request_may_be_sent_again_corrected(client: Registered, admin: OperatorClient) -> None:
    path, body, _ = await request(client, admin, "message")

    refused = await admin.post(path, body | {"name": ""}, headers=KEY)
    corrected = await admin.post(path, body, headers=KEY)

    assert (refused.status_code, corrected.status_code) == (400, 201)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\x7f"])
async def test_a_key_that_is_none_is_refused(client: Registered, admin: OperatorClient, key: str) -> None:
    path, body, _ = await request(client, admin, "message")

    answer = await admin.post(path, body, headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_file_that_is_sent_again_is_there_once(admin: OperatorClient) -> None:
    form = {"file": ("rates.csv", b"a,b\n", "text/csv")}

    answers = await asyncio.gather(*(admin.post("/files", files=form, headers=KEY) for _ in range(5)))
    again = await admin.post("/files", files=form, headers=KEY)
    other = await admin.post("/files", files={"file": ("rates.csv", b"a,b,c\n", "text/csv")}, headers=KEY)

    assert {one.status_code for one in (*answers, again)} == {201}
    assert {one.json()["file_id"] for one in answers} == {again.json()["file_id"]}
    assert other.status_code == 422
    assert len((await admin.get("/files")).json()["files"]) == 1
    assert (await admin.get(again.json()["download_uri"])).content == b"a,b\n"


async def test_what_an_operator_does_once_is_in_the_audit_log_once(client: Registered, admin: OperatorClient) -> None:
    path, body, _ = await request(client, admin, "message")

    for _ in range(3):
        await admin.post(path, body, headers=KEY)

    records = (await admin.get("/audit")).json()["audit"]
    assert [one["action"] for one in records if one["action"] == "messages.post"] == ["messages.post"]
