"""Signing keys: how they are written, which of them signs when, and which are known."""

import json
import warnings
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.crypto.signing import Signer, SigningKey
from app.crypto.signing_keys import keys_document, load_signing_keys, new_key, open_signer, parse_keys
from app.errors import ConfigurationError
from app.settings import Settings

NOW = 1_800_000_000
KIND = "at+jwt"
FIRST, SECOND = new_key(), new_key()
EMBEDDED = Settings.from_environment({})
REDIS = replace(EMBEDDED, store_url="redis://store")
MEMORY = replace(EMBEDDED, store_url="memory:")


def kid_of(token: str, signer: Signer) -> str:
    """The id of the key that signed."""
    return next(one.kid for one in signer.published(NOW) if Signer([one]).verify(token, kind=KIND, now=NOW))


def sign(signer: Signer, now: int = NOW) -> str:
    return signer.sign({"a": 1}, kind=KIND, now=now)


def test_what_is_signed_is_verified_by_whoever_has_the_key():
    token = sign(Signer([FIRST]))

    assert Signer([SECOND, FIRST]).verify(token, kind=KIND, now=NOW) == b'{"a":1}'
    assert Signer([SECOND]).verify(token, kind=KIND, now=NOW) is None
    assert Signer([]).verify(token, kind=KIND, now=NOW) is None
    assert Signer([FIRST]).verify(token, kind="JWT", now=NOW) is None


def test_a_key_signs_from_its_time_on_and_verifies_before():
    new = replace(SECOND, signs_from=NOW + 600)
    signer = Signer([new, FIRST])

    assert kid_of(sign(signer, NOW + 599), signer) == FIRST.kid
    assert kid_of(sign(signer, NOW + 600), signer) == SECOND.kid
    assert signer.verify(sign(Signer([SECOND])), kind=KIND, now=NOW) is not None
    assert [one.kid for one in signer.published(NOW)] == [SECOND.kid, FIRST.kid]


def test_a_forgotten_key_neither_signs_nor_verifies_nor_is_published():
    signer = Signer([replace(FIRST, forgotten_from=NOW + 10), SECOND])
    token = sign(signer, NOW + 9)

    assert signer.verify(token, kind=KIND, now=NOW + 9) is not None
    assert signer.verify(token, kind=KIND, now=NOW + 10) is None
    assert [one.kid for one in signer.published(NOW + 10)] == [SECOND.kid]
    assert signer.signing_key(NOW + 10).kid == SECOND.kid


def test_the_nearest_key_signs_when_none_may_yet():
    signer = Signer([replace(FIRST, signs_from=NOW + 20), replace(SECOND, signs_from=NOW + 10)])

    assert signer.signing_key(NOW).kid == SECOND.kid


def test_a_new_key_in_the_file_is_met_when_it_is_asked_for(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([FIRST]))
    signer = open_signer(replace(REDIS, signing_keys=str(path)))
    path.write_bytes(keys_document([SECOND, FIRST]))

    assert signer.verify(sign(Signer([SECOND])), kind=KIND, now=NOW) is not None


def test_a_file_that_became_unusable_leaves_the_keys_as_they_were(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([FIRST]))
    signer = open_signer(replace(REDIS, signing_keys=str(path)))
    path.write_text("{")

    assert kid_of(sign(signer), signer) == FIRST.kid


def test_keys_are_read_as_they_were_written():
    keys = (replace(FIRST, signs_from=5, forgotten_from=None), replace(SECOND, forgotten_from=NOW))

    found = parse_keys(keys_document(keys), "here")

    assert [(one.kid, one.algorithm, one.signs_from, one.forgotten_from) for one in found] == [
        (FIRST.kid, "ES256", 5, None),
        (SECOND.kid, "ES256", 0, NOW),
    ]
    assert json.loads(keys_document(found)) == json.loads(keys_document(keys))


def test_plain_keys_of_other_tools_are_enough():
    key = ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "mine"}

    (found,) = parse_keys(json.dumps({"keys": [key]}).encode(), "here")

    assert (found.kid, found.algorithm) == ("mine", "ES256")


PRIVATE = FIRST.private_document()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in PRIVATE.items() if key != name}


def short_key() -> dict[str, Any]:
    with warnings.catch_warnings(action="ignore"):
        return RSAKey.generate_key(1024).as_dict(private=True) | {"kid": "a"}


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "at least one"),
        (["x"], "kty"),
        ([OctKey.generate_key(256).as_dict(private=True) | {"kid": "a"}], '"kty": "EC"'),
        ([ECKey.generate_key("P-384").as_dict(private=True) | {"kid": "a"}], "P-256"),
        ([without("kid")], "kid"),
        ([PRIVATE | {"kid": ""}], "kid"),
        ([PRIVATE | {"alg": "ES384"}], "alg or use"),
        ([PRIVATE | {"use": "enc"}], "alg or use"),
        ([without("d")], "private half"),
        ([PRIVATE | {"x": "AAAA"}], "cannot be read"),
        ([without("x")], "cannot be read"),
        ([PRIVATE | {"nbf": "soon"}], "nbf"),
        ([PRIVATE | {"exp": True}], "nbf"),
        ([PRIVATE | {"exp": 5}], "no exp"),
        ([PRIVATE, PRIVATE], "there twice"),
        ([short_key()], "1024 bits"),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_other_keys_are_refused_without_being_shown(keys, reason):
    with pytest.raises(ConfigurationError, match=reason) as refusal:
        parse_keys(json.dumps({"keys": keys}).encode(), "here")
    assert all(problem.startswith("here") for problem in refusal.value.problems)
    assert str(PRIVATE["d"]) not in str(refusal.value)


def test_an_embedded_store_gets_a_key_of_its_own_when_tokens_are_jwts(tmp_path):
    settings = replace(EMBEDDED, store_url=f"embedded:{tmp_path}/store", access_token_format="jwt")
    path = tmp_path / "store" / "signing-keys.json"

    assert load_signing_keys(settings) == ()
    token = sign(open_signer(settings))
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_signer(settings).verify(token, kind=KIND, now=NOW) is not None
    assert open_signer(replace(settings, access_token_format="opaque")).verify(token, kind=KIND, now=NOW) is not None


def test_without_jwts_no_key_is_made_nor_needed(tmp_path):
    assert open_signer(replace(EMBEDDED, store_url=f"embedded:{tmp_path}/store")).published(NOW) == ()
    assert list(tmp_path.iterdir()) == []
    assert open_signer(REDIS).published(NOW) == ()
    assert open_signer(MEMORY).published(NOW) == ()


def test_jwts_with_a_store_that_keeps_no_keys_need_some():
    with pytest.raises(ConfigurationError, match="CDS_SIGNING_KEYS is needed") as refusal:
        open_signer(replace(REDIS, access_token_format="jwt"))
    assert "Make one with:" in refusal.value.problems[0]
    assert len(open_signer(replace(MEMORY, access_token_format="jwt")).published(NOW)) == 1


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match=r"CDS_SIGNING_KEYS: nowhere\.json cannot be read"):
        open_signer(replace(REDIS, signing_keys="nowhere.json"))


def test_a_key_shows_its_public_half_only():
    assert "d" not in FIRST.public_document()
    assert "d" in SigningKey(FIRST.key, "ES256").private_document()
