"""What was found about growth, as tables and as charts."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

Figures = Mapping[str, Mapping[int, Mapping[str, float]]]

COLUMNS: Final = 4
WIDTH, HEIGHT, MARGIN = 300, 190, 44
INK, FAINT = "#1f2933", "#d5dbe1"
LINES: Final = {"p50_ms": "#1765ad", "p99_ms": "#c2410c"}


def files(found: Mapping[str, Any]) -> dict[str, str]:
    """What to write, by the name of the file."""
    written = {"growth.md": markdown(found)}
    for name, axis in (("registrations", "registrations in the store"), ("messages", "Messages and Grants of one")):
        if found[name]:
            written[f"{name}.svg"] = chart(found[name], axis)
    return written


def markdown(found: Mapping[str, Any]) -> str:
    """All tables."""
    parts = []
    for name, title in (("registrations", "Registrations in the store"), ("messages", "Messages, and Grants, of one")):
        if found[name]:
            parts.append(f"## {title}\n")
            parts.append(table(found[name], "p50 / p99 ms", "{p50_ms:.2f} / {p99_ms:.1f}", "p50_ms"))
            parts.append(table(found[name], "CPU of the server, us", "{server_us:,.0f}", "server_us"))
            parts.append(table(found[name], "CPU of the store, us", "{store_us:,.0f}", "store_us"))
            parts.append(table(found[name], "commands, bytes of the store", "{commands:.1f}, {store_bytes:,.0f}"))
    if found["jobs"]:
        parts.append("## A step of a background job that finds nothing to do\n")
        parts.append(table(found["jobs"], "ms, commands", "{ms:.2f}, {commands:.0f}", "ms"))
    if found["weights"]:
        parts.append("## Weight\n")
        rows = {"bytes of each registration": {int(size): one for size, one in found["weights"].items()}}
        parts.append(table(rows, "", "{bytes_each:,.0f}"))
    return "\n".join(parts)


def table(figures: Figures, title: str, layout: str, compared: str = "") -> str:
    """A row for each path and a column for each size; the last one says how the largest compares to the smallest."""
    sizes = sorted({size for by_size in figures.values() for size in by_size})
    heads = [title, *(f"{size:,}" for size in sizes), *(["growth"] if compared else [])]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for name, by_size in figures.items():
        cells = [layout.format(**by_size[size]) if size in by_size else "" for size in sizes]
        if compared:
            cells.append(f"{by_size[max(by_size)][compared] / max(by_size[min(by_size)][compared], 1e-9):.2f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def chart(figures: Figures, axis: str) -> str:
    """A small chart for each path: milliseconds against size, both in powers of ten."""
    rows = math.ceil(len(figures) / COLUMNS)
    panels = "".join(
        f'<g transform="translate({number % COLUMNS * WIDTH} {number // COLUMNS * HEIGHT + 30})">{_panel(*pair)}</g>'
        for number, pair in enumerate(figures.items())
    )
    legend = "".join(
        f'<text x="{20 + 90 * number}" y="20" fill="{colour}">{name.removesuffix("_ms")}</text>'
        for number, (name, colour) in enumerate(LINES.items())
    )
    width, height = COLUMNS * WIDTH, rows * HEIGHT + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}"><rect width="100%" height="100%" fill="white"/>'
        f'{legend}<text x="210" y="20">milliseconds against {escape(axis)}</text>{panels}</svg>\n'
    )


def _panel(name: str, by_size: Mapping[int, Mapping[str, float]]) -> str:
    sizes = sorted(by_size)
    values = [by_size[size][line] for size in sizes for line in LINES]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    across = _scale(math.log10(sizes[0]), math.log10(sizes[-1]), MARGIN, WIDTH - 20)
    up = _scale(low, max(high, low + 1), HEIGHT - MARGIN, 24)
    parts = [f'<text x="{MARGIN}" y="12" font-weight="bold">{escape(name)}</text>']
    for power in range(low, max(high, low + 1) + 1):
        y = up(power)
        parts.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - 20}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for size in sizes:
        x = across(math.log10(size))
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{_short(size)}</text>')
    for line, colour in LINES.items():
        points = [(across(math.log10(size)), up(math.log10(by_size[size][line]))) for size in sizes]
        parts.append(_line(points, colour))
    return "".join(parts)


def _scale(low: float, high: float, start: float, end: float) -> Any:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'


def _short(size: int) -> str:
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            return f"{size / unit:g}{name}"
    return str(size)
