"""Traces: the id of a caller's trace for the log, and spans of our own for those who collect them with OpenTelemetry.

Spans are made when the extra `otel` is installed and the environment says where to send them, in the names that
OpenTelemetry has for that (`OTEL_EXPORTER_OTLP_ENDPOINT` and others). A span says which route was asked and of which
registration, and nothing else that a caller has sent: no address, no path, no query, no header.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from starlette.types import Scope

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from app.web.state import Facts

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE_NAME: Final = "cds-server"
FLUSH_SECONDS: Final = 5.0
"""How long the end of the process waits for a collector."""

_SERVER_ERROR: Final = 500
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def trace_id_of(traceparent: bytes) -> str:
    """The trace that a header names (W3C Trace Context 3.2), "" when it is malformed."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return str(match[1], "ascii") if match else ""


class Traces(Protocol):
    """Makes spans."""

    def request(self, scope: Scope, facts: "Facts") -> AbstractContextManager[None]:
        """The span of a request, from its beginning to its end; puts its trace into the facts."""

    def store(self, name: str) -> AbstractContextManager[object]:
        """The time for which a request waits for a script or command of the store."""

    async def close(self) -> None:
        """Send what is there and no more."""


def open_traces(environ: Mapping[str, str]) -> Traces | None:
    """What makes spans, when somebody wants them.

    Args:
        environ: Where OpenTelemetry's variables are, which its own library reads from there too.
    """
    disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp" or not any(map(environ.get, ENDPOINTS)):
        return None
    try:
        # An extra; and half a second that only those should spend who want it.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        structlog.get_logger("app.web.traces").warning(
            "traces_unavailable", detail="OTEL_* asks for traces; install cds-registration-server[otel] to have them."
        )
        return None
    resource = Resource.create({} if environ.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE_NAME})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTraces(provider)


class OtelTraces:
    """With the SDK of OpenTelemetry.

    Args:
        provider: Knows where spans go and which of them are kept.
    """

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry import trace  # noqa: PLC0415 -- as above
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._trace: Any = trace
        self._provider = provider
        self._tracer = provider.get_tracer("app", _version())
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: Scope, facts: "Facts") -> Iterator[None]:
        """See `Traces.request`."""
        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate"}
        }
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method,
            context=self._propagator.extract(carrier),
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method, "cds.request_id": facts.request_id},
        ) as span:
            facts.trace_id = self._trace.format_trace_id(span.get_span_context().trace_id)
            try:
                yield
            finally:
                self._finish(span, method, facts)

    def store(self, name: str) -> AbstractContextManager[object]:
        """See `Traces.store`. What nobody has asked for, such as the steps of background jobs, gets no span."""
        if not self._trace.get_current_span().is_recording():
            return _NOTHING
        span: AbstractContextManager[object] = self._tracer.start_as_current_span(
            f"store {name}",
            kind=self._trace.SpanKind.CLIENT,
            attributes={"db.system.name": "redis", "db.operation.name": name},
            record_exception=False,  # its text may have keys in it
            set_status_on_exception=False,
        )
        return span

    async def close(self) -> None:
        """See `Traces.close`."""
        with suppress(TimeoutError):  # a thread cannot be broken off, but it does not keep the process either
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), FLUSH_SECONDS)

    def _finish(self, span: Any, method: str, facts: "Facts") -> None:  # noqa: ANN401 -- of the extra
        if facts.route:
            span.update_name(f"{method} {facts.route}")
            span.set_attribute("http.route", facts.route)
        if facts.registration_id:
            span.set_attribute("cds.registration_id", facts.registration_id)
        span.set_attribute("http.response.status_code", facts.status)
        if facts.status >= _SERVER_ERROR:
            span.set_status(self._trace.StatusCode.ERROR)


class _Nothing:
    """A context that does nothing, however often and however deep."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_NOTHING: Final = _Nothing()


def _version() -> str:
    try:
        return version("cds-registration-server")
    except PackageNotFoundError:  # run from a directory, not installed
        return "unknown"
