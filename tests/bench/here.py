"""The service on this machine, beside the yardsticks: what it takes at most, what users wait for, what it costs."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from tests.bench import rivals
from tests.bench.footprint import compile_app, registration_bytes, start_seconds
from tests.bench.k6 import K6
from tests.bench.manifest import NODE, manifest
from tests.bench.measuring import Track, closed_rounds, open_rounds, say, worker_rounds
from tests.bench.options import Options
from tests.bench.results import PathResult, Results, WorkersResult
from tests.bench.scenarios import BARE, RIVAL, Course, Scenario, course_of, everyday, hot_paths, mixed, token_scenario
from tests.bench.scenarios import REQUIRED_FIELDS as OWN
from tests.bench.servers import (
    DESCRIBED,
    OPERATOR_KEY,
    Cores,
    Running,
    bare_server,
    oidc_provider,
    our_server,
    store_of,
)
from tests.bench.visitor import visit
from tests.bench.wrk import WRK
from tests.live_server import UNLIMITED
from tests.stores import start_valkey

SCALED = ("metadata 200", "one client", "list of 10", "token", "introspection")
"""What several workers are measured with."""
SETTINGS = UNLIMITED | {"CDS_LOG_FORMAT": "json", "CDS_CATALOG": "the demo utility with 100 more scopes"}


def measure(options: Options, directory: Path, keep: Callable[[Results], None], *, now: datetime) -> Results:
    """Everything that the options want; `keep` gets what there is so far.

    Raises:
        SystemExit: The system is another one, a program is missing, or requests fail.
    """
    if sys.platform != "linux":
        raise SystemExit("This needs Linux, which says what each process costs; with --url it runs anywhere.")
    WRK.require()
    K6.require()
    about = manifest(options.document(), now=now, topology=DESCRIBED[options.topology], settings=SETTINGS)
    results = Results(about, worker_count=options.workers)
    usable, cores = os.sched_getaffinity(0), Cores.here()
    about["cores"] = {"servers": list(cores.servers), "stores and load generators": list(cores.others)}
    compile_app()
    if not options.only:
        say("starts")
        results.start_seconds = [start_seconds(directory / f"start-{number}") for number in range(options.starts)]
    os.sched_setaffinity(0, cores.others)  # what we start from here on inherits it
    try:
        _paths(options, directory, cores, results)
        keep(results)
        if options.workers > 1:
            results.workers = _workers(options, directory, cores)
            keep(results)
        if not options.only:
            say("room in the store")
            size, objects = registration_bytes(directory / "room", cores)
            results.registration_bytes, results.registration_objects = size, objects
    finally:
        os.sched_setaffinity(0, usable)
    return results


def _paths(options: Options, directory: Path, cores: Cores, results: Results) -> None:
    """All paths and yardsticks, in the closed and then in the open model."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(store_of(options.topology, directory))
        server = stack.enter_context(our_server(directory / "server", store, cores))
        socket = store.socket
        if socket is None:
            valkey = start_valkey()
            stack.callback(valkey.stop)
            socket = Path(valkey.url.removeprefix("unix:"))
        bare = stack.enter_context(bare_server(directory, socket, cores))
        own = [*_own(options, server), *_jwt(options, stack, directory, cores)]
        wanted_rivals = {track.result.rival for track in own}
        tracks = [_track(one, bare) for one in map(course_of, rivals.starlette(bare.url))]
        if any(wanted_rivals):
            tracks += [track for track in _rivals(stack, directory, cores) if track.course.name in wanted_rivals]
        tracks += own
        if not own:
            raise SystemExit(f"no path has {options.only!r} in its name")
        results.paths = [track.result for track in tracks]
        closed_rounds(tracks, options.rounds, options.seconds, options.connections, directory)
        resident = server.watched.resident()
        ours = [track for track in tracks if track in own or track.course.name == BARE]
        open_rounds(ours, options.open_rounds, options.seconds, options.rate, directory)
        results.resident_bytes = {role: [max(pair) for pair in zip(sizes, resident[role], strict=True)]
                                  for role, sizes in server.watched.resident().items()}  # fmt: skip


def _own(options: Options, server: Running) -> list[Track]:
    """The hot paths of the service, and all of them mixed."""
    with visit(server.url, operator_key=OPERATOR_KEY) as visitor:
        scenarios = list(hot_paths(visitor))
    together = mixed(scenarios)
    courses = [course_of(one) for one in scenarios] + ([together] if together else [])
    return [_track(course, server) for course in courses if options.wants(course.name)]


def _jwt(options: Options, stack: contextlib.ExitStack, directory: Path, cores: Cores) -> Iterator[Track]:
    """Tokens that are JWTs, from a service of their own with a store of its own: it would do jobs for the other one."""
    if not options.wants("token (JWT)"):
        return
    place = directory / "jwt"
    place.mkdir()
    store = stack.enter_context(store_of("embedded", place))
    server = stack.enter_context(our_server(place / "server", store, cores, CDS_ACCESS_TOKEN_FORMAT="jwt"))
    with visit(server.url) as visitor:
        scenario = token_scenario(visitor, visitor.register(everyday(visitor), OWN))
    yield _track(course_of(scenario), server)


def _rivals(stack: contextlib.ExitStack, directory: Path, cores: Cores) -> Iterator[Track]:
    """Those of npm, where there is node."""
    if NODE.find() is None or shutil.which("npm") is None:
        say(f"{RIVAL} is left out: it needs node and npm")
        return
    provider = stack.enter_context(oidc_provider(directory, cores))
    for scenario in rivals.oidc_provider(provider.url):
        track = _track(course_of(scenario), provider)
        if scenario.name.endswith("introspection"):
            track.renew = lambda: course_of(rivals.introspection(provider.url))
        yield track


def _workers(options: Options, directory: Path, cores: Cores) -> list[WorkersResult]:
    """One worker beside several, each service with a store of its own and as many connections for each worker."""
    wanted = [name for name in SCALED if options.wants(name)]
    if not wanted:
        return []
    counts = (1, options.workers)
    with contextlib.ExitStack() as stack:
        sides: list[dict[str, Track]] = []
        for count in counts:
            place = directory / f"workers-{count}"
            place.mkdir()
            store = stack.enter_context(store_of(options.topology, place))
            server = stack.enter_context(our_server(place / "server", store, cores, CDS_WORKERS=str(count)))
            with visit(server.url) as visitor:
                courses = [course_of(one) for one in hot_paths(visitor, writes=False) if one.name in wanted]
            sides.append({course.name: _track(course, server) for course in courses})
        pairs = [(sides[0][name], sides[1][name]) for name in wanted]
        connections = (options.connections, options.connections * options.workers)
        return worker_rounds(pairs, options.worker_rounds, options.seconds, connections, directory)


def _track(course: Course, server: Running) -> Track:
    only: Scenario | None = course.parts[0] if len(course.parts) == 1 else None
    result = PathResult(course.name)
    if only:
        result = PathResult(course.name, only.goal, only.rival, only.rival_goal)
    return Track(course, result, server.watched)
