"""What is fast stays fast: a hot path that has become many times slower than it was fails here, on any machine.

Compared is the processor time of the server with that of bare Starlette under the same requests, which hardly depends
on what else the machine does. Limits are a third of what the paths reach; `make bench` measures properly.
"""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from tests.bench.processes import Watched, server_at
from tests.bench.scenarios import BARE, Scenario, hot_paths, mixed
from tests.bench.servers import OPERATOR_KEY, Running, bare_server
from tests.bench.visitor import visit
from tests.live_server import live_server
from tests.patience import SECONDS
from tests.stores import Servers, shared

REQUESTS, CONNECTIONS, ROUNDS = 480, 8, 5

LIMITS = {"metadata 200": 0.3, "metadata 304": 0.35, "one client": 0.1, "token": 0.08, "introspection": 0.1}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for the processor time of a process")


@pytest.fixture(scope="module")
def store() -> Servers:
    return shared("valkey")


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    store = f"embedded:{directory / 'store'}"
    with live_server(directory, CDS_STORE_URL=store, CDS_OPERATOR_BOOTSTRAP_KEY=OPERATOR_KEY) as url:
        yield Running(url, Watched({"worker": (server_at(int(url.rpartition(":")[2])),)}))


@pytest.fixture(scope="module")
def bare(tmp_path_factory, store) -> Iterator[Running]:
    with bare_server(tmp_path_factory.mktemp("bare"), store.url.removeprefix("unix:")) as running:
        yield running


@pytest.fixture(scope="module")
def scenarios(ours) -> dict[str, Scenario]:
    with visit(ours.url, operator_key=OPERATOR_KEY) as visitor:
        return {one.name: one for one in hot_paths(visitor)}


@pytest.mark.parametrize(("name", "least"), LIMITS.items())
async def test_a_hot_path_is_not_many_times_slower_than_bare_starlette(ours, bare, scenarios, name, least):
    best = 0.0
    for _ in range(ROUNDS):
        yardstick = await cpu_us(bare, Scenario(BARE, f"{bare.url}/bare"))
        best = max(best, yardstick / await cpu_us(ours, scenarios[name]))
        if best >= least:
            break

    assert best >= least, f"{name}: {best:.2f} of what bare Starlette does in the same processor time"


def test_mixed_traffic_has_every_kind_of_request_in_thousandths(scenarios):
    together = mixed(list(scenarios.values()))

    assert together
    assert sum(part.share for part in together.parts) == 1000
    assert {one.name for one in together.parts} == {name for name, one in scenarios.items() if one.share}


@pytest.mark.parametrize("kind", ["registration of six", "message post", "messages list", "one grant", "console page"])
async def test_every_hot_path_is_answered(scenarios, kind):
    async with asyncio.timeout(SECONDS):
        await send(scenarios[kind], 2)


async def cpu_us(running: Running, scenario: Scenario) -> float:
    """Microseconds of the server's processor time for each of many requests."""
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(send(scenario, 5) for _ in range(CONNECTIONS)))  # whatever the first ones set up
        before = running.watched.spent()["worker"]
        await asyncio.gather(*(send(scenario, REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)))
        return (running.watched.spent()["worker"] - before) / REQUESTS * 1e6


async def send(scenario: Scenario, count: int) -> None:
    """So many requests over one connection, each of which has to succeed."""
    host, _, port = scenario.origin.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = scenario.body.encode()
    headers = {"Host": f"{host}:{port}", "Content-Length": str(len(body))} | scenario.headers
    lines = [f"{scenario.method} {scenario.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    try:
        for _ in range(count):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.split()[1] in {"200", "201", "304"}, head
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            await reader.readexactly(int(length) if length and " 304 " not in head.splitlines()[0] else 0)
    finally:
        writer.close()
        await writer.wait_closed()
