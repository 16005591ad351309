"""Where the keys come from that sign JSON Web Tokens.

`CDS_SIGNING_KEYS` is a JWK Set (RFC 7517), as JSON or as the path of a file. Without it, an embedded store keeps a
generated key in its own directory as soon as access tokens are JWTs.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.crypto.jwk_sets import (
    beside_store,
    create_keys_file,
    members_of,
    path_of,
    read_keys_file,
    repeated_ids,
    written_keys,
    written_set,
)
from app.crypto.key_files import KeyFile
from app.crypto.signing import ALGORITHMS, ES256, RS256, Signer, SigningKey
from app.errors import ConfigurationError
from app.settings import Settings

SETTING: Final = "CDS_SIGNING_KEYS"
FILE_NAME: Final = "signing-keys.json"
LEAST_RSA_BITS: Final = 2048
NEW_RSA_BITS: Final = 3072

EC_MEMBERS: Final = ("kty", "kid", "crv", "x", "y", "d")
RSA_MEMBERS: Final = ("kty", "kid", "n", "e", "d", "p", "q", "dp", "dq", "qi")

HOW_TO_MAKE_ONE: Final = (
    "Make one with:  python -c 'import json; from joserfc.jwk import ECKey; "
    """print(json.dumps({"keys": [ECKey.generate_key("P-256", auto_kid=True).as_dict(private=True)]}))' """
    "> signing-keys.json  and set CDS_SIGNING_KEYS to that path, or to what the file holds"
)


def open_signer(settings: Settings) -> Signer:
    """What signs access tokens in this installation; it follows the file of keys when there is one.

    Without keys it knows none, which is fine as long as access tokens are opaque.

    Raises:
        ConfigurationError: Access tokens are JWTs and there are no keys, or the keys are not as they should be.
    """
    path = keys_path(settings)
    if path is None:
        return Signer(keys_without_file(settings))
    if settings.signing_keys is None and not path.exists():
        if not settings.access_tokens_are_jwts:
            return Signer(())
        create_keys_file(path, keys_document([new_key()]))
    file = KeyFile(path, parse_keys, SETTING)
    return Signer(file.read(), file.changed)


def keys_path(settings: Settings) -> Path | None:
    """The file that holds the keys, whether or not it is there yet; None when there can be none."""
    if settings.signing_keys is not None:
        return path_of(settings.signing_keys)
    return beside_store(settings, FILE_NAME)


def keys_without_file(settings: Settings) -> tuple[SigningKey, ...]:
    """The keys that the setting holds itself, one of this process only, or none where none are needed.

    Raises:
        ConfigurationError: Access tokens are JWTs and the store is not ours to keep a key.
    """
    if settings.signing_keys is not None:
        return parse_keys(settings.signing_keys.encode(), SETTING)
    if not settings.access_tokens_are_jwts:
        return ()
    if settings.store_url == "memory:":
        return (new_key(),)
    raise ConfigurationError(
        [f"CDS_SIGNING_KEYS is needed with CDS_ACCESS_TOKEN_FORMAT=jwt and this CDS_STORE_URL. {HOW_TO_MAKE_ONE}."]
    )


def load_signing_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """The keys as they are now; nothing is made, and a generated file that is missing has none.

    Raises:
        ConfigurationError: They are not as they should be, or missing where they cannot be made.
    """
    path = keys_path(settings)
    if path is None:
        return keys_without_file(settings)
    if settings.signing_keys is not None:
        return parse_keys(written_keys(settings.signing_keys, SETTING), SETTING)
    return parse_keys(read_keys_file(path, SETTING), str(path)) if path.exists() else ()


def parse_keys(written: bytes, where: str) -> tuple[SigningKey, ...]:
    """The keys of a JWK Set. Sentences about wrong ones never show any part of a key.

    Raises:
        ConfigurationError: With one sentence per key that is not as it should be.
    """
    members = members_of(written, where, HOW_TO_MAKE_ONE)
    problems = [
        f"{where}: keys[{place}] {problem}" for place, member in enumerate(members) if (problem := wrong_key(member))
    ]
    problems += repeated_ids(members, where)
    if not problems and all("exp" in member for member in members):
        problems = [f"{where}: one of the keys needs to have no exp, so that something signs for ever."]
    if problems:
        raise ConfigurationError(problems)
    return tuple(signing_key(member) for member in members)


def wrong_key(member: Any) -> str | None:  # noqa: ANN401 -- whatever stands in the JSON
    """What is wrong with one member of a JWK Set, as the end of a sentence."""
    if not isinstance(member, dict) or algorithm_of(member) is None:
        return 'needs "kty": "EC" with "crv": "P-256" (for ES256), or "kty": "RSA" (for RS256).'
    if not isinstance(member.get("kid"), str) or not member["kid"]:
        return "needs a kid, a text by which it is recognised."
    if member.get("alg", algorithm_of(member)) != algorithm_of(member) or member.get("use", "sig") != "sig":
        return f"is meant for something else, as its alg or use says; {' and '.join(ALGORITHMS)} are possible."
    if not all(is_second(member.get(name, 0)) for name in ("nbf", "exp")):
        return "has an nbf or an exp that is no number of seconds since 1970."
    try:
        key = signing_key(member).key
    except (JoseError, ValueError, TypeError, KeyError):
        return "cannot be read as a key."
    if not key.is_private:
        return "needs its private half too."
    bits = key.raw_value.key_size
    return f"has {bits} bits; at least {LEAST_RSA_BITS} are needed." if bits < least_bits(key) else None


def algorithm_of(member: dict[str, Any]) -> str | None:
    """What a key signs with; None when it cannot."""
    if member.get("kty") == "EC" and member.get("crv") == "P-256":
        return ES256
    return RS256 if member.get("kty") == "RSA" else None


def is_second(value: object) -> bool:
    """Whether a value is a moment in Unix seconds."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def least_bits(key: ECKey | RSAKey) -> int:
    """How long a key has to be."""
    return LEAST_RSA_BITS if isinstance(key, RSAKey) else 256


def signing_key(member: dict[str, Any]) -> SigningKey:
    """The key of one member of a JWK Set, whose other members stay behind: they must not be published.

    Raises:
        JoseError, ValueError, TypeError, KeyError: It is none.
    """
    key: ECKey | RSAKey
    if member["kty"] == "EC":
        key = ECKey.import_key({name: member[name] for name in EC_MEMBERS if name in member})
    else:
        key = RSAKey.import_key({name: member[name] for name in RSA_MEMBERS if name in member})
    return SigningKey(key, algorithm_of(member) or "", member.get("nbf", 0), member.get("exp"))


def new_key(algorithm: str = ES256, *, signs_from: int = 0) -> SigningKey:
    """A fresh key whose kid is its thumbprint (RFC 7638)."""
    make = partial(ECKey.generate_key, "P-256") if algorithm == ES256 else partial(RSAKey.generate_key, NEW_RSA_BITS)
    return SigningKey(make(auto_kid=True), algorithm, signs_from)


def keys_document(keys: Sequence[SigningKey]) -> bytes:
    """The JWK Set of both halves of `keys`, as it stands in a file."""
    return written_set([one.private_document() for one in keys])
