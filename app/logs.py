"""Log lines: one JSON object per line for machines, or readable text on a terminal, both on standard error.

Whoever logs names an event and its facts: `log.info("store_awaited", store=name)`. A secret has no business in a fact;
should one get there all the same, it is blackened here, by its name or by the prefix that our secrets and tokens have.
"""

import asyncio
import atexit
import contextlib
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec

from app.imports import without

# It would import Rich for tracebacks that show local variables, which ours never do: five megabytes in every process.
with without("rich"):
    import structlog

SECRET_NAMES = frozenset(
    {
        "access_token",
        "authorization",
        "authorization_code",
        "client_assertion",
        "client_secret",
        "code_verifier",
        "cookie",
        "password",
        "refresh_token",
        "secret",
        "secret_keys",
        "token",
    }
)
SECRET_PREFIXES = (
    b"cdsat_",
    b"cdscs_",
    b"cdspr_",
    b"cdsax_",
    b"cdsac_",
    b"cdsrt_",
    b"cdsus_",
    b"cdssi_",
    b"cdsop_",
    b"cdsos_",
    b"whsec_",
)
SECRET_SHAPE = re.compile(rb"cds[a-z]{2}_|whsec_")
"""What they have in common; one quick look for it spares most lines ten."""

SECRET = re.compile(rb"(" + b"|".join(SECRET_PREFIXES) + rb")[A-Za-z0-9_+/=-]+")
BLACKENED = "[redacted]"

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Facts = MutableMapping[str, Any]

encoder = msgspec.json.Encoder(enc_hook=repr)


def configure(log_format: str, log_level: str, *, stream: BinaryIO | None = None) -> None:
    """Decide once how all log lines of this process look; also those of libraries that use `logging`.

    Args:
        log_format: `console`, `json`, or `auto` for console on a terminal and json elsewhere.
        log_level: `debug`, `info`, `warning` or `error`.
        stream: Where lines go, standard error by default.
    """
    stream = stream or sys.stderr.buffer
    on_terminal = log_format == "console" or (log_format == "auto" and stream.isatty())
    structlog.configure(
        processors=[console_line(colors=stream.isatty())] if on_terminal else [json_line],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[log_level]),
        logger_factory=(ConsoleLines if on_terminal else JsonLines)(LineLogger(stream), LEVELS[log_level]),
        cache_logger_on_first_use=True,
    )
    route_standard_logging(LEVELS[log_level])


class LineLogger:
    """Writes finished lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        atexit.register(self.flush)

    def msg(self, line: bytes) -> None:
        """Write one line; inside an event loop together with the others of the same turn, to save system calls."""
        self._waiting.append(line)
        if len(self._waiting) > 1 and self._loop and self._loop.is_running():
            return  # it comes for them
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:  # no event loop here, so nobody would come back for it
            self.flush()
            return
        self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is waiting. A closed pipe or a full disk loses lines, because it must not fail a request."""
        lines, self._waiting = self._waiting, []
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(b"".join(lines))
            self._stream.flush()

    debug = info = warning = error = critical = exception = fatal = msg


class RequestLine(msgspec.Struct, omit_defaults=True):
    """What is logged of every request, filled in while it is served; ids are "" where they are not known."""

    request_id: str
    registration_id: str
    client_id: str
    method: str
    route: str
    status: int
    """What was answered; 0 until then."""
    duration_ms: float
    operator: str = ""
    trace_id: str = ""


class ConsoleLines:
    """Gives every logger of structlog the same place to write to."""

    def __init__(self, lines: LineLogger, level: int) -> None:
        self.lines = lines
        self.level = level

    def __call__(self, *_: object) -> LineLogger:
        """As structlog asks for it."""
        return self.lines


class JsonLines(ConsoleLines):
    """The same for JSON, with a short way for the line of a request."""

    def write_request(self, line: RequestLine) -> None:
        """Write it past structlog, whose machinery took a quarter of the CPU time of a cached document."""
        if self.level <= logging.INFO:
            head = b'{"timestamp":"%b","level":"info","event":"request",' % now().encode()
            whole = head + encoder.encode(line)[1:] + b"\n"
            # Nothing else in it was chosen by somebody who could have put a secret there.
            self.lines.msg(without_secrets(whole) if line.operator else whole)


def request_lines(log: Any) -> Callable[[RequestLine], None]:  # noqa: ANN401 -- structlog's type
    """What writes the lines of requests, as logging is configured now; `log` does where there is no shorter way."""
    factory = structlog.get_config()["logger_factory"]
    if isinstance(factory, JsonLines):
        return factory.write_request
    return lambda line: log.info(
        "request", **{name: value for name, value in msgspec.structs.asdict(line).items() if value}
    )


def json_line(_logger: object, level: str, facts: Facts) -> bytes:
    """The facts of one event as a line of JSON. The only processor, because every request pays for it."""
    if not SECRET_NAMES.isdisjoint(facts):
        blacken(facts)
    if exception := facts.pop("exc_info", None):
        facts["exception"] = format_exception(exception)
    line = {"timestamp": now(), "level": level, "event": facts.pop("event", None), **facts}
    return without_secrets(encoder.encode(line)) + b"\n"


def console_line(*, colors: bool) -> structlog.typing.Processor:
    """A processor that writes for people. It never shows local variables, which may hold secrets."""
    render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)

    def line(logger: object, level: str, facts: Facts) -> bytes:
        blacken(facts)
        facts["level"] = level
        facts["timestamp"] = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
        return without_secrets(render(logger, level, facts).encode()) + b"\n"

    return line


def blacken(facts: Facts) -> None:
    """Replace the values of names that stand for secrets."""
    for name in SECRET_NAMES.intersection(facts):
        facts[name] = BLACKENED


def without_secrets(line: bytes) -> bytes:
    """The line with our own secrets and tokens blackened wherever they stand."""
    return SECRET.sub(rb"\1" + BLACKENED.encode(), line) if SECRET_SHAPE.search(line) else line


class _Clock:
    """The time in UTC with milliseconds; the second is written out once and kept."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(self) -> str:
        moment = time.time()
        second = int(moment)
        if second != self._second:
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._text}.{int((moment - second) * 1000):03d}Z"


now = _Clock()


def format_exception(exception: object) -> str:
    """A traceback as text, from what `exc_info` may be: an exception, a triple, or True for the one being handled."""
    if isinstance(exception, tuple):
        exception = exception[1]
    if not isinstance(exception, BaseException):
        exception = sys.exception()
    return "".join(traceback.format_exception(exception)) if isinstance(exception, BaseException) else ""


class ToStructlog(logging.Handler):
    """Passes records of `logging` on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as an event of the logger's name."""
        log = structlog.get_logger()
        facts = {"exc_info": record.exc_info} if record.exc_info else {}
        log.log(record.levelno, record.getMessage(), logger=record.name, **facts)


def route_standard_logging(level: int) -> None:
    """Send what libraries log through us, from warnings up: what they tell at lower levels is ours to say.

    uvicorn must be started without a `log_config`, or it installs its own handlers.
    """
    root = logging.getLogger()
    root.handlers = [ToStructlog()]
    root.setLevel(max(level, logging.WARNING) if level > logging.DEBUG else logging.INFO)
    # It tells every URL that it asks, and those of webhooks may have a secret in them.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
