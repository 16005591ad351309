"""`cds-server export` and `import`: all that an installation keeps, in one encrypted file, also while servers run."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from app.backup_file import STANDARD, part_of, source, target
from app.crypto.export_file import Damaged
from app.crypto.export_keys import FileKeys
from app.crypto.key_files import open_sealer
from app.crypto.secret_keys import generated_keys_path, load_secret_keys
from app.domain.feed import AuditEntry
from app.errors import ConfigurationError
from app.files.file_store import FileStore
from app.settings import Settings
from app.store import exporting, feed, importing
from app.store.documents import Documents
from app.store.export_records import (
    Begin,
    FilePart,
    Place,
    Record,
    Sums,
    Tally,
)  # fmt: skip
from app.store.reindex import Reindexer
from app.store.schema import VERSION, require_readable
from app.upkeep import NowAndThen, many, opened, require_store, somebody

_PROBLEMS_TOLD: Final = 10

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line asks for.

    Args:
        path: The file, or `STANDARD`.
        key_file: What protects it instead of `CDS_SECRET_KEYS`.
        files: Whether the bytes of files are to be there (export), or written (import).
        only_missing: Import only the registrations that are not there.
    """

    path: Path
    key_file: Path | None = None
    files: bool = True
    only_missing: bool = False

    def keys(self, settings: Settings) -> FileKeys:
        """The keys of the file. Raises ConfigurationError."""
        return FileKeys.read(self.key_file) if self.key_file else FileKeys(load_secret_keys(settings))


async def export(settings: Settings, choices: Choices, tell: Tell) -> bool:
    """Write everything down; whether every secret could be opened.

    Raises:
        ConfigurationError: The file cannot be written, its key is not usable, or the store does not suit.
        StoreUnavailable: The store does not answer; called again, this goes on where it stopped.
    """
    require_store(settings)
    keys = choices.keys(settings)
    async with opened(settings) as (store, connection):
        await connection.load((*exporting.SCRIPTS, *feed.SCRIPTS))
        follower = feed.RedisFeed(connection)
        with target(choices.path, keys) as output:
            if output.tally.begin is None:
                await follower.note(_audited("store.exported", choices.path), now=datetime.now(UTC))
                output.add([_begin(choices), Place(exporting.FOLLOWERS, "")])
            else:
                tell(f"Going on with {part_of(choices.path)}, {_what(output.tally.sums)} are in it already.")
            exporter = exporting.Exporter(store.client, connection, follower, open_sealer(settings))
            now_and_then = NowAndThen(tell)
            async for batch in everything(exporter, settings, output.tally):
                output.add(batch)
                now_and_then(f"{_what(output.tally.sums)} ...")
            output.finish()
    tell(f"{_what(output.tally.sums)} are in {_named(choices.path)}, {output.size_bytes / 1e6:,.1f} MB.")
    path = None if choices.key_file else generated_keys_path(settings)
    if path:
        tell(f"The file can only be read with the keys in {path}: keep a copy of these elsewhere, or use --key-file.")
    if exporter.unreadable:
        tell(f"{many(exporter.unreadable, 'secret')} cannot be opened with any of the keys; they are as they were.")
    return not exporter.unreadable


async def everything(exporter: exporting.Exporter, settings: Settings, tally: Tally) -> AsyncIterator[Sequence[Record]]:
    """The records of the store, and then those of files."""
    place, begin = tally.place, tally.begin
    if place.section != exporting.FILES:
        async for batch in exporter.records(place):
            yield batch
    if begin and begin.files:
        files = FileStore.open(settings.files_url)
        async for key, size_bytes in files.listed(place.after if place.section == exporting.FILES else ""):
            sent, reached = 0, tally.place
            if not size_bytes:
                yield [FilePart(key, 0, b"", last=True), Place(exporting.FILES, key)]
            async for piece in files.stream(key, 0, size_bytes):
                is_last = sent + len(piece) == size_bytes
                part = FilePart(key, sent, piece, is_last)
                yield [part, Place(exporting.FILES, key) if is_last else reached]
                sent += len(piece)


async def restore(settings: Settings, choices: Choices, tell: Tell) -> bool:
    """Write everything into the store of the settings that a file holds.

    A file is checked from its beginning to its end before anything is written; standard input cannot be, so there a
    file that turns out to be damaged leaves a store behind that no server starts with.

    Raises:
        ConfigurationError: The file is not as it was written, or the store is not one to import into.
        StoreUnavailable: The store does not answer; called again, this begins again and ends the same.
    """
    if settings.store_url == "memory:":
        raise ConfigurationError(["CDS_STORE_URL is memory:, which ends with this command."])
    keys = choices.keys(settings)
    if choices.path != STANDARD:
        look(choices.path, keys)
    tally = Tally()
    async with opened(settings, importing=True) as (store, connection):
        await connection.load((*importing.SCRIPTS, *feed.SCRIPTS))
        with source(choices.path, keys, tally) as pieces:
            first = next(pieces, [])
            begin = _begun(tally)
            reindexer = Reindexer(store.client, connection, Documents(settings.public_url), lambda _: None)
            importer = importing.Importer(
                connection, reindexer, open_sealer(settings), begin.export_id, only_missing=choices.only_missing
            )
            await importer.begin()
            files = FileStore.open(settings.files_url) if choices.files else None
            await _write_all(importer, chain([first], pieces), files, NowAndThen(tell))
        audited = _audited("store.imported", choices.path, export_id=begin.export_id, only_missing=choices.only_missing)
        await feed.RedisFeed(connection).note(audited, now=datetime.now(UTC))
        await importer.finish()
    tell(f"{_what(tally.sums)} were in the file of {_moment(begin)}; {_written(importer)}.")
    for problem in reindexer.done.unreadable[:_PROBLEMS_TOLD]:
        tell(f"Not an object of ours: {problem}")
    return not reindexer.done.unreadable


def _written(importer: importing.Importer) -> str:
    """What became of it."""
    if importer.left:
        return f"{importer.written} were added, {importer.left} were there already and stay as they are"
    return f"{many(importer.written, 'registration')} written"


async def _write_all(
    importer: importing.Importer, pieces: Iterator[list[Record]], files: FileStore | None, now_and_then: NowAndThen
) -> None:
    for records in pieces:
        await importer.write(records)
        now_and_then(f"{many(importer.written, 'registration')} written ...")
        parts = [one for one in records if isinstance(one, FilePart)]
        if parts:  # and nothing else comes behind
            await _write_files(files, chain(parts, _file_parts(pieces)))


def _file_parts(pieces: Iterator[list[Record]]) -> Iterator[FilePart]:
    return (one for records in pieces for one in records if isinstance(one, FilePart))


async def _write_files(files: FileStore | None, parts: Iterator[FilePart]) -> None:
    part = next(parts, None)
    while part:
        again = None
        if files and part.last and not part.start:
            await files.put(part.key, part.piece)
        elif files:
            try:
                await files.put(part.key, _following(part, parts))
            except _Again as error:
                again = error.part
        part = again or next(parts, None)


class _Again(Exception):
    """A file begins anew, because the export was interrupted in it."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


async def _following(part: FilePart, parts: Iterator[FilePart]) -> AsyncIterator[bytes]:
    """The bytes of the file of which this is the first part."""
    yield part.piece
    while not part.last:
        part = next(parts)
        if not part.start:
            raise _Again(part)
        yield part.piece


async def check(settings: Settings, choices: Choices, tell: Tell) -> bool:
    """Read a file from its beginning to its end. Raises ConfigurationError when it is not as it was written."""
    begin, sums = look(choices.path, choices.keys(settings))
    tell(f"The file is whole. It was begun at {_moment(begin)} and holds {_what(sums)}.")
    if sums.audit:
        tell(f"The audit log in it has {many(sums.audit, 'record')}, each as it was written: {sums.audit_hash}")
    return True


def look(path: Path, keys: FileKeys) -> tuple[Begin, Sums]:
    """Read a file without doing anything. Raises ConfigurationError when it is not as it was written."""
    tally = Tally()
    with source(path, keys, tally) as pieces:
        for _ in pieces:
            pass
    return _begun(tally), tally.sums


def _begun(tally: Tally) -> Begin:
    """What the file says first. Raises ConfigurationError when this version cannot read it."""
    if tally.begin is None:
        raise Damaged("The file does not begin as it should.")
    require_readable(tally.begin.schema)
    return tally.begin


def _begin(choices: Choices) -> Begin:
    return Begin(secrets.token_hex(16), int(time.time()), VERSION, choices.files)


def _audited(action: str, path: Path, **more: object) -> AuditEntry:
    change = {"object": "store", "id": path.name, "before": None, "after": {"file": path.name, **more}}
    return AuditEntry(actor=somebody(), action=action, changes=[change])


def _what(sums: Sums) -> str:
    files = f", {many(sums.files, 'file')}" if sums.files else ""
    registrations, objects = many(sums.registrations, "registration"), many(sums.objects, "object")
    return f"{registrations} with {objects}, {many(sums.audit, 'audit record')}{files}"


def _moment(begin: Begin) -> str:
    return f"{datetime.fromtimestamp(begin.at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _named(path: Path) -> str:
    return "standard output" if path == STANDARD else str(path)
