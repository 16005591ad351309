"""How we talk to Redis: scripts, many of them in one round trip, and one way to fail.

Every operation is one script call. Calls that are made while a batch is under way wait for the next one, so that
however many requests are in flight, the store sees a steady row of pipelines instead of a crowd of small questions.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.errors import StoreUnavailable
from app.store.pipelines import FAILURES, Command, Sender, refusal, sender

if TYPE_CHECKING:
    from redis.asyncio import Redis


ANSWER_SECONDS = 5.0
"""How long a caller waits for the store: longer than it ever takes to write to a busy disk."""


class Script(NamedTuple):
    """A Lua file, loaded into the store at the start."""

    name: str
    source: str
    writes: bool = False

    @classmethod
    def load(cls, name: str, *, prelude: str = "", writes: bool = False) -> "Script":
        """The script `scripts/<name>.lua`, behind the preludes of these names, which have blanks between them."""
        folder = Path(__file__).parent / "scripts"
        parts = [(folder / f"{one}.lua").read_text(encoding="utf-8") for one in (*prelude.split(), name)]
        return cls(name, "".join(parts), writes)

    @property
    def digest(self) -> str:
        """What the store calls it."""
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


class Observer(Protocol):
    """Is told what happens between us and the store."""

    def store_answered(self, seconds: float, commands: int) -> None:
        """A round trip with so many commands is over, whatever came of it."""

    def store_failed(self, reason: str) -> None:
        """A command failed: `unavailable` or `refused`."""


_Call = tuple[Command, asyncio.Future[Any]]
"""A command, and where its answer goes. No class of its own, because making one took longer than all else about it."""


@dataclass(slots=True)
class _Queue:
    """Calls for one server, and how many pipelines are under way to it."""

    waiting: list[_Call] = field(default_factory=list)
    flying: int = 0


class Connection:
    """Runs scripts on a redis-py client, coalesced into pipelines.

    Args:
        client: A `redis.asyncio` client; what it is connected to does not matter here.
        wait_replicas: How many replicas have to have a write before it is confirmed.
        lanes: How many pipelines may be under way at once, to each server of a cluster.
        answer_seconds: How long a caller waits at most, give or take a moment.
        sends: What carries commands, when it is not to be the one that suits the client.
        observer: Is told about every round trip.
        spans: Surrounds the time that a caller waits for a script or command of that name.
    """

    def __init__(
        self,
        client: "Redis | RedisCluster",
        *,
        wait_replicas: int = 0,
        lanes: int = 2,
        answer_seconds: float = ANSWER_SECONDS,
        sends: Sender | None = None,
        observer: Observer | None = None,
        spans: Callable[[str], AbstractContextManager[object]] | None = None,
    ) -> None:
        self._client = client
        self._sender = sends or sender(client, wait_replicas)
        self._wait_replicas = wait_replicas
        self._lanes = lanes
        self._answer_seconds = answer_seconds
        self._observer = observer
        self._spans = spans
        self._queues: dict[str, _Queue] = {}
        self._flights: set[asyncio.Task[None]] = set()
        self._digests: dict[str, str] = {}
        self._scripts: dict[str, Script] = {}
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None  # asking for it is a system call in Python 3.11
        self.round_trips = 0
        """Pipelines sent so far; tests hold every route to its budget with it."""

    @property
    def is_cluster(self) -> bool:
        """Whether the keys of one command have to be in one slot."""
        return isinstance(self._client, RedisCluster)

    async def load(self, scripts: Iterable[Script]) -> None:
        """Load scripts into the store (on a cluster, into every primary) unless it has them from somebody before us.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        wanted = {script.name: script for script in scripts}
        digests = {name: script.digest for name, script in wanted.items()}
        try:
            there = await self._client.script_exists(*digests.values())
            for script, is_there in zip(wanted.values(), there, strict=True):
                if not is_there:
                    await self._client.script_load(script.source)
        except FAILURES as error:
            raise StoreUnavailable("The store does not answer.", detail=str(error)) from error
        self._scripts.update(wanted)
        self._digests.update(digests)
        self._loop = asyncio.get_running_loop()

    def run(self, name: str, keys: list[str], *args: str | bytes | float) -> Awaitable[Any]:
        """Run a loaded script; what it returns, or raises, when it is awaited.

        Raises:
            StoreUnavailable: The store did not answer in time, or cannot take writes now.
            ServerError: The script failed.
        """
        script = self._scripts[name]
        command = Command(("EVALSHA", self._digests[name], len(keys), *keys, *args), script.writes, keys[0])
        return self._call(command) if self._spans is None else self._call_traced(name, command)

    async def _call_traced(self, name: str, command: Command) -> Any:  # noqa: ANN401
        with self._spans(name) if self._spans else nullcontext():
            return await self._call(command)

    def command(self, name: str, key: str, *args: str | bytes | float, writes: bool = False) -> Awaitable[Any]:
        """Run one plain command on one key; what it answers, or raises as `run` does, when it is awaited."""
        command = Command((name, key, *args), writes, key)
        return self._call(command) if self._spans is None else self._call_traced(name, command)

    def by_server(self, keys: Iterable[str]) -> list[list[str]]:
        """The keys, those together that are at the same server as far as we know. Raises StoreUnavailable."""
        found: dict[str, list[str]] = {}
        try:
            for key in keys:
                found.setdefault(self._sender.place(Command((), writes=False, key=key)), []).append(key)
        except FAILURES as error:
            raise refusal(error) from error
        return list(found.values())

    async def confirm(self, keys: Iterable[str]) -> None:
        """Wait until replicas have all that has been read near these keys, for those who act on it elsewhere.

        Where somebody has read and then writes to the same server, the write waits for that already. Nothing is done
        when no replicas are wanted.

        Raises:
            StoreUnavailable: They do not have it yet.
        """
        if self._wait_replicas:
            await asyncio.gather(*(self.command("EXISTS", key, writes=True) for key in keys))

    async def info(self, section: str) -> list[dict[str, Any]]:
        """What each primary says about itself (INFO); its own round trip. Raises as `run` does."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                said: dict[str, Any] = await self._client.info(section)
        except (TimeoutError, *FAILURES) as error:
            raise refusal(error) from error
        # Of a cluster, redis-py gives one answer for each node by its name.
        return [one for one in said.values() if isinstance(one, dict)] or [said]

    def _call(self, command: Command) -> asyncio.Future[Any]:
        """The answer to a command, as it will be."""
        answer: asyncio.Future[Any] = (self._loop or asyncio.get_running_loop()).create_future()
        if self._closed:
            answer.set_exception(StoreUnavailable("The store connection is closed."))
        else:
            self._enqueue((command, answer))
        return answer

    def _enqueue(self, call: _Call) -> None:
        try:
            place = self._sender.place(call[0])
        except FAILURES as error:
            call[1].set_exception(refusal(error))
            return
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = _Queue()
        queue.waiting.append(call)
        if queue.flying < self._lanes:
            queue.flying += 1
            flight = asyncio.create_task(self._fly(queue))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    async def _fly(self, queue: _Queue) -> None:
        """Send what is waiting, again and again until nothing is.

        The lane is given back in the same step that finds nothing waiting. Were it given back later, when the task is
        done, a call that came in between would wait for a flight that never starts.
        """
        try:
            while queue.waiting:
                calls, queue.waiting = queue.waiting, []
                self.round_trips += 1
                await self._carry(calls, queue)
        finally:
            queue.flying -= 1

    async def _carry(self, calls: list[_Call], queue: _Queue) -> None:
        """Send calls and give every one of them an answer, whatever happens.

        When the store does not answer in time, those who wait behind are told as well: they would only wait for the
        same, and longer.
        """
        started, sent = time.perf_counter(), len(calls)
        try:
            async with asyncio.timeout(self._answer_seconds):
                answers = await self._sender.send([command for command, _ in calls])
        except (TimeoutError, RedisTimeoutError):
            self._sender.lost()
            calls, queue.waiting = calls + queue.waiting, []
            late = StoreUnavailable("The store does not answer.", detail=f"nothing within {self._answer_seconds} s")
            answers = [late] * len(calls)
        except BaseException as error:  # noqa: BLE001 -- the callers are told, and raise it themselves
            answers = [error] * len(calls)
        if self._observer:
            self._observer.store_answered(time.perf_counter() - started, sent)
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, BaseException):
                self._fail(call, answer)
            elif not call[1].done():
                call[1].set_result(answer)

    def _fail(self, call: _Call, error: BaseException) -> None:
        """Tell a caller that there is no answer; unless it is a script that the store has to be told first."""
        command, answer = call
        if isinstance(error, NoScriptError) and not answer.done():  # restarted or failed over since we loaded it
            self._enqueue((command.spelled_out(self._source(command.words[1])), answer))
            return
        told = _told(error)
        if self._observer and isinstance(error, Exception):
            self._observer.store_failed("unavailable" if isinstance(told, StoreUnavailable) else "refused")
        if not answer.done():
            answer.set_exception(told)

    def _source(self, digest: str) -> str:
        return next(self._scripts[name].source for name, known in self._digests.items() if known == digest)

    async def close(self) -> None:
        """Wait for what is under way. Whoever asks later, in a task that nobody waits for, is refused."""
        self._closed = True
        if self._flights:
            await asyncio.gather(*self._flights, return_exceptions=True)


def _told(error: BaseException) -> BaseException:
    """What a caller gets to know about an error: what it means, and why."""
    if isinstance(
        error, asyncio.CancelledError
    ):  # or it would look to the callers as if they were cancelled themselves
        return StoreUnavailable("The store connection is closing.")
    if not isinstance(error, FAILURES):
        return error
    told = refusal(error)
    told.__cause__ = error
    return told
