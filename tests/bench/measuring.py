"""Rounds of runs. Every round measures each path once, yardsticks included, so that a slow minute hits all of them.

Every other round goes the other way round, so that nothing is always measured after the same neighbour.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import k6, wrk
from tests.bench.figures import Sample
from tests.bench.processes import Watched
from tests.bench.results import PathResult, WorkersResult
from tests.bench.scenarios import Course

WARM_UP_SECONDS = 1
DEFAULT_OPEN_RATE = 1000
LEAST_OPEN_RATE = 5


@dataclass
class Track:
    """A course, the processes whose time it takes, and what was measured."""

    course: Course
    result: PathResult
    watched: Watched
    renew: Callable[[], Course] | None = None
    """Makes the course anew before each run, where it does not stay good."""


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(text + "\n")


@dataclass(frozen=True)
class Load:
    """How wrk loads a path."""

    seconds: int
    connections: int
    directory: Path
    may_fail: bool = False

    def on(self, track: Track) -> Sample:
        """A run, with the processor time per request of each role.

        Raises:
            SystemExit: Something failed although it may not.
        """
        course = track.renew() if track.renew else track.course
        before = track.watched.spent()
        many = course.connections(self.connections)
        sample = wrk.run(course, self.seconds, many, self.directory, count_limited=self.may_fail)
        spent = {role: seconds - before[role] for role, seconds in track.watched.spent().items()}
        if not self.may_fail:
            refuse_failures(course.name, sample)
        return replace(sample, cpu_us={role: one / max(sample.requests, 1) * 1e6 for role, one in spent.items()})


def closed_rounds(
    tracks: Sequence[Track], rounds: int, seconds: int, connections: int, directory: Path, *, may_fail: bool = False
) -> None:
    """wrk, after a warm-up of a second for each path.

    Raises:
        SystemExit: Something failed although it may not.
    """
    for number in range(rounds + 1):
        say(f"wrk, round {number} of {rounds}" if number else "wrk, warming up")
        for track in tracks if number % 2 else reversed(tracks):
            load = Load(seconds if number else WARM_UP_SECONDS, connections, directory, may_fail=may_fail)
            sample = load.on(track)
            if number:
                track.result.closed.append(sample)


def open_rounds(
    tracks: Sequence[Track], rounds: int, seconds: int, rate: int, directory: Path, *, may_fail: bool = False
) -> None:
    """k6, at a rate that all of these paths can bear.

    Args:
        tracks: What to measure.
        rounds: How often.
        seconds: For how long each.
        rate: Requests per second; 0 for half of what wrk got through, and never more than a thousand.
        directory: For the plan.
        may_fail: Whether failures are a result like others.

    Raises:
        SystemExit: Something failed although it may not.
    """
    for number in range(rounds):
        say(f"k6, round {number + 1} of {rounds}")
        runs = tuple((track.course, rate or bearable(track.result.closed)) for track in tracks)
        samples = k6.run(k6.Plan(runs if number % 2 else runs[::-1], seconds), directory)
        for track, (course, asked) in zip(tracks, runs, strict=True):
            if not may_fail:
                refuse_failures(course.name, samples[course.name])
            track.result.open.append(samples[course.name])
            track.result.open_rate = asked


def bearable(closed: Sequence[Sample]) -> int:
    """Half of the worst round, or a thousand."""
    worst = min((sample.rate for sample in closed), default=2.0 * DEFAULT_OPEN_RATE)
    return min(max(int(worst / 2), LEAST_OPEN_RATE), DEFAULT_OPEN_RATE)


def worker_rounds(
    pairs: Sequence[tuple[Track, Track]], rounds: int, seconds: int, connections: tuple[int, int], directory: Path
) -> list[WorkersResult]:
    """The same paths with one worker and with several, in turns, each with its number of connections."""
    results = [WorkersResult(alone.course.name) for alone, _ in pairs]
    for number in range(rounds + 1):
        say(f"workers, round {number} of {rounds}" if number else "workers, warming up")
        loads = [Load(seconds if number else WARM_UP_SECONDS, many, directory) for many in connections]
        for pair, result in zip(pairs, results, strict=True):
            kept = (result.one, result.several)
            for side in (0, 1) if number % 2 else (1, 0):
                sample = loads[side].on(pair[side])
                if number:
                    kept[side].append(sample)
    return results


def refuse_failures(name: str, sample: Sample) -> None:
    """Figures of requests that failed say nothing about those that succeed.

    Raises:
        SystemExit: Some failed.
    """
    if sample.errors:
        raise SystemExit(f"{name}: {sample}")
