"""`cds-server audit`, beside a running server."""

import json
import os
import re

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.live_server import live_server


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    """Commands start in an empty directory, without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    """Run a command where the server of the test keeps its store."""
    return CliRunner().invoke(main, [*arguments])


def test_the_log_is_checked_and_exported_while_a_server_runs(tmp_path):
    with live_server(tmp_path) as url:
        empty = run("audit")
        key = run("operator", "add", "root", "--role", "admin").stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}
        path = f"{url}/operator/api/v1/operators"
        made = httpx.post(path, json={"name": "anna", "role": "viewer"}, headers=headers, trust_env=False)
        run("operator", "revoke", "anna")
        checked = run("audit", "--export", "log.jsonl")
        printed = run("audit", "--export", "-")
        note = re.search(r"\d+:[0-9a-f]{64}", checked.stderr)[0]
        known, other = run("audit", "--known", note), run("audit", "--known", f"2:{'0' * 64}")
        nonsense, nowhere = run("audit", "--known", "x"), run("audit", "--export", "no/such/folder")

    assert (empty.exit_code, empty.output) == (0, "The audit log is empty.\n")
    assert (made.status_code, checked.exit_code, checked.stdout) == (201, 0, "")
    assert checked.stderr.startswith("The audit log has 3 records, each as it was written.")
    log = (tmp_path / "log.jsonl").read_text()
    records = [json.loads(line) for line in log.splitlines()]
    assert [(one["action"], one["actor"]["via"]) for one in records] == [
        ("operators.add", "cli"),
        ("operators.add", "api"),
        ("operators.revoke", "cli"),
    ]
    assert (tmp_path / "log.jsonl").stat().st_mode & 0o777 == 0o600
    assert printed.stdout == log
    assert key not in log
    assert (known.exit_code, other.exit_code) == (0, 1)
    assert "Record 2: its hash is not the one that is known from elsewhere." in other.stderr
    assert (nonsense.exit_code, nowhere.exit_code) == (1, 1)
    assert "--known has to be" in nonsense.stderr
    assert "no/such/folder cannot be written" in nowhere.stderr


def test_without_a_store_there_is_nothing_to_check(tmp_path):
    nowhere = run("audit")

    assert nowhere.exit_code == 1
    assert "there is no store" in nowhere.stderr
