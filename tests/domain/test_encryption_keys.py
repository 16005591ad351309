"""Public encryption keys inside authorization details (CDS-WG1-02 2, JWK Public Encryption Key)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.crypto.public_keys import encryption_key
from tests.domain.samples import base64, json_values

RSA = RSAKey.generate_key(2048)
KEYS = {
    "RSA": RSA,
    "P-256": ECKey.generate_key("P-256"),
    "P-521": ECKey.generate_key("P-521"),
    "X25519": OKPKey.generate_key("X25519"),
    "X448": OKPKey.generate_key("X448"),
}


def public(name: str, **changes: object) -> dict[str, object]:
    return {**KEYS[name].as_dict(private=False), "use": "enc", **changes}


def modulus(bits: int) -> str:
    """A number that could be an RSA modulus of that size, in the spelling of a JWK."""
    return base64(b"\xff" * (bits // 8)).rstrip("=").replace("/", "_")


def test_an_rsa_modulus_of_a_sane_size_is_accepted():
    assert encryption_key(public("RSA", n=modulus(4096)))["n"] == modulus(4096)


@pytest.mark.clause("WG1-02-2-01", "WG1-02-3.9-07")
@pytest.mark.parametrize("name", KEYS)
def test_a_public_key_for_encryption_is_accepted(name):
    key = public(name, kid="2025-01", alg="ECDH-ES", key_ops=[])

    assert encryption_key(key) == key
    assert encryption_key(encryption_key(key)) == key


def test_members_that_nobody_defined_are_ignored():
    assert encryption_key(public("P-256", color="green")) == public("P-256")


@pytest.mark.clause("WG1-02-2-01", "WG1-02-3.9-07")
@pytest.mark.parametrize("name", KEYS)
def test_a_private_key_is_refused(name):
    with pytest.raises(ValueError, match="private"):
        encryption_key({**KEYS[name].as_dict(private=True), "use": "enc"})


@pytest.mark.clause("WG1-02-2-01")
@pytest.mark.parametrize(
    "key",
    [
        public("RSA", use="sig"),
        {name: value for name, value in public("RSA").items() if name != "use"},
        public("RSA", key_ops=["verify"]),
        public("RSA", key_ops="encrypt"),
        public("RSA", n="AQAB"),
        public("RSA", e=""),
        public("RSA", n=modulus(1024)),
        public("RSA", n=modulus(16384)),
        public("RSA", n="A" * 5000),
        public("RSA", kid="x\x00"),
        public("RSA", kid=5),
        public("P-256", crv="P-521"),
        public("P-256", crv="secp256k1"),
        public("P-256", x="AAAA"),
        public("P-256", y=None),
        public("P-256", kty="OKP"),
        public("X25519", x="AA"),
        public("X25519", x="é"),
        {**OKPKey.generate_key("Ed25519").as_dict(private=False), "use": "enc"},
        {**OctKey.generate_key(256).as_dict(private=True), "use": "enc"},
        {"kty": "EC", "use": "enc"},
        {"kty": "AKP", "use": "enc", "pub": "AAAA"},
        {"use": "enc"},
        {},
        [],
        "key",
        None,
    ],
)
def test_what_is_no_public_key_for_encryption_is_refused(key):
    with pytest.raises(ValueError):  # noqa: PT011 -- its text is for our log only
        encryption_key(key)


@given(
    st.fixed_dictionaries(
        {"kty": st.sampled_from(["RSA", "EC", "OKP"]) | json_values, "use": st.just("enc")},
        optional={
            "crv": st.sampled_from(["P-256", "X25519"]) | json_values,
            "x": st.text(alphabet="AQab_-=", max_size=50) | json_values,
            "y": st.text() | json_values,
            "n": st.text(alphabet="AQab_-=") | json_values,
            "e": st.text() | json_values,
            "key_ops": json_values,
            "x5c": json_values,
        },
    )
)
def test_no_object_breaks_the_import(key):
    try:
        kept = encryption_key(key)
    except ValueError:
        return
    assert encryption_key(kept) == kept
