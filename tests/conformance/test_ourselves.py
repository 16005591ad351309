"""The suite against this very server, as a program of its own."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from app.conformance import Options, Status, load_clauses, run
from app.conformance.checks import load_checks
from app.conformance.command import conformance
from app.conformance.render import json_document
from app.conformance.unchecked import load_reasons
from tests.live_server import REPOSITORY, live_server

LEAST_PASSED = 300
"""How many clauses this server passes at least; the others need a person, a clock or somebody at the utility."""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with live_server(tmp_path_factory.mktemp("server")) as url:
        yield url


async def test_this_server_violates_nothing(url):
    report = await run(url)

    wrong = [
        (result.clause.id, result.reason)
        for result in report.results
        if result.status in {Status.FAILED, Status.WARNED}
    ]
    assert (report.problem, wrong, report.notes) == ("", [], ())
    assert report.count(Status.PASSED) >= LEAST_PASSED
    assert report.requests < 2_000
    assert len(report.left_behind) < 30


async def test_a_report_has_no_secret_and_no_file(url):
    def broken(session):
        raise AssertionError(session.subject.name)

    seen = []

    async def shows_everything(session):
        own = await session.registration()
        seen.append(own.client_secret)
        seen.append(await session.admin_token())
        await session.credentials(own.client_id)
        broken(session)

    check = next(iter(load_checks()))
    report = await run(url, checks=[type(check)(("WG1-02-4.2-03",), shows_everything)])

    written = json_document(report).decode()
    assert report.count(Status.FAILED) == 1
    assert len(seen) == 2
    assert not any(secret in written for secret in seen)


async def test_a_run_that_only_reads_registers_nothing(url):
    report = await run(url, Options(register=False))

    assert (report.problem, report.left_behind) == ("", ())
    assert report.count(Status.FAILED) == 0
    assert report.count(Status.PASSED) > 100


async def test_values_and_scopes_of_the_caller_are_registered(url):
    async def looks(session):
        own = await session.registration()
        assert own.scopes == ("cds_client_admin", "ple_customer_data")
        assert own.sent["cds_company_name"] == "Meadow"
        assert own.sent["cds_security_contact"] == "us@meadow.example"

    check = next(iter(load_checks()))
    options = Options(
        scopes=("ple_customer_data",), fields={"company_name": "Meadow", "cds_security_contact": "us@meadow.example"}
    )
    report = await run(url, options, checks=[type(check)(("WG1-02-4.2-03",), looks)])

    assert [result.reason for result in report.results if result.status is Status.FAILED] == []


def test_every_clause_is_checked_or_says_why_it_is_not():
    checked = {clause_id for one in load_checks() for clause_id in one.clause_ids}
    unexplained = [
        clause.id
        for clause in load_clauses().values()
        if clause.kind == "http" and clause.actor != "client" and clause.id not in checked | load_reasons().keys()
    ]

    assert unexplained == []
    assert sorted(load_reasons().keys() - load_clauses().keys()) == []
    assert sorted(load_reasons().keys() & checked) == []


def test_the_command_writes_every_report_and_exits_with_0(url, tmp_path):
    files = [f"--{kind}={tmp_path}/report.{kind}" for kind in ("json", "junit", "html")]

    ended = CliRunner().invoke(conformance, [url, "--only", "WG1-01", "--field", "cds_x=1", *files])

    assert ended.exit_code == 0, ended.output
    assert "Prairie & Lake Energy" in ended.output
    assert json.loads((tmp_path / "report.json").read_text())["counts"]["failed"] == 0
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "report.junit").read_text().startswith("<?xml")


def test_the_command_writes_to_standard_output_and_speaks_on_the_other_one(url):
    ended = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "conformance", url, "--section=3.1", "--json=-"],
        capture_output=True,
        check=False,
        cwd=REPOSITORY,
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["server"] == "Prairie & Lake Energy"
    assert b"together" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://127.0.0.1:1"], "no connection"),
        (["http://127.0.0.1:1", "--field", "nothing"], "is not of the form NAME=VALUE"),
        ([], "Missing argument 'URL'"),
    ],
)
def test_the_command_exits_with_2_when_it_cannot_run(arguments, told):
    ended = CliRunner().invoke(conformance, arguments)

    assert ended.exit_code == 2
    assert told in " ".join(ended.output.split())


def test_the_command_exits_with_2_when_a_report_has_no_place(url, tmp_path):
    ended = CliRunner().invoke(conformance, [url, "--section=3.1", "--json", f"{tmp_path}/none/report.json"])

    assert ended.exit_code == 2
    assert "No such file or directory" in ended.output


def pytest_on(url, directory, *arguments):
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "app.conformance.pytest_plugin", "-p", "no:cacheprovider",
            "-p", "no:asyncio", f"--cds-server={url}", "-rA", *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTEST_ADDOPTS": ""},
    )  # fmt: skip


def test_the_pytest_plugin_has_a_test_for_each_clause(url, tmp_path):
    (tmp_path / "test_of_theirs.py").write_text("def test_theirs(): pass\n")

    ended = pytest_on(url, tmp_path, "-k", "WG1-01-3.2")

    assert ended.returncode == 0, ended.stdout
    assert "PASSED cds::WG1-01-3.2-01" in ended.stdout
    assert "the server lists no related_metadata" in ended.stdout
    assert "test_theirs" not in ended.stdout
    assert "8 passed, 1 skipped" in ended.stdout


def test_the_pytest_plugin_comes_after_the_tests_of_a_path_and_tells_why_it_could_not_run(tmp_path):
    (tmp_path / "test_of_theirs.py").write_text("def test_theirs(): pass\n")

    ended = pytest_on("http://127.0.0.1:1", tmp_path, "test_of_theirs.py", "-k", "theirs or WG1-01-2-01")

    assert ended.returncode == 1
    assert "1 failed, 1 passed" in ended.stdout
    assert "No CDS server was found at http://127.0.0.1:1" in ended.stdout
