"""Counting, in one process or in several that are added up when somebody asks.

Every process writes plain numbers into memory: finding a place in it by dictionary and adding costs a request less than
a microsecond, where `labels().inc()` of prometheus-client takes several and its files for many processes more still.
Processes of one server share that memory. Each has a part of it for itself, kept by a lock on a byte that the system
takes back when the process ends, however it ends. Whoever comes next goes on counting there, so that no number ever
falls because a process was killed.

A part has, after its head, the names of what is counted, one per line with its labels, each followed by so many cells
as it needs, in the same order. Names are only ever appended, and count from when the length in the head says so.
"""

import errno
import fcntl
import mmap
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.reduction import DupFd
from typing import Any, Final, NamedTuple, Self

import structlog

from app.domain.events import EVENT_TYPES
from app.web import metrics
from app.web.metrics import OTHER, UNMATCHED, Kind, Metric

_HEAD_BYTES: Final = 64
_NAMES_BYTES: Final = 256 * 1024
_CELLS: Final = 16_384
_SPARE_CELLS: Final = 32
"""Behind the others, for what finds no room."""

PART_BYTES: Final = _HEAD_BYTES + _NAMES_BYTES + 8 * (_CELLS + _SPARE_CELLS)
"""Only what is written to takes memory: about 50 KB of it."""

_PID, _STARTED, _LENGTH = range(3)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_CLOSED: Final = 499

Series = tuple[str, ...]
"""The name of a metric and the values of its labels."""


class Counted(NamedTuple):
    """What was counted for one series: one number, or of a histogram those of its buckets and the sum."""

    series: Series
    cells: list[float]


class Part:
    """The memory of one process.

    Args:
        memory: `PART_BYTES`, zeros at first.
    """

    def __init__(self, memory: memoryview) -> None:
        self._head = memory[:_HEAD_BYTES].cast("d")
        self._names = memory[_HEAD_BYTES : _HEAD_BYTES + _NAMES_BYTES]
        self.cells = memory[_HEAD_BYTES + _NAMES_BYTES :].cast("d")

    @property
    def pid(self) -> int:
        """The process that counts here, or did so last; 0 when none ever has."""
        return int(self._head[_PID])

    @property
    def is_alive(self) -> bool:
        """Whether that process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return self.pid > 0

    def begin(self) -> dict[Series, int]:
        """Make it this process's own; where each series is that an earlier one has counted."""
        self._head[_PID], self._head[_STARTED] = os.getpid(), time.time()
        return dict(self.places())

    def places(self) -> Iterator[tuple[Series, int]]:
        """Every series and its first cell."""
        at = 0
        for line in bytes(self._names[: int(self._head[_LENGTH])]).decode().splitlines():
            series = tuple(line.split("\t"))
            yield series, at
            at += width(series[0])

    def append(self, series: Series, used: int) -> bool:
        """Name what the cells from `used` on are about; False when there is no room."""
        line = ("\t".join(series) + "\n").encode()
        length = int(self._head[_LENGTH])
        if length + len(line) > _NAMES_BYTES or used + width(series[0]) > _CELLS:
            return False
        self._names[length : length + len(line)] = line
        self._head[_LENGTH] = length + len(line)
        return True

    def counted(self) -> Iterator[Counted]:
        """Everything; what is true of a moment only while the process is there."""
        is_alive = self.is_alive
        for series, at in self.places():
            if is_alive or metrics.BY_NAME[series[0]].kind is not Kind.GAUGE:
                yield Counted(series, list(map(float, self.cells[at : at + width(series[0])])))


def width(name: str) -> int:
    """How many cells a metric takes: a histogram one for each bucket, one for what is beyond, one for the sum."""
    buckets = metrics.BY_NAME[name].buckets
    return len(buckets) + 2 if buckets else 1


class Board:
    """The memory of several processes, which goes with it when they are started by `multiprocessing`.

    Args:
        descriptor: Of the memory; nobody else can find it, and it is gone with the last process.
        size: How many processes it has room for.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._memory = memoryview(mmap.mmap(descriptor, size * PART_BYTES))

    @classmethod
    def create(cls, size: int) -> Self:
        """An empty one."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("cds-metrics")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, size * PART_BYTES)
        return cls(descriptor, size)

    def __reduce__(self) -> tuple[Any, ...]:
        """On the way to a process that is being started, the descriptor travels along."""
        return _arrived, (DupFd(self._descriptor), self._size)

    @property
    def parts(self) -> list[Part]:
        """One for each process that there can be."""
        return [Part(self._memory[at * PART_BYTES : (at + 1) * PART_BYTES]) for at in range(self._size)]

    def claim(self) -> Part:
        """The first part that nobody has, for as long as this process lives.

        Raises:
            OSError: All are taken.
        """
        for number, part in enumerate(self.parts):
            with suppress(BlockingIOError, PermissionError):  # as POSIX has it, either says that it is taken
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                return part
        raise OSError(errno.EAGAIN, "every place to count is taken")


def _arrived(duplicate: Any, size: int) -> Board:  # noqa: ANN401 -- multiprocessing does not name its type
    return Board(duplicate.detach(), size)


class Metrics:
    """What this process counts, and what all of them have counted.

    Args:
        board: Shared with other processes; without it this one counts alone.
    """

    def __init__(self, board: Board | None = None) -> None:
        own = board.claim() if board else Part(memoryview(mmap.mmap(-1, PART_BYTES)))
        self._parts = board.parts if board else [own]
        self._part = own
        self._cells = own.cells
        self._places = own.begin()
        self._used = sum(width(series[0]) for series in self._places)
        self._is_full = False
        self._requests: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._in_flight = self._place(metrics.IN_FLIGHT)
        self._cells[self._in_flight] = 0
        self._round_trips = self._place(metrics.STORE_ROUND_TRIPS)
        self._commands = self._place(metrics.STORE_COMMANDS)

    @property
    def parts(self) -> list[Part]:
        """Those of all processes that share the board."""
        return self._parts

    def request_began(self) -> None:
        """A request is there."""
        self._cells[self._in_flight] += 1

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """It was answered, or cannot be any more.

        Args:
            route: The template; "" when there is none.
            method: As it came.
            status: 0 when the caller did not wait for one.
            seconds: How long it took.
        """
        try:
            requests, durations = self._requests[route, method, status]
        except KeyError:
            requests, durations = self._of_request(route, method, status)
        cells = self._cells
        cells[self._in_flight] -= 1
        cells[requests] += 1
        cells[durations + bisect_left(_HTTP_BUCKETS, seconds)] += 1
        cells[durations + _HTTP_SUM] += seconds

    def rate_limited(self, limit: str) -> None:
        """A request was too many."""
        self._add(metrics.RATE_LIMITED, limit)

    def authentication_failed(self, reason: str) -> None:
        """Somebody is not who they say, or does not say."""
        self._add(metrics.AUTH_FAILURES, reason)

    def token_issued(self, grant_type: str) -> None:
        """There is a new access token."""
        self._add(metrics.TOKENS_ISSUED, grant_type)

    def registered(self, channel: str) -> None:
        """There is a new registration."""
        self._add(metrics.REGISTRATIONS, channel)

    def event_relayed(self, type_: str) -> None:
        """An event is in the feed now."""
        self._add(metrics.EVENTS, type_ if type_ in EVENT_TYPES else OTHER)

    def store_answered(self, seconds: float, commands: int) -> None:
        """A round trip is over, whatever came of it."""
        cells, at = self._cells, self._round_trips
        cells[at + bisect_left(_STORE_BUCKETS, seconds)] += 1
        cells[at + _STORE_SUM] += seconds
        cells[self._commands] += commands

    def store_failed(self, reason: str) -> None:
        """A command failed."""
        self._add(metrics.STORE_ERRORS, reason)

    def mail_attempted(self, outcome: str) -> None:
        """A mail was handed over, or not."""
        self._add(metrics.MAILS, outcome)

    def delivery_attempted(self, outcome: str) -> None:
        """An event was delivered to a webhook, or not."""
        self._add(metrics.WEBHOOK_DELIVERIES, outcome)

    def job_stepped(self, job: str, outcome: str) -> None:
        """A background job has done a step."""
        self._add(metrics.JOB_STEPS, job, outcome)

    def counted(self) -> dict[Series, list[float]]:
        """What all processes have counted, added up."""
        total: dict[Series, list[float]] = {}
        for part in self._parts:
            for series, cells in part.counted() if part.pid else ():
                before = total.get(series)
                total[series] = [sum(pair) for pair in zip(before, cells, strict=True)] if before else cells
        return total

    def _of_request(self, route: str, method: str, status: int) -> tuple[int, int]:
        """Where a kind of request is counted; those of methods that nobody knows are not remembered."""
        known = method if method in _METHODS else OTHER
        name = route or UNMATCHED
        requests = self._place(metrics.REQUESTS, name, known, str(status or _CLIENT_CLOSED))
        both = requests, self._place(metrics.REQUEST_DURATION, name)
        if known == method:
            self._requests[route, method, status] = both
        return both

    def _add(self, metric: Metric, *labels: str) -> None:
        at = self._places.get((metric.name, *labels))
        self._cells[self._place(metric, *labels) if at is None else at] += 1

    def _place(self, metric: Metric, *labels: str) -> int:
        """The first cell of a series, which is new to it if need be."""
        series = (metric.name, *labels)
        at = self._places.get(series)
        if at is not None:
            return at
        at = self._used
        if not self._part.append(series, at):
            return self._without_room(series)
        self._used += width(metric.name)
        self._places[series] = at
        return at

    def _without_room(self, series: Series) -> int:
        """Cells that nobody reads. Labels have few values, so it does not come to that."""
        if not self._is_full:
            self._is_full = True
            structlog.get_logger("app.web.counting").error("metrics_full", metric=series[0])
        return _CELLS


_HTTP_BUCKETS: Final = metrics.REQUEST_DURATION.buckets
_STORE_BUCKETS: Final = metrics.STORE_ROUND_TRIPS.buckets
_HTTP_SUM: Final = len(_HTTP_BUCKETS) + 1
_STORE_SUM: Final = len(_STORE_BUCKETS) + 1
