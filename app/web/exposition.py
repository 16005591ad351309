"""What `/metrics` says, in the formats that Prometheus reads."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.domain.depths import Depths
from app.web import metrics
from app.web.counting import Metrics, Part, Series
from app.web.metrics import Kind

Values = Mapping[Series, Sequence[float]]

_PROC: Final = Path("/proc")
_CPU_FIELDS: Final = slice(11, 13)
_RESIDENT_FIELD: Final = 21
_START_FIELD: Final = 19
"""In /proc/PID/stat, counted from behind the name of the command (proc_pid_stat(5))."""


class Page(NamedTuple):
    """Bytes, and what they are."""

    body: bytes
    content_type: str


def page(counts: Metrics, depths: Depths | None, accept: str | None) -> Page:
    """Everything there is to tell.

    Args:
        counts: Of this process and those that share its memory.
        depths: None when the store did not answer.
        accept: The header of the request, which chooses the format.
    """
    values = {**counts.counted(), **of_system(counts.parts), **of_store(depths)}
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(values))
    encode, content_type = choose_encoder(accept or "")
    return Page(encode(registry), content_type)


class _Collected(Collector):
    """Hands values over in the order of the table."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        """As prometheus-client asks for it."""
        by_name: dict[str, list[tuple[tuple[str, ...], Sequence[float]]]] = {}
        for (name, *labels), cells in sorted(self._values.items()):
            by_name.setdefault(name, []).append((tuple(labels), cells))
        for metric in metrics.TABLE:
            yield _family(metric, by_name.get(metric.name, []))


def _family(metric: metrics.Metric, series: Sequence[tuple[tuple[str, ...], Sequence[float]]]) -> Metric:
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        bounds = [*map(str, metric.buckets), "+Inf"]
        for labels, cells in series:
            histogram.add_metric(labels, _cumulated(bounds, cells), cells[-1])
        return histogram
    of_kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = of_kind(metric.name, metric.help, labels=metric.labels)
    for labels, cells in series:
        family.add_metric(labels, cells[0])
    return family


def _cumulated(bounds: Sequence[str], cells: Sequence[float]) -> list[tuple[str, float]]:
    """As Prometheus has buckets: each with all that the smaller ones have."""
    buckets, total = [], 0.0
    for bound, count in zip(bounds, cells[:-1], strict=True):
        total += count
        buckets.append((bound, total))
    return buckets


def of_store(depths: Depths | None) -> dict[Series, list[float]]:
    """What the store knows."""
    if depths is None:
        return {(metrics.STORE_UP.name,): [0.0]}
    told: dict[Series, float] = {
        (metrics.STORE_UP.name,): 1,
        (metrics.MAILS_WAITING.name,): depths.mails.number,
        (metrics.MAILS_OLDEST.name,): depths.mails.oldest_seconds,
        (metrics.MAILS_FAILED.name,): depths.mails_failed,
        (metrics.WEBHOOKS_ACTIVE.name,): depths.webhooks,
        (metrics.DELIVERIES_WAITING.name,): depths.deliveries.number,
        (metrics.DELIVERIES_OLDEST.name,): depths.deliveries.oldest_seconds,
        (metrics.DELIVERIES_DEAD.name,): depths.deliveries_dead,
        (metrics.FEED_BACKLOG.name,): depths.backlog.number,
        (metrics.FEED_BACKLOG_OLDEST.name,): depths.backlog.oldest_seconds,
        (metrics.BROADCASTS_RUNNING.name,): depths.broadcasts,
        **{(metrics.FEED_LAG.name, name): lag for name, lag in depths.lags.items()},
    }
    return {series: [float(value)] for series, value in told.items()}


def of_system(parts: Sequence[Part]) -> dict[Series, list[float]]:
    """What the operating system knows of each process that is there; nothing where it has no /proc."""
    told: dict[Series, list[float]] = {(metrics.BUILD_INFO.name, _version(), platform.python_version()): [1.0]}
    for number, part in enumerate(parts):
        if part.pid and part.is_alive:
            told |= {(name, str(number)): [value] for name, value in _of_process(_PROC / str(part.pid)).items()}
    return told


def _of_process(directory: Path) -> dict[str, float]:
    try:
        stat = (directory / "stat").read_text().rpartition(")")[2].split()
        limits = (directory / "limits").read_text().splitlines()
        open_fds = len(list((directory / "fd").iterdir()))
    except OSError:  # it has just ended, or this is another operating system
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    told = {
        metrics.PROCESS_CPU.name: sum(map(float, stat[_CPU_FIELDS])) / ticks,
        metrics.PROCESS_MEMORY.name: float(stat[_RESIDENT_FIELD]) * os.sysconf("SC_PAGE_SIZE"),
        metrics.PROCESS_FDS.name: float(open_fds),
    }
    if booted := _booted():
        told[metrics.PROCESS_START.name] = booted + float(stat[_START_FIELD]) / ticks
    for line in limits:
        if line.startswith("Max open files"):
            most = line.split()[3]
            told[metrics.PROCESS_MAX_FDS.name] = float("inf") if most == "unlimited" else float(most)
    return told


@cache
def _booted() -> float:
    """When the machine was, in Unix seconds."""
    for line in (_PROC / "stat").read_text().splitlines():
        if line.startswith("btime"):
            return float(line.split()[1])
    return 0.0


@cache
def _version() -> str:
    try:
        return version("cds-registration-server")
    except PackageNotFoundError:  # run from a directory, not installed
        return "unknown"
