"""What operations write and what `cds-server reindex` would write are the same, and the command says what it did."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from app.cli import main
from app.store import reindex
from app.store.connect import StoreConnection, memory_client
from app.store.documents import Documents
from tests.live_server import live_server

EVERYTHING = (
    "cds_client_admin cds_grant_admin cds_server_provided_files_ple ple_customer_data ple_grid_status"
    " ple_interconnection"
)


async def test_after_a_life_full_of_changes_there_is_nothing_to_put_right(make_server):
    store = StoreConnection(memory_client(), is_cluster=False, wait_replicas=0)
    server = await make_server(store=store)
    for _ in range(3):
        client = await server.register(EVERYTHING)
        objects = await client.clients()
        grid, data = objects["ple_grid_status"], objects["ple_customer_data"]
        secret = (await client.credential_of(grid["client_id"]))["client_secret"]
        await server.access_token(grid["client_id"], secret)
        await client.put(
            data["cds_client_uri"], data | {"redirect_uris": [*data["redirect_uris"], "https://c.example/"]}
        )
        await client.put(data["cds_client_uri"], data | {"cds_status": "disabled"})
        await client.post("/cds-api/v1/credentials", {"client_id": grid["client_id"]})
        question = {"type": "support_request", "previous_uri": None, "name": "a", "description": "b"}
        await client.post("/cds-api/v1/messages", question)
        (message, *_) = await client.messages("notification")
        await client.patch(message["uri"], {"read": True})
        (grant, *_) = (await client.get("/cds-api/v1/grants", params={"client_ids": grid["client_id"]})).json()[
            "grants"
        ]
        assert (await client.patch(grant["uri"], {"status": "closed"})).status_code == 200
        server.clock.advance(seconds=5)

    await server.connection.load(reindex.SCRIPTS)
    documents = Documents(server.settings.public_url)
    done = await reindex.Reindexer(store.client, server.connection, documents, lambda _: None).run()

    assert done.registrations == 3
    assert done.objects > 3 * 20
    assert (done.mended, done.unreadable) == (0, [])


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
def test_the_command_works_beside_a_running_server_and_tells_what_it_did(tmp_path):
    with live_server(tmp_path):
        redis = Redis(unix_socket_path=str(tmp_path / ".data" / "store" / "valkey.sock"))
        redis.zadd("{00}:registrations", {"00zzzzzzzzzzzz": 1})
        answer = CliRunner().invoke(main, ["reindex"])
        redis.hset("{00}zzzzzzzzzzzz:o", "m1", "no JSON")
        refused = CliRunner().invoke(main, ["reindex"])
        redis.close()

    assert (answer.exit_code, refused.exit_code) == (0, 1)
    assert answer.stdout == "0 objects of 0 registrations and 0 indexes looked at, 1 entry put right.\n"
    assert refused.stdout.splitlines()[1:] == [
        "Not an object of ours: {00}zzzzzzzzzzzz:o m1: JSON is malformed: invalid character (byte 4)",
        "1 object could not be read; nothing was done about them.",
    ]
