"""The short form of `make chaos`."""

import asyncio

from tests.chaos.faults import Scenario, kill_primary, kill_server
from tests.chaos.run import Size, run
from tests.chaos.topology import House, Topology

SMALL = Size(servers=2, callers=2, before_seconds=1.0, quiet_seconds=1.0)


async def test_what_was_confirmed_survives_the_death_of_the_primary_and_of_a_server_and_is_there_once() -> None:
    """It takes a failover and two restarts: some fifteen seconds, in which the machine has little to do."""

    async def strike(house: House) -> None:
        await asyncio.gather(kill_server(house), kill_primary(house))

    row = await run(Scenario("kill -9 a server and the primary", strike), Topology("sentinel"), size=SMALL)

    assert row.problems == []
    assert row.journal.failures, "nobody noticed anything"
    assert row.journal.of("message")
