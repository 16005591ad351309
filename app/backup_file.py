"""The encrypted file of `cds-server export`: written piece by piece, in several calls if need be, and read again."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from app.crypto.export_file import Damaged, ExportReader, ExportWriter
from app.crypto.export_keys import FileKeys
from app.errors import ConfigurationError
from app.store.export_records import AuditPart, End, FeedPart, FilePart, Part, Record, Tally, pack, unpack

STANDARD: Final = Path("-")
"""Standard output, or standard input."""

PIECE_BYTES: Final = 512 * 1024
"""About how much goes into one encrypted piece."""


class Output:
    """The file that is written: records are collected until a piece is full.

    Args:
        file: Where to.
        writer: Of pieces.
        tally: Of what is there already.
    """

    def __init__(self, file: BinaryIO, writer: ExportWriter, tally: Tally, already_bytes: int = 0) -> None:
        self._file = file
        self._writer = writer
        self._already_bytes = already_bytes
        self._records: list[Record] = []
        self._waiting_bytes = 0
        self.tally = tally

    @property
    def size_bytes(self) -> int:
        """How much is in the file."""
        return self._already_bytes + self._writer.size_bytes

    def add(self, records: Sequence[Record]) -> None:
        """Add records, the last of which says where an interrupted export can go on."""
        for record in records:
            self.tally.add(record)
            self._records.append(record)
            self._waiting_bytes += _size_of(record)
        if self._waiting_bytes >= PIECE_BYTES:
            self._write(last=False)

    def finish(self) -> None:
        """Write the last piece, and see that all of it is on the disk."""
        self._records.append(End(self.tally.sums))
        self._write(last=True)
        with contextlib.suppress(OSError):  # a pipe has no disk
            os.fsync(self._file.fileno())

    def _write(self, *, last: bool) -> None:
        self._writer.write(pack(self._records), last=last)
        self._records, self._waiting_bytes = [], 0


@contextlib.contextmanager
def target(path: Path, keys: FileKeys) -> Iterator[Output]:
    """The file to write to; under another name until it is whole, and going on where an earlier call stopped.

    Raises:
        ConfigurationError: It is there already, or cannot be written.
    """
    if path == STANDARD:
        if sys.stdout.isatty():
            raise ConfigurationError(["Standard output is a terminal; send it to a file, or name one."])
        yield Output(sys.stdout.buffer, ExportWriter.begin(sys.stdout.buffer, keys), Tally())
        return
    if path.exists():
        raise ConfigurationError([f"{path} is there already; choose another name, or remove it."])
    part = part_of(path)
    try:
        file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as error:
        raise ConfigurationError([f"{part} cannot be written: {error.strerror}."]) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError([f"{part} is being written by another export."]) from error
        yield _continued(file, part, keys)
    part.rename(path)


def _continued(file: BinaryIO, part: Path, keys: FileKeys) -> Output:
    """What an interrupted export has left but for the piece that it did not finish; a new file when that is nothing."""
    tally = Tally()
    if part.stat().st_size:
        try:
            reader = ExportReader(file, keys)
            size_bytes, before = reader.size_bytes, reader.before
            with contextlib.suppress(Damaged):
                for piece in reader.pieces():
                    for record in unpack(piece):
                        tally.add(record)
                    size_bytes, before = reader.size_bytes, reader.before
        except ConfigurationError as error:
            raise ConfigurationError([f"{part}: {' '.join(error.problems)} Remove it to begin anew."]) from error
        if reader.is_whole:
            raise ConfigurationError([f"{part} is whole already; give it the name that it is to have."])
        if tally.begin:
            file.truncate(size_bytes)
            file.seek(size_bytes)
            return Output(file, ExportWriter(file, reader.key, before), tally, size_bytes)
    file.seek(0)
    file.truncate()
    return Output(file, ExportWriter.begin(file, keys), Tally())


@contextlib.contextmanager
def source(path: Path, keys: FileKeys, tally: Tally) -> Iterator[Iterator[list[Record]]]:
    """The records of a file, piece by piece; the tally adds them up.

    Raises:
        ConfigurationError: It cannot be read, or is not as it was written.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = sys.stdin.buffer if path == STANDARD else stack.enter_context(path.open("rb"))
        except OSError as error:
            raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from error
        yield _pieces(ExportReader(file, keys), tally)


def _pieces(reader: ExportReader, tally: Tally) -> Iterator[list[Record]]:
    for piece in reader.pieces():
        records = unpack(piece)
        for record in records:
            tally.add(record)
        yield records


def part_of(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f"{path.name}.part")


def _size_of(record: Record) -> int:
    """About how many bytes it has."""
    match record:
        case Part():
            return sum(len(value) for one in record.keys for value in one.values)
        case AuditPart():
            return sum(len(one[3]) for one in record.records)
        case FilePart():
            return len(record.piece)
        case FeedPart():
            return 100 * len(record.events)
        case _:
            return 0
