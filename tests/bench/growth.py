"""What does not stay as quick while a service grows: `python -m tests.bench.growth --registrations 100 10000 1000000`.

There is a store for each number of registrations, all of them at the same time, each with a server of its own; and one
more with a registration for each number of Messages and Grants. Every path is asked of all sizes in turn, a few
requests at a time, round after round, so that a slow moment of the machine hits all of them. Beside the time of an
answer there is what does not depend on who else uses the machine: the processor time of the server and of the store,
the commands that the store carried out and the bytes that it answered with.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Any, Final

from redis import Redis

from app.crypto.jwk_sets import written_keys
from app.crypto.sealing import Sealer
from app.crypto.secret_keys import SETTING, keys_document, new_key, parse_keys
from app.crypto.tokens import Randomness
from tests.bench import growth_jobs, growth_report
from tests.bench.growth_paths import SAMPLED, Caller, Known, Path, Store, expect, of_mailbox, of_registrations
from tests.bench.load import FULL, LEAN, Kind, context_on, fill, load
from tests.bench.processes import cpu_seconds, server_at
from tests.live_server import live_server
from tests.stores import start_valkey

RESULTS: Final = FilePath("bench-results") / "growth"
TURN_SECONDS: Final = 0.1
"""How long a path is asked for at a time, if a few requests do not take longer."""

FEWEST, MOST = 5, 60
"""Requests of a turn."""

NONCE_SECONDS: Final = 75.0
"""When a store has forgotten what it notes about the last changes, and so weighs what it will weigh."""


@dataclass(slots=True)
class Samples:
    """What one path took with one size."""

    seconds: list[float] = field(default_factory=list)
    server: float = 0.0
    store: float = 0.0
    commands: int = 0
    sent_bytes: int = 0

    def summary(self) -> dict[str, float]:
        """Per request."""
        ordered, count = sorted(self.seconds), len(self.seconds)
        return {
            "p50_ms": ordered[count // 2] * 1000,
            "p99_ms": ordered[min(count - 1, count * 99 // 100)] * 1000,
            "least_ms": ordered[0] * 1000,
            "server_us": self.server / count * 1e6,
            "store_us": self.store / count * 1e6,
            "commands": self.commands / count,
            "store_bytes": self.sent_bytes / count,
            "requests": count,
        }


class Meter:
    """What a server and its store have used so far, when nobody else asks them."""

    def __init__(self, store_url: str, url: str) -> None:
        self._store = client_of(store_url)
        self._server_pid = server_at(int(url.rpartition(":")[2]))
        self._store_pid = int(self._store.info("server")["process_id"])
        self._own = (0, 0)
        self.begin()
        self._own = self.end(Samples())

    def begin(self) -> None:
        """From here on."""
        self._commands = self._calls()
        self._sent = self._store.info("stats")["total_net_output_bytes"]
        self._seconds = cpu_seconds(self._server_pid), cpu_seconds(self._store_pid)

    def end(self, samples: Samples) -> tuple[int, int]:
        """Up to here: add it up; the commands and bytes."""
        server, store = cpu_seconds(self._server_pid), cpu_seconds(self._store_pid)
        sent = self._store.info("stats")["total_net_output_bytes"] - self._sent - self._own[1]
        commands = self._calls() - self._commands - self._own[0]
        samples.server += server - self._seconds[0]
        samples.store += store - self._seconds[1]
        samples.commands += commands
        samples.sent_bytes += sent
        return commands, sent

    def _calls(self) -> int:
        return sum(int(one["calls"]) for one in self._store.info("commandstats").values())

    def close(self) -> None:
        """Hang up."""
        self._store.close()


class Measured:
    """A store and its server, of one size, and all that is asked of it."""

    def __init__(self, size: int, place: "Place", paths: Sequence[Path]) -> None:
        self.size = size
        self.paths = {one.name: one for one in paths}
        self.samples: dict[str, Samples] = {}
        self.forget()
        self._place = place
        self._turns = 0

    def turn(self, name: str) -> None:
        """Ask for one path, again and again for a moment."""
        path, samples, asked = self.paths[name], self.samples[name], 0
        self._place.meter.begin()
        start = time.perf_counter()
        while asked < FEWEST or (asked < MOST and time.perf_counter() - start < TURN_SECONDS):
            self._turns += 1
            request = path.requests[self._turns % len(path.requests)]
            samples.seconds.append(expect(self._place.caller, request).seconds)
            asked += 1
        self._place.meter.end(samples)

    def forget(self) -> None:
        """Begin anew, for instance after everything has been asked for once."""
        self.samples = {name: Samples() for name in self.paths}


@dataclass(slots=True)
class Place:
    """A store and its server."""

    store_url: str
    url: str
    operator: str
    caller: Caller
    meter: Meter

    @classmethod
    @contextlib.contextmanager
    def opened(cls, store_url: str, secret_keys: str) -> Iterator["Place"]:
        """Serve a store; background jobs rest, so that what requests cost can be told apart."""
        key = Randomness().operator_key()
        settings = {
            "CDS_STORE_URL": store_url,
            "CDS_SECRET_KEYS": secret_keys,
            "CDS_FILES_URL": "memory:",
            "CDS_WORKER": "external",
            "CDS_OPERATOR_BOOTSTRAP_KEY": key,
        }
        with contextlib.ExitStack() as stack:
            directory = FilePath(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(live_server(directory, catalog=None, port=0, **settings))
            caller, meter = Caller(url), Meter(store_url, url)
            stack.callback(caller.close)
            stack.callback(meter.close)
            yield cls(store_url, url, f"Bearer {key}", caller, meter)


def client_of(store_url: str) -> Redis:
    """A plain client of a store of one server."""
    path = store_url.removeprefix("unix:")
    return Redis(unix_socket_path=path) if path != store_url else Redis.from_url(store_url)


def rounds_of(measured: Sequence[Measured], rounds: int, only: str = "") -> None:
    """Ask for every path (whose name has `only` in it) of every size in turn, so many times; once before it counts."""
    names = list(dict.fromkeys(name for one in measured for name in one.paths if only in name))
    for number in range(rounds + 1):
        for name in names:
            for one in measured:
                if name in one.paths:
                    one.turn(name)
        if number == 0:
            for one in measured:
                one.forget()
        say(f"round {number} of {rounds}")


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stdout.flush()


def summaries(measured: Sequence[Measured]) -> dict[str, dict[int, dict[str, float]]]:
    """What each path that was asked for took with each size."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for one in measured:
        for name, samples in one.samples.items():
            if samples.seconds:
                found.setdefault(name, {})[one.size] = samples.summary()
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    registrations: Sequence[int]
    messages: Sequence[int]
    rounds: int
    only: str
    kind: Kind
    secret_keys: str
    loaded: dict[int, str]
    """Stores that are there already, by their number of registrations."""


class Stores:
    """Stores of all sizes, which end with this."""

    def __init__(self, stack: contextlib.ExitStack, wanted: Wanted) -> None:
        self._stack = stack
        self._wanted = wanted
        self.sealer = Sealer(parse_keys(written_keys(wanted.secret_keys, SETTING), SETTING))
        self.now = datetime.now(UTC).replace(microsecond=0)

    def start(self) -> str:
        """An empty one."""
        servers = start_valkey()
        self._stack.callback(servers.stop)
        return servers.url

    async def of(self, size: int) -> tuple[str, dict[str, float]]:
        """One with so many registrations, and what it cost to have it."""
        if size in self._wanted.loaded:
            return self._wanted.loaded[size], self._weight(self._wanted.loaded[size], size)
        url = self.start()
        start = time.perf_counter()
        await load(url, size, sealer=self.sealer, kind=self._wanted.kind, now=self.now)
        seconds = time.perf_counter() - start
        say(f"{size:,} registrations in {seconds:.0f} s")
        return url, self._weight(url, size) | {"load_seconds": seconds}

    def _weight(self, url: str, size: int) -> dict[str, float]:
        with contextlib.closing(client_of(url)) as client:
            deadline = time.monotonic() + (0 if size in self._wanted.loaded else NONCE_SECONDS)
            while client.info("keyspace").get("db0", {}).get("expires") and time.monotonic() < deadline:
                time.sleep(1)
            facts = client.info("memory")
        used = int(facts["used_memory_dataset"])
        return {"bytes": used, "bytes_each": used / size, "rss_bytes": int(facts["used_memory_rss"])}

    async def with_mailboxes(self, sizes: Sequence[int]) -> tuple[str, dict[int, str]]:
        """One with a registration for each size; their ids."""
        url, ids = self.start(), {}
        async with Store.opened(url, "http://127.0.0.1", self.sealer) as store:
            context = context_on(store.records.connection, CDS_SECRET_KEYS=self._wanted.secret_keys)
            for size in sizes:
                start = time.perf_counter()
                ids[size] = (await fill(context, size, now=self.now)).client_id
                say(f"{size:,} Messages and Grants in {time.perf_counter() - start:.0f} s")
        return url, ids


async def measure(wanted: Wanted) -> dict[str, Any]:
    """Fill stores, ask, and tell what it took."""
    found: dict[str, Any] = {"weights": {}, "registrations": {}, "messages": {}, "jobs": {}}
    with contextlib.ExitStack() as stack:
        stores = Stores(stack, wanted)
        urls = {}
        for size in sorted(wanted.registrations):
            urls[size], found["weights"][size] = await stores.of(size)
        if urls:
            found["jobs"] = await growth_jobs.measure(urls, wanted.secret_keys, wanted.rounds)
            say("background jobs are measured")
        measured = [await _registrations(stack, stores, wanted, *pair) for pair in urls.items()]
        rounds_of(measured, wanted.rounds, wanted.only)
        found["registrations"] = summaries(measured)
        if wanted.messages:
            url, ids = await stores.with_mailboxes(wanted.messages)
            place = stack.enter_context(Place.opened(url, wanted.secret_keys))
            async with Store.opened(url, place.url, stores.sealer) as store:
                mailboxes = [await _mailbox(store, place, *pair) for pair in ids.items()]
            rounds_of(mailboxes, wanted.rounds, wanted.only)
            found["messages"] = summaries(mailboxes)
    return found


async def _registrations(stack: contextlib.ExitStack, stores: Stores, wanted: Wanted, size: int, url: str) -> Measured:
    place = stack.enter_context(Place.opened(url, wanted.secret_keys))
    async with Store.opened(url, place.url, stores.sealer) as store:
        clients: list[Known] = await store.sample(SAMPLED)
    return Measured(size, place, of_registrations(place.caller, clients, place.operator))


async def _mailbox(store: Store, place: Place, size: int, registration_id: str) -> Measured:
    known = await store.known(registration_id)
    return Measured(size, place, await of_mailbox(place.caller, store, known, place.operator, size))


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth")
    parser.add_argument("--registrations", type=int, nargs="*", default=[100, 1_000, 10_000])
    parser.add_argument("--messages", type=int, nargs="*", default=[10, 1_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="only paths whose name has this in it")
    parser.add_argument(
        "--full", action="store_true", help="registrations with all scopes, which weigh three times as much"
    )
    parser.add_argument("--output", type=FilePath, default=RESULTS, help="the folder for what is found")
    parser.add_argument("--store", action="append", default=[], help="SIZE=URL of one that `load` has filled already")
    parser.add_argument("--secret-keys", default="", help="as CDS_SECRET_KEYS, the keys that it was filled with")
    return parser.parse_args()


def main() -> None:
    """Measure, and write what was found as JSON, as Markdown and as charts."""
    options = read_options()
    loaded = {int(size): url for size, _, url in (one.partition("=") for one in options.store)}
    wanted = Wanted(
        registrations=options.registrations,
        messages=options.messages,
        rounds=options.rounds,
        only=options.only,
        kind=FULL if options.full else LEAN,
        secret_keys=options.secret_keys or keys_document([new_key()]).decode(),
        loaded=loaded,
    )
    found = asyncio.run(measure(wanted))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "growth.json").write_text(json.dumps(found, indent=1))
    for name, text in growth_report.files(found).items():
        (options.output / name).write_text(text)
    sys.stdout.write((options.output / "growth.md").read_text())


if __name__ == "__main__":
    main()
