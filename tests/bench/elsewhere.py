"""A server somewhere else, as anybody may measure it who may register there: from outside, and gently."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.bench.k6 import K6
from tests.bench.manifest import manifest
from tests.bench.measuring import Track, closed_rounds, open_rounds, say
from tests.bench.options import Options
from tests.bench.processes import Watched
from tests.bench.results import PathResult, Results
from tests.bench.scenarios import Course, course_of, hot_paths, mixed
from tests.bench.visitor import visit
from tests.bench.wrk import WRK


def measure(options: Options, directory: Path, keep: Callable[[Results], None], *, now: datetime) -> Results:
    """All rounds; `keep` gets what there is after those of wrk. Rate limits may be on there, so failures are counted.

    Raises:
        SystemExit: A program is missing, or it is no CDS server that lets us register.
    """
    K6.require()
    if options.closed:
        WRK.require()
    tracks = [_track(course) for course in courses(options)]
    about = manifest(options.document(), now=now, topology="not known from outside", settings={})
    results = Results(about, [track.result for track in tracks])
    if options.closed:
        closed_rounds(tracks, options.rounds, options.seconds, options.connections, directory, may_fail=True)
        keep(results)
    open_rounds(tracks, options.rounds, options.seconds, options.rate, directory, may_fail=True)
    limited = sum(sample.limited for track in tracks for sample in track.result.samples)
    if limited:
        say(f"{limited} answers were 429: rate limits are on there, so a lower --rate shows more of the server")
    return results


def courses(options: Options) -> list[Course]:
    """Register and see what there is to measure."""
    say(f"registering at {options.url}")
    with visit(options.url, operator_key=options.operator_key) as visitor:
        scenarios = list(hot_paths(visitor, writes=options.writes))
    together = mixed(scenarios)
    found = [course_of(one) for one in scenarios] + ([together] if together else [])
    return [course for course in found if options.wants(course.name)]


def _track(course: Course) -> Track:
    return Track(course, PathResult(course.name), Watched())
