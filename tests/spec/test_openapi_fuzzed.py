"""schemathesis reads /openapi.json and holds a live server to it, with whatever it can think of.

The runs here are short and always the same. For longer ones, and others:

    CDS_TEST_SEED=11 CDS_TEST_EXAMPLES=50 pytest tests/spec/test_openapi_fuzzed.py
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import REQUIRED_FIELDS
from tests.live_server import REPOSITORY, live_server

CONFIGURATION = REPOSITORY / "tests" / "schemathesis" / "schemathesis.toml"
SCOPE = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
KEY = "cdsop_" + "k" * 43
SEED = os.environ.get("CDS_TEST_SEED", "7")
EXAMPLES = os.environ.get("CDS_TEST_EXAMPLES", "1")
IS_LONG = "CDS_TEST_EXAMPLES" in os.environ
CLIENTS = r"^/(oauth|cds-api|\.well-known)"
SECONDS = 3600
AUTHENTICATION = """
[auth.openapi.clientToken]
bearer = "{token}"

[auth.openapi.operatorKey]
bearer = "{key}"

[auth.openapi.clientBasic]
username = "{client_id}"
password = "{client_secret}"
"""


@dataclass
class Target:
    """A live server with two registrations, and what opens it."""

    url: str
    authentication: str
    kept: str
    """Ids of what the run must not end, because its token hangs on it."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The demo utility on its own."""
    settings = {"CDS_OPERATOR_BOOTSTRAP_KEY": KEY, "CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:"}
    with (
        live_server(tmp_path_factory.mktemp("described"), **settings) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        registered, _ = (
            http.post("/oauth/register", json={"scope": SCOPE, **REQUIRED_FIELDS}).json() for _ in range(2)
        )
        client_id, client_secret = registered["client_id"], registered["client_secret"]
        form = {"grant_type": "client_credentials"}
        token = http.post("/oauth/token", data=form, auth=(client_id, client_secret)).json()["access_token"]
        kept = [client_id]
        for name, member in (("credentials", "credential_id"), ("grants", "grant_id")):
            answer = http.get(
                f"/cds-api/v1/{name}",
                params={"client_ids": client_id},
                headers={"Authorization": f"Bearer {token}"},
            )
            kept += [one[member] for one in answer.json()[name]]
        authentication = AUTHENTICATION.format(token=token, key=KEY, client_id=client_id, client_secret=client_secret)
        yield Target(url, authentication, " ".join(kept))


def run(target: Target, directory: Path, *arguments: str, authentication: str = "") -> None:
    """Run schemathesis with all of its checks; what it finds is in the failure."""
    configuration = directory / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.read_text() + authentication)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
    ended = subprocess.run(
        [*command, f"{target.url}/openapi.json", "--no-color", "--seed", SEED, "--max-examples", EXAMPLES, *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "CDS_TEST_KEEP": target.kept},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Selected: " in ended.stdout


def test_who_does_not_authenticate_gets_the_answers_that_are_described(target: Target, tmp_path: Path) -> None:
    run(target, tmp_path, "--phases", "examples,fuzzing" if IS_LONG else "examples")


def test_clients_and_operators_get_the_answers_that_are_described(target: Target, tmp_path: Path) -> None:
    run(target, tmp_path, "--phases", "examples", authentication=target.authentication)


def test_so_do_those_who_send_whatever_comes_to_mind(target: Target, tmp_path: Path) -> None:
    """Operators only in longer runs: half of all operations are theirs."""
    paths = () if IS_LONG else ("--include-path-regex", CLIENTS)
    run(target, tmp_path, "--phases", "fuzzing", *paths, authentication=target.authentication)


def test_so_do_those_who_go_on_with_what_they_got(target: Target, tmp_path: Path) -> None:
    """Stateful: links from answers to the next requests."""
    run(target, tmp_path, "--phases", "stateful", authentication=target.authentication)
