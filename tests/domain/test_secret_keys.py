import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.crypto.sealing import Sealer
from app.crypto.secret_keys import keys_document, load_secret_keys, new_key
from app.errors import ConfigurationError
from app.settings import Settings

DEFAULTS = Settings.from_environment({})
K = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr4"


def test_an_embedded_store_keeps_generated_keys_in_its_directory_for_its_owner_only(tmp_path):
    settings = replace(DEFAULTS, store_url=f"embedded:{tmp_path}/store")

    (made,) = load_secret_keys(settings)
    (read,) = load_secret_keys(settings)

    path = tmp_path / "store" / "secret-keys.json"
    assert made.dict_value == read.dict_value
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret-keys.json"]


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    settings = replace(DEFAULTS, store_url=f"embedded:{tmp_path}/store")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load_secret_keys, [settings] * 16))

    assert len({key.kid for (key,) in found}) == 1


def test_given_keys_are_read_from_the_setting_and_from_a_file(tmp_path):
    document = keys_document([new_key(), new_key()])
    path = tmp_path / "keys.json"
    path.write_bytes(document)

    for written in (document.decode(), str(path)):
        keys = load_secret_keys(replace(DEFAULTS, store_url="redis://store", secret_keys=written))
        assert [key.kid for key in keys] == [key["kid"] for key in json.loads(document)["keys"]]


def test_a_memory_store_has_a_key_of_its_own():
    (key,) = load_secret_keys(replace(DEFAULTS, store_url="memory:"))

    assert Sealer([key]).open(Sealer([key]).seal("x", credential_id="c"), credential_id="c") == "x"


def test_another_store_without_keys_is_refused_with_a_way_to_make_one():
    with pytest.raises(ConfigurationError, match="openssl rand"):
        load_secret_keys(replace(DEFAULTS, store_url="redis://store"))


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("{", "is not JSON"),
        ("{}", "is not a JWK Set"),
        ('{"keys": []}', "is not a JWK Set"),
        ('{"keys": [1]}', 'needs "kty": "oct"'),
        ({"kty": "RSA", "kid": "1"}, 'needs "kty": "oct"'),
        ({"kty": "oct", "k": K}, "needs a kid"),
        ({"kty": "oct", "kid": "", "k": K}, "needs a kid"),
        ({"kty": "oct", "kid": "1"}, "needs k, 32 bytes"),
        ({"kty": "oct", "kid": "1", "k": 5}, "needs k, 32 bytes"),
        ({"kty": "oct", "kid": "1", "k": "AAECAwQFBgcICQoLDA0ODw"}, "has 128 bits"),
        ({"kty": "oct", "kid": "1", "k": "AAAA"}, "has 24 bits"),
        ({"kty": "oct", "kid": "1", "k": K, "alg": "HS256"}, "is meant for something else"),
        ({"kty": "oct", "kid": "1", "k": K, "use": "sig"}, "is meant for something else"),
        ("/nowhere/keys.json", "cannot be read"),
    ],
)
def test_wrong_keys_are_refused_without_showing_them(written, complaint):
    text = written if isinstance(written, str) else json.dumps({"keys": [written]})

    with pytest.raises(ConfigurationError, match=complaint) as refusal:
        load_secret_keys(replace(DEFAULTS, secret_keys=text))
    assert K[:22] not in str(refusal.value)


def test_two_keys_with_one_kid_are_refused():
    key = {"kty": "oct", "kid": "1", "k": K}

    with pytest.raises(ConfigurationError, match="twice"):
        load_secret_keys(replace(DEFAULTS, secret_keys=json.dumps({"keys": [key, key]})))
