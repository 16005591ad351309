"""The short form of `make chaos`."""

from tests.chaos.faults import Scenario, kill_server
from tests.chaos.run import Size, run
from tests.chaos.topology import Topology

SMALL = Size(servers=2, callers=2, before_seconds=1.0, quiet_seconds=1.0)


async def test_what_was_confirmed_survives_the_death_of_a_server_and_is_there_once() -> None:
    """It takes five processes and a restart: some ten seconds, in which the machine has little to do."""
    row = await run(Scenario("kill -9 a server", kill_server), Topology("sentinel"), size=SMALL)

    assert row.problems == []
    assert row.journal.of("message")
