"""Tests of the store run on every kind of it."""

from collections.abc import AsyncIterator

import pytest

from app.crypto.sealing import Sealer
from app.crypto.secret_keys import new_key
from app.main import SCRIPTS
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.records import RedisRecords
from app.store.tokens import RedisTokens
from tests.factories import BASE
from tests.stores import store, store_url

__all__ = ["store", "store_url"]


@pytest.fixture
async def connection(store: StoreConnection) -> AsyncIterator[Connection]:
    """Scripts loaded, nothing stored."""
    opened = Connection(store.client)
    await opened.load(SCRIPTS)
    yield opened
    await opened.close()


@pytest.fixture
def records(connection: Connection) -> RedisRecords:
    """An empty store of registrations."""
    return RedisRecords(connection, Documents(BASE), Sealer([new_key()]))


@pytest.fixture
def tokens(records: RedisRecords) -> RedisTokens:
    """Its tokens."""
    return RedisTokens(records)
