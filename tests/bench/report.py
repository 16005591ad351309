"""What a run found out, as Markdown for people, as the table of the README, and as figures for programs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.figures import PROCESSORS, Figure, as_figures, cpu_ratio, growth, rate_ratio
from tests.bench.results import PathResult, Results
from tests.bench.scenarios import OPERATORS

MEGABYTE, KILOBYTE = 1024 * 1024, 1024
WORKER_GROWTH, START_GOAL_SECONDS, RSS_GOAL_MB, REGISTRATION_GOAL_KB = 0.05, 1.0, 80, 14
QUIET_LOAD = 0.5
"""Processes that want to run, on average, on a machine that has nothing else to do."""

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Goal:
    """Something that DESIGN section 8 wants, and what was measured."""

    what: str
    wanted: str
    measured: str
    reached: bool


def summary(results: Results) -> dict[str, Any]:
    """Figures of each path, ratios and goals, for programs."""
    paths = {}
    for one in results.paths:
        paths[one.name] = {model: as_figures(of) for model, of in (("closed", one.closed), ("open", one.open)) if of}
        paths[one.name] |= {"ratios": _ratios(one, results)}
    return {"paths": paths, "goals": goals(results)}


def _ratios(path: PathResult, results: Results) -> dict[str, Figure]:
    """To the bare route and to the rival: by requests per second, and by processor time where that is known."""
    found: dict[str, Figure] = {}
    for name, other in (("bare", results.bare), (path.rival, results.path(path.rival))):
        if other is not None and path.closed and len(path.closed) == len(other.closed):
            found[name] = rate_ratio(path.closed, other.closed)
            if by_time := cpu_ratio(path.closed, other.closed):
                found[f"{name}, {PROCESSORS}"] = by_time
    return found


def goals(results: Results) -> list[Goal]:
    """Each goal of which this run can say something."""
    return [*_path_goals(results), *_worker_goals(results), *_footprint_goals(results)]


def _path_goals(results: Results) -> list[Goal]:
    found = []
    for one in results.paths:
        ratios = _ratios(one, results)
        for against, wanted, name in (("bare", one.goal, "bare Starlette"), (one.rival, one.rival_goal, one.rival)):
            if wanted is not None and against in ratios:
                ratio, by_time = ratios[against].median, ratios.get(f"{against}, {PROCESSORS}")
                measured = f"{ratio:.2f} x" + (f" ({by_time.median:.2f} x by CPU time)" if by_time else "")
                found.append(Goal(f"{one.name} beside {name}", f">= {wanted:g} x", measured, ratio >= wanted))
    return found


def _worker_goals(results: Results) -> list[Goal]:
    found = []
    for one in results.workers:
        more = growth(one.one, one.several)
        what = f"processor time of {one.name}, {results.worker_count} workers beside one"
        found.append(
            Goal(what, f"<= +{WORKER_GROWTH:.0%}", f"{more.median:+.1%} ({more.low:+.1%} to {more.high:+.1%})",
                 more.median <= WORKER_GROWTH)
        )  # fmt: skip
    return found


def _footprint_goals(results: Results) -> list[Goal]:
    found = []
    if results.start_seconds:
        start = Figure.of(results.start_seconds)
        measured = f"{start.median:.2f} s ({start.low:.2f} to {start.high:.2f})"
        reached = start.median <= START_GOAL_SECONDS
        found.append(Goal("first 200 after `serve`", f"<= {START_GOAL_SECONDS:g} s", measured, reached))
    if workers := results.resident_bytes.get("worker"):
        most = max(workers) / MEGABYTE
        found.append(Goal("worker RSS after the load", f"<= {RSS_GOAL_MB} MB", f"{most:.0f} MB", most <= RSS_GOAL_MB))
    if results.registration_bytes is not None:
        size = results.registration_bytes / KILOBYTE
        objects = ", ".join(f"{count} {name}" for name, count in results.registration_objects.items())
        what = f"store per registration ({objects})"
        found.append(Goal(what, f"<= {REGISTRATION_GOAL_KB} KB", f"{size:.1f} KB", size <= REGISTRATION_GOAL_KB))
    return found


def markdown(results: Results, chart: str = "") -> str:
    """The whole report; `chart` is the name of the picture beside it."""
    parts = ["# Benchmark", conditions(results)]
    parts += [f"![Ratios and latencies]({chart})"] if chart else []
    parts += _section("Goals", goal_table(results))
    parts += _section("Closed model: as much as the server takes (wrk)", closed_table(results))
    parts += _section("Open model: at a rate of its own (k6)", open_table(results))
    parts += _section(f"One worker and {results.worker_count}, on one core together", worker_table(results))
    parts += _section("Memory of processes after the load", memory_table(results))
    parts += _section("Manifest", manifest_table(results))
    return "\n\n".join(parts) + "\n"


def _section(title: str, content: str) -> list[str]:
    return [f"## {title}", content] if content else []


def conditions(results: Results) -> str:
    """One sentence on where and how, and a warning if the machine was busy."""
    about, machine, options = results.manifest, results.manifest["machine"], results.manifest["options"]
    url = about["options"].get("url")
    here = "One worker on one core; the store and the load generator share the others"
    where = f"{url}, measured from outside; load generators on" if url else f"{here};"
    commit = (about["commit"][:9] or "not known") + (", changed since" if about["dirty"] else "")
    text = (
        f"{where} {machine['processor']}, {machine['cores']} cores, Python {about['versions']['python']}, "
        f"{options['connections']} connections ({OPERATORS} for what operators look at), "
        f"{options['rounds']} rounds of {options['seconds']} s, "
        f"store: {about['store']}, commit {commit}."
    )
    if machine["load_before"] > QUIET_LOAD:
        text += f" The machine was busy with other work (load {machine['load_before']}): trust the CPU ratios at most."
    return text


def readme_table(results: Results) -> str:
    """Exactly what the README shows."""
    head = ("path", "requests/s", "p50 ms", "p99 ms", "CPU us", "CPU ratio", "ratio", "goal", "x oidc-provider", "goal")
    rows = []
    for one in results.paths:
        if one.closed:
            closed, ratios = as_figures(one.closed), _ratios(one, results)
            rows.append((
                one.name, _number(closed["rate"]), _ms(closed["p50_ms"]), _ms(closed["p99_ms"]),
                _number(closed[PROCESSORS].get("worker")), _ratio(ratios.get(f"bare, {PROCESSORS}")),
                _ratio(ratios.get("bare")), _goal(one.goal), _ratio(ratios.get(one.rival)), _goal(one.rival_goal),
            ))  # fmt: skip
    return table(head, rows)


def closed_table(results: Results) -> str:
    """Every path under wrk, with spreads and what failed."""
    head = (
        "path", "requests/s", "p50 ms", "p95 ms", "p99 ms", "server us", "store us", "ratio", "CPU ratio", "429",
        "errors",
    )  # fmt: skip
    rows = []
    for one in results.paths:
        if one.closed:
            of, ratios = as_figures(one.closed), _ratios(one, results)
            spent = of[PROCESSORS]
            rows.append((
                one.name, _spread(of["rate"], _number), _ms(of["p50_ms"]), _ms(of["p95_ms"]), _ms(of["p99_ms"]),
                _number(spent.get("worker")), _number(spent.get("store")),
                _spread(ratios.get("bare"), _ratio), _spread(ratios.get(f"bare, {PROCESSORS}"), _ratio),
                str(of["limited"]), str(of["failed"] + of["broken"]),
            ))  # fmt: skip
    return table(*without_empty_columns(head, rows))


def open_table(results: Results) -> str:
    """Every path under k6."""
    head = ("path", "asked/s", "answered/s", "p50 ms", "p95 ms", "p99 ms", "429", "errors", "not sent")
    rows = []
    for one in results.paths:
        if one.open:
            of = as_figures(one.open)
            rows.append((
                one.name, f"{one.open_rate:,}", _number(of["rate"]), _ms(of["p50_ms"]), _spread(of["p95_ms"], _ms),
                _spread(of["p99_ms"], _ms), str(of["limited"]), str(of["failed"] + of["broken"]), str(of["dropped"]),
            ))  # fmt: skip
    return table(head, rows)


def worker_table(results: Results) -> str:
    """Processor time per request with one worker and with several."""
    head = ("path", "one: us", "requests/s", f"{results.worker_count}: us", "requests/s", "growth")
    rows = []
    for pair in results.workers:
        one, several = as_figures(pair.one), as_figures(pair.several)
        more = growth(pair.one, pair.several)
        rows.append((
            pair.name, _number(one[PROCESSORS]["worker"]), _number(one["rate"]), _number(several[PROCESSORS]["worker"]),
            _number(several["rate"]), f"{more.median:+.1%} ({more.low:+.1%} to {more.high:+.1%})",
        ))  # fmt: skip
    return table(head, rows)


def memory_table(results: Results) -> str:
    """Resident memory by role."""
    rows = [
        (role, ", ".join(f"{size / MEGABYTE:.0f}" for size in sizes)) for role, sizes in results.resident_bytes.items()
    ]
    return table(("process", "RSS, MB"), rows)


def goal_table(results: Results) -> str:
    """Each goal, and whether it is reached."""
    rows = [(one.what, one.wanted, one.measured, "yes" if one.reached else "**no**") for one in goals(results)]
    return table(("goal", "wanted", "measured", "reached"), rows)


def manifest_table(results: Results) -> str:
    """The manifest, flat."""
    rows: list[tuple[str, str]] = []
    for name, value in results.manifest.items():
        if isinstance(value, dict):
            rows += [(f"{name}: {part}", str(one)) for part, one in value.items()]
        else:
            rows.append((name, str(value)))
    return table(("", ""), rows)


def without_empty_columns(head: Sequence[str], rows: Rows) -> tuple[Sequence[str], Rows]:
    """Only the columns in which some row has something."""
    kept = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return [head[place] for place in kept], [[row[place] for place in kept] for row in rows]


def table(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table whose first column is words and the others figures; nothing without rows."""
    if not rows:
        return ""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _number(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.median:,.0f}"


def _ms(figure: Figure) -> str:
    return f"{figure.median:.1f}"


def _ratio(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.median:.2f}"


def _goal(wanted: float | None) -> str:
    return "" if wanted is None else f"{wanted:g}"


def _spread(figure: Figure | None, write: Callable[[Figure], str]) -> str:
    if figure is None:
        return ""
    return f"{write(figure)} ±{figure.spread:.0%}" if figure.high > figure.low else write(figure)
