"""Files of keys that change while servers run.

`cds-server keys rotate` puts a new key in front and then seals every stored secret anew. A running server notices in
time: it looks whether the file has changed before it seals, so that nothing new is sealed with an old key, and when it
meets a secret whose key it does not know.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from joserfc.jwk import OctKey

from app.crypto.jwk_sets import path_of, read_keys_file, sync_directory
from app.crypto.sealing import Sealer
from app.crypto.secret_keys import SETTING, generated_keys_path, keys_document, load_secret_keys, parse_keys
from app.errors import ConfigurationError
from app.settings import Settings

log = structlog.get_logger("app.crypto.key_files")

Signature = tuple[int, int, int]
K = TypeVar("K")


class KeyFile(Generic[K]):
    """A file of keys, and what it looked like when it was last read.

    Args:
        path: Where it is.
        parse: Makes keys of what it holds; told where that stands. Raises ConfigurationError.
        setting: The setting whose keys they are.
    """

    def __init__(self, path: Path, parse: Callable[[bytes, str], tuple[K, ...]], setting: str) -> None:
        self.path = path
        self._parse = parse
        self._setting = setting
        self._name = os.fspath(path)
        self._seen: Signature | None = None

    def read(self) -> tuple[K, ...]:
        """The keys that it holds now.

        Raises:
            ConfigurationError: It cannot be read, or its keys are not as they should be.
        """
        self._seen = self._signature()  # first, so that a change during the reading is noticed the next time
        return self._parse(read_keys_file(self.path, self._setting), str(self.path))

    def changed(self) -> tuple[K, ...] | None:
        """The keys that it holds now, or None when nothing changed since the last reading, or nothing to any good."""
        if self._signature() == self._seen:
            return None
        try:
            return self.read()
        except ConfigurationError as error:
            log.error("keys_not_read", path=str(self.path), problems=error.problems)  # noqa: TRY400 -- told in full
            return None

    def _signature(self) -> Signature | None:
        try:
            facts = os.stat(self._name)  # noqa: PTH116 -- asked for every secret, and a Path takes three times as long
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_ino, facts.st_size


def open_sealer(settings: Settings) -> Sealer:
    """What seals and opens secrets in this installation; it follows the file of keys when there is one.

    Raises:
        ConfigurationError: See `load_secret_keys`.
    """
    path = keys_path(settings)
    if path is None:
        return Sealer(load_secret_keys(settings))
    if settings.secret_keys is None:
        load_secret_keys(settings)  # makes the file when it is missing
    file = KeyFile(path, parse_keys, SETTING)
    return Sealer(file.read(), file.changed)


def keys_path(settings: Settings) -> Path | None:
    """The file that holds the keys; None when the setting holds them itself, or memory does."""
    if settings.secret_keys is None:
        return generated_keys_path(settings)
    return path_of(settings.secret_keys)


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep other rotations away from a file of keys; its directory is locked, so that no file is left behind.

    Raises:
        ConfigurationError: Another one is under way, or the file is not one that may be replaced.
    """
    require_replaceable(path)
    descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def lock(descriptor: int, path: Path) -> None:
    """Lock the open directory of `path` until it is closed. Raises ConfigurationError when somebody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigurationError([f"{path} is being changed by another command; wait until it is done."]) from error


def require_replaceable(path: Path) -> None:
    """Refuse a file that cannot be replaced by one that its reader can still read.

    Raises:
        ConfigurationError: Its directory is not writable, or it belongs to another user.
    """
    try:
        owner = path.stat().st_uid
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from error
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise ConfigurationError([f"{path} cannot be replaced, because its directory is not writable."])
    if os.geteuid() not in {0, owner}:
        raise ConfigurationError([f"{path} belongs to another user; run this as that user or as root."])


def replace_keys(path: Path, keys: Sequence[OctKey]) -> None:
    """Put these keys into the file. Raises as `replace_file` does."""
    replace_file(path, keys_document(keys))


def replace_file(path: Path, written: bytes) -> None:
    """Put a JWK Set into a file of keys, at once for every reader, for its owner only.

    Raises:
        ConfigurationError: It cannot be written.
    """
    place = path.resolve()  # a link stays a link
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(written)
            if os.geteuid() == 0:
                facts = place.stat()
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
        sync_directory(place.parent)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise ConfigurationError([f"{path} cannot be written: {error.strerror}."]) from error
