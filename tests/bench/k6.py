"""Open-model runs: requests come at a rate of their own, however long the answers take, as those of many users do.

They show what users wait for below the most that a server can take. Requests that could not be sent in time, because
all connections still waited for answers, are counted as dropped.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import Sample
from tests.bench.scenarios import Course
from tests.bench.tools import Tool

K6 = Tool(
    "k6", "make bench installs it on Linux and x86_64; elsewhere see https://grafana.com/docs/k6/latest/set-up/install-k6/",
    ("k6", "version"),
)  # fmt: skip
PAUSE_SECONDS = 1
SCRIPT = Path(__file__).with_suffix(".js")
FEWEST_USERS, MOST_USERS = 8, 400
METRICS = ("answered", "failed", "limited", "broken")


@dataclass(frozen=True)
class Plan:
    """Courses at so many requests per second each, one after the other."""

    runs: tuple[tuple[Course, int], ...]
    seconds: int

    def document(self) -> dict[str, Any]:
        """As the script reads it."""
        return {"runs": [self._run(number, *run) for number, run in enumerate(self.runs)]}

    def _run(self, number: int, course: Course, rate: int) -> dict[str, Any]:
        parts = [
            {"method": one.method, "url": one.url, "headers": one.headers, "body": one.body, "share": one.share}
            for one in course.parts
        ]
        return {
            "rate": rate,
            "seconds": self.seconds,
            "start_seconds": number * (self.seconds + PAUSE_SECONDS),
            "users": min(max(rate, FEWEST_USERS), MOST_USERS),
            "parts": parts,
        }


def run(plan: Plan, directory: Path) -> dict[str, Sample]:
    """Send it all; what came of each course, by its name.

    Raises:
        SystemExit: k6 is not there, or did not run to its end.
    """
    path = directory / "plan.json"
    path.write_text(json.dumps(plan.document()))
    command = [
        K6.require(), "run", "--quiet", "--no-color", "--no-usage-report", "--address", "",
        "--env", f"PLAN={path}", str(SCRIPT),
    ]  # fmt: skip
    limit = len(plan.runs) * (plan.seconds + PAUSE_SECONDS) + 120
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    if done.returncode:
        raise SystemExit(f"k6 did not get to the end: {done.stderr.strip()[-2000:]}")
    return read(done.stdout, plan)


def read(summary: str, plan: Plan) -> dict[str, Sample]:
    """The samples in what k6 knows at its end: its metrics as JSON, those of each run tagged with its scenario."""
    metrics: dict[str, dict[str, Any]] = json.loads(summary[summary.index("{") :])
    samples = {}
    for number, (course, _) in enumerate(plan.runs):
        tag = f"{{scenario:run{number}}}"
        counts = {name: int(_values(metrics, name + tag).get("count", 0)) for name in METRICS}
        times = _values(metrics, "http_req_duration" + tag)
        samples[course.name] = Sample(
            seconds=plan.seconds,
            requests=counts.pop("answered"),
            **{f"p{rank}_ms": float(times.get(f"p({rank})", 0.0)) for rank in (50, 95, 99)},
            **counts,
            dropped=int(_values(metrics, "dropped_iterations" + tag).get("count", 0)),
        )
    return samples


def _values(metrics: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    values: dict[str, Any] = metrics.get(name, {}).get("values", {})
    return values
