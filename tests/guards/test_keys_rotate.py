"""`cds-server keys rotate` beside a running server: no secret is unreadable for a moment, and old keys go."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from app.crypto.secret_keys import keys_document, new_key
from app.errors import ConfigurationError
from app.settings import Settings
from app.upkeep import Wishes, rotate
from tests.live_server import live_server
from tests.patience import SECONDS
from tests.stores import start_valkey

ROOT = Path(__file__).parents[2]
SETTLE_SECONDS = 1.0
"""A server that has looked at its keys stores what it seals within this time, also on a busy machine."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    """Commands start in an empty directory, without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Client:
    """A Client that registered with a running server, and knows all its secrets."""

    def __init__(self, url: str) -> None:
        self.url = url
        registered = httpx.post(f"{url}/oauth/register", json={"scope": "cds_client_admin"}).json()
        self.login = (registered["client_id"], registered["client_secret"])
        self.secrets = {registered["client_secret"]}
        self.headers = self.authorized()

    def authorized(self) -> dict[str, str]:
        token = httpx.post(f"{self.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=self.login).json()
        return {"Authorization": f"Bearer {token['access_token']}"}

    def add_secret(self) -> None:
        body = {"client_id": self.login[0]}
        answer = httpx.post(f"{self.url}/cds-api/v1/credentials", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        self.secrets.add(answer.json()["client_secret"])

    def read_secrets(self) -> set[str]:
        answer = httpx.get(f"{self.url}/cds-api/v1/credentials", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return {one["client_secret"] for one in answer.json()["credentials"]}


@contextmanager
def always_reading(client: Client) -> Iterator[list[object]]:
    """Somebody who reads all secrets again and again meanwhile; what came of it, each time."""
    ended, seen = threading.Event(), []

    def read() -> None:
        while not ended.is_set():
            try:
                seen.append(client.read_secrets() == client.secrets)
            except AssertionError as error:
                seen.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        ended.set()
        reader.join()


def kids(path: Path) -> list[str]:
    return [key["kid"] for key in json.loads(path.read_bytes())["keys"]]


async def rotated(settings: Settings, **wishes: object) -> tuple[bool, list[str]]:
    told: list[str] = []
    return await rotate(settings, Wishes(**{"settle_seconds": SETTLE_SECONDS, **wishes}), told.append), told


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_running_server_reads_every_secret_all_the_time_and_after_its_restart(tmp_path, workers):
    settings = Settings.from_environment({"CDS_STORE_URL": f"embedded:{tmp_path}/.data/store"})
    path = tmp_path / ".data" / "store" / "secret-keys.json"
    with live_server(tmp_path, CDS_WORKERS=workers) as url:
        client = Client(url)
        first = kids(path)
        with always_reading(client) as seen:
            for _ in range(3):
                assert (await rotated(settings))[0]
            assert len(kids(path)) == 4
            assert kids(path)[3:] == first
            succeeded, told = await rotated(settings, forget_old=True)
        client_2 = Client(url)
        client.add_secret()

    assert succeeded
    assert len(kids(path)) == 1
    assert first[0] in told[-1]
    assert seen.count(True) == len(seen) > 3
    with live_server(tmp_path) as url:
        client.url = client_2.url = url
        assert client.read_secrets() == client.secrets
        assert client_2.read_secrets() == client_2.secrets


async def test_what_is_created_during_a_rotation_is_readable_when_the_old_keys_are_gone(tmp_path):
    settings = Settings.from_environment({"CDS_STORE_URL": f"embedded:{tmp_path}/.data/store"})
    with live_server(tmp_path) as url:
        client = Client(url)
        ended = threading.Event()

        def create() -> None:
            while not ended.is_set():
                client.add_secret()

        creator = threading.Thread(target=create)
        creator.start()
        for _ in range(2):
            assert (await rotated(settings, forget_old=True))[0]
        ended.set()
        creator.join()
    with live_server(tmp_path) as url:
        client.url = url
        found = client.read_secrets()
    assert found <= client.secrets
    assert 3 < len(found) == min(len(client.secrets), 100)


async def test_an_interrupted_rotation_goes_on_with_its_own_key(tmp_path, monkeypatch):
    servers = start_valkey()
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([new_key()]))
    settings = Settings.from_environment({"CDS_STORE_URL": servers.url, "CDS_SECRET_KEYS": str(path)})

    async def interrupted(*_args: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr("app.upkeep.reseal", interrupted)
        with pytest.raises(InterruptedError):
            await rotated(settings)
    between = kids(path)
    _, told = await rotated(settings)
    assert kids(path) == between
    assert told[0] == f"Going on with key {between[0]}, whose rotation was interrupted."
    await rotated(settings)
    assert kids(path)[1:] == between
    servers.stop()


async def test_a_secret_that_cannot_be_opened_keeps_the_old_keys_and_fails(tmp_path):
    settings = Settings.from_environment({"CDS_STORE_URL": f"embedded:{tmp_path}/.data/store"})
    path = tmp_path / ".data" / "store" / "secret-keys.json"
    with live_server(tmp_path) as url:
        Client(url)
    path.write_bytes(keys_document([new_key()]))

    succeeded, told = await rotated(settings, forget_old=True)

    assert not succeeded
    assert "1 client secret" in told[-1]
    assert "cannot be opened" in told[-1]
    assert len(kids(path)) == 2


async def test_keys_in_the_setting_itself_are_explained_and_resealed_once_they_are_there(tmp_path):
    servers = start_valkey()
    old, new = new_key(), new_key()
    before, after = (
        Settings.from_environment({"CDS_STORE_URL": servers.url, "CDS_SECRET_KEYS": keys_document(keys).decode()})
        for keys in ([old], [new, old])
    )
    with pytest.raises(ConfigurationError, match="--no-new-key") as refusal:
        await rotated(before)
    assert str(old.as_dict(private=True)["k"]) not in str(refusal.value)

    succeeded, told = await rotated(after, new_key=False, forget_old=True)

    assert succeeded
    assert f"out of CDS_SECRET_KEYS: {old.kid}" in told[-1]
    servers.stop()


@pytest.mark.parametrize("store_url", ["memory:", "embedded:nowhere"])
async def test_where_there_is_no_store_none_is_made(tmp_path, store_url):
    settings = Settings.from_environment({"CDS_STORE_URL": store_url})

    with pytest.raises(ConfigurationError, match=r"nothing to look after|there is no store"):
        await rotated(replace(settings))
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_how_it_went_and_shows_no_key(tmp_path):
    with live_server(tmp_path) as url:
        Client(url)
        done = subprocess.run(
            [sys.executable, "-c", "from app.cli import main; main()", "keys", "rotate"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    path = tmp_path / ".data" / "store" / "secret-keys.json"
    first = kids(path)[0]
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"Key {first} is the first in .data/store/secret-keys.json now; running servers notice by themselves.",
        f"1 registration with 1 client secret looked at, 1 sealed again with key {first}.",
    ]
    assert not any(key["k"] in done.stdout + done.stderr for key in json.loads(path.read_bytes())["keys"])


def test_what_keeps_the_command_from_beginning_is_told_in_a_sentence_and_exits_with_1(monkeypatch):
    monkeypatch.setenv("CDS_STORE_URL", "memory:")

    answer = CliRunner().invoke(main, ["keys", "rotate"])

    assert answer.exit_code == 1
    assert answer.stderr.startswith("cds-server: CDS_STORE_URL is memory:")
