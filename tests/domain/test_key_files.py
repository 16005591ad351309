import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from app.crypto.key_files import KeyFile, changing, keys_path, open_sealer, replace_keys
from app.crypto.sealing import Sealer, header_of
from app.crypto.secret_keys import SETTING, keys_document, new_key, parse_keys
from app.errors import ConfigurationError, ServerError
from app.settings import Settings

DEFAULTS = Settings.from_environment({})
OLD, NEW = new_key(), new_key()


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([OLD]))
    return path


def settings(path: Path) -> Settings:
    return replace(DEFAULTS, store_url="redis://store", secret_keys=str(path))


def test_a_running_server_opens_what_another_process_sealed_with_a_key_it_has_not_read(path):
    running = open_sealer(settings(path))
    replace_keys(path, [NEW, OLD])
    sealed = Sealer([NEW]).seal("geheim", credential_id="c")

    assert running.open(sealed, credential_id="c") == "geheim"


def test_a_running_server_seals_with_the_new_first_key_as_soon_as_it_is_in_the_file(path):
    running = open_sealer(settings(path))
    before = running.seal("geheim", credential_id="c")
    replace_keys(path, [NEW, OLD])
    after = running.seal("geheim", credential_id="c")

    assert Sealer([NEW]).needs_rotation(before)
    assert not Sealer([NEW]).needs_rotation(after)
    assert running.open(before, credential_id="c") == "geheim"


def test_a_key_that_was_taken_out_of_the_file_opens_nothing_any_more(path):
    running = open_sealer(settings(path))
    sealed = running.seal("geheim", credential_id="c")
    replace_keys(path, [NEW])
    running.seal("geheim", credential_id="c")

    with pytest.raises(ServerError):
        running.open(sealed, credential_id="c")


def test_a_file_that_became_unusable_leaves_the_keys_as_they_were_and_is_told_once(path, monkeypatch):
    told = []
    monkeypatch.setattr("app.crypto.key_files.log.error", lambda *_, **facts: told.append(facts))
    running = open_sealer(settings(path))
    path.write_text("{}")

    sealed = [running.seal("geheim", credential_id="c") for _ in range(3)]

    assert [Sealer([OLD]).open(one, credential_id="c") for one in sealed] == ["geheim"] * 3
    assert len(told) == 1
    path.write_bytes(keys_document([NEW]))
    assert not Sealer([NEW]).needs_rotation(running.seal("geheim", credential_id="c"))


def test_a_file_that_vanished_leaves_the_keys_as_they_were(path):
    running = open_sealer(settings(path))
    path.unlink()

    assert not Sealer([OLD]).needs_rotation(running.seal("geheim", credential_id="c"))


def test_a_file_that_did_not_change_is_not_read_again(path, monkeypatch):
    file = KeyFile(path, parse_keys, SETTING)
    file.read()
    monkeypatch.setattr("app.crypto.key_files.read_keys_file", None)

    assert file.changed() is None


@pytest.mark.parametrize(
    ("secret_keys", "store_url", "expected"),
    [
        (None, "embedded:store", Path("store/secret-keys.json")),
        (None, "memory:", None),
        ("/etc/keys.json", "redis://store", Path("/etc/keys.json")),
        (' {"keys": []}', "redis://store", None),
    ],
)
def test_where_keys_are_is_known_from_the_settings(secret_keys, store_url, expected):
    assert keys_path(replace(DEFAULTS, secret_keys=secret_keys, store_url=store_url)) == expected


def test_keys_without_a_file_never_change():
    sealer = open_sealer(replace(DEFAULTS, secret_keys=keys_document([OLD]).decode()))

    assert sealer.open(sealer.seal("geheim", credential_id="c"), credential_id="c") == "geheim"


def test_replaced_keys_are_for_the_owner_only_and_leave_nothing_else_behind(path, tmp_path):
    path.chmod(0o644)
    replace_keys(path, [NEW, OLD])

    assert [key["kid"] for key in json.loads(path.read_bytes())["keys"]] == [NEW.kid, OLD.kid]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_a_file_of_keys_stays_a_link(path, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(path)

    with changing(link):
        replace_keys(link, [NEW])

    assert link.is_symlink()
    sealed = open_sealer(settings(path)).seal("geheim", credential_id="c")
    assert header_of(sealed)["kid"] == NEW.kid


def test_two_commands_never_change_one_file_together(path):
    with changing(path), pytest.raises(ConfigurationError, match="another command"), changing(path):
        pass
    with changing(path):
        pass


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"), changing(tmp_path / "keys.json"):
        pass


def test_a_file_of_another_user_is_refused_because_its_reader_would_lose_it(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

    with pytest.raises(ConfigurationError, match="another user"), changing(path):
        pass


def test_a_directory_that_is_not_writable_is_told_before_anything_happens(path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(ConfigurationError, match="not writable"), changing(path):
        pass
