import asyncio
from datetime import timedelta

import pytest

from app.crypto.tokens import digest
from app.domain.allowances import Allowance
from app.store.allowances import SCRIPTS, RedisAllowances
from tests.factories import NOW

RID = "3f8kq2m4k9c9d7"
MINUTE, HOUR = Allowance(2, 60), Allowance(3, 3600)


@pytest.fixture
async def allowances(connection) -> RedisAllowances:
    await connection.load(SCRIPTS)
    return RedisAllowances(connection)


def after(seconds: int):
    return NOW + timedelta(seconds=seconds)


async def test_what_is_allowed_is_counted_and_what_is_not_is_told_when_there_is_room(allowances):
    assert await allowances.spend(RID, [MINUTE], now=NOW) == 0
    assert await allowances.spend(RID, [MINUTE], now=after(20)) == 0
    assert await allowances.spend(RID, [MINUTE], now=after(30)) == 30
    assert await allowances.spend(RID, [MINUTE], now=after(59)) == 1
    assert await allowances.spend(RID, [MINUTE], now=after(60)) == 0
    assert await allowances.spend(RID, [MINUTE], now=after(61)) == 19


async def test_of_several_allowances_the_strictest_counts(allowances):
    waits = [await allowances.spend(RID, [MINUTE, HOUR], now=after(at)) for at in (0, 0, 0, 100, 200)]

    assert waits == [0, 0, 60, 0, 3400]


async def test_what_was_refused_does_not_count(allowances):
    for _ in range(5):
        await allowances.spend(RID, [MINUTE], now=NOW)

    assert await allowances.spend(RID, [MINUTE], now=after(60)) == 0
    assert await allowances.spend(RID, [MINUTE], now=after(60)) == 0


async def test_registrations_and_addresses_are_counted_apart(allowances):
    for spend in (allowances.spend, allowances.spend_for_address):
        assert [await spend(RID, [MINUTE], now=NOW) for _ in range(3)] == [0, 0, 60]
    assert await allowances.spend("00zzzzzzzzzzzz", [MINUTE], now=NOW) == 0
    assert await allowances.spend_for_address("b@x.example", [MINUTE], now=NOW) == 0


async def test_an_address_is_the_same_in_any_case_of_letters_and_not_in_the_store(allowances, connection):
    for address in ("Ops@Meadow.example", "ops@meadow.EXAMPLE"):
        await allowances.spend_for_address(address, [MINUTE], now=NOW)

    assert await allowances.spend_for_address("OPS@meadow.example", [MINUTE], now=NOW) == 60
    shard_key = f":mails-to:{digest('ops@meadow.example')}"
    keys = [f"{{{number:02x}}}{shard_key}" for number in range(256)]
    counts = await asyncio.gather(*(connection.command("ZCARD", key) for key in keys))
    assert sum(counts) == 2


async def test_of_a_hundred_at_once_no_more_than_allowed_are_counted(allowances):
    waits = await asyncio.gather(*(allowances.spend(RID, [Allowance(10, 60)], now=NOW) for _ in range(100)))

    assert sorted(waits) == [0] * 10 + [60] * 90


async def test_what_nobody_needs_any_more_is_forgotten(allowances, connection):
    await allowances.spend(RID, [MINUTE, HOUR], now=NOW)

    key = "{3f}8kq2m4k9c9d7:mails"
    assert 3590 < await connection.command("TTL", key) <= 3600
    await allowances.spend(RID, [MINUTE, HOUR], now=after(4000))
    assert await connection.command("ZCARD", key) == 1
