"""`cds-server operator`, beside a running server."""

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


def operator(*arguments: str) -> Result:
    """Run the command where the server of the test keeps its store."""
    return CliRunner().invoke(main, ["operator", *arguments])


def ask(url: str, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{url}/oauth/introspect", data={"token": "x"}, headers=headers, trust_env=False)


def test_a_key_works_at_once_on_a_running_server_and_no_more_when_it_is_revoked(tmp_path):
    with live_server(tmp_path) as url:
        added, unused = (operator("add", name, "--role", "introspector") for name in ("data-api", "other"))
        again = operator("add", "data-api", "--role", "admin")
        listed = operator("list")
        revoked, missing = operator("revoke", "other"), operator("revoke", "other")
        answers = [ask(url, one.stdout.removesuffix("\n")) for one in (added, unused)]
        log = (tmp_path / "server.log").read_text()

    assert added.exit_code == 0
    assert re.fullmatch(r"cdsop_[A-Za-z0-9_-]{43}\n", added.stdout)
    assert added.stderr == "This is the key of operator data-api, role introspector. It is not shown again.\n"
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.startswith("There is an operator data-api already")
    lines = listed.stdout.splitlines()
    assert [re.sub(r"\d{4}-\d\d-\d\d$", "", line) for line in lines] == [
        "data-api  introspector  ",
        "other     introspector  ",
    ]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[0].json() == {"active": False}
    assert (revoked.exit_code, missing.exit_code) == (0, 1)
    assert missing.output == "There is no operator other.\n"
    assert '"operator":"data-api"' in log
    assert added.stdout[:-1] not in log


def test_what_cannot_be_is_told_in_a_sentence_and_nothing_is_made(tmp_path):
    nowhere, name, role = (
        CliRunner().invoke(main, ["operator", "add", *arguments])
        for arguments in (["anna", "--role", "admin"], ["an na", "--role", "admin"], ["anna", "--role", "boss"])
    )

    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert "there is no store" in nowhere.stderr
    assert "NAME has to be" in name.stderr
    assert role.exit_code == 2
    assert list(tmp_path.iterdir()) == []
