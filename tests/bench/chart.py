"""A picture of a run, as SVG: how fast each path is beside the bare route, and how long its users wait."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from tests.bench.figures import Figure, as_figures, rate_ratio
from tests.bench.results import PathResult, Results

ROW, LEFT, PANEL, GAP, TOP, BOTTOM, RIGHT = 24, 190, 380, 90, 70, 46, 24
WIDTH = LEFT + PANEL + GAP + PANEL + RIGHT
LABEL = 36
"""Pixels of a number beside a bar."""
REACHED, MISSED, PLAIN, INK, FAINT, GOAL = "#2e7d4f", "#b3562a", "#5b7da8", "#1f2328", "#d8dde3", "#1f2328"
SIZED = f'width="{WIDTH}" height="{{}}"'
NAMED = 'role="img" aria-label="Ratio to bare Starlette and latency of each path"'
STYLE = (
    f"text{{font:12px system-ui,sans-serif;fill:{INK}}}.title{{font-size:15px;font-weight:600}}"
    ".small{font-size:11px}.right{text-anchor:end}.middle{text-anchor:middle}"
)


def chart(results: Results) -> str:
    """The whole picture; paths of which neither panel has anything are left out."""
    bare = results.bare
    paths = [one for one in results.paths if one.open or (bare and bare.closed and one.closed)]
    height = TOP + ROW * len(paths) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {NAMED} viewBox="0 0 {WIDTH} {height}" {SIZED.format(height)}>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *(_text(LEFT - 10, _middle(row) + 4, one.name, "right") for row, one in enumerate(paths)),
        *_ratios(paths, bare),
        *_latencies(paths),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _ratios(paths: Sequence[PathResult], bare: PathResult | None) -> Iterator[str]:
    """The panel on the left: bars with whiskers from the worst round to the best, and a mark at the goal."""
    yield _text(LEFT, 26, "Requests per second beside bare Starlette", "title")
    yield _text(LEFT, 46, "closed model (wrk); mark: the goal, green reaches it; line: worst to best round", "small")
    if bare is None or not bare.closed:
        return
    bars = {row: rate_ratio(one.closed, bare.closed) for row, one in enumerate(paths) if _beside(one, bare)}
    top = max([figure.high for figure in bars.values()] + [one.goal or 0 for one in paths] + [1.0])
    step = next(step for step in (0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 100, 1000) if top / step <= 8)
    end = math.ceil(top / step) * step

    def x(ratio: float) -> float:
        return LEFT + PANEL * ratio / end

    for number in range(round(end / step) + 1):
        yield from _grid(x(number * step), len(paths), f"{number * step:g}")
    for row, figure in bars.items():
        yield from _bar(row, figure, x, paths[row].goal)


def _beside(one: PathResult, bare: PathResult) -> bool:
    return bool(one.closed) and len(one.closed) == len(bare.closed)


def _bar(row: int, figure: Figure, x: Callable[[float], float], goal: float | None) -> Iterator[str]:
    colour = PLAIN if goal is None else REACHED if figure.median >= goal else MISSED
    y = _middle(row)
    yield f'<rect x="{LEFT}" y="{y - 7}" width="{x(figure.median) - LEFT:.1f}" height="14" fill="{colour}" rx="2"/>'
    yield _line(x(figure.low), y, x(figure.high), y, INK, 1.2)
    if goal is not None:
        yield _line(x(goal), y - 10, x(goal), y + 10, GOAL, 3)
    end = x(figure.high)
    if goal is not None and end - 4 < x(goal) < end + LABEL:  # the mark would stand in the number
        end = x(goal)
    yield _text(end + 6, y + 4, f"{figure.median:.2f}", "small")


def _latencies(paths: Sequence[PathResult]) -> Iterator[str]:
    """The panel on the right, on a logarithmic scale: a line from p50 to p99 with a dot at each of three ranks."""
    left = LEFT + PANEL + GAP
    yield _text(left, 26, "Latency, milliseconds", "title")
    yield _text(left, 46, "open model (k6), at the rate on the right: p50, p95 and p99", "small")
    rows = {row: _ranks(one) for row, one in enumerate(paths) if one.open}
    values = [value for ranks in rows.values() for value in ranks if value > 0]
    if not values:
        return
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def x(value: float) -> float:
        return left + (PANEL - 60) * (math.log10(max(value, 10.0**low)) - low) / (high - low)

    for power in range(low, high + 1):
        yield from _grid(x(10.0**power), len(paths), f"{10.0**power:g}")
    for row, ranks in rows.items():
        y = _middle(row)
        yield _line(x(ranks[0]), y, x(ranks[-1]), y, PLAIN, 3)
        yield from (
            f'<circle cx="{x(value):.1f}" cy="{y}" r="4" fill="{colour}" stroke="#ffffff"/>'
            for value, colour in zip(ranks, (REACHED, PLAIN, MISSED), strict=True)
        )
        yield _text(left + PANEL, y + 4, f"{paths[row].open_rate:,}/s", "small right")


def _ranks(one: PathResult) -> list[float]:
    figures = as_figures(one.open)
    return [figures[f"p{rank}_ms"].median for rank in (50, 95, 99)]


def _middle(row: int) -> float:
    return TOP + ROW * row + ROW / 2


def _grid(x: float, rows: int, label: str) -> Iterator[str]:
    yield _line(x, TOP, x, TOP + ROW * rows, FAINT, 1)
    yield _text(x, TOP + ROW * rows + 18, label, "small middle")


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'
