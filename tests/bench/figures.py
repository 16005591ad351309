"""Numbers of runs, and what becomes of several: medians with their spread, and ratios of what was measured together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Self

PROCESSORS = "cpu_us"
"""Where `as_figures` has the processor time per request of each role."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one path.

    `failed` are answers of 400 and above other than 429, which are `limited`; `broken` are requests without an answer;
    `dropped` are those that an open-model load generator could not send in time. `cpu_us` is the processor time per
    request of each role of processes, where they are on this machine.
    """

    seconds: float
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failed: int = 0
    limited: int = 0
    broken: int = 0
    dropped: int = 0
    cpu_us: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def errors(self) -> int:
        """Requests that did not get what they asked for, whatever the reason."""
        return self.failed + self.limited + self.broken


@dataclass(frozen=True, slots=True)
class Figure:
    """The middle of several rounds, and how far they lay apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of one value or more."""
        return cls(median(values), min(values), max(values))

    @property
    def spread(self) -> float:
        """Half the way from the lowest to the highest, as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def as_figures(samples: Sequence[Sample]) -> dict[str, Any]:
    """What several rounds of one path come to: Figures, and sums of what went wrong."""
    figures: dict[str, Any] = {
        name: Figure.of([getattr(one, name) for one in samples]) for name in ("rate", "p50_ms", "p95_ms", "p99_ms")
    }
    counted = ("requests", "failed", "limited", "broken", "dropped")
    figures |= {name: sum(getattr(one, name) for one in samples) for name in counted}
    roles = dict.fromkeys(role for one in samples for role in one.cpu_us)
    figures[PROCESSORS] = {role: Figure.of([one.cpu_us.get(role, 0.0) for one in samples]) for role in roles}
    return figures


def rate_ratio(own: Sequence[Sample], other: Sequence[Sample]) -> Figure:
    """How many times as many requests per second as the other, round by round."""
    return Figure.of([one.rate / that.rate for one, that in zip(own, other, strict=True)])


def cpu_ratio(own: Sequence[Sample], other: Sequence[Sample], role: str = "worker") -> Figure | None:
    """How many times as many requests for the same processor time; None where processor times are not known."""
    pairs = list(zip(own, other, strict=True))
    if not all(one.cpu_us.get(role) and that.cpu_us.get(role) for one, that in pairs):
        return None
    return Figure.of([that.cpu_us[role] / one.cpu_us[role] for one, that in pairs])


def growth(one: Sequence[Sample], several: Sequence[Sample], role: str = "worker") -> Figure:
    """By which part the processor time per request is higher with several workers than with one, round by round."""
    return Figure.of([more.cpu_us[role] / alone.cpu_us[role] - 1 for alone, more in zip(one, several, strict=True)])
