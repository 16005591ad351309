"""`make bench`: measures what the options say and writes results, report and chart."""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import elsewhere, here, report
from tests.bench.chart import chart
from tests.bench.measuring import say
from tests.bench.options import read
from tests.bench.results import Results

LATEST, REPORT, CHART = "results.json", "report.md", "chart.svg"


def main() -> None:
    """Measure, or print what was measured last."""
    options = read()
    if options.readme:
        sys.stdout.write(report.readme_table(Results.read(options.output / LATEST)) + "\n")
        return
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="cds-bench-") as directory:
        measure = elsewhere.measure if options.url else here.measure
        results = measure(options, Path(directory), lambda so_far: write(so_far, options.output), now=now)
    results.manifest["took_seconds"] = round((datetime.now(UTC) - now).total_seconds())
    write(results, options.output)
    sys.stdout.write(report.markdown(results))


def write(results: Results, directory: Path) -> None:
    """Results, report and chart, in place of those of the last run."""
    directory.mkdir(parents=True, exist_ok=True)
    results.write(directory / LATEST, report.summary(results))
    (directory / REPORT).write_text(report.markdown(results, CHART))
    (directory / CHART).write_text(chart(results))
    say(f"written: {', '.join(str(directory / name) for name in (REPORT, CHART, LATEST))}")


if __name__ == "__main__":
    main()
