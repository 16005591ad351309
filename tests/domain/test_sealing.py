import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter

from app.crypto.sealing import Sealer
from app.errors import ServerError

OLD, NEW = (OctKey.generate_key(256, auto_kid=True) for _ in range(2))
SEALER = Sealer([NEW])
REGISTRY = jwe.JWERegistry({"credential_id": HeaderParameter("Whose it is", "str")}, algorithms=["dir", "A256GCM"])


@given(plain=st.text(), credential_id=st.text(min_size=1, max_size=40))  # joserfc limits the length of a header
def test_what_was_sealed_opens_again(plain, credential_id):
    sealed = SEALER.seal(plain, credential_id=credential_id)

    assert SEALER.open(sealed, credential_id=credential_id) == plain


def test_a_sealed_secret_shows_nothing_of_it_and_never_looks_the_same_twice():
    first, second = (SEALER.seal("cdscs_geheim", credential_id="00r1-c1") for _ in range(2))

    assert first != second
    assert "geheim" not in first
    assert first.count(".") == 4
    assert json.loads(base64.urlsafe_b64decode(first.split(".")[0] + "==")) == {
        "alg": "dir",
        "enc": "A256GCM",
        "kid": NEW.kid,
        "credential_id": "00r1-c1",
    }


def test_joserfc_opens_a_sealed_secret_as_any_other_jwe():
    sealed = SEALER.seal("cdscs_geheim", credential_id="00r1-c1")

    opened = jwe.decrypt_compact(sealed, NEW, registry=REGISTRY)

    assert opened.plaintext == b"cdscs_geheim"
    assert opened.headers() == {"alg": "dir", "enc": "A256GCM", "kid": NEW.kid, "credential_id": "00r1-c1"}


def test_what_joserfc_sealed_in_an_earlier_version_opens():
    header = {"alg": "dir", "enc": "A256GCM", "kid": NEW.kid, "credential_id": "00r1-c1"}
    sealed = jwe.encrypt_compact(header, b"geheim", NEW, registry=REGISTRY)

    assert SEALER.open(sealed, credential_id="00r1-c1") == "geheim"


def test_a_sealed_secret_does_not_open_for_another_credential():
    sealed = SEALER.seal("geheim", credential_id="00r1-c1")

    with pytest.raises(ServerError, match="cannot be read") as refusal:
        SEALER.open(sealed, credential_id="00r1-c2")
    assert "geheim" not in f"{refusal.value.description} {refusal.value.detail}"


def test_a_sealed_secret_with_an_exchanged_header_does_not_open():
    mine, other = (SEALER.seal("geheim", credential_id=credential_id) for credential_id in ("00r1-c1", "00r1-c2"))
    forged = ".".join([mine.split(".")[0], *other.split(".")[1:]])

    with pytest.raises(ServerError):
        SEALER.open(forged, credential_id="00r1-c1")


@given(data=st.data())
def test_a_sealed_secret_that_was_changed_anywhere_does_not_open(data):
    sealed = SEALER.seal("geheim", credential_id="00r1-c1")
    parts = sealed.split(".")
    place = data.draw(st.sampled_from([0, 2, 3, 4]))
    raw = bytearray(base64.urlsafe_b64decode(parts[place] + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    parts[place] = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    with pytest.raises(ServerError):
        SEALER.open(".".join(parts), credential_id="00r1-c1")


@pytest.mark.parametrize(
    "garbage", ["", ".", "....", "é....", "eyJ9", "W10....", "not a jwe", "\x00.\x00.\x00.\x00.\x00"]
)
def test_garbage_in_the_store_is_a_server_error_and_not_a_crash(garbage):
    with pytest.raises(ServerError):
        SEALER.open(garbage, credential_id="00r1-c1")


def test_after_a_rotation_old_secrets_open_and_are_known_to_need_sealing_again():
    before = Sealer([OLD]).seal("geheim", credential_id="00r1-c1")
    rotated = Sealer([NEW, OLD])
    after = rotated.seal("geheim", credential_id="00r1-c1")

    assert rotated.open(before, credential_id="00r1-c1") == "geheim"
    assert rotated.needs_rotation(before)
    assert not rotated.needs_rotation(after)
    assert Sealer([NEW]).open(after, credential_id="00r1-c1") == "geheim"


def test_without_its_key_a_secret_does_not_open():
    sealed = Sealer([OLD]).seal("geheim", credential_id="00r1-c1")

    with pytest.raises(ServerError) as refusal:
        SEALER.open(sealed, credential_id="00r1-c1")
    assert "CDS_SECRET_KEYS" in str(refusal.value.detail)
