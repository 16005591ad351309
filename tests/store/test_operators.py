import asyncio

import pytest

from app.crypto.tokens import Randomness, digest
from app.domain import operators
from app.domain.feed import Actor
from app.domain.operators import Operator, OperatorKeys, Role, is_name
from app.errors import InvalidToken
from app.store.operators import SCRIPTS, RedisOperators
from tests.factories import NOW

RANDOM = Randomness()
ACTOR = Actor(name="root", role="admin", via="cli")


@pytest.fixture
async def people(connection) -> RedisOperators:
    await connection.load(SCRIPTS)
    return RedisOperators(connection)


async def add(people: RedisOperators, name: str, role: Role = Role.INTROSPECTOR) -> str | None:
    return await operators.add(people, RANDOM, ACTOR, name, role, now=NOW)


async def test_an_operator_is_found_by_the_key_and_by_nothing_else(people):
    key = await add(people, "data-api")

    assert await people.find(digest(key)) == Operator(
        name="data-api", role=Role.INTROSPECTOR, created_at=int(NOW.timestamp())
    )
    assert await people.find(digest("another")) is None
    assert await people.find("") is None


async def test_the_key_itself_is_not_in_the_store(people, connection):
    key = await add(people, "data-api")

    stored = [await connection.command("HGETALL", name) for name in ("{operators}:keys", "{operators}:names")]
    assert key.encode() not in b"".join(piece for one in stored for pair in one.items() for piece in pair)


async def test_a_name_is_given_once(people):
    first = await add(people, "anna", Role.ADMIN)

    assert await add(people, "anna", Role.VIEWER) is None
    assert (await people.find(digest(first))).role is Role.ADMIN


async def test_of_many_who_want_one_name_one_gets_it(people):
    keys = await asyncio.gather(*(add(people, "anna") for _ in range(100)))

    assert sum(key is not None for key in keys) == 1
    assert len(await people.list()) == 1


async def test_the_same_call_again_after_a_lost_connection_succeeds_again(people):
    operator = Operator(name="anna", role=Role.ADMIN, created_at=1)

    assert [await people.add(operator, "digest", now=NOW) for _ in range(2)] == [True, True]
    assert await people.list() == [operator]


async def test_all_are_listed_by_name(people):
    for name in ("zoe", "anna", "data-api"):
        await add(people, name)

    assert [one.name for one in await people.list()] == ["anna", "data-api", "zoe"]


async def test_a_revoked_operator_is_gone_and_the_name_is_free(people):
    key = await add(people, "anna")

    assert await operators.revoke(people, ACTOR, "anna", now=NOW)
    assert await people.find(digest(key)) is None
    assert not await operators.revoke(people, ACTOR, "anna", now=NOW)
    assert await people.list() == []
    assert await add(people, "anna")


async def test_a_key_is_looked_up_again_when_its_time_is_over_or_the_clock_went_back(people, connection):
    key, keys = await add(people, "anna"), OperatorKeys(people)

    async def cost(seconds: int) -> int:
        before = connection.round_trips
        await keys.require(key, frozenset({Role.INTROSPECTOR}), now=NOW.replace(second=seconds))
        return connection.round_trips - before

    assert [await cost(second) for second in (10, 14, 15, 16, 2, 3)] == [1, 0, 1, 0, 1, 0]


async def test_a_key_of_another_role_is_refused_and_told_which_one_is_needed(people):
    key = await add(people, "anna", Role.VIEWER)

    with pytest.raises(InvalidToken, match="role viewer; this needs admin or introspector"):
        await OperatorKeys(people).require(key, operators.INTROSPECTING, now=NOW)


@pytest.mark.parametrize("name", ["anna", "data-api", "anna.b@utility.example", "A1_2", "a" * 64])
def test_names(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "-x", "a b", "é", "a\n", "a" * 65, "a/b"])
def test_what_is_no_name(name):
    assert not is_name(name)


async def test_a_revocation_that_is_sent_twice_succeeds_twice_and_is_told_once(people, connection, monkeypatch):
    await add(people, "anna")
    once = connection.run

    async def twice(*args):
        answers = [await once(*args) for _ in range(2)]
        assert answers[0] == answers[1]
        return answers[1]

    monkeypatch.setattr(connection, "run", twice)
    assert await operators.revoke(people, ACTOR, "anna", now=NOW)
    monkeypatch.undo()

    events = await connection.command("XRANGE", "{operators}:events", "-", "+")
    assert [fields[b"events"] for _, fields in events] == [
        b'[["operator.created","anna"]]',
        b'[["operator.revoked","anna"]]',
    ]
    assert all(b'"name":"root"' in fields[b"audit"] for _, fields in events)


async def test_the_key_of_the_settings_is_good_without_the_store(people, connection):
    key = "k" * 32
    keys = OperatorKeys(people, key)
    before = connection.round_trips

    found = await keys.identify(key, now=NOW)

    assert (found.name, found.role) == (operators.BOOTSTRAP, Role.ADMIN)
    assert connection.round_trips == before
    with pytest.raises(InvalidToken):
        await keys.identify("k" * 33, now=NOW)
    with pytest.raises(InvalidToken):
        await OperatorKeys(people).identify(key, now=NOW)
