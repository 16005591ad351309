"""Calls share pipelines, and every call gets an answer."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.exceptions import (
    BusyLoadingError,
    MasterDownError,
    MovedError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from app.errors import ServerError, StoreUnavailable
from app.store.connection import Connection
from app.store.pipelines import ClusterSender, Command, confirmed, refusal
from tests.patience import SECONDS


class Client:
    """A store that answers every command with its name; it stands for the client and for what carries commands."""

    def __init__(self, answer: Callable[[list[tuple[Any, ...]]], list[Any]] | None = None) -> None:
        self.batches: list[list[tuple[Any, ...]]] = []
        self.hang = False
        self.answer = answer or (lambda commands: [command[0] for command in commands])

    def place(self, _command: Command) -> str:
        return ""

    def lost(self) -> None:
        pass

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        self.batches.append([command.words for command in commands])
        await asyncio.sleep(60 if self.hang else 0)
        return confirmed(commands, self.answer(self.batches[-1]), 0)


def connect(client: Client, **options: Any) -> Connection:
    return Connection(client, sends=client, **options)


async def soon(call: Any) -> Any:
    return await asyncio.wait_for(call, SECONDS)


async def test_calls_of_the_same_moment_share_a_round_trip():
    client = Client()
    connection = connect(client, lanes=1)

    answers = await soon(asyncio.gather(*(connection.command(f"C{number}", "k") for number in range(50))))

    assert answers == [f"C{number}" for number in range(50)]
    assert len(client.batches) == connection.round_trips == 1


@pytest.mark.parametrize("lanes", [1, 2, 3])
async def test_a_call_in_the_moment_when_the_last_flight_ends_is_not_forgotten(lanes):
    connection = connect(Client(), lanes=lanes)

    async def one_after_the_other() -> int:
        return len([await connection.command("PING", "k") for _ in range(20)])

    assert await soon(asyncio.gather(*(one_after_the_other() for _ in range(lanes)))) == [20] * lanes


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (RedisConnectionError("gone"), StoreUnavailable),
        (RedisClusterException("no node"), StoreUnavailable),
        (OSError("gone"), StoreUnavailable),
        (BusyLoadingError("it reads its file"), StoreUnavailable),
        (ReadOnlyError("a replica now"), StoreUnavailable),
        (OutOfMemoryError("full"), StoreUnavailable),
        (MovedError("1 127.0.0.1:1"), StoreUnavailable),
        (MasterDownError("no link"), StoreUnavailable),
        (ResponseError("MISCONF cannot write its file"), StoreUnavailable),
        (ResponseError("ERR unknown command"), ServerError),
        (ZeroDivisionError("ours"), ZeroDivisionError),
    ],
)
async def test_whatever_goes_wrong_every_caller_is_told_and_the_next_one_served(error, refusal):
    def fail(_: list[tuple[Any, ...]]) -> list[Any]:
        raise error

    client = Client(fail)
    connection = connect(client, lanes=1)

    told = await soon(asyncio.gather(*(connection.command("PING", "k") for _ in range(3)), return_exceptions=True))

    assert [type(one) for one in told] == [refusal] * 3
    client.answer = lambda commands: [b"PONG"] * len(commands)
    assert await soon(connection.command("PING", "k")) == b"PONG"


async def test_one_refused_command_is_told_to_its_caller_only():
    connection = connect(Client(lambda _: [b"fine", ResponseError("ERR no")]))

    fine, refused = await soon(
        asyncio.gather(connection.command("A", "k"), connection.command("B", "k"), return_exceptions=True)
    )

    assert fine == b"fine"
    assert isinstance(refused, ServerError)


async def test_a_caller_who_gave_up_does_not_disturb_the_others():
    connection = connect(Client(), lanes=1)
    impatient = asyncio.ensure_future(connection.command("A", "k"))
    patient = asyncio.ensure_future(connection.command("B", "k"))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await soon(patient) == "B"


async def test_an_answer_that_is_missing_is_an_error_and_no_endless_wait():
    connection = connect(Client(lambda _: []))

    with pytest.raises(ServerError):
        await soon(connection.command("A", "k"))


async def test_a_store_that_hangs_is_given_up_and_those_who_wait_behind_are_told_as_well():
    client = Client()
    connection = connect(client, lanes=1, answer_seconds=4)
    client.hang = True
    first = asyncio.ensure_future(connection.command("A", "k"))
    await asyncio.sleep(3)
    second = asyncio.ensure_future(connection.command("B", "k"))
    started = asyncio.get_running_loop().time()

    told = await soon(asyncio.gather(first, second, return_exceptions=True))

    assert [type(one) for one in told] == [StoreUnavailable] * 2
    assert asyncio.get_running_loop().time() - started < 4  # which a wait of its own would take
    client.hang = False
    assert await soon(connection.command("C", "k")) == "C"


async def test_whoever_asks_after_the_end_is_refused():
    connection = connect(Client())
    await connection.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await connection.command("GET", "{00}:anything")


class ClosedCluster:
    """A cluster client whose connections somebody else has closed meanwhile, as redis-py shows it."""

    name = "127.0.0.1:1"

    def get_node_from_key(self, _key: str) -> "ClosedCluster":
        return self

    def pipeline(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(execute_command=lambda *_: None, execute=self.execute)

    async def execute(self, **_: object) -> list[object]:
        raise AttributeError("'NoneType' object has no attribute 'writelines'")

    async def type(self, _key: str) -> None:
        raise RedisConnectionError


async def test_a_connection_that_was_closed_meanwhile_is_a_store_that_does_not_answer() -> None:
    (answer,) = await ClusterSender(cast("Any", ClosedCluster()), 0).send([Command(("GET", "k"), False, "k")])

    assert isinstance(refusal(answer), StoreUnavailable)
