"""An export holds all that a store does, as it was; any kind of store can take it over, again and again."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.crypto.secret_keys import keys_document, new_key
from app.domain.feed import Actor
from app.errors import ConfigurationError
from app.main import SCRIPTS
from app.store import exporting, importing, keys
from app.store import reindex as reindexing
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.export_records import Begin, End, Part, Place, Record, Tally, pack, unpack
from app.store.feed import RedisFeed
from app.store.schema import VERSION, require_compatible
from tests.conftest import Registered, Server
from tests.operators import OperatorClient, operator_of
from tests.stores import spare_store

EVERYTHING = "cds_client_admin cds_grant_admin cds_server_provided_files_ple ple_customer_data ple_grid_status"
ANNA = Actor(name="anna", role="admin", via="api")
PATHS = ("clients", "messages", "credentials", "grants")
SEEN_BY_OPERATORS = ("registrations", "messages", "grants", "webhooks", "events", "audit", "files", "broadcasts")


@pytest.fixture
def secret_keys() -> dict[str, str]:
    """Keys that all servers of a test have."""
    return {"CDS_SECRET_KEYS": keys_document([new_key()]).decode()}


@pytest.fixture
async def spare() -> AsyncIterator[Callable[[], Awaitable[StoreConnection]]]:
    """Empty stores."""
    async with AsyncExitStack() as stack:

        async def make() -> StoreConnection:
            store = await spare_store()
            stack.push_async_callback(store.close)
            return store

        yield make


@pytest.fixture
async def given(spare, make_server, secret_keys) -> "Given":
    """A store in which something has happened."""
    store = await spare()
    server = await make_server(store=store, **secret_keys)
    lived = Given(store, server, await operator_of(server), [])
    await lived.live()
    return lived


class Given:
    """A server with Clients and an operator, on a store."""

    def __init__(
        self, store: StoreConnection, server: Server, operator: OperatorClient, clients: list[Registered]
    ) -> None:
        self.store = store
        self.server = server
        self.operator = operator
        self.clients = clients

    async def live(self) -> None:
        """Have something of each kind."""
        for name in ("Heathland Labs", "Moorland Labs"):
            client = await self.server.register(EVERYTHING, client_name=name)
            self.clients.append(client)
            question = {"type": "support_request", "previous_uri": None, "name": "a", "description": "b"}
            assert (await client.post("/cds-api/v1/messages", question)).status_code == 201
            self.server.clock.advance(seconds=5)
        objects = await self.clients[0].clients()
        changed = objects["ple_customer_data"] | {"client_name": "Other words"}
        assert (await self.clients[0].put(changed["cds_client_uri"], changed)).is_success
        webhook = {"url": "https://hooks.utility.example/cds", "events": ["*"]}
        assert (await self.operator.post("/webhooks", webhook)).status_code == 201
        broadcast = {"name": "Maintenance", "description": "On Sunday."}
        assert (await self.operator.post("/broadcasts", broadcast)).status_code == 201
        feed = RedisFeed(self.server.connection)
        await feed.relay()
        await feed.take("webhooks", "somebody", limit=3)
        taken = await feed.take("mails", "somebody", limit=2)
        await feed.done("mails", [one.id for one in taken])

    async def seen(self, server: Server) -> dict[str, Any]:
        """What Clients and operators see of it on a server, with the tokens and keys that they have."""
        found: dict[str, Any] = {}
        for client in self.clients:
            client.server = server
            for path in PATHS:
                found[f"{client.client_id} {path}"] = (await client.get(f"/cds-api/v1/{path}")).json()
        self.operator.server = server
        for path in SEEN_BY_OPERATORS:
            found[path] = (await self.operator.get(f"/{path}")).json()
        of_one = {"registration_id": self.clients[0].client_id}
        found["story"] = (await self.operator.get("/events", params=of_one)).json()
        found["search"] = (await self.operator.get("/registrations", params={"q": "heathland labs"})).json()
        found["sought"] = len(found["search"]["registrations"])
        return found


def sealer(server: Server) -> Any:
    return server.context.records.sealer  # type: ignore[attr-defined]  # of the real store


async def exported(store: StoreConnection, server: Server, after: Place | None = None) -> list[list[Record]]:
    """Everything in a store, as pieces of a file."""
    connection = await opened(store)
    exporter = exporting.Exporter(store.client, connection, RedisFeed(connection), sealer(server))
    pieces = [batch async for batch in exporter.records(after or Place("", ""))]
    await connection.close()
    assert exporter.unreadable == 0
    return [unpack(pack(one)) for one in pieces]


async def imported(
    store: StoreConnection, server: Server, pieces: Sequence[Sequence[Record]], *, only_missing: bool = False
) -> importing.Importer:
    connection = await opened(store)
    reindexer = reindexing.Reindexer(store.client, connection, server.context.records.documents, lambda _: None)
    importer = importing.Importer(connection, reindexer, sealer(server), "export-1", only_missing=only_missing)
    await importer.begin()
    for piece in pieces:
        await importer.write(piece)
    await importer.finish()
    await connection.close()
    assert reindexer.done.unreadable == []
    return importer


async def opened(store: StoreConnection) -> Connection:
    connection = Connection(store.client)
    await connection.load((*SCRIPTS, *exporting.SCRIPTS, *importing.SCRIPTS, *reindexing.SCRIPTS))
    return connection


async def everything_in(store: StoreConnection) -> dict[str, Any]:
    """Every key that is the same wherever it is kept, with its content."""
    connection = await opened(store)
    found = {}
    async for name in store.client.scan_iter(match="*", count=1000):
        key = name.decode()
        if (
            not key.startswith(("{feed}:turn", keys.SCHEMA))
            and ":n:" not in key
            and ":events" not in key
            and ":limit:" not in key
        ):
            kind = (await connection.command("TYPE", key)).decode()
            read = {"hash": ("HGETALL", key), "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"), "set": ("SMEMBERS", key)}
            words = read.get(kind, ("XRANGE", key, "-", "+") if kind == "stream" else ("GET", key))
            found[key] = without_seals(await connection.command(*words))
    await connection.close()
    return found


def without_seals(content: Any) -> Any:
    return {k: v for k, v in content.items() if not k.endswith(b"$")} if isinstance(content, dict) else content


async def test_any_kind_of_store_takes_everything_over_and_hands_it_on(
    given, spare, make_server, secret_keys, store, monkeypatch
):
    """From a single server to each kind, and from there, registrations by way of copies, back to a single one."""
    before, kept = await given.seen(given.server), await everything_in(given.store)
    assert before["sought"] == 1

    await imported(store, given.server, await exported(given.store, given.server))
    between = await make_server(store=store, **secret_keys)
    monkeypatch.setattr(exporting, "LARGE_BYTES", 3000)
    last = await spare()
    await imported(last, between, await exported(store, between))

    assert await given.seen(between) == before
    end = await make_server(store=last, **secret_keys)
    assert await given.seen(end) == before
    after = await everything_in(last)
    assert {key for key in kept if ":s:" not in key} <= after.keys() | derived(kept)
    assert {key: kept[key] for key in after.keys() & kept.keys()} == {key: after[key] for key in after if key in kept}
    assert not [key for key in await everything_in(store) if ":export:" in key]


def derived(found: dict[str, Any]) -> set[str]:
    """Keys that an import need not have: empty ones are never there, and these say nothing that lasts."""
    return {key for key in found if key.endswith((":mails", ":positions")) or ":mails-to:" in key or ":limit:" in key}


async def test_an_import_makes_every_index_as_changes_make_it(given, spare, make_server, secret_keys):
    last = await spare()
    await imported(last, given.server, await exported(given.store, given.server))
    connection = await opened(last)
    documents = given.server.context.records.documents

    done = await reindexing.Reindexer(last.client, connection, documents, lambda _: None).run()

    assert done.registrations == 2
    assert (done.mended, done.unreadable) == (0, [])
    await connection.close()


async def test_what_followers_of_the_feed_had_not_done_comes_to_them_again(given, spare, make_server, secret_keys):
    last = await spare()
    await imported(last, given.server, await exported(given.store, given.server))
    connection = await opened(last)
    feed = RedisFeed(connection)
    events = [one.id for one in await feed.events()]

    assert [one.id for one in await feed.take("webhooks", "another")] == events
    assert [one.id for one in await feed.take("mails", "another")] == events[2:]
    await connection.close()


async def test_an_interrupted_import_keeps_servers_away_and_ends_the_same_when_it_is_begun_again(
    given, spare, make_server, secret_keys
):
    pieces = await exported(given.store, given.server)
    middle = next(number for number, piece in enumerate(pieces) if piece[-1].section == "registrations") + 1
    last = await spare()
    connection = await opened(last)
    interrupted = await half_imported(last, given.server, connection, pieces[:middle])

    with pytest.raises(ConfigurationError, match="is being imported"):
        await require_compatible(connection)
    other = importing.Importer(connection, interrupted, sealer(given.server), "export-2", only_missing=False)
    with pytest.raises(ConfigurationError, match="part of another file"):
        await other.begin()
    await imported(last, given.server, pieces)

    await require_compatible(connection)
    assert await given.seen(await make_server(store=last, **secret_keys)) == await given.seen(given.server)
    await connection.close()


async def half_imported(
    store: StoreConnection, server: Server, connection: Connection, pieces: Sequence[Sequence[Record]]
) -> reindexing.Reindexer:
    reindexer = reindexing.Reindexer(store.client, connection, server.context.records.documents, lambda _: None)
    importer = importing.Importer(connection, reindexer, sealer(server), "export-1", only_missing=False)
    await importer.begin()
    for piece in pieces:
        await importer.write(piece)
    return reindexer


async def test_an_export_goes_on_behind_any_of_its_places(given, monkeypatch):
    monkeypatch.setattr(exporting, "AT_A_TIME", 1)
    monkeypatch.setattr(exporting, "_PAGE", 3)
    pieces = await exported(given.store, given.server)
    ids = [client.client_id for client in given.clients]

    for number, piece in enumerate(pieces):
        tally = Tally()
        rest = await exported(given.store, given.server, piece[-1])
        for record in (one for some in (*pieces[: number + 1], *rest) for one in some):
            tally.add(record)

        assert tally.sums.registrations == len(ids)
        assert tally.sums.audit == (await RedisFeed(given.server.connection).head()).number
        assert tally.sums.events == len(await RedisFeed(given.server.connection).events(limit=500))


async def test_a_registration_is_as_it_was_at_one_moment_however_large_it_is(given, monkeypatch):
    """Whatever is changed while its pages are read."""
    monkeypatch.setattr(exporting, "LARGE_BYTES", 1)
    monkeypatch.setattr(exporting, "_SCAN_COUNT", 1)
    connection = await opened(given.store)
    exporter = exporting.Exporter(given.store.client, connection, RedisFeed(connection), sealer(given.server))
    client = given.clients[0]
    prefix = keys.prefix(client.client_id)
    names: set[bytes] = set()

    async for piece in exporter.records(Place("registrations", "")):
        for part in piece:
            if isinstance(part, Part) and part.prefix == prefix:
                await given.server.connection.command("HSET", f"{prefix}:o", "mlate", "{}")
                names |= {name for one in part.keys if one.suffix == ":o" for name in one.values[::2]}

    assert len(names) > 10
    assert b"mlate" not in names
    await connection.close()


async def test_a_token_that_is_cut_off_during_an_export_is_cut_off_in_it(given, spare, make_server, secret_keys):
    """Tokens come first and what cuts them off later, so it may be in the file but never missing from it."""
    client = given.clients[0]
    await client.get("/cds-api/v1/clients")
    connection = await opened(given.store)
    exporter = exporting.Exporter(given.store.client, connection, RedisFeed(connection), sealer(given.server))
    pieces = []
    async for piece in exporter.records(Place("", "")):
        if piece[-1].section == "others" and not any(one[-1].section == "others" for one in pieces):
            suspended = {"status": "suspended"}
            path = f"/registrations/{client.registration_id}"
            pieces.append(piece)
            assert (await given.operator.patch(path, suspended)).is_success
        else:
            pieces.append(piece)
    last = await spare()
    await imported(last, given.server, pieces)
    client.server = await make_server(store=last, **secret_keys)

    assert (await client.get("/cds-api/v1/clients")).status_code == 401
    await connection.close()


async def test_a_store_in_use_is_refused_but_gets_back_what_it_misses(given, spare, make_server, secret_keys):
    pieces = await exported(given.store, given.server)
    before = await given.seen(given.server)
    lost, kept = given.clients
    for key in [one async for one in given.store.client.scan_iter(match=f"{keys.prefix(lost.client_id)}*")]:
        await given.server.connection.command("DEL", key.decode())
    question = {"type": "support_request", "previous_uri": None, "name": "after the export", "description": "b"}
    await kept.post("/cds-api/v1/messages", question)
    newer = (await kept.get("/cds-api/v1/messages")).json()

    with pytest.raises(ConfigurationError, match="not empty"):
        await imported(given.store, given.server, pieces)
    done = await imported(given.store, given.server, pieces, only_missing=True)

    assert (done.written, done.left) == (1, 1)
    assert (await kept.get("/cds-api/v1/messages")).json() == newer
    assert (await lost.get("/cds-api/v1/messages")).json() == before[f"{lost.client_id} messages"]


async def test_secrets_are_sealed_with_the_keys_of_the_store_that_takes_them(given, spare, make_server):
    last = await spare()
    other = await make_server(store=last)
    client = given.clients[0]
    secrets = (await client.get("/cds-api/v1/credentials")).json()

    await imported(last, other, await exported(given.store, given.server))

    client.server = other
    assert (await client.get("/cds-api/v1/credentials")).json() == secrets


def test_what_does_not_fit_together_is_refused():
    tally = Tally()
    tally.add(Begin("a", 0, VERSION, files=False))
    tally.add(Part("{3f}x", [], first=False))

    with pytest.raises(ConfigurationError, match="at its end"):
        tally.add(End(Tally().sums))
    with pytest.raises(ConfigurationError, match="newer one"):
        unpack(b"\x91\x92\xa3new\x01")
