"""Commands that go to the store together, and the proof that replicas have what was written.

A pipeline whose connection broke is sent again. Nobody knows whether it had arrived, so every script of ours may be
sent twice (see `apply.lua`).

WAIT counts the replicas that have what *its own connection* has written. So it travels in the same pipeline to the same
server, and a script that finds its work done already writes something all the same.
"""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from hiredis import pack_command
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.errors import ServerError, StoreUnavailable

SOCKET_SECONDS: Final = 5.0
"""How long the answers to one pipeline may take."""

FAILURES = (RedisError, RedisClusterException, OSError)
"""What redis-py raises when the store does not answer, or not as it should."""

WAIT_MS: Final = 1000
"""How long replicas have to confirm a change."""

_ELSEWHERE = (AskError, MovedError, TryAgainError, ClusterDownError)
_WORTH_REPEATING = (RedisConnectionError, *_ELSEWHERE)
_PAUSES_SECONDS: Final = (0.05, 0.25)

_NOT_NOW = (*_ELSEWHERE, OutOfMemoryError, ReadOnlyError)
"""Errors of a server that is fine but cannot do it now; redis-py takes the first word away from their text ..."""

_NOT_NOW_REPLIES = ("BUSY", "NOREPLICAS", "MISCONF", "UNKILLABLE")
"""... and leaves it there for those that it does not know."""


class Command(NamedTuple):
    """One command: its words, whether it writes, and the key by which a cluster finds its place."""

    words: tuple[Any, ...]
    writes: bool
    key: str


class Sender(Protocol):
    """Sends commands."""

    def place(self, command: Command) -> str:
        """The server that will get a command, by any name: commands for the same one are best sent together.

        Raises:
            RedisClusterException: There is none at the moment.
        """

    def lost(self) -> None:
        """Be told that an answer did not come and is not waited for any more."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """What each was answered, or the error in its place. Raises FAILURES when they all fail for one reason."""


def sender(client: Redis | RedisCluster, wait_replicas: int) -> Sender:
    """The one that suits a client.

    Args:
        client: Of one server, of the primary that sentinels know, or of a cluster.
        wait_replicas: How many replicas have to have a change before it is confirmed.
    """
    if isinstance(client, RedisCluster):
        return ClusterSender(client, wait_replicas)
    return SingleSender(client, wait_replicas)


class SingleSender:
    """To one server, over a connection of redis-py's pool.

    What a pipeline object does beyond that (packing in Python, callbacks, counters, a time limit for every answer) cost
    a quarter of the CPU time of a request for one object (72 instead of 58 us), so commands are packed by hiredis here
    and the answers read from the connection, within one time limit for all of them.
    """

    def __init__(self, client: Redis, wait_replicas: int) -> None:
        self._pool = client.connection_pool
        self._layouts = client.response_callbacks
        self._wait_replicas = wait_replicas

    def place(self, _command: Command) -> str:
        """See `Sender.place`."""
        return ""

    def lost(self) -> None:
        """See `Sender.lost`: the connection that it should have come over is closed already."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """See `Sender.send`."""
        wait = self._wait_replicas > 0 and any(command.writes for command in commands)
        words = [command.words for command in commands]
        if wait:
            words.append(("WAIT", self._wait_replicas, WAIT_MS))
        packed = b"".join([pack_command(one) for one in words])
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py has not annotated it
        try:
            answers: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(connection, packed, len(words)), lambda _: connection.disconnect()
            )
        except BaseException:  # also when cancelled: what was not read yet must not answer somebody else
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)
        if any(isinstance(answer, ReadOnlyError) for answer in answers):
            # A replica now. Its address may lead to the new primary, but only for those who connect anew.
            await self._pool.disconnect()
        laid_out = [self._laid_out(*pair) for pair in zip(words, answers, strict=True)]
        return confirmed(commands, laid_out, self._wait_replicas if wait else 0)

    def _laid_out(self, words: tuple[Any, ...], answer: Any) -> Any:  # noqa: ANN401
        """An answer as redis-py hands it out, also for a cluster: a dictionary for HGETALL, for instance."""
        layout = self._layouts.get(words[0])
        return answer if layout is None or isinstance(answer, Exception) else layout(answer)


async def _exchange(connection: AbstractConnection, packed: bytes, count: int) -> list[Any]:
    """Send packed commands and read that many answers; an error that is an answer stands in its place."""
    await connection.send_packed_command(packed)
    answers: list[Any] = []
    async with asyncio.timeout(SOCKET_SECONDS + (WAIT_MS / 1000)):
        for _ in range(count):
            try:
                answers.append(await connection.read_response(timeout=math.inf))
            except ResponseError as error:
                answers.append(error)
    return answers


class ClusterSender:
    """To a cluster; a primary that is down takes nothing along that belongs to others.

    With `wait_replicas` redis-py must neither follow a key that has moved nor send a pipeline again by itself (its
    client is made without retries then): it would do so without the WAIT. So both are done here.
    """

    def __init__(self, client: RedisCluster, wait_replicas: int) -> None:
        self._client = client
        self._wait_replicas = wait_replicas
        self._is_lost = False

    def place(self, command: Command) -> str:
        """See `Sender.place`."""
        name: str = self._node_of(command).name
        return name

    def lost(self) -> None:
        """See `Sender.lost`; whoever is asked next may be somebody else."""
        self._is_lost = True

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """See `Sender.send`."""
        if self._is_lost:
            self._is_lost = False
            await self._client.aclose()  # it finds out anew who is there before the next pipeline
        answers: dict[int, Any] = {}
        todo: Sequence[int] = range(len(commands))
        for pause_seconds in (*_PAUSES_SECONDS, None):
            answers |= await self._attempt({number: commands[number] for number in todo})
            todo = [number for number in todo if isinstance(answers[number], _WORTH_REPEATING)]
            if not todo or pause_seconds is None:
                break
            await asyncio.sleep(pause_seconds)
            await self._look_around(commands[todo[0]])
        self._is_lost = self._is_lost or any(isinstance(answer, RedisTimeoutError) for answer in answers.values())
        return [answers[number] for number in range(len(commands))]

    async def _attempt(self, commands: dict[int, Command]) -> dict[int, Any]:
        answers: dict[int, Any] = {}
        by_node: dict[ClusterNode, list[int]] = {}
        for number, command in commands.items():
            try:
                by_node.setdefault(self._node_of(command), []).append(number)
            except RedisClusterException as error:
                answers[number] = error
        calls = (self._send_to(node, [commands[one] for one in numbers]) for node, numbers in by_node.items())
        for numbers, found in zip(by_node.values(), await asyncio.gather(*calls), strict=True):
            answers |= zip(numbers, found, strict=True)
        return answers

    async def _send_to(self, node: ClusterNode, commands: Sequence[Command]) -> list[Any]:
        wait = self._wait_replicas > 0 and any(command.writes for command in commands)
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command.words)
        if wait:
            pipeline.execute_command("WAIT", self._wait_replicas, WAIT_MS, target_nodes=node)
        try:
            answers = await pipeline.execute(raise_on_error=False, allow_redirections=not self._wait_replicas)
        except FAILURES as error:
            return [error] * len(commands)
        except AttributeError:  # the connection was closed by `aclose` between two steps of redis-py
            return [RedisConnectionError("closed meanwhile")] * len(commands)
        if wait and any(self._node_of(command) != node for command in commands):
            answers[-1] = 0  # the keys moved meanwhile, so the WAIT may have gone to another server than they
        return confirmed(commands, answers, self._wait_replicas if wait else 0)

    def _node_of(self, command: Command) -> ClusterNode:
        """The primary that has the key, as far as we know. Raises RedisClusterException when nobody has."""
        node: ClusterNode | None = self._client.get_node_from_key(command.key)
        if node is None:
            raise RedisClusterException("no server has this slot")
        return node

    async def _look_around(self, command: Command) -> None:
        """Ask for the key outside a pipeline, where redis-py follows it and learns where it is."""
        with contextlib.suppress(*FAILURES):
            await self._client.type(command.key)


def confirmed(commands: Sequence[Command], answers: list[Any], wait_replicas: int) -> list[Any]:
    """The answers to `commands`, writes without enough replicas refused; the last answer is that of WAIT if asked for.

    Raises:
        ServerError: There are more or fewer.
    """
    if len(answers) != len(commands) + bool(wait_replicas):
        raise ServerError("The store refused an operation.", detail=f"{len(answers)} answers to {len(commands)} calls")
    if not wait_replicas:
        return answers
    reached = answers[-1]
    if isinstance(reached, int) and reached >= wait_replicas:
        return answers[:-1]
    late = StoreUnavailable("The change did not reach enough replicas.", detail=f"WAIT answered {reached}")
    return [
        late if command.writes and not isinstance(answer, Exception) else answer
        for command, answer in zip(commands, answers[:-1], strict=True)
    ]


def refusal(error: Exception) -> ServerError | StoreUnavailable:
    """What an error of redis-py means to whoever asked: nearly always that the store cannot answer now."""
    lasting = isinstance(error, ResponseError) and not isinstance(error, _NOT_NOW)
    if lasting and not str(error).startswith(_NOT_NOW_REPLIES):
        return ServerError("The store refused an operation.", detail=str(error))
    return StoreUnavailable("The store does not answer.", detail=f"{type(error).__name__}: {error}")
