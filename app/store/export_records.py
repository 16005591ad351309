"""What a file of `cds-server export` holds: records, in an order that loses nothing while servers go on writing.

1. `Begin`, and how far the followers of the feed have got. Whatever follows is newer, so what they had not had by then
   comes to them again after an import, and nothing is passed over.
2. What lasts for a while (tokens, codes, sessions), operators, webhooks, mails, broadcasts.
3. The registrations, each as it was at one moment: newer than its tokens, so whatever cut one off is there.
4. The library of Server-Provided Files, the feed and the audit log: they tell of all that came before.
5. With `--files`, the bytes of files.
6. `End`, with the sums.

Objects, not memory: these are fields and members as the store's own commands give them, so that a file does not depend
on the make and version of the store as the blobs of DUMP do. What can be told from objects (indexes, what is due) is
not in the file but made anew by the version that reads it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from app.domain.audit_chain import Broken, Chain, Sealed
from app.errors import ConfigurationError

UNSEALED: Final = b"\0"
"""Before a secret that is not sealed as it would be in the store, because the file as a whole is encrypted."""


class Begin(Struct, tag="begin", array_like=True):
    """The first record."""

    export_id: str
    at: int
    """Unix second."""
    schema: int
    """The version of how things are stored (see `app.store.schema`)."""
    files: bool
    """Whether the bytes of files are there."""


class Content(Struct, array_like=True):
    """A key, or a part of one."""

    suffix: str
    """The end of its name."""
    type: str
    expires_ms: int
    """Unix millisecond, or -1."""
    values: list[bytes]
    """Fields and values, members and scores, members, or the one value."""


class Part(Struct, tag="part", array_like=True):
    """What is under a prefix, or a part of it."""

    prefix: str
    keys: list[Content]
    first: bool = True
    last: bool = True


class FeedPart(Struct, tag="feed", array_like=True):
    """Events, and places of groups."""

    events: list[tuple[str, str, int, str, str]] = []
    """Id, registration_id or nothing, Unix second, type, object_id."""
    groups: list[tuple[str, str]] = []


class AuditPart(Struct, tag="audit", array_like=True):
    """Records of the audit log in their order: number, registration_id or nothing, hash, JSON."""

    records: list[tuple[int, str, str, bytes]]


class FilePart(Struct, tag="file", array_like=True):
    """Bytes of a file."""

    key: str
    start: int
    """Where in the file they begin. A file that begins again was interrupted before."""
    piece: bytes
    last: bool


class Place(Struct, tag="place", array_like=True):
    """How far the export has got, at the end of every piece but the last: what an interrupted one goes on behind."""

    section: str
    after: str


class Sums(Struct, array_like=True):
    """What is in a file."""

    registrations: int = 0
    objects: int = 0
    others: int = 0
    """Keys that belong to no registration, or last for a while."""
    events: int = 0
    audit: int = 0
    audit_hash: str = ""
    files: int = 0
    file_bytes: int = 0


class End(Struct, tag="end", array_like=True):
    """The last record."""

    sums: Sums


Record = Begin | Part | FeedPart | AuditPart | FilePart | Place | End

_decoder = msgspec.msgpack.Decoder(list[Record])


def pack(records: Sequence[Record]) -> bytes:
    """Records as a piece of the file."""
    return msgspec.msgpack.encode(records)


def unpack(piece: bytes) -> list[Record]:
    """The records of a piece. Raises ConfigurationError."""
    try:
        return _decoder.decode(piece)
    except msgspec.MsgspecError as error:
        problem = "The file holds something that this version does not know; use a newer one."
        raise ConfigurationError([problem]) from error


class Tally:
    """Adds up what is in a file, and checks that it fits together."""

    def __init__(self) -> None:
        self.begin: Begin | None = None
        self.place = Place("", "")
        self.sums = Sums()
        self._chain = Chain()

    def add(self, record: Record) -> None:
        """The next record. Raises ConfigurationError when it does not fit what came before."""
        sums = self.sums
        match record:
            case Begin():
                self.begin = record
            case Part():
                self._add_part(record)
            case FeedPart():
                sums.events += len(record.events)
            case AuditPart():
                self._add_audit(record)
            case FilePart():
                sums.files += record.last
                sums.file_bytes += len(record.piece)
            case Place():
                self.place = record
            case End():
                if record.sums != sums:
                    raise ConfigurationError(["What the file says at its end is not what it holds."])

    def _add_part(self, part: Part) -> None:
        if not is_registration(part):
            self.sums.others += len(part.keys)
            return
        self.sums.registrations += part.last
        self.sums.objects += sum(1 for _ in documents_of(part))

    def _add_audit(self, part: AuditPart) -> None:
        for number, _, hash_, record in part.records:
            try:
                self._chain.add(Sealed(number, record, hash_))
            except Broken as error:
                raise ConfigurationError([f"The audit log is not as it was written. {error}"]) from error
        self.sums.audit, self.sums.audit_hash = self._chain.head


def is_registration(part: Part) -> bool:
    """Whether this is (a part of) a registration, and not something that belongs to one for a while."""
    return not part.prefix.endswith("}") and not (part.first and part.last and is_momentary(part))


def is_momentary(part: Part) -> bool:
    """Whether all of it expires."""
    return all(one.expires_ms >= 0 for one in part.keys)


def documents_of(part: Part) -> Iterator[str]:
    """The local ids of the objects in a part."""
    for one in part.keys:
        if one.suffix == ":o":
            for name in one.values[::2]:
                if not name.endswith((b"!", b"$", b"~")):
                    yield name.decode()
