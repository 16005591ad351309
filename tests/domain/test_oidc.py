"""What an ID token and the metadata of a provider have to say (OpenID Connect Core 3.1.3.7, Discovery 3)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from app.crypto.id_tokens import ALGORITHMS, BadIdToken, UnknownKey, claims_of, verification_keys
from app.domain.oidc_trust import LEEWAY_SECONDS, is_endpoint, require_claims, require_recent_sign_in, shown_name
from app.errors import SignInFailed
from app.schemas.encoding import encode

ISSUER = "https://login.example"
NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
SECOND = int(NOW.timestamp())
HONEST: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "1",
    "aud": "cds",
    "exp": SECOND + 60,
    "iat": SECOND,
    "nonce": "n",
}
RSA = RSAKey.generate_key(2048, {"kid": "r"})
EC = ECKey.generate_key("P-384", {"kid": "e"})

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def is_accepted(**claims: Any) -> bool:
    try:
        require_claims(HONEST | claims, ISSUER, "cds", nonce="n", now=NOW)
    except SignInFailed:
        return False
    return True


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["cds"]},
        {"aud": ["other", "cds"], "azp": "cds"},
        {"azp": "cds"},
        {"exp": SECOND - LEEWAY_SECONDS + 1},
        {"iat": SECOND + LEEWAY_SECONDS},
        {"nbf": SECOND + LEEWAY_SECONDS},
        {"iat": SECOND + 0.5},
        {"exp": 10**400},
    ],
)
def test_good_claims_are_accepted_with_a_little_leeway_for_clocks(claims):
    assert is_accepted(**claims)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": SECOND - LEEWAY_SECONDS},
        {"iat": SECOND + LEEWAY_SECONDS + 1},
        {"nbf": SECOND + LEEWAY_SECONDS + 1},
        {"exp": True},
        {"exp": float("inf")},
        {"iat": float("nan")},
        {"iat": 10**400},
        {"nbf": None},
        {"aud": []},
        {"aud": {"cds": 1}},
        {"aud": ["cds", "other"], "azp": "other"},
        {"aud": ["cds", "other"]},
        {"azp": None},
        {"iss": [ISSUER]},
        {"nonce": "ñ"},
    ],
)
def test_other_claims_are_refused(claims):
    assert not is_accepted(**claims)


@given(st.dictionaries(st.sampled_from([*HONEST, "azp", "nbf", "auth_time", "name"]), anything))
def test_whatever_the_claims_are_they_are_refused_or_accepted(claims):
    assert is_accepted(**claims) in {True, False}
    assert isinstance(shown_name(claims), str)
    try:
        require_recent_sign_in(claims, since=SECOND)
    except SignInFailed:
        assert "auth_time" not in claims or not isinstance(claims["auth_time"], int) or claims["auth_time"] < SECOND


@pytest.mark.parametrize(
    ("url", "issuer", "accepted"),
    [
        ("https://login.example/token", ISSUER, True),
        ("https://elsewhere.example/token?tenant=a", ISSUER, True),
        ("http://login.example/token", ISSUER, False),
        ("http://127.0.0.1:3000/token", ISSUER, False),
        ("http://127.0.0.1:3000/token", "http://127.0.0.1:3000", True),
        ("http://login.example/token", "http://127.0.0.1:3000", False),
        ("https://user@login.example/token", ISSUER, False),
        ("https://login.example/token#x", ISSUER, False),
        ("https://login.example/to ken", ISSUER, False),
        ("/token", ISSUER, False),
        ("", ISSUER, False),
        (None, ISSUER, False),
    ],
)
def test_endpoints_are_https_unless_the_provider_is_on_this_machine(url, issuer, accepted):
    assert is_endpoint(url, issuer) == accepted


def published(*keys: RSAKey | ECKey) -> list[Any]:
    return verification_keys({"keys": [key.as_dict(private=False) for key in keys]})


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS512"), (EC, "ES384")])
def test_signatures_of_rsa_and_of_elliptic_curves_count(key, algorithm):
    token = jws.serialize_compact({"alg": algorithm, "kid": key.kid}, encode(HONEST), key, algorithms=[algorithm])

    assert claims_of(token, published(EC, RSA), ALGORITHMS) == HONEST
    with pytest.raises(BadIdToken):
        claims_of(token[:-6] + "AAAAAA", published(EC, RSA), ALGORITHMS)
    with pytest.raises(BadIdToken, match="alg"):
        claims_of(token, published(EC, RSA), {"ES256"})
    with pytest.raises(UnknownKey):
        claims_of(token, published(), ALGORITHMS)


def test_a_key_is_used_for_its_own_algorithm_only():
    """A kid cannot turn the key of one algorithm into that of another."""
    token = jws.serialize_compact({"alg": "RS256", "kid": "e"}, b"{}", RSA, algorithms=["RS256"])

    with pytest.raises(UnknownKey):
        claims_of(token, published(EC, RSA), ALGORITHMS)


@given(st.text(alphabet="aeyJhbGciOiJ.0-_=") | st.text())
def test_whatever_is_no_token_is_refused(text):
    with pytest.raises((BadIdToken, UnknownKey)):
        claims_of(text, published(RSA), ALGORITHMS)


@given(anything | st.fixed_dictionaries({"keys": st.lists(anything, max_size=3)}))
def test_whatever_is_no_set_of_keys_has_none(document):
    try:
        assert verification_keys(document) == []
    except ValueError as error:
        assert str(error) == "not a JWK Set"  # noqa: PT017 -- both ways are fine, with these words
