"""Public encryption keys that callers hand us (RFC 7517; CDS-WG1-02 2, JWK Public Encryption Key)."""

from base64 import urlsafe_b64decode
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

MAX_MEMBER_LENGTH: Final = 4096
"""Characters of one member; a modulus of 8192 bits has 1366."""

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEPT_STRINGS = ("kty", "use", "alg", "kid", "crv", "x", "y", "n", "e", "x5t", "x5t#S256", "x5u")
_KEPT_LISTS = ("key_ops", "x5c")
_MAX_LIST_ITEMS = 10
_OPERATIONS = frozenset({"encrypt", "wrapKey", "deriveKey", "deriveBits"})
_CURVES = {"EC": frozenset({"P-256", "P-384", "P-521"}), "OKP": frozenset({"X25519", "X448"})}


def encryption_key(jwk: object) -> dict[str, Any]:
    """The key as we keep it: the members that RFC 7517 and RFC 7518 define. Others are ignored (RFC 7517 4).

    Nothing that the key points to (`x5u`) is ever fetched.

    Raises:
        ValueError: It is no public RSA, EC or OKP key for encryption, its `use` is not `enc`, it has a private
            member, it is absurdly small or large, or it is no key at all.
    """
    if not isinstance(jwk, dict):
        raise ValueError("a JWK is an object")  # noqa: TRY004 -- one error for whatever is wrong with a key
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise ValueError("a private member")
    if jwk.get("use") != "enc":
        raise ValueError("use is not enc")
    kept = {name: _short_string(jwk[name]) for name in _KEPT_STRINGS if name in jwk}
    lists = {name: _strings(jwk[name]) for name in _KEPT_LISTS if name in jwk}
    if not _OPERATIONS.issuperset(lists.get("key_ops", ())):
        raise ValueError("key_ops are not for encryption")
    _require_key(kept)
    return kept | lists


def _short_string(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_MEMBER_LENGTH or not value.isprintable():
        raise ValueError("a member is not a short string")
    return value


def _strings(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > _MAX_LIST_ITEMS:
        raise ValueError("a member is not a short list")
    return [_short_string(item) for item in value]


def _require_key(members: dict[str, str]) -> None:
    """Import the key, which proves that its numbers make one (a point on its curve, for instance)."""
    kind = members.get("kty")
    # Only the numbers: joserfc has its own opinion of `use`, `alg` and `key_ops`, which are checked above or not ours.
    numbers: dict[str, str | list[str]] = {
        name: members[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in members
    }
    try:
        match kind:
            case "RSA":
                require_rsa_size(members.get("n", ""))
                _ = RSAKey.import_key(numbers).public_key
            case "EC" if members.get("crv") in _CURVES["EC"]:
                _ = ECKey.import_key(numbers).public_key
            case "OKP" if members.get("crv") in _CURVES["OKP"]:
                _ = OKPKey.import_key(numbers).public_key
            case _:
                raise ValueError("kty or crv is not one for encryption")
    except (JoseError, UnsupportedAlgorithm, TypeError, OverflowError) as error:
        raise ValueError("not a key") from error


def require_rsa_size(modulus: str) -> None:
    """Refuse a modulus of absurd size. Raises ValueError."""
    # Before the import, because joserfc warns about small keys, and a key of a Client is nothing to warn us about.
    bits = int.from_bytes(urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise ValueError("an RSA key is too small or too large")
