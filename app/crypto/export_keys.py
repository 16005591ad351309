"""Keys of the files that `cds-server export` writes.

A file is protected by the keys of the installation (`CDS_SECRET_KEYS`), by another JWK Set of that kind, or by a
passphrase in a file. No key is used as it is: what encrypts is derived from it, anew for every file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from joserfc.jwk import OctKey

from app.crypto.jwk_sets import read_keys_file
from app.crypto.secret_keys import parse_keys
from app.errors import ConfigurationError

KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
PASSPHRASE: Final = "passphrase"  # noqa: S105 -- not one, but the word for one
OPTION: Final = "--key-file"

_CHECK_BYTES: Final = 16
_SHORTEST_PASSPHRASE: Final = 20
_COST: Final = 2**16
"""With a block size of 8 and 2 in parallel: 64 MiB and about a quarter of a second, for us and for whoever guesses."""


class Protection(NamedTuple):
    """What a file says about its key."""

    kid: str
    """Of the JWK, or `passphrase`."""
    salt: bytes
    check: bytes
    """By which a wrong key is told from a damaged file."""


class FileKeys:
    """Keys that may protect a file; the first is for new ones.

    Args:
        keys: Of a JWK Set; none when a passphrase is there instead.
        passphrase: Whatever stands in a file.
    """

    def __init__(self, keys: Sequence[OctKey] = (), passphrase: bytes = b"") -> None:
        self._keys = {str(key.kid): key.raw_value for key in keys}
        self._passphrase = passphrase

    @classmethod
    def read(cls, path: Path) -> "FileKeys":
        """Those of a file: a JWK Set as `CDS_SECRET_KEYS` has it, or else a passphrase.

        Raises:
            ConfigurationError: It cannot be read, or holds neither.
        """
        written = read_keys_file(path, OPTION).strip()
        if written.startswith(b"{"):
            return cls(parse_keys(written, str(path)))
        if len(written) < _SHORTEST_PASSPHRASE:
            raise ConfigurationError(
                [f"{OPTION}: {path} needs a JWK Set or a passphrase of {_SHORTEST_PASSPHRASE} characters or more."]
            )
        return cls(passphrase=written)

    def protect(self, salt: bytes) -> tuple[Protection, bytes]:
        """What a new file has to say, and its key."""
        kid = next(iter(self._keys), PASSPHRASE)
        key = self._derived(kid, salt)
        return Protection(kid, salt, _check(key)), key

    def unlock(self, protection: Protection) -> bytes:
        """The key of a file.

        Raises:
            ConfigurationError: It is not among these.
        """
        kid = protection.kid
        if self._passphrase and kid != PASSPHRASE:
            raise ConfigurationError([f"The file is protected by key {kid}, not by a passphrase."])
        if not self._passphrase and kid not in self._keys:
            by = "a passphrase" if kid == PASSPHRASE else f"key {kid}, which is not at hand"
            raise ConfigurationError([f"The file is protected by {by}; name a file that has it with {OPTION}."])
        key = self._derived(kid, protection.salt)
        if _check(key) != protection.check:
            what = "passphrase" if self._passphrase else f"key {kid}"
            raise ConfigurationError([f"The {what} is not the one that the file is protected by."])
        return key

    def _derived(self, kid: str, salt: bytes) -> bytes:
        if self._passphrase:
            return Scrypt(salt=salt, length=KEY_BYTES, n=_COST, r=8, p=2).derive(self._passphrase)
        return derive(self._keys[kid], salt, b"file", KEY_BYTES)


def derive(key: bytes, salt: bytes, purpose: bytes, length: int) -> bytes:
    """A key for one purpose, made of another (HKDF, RFC 5869)."""
    return HKDF(SHA256(), length, salt, b"cds-server export: " + purpose).derive(key)


def _check(key: bytes) -> bytes:
    return derive(key, b"", b"check", _CHECK_BYTES)
