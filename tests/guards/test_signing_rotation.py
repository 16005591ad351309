"""`cds-server keys rotate` for signing keys: no token is refused for a moment, by anybody."""

import asyncio
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import KeySet

from app.cli import main
from app.crypto import signing_rotation
from app.crypto.signing import Signer, header_of
from app.crypto.signing_keys import keys_document, new_key, parse_keys
from app.errors import ConfigurationError
from app.settings import Settings
from app.upkeep import Wishes, rotate
from app.web.documents import CACHE_CONTROL
from tests.live_server import live_server
from tests.patience import SECONDS

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
SECOND = int(NOW.timestamp())
LEAD, SLACK, HOUR = signing_rotation.LEAD_SECONDS, signing_rotation.SLACK_SECONDS, 3600


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    """Commands start in an empty directory, without the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([new_key()]))
    return path


def rotated(path: Path, after_seconds: int = 0, *, add: bool = True) -> list[str]:
    told: list[str] = []
    now = datetime.fromtimestamp(SECOND + after_seconds, UTC)
    signing_rotation.rotate(path, now=now, access_token_ttl_seconds=HOUR, add=add, tell=told.append)
    return told


def kids(path: Path) -> list[str]:
    return [key["kid"] for key in json.loads(path.read_bytes())["keys"]]


def signing(path: Path, after_seconds: int) -> str:
    return Signer(parse_keys(path.read_bytes(), "here")).signing_key(SECOND + after_seconds).kid


class Verifier:
    """A resource server that keeps the published keys, and fetches them again when it meets one it does not know."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.fetched = 0
        self.fetch()

    def fetch(self) -> None:
        document = self.http.get("/.well-known/jwks.json").raise_for_status().json()
        self.keys = {key["kid"]: key for key in document["keys"]}
        self.fetched += 1

    def accepts(self, token: str) -> str:
        """The id of the key of a token whose signature is good; raises when it is not."""
        kid = str(header_of(token)["kid"])
        if kid not in self.keys:
            self.fetch()
        jwt.decode(token, KeySet.import_key_set({"keys": [self.keys[kid]]}), algorithms=["ES256"])
        return kid


class Life:
    """A Client that gets tokens and uses them, and a resource server that verifies them."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        registered = http.post("/oauth/register", json={"scope": "cds_client_admin"}).json()
        self.login = (registered["client_id"], registered["client_secret"])
        self.verifier = Verifier(http)
        self.first = self.token()
        self.keys: set[str] = set()

    def token(self) -> str:
        answer = self.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=self.login)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def go_on(self, until_signed_with: str) -> None:
        """Everything has to be good every time; notes the keys of the tokens."""
        deadline = time.monotonic() + SECONDS
        while until_signed_with not in self.keys:
            assert time.monotonic() < deadline
            for token in (self.token(), self.first):
                headers = {"Authorization": f"Bearer {token}"}
                self.http.get("/cds-api/v1/clients", headers=headers).raise_for_status()
                self.keys.add(self.verifier.accepts(token))
                assert Verifier(self.http).accepts(token)


def test_tokens_are_good_everywhere_all_the_time(tmp_path):
    """Before, while and after the keys change: for our APIs, and for a resource server that keeps the keys."""
    settings = Settings.from_environment(
        {"CDS_STORE_URL": f"embedded:{tmp_path}/.data/store", "CDS_ACCESS_TOKEN_FORMAT": "jwt"}
    )
    wishes = Wishes(secret_keys=False, lead_seconds=1)
    server = live_server(tmp_path, CDS_WORKERS="2", CDS_ACCESS_TOKEN_FORMAT="jwt")
    with server as url, httpx.Client(base_url=url, trust_env=False) as http:
        life = Life(http)
        (first,) = kids(tmp_path / ".data" / "store" / "signing-keys.json")
        life.go_on(first)
        for _ in range(2):
            assert asyncio.run(rotate(settings, wishes, lambda _: None))
            written = kids(tmp_path / ".data" / "store" / "signing-keys.json")
            assert written == list(Verifier(http).keys)
            life.go_on(written[0])

    assert len(life.keys) == 3
    assert life.verifier.fetched <= 3


def test_a_new_key_is_published_longer_than_anybody_keeps_the_published_keys():
    assert int(CACHE_CONTROL.rpartition(b"=")[2]) * 2 == LEAD


def test_a_new_key_takes_over_in_time_and_the_old_one_stays_for_its_tokens(path):
    (old,) = kids(path)

    told = rotated(path)

    new = kids(path)[0]
    ends = SECOND + LEAD + HOUR + SLACK
    assert kids(path) == [new, old]
    assert (signing(path, LEAD - 1), signing(path, LEAD)) == (old, new)
    assert [key.get("exp") for key in json.loads(path.read_bytes())["keys"]] == [None, ends]
    assert told == [
        f"Key {new} is in {path} now; it is published at once and signs from 2026-06-01 12:10:00 UTC on.",
        f"Key {old} stays published until 2026-06-02 13:10:00 UTC.",
    ]


def test_old_keys_are_dropped_by_the_first_call_after_their_end(path):
    (old,) = kids(path)
    rotated(path)

    assert old not in " ".join(rotated(path, LEAD + HOUR + SLACK - 1, add=False)[1:])
    told = rotated(path, LEAD + HOUR + SLACK, add=False)

    assert len(kids(path)) == 1
    assert told == [f"Key {old} is gone from {path}; all that it signed is over."]


def test_two_rotations_in_a_row_hand_over_from_key_to_key(path):
    (first,) = kids(path)
    rotated(path)
    second = kids(path)[0]
    rotated(path, 60)
    third = kids(path)[0]

    assert [signing(path, at) for at in (60, LEAD, LEAD + 59, LEAD + 60)] == [first, second, second, third]
    assert len(kids(path)) == 3


def test_the_new_key_is_of_the_kind_of_the_one_that_signs(path):
    path.write_bytes(keys_document([new_key("RS256")]))

    rotated(path)

    assert [key["kty"] for key in json.loads(path.read_bytes())["keys"]] == ["RSA", "RSA"]


def test_without_a_new_key_nothing_is_written_unless_something_is_over(path):
    before = path.stat().st_mtime_ns, path.read_bytes()

    assert rotated(path, add=False) == []
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


async def test_keys_in_the_setting_itself_are_explained_before_anything_is_done():
    written = keys_document([new_key()]).decode()
    settings = Settings.from_environment({"CDS_STORE_URL": "redis://nowhere", "CDS_SIGNING_KEYS": written})

    with pytest.raises(ConfigurationError, match="CDS_SIGNING_KEYS holds the keys itself") as refusal:
        await rotate(settings, Wishes(), lambda _: None)
    assert json.loads(written)["keys"][0]["d"] not in str(refusal.value)


def test_the_command_rotates_one_kind_if_asked_and_shows_no_key(path, monkeypatch):
    monkeypatch.setenv("CDS_SIGNING_KEYS", str(path))

    answer = CliRunner().invoke(main, ["keys", "rotate", "signing"])

    assert answer.exit_code == 0
    assert answer.stdout.startswith(f"Key {kids(path)[0]} is in {path} now; ")
    assert not any(key["d"] in answer.output for key in json.loads(path.read_bytes())["keys"])


def test_the_command_says_when_there_is_nothing_to_rotate():
    answer = CliRunner().invoke(main, ["keys", "rotate", "signing"])

    assert (answer.exit_code, answer.stdout) == (0, "There is no file of signing keys to rotate.\n")
