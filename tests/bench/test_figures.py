"""What the benchmark makes of its measurements: medians, spreads, ratios, tables, goals, a chart."""

import xml.etree.ElementTree as ET

import pytest

from tests.bench import report
from tests.bench.chart import chart
from tests.bench.figures import Figure, Sample, as_figures, cpu_ratio, growth, rate_ratio
from tests.bench.results import PathResult, Results, WorkersResult
from tests.bench.scenarios import BARE

MANIFEST = {
    "began": "2026-06-01T12:00:00+00:00",
    "commit": "0123456789abcdef",
    "dirty": False,
    "machine": {"processor": "Abacus | 2", "cores": 2, "load_before": 0.1},
    "versions": {"python": "3.11.7"},
    "store": "embedded Valkey",
    "options": {"connections": 64, "rounds": 2, "seconds": 3, "url": ""},
}


def sample(rate: float, cpu_us: float = 0.0, **counted: int) -> Sample:
    cpu = {"worker": cpu_us, "store": 5.0} if cpu_us else {}
    return Sample(seconds=2.0, requests=int(rate * 2), p50_ms=1.5, p95_ms=4.0, p99_ms=9.0, cpu_us=cpu, **counted)


def some_results(**fields) -> Results:
    paths = [
        PathResult(BARE, closed=[sample(1000, 50), sample(800, 50)]),
        PathResult("oidc-provider token", closed=[sample(100, 500), sample(80, 500)]),
        PathResult(
            "token <opaque>", 0.5, "oidc-provider token", 2.0,
            [sample(600, 100), sample(360, 120)], [sample(200, limited=3, dropped=4)], 200,
        ),
    ]  # fmt: skip
    return Results(MANIFEST, paths, **fields)


def test_the_median_comes_with_how_far_the_rounds_lay_apart():
    figure = Figure.of([90.0, 100.0, 120.0])

    assert (figure.median, figure.low, figure.high) == (100.0, 90.0, 120.0)
    assert figure.spread == pytest.approx(0.15)
    assert Figure.of([0.0]).spread == 0


def test_ratios_are_those_of_the_same_round():
    slow_minute = [sample(1000), sample(100)], [sample(2000), sample(200)]

    assert rate_ratio(*slow_minute) == Figure(0.5, 0.5, 0.5)


def test_a_ratio_of_processor_times_needs_processor_times():
    assert cpu_ratio([sample(10, 200)], [sample(10, 50)]) == Figure(0.25, 0.25, 0.25)
    assert cpu_ratio([sample(10)], [sample(10, 50)]) is None


def test_growth_is_the_part_that_several_workers_take_more():
    assert growth([sample(10, 100)], [sample(20, 104)]).median == pytest.approx(0.04)


def test_what_went_wrong_is_summed_over_rounds():
    figures = as_figures([sample(10, failed=1, limited=2), sample(10, broken=3, dropped=4)])

    assert [figures[name] for name in ("failed", "limited", "broken", "dropped")] == [1, 2, 3, 4]


def test_the_readme_table_has_ratios_and_goals():
    lines = report.readme_table(some_results()).splitlines()

    assert len(lines) == 2 + 3
    assert lines[2].startswith(f"| {BARE} | 900 | 1.5 | 9.0 | 50 | 1.00 | 1.00 |")
    assert lines[4] == "| token <opaque> | 480 | 1.5 | 9.0 | 110 | 0.46 | 0.53 | 0.5 | 5.25 | 2 |"


def test_goals_say_whether_they_are_reached():
    results = some_results(
        workers=[WorkersResult("token", [sample(10, 100)], [sample(10, 110)])],
        worker_count=2,
        start_seconds=[0.8, 0.9, 1.2],
        resident_bytes={"worker": [70 * 1024**2, 90 * 1024**2]},
        registration_bytes=13.5 * 1024,
        registration_objects={"Client Objects": 5},
    )
    reached = {goal.what: (goal.measured, goal.reached) for goal in report.goals(results)}

    assert reached == {
        "token <opaque> beside bare Starlette": ("0.53 x (0.46 x by CPU time)", True),
        "token <opaque> beside oidc-provider token": ("5.25 x (4.58 x by CPU time)", True),
        "processor time of token, 2 workers beside one": ("+10.0% (+10.0% to +10.0%)", False),
        "first 200 after `serve`": ("0.90 s (0.80 to 1.20)", True),
        "worker RSS after the load": ("90 MB", False),
        "store per registration (5 Client Objects)": ("13.5 KB", True),
    }


def test_the_report_tells_rate_limits_from_errors():
    text = report.markdown(some_results(), "chart.svg")

    assert "![Ratios and latencies](chart.svg)" in text
    assert "| token <opaque> | 200 | 200 | 1.5 | 4.0 | 9.0 | 3 | 0 | 4 |" in text
    assert "Abacus \\| 2" in text
    assert "busy" not in text


def test_the_report_warns_of_a_busy_machine():
    results = some_results()
    results.manifest = MANIFEST | {"machine": MANIFEST["machine"] | {"load_before": 3.5}}

    assert "load 3.5" in report.conditions(results)


def test_a_server_elsewhere_has_no_columns_of_what_only_its_own_machine_knows():
    results = Results(MANIFEST, [PathResult("token", closed=[sample(20), sample(30)])])

    assert report.closed_table(results).splitlines()[0] == (
        "| path | requests/s | p50 ms | p95 ms | p99 ms | 429 | errors |"
    )


def test_results_are_read_as_they_were_written(tmp_path):
    path, results = tmp_path / "results.json", some_results(worker_count=2)
    results.write(path, report.summary(results))

    assert Results.read(path) == results


def test_results_that_are_not_there_are_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="make bench"):
        Results.read(tmp_path / "results.json")


def test_the_chart_has_a_bar_a_mark_and_a_latency_for_each_path():
    svg = ET.fromstring(chart(some_results()))  # noqa: S314 -- our own
    texts = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]

    assert {BARE, "token <opaque>", "0.53", "200/s"} <= set(texts)
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}circle"))) == 3
    assert len([one for one in svg.iter("{http://www.w3.org/2000/svg}rect") if one.get("rx")]) == 3


def test_a_chart_of_a_server_elsewhere_has_latencies_alone():
    results = Results(MANIFEST, [PathResult("token", open=[sample(20)], open_rate=20)])

    assert "token" in chart(results)
