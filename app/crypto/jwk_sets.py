"""JWK Sets (RFC 7517) that hold our keys: in a setting, as JSON or as the path of a file, or beside an embedded store.

No sentence about a wrong one shows any part of a key.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.errors import ConfigurationError
from app.settings import Settings


def beside_store(settings: Settings, name: str) -> Path | None:
    """The file of that name in the directory of an embedded store; None for a store that has none."""
    scheme, _, rest = settings.store_url.partition(":")
    return Path(rest.removeprefix("//")) / name if scheme == "embedded" else None


def path_of(written: str) -> Path | None:
    """The file that a setting names; None when it holds the JSON itself."""
    return None if written.lstrip().startswith("{") else Path(written)


def written_keys(written: str, setting: str) -> bytes:
    """The JSON that a setting holds, or that the file which it names does.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    path = path_of(written)
    return written.encode() if path is None else read_keys_file(path, setting)


def read_keys_file(path: Path, setting: str) -> bytes:
    """The bytes of a file of keys.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{setting}: {path} cannot be read: {error.strerror}."]) from error


def members_of(written: bytes, where: str, hint: str) -> list[Any]:
    """The members of a JWK Set, whatever they are, at least one.

    Args:
        written: The JSON.
        where: What a sentence about it begins with.
        hint: How to make one, without the full stop.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        document = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{where} is not JSON. {hint}."]) from error
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or not members:
        raise ConfigurationError([f'{where} is not a JWK Set, {{"keys": [...]}} with at least one. {hint}.'])
    return members


def repeated_ids(members: Sequence[Any], where: str) -> list[str]:
    """A sentence for each `kid` that more than one member has."""
    ids = [member.get("kid") for member in members if isinstance(member, dict)]
    repeated = sorted({kid for kid in ids if ids.count(kid) > 1}, key=str)
    return [f"{where}: the kid {kid!r} is there twice." for kid in repeated]


def written_set(members: Sequence[dict[str, Any]]) -> bytes:
    """A JWK Set as it stands in a file."""
    return msgspec.json.format(msgspec.json.encode({"keys": members}), indent=2) + b"\n"


def create_keys_file(path: Path, written: bytes) -> None:
    """Write a first JWK Set to `path`, for its owner only. Whoever comes second keeps the file of the first.

    Raises:
        ConfigurationError: It cannot be written.
    """
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
    """Make the names in a directory as durable as what was protected with the keys in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
