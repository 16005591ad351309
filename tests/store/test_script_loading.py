"""Scripts get into the store once, whoever brings them, and again when it has lost them."""

import pytest

from app.store.connect import StoreConnection
from app.store.connection import Connection, Script
from tests.stores import store, store_url

__all__ = ["store", "store_url"]

ANSWERS = (Script("one", "return 1"), Script("two", "return 2"), Script("also one", "return 1"))


async def answers(connection: Connection) -> list[int]:
    return [await connection.run(script.name, [str(key)]) for script in ANSWERS for key in range(20)]


async def loaded(store: StoreConnection) -> tuple[list[int], int]:
    """What the scripts answer to a new server, and how many of them it had to bring."""
    brought, bring = [], store.client.script_load

    async def noted(source: str) -> str:
        brought.append(source)
        return await bring(source)

    connection = Connection(store.client)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store.client, "script_load", noted)
        await connection.load(ANSWERS)
    found = await answers(connection)
    await connection.close()
    return found, len(brought)


async def test_what_one_server_has_brought_the_next_one_does_not(store):
    await store.client.script_flush()

    assert await loaded(store) == ([1] * 20 + [2] * 20 + [1] * 20, 3)
    assert await loaded(store) == ([1] * 20 + [2] * 20 + [1] * 20, 0)


async def test_a_store_that_has_lost_its_scripts_gets_them_again(store):
    await loaded(store)
    await store.client.script_flush()

    assert await loaded(store) == ([1] * 20 + [2] * 20 + [1] * 20, 3)


async def test_a_digest_is_what_the_store_calls_the_script(store):
    assert [await store.client.script_load(one.source) for one in ANSWERS] == [one.digest for one in ANSWERS]
