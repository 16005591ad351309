"""`cds-server serve`: the application under uvicorn, in one process or several, from the first request to the last.

SIGTERM first turns the readiness to 503 and keeps serving for a moment, every answer the last one of its connection, so
that load balancers and proxies go elsewhere. Then the listener closes without losing anybody who waits there, requests
that are under way are finished, and the exit status is 0. Ctrl-C leaves the moment out.
"""

import functools
import gc
import multiprocessing.connection
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Final

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.catalog import Catalog, load_catalog
from app.errors import ConfigurationError
from app.logs import configure
from app.main import Parts, Service, create_app
from app.settings import Settings
from app.store.embedded import EmbeddedStore
from app.web.connections import Connection
from app.web.counting import Board, Metrics
from app.web.listening import Drain

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75
GRACEFUL_SECONDS: Final = 20
WORKER_START_SECONDS: Final = 30.0
WORKER_ANSWER_SECONDS: Final = 30
"""After which a worker that does not answer its parent is replaced: on a busy machine one that starts takes longer than
the five seconds of uvicorn, and would be replaced for ever.
"""
SPARE_PLACES: Final = 4
COLLECTOR_THRESHOLD: Final = 10_000
"""New objects between two looks of the garbage collector: more than 64 registrations at once, fewer than ten pages."""


def serve(
    settings: Settings,
    catalog: Catalog,
    *,
    host: str,
    port: int,
    drain_seconds: float,
    announce: Callable[[], None],
) -> bool:
    """Serve until a signal ends it; whether it ended as it should.

    Args:
        settings: As read; `workers` decides between one process and several.
        catalog: The one that `settings` names.
        host: The address to listen on.
        port: The port to listen on.
        drain_seconds: How long to go on after SIGTERM.
        announce: Called when requests are welcome.

    Raises:
        ConfigurationError: The address cannot be listened on, or the embedded store does not start.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(bind(host, port))
        if settings.workers == 1:
            service = create_app(settings, catalog)
            return OneProcess(config(explained(service)), service, drain_seconds, announce).succeeds(listener)
        if settings.store_url.startswith("embedded:"):
            path = settings.store_url.partition(":")[2].removeprefix("//")
            stack.callback(EmbeddedStore.open(Path(path)).stop)
        # One place to count for each process, and some more for when a new one starts before the system notices that
        # an old one has ended.
        board = Board.create(settings.workers + SPARE_PLACES)
        application = functools.partial(worker_application, settings, board)
        several = config(application, factory=True, workers=settings.workers)
        return SeveralProcesses(several, listener, drain_seconds, announce).succeeds()


def bind(host: str, port: int) -> socket.socket:
    """A socket on that address, which does not listen yet."""
    with ExitStack() as stack:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError as error:
            raise ConfigurationError(
                [f"{host} port {port} cannot be listened on: {error.strerror}. Choose another with --host and --port."]
            ) from error
        stack.pop_all()
    listener.set_inheritable(True)
    return listener


def config(application: Any, *, factory: bool = False, workers: int = 1) -> Config:  # noqa: ANN401 -- uvicorn's own type
    """How uvicorn runs us: no log lines, headers or proxies of its own, which are the application's business."""
    return Config(
        application,
        factory=factory,
        workers=workers,
        loop="uvloop",
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_worker_healthcheck=WORKER_ANSWER_SECONDS,
    )


def explained(application: Any) -> Any:  # noqa: ANN401 -- an ASGI application
    """The application, whose start-up problems are written as sentences instead of a traceback."""

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        try:
            await application(scope, receive, send)
        except ConfigurationError as error:
            complain(error)
            await send({"type": "lifespan.startup.failed", "message": ""})

    def entrance(scope: Any, receive: Any, send: Any) -> Any:  # noqa: ANN401
        return application(scope, receive, send) if scope["type"] != "lifespan" else lifespan(scope, receive, send)

    return entrance


def calm_collector() -> None:
    """Let the garbage collector leave alone what lives as long as the process, and look at new objects less often.

    With Python's own threshold it took 15 % of the time of a registration; only pages leave cycles behind. Before, it
    need not have run: of all that a start makes, a thousandth is garbage.
    """
    gc.freeze()
    gc.set_threshold(COLLECTOR_THRESHOLD)
    gc.enable()


def complain(error: ConfigurationError) -> None:
    """Write every problem on standard error, one per line."""
    for problem in error.problems:
        sys.stderr.write(f"cds-server: {problem}\n")


def worker_application(settings: Settings, board: Board) -> Any:  # noqa: ANN401 -- an ASGI application
    """The application of one of several processes. SIGUSR1 from the parent means: about to end.

    Args:
        settings: Of all of them.
        board: Where all of them count.
    """
    configure(settings.log_format, settings.log_level)
    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()
    service = Service(settings, load_catalog(settings.catalog), Parts(metrics=Metrics(board)))

    def drain(_signal: int, _frame: FrameType | None) -> None:
        service.draining = True

    signal.signal(signal.SIGUSR1, drain)
    calm_collector()
    return explained(service)


def end_with_parent() -> None:
    """Wait until the parent is gone, also when it was killed, and end then: an orphan would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


class OneProcess(Server):
    """uvicorn's server, with a moment between SIGTERM and the closing of the listener."""

    def __init__(self, config: Config, service: Service, drain_seconds: float, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._drain_seconds = drain_seconds
        self._announce = announce
        self._drain: Drain | None = None
        self._listener: socket.socket | None = None

    def succeeds(self, listener: socket.socket) -> bool:
        """Serve until a signal comes; whether it got as far as serving."""
        self._listener = listener
        try:
            self.run([listener])
        except SystemExit:
            return False
        return self.started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and say so."""
        await super().startup(sockets)
        if self.started:
            calm_collector()
            self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        """A first SIGTERM begins to drain; whatever comes next closes, and Ctrl-C during that does not wait."""
        is_first = not self._service.draining and not self.should_exit
        if sig == signal.SIGTERM and is_first and self._drain_seconds and self._listener:
            self._drain = Drain(self._listener, self._drain_seconds)
        else:
            self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
            self.should_exit = True
        self._service.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Close when the moment is over; uvicorn asks ten times a second."""
        if self._drain and self._drain.is_over():
            self.should_exit = True
        return await super().on_tick(counter)


class SeveralProcesses(Multiprocess):
    """uvicorn's supervisor, which tells its workers that the end is near before it comes."""

    def __init__(
        self, config: Config, listener: socket.socket, drain_seconds: float, announce: Callable[[], None]
    ) -> None:
        super().__init__(config, [listener])
        self._drain_seconds = drain_seconds
        self._announce = announce

    def succeeds(self) -> bool:
        """Serve until a signal comes; whether the workers could start."""
        self.run()
        return all(process.exitcode != STARTUP_FAILURE for process in self.processes)

    def init_processes(self) -> None:
        """Start the workers and say so when all of them serve."""
        super().init_processes()
        calm_collector()
        if all(process.wait_until_ready(WORKER_START_SECONDS) for process in self.processes):
            self._announce()

    def handle_term(self) -> None:
        """Let the workers drain first; another signal cuts that short."""
        for process in self.processes:
            if process.pid is not None and process.process.is_alive():
                os.kill(process.pid, signal.SIGUSR1)
        drain = Drain(self.sockets[0], self._drain_seconds)
        while not self.signal_queue and not drain.is_over():
            time.sleep(0.05)
        super().handle_term()

    def handle_hup(self) -> None:
        """Go on. uvicorn would replace its workers without draining them; another server in our place loses nobody."""

    def terminate_all(self) -> None:
        """Tell the workers to end, who close the listener; this process has it too, and nobody would answer there."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()
