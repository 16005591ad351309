"""Where the keys come from that seal client secrets.

`CDS_SECRET_KEYS` is a JWK Set (RFC 7517), as JSON or as the path of a file. Without it, an embedded store keeps
generated keys in its own directory, so that data and keys are neither lost nor restored apart from each other.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OctKey

from app.crypto.jwk_sets import (
    beside_store,
    create_keys_file,
    members_of,
    read_keys_file,
    repeated_ids,
    written_keys,
    written_set,
)
from app.errors import ConfigurationError
from app.settings import Settings

SETTING = "CDS_SECRET_KEYS"
FILE_NAME = "secret-keys.json"
KEY_BITS = 256

HOW_TO_MAKE_ONE = (
    "Make one with:  "
    """echo '{"keys":[{"kty":"oct","kid":"1","k":"'$(openssl rand -base64 32 | tr +/ -_ | tr -d =)'"}]}' """
    "> secret-keys.json  and set CDS_SECRET_KEYS to that path, or to what the file holds"
)


def load_secret_keys(settings: Settings) -> tuple[OctKey, ...]:
    """The keys of this installation; the first seals, all open. Those of an embedded store are made when missing.

    Raises:
        ConfigurationError: There are none and the store is not ours to keep them, or they are not as they should be.
    """
    if settings.secret_keys is not None:
        return parse_keys(written_keys(settings.secret_keys, SETTING), SETTING)
    if settings.store_url == "memory:":
        return (new_key(),)
    path = generated_keys_path(settings)
    if path is None:
        raise ConfigurationError([f"CDS_SECRET_KEYS is needed with this CDS_STORE_URL. {HOW_TO_MAKE_ONE}."])
    if not path.exists():
        create_keys_file(path, keys_document([new_key()]))
    return parse_keys(read_keys_file(path, SETTING), str(path))


def generated_keys_path(settings: Settings) -> Path | None:
    """The file of generated keys; None when the keys are given or the store has no directory."""
    return None if settings.secret_keys is not None else beside_store(settings, FILE_NAME)


def parse_keys(written: bytes, where: str) -> tuple[OctKey, ...]:
    """The keys of a JWK Set. Sentences about wrong ones never show any part of a key.

    Raises:
        ConfigurationError: With one sentence per key that is not as it should be.
    """
    members = members_of(written, where, HOW_TO_MAKE_ONE)
    problems = [
        f"{where}: keys[{place}] {problem}" for place, member in enumerate(members) if (problem := wrong_key(member))
    ]
    problems += repeated_ids(members, where)
    if problems:
        raise ConfigurationError(problems)
    return tuple(OctKey.import_key(member) for member in members)


def wrong_key(member: Any) -> str | None:  # noqa: ANN401 -- whatever stands in the JSON
    """What is wrong with one member of a JWK Set, as the end of a sentence."""
    if not isinstance(member, dict) or member.get("kty") != "oct":
        return 'needs "kty": "oct".'
    if not isinstance(member.get("kid"), str) or not member["kid"]:
        return "needs a kid, a text by which it is recognised."
    if member.get("alg", "dir") not in {"dir", "A256GCM"} or member.get("use", "enc") != "enc":
        return "is meant for something else, as its alg or use says."
    try:
        with warnings.catch_warnings():
            # joserfc warns of short keys; whoever configured one gets to read our own sentence.
            warnings.simplefilter("ignore", SecurityWarning)
            bits = len(OctKey.import_key(member).raw_value) * 8
    except (JoseError, ValueError, TypeError):
        return "needs k, 32 bytes in base64url."
    return None if bits == KEY_BITS else f"has {bits} bits; {KEY_BITS} are needed."


def new_key() -> OctKey:
    """A fresh key whose kid is its thumbprint (RFC 7638)."""
    return OctKey.generate_key(KEY_BITS, auto_kid=True)


def keys_document(keys: Sequence[OctKey]) -> bytes:
    """The JWK Set of `keys`, as it stands in a file."""
    return written_set([key.as_dict(private=True) for key in keys])
