"""Where the keys come from that seal client secrets.

`CDS_SECRET_KEYS` is a JWK Set (RFC 7517), as JSON or as the path of a file. Without it, an embedded store keeps
generated keys in its own directory, so that data and keys are neither lost nor restored apart from each other.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.errors import ConfigurationError
from app.settings import Settings

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
        return parse_keys(written_keys(settings.secret_keys), "CDS_SECRET_KEYS")
    if settings.store_url == "memory:":
        return (new_key(),)
    path = generated_keys_path(settings)
    if path is None:
        raise ConfigurationError([f"CDS_SECRET_KEYS is needed with this CDS_STORE_URL. {HOW_TO_MAKE_ONE}."])
    if not path.exists():
        create_keys_file(path)
    return parse_keys(read_keys_file(path), str(path))


def generated_keys_path(settings: Settings) -> Path | None:
    """The file of generated keys; None when the keys are given or the store has no directory."""
    scheme, _, rest = settings.store_url.partition(":")
    if settings.secret_keys is not None or scheme != "embedded":
        return None
    return Path(rest.removeprefix("//")) / FILE_NAME


def written_keys(setting: str) -> bytes:
    """The JSON itself, or what the file of that path holds."""
    if setting.lstrip().startswith("{"):
        return setting.encode()
    return read_keys_file(Path(setting))


def read_keys_file(path: Path) -> bytes:
    """The bytes of a file of keys."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"CDS_SECRET_KEYS: {path} cannot be read: {error.strerror}."]) from error


def parse_keys(written: bytes, where: str) -> tuple[OctKey, ...]:
    """The keys of a JWK Set. Sentences about wrong ones never show any part of a key.

    Raises:
        ConfigurationError: With one sentence per key that is not as it should be.
    """
    try:
        document = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{where} is not JSON. {HOW_TO_MAKE_ONE}."]) from error
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or not members:
        raise ConfigurationError([f'{where} is not a JWK Set, {{"keys": [...]}} with at least one. {HOW_TO_MAKE_ONE}.'])
    problems = [
        f"{where}: keys[{place}] {problem}" for place, member in enumerate(members) if (problem := wrong_key(member))
    ]
    ids = [member.get("kid") for member in members if isinstance(member, dict)]
    problems += [
        f"{where}: the kid {kid!r} is there twice." for kid in sorted({k for k in ids if ids.count(k) > 1}, key=str)
    ]
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
        bits = len(OctKey.import_key(member).raw_value) * 8
    except (JoseError, ValueError, TypeError):
        return "needs k, 32 bytes in base64url."
    return None if bits == KEY_BITS else f"has {bits} bits; {KEY_BITS} are needed."


def new_key() -> OctKey:
    """A fresh key whose kid is its thumbprint (RFC 7638)."""
    return OctKey.generate_key(KEY_BITS, auto_kid=True)


def create_keys_file(path: Path) -> None:
    """Write a fresh key to `path`, for its owner only. Whoever comes second keeps the file of the first."""
    written = keys_document([new_key()])
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be written: {error.strerror}."]) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
        sync_directory(path.parent)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def sync_directory(path: Path) -> None:
    """Make the names in a directory as durable as the objects that were sealed with the key."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keys_document(keys: Sequence[OctKey]) -> bytes:
    """The JWK Set of `keys`, as it stands in a file."""
    return (
        msgspec.json.format(msgspec.json.encode({"keys": [key.as_dict(private=True) for key in keys]}), indent=2)
        + b"\n"
    )
