"""Everything that a run of the benchmark found out, as it is kept in `bench-results/` and read again."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.figures import Sample
from tests.bench.scenarios import BARE


@dataclass
class PathResult:
    """One path: its rounds in the closed and in the open model, and what is wanted of it (see `Scenario`)."""

    name: str
    goal: float | None = None
    rival: str = ""
    rival_goal: float | None = None
    closed: list[Sample] = field(default_factory=list)
    open: list[Sample] = field(default_factory=list)
    open_rate: int = 0
    """Requests per second that the open model asked for."""

    @property
    def samples(self) -> list[Sample]:
        """All rounds."""
        return self.closed + self.open


@dataclass
class WorkersResult:
    """One path with one worker and with several, measured in turns."""

    name: str
    one: list[Sample] = field(default_factory=list)
    several: list[Sample] = field(default_factory=list)


@dataclass
class Results:
    """A whole run. What was not measured is empty."""

    manifest: dict[str, Any]
    paths: list[PathResult] = field(default_factory=list)
    workers: list[WorkersResult] = field(default_factory=list)
    worker_count: int = 0
    start_seconds: list[float] = field(default_factory=list)
    resident_bytes: dict[str, list[int]] = field(default_factory=dict)
    """Of each process, by role, after the load."""
    registration_bytes: float | None = None
    """In the store, for a registration with `registration_objects`."""
    registration_objects: dict[str, int] = field(default_factory=dict)

    def path(self, name: str) -> PathResult | None:
        """The path of that name, if it was measured."""
        return next((one for one in self.paths if one.name == name), None)

    @property
    def bare(self) -> PathResult | None:
        """The yardstick of all ratios."""
        return self.path(BARE)

    def write(self, path: Path, summary: Any) -> None:
        """Keep it as JSON, with a summary for readers who do not want to compute medians."""
        document = msgspec.to_builtins(self) | {"summary": msgspec.to_builtins(summary)}
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What `write` kept.

        Raises:
            SystemExit: It is not there, or is not what `write` keeps.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise SystemExit(f"{path} cannot be read: {error}. Run `make bench` first.") from error
