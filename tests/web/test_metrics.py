"""`/metrics`, as Prometheus reads it."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.domain.events import EVENT_TYPES
from app.domain.mails import Mail
from app.store import keys
from app.web import metrics
from tests.conftest import REQUIRED_FIELDS, Server
from tests.live_server import live_server
from tests.operators import operator_of
from tests.patience import SECONDS
from tests.ports import free_port
from tests.stores import start_valkey
from tests.worker.processes import settings_for, start_worker

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
FIRST_OF_TWO = 2

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: str) -> Samples:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """A sample; 0 when there is none."""
    return samples.get((name, frozenset(labels.items())), 0)


async def seen(server: Server) -> Samples:
    """All samples of a server."""
    answer = await server.http.get("/metrics")
    assert answer.status_code == 200
    return samples_of(answer.text)


async def test_what_is_told_is_what_the_table_names_with_its_types_and_labels(server):
    registered = await server.register()
    await registered.get("/cds-api/v1/clients")
    answer = await server.http.get("/metrics", headers=OPENMETRICS)

    families = {family.name: family for family in parse_openmetrics(answer.text)}

    told = {(name + "_total" if one.type == "counter" else name): one for name, one in families.items()}
    assert list(told) == [metric.name for metric in metrics.TABLE]
    for metric in metrics.TABLE:
        family = told[metric.name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), metric.name


async def test_requests_count_by_the_template_of_their_route(server):
    registered = await server.register()
    await registered.get(f"/cds-api/v1/clients/{registered.client_id}")
    await server.http.get(f"/cds-api/v1/clients/{registered.client_id}")
    await server.http.get("/nowhere")
    await server.http.request("PROPFIND", "/livez")

    samples = await seen(server)

    route = "/cds-api/v1/clients/{client_id}"
    assert value(samples, "cds_http_requests_total", route=route, method="GET", status="200") == 1
    assert value(samples, "cds_http_requests_total", route=route, method="GET", status="401") == 1
    assert value(samples, "cds_http_requests_total", route="unmatched", method="GET", status="404") == 1
    assert value(samples, "cds_http_requests_total", route="/livez", method="other", status="405") == 1
    assert value(samples, "cds_http_request_duration_seconds_count", route=route) == 2
    assert value(samples, "cds_http_request_duration_seconds_bucket", route=route, le="+Inf") == 2
    assert value(samples, "cds_http_requests_in_flight") == 1  # the one that asks


async def test_tokens_registrations_refusals_and_events_are_counted(make_server):
    server = await make_server(CDS_RATE_LIMIT_REGISTRATION="1/hour", CDS_WORKER="internal")
    registered = await server.register()
    await server.http.post("/oauth/register", json={})
    await server.token_response(registered.client_id, registered.client_secret)
    await server.token_response(registered.client_id, "cdscs_" + "x" * 43)
    await server.http.get("/cds-api/v1/clients", headers={"Authorization": "Bearer x"})
    await server.service.state["feed"].relay()

    samples = await seen(server)

    assert value(samples, "cds_registrations_total", channel="api") == 1
    assert value(samples, "cds_tokens_issued_total", grant_type="client_credentials") == 1
    assert value(samples, "cds_rate_limited_total", limit="registration") == 1
    assert value(samples, "cds_auth_failures_total", reason="invalid_client") == 1
    assert value(samples, "cds_auth_failures_total", reason="invalid_token") == 1
    assert value(samples, "cds_events_total", type="registration.created") == 1
    assert value(samples, "cds_events_total", type="client.created") == 1
    assert value(samples, "cds_store_round_trip_duration_seconds_count") > 0
    assert value(samples, "cds_store_commands_total") >= value(samples, "cds_store_round_trip_duration_seconds_count")
    assert any(name == "cds_job_steps_total" for name, _ in samples)


async def test_what_waits_in_the_store_is_told_with_its_age(server):
    now = server.clock.now
    await server.register()
    mail = Mail(id="m1", kind="verification_code", to="a@b.example", subject="s", text="t", created=now)
    await server.service.state["outbox"].put(mail)
    operator = await operator_of(server)
    hook = {"url": "https://hooks.example/x", "events": ["registration.created"]}
    assert (await operator.post("/webhooks", hook)).status_code == 201
    server.clock.advance(seconds=90)

    samples = await seen(server)

    assert value(samples, "cds_store_up") == 1
    assert value(samples, "cds_mails_waiting") == 1
    assert value(samples, "cds_mails_oldest_waiting_age_seconds") == 90
    assert value(samples, "cds_webhooks_active") == 1
    assert value(samples, "cds_webhook_deliveries_waiting") == 0
    assert value(samples, "cds_feed_backlog_entries") >= 2
    assert 0 < value(samples, "cds_feed_backlog_oldest_age_seconds") < 60  # by the clock of the store


async def test_deliveries_that_wait_or_are_dead_are_told(server):
    state = server.service.state
    operator = await operator_of(server)
    hook = {"url": "https://hooks.example/x", "events": ["registration.created"]}
    created = await operator.post("/webhooks", hook)
    webhook_id = created.json()["webhook_id"]
    redis = server.connection._client  # noqa: SLF001 -- what a failed delivery leaves behind, without a day of retries
    second = int(server.clock.now.timestamp())
    lists = f"{keys.DELIVERIES}:list:{webhook_id}"
    await redis.zadd(f"{lists}:waiting", {"a": (second - 30) * 1_000_000 + 7, "b": second * 1_000_000})
    await redis.zadd(f"{lists}:dead", {"c": second * 1_000_000})

    depths = await state["depths"].measure(server.clock.now)

    assert depths.deliveries == (2, 30)
    assert depths.deliveries_dead == 1


async def test_followers_of_the_feed_are_told_by_name(server):
    await server.register()
    feed = server.service.state["feed"]
    await feed.relay()
    await feed.take("webhooks", "consumer", limit=1)

    samples = await seen(server)

    assert value(samples, "cds_feed_backlog_entries") == 0
    assert value(samples, "cds_feed_lag_events", follower="webhooks") > 0


async def test_no_label_has_anything_of_a_registration_or_a_person(server):
    registered = await server.register(client_name="Meadow", **REQUIRED_FIELDS)
    client = (await registered.clients())["cds_client_admin"]
    for path in (client["cds_client_uri"], f"/cds-api/v1/{registered.client_id}", f"/{registered.client_secret}"):
        await registered.get(path)
    await registered.call(registered.client_id.replace("-", ""), "/livez")
    await server.http.post("/oauth/token", data={"grant_type": "mine"}, auth=(registered.client_id, "x"))

    told = (await server.http.get("/metrics")).text

    for secret in (registered.registration_id, registered.client_id, registered.client_secret, "Meadow", "mine"):
        assert secret not in told
    known = {
        "route": {"unmatched", *(route.path for route in server.service._edge.table.routes)},  # noqa: SLF001
        "method": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"},
        "type": {*EVENT_TYPES, "other"},
    }
    for _, labels in samples_of(told):
        for name, text in labels:
            assert text in known.get(name, {text})
            assert name != "status" or re.fullmatch(r"[1-5]\d\d", text)


async def test_a_store_that_is_down_does_not_keep_the_rest_from_being_told(make_server):
    valkey = start_valkey()
    from app.store.connect import connect  # noqa: PLC0415 -- only this test breaks its store

    store = await connect(valkey.url)
    server = await make_server(store=store)
    valkey.kill(0)
    await server.http.post("/oauth/register", json={"scope": "cds_client_admin"})
    started = time.monotonic()

    samples = await seen(server)

    assert time.monotonic() - started < 5
    assert value(samples, "cds_store_up") == 0
    assert value(samples, "cds_store_errors_total", reason="unavailable") > 0
    assert value(samples, "cds_http_requests_total", route="/oauth/register", method="POST", status="503") == 1
    assert "cds_mails_waiting" not in {name for name, _ in samples}
    await store.close()
    valkey.stop()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_who_comes_through_a_proxy_finds_nothing(server, header):
    answer = await server.http.get("/metrics", headers={header: "for=1.2.3.4"})

    assert answer.status_code == 404


async def test_proxies_that_are_trusted_with_it_may_pass_it_on(make_server):
    server = await make_server(CDS_METRICS="proxied")

    assert (await server.http.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"})).status_code == 200


async def test_without_metrics_there_is_no_such_address(make_server):
    server = await make_server(CDS_METRICS="off")

    assert (await server.http.get("/metrics")).status_code == 404


def asked(url: str) -> Samples:
    """All samples at a URL, over a connection of its own."""
    return samples_of(httpx.get(f"{url}/metrics", trust_env=False).text)


def wait_for(holds: Callable[[], object]) -> None:
    """Return when it holds: a request counts as ended a moment after its answer has been read."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def pids(url: str, count: int) -> dict[str, int]:
    """The processes of a server, by their number in the metrics, once there are so many."""
    deadline = time.monotonic() + SECONDS
    while True:
        there = [labels for name, labels in asked(url) if name == "process_resident_memory_bytes"]
        if len(there) == count:
            return {dict(labels)["worker"]: 0 for labels in there}
        assert time.monotonic() < deadline, there
        time.sleep(0.1)


def children(port: str) -> list[int]:
    """The processes that serve at a port: those with our command whose parent has it too."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and "spawn_main" in (entry / "cmdline").read_text():
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if port in (Path("/proc") / parent / "cmdline").read_text().split("\0"):
                    found.append(int(entry.name))
    return found


def livez(url: str, number: int) -> None:
    """That many requests, each over a connection of its own, so that all processes get some."""
    for _ in range(number):
        assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200


def counted(url: str) -> float:
    """Requests to /livez as any process tells it."""
    return value(asked(url), "cds_http_requests_total", route="/livez", method="GET", status="200")


def test_several_processes_add_up_and_lose_nothing_when_one_is_killed(tmp_path):
    with live_server(tmp_path, CDS_WORKERS="2") as url:
        pids(url, 2)
        livez(url, 40)
        wait_for(lambda: counted(url) == 40)
        assert {counted(url) for _ in range(10)} == {40}

        victim, *_ = children(url.rpartition(":")[2])
        os.kill(victim, signal.SIGKILL)
        port = url.rpartition(":")[2]
        wait_for(lambda: victim not in children(port) and len(children(port)) == FIRST_OF_TWO)
        pids(url, 2)
        livez(url, 20)

        wait_for(lambda: counted(url) == 60)
        assert {counted(url) for _ in range(10)} == {60}
        wait_for(lambda: value(asked(url), "cds_http_requests_in_flight") == 1)


def test_a_worker_answers_probes_and_tells_its_metrics(tmp_path):
    valkey = start_valkey()
    port = free_port()
    process = start_worker(tmp_path, "--port", str(port), **settings_for(tmp_path, valkey.url))
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: value(asked(url), "cds_job_steps_total", task="relay", outcome="idle"))

    assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200
    assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    assert httpx.get(f"{url}/cds-api/v1/clients", trust_env=False).status_code == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    valkey.stop()
