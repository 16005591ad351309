"""The command line of the benchmark."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import EMBEDDED, TOPOLOGIES

RESULTS = Path("bench-results")
OPERATOR_KEY = "OPERATOR_KEY"
"""The environment variable with an operator key of a server elsewhere."""


@dataclass(frozen=True)
class Options:
    """How much to measure, and of what."""

    seconds: int
    rounds: int
    connections: int
    rate: int
    only: str
    topology: str
    workers: int
    url: str
    writes: bool
    closed: bool
    output: Path
    readme: bool
    quick: bool

    @property
    def open_rounds(self) -> int:
        """Of k6: latencies at a moderate rate differ less from round to round."""
        return max(1, self.rounds // 2)

    @property
    def worker_rounds(self) -> int:
        """Of one worker beside several: processor times differ less from round to round than rates."""
        return max(2, self.rounds - 2)

    @property
    def starts(self) -> int:
        """How often the service is started."""
        return max(3, self.rounds)

    @property
    def operator_key(self) -> str:
        """For a server elsewhere."""
        return os.environ.get(OPERATOR_KEY, "")

    def document(self) -> dict[str, Any]:
        """For the manifest."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    def wants(self, name: str) -> bool:
        """Whether a path is to be measured."""
        return self.only in name


def read(arguments: Sequence[str] | None = None) -> Options:
    """What the command line says, with other defaults for a quick run and for servers elsewhere.

    Raises:
        SystemExit: It makes no sense.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures the service on this machine beside yardsticks, or any CDS server with --url.",
        epilog=f"With --url an operator key in {OPERATOR_KEY} adds what operators look at.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="two short rounds, in less than three minutes")
    add("--seconds", type=positive, help="of each run (3; quick: 1; --url: 10)")
    add("--rounds", type=positive, help="of wrk; k6 makes half as many (5; quick: 2; --url: 2)")
    add("--connections", type=positive, help="of wrk at once (64; --url: 16)")
    add("--rate", type=positive, default=0, help="requests/s of k6 (half of what wrk gets, up to 1000; --url: 20)")
    add("--only", default="", metavar="TEXT", help="only paths whose name has this in it")
    add("--topology", choices=(EMBEDDED, *TOPOLOGIES), default=EMBEDDED, help="of the store (%(default)s)")
    add("--workers", type=int, default=2, help="to compare with one; below 2: none (%(default)s)")
    add("--url", default="", help="the public URL of a server elsewhere, where a client of its own is registered")
    add("--writes", action="store_true", help="with --url: registrations and Messages too, which stay there")
    add("--closed", action="store_true", help="with --url: wrk too, which sends as much as the server takes")
    add("--output", type=Path, default=RESULTS, help="where the results go (%(default)s)")
    add("--readme", action="store_true", help="measure nothing: print the table of the README from the last results")
    found = parser.parse_args(arguments)
    usual = (10, 2, 16, 20) if found.url else (1, 2, 64, 0) if found.quick else (3, 5, 64, 0)
    for name, value in zip(("seconds", "rounds", "connections", "rate"), usual, strict=True):
        setattr(found, name, getattr(found, name) or value)
    return Options(**vars(found))


def positive(written: str) -> int:
    """A number above zero, for argparse."""
    number = int(written)
    if number < 1:
        raise argparse.ArgumentTypeError("it has to be at least 1")
    return number
