"""Commands that go to the store together, and the proof that replicas have what was written.

A pipeline whose connection broke is sent again. Nobody knows whether it had arrived, so every script of ours may be
sent twice (see `apply.lua`).

WAIT counts the replicas that have what *its own connection* has written. So it travels in the same pipeline to the same
server, behind a mark that is written last. Then it speaks for all that the commands before it have seen, too: a script
that finds its work done by somebody else, or hands out what somebody else has written, need not write anything itself.
"""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from typing import Any, Final, Protocol

from hiredis import pack_command
from msgspec import Struct
from msgspec.structs import replace
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
from app.store import keys
from app.store.lines import Line

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

_AS_IT_IS = frozenset({"EVALSHA", "EVAL"})
"""Commands whose answers redis-py hands out as they are."""


class Command(Struct, frozen=True):
    """One command: its words, whether it writes, and the key by which a cluster finds its place."""

    words: tuple[Any, ...]
    writes: bool
    key: str

    def spelled_out(self, source: str) -> "Command":
        """An EVALSHA as EVAL, for a store that does not know the script yet."""
        return replace(self, words=("EVAL", source, *self.words[2:]))


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
    """To one server, over connections of redis-py's pool, which are kept from one pipeline to the next.

    What redis-py does beyond opening them (packing in Python, callbacks, counters, locks, a check before each use, a
    time limit for every answer) cost a third of the CPU time of a request for one object, so commands are packed by
    hiredis here and answers taken as they come (`app.store.lines`).
    """

    def __init__(self, client: Redis, wait_replicas: int) -> None:
        self._pool = client.connection_pool
        self._layouts = client.response_callbacks
        self._wait_replicas = wait_replicas
        self._idle: list[Line] = []

    def place(self, _command: Command) -> str:
        """See `Sender.place`."""
        return ""

    def lost(self) -> None:
        """See `Sender.lost`: the connection that it should have come over is closed already."""

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """See `Sender.send`."""
        behind = proof(commands, self._wait_replicas)
        words = [command.words for command in commands] + behind
        answers = await self._exchange(b"".join([pack_command(one) for one in words]), len(words))
        if ReadOnlyError in map(type, answers):
            # A replica now. Its address may lead to the new primary, but only for those who connect anew.
            await self._pool.disconnect()
        laid_out = [
            answer if said[0] in _AS_IT_IS else self._laid_out(said, answer)
            for said, answer in zip(words, answers, strict=True)
        ]
        return confirmed(commands, laid_out, self._wait_replicas if behind else 0)

    async def _exchange(self, packed: bytes, count: int) -> list[Any]:
        """The answers to packed commands, over a connection that is there or else over a new one."""
        while self._idle:
            line = self._idle.pop()
            if not line.is_good:
                await self._pool.release(line.connection)
                continue
            try:
                answers = await line.exchange(packed, count)
            except RedisConnectionError:
                await self._give_up(line.connection)
                break  # and once more over a new one
            except BaseException:  # also when cancelled: what was not read yet must not answer somebody else
                await self._give_up(line.connection)
                raise
            self._idle.append(line)
            return answers
        return await self._exchange_anew(packed, count)

    async def _exchange_anew(self, packed: bytes, count: int) -> list[Any]:
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py has not annotated it
        line: Line | None = None

        async def attempt() -> list[Any]:
            nonlocal line
            if not Line.suits(connection):
                return await _exchange(connection, packed, count)
            await connection.connect()  # nothing, when it is connected
            line = Line(connection)
            return await line.exchange(packed, count)

        try:
            answers: list[Any] = await connection.retry.call_with_retry(attempt, lambda _: connection.disconnect())
        except BaseException:
            await self._give_up(connection)
            raise
        if line is None:
            await self._pool.release(connection)
        else:
            self._idle.append(line)
        return answers

    async def _give_up(self, connection: AbstractConnection) -> None:
        """Close a connection on which something may still be under way."""
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)

    def _laid_out(self, words: tuple[Any, ...], answer: Any) -> Any:  # noqa: ANN401
        """An answer as redis-py hands it out, also for a cluster: a dictionary for HGETALL, for instance."""
        layout = self._layouts.get(words[0])
        return answer if layout is None or isinstance(answer, Exception) else layout(answer)


async def _exchange(connection: AbstractConnection, packed: bytes, count: int) -> list[Any]:
    """What `Line.exchange` does, with redis-py's means: for stores in the memory of this process."""
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
        behind = proof(commands, self._wait_replicas)
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command.words)
        for words in behind:
            pipeline.execute_command(*words, target_nodes=node)
        try:
            answers = await pipeline.execute(raise_on_error=False, allow_redirections=not self._wait_replicas)
        except FAILURES as error:
            return [error] * len(commands)
        except AttributeError:  # the connection was closed by `aclose` between two steps of redis-py
            return [RedisConnectionError("closed meanwhile")] * len(commands)
        if behind and any(self._node_of(command) != node for command in commands):
            answers[-1] = 0  # the keys moved meanwhile, so the WAIT may have gone to another server than they
        return confirmed(commands, answers, self._wait_replicas if behind else 0)

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


def proof(commands: Sequence[Command], wait_replicas: int) -> list[tuple[Any, ...]]:
    """What is sent behind commands when replicas have to confirm one of them: a mark near its key, and a WAIT."""
    if not wait_replicas:
        return []
    key = next((command.key for command in commands if command.writes), None)
    if key is None:
        return []
    return [("SET", keys.mark(key), ""), ("WAIT", wait_replicas, WAIT_MS)]


def confirmed(commands: Sequence[Command], answers: list[Any], wait_replicas: int) -> list[Any]:
    """The answers to `commands`, writes without enough replicas refused; those to `proof` come last if asked for.

    Raises:
        ServerError: There are more or fewer.
    """
    if len(answers) != len(commands) + (2 if wait_replicas else 0):
        raise ServerError("The store refused an operation.", detail=f"{len(answers)} answers to {len(commands)} calls")
    if not wait_replicas:
        return answers
    *answers, marked, reached = answers
    if not isinstance(marked, Exception) and isinstance(reached, int) and reached >= wait_replicas:
        return answers
    late = StoreUnavailable("The change did not reach enough replicas.", detail=f"WAIT answered {reached}")
    return [
        late if command.writes and not isinstance(answer, Exception) else answer
        for command, answer in zip(commands, answers, strict=True)
    ]


def refusal(error: Exception) -> ServerError | StoreUnavailable:
    """What an error of redis-py means to whoever asked: nearly always that the store cannot answer now."""
    lasting = isinstance(error, ResponseError) and not isinstance(error, _NOT_NOW)
    if lasting and not str(error).startswith(_NOT_NOW_REPLIES):
        return ServerError("The store refused an operation.", detail=str(error))
    return StoreUnavailable("The store does not answer.", detail=f"{type(error).__name__}: {error}")
