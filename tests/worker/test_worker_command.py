"""`cds-server worker`, as operators run it."""

import os
import signal

import pytest
import structlog
from click.testing import CliRunner

from app.cli import main
from tests.live_server import live_server
from tests.stores import shared
from tests.worker.processes import SECONDS, settings_for, start_worker


def test_it_works_until_it_is_told_to_end_and_succeeds(tmp_path):
    process = start_worker(tmp_path, **settings_for(tmp_path, shared("valkey").url))

    process.send_signal(signal.SIGTERM)

    assert process.wait(SECONDS) == 0
    assert b'"worked"' in (tmp_path / "worker.log").read_bytes()


def test_it_works_beside_a_server_on_the_embedded_store_and_leaves_it_alone(tmp_path):
    with live_server(tmp_path, CDS_WORKER="external") as url:
        process = start_worker(tmp_path, CDS_PUBLIC_URL=url)
        process.send_signal(signal.SIGINT)

        assert process.wait(SECONDS) == 0


def test_it_refuses_a_store_that_it_could_not_see(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDS_STORE_URL", "memory:")

    answer = CliRunner().invoke(main, ["worker"])
    structlog.reset_defaults()

    assert answer.exit_code == 1
    assert answer.stderr.startswith("cds-server: CDS_STORE_URL is memory:, which no other process can see")


@pytest.mark.parametrize("where", ["internal", "external"])
async def test_a_server_runs_the_jobs_itself_unless_it_is_told_not_to(make_server, where):
    server = await make_server(CDS_WORKER=where)

    assert (server.service._runtime is not None) is (where == "internal")  # noqa: SLF001 -- there is no other sign yet
