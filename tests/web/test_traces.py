"""Trace ids in the log, and spans for those who want them."""

import asyncio
import builtins
import io
import json

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.catalog import load_catalog
from app.main import Parts, Service
from app.settings import Settings
from app.web.traces import OtelTraces, open_traces, trace_id_of
from tests.conftest import Server
from tests.stores import spare_store

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def lines(log: io.BytesIO, event: str = "request") -> list[dict[str, object]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == event]


async def test_the_trace_of_the_caller_is_in_the_log_line_of_the_request(json_log, server):
    await server.http.get("/livez", headers={"traceparent": TRACEPARENT})
    await server.http.get("/livez")
    await asyncio.sleep(0)  # lines are written together at the end of a turn

    first, second = lines(json_log)
    assert first["trace_id"] == TRACE
    assert "trace_id" not in second


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_a_malformed_traceparent_names_no_trace(header):
    assert trace_id_of(header.encode()) == ""


def test_a_traceparent_of_a_later_version_names_its_trace():
    assert trace_id_of(f"01-{TRACE}-{PARENT}-01-more".encode()) == TRACE


@pytest.fixture
async def traced(clock, json_log):
    """A server that makes spans, and where they are."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings = Settings.from_environment(
        {"CDS_PUBLIC_URL": "https://utility.example", "CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:"}
    )
    store = await spare_store()
    parts = Parts(now=clock, clock=clock.monotonic, store=store, traces=OtelTraces(provider))
    service = Service(settings, load_catalog(None), parts)
    await service.start()
    import httpx  # noqa: PLC0415 -- only here

    transport = httpx.ASGITransport(app=service, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as http:
        yield Server(service, http, clock), exporter
    await service.stop()
    await store.close()


async def test_a_request_is_a_span_below_that_of_its_caller_and_has_one_for_each_question_to_the_store(
    traced, json_log
):
    server, exporter = traced
    registered = await server.register()
    await registered.get("/cds-api/v1/clients")
    exporter.clear()

    await registered.get(f"/cds-api/v1/clients/{registered.client_id}?q=private", headers={"traceparent": TRACEPARENT})
    await asyncio.sleep(0)

    asked, request = exporter.get_finished_spans()
    assert request.name == "GET /cds-api/v1/clients/{client_id}"
    assert request.kind is SpanKind.SERVER
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert dict(request.attributes) == {
        "http.request.method": "GET",
        "http.route": "/cds-api/v1/clients/{client_id}",
        "http.response.status_code": 200,
        "cds.registration_id": registered.registration_id,
        "cds.request_id": lines(json_log)[-1]["request_id"],
    }
    assert asked.kind is SpanKind.CLIENT
    assert asked.parent.span_id == request.context.span_id
    assert asked.name.startswith("store ")


async def test_without_a_caller_that_traces_the_log_names_the_trace_that_begins_here(traced, json_log):
    server, exporter = traced

    await server.http.get("/livez")
    await asyncio.sleep(0)

    (request,) = exporter.get_finished_spans()
    assert lines(json_log)[-1]["trace_id"] == f"{request.context.trace_id:032x}"


async def test_failures_of_ours_are_errors_and_those_of_callers_are_not(traced):
    server, exporter = traced
    await server.http.get("/nowhere")
    server.service.state["metrics"] = None  # whatever it is that breaks
    await server.http.get("/metrics")

    refused, failed = (span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER)
    assert refused.status.status_code is StatusCode.UNSET
    assert failed.status.status_code is StatusCode.ERROR
    assert not failed.events


async def test_background_jobs_make_no_spans(traced):
    server, exporter = traced

    await server.service.state["feed"].relay()

    assert not exporter.get_finished_spans()


def test_without_a_place_to_send_them_there_are_no_traces():
    assert open_traces({}) is None
    assert open_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None
    assert open_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}) is None
    assert open_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}) is None


async def test_with_a_place_to_send_them_there_are_traces(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")

    traces = open_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})

    assert traces
    await traces.close()


def test_without_the_extra_the_log_says_what_is_missing(monkeypatch, json_log):
    whole = builtins.__import__

    def without(name, *rest):
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)

    assert open_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) is None
    assert len(lines(json_log, "traces_unavailable")) == 1
