"""Encrypted files that are written and read piece by piece, in constant memory.

After a first line and a header in clear come frames: a letter, a length, and as many bytes.

| letter | bytes |
| --- | --- |
| `s` | a salt, in clear: the pieces from here on are encrypted with a key made of it and of all that came before |
| `d` | a piece |
| `e` | the last piece, without which the file is not whole |

Pieces are compressed and encrypted (AES-256-GCM) with their running number as the nonce, which never comes twice with
one key. Each key depends on the header and on the tag of the piece before its `s`, so that no piece can be changed,
left out, moved, or put in from another file; and nothing can be cut off unnoticed. Writing that was interrupted goes on
with another `s` and thus another key: whatever was cut off there and has been seen elsewhere gives nothing away.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from app.crypto.export_keys import KEY_BYTES, SALT_BYTES, FileKeys, Protection, derive
from app.errors import ConfigurationError

FORMAT: Final = 1
MAGIC: Final = b"cds-server export\n"
LARGEST_PIECE_BYTES: Final = 256 * 1024 * 1024
"""Uncompressed. Pieces are much smaller but for a single object that large, which no setting allows."""

_LARGEST_HEADER_BYTES: Final = 4096
_TAG_BYTES: Final = 16
_LEVEL: Final = 1
"""Of compression: what is stored is repetitive, and a higher one takes five times as long for a tenth less."""
_SALT, _PIECE, _END = b"s", b"d", b"e"


class Header(Struct, kw_only=True):
    """What stands at the beginning in clear."""

    format: int
    kid: str
    salt: bytes
    check: bytes


class Damaged(ConfigurationError):
    """The file is not as it was written, or no such file at all."""

    def __init__(self, problem: str) -> None:
        super().__init__([problem])


class _Segment:
    """Pieces under one key."""

    def __init__(self, key: bytes, salt: bytes, before: bytes) -> None:
        self._cipher = AESGCM(derive(key, salt, b"segment" + before, KEY_BYTES))
        self._number = 0

    def encrypt(self, letter: bytes, piece: bytes) -> bytes:
        """The next piece."""
        return self._cipher.encrypt(self._nonce(), piece, letter)

    def decrypt(self, letter: bytes, piece: bytes) -> bytes:
        """The next piece. Raises InvalidTag."""
        return self._cipher.decrypt(self._nonce(), piece, letter)

    def _nonce(self) -> bytes:
        self._number += 1
        return self._number.to_bytes(12)


class ExportWriter:
    """Writes a file.

    Args:
        file: Where to.
        key: Of the file.
        before: What was written before, as `ExportReader.before` has it.
    """

    def __init__(self, file: BinaryIO, key: bytes, before: bytes) -> None:
        self._file = file
        self.size_bytes = 0
        """How much this has written."""
        salt = os.urandom(SALT_BYTES)
        self._segment = _Segment(key, salt, before)
        self._frame(_SALT, salt)

    @classmethod
    def begin(cls, file: BinaryIO, keys: FileKeys) -> "ExportWriter":
        """A new file."""
        protection, key = keys.protect(os.urandom(SALT_BYTES))
        header = msgspec.msgpack.encode(Header(format=FORMAT, **protection._asdict()))
        file.write(MAGIC + len(header).to_bytes(4) + header)
        return cls(file, key, _digest(header))

    def write(self, piece: bytes, *, last: bool = False) -> None:
        """Write a piece; it is with the kernel when this returns."""
        letter = _END if last else _PIECE
        self._frame(letter, self._segment.encrypt(letter, zlib.compress(piece, _LEVEL)))
        self._file.flush()

    def _frame(self, letter: bytes, content: bytes) -> None:
        self.size_bytes += self._file.write(letter + len(content).to_bytes(4) + content)


class ExportReader:
    """Reads a file.

    Args:
        file: The file; it need not be one in which places can be looked up.
        keys: Those that may protect it.

    Raises:
        ConfigurationError: It is no such file, of a format that is not known, or protected by another key.
    """

    def __init__(self, file: BinaryIO, keys: FileKeys) -> None:
        self._file = file
        if file.read(len(MAGIC)) != MAGIC:
            raise Damaged("The file is not one that cds-server export has written.")
        size = int.from_bytes(file.read(4))
        written = file.read(min(size, _LARGEST_HEADER_BYTES))
        try:
            header = msgspec.msgpack.decode(written, type=Header)
        except msgspec.DecodeError as error:
            raise Damaged("The beginning of the file was changed, or the file ends there.") from error
        if header.format != FORMAT:
            raise Damaged(f"The file has format {header.format}; this version reads format {FORMAT}.")
        self.key = keys.unlock(Protection(header.kid, header.salt, header.check))
        self.before = _digest(written)
        """What stands for all that has been read so far."""
        self.size_bytes = len(MAGIC) + 4 + len(written)
        """How much of the file has been read and found good."""
        self.is_whole = False
        """Whether the end was reached."""

    def pieces(self) -> Iterator[bytes]:
        """Every piece.

        Raises:
            Damaged: Something was changed, or the file ends too early.
        """
        segment: _Segment | None = None
        number = 0
        while not self.is_whole:
            letter, content = self._frame()
            if letter == _SALT:
                segment = _Segment(self.key, content, self.before)
                self.size_bytes += 5 + len(content)
                continue
            number += 1
            if segment is None or letter not in {_PIECE, _END}:
                raise _changed(number)
            try:
                piece = _inflated(segment.decrypt(letter, content))
            except (InvalidTag, zlib.error) as error:
                raise _changed(number) from error
            self.before = _digest(self.before + content[-_TAG_BYTES:])
            self.size_bytes += 5 + len(content)
            self.is_whole = letter == _END
            yield piece
        if self._file.read(1):
            raise Damaged("Something was put behind the end of the file.")

    def _frame(self) -> tuple[bytes, bytes]:
        letter, size = self._file.read(1), self._file.read(4)
        length = int.from_bytes(size)
        content = self._file.read(length) if length <= LARGEST_PIECE_BYTES else b""
        if len(size) < 4 or len(content) < length:  # noqa: PLR2004 -- the size of a length
            raise Damaged("The file ends before its end: the export was interrupted, or something was cut off.")
        return letter, content


def _inflated(content: bytes) -> bytes:
    inflater = zlib.decompressobj()
    piece = inflater.decompress(content, LARGEST_PIECE_BYTES)
    if not inflater.eof:
        raise zlib.error("larger than any piece")
    return piece


def _changed(number: int) -> Damaged:
    return Damaged(f"The file was changed after it was written: piece {number} is not as it was.")


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
