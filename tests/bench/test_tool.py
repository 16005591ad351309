"""The parts of the benchmark: its command line, what it finds out about a machine, the load generators it runs."""

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.bench import k6, options, processes, rivals, wrk
from tests.bench.figures import Sample
from tests.bench.manifest import manifest, value_of
from tests.bench.measuring import bearable, refuse_failures
from tests.bench.scenarios import Course, Scenario, course_of
from tests.bench.servers import oidc_provider, store_of
from tests.bench.tools import Tool
from tests.bench.visitor import Visitor, visit

OFFER = {
    "registration_endpoint": "https://cds.example/register",
    "token_endpoint": "https://cds.example/token",
    "cds_clients_api": "https://cds.example/clients",
    "cds_credentials_api": "https://cds.example/credentials",
    "cds_messages_api": "https://cds.example/messages",
    "cds_grants_api": "https://cds.example/grants",
    "cds_scope_descriptions": {
        name: {"grant_types_supported": grants, "registration_requirements": fields, "registration_optional": []}
        for name, grants, fields in (
            ("cds_client_admin", ["client_credentials"], []),
            ("usage", ["authorization_code"], []),
            ("prices", ["client_credentials"], ["company"]),
            ("outages", ["client_credentials"], []),
        )
    },
    "cds_registration_fields": {
        "company": {"id": "company", "type": "registration_field", "field_name": "cds_company", "format": "string"}
    },
}

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_server_elsewhere_is_measured_gently_unless_told_otherwise():
    found = options.read(["--url", "https://cds.example"])

    assert (found.rate, found.connections, found.writes, found.closed) == (20, 16, False, False)


def test_a_quick_run_has_short_rounds_unless_told_otherwise():
    found = options.read(["--quick", "--rounds", "3"])

    assert (found.seconds, found.rounds, found.open_rounds) == (1, 3, 1)


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_nobody_measures_for_no_time(number, capsys):
    with pytest.raises(SystemExit):
        options.read(["--seconds", number])

    assert "--seconds" in capsys.readouterr().err


def test_a_program_that_is_missing_is_a_sentence():
    with pytest.raises(SystemExit, match=r"no-such-program is needed for this: ask your vendor\."):
        Tool("no-such-program", "ask your vendor", ("no-such-program",)).require()


def test_a_program_beside_python_is_found(monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert Tool("pytest", "", ("pytest", "--version")).version()


def test_the_manifest_names_commit_machine_and_versions():
    began = datetime(2026, 6, 1, 12, tzinfo=UTC)
    about = manifest({"seconds": 3}, now=began, topology="one Valkey", settings={"CDS_LOG_FORMAT": "json"})

    assert about["began"] == "2026-06-01T12:00:00+00:00"
    assert about["machine"]["cores"]
    assert about["versions"]["valkey"].startswith("Valkey")
    assert {"commit", "dirty", "store", "settings", "options"} <= set(about)
    json.dumps(about)


def test_what_the_kernel_does_not_say_is_empty(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 2: the sequel\n")

    assert value_of(tmp_path / "cpuinfo", "model name") == "Abacus 2: the sequel"
    assert value_of(tmp_path / "cpuinfo", "model") == ""
    assert value_of(tmp_path / "meminfo", "MemTotal") == ""


@linux
def test_the_processor_time_of_a_process_is_what_it_says_itself():
    own = time.process_time()
    before = processes.cpu_seconds(os.getpid())
    sum(range(300_000))
    spent = processes.cpu_seconds(os.getpid()) - before

    assert 0 < spent <= time.process_time() - own


@linux
def test_a_family_has_children_and_their_roles():
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            family = processes.family_of(os.getpid())
            watched = processes.Watched.service(child.pid)
            processes.pin(child.pid, [min(os.sched_getaffinity(0))])

            assert child.pid in family
            assert not processes.is_store(child.pid)
            assert watched.roles["worker"] == (child.pid,)
            assert watched.resident()["worker"][0] > 0
            assert len(os.sched_getaffinity(child.pid)) == 1
        finally:
            child.kill()


@linux
@pytest.mark.parametrize("topology", ["embedded", "standalone"])
def test_a_store_is_known_by_its_processes(tmp_path, topology):
    with store_of(topology, tmp_path) as store:
        assert len(store.pids) == 1
        assert processes.stores_of(store.pids[0]) == list(store.pids)
        assert "CDS_STORE_URL" in store.settings


@linux
def test_a_port_that_nobody_serves_has_no_process():
    with pytest.raises(LookupError, match="no server on port 1"):
        processes.server_at(1)


def test_what_wrk_says_at_its_end_is_read():
    output = (
        'Running 1s test\nRESULT {"requests":500,"duration_us":2000000,"p50_us":1500,"p95_us":4000,'
        '"p99_us":9000,"failed":1,"limited":2,"broken":3}\n'
    )
    sample = wrk.read(output)

    assert sample == Sample(2.0, 500, 1.5, 4.0, 9.0, failed=1, limited=2, broken=3)
    assert sample.rate == 250
    assert sample.errors == 6


def test_wrk_without_an_end_is_a_sentence():
    with pytest.raises(SystemExit, match="unable to connect"):
        wrk.read("", "unable to connect to 127.0.0.1")


def test_what_k6_knows_at_its_end_is_read_by_run():
    plan = k6.Plan(
        ((course_of(Scenario("first", "http://a/")), 10), (course_of(Scenario("second", "http://b/")), 20)), 3
    )
    metrics = {
        "answered{scenario:run1}": {"values": {"count": 57}},
        "limited{scenario:run1}": {"values": {"count": 5}},
        "dropped_iterations{scenario:run1}": {"values": {"count": 3}},
        "http_req_duration{scenario:run1}": {"values": {"p(50)": 1.5, "p(95)": 4, "p(99)": 9}},
    }
    samples = k6.read("a remark of k6\n" + json.dumps(metrics), plan)

    assert samples["second"] == Sample(3, 57, 1.5, 4.0, 9.0, limited=5, dropped=3)
    assert samples["first"].requests == 0


def test_runs_of_k6_come_one_after_the_other():
    first, second = (course_of(Scenario(name, "http://a/")) for name in ("first", "second"))
    runs = k6.Plan(((first, 10), (second, 2000)), seconds=3).document()["runs"]

    assert [(run["start_seconds"], run["rate"], run["users"]) for run in runs] == [(0, 10, 10), (4, 2000, 400)]


def test_an_open_model_asks_for_half_of_what_the_server_takes():
    def at(rate: float) -> Sample:
        return Sample(1.0, int(rate), 1.0, 1.0, 1.0)

    assert bearable([at(300), at(200)]) == 100
    assert bearable([at(50_000)]) == 1000
    assert bearable([at(1)]) == 5
    assert bearable([]) == 1000


def test_figures_of_failures_are_refused():
    with pytest.raises(SystemExit, match="token"):
        refuse_failures("token", Sample(1.0, 10, 1.0, 1.0, 1.0, failed=1))


@contextlib.asynccontextmanager
async def moody_server() -> AsyncIterator[str]:
    """Answers 200, 429 and 500 in turns; the value is its URL."""
    moods = itertools.cycle((b"200 OK", b"429 Too Many Requests", b"500 Internal Server Error"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                mood = next(moods) if b"\r\nhost: 127.0.0.1:" in head.lower() else b"400 Bad Request"
                writer.write(b"HTTP/1.1 " + mood + b"\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def mix_of(url: str) -> Course:
    return Course("mixed", (Scenario("one", f"{url}/one", share=2), Scenario("two", f'{url}/two?three="4"', share=1)))


@pytest.mark.skipif(not wrk.WRK.find(), reason="needs wrk")
async def test_wrk_tells_rate_limits_from_failures(tmp_path):
    async with moody_server() as url:
        for course in (course_of(Scenario("one", f"{url}/one", headers={"X-Note": "a\\b"})), mix_of(url)):
            sample = await asyncio.to_thread(wrk.run, course, 1, 2, tmp_path, count_limited=True)

            assert sample.requests >= 3
            assert abs(sample.limited - sample.requests / 3) <= 4
            assert abs(sample.failed - sample.requests / 3) <= 4


@pytest.mark.skipif(not k6.K6.find(), reason="needs k6")
async def test_k6_tells_rate_limits_from_failures(tmp_path):
    async with moody_server() as url:
        course = mix_of(url)
        samples = await asyncio.to_thread(k6.run, k6.Plan(((course, 30),), 1), tmp_path)

    sample = samples[course.name]
    assert 0 < sample.requests + sample.dropped <= 31
    assert abs(sample.limited - sample.requests / 3) <= 1
    assert abs(sample.failed - sample.requests / 3) <= 1
    assert not sample.broken


def test_oidc_provider_does_what_it_is_compared_for(tmp_path):
    with oidc_provider(tmp_path) as running, httpx.Client(trust_env=False) as http:
        answers = {
            one.name: http.request(one.method, one.url, headers=one.headers, content=one.body)
            for one in rivals.oidc_provider(running.url)
        }

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "oidc-provider token": 200,
        "oidc-provider registration": 201,
        "oidc-provider introspection": 200,
    }
    assert answers["oidc-provider introspection"].json()["active"]


def test_a_visitor_registers_with_what_the_scopes_ask_for():
    with httpx.Client() as http:
        visitor = Visitor(http, "https://cds.example", OFFER)

        assert visitor.many(10) == ["cds_client_admin", "outages", "prices"]
        assert visitor.registration(["cds_client_admin", "prices"], {"cds_company": "Meadow"}) == {
            "client_name": "Load test, please ignore",
            "scope": "cds_client_admin prices",
            "cds_company": "Meadow",
        }


def test_a_visitor_is_patient_where_rate_limits_are_on():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) < 3:
            return httpx.Response(429, headers={"Retry-After": "0"})
        return httpx.Response(200, headers={"ETag": '"1"'})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        assert Visitor(http, "https://cds.example", OFFER).etag("https://cds.example/document") == '"1"'

    assert len(asked) == 3


def test_what_is_no_cds_server_is_a_sentence():
    with pytest.raises(SystemExit, match="does not look like a CDS server"), visit("http://127.0.0.1:1"):
        pass
