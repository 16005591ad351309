"""What Clients ask for with an Idempotency-Key happens once: a lost answer leads to nothing twice (DESIGN.md 7)."""

import asyncio
from uuid import uuid4

import pytest

from app.catalog import Catalog
from tests.conftest import MakeServer, Registered, Server, changed

REGISTER, MESSAGES, CREDENTIALS = "/oauth/register", "/cds-api/v1/messages", "/cds-api/v1/credentials"
HEADER = "Idempotency-Key"
BODY = {"scope": "cds_client_admin", "client_name": "Meadow"}
QUESTION = {"type": "support_request", "previous_uri": None, "name": "A question", "description": "Are they final?"}


def a_key() -> dict[str, str]:
    """A header that nobody has sent before."""
    return {HEADER: str(uuid4())}


async def registrations(server: Server) -> int:
    """How many there are."""
    return sum([await server.connection.command("ZCARD", f"{{{shard:02x}}}:registrations") for shard in range(256)])


async def test_a_registration_that_is_sent_again_is_answered_again(server: Server) -> None:
    """Also with the members in another order: it is the same request."""
    key = a_key()
    first = await server.http.post(REGISTER, json=BODY, headers=key)
    again = await server.http.post(REGISTER, json=dict(reversed(BODY.items())), headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["cache-control"] == "no-store"
    assert await registrations(server) == 1
    found = again.json()
    assert (await server.token_response(found["client_id"], found["client_secret"])).status_code == 200


async def test_of_many_that_are_sent_at_once_one_registers(server: Server) -> None:
    key = a_key()
    answers = await asyncio.gather(*(server.http.post(REGISTER, json=BODY, headers=key) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await registrations(server) == 1


async def test_the_secret_is_answered_again_as_it_was_however_many_there_are_by_then(server: Server) -> None:
    key = a_key()
    first = (await server.http.post(REGISTER, json=BODY, headers=key)).json()
    registered = Registered(server, None, first["client_id"], first["client_secret"])  # type: ignore[arg-type]  # unused
    await registered.post(CREDENTIALS, {"client_id": first["client_id"]})
    server.clock.advance(minutes=5)

    again = (await server.http.post(REGISTER, json=BODY, headers=key)).json()
    assert again["client_secret"] == first["client_secret"]


async def test_the_rfc7591_answer_is_repeated_with_its_expiry(make_server: MakeServer, demo_catalog: Catalog) -> None:
    server = await make_server(catalog=changed(demo_catalog, registration={"rfc7591_compatible": True}))
    key = a_key()
    first = await server.http.post(REGISTER, json=BODY, headers=key)

    assert "client_secret_expires_at" in first.json()
    assert (await server.http.post(REGISTER, json=BODY, headers=key)).json() == first.json()


async def test_another_body_under_the_same_key_is_refused_and_told_nothing(server: Server) -> None:
    key = a_key()
    await server.http.post(REGISTER, json=BODY, headers=key)
    other = await server.http.post(REGISTER, json={**BODY, "client_name": "Heath"}, headers=key)

    assert other.status_code == 422
    assert other.json()["error"] == "idempotency_key_reused"
    assert set(other.json()) == {"error", "error_description"}
    assert await registrations(server) == 1


@pytest.mark.parametrize(
    "key", ["1", "registration-1", "0123456789012345678", "", "x" * 256, "with a blank in between it"]
)
async def test_a_key_that_can_be_guessed_is_refused(server: Server, key: str) -> None:
    """It opens an answer with a secret."""
    answer = await server.http.post(REGISTER, json=BODY, headers={HEADER: key})

    assert answer.status_code == 400
    assert HEADER in answer.json()["error_description"]
    assert await registrations(server) == 0


async def test_a_refused_registration_may_be_corrected_under_its_key(server: Server) -> None:
    key = a_key()
    assert (await server.http.post(REGISTER, json={"scope": "unknown"}, headers=key)).status_code == 400

    assert (await server.http.post(REGISTER, json=BODY, headers=key)).status_code == 201


async def test_a_registration_key_makes_no_second_one_even_when_it_is_forgotten(server: Server) -> None:
    """What was made is remembered for a day; after that the answer with the secret is not given again."""
    key = a_key()
    found = (await server.http.post(REGISTER, json=BODY, headers=key)).json()
    prefix = f"{{{found['client_id'][:2]}}}{found['client_id'][2:]}"
    (kept,) = [one async for one in server.service.connection._client.scan_iter(f"{prefix}:k:*")]  # noqa: SLF001 -- TTL
    assert 86_000 < await server.connection.command("TTL", kept.decode()) <= 86_400
    await server.connection.command("DEL", kept.decode(), writes=True)

    later = await server.http.post(REGISTER, json=BODY, headers=key)
    assert later.status_code == 409
    assert "client_secret" not in later.text
    assert await registrations(server) == 1


async def test_without_a_key_each_request_registers(server: Server) -> None:
    for _ in range(2):
        assert (await server.http.post(REGISTER, json=BODY)).status_code == 201

    assert await registrations(server) == 2


@pytest.mark.parametrize("path", [MESSAGES, CREDENTIALS])
async def test_what_a_client_posts_again_is_made_once(server: Server, path: str) -> None:
    registered = await server.register()
    body = QUESTION if path == MESSAGES else {"client_id": registered.client_id}
    key = a_key()

    answers = await asyncio.gather(*(registered.post(path, body, headers=key) for _ in range(8)))
    again = await registered.post(path, body, headers=key)

    assert {answer.status_code for answer in (*answers, again)} == {201}
    assert {answer.text for answer in answers} == {again.text}
    assert again.headers.get("location") == answers[0].headers.get("location")
    credentials = (await registered.get(CREDENTIALS)).json()["credentials"]
    assert len(credentials) == (2 if path == CREDENTIALS else 1)
    assert len(await registered.messages("support_request")) == (1 if path == MESSAGES else 0)


@pytest.mark.parametrize("path", [MESSAGES, CREDENTIALS])
async def test_another_body_of_a_client_under_the_same_key_is_refused(server: Server, path: str) -> None:
    registered = await server.register("cds_client_admin ple_grid_status")
    grid = (await registered.clients())["ple_grid_status"]["client_id"]
    first, other = (QUESTION, QUESTION | {"name": "Another"})
    if path == CREDENTIALS:
        first, other = {"client_id": registered.client_id}, {"client_id": grid}
    key = a_key()
    await registered.post(path, first, headers=key)

    answer = await registered.post(path, other, headers=key)
    assert answer.status_code == 422
    assert answer.json()["error"] == "idempotency_key_reused"


@pytest.mark.parametrize("path", [MESSAGES, CREDENTIALS])
async def test_a_key_opens_nothing_without_a_token(server: Server, path: str) -> None:
    registered, stranger = await server.register(), await server.register()
    body = QUESTION if path == MESSAGES else {"client_id": registered.client_id}
    key = a_key()
    await registered.post(path, body, headers=key)
    forged = key | {"Authorization": f"Bearer cdsat_{registered.registration_id}_{'x' * 43}"}

    assert (await server.http.post(path, json=body, headers=forged)).status_code == 401
    assert (await server.http.post(path, json=body | {"x": 1}, headers=forged)).status_code == 401
    theirs = await stranger.post(path, body, headers=key)
    assert theirs.status_code == (201 if path == MESSAGES else 400)
    assert registered.registration_id not in theirs.text


async def test_a_repeated_request_counts_once_against_the_limit(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_CLIENT="20/minute")
    registered = await server.register()
    key = a_key()
    statuses = [(await registered.post(MESSAGES, QUESTION, headers=key)).status_code for _ in range(22)]

    assert statuses.count(429) == 3  # the token was one request, too
