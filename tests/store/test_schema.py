"""Servers of two versions work side by side on one store, in a rollout and on the way back; no others get near it."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from app.crypto.secret_keys import keys_document, new_key
from app.domain.records import AnyObject
from app.errors import ConfigurationError
from app.main import SCRIPTS
from app.schemas.encoding import encode
from app.store import keys
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.reindex import SCRIPTS as REINDEX
from app.store.reindex import Reindexer
from app.store.schema import VERSION, require_compatible, require_readable, settle
from tests.conftest import MakeServer, Registered, Server
from tests.stores import spare_store

EVERYTHING = "cds_client_admin cds_grant_admin ple_customer_data ple_grid_status"
QUESTION = {"type": "support_request", "previous_uri": None, "name": "a", "description": "b"}


class FirstDocuments(Documents):
    """Documents as servers of version 1 wrote and read them: nothing but our own URL is marked."""

    def __init__(self, public_url: str, **_marks: bool) -> None:
        super().__init__(public_url)
        self._url = public_url.encode()

    def shrink(self, _kind: type[AnyObject], document: bytes) -> bytes:
        return document.replace(b'"' + self._url + b"/", b'"\x01/')

    def expand(self, _kind: type[AnyObject], stored: bytes) -> bytes:
        return stored.replace(b"\x01", self._url)


@pytest.fixture
async def one() -> AsyncIterator[StoreConnection]:
    """An empty store."""
    store = await spare_store()
    yield store
    await store.close()


@pytest.fixture
def shared_keys() -> dict[str, str]:
    """What all servers of a test have in common."""
    return {"CDS_SECRET_KEYS": keys_document([new_key()]).decode()}


@pytest.fixture
async def connected(one) -> AsyncIterator[Connection]:
    opened = Connection(one.client)
    await opened.load((*SCRIPTS, *REINDEX))
    yield opened
    await opened.close()


@pytest.fixture
def start_first(one, make_server: MakeServer, shared_keys, monkeypatch) -> Any:
    """Starts a server of version 1."""

    async def start() -> Server:
        with monkeypatch.context() as patched:
            patched.setattr("app.main.Documents", FirstDocuments)
            patched.setattr("app.main.require_compatible", partial(require_compatible, version=1))
            return await make_server(store=one, **shared_keys)

    return start


async def marked(connection: Connection, client: Registered) -> bool:
    """Whether anything of a registration is stored as servers of version 1 cannot read it."""
    found = await connection.command("HGETALL", f"{keys.prefix(client.registration_id)}:o")
    return any(b"\x02" in value for name, value in found.items() if not name.endswith((b"!", b"$", b"~")))


async def worked_with(client: Registered, server: Server) -> dict[str, Any]:
    """A Client's day at a server: it looks at everything and changes something of each kind; what it sees then."""
    client.server = server
    data = (await client.clients())["ple_customer_data"]
    data["redirect_uris"] = [f"https://client.example/{len(data['redirect_uris'])}", *data["redirect_uris"]]
    assert (await client.put(data["cds_client_uri"], data)).is_success
    assert (await client.post("/cds-api/v1/messages", QUESTION)).status_code == 201
    (message, *_) = await client.messages("notification")
    assert (await client.patch(message["uri"], {"read": True})).is_success
    assert (await client.post("/cds-api/v1/credentials", {"client_id": data["client_id"]})).status_code == 201
    server.clock.advance(seconds=1)
    return await everything(client)


async def everything(client: Registered) -> dict[str, Any]:
    paths = ("clients", "messages", "credentials", "grants")
    return {path: (await client.get(f"/cds-api/v1/{path}")).raise_for_status().json() for path in paths}


async def test_servers_of_two_versions_work_side_by_side_and_the_way_back_is_open_until_reindex(
    one, connected, start_first, make_server, shared_keys
):
    first = await start_first()
    clients = [await first.register(EVERYTHING)]

    second = await make_server(store=one, **shared_keys)
    clients.append(await second.register(EVERYTHING))
    for server in (first, second, await start_first()):
        for client in clients:
            client.token_until = None
            await worked_with(client, server)
        assert not [client for client in clients if await marked(connected, client)]

    documents = second.context.records.documents
    done = await Reindexer(one.client, connected, documents, lambda _: None).run()
    assert (done.mended, done.unreadable) == (0, [])
    assert await settle(connected)
    third = await make_server(store=one, **shared_keys)
    clients.append(await third.register(EVERYTHING))

    assert await marked(connected, clients[-1])
    with pytest.raises(ConfigurationError, match="this server is of version 1: use a newer one"):
        await start_first()
    assert not await settle(connected)


@pytest.mark.parametrize(
    ("stored", "version", "settled"),
    [
        pytest.param((None, None), 5, True, id="empty"),
        pytest.param((5, 5), 5, True, id="settled"),
        pytest.param((5, 4), 5, False, id="in a rollout"),
        pytest.param((4, 4), 5, False, id="the first of its version"),
        pytest.param((6, 5), 5, True, id="the last of its version"),
        pytest.param((4, None), 5, False, id="from before there were two numbers"),
    ],
)
async def test_a_version_writes_its_own_layout_once_nobody_can_be_left_behind(connected, stored, version, settled):
    await store_versions(connected, stored)

    assert await require_compatible(connected, version) is settled
    assert await require_compatible(connected, version) is settled


@pytest.mark.parametrize(
    ("stored", "version", "says"),
    [
        ((5, 5), 4, "of version 4: use a newer one"),
        ((6, 5), 4, "of version 4: use a newer one"),
        ((5, 5), 7, "of version 7: upgrade step by step"),
        ((5, 4), 6, "of version 6: run cds-server reindex of version 5 first"),
    ],
)
async def test_a_version_that_is_too_far_away_is_refused_and_changes_nothing(connected, stored, version, says):
    await store_versions(connected, stored)

    with pytest.raises(ConfigurationError, match=says):
        await require_compatible(connected, version)
    assert [int(await connected.command("GET", key)) for key in (keys.SCHEMA, keys.OLDEST)] == list(stored)


async def store_versions(connection: Connection, stored: tuple[int | None, int | None]) -> None:
    for key, version in zip((keys.SCHEMA, keys.OLDEST), stored, strict=True):
        if version is not None:
            await connection.command("SET", key, version)


def test_a_file_of_a_later_version_is_refused():
    require_readable(VERSION)
    require_readable(1)
    with pytest.raises(ConfigurationError, match="use a newer one"):
        require_readable(VERSION + 1)


async def test_what_a_newer_version_has_added_to_objects_is_passed_over_and_kept(one, connected, make_server):
    server = await make_server(store=one)
    client = await server.register(EVERYTHING)
    name = f"{keys.prefix(client.registration_id)}:o"
    before = await connected.command("HGETALL", name)
    added = encode({"cds_added_later": {"a": [1.5, []]}})[1:-1]
    for field, value in before.items():
        if not field.endswith((b"$", b"~")):
            before[field] = value[:-1] + b"," + added + b"}"
            await connected.command("HSET", name, field, before[field])

    await worked_with(client, server)

    after = await connected.command("HGETALL", name)
    changed = {field[:1] for field, value in before.items() if after[field] != value and added in value}
    assert b"m" in changed
    assert changed & {b"1", b"2", b"3"}
    assert [field for field, value in before.items() if added in value and added not in after[field]] == []
