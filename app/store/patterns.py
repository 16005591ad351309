"""Changes by their pattern (see `app.domain.patterns`): bytes with gaps, made of two changes and filled for the others.

What `changes` lays out for two specimens is cut at every text of their fillings, at their times, and at every number
that may be a second. Between the cuts both have to be the same, byte for byte, and at the cuts each has to have its own
text in the same place of its filling. A number is a time when it is as long after the one moment as after the other,
and otherwise a part of what they have in common.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.crypto.tokens import digest
from app.domain.patterns import Filling, Specimen
from app.schemas.encoding import encode
from app.schemas.registrations import Registration
from app.store.changes import Layout, Writer
from app.store.records import RedisRecords
from app.store.words import of_new_registration, words_of_registration

_SECOND: Final = rb"(?<![0-9])[0-9]{10}(?![0-9])"
"""A Unix second, until the year 2286."""


class SpecimenSeals:
    """Seals specimens of secrets: with a text that says which one it is."""

    def seal_all(self, secrets: Sequence[tuple[str, str]]) -> list[str]:
        """See `Seals.seal_all`."""
        return [digest(f"sealed {secret}") for _, secret in secrets]


class Sheet:
    """Bytes with gaps.

    Args:
        pieces: What is between them; one more than there are gaps.
        gaps: The places of the texts that belong there.
    """

    def __init__(self, pieces: Sequence[bytes], gaps: Sequence[int]) -> None:
        # Of strings, which Python joins in half of the time that it takes for bytes.
        self._parts = [""] * (len(pieces) + len(gaps))
        self._parts[::2] = [piece.decode() for piece in pieces]
        self._gaps = gaps

    def filled(self, texts: list[str]) -> bytes:
        """The bytes with these texts in their gaps."""
        parts = self._parts.copy()
        parts[1::2] = map(texts.__getitem__, self._gaps)
        return "".join(parts).encode()


class RedisPattern:
    """A kind of changes, laid out (`app.domain.patterns.Pattern`).

    Args:
        records: Where changes go.
        layout: What `apply.lua` is given, its parts in their order.
        answer: What a change is answered with.
        offsets_seconds: The times in it, from the moment of the change.
    """

    def __init__(
        self, records: RedisRecords, layout: Sequence[Sheet], answer: Sheet, offsets_seconds: Sequence[int]
    ) -> None:
        self._records = records
        self._layout = layout
        self._answer = answer
        self._offsets_seconds = offsets_seconds

    async def apply(self, filling: Filling) -> bytes:
        """See `Pattern.apply`. One round trip."""
        layout, answer = self.filled(filling)
        words = words_of_registration(filling.registration_id, *filling.said)
        await self._records.write(
            filling.registration_id, layout.arguments(of_new_registration(filling.registration_id, words))
        )
        return answer

    def filled(self, filling: Filling) -> tuple[Layout, bytes]:
        """The change, and what it is answered with."""
        own = [*filling.texts, *self._records.sealer.seal_all(filling.secrets)]
        values = [encode(value) for value in filling.said.values]
        said = [value.decode() for value in values]
        kept = [self._records.documents.shrink(Registration, value).decode() for value in values]
        moment = int(filling.now.timestamp())
        times = [_stamp(filling.now), *(str(moment + seconds) for seconds in self._offsets_seconds)]
        stored = [*own, *kept, *times]
        return Layout(*(sheet.filled(stored) for sheet in self._layout)), self._answer.filled([*own, *said, *times])


class RedisPatterns:
    """Makes patterns of changes to registrations (`app.domain.patterns.PatternStore`)."""

    def __init__(self, records: RedisRecords) -> None:
        self._records = records
        self._writer = Writer(records.documents, SpecimenSeals())

    def pattern(self, one: Specimen, other: Specimen) -> RedisPattern | None:
        """See `PatternStore.pattern`."""
        texts = _texts(one.filling), _texts(other.filling)
        if any(len(set(some)) < len(some) for some in texts):
            return None
        cutter = _Cutter(*texts, (_moment(one), _moment(other)))
        layouts = self._writer.lay_out(one.change), self._writer.lay_out(other.change)
        try:
            sheets = [cutter.sheet(*pair) for pair in zip(*layouts, strict=True)]
            answer = cutter.sheet(one.answer, other.answer)
        except _UnlikeError:
            return None
        return RedisPattern(self._records, sheets, answer, cutter.offsets_seconds)


class _UnlikeError(Exception):
    """Two specimens differ in more than their fillings."""


class _Cutter:
    """Cuts what was laid out for two specimens.

    Args:
        one, other: The texts of their fillings, each of which is there once.
        moments: Their times, in Unix seconds.
    """

    def __init__(self, one: Sequence[bytes], other: Sequence[bytes], moments: tuple[int, int]) -> None:
        self.offsets_seconds: list[int] = []
        self._places = [{text: place for place, text in enumerate(some)} for some in (one, other)]
        self._moments = moments
        self._cuts = _cuts(one), _cuts(other)

    def sheet(self, one: bytes, other: bytes) -> Sheet:
        """What both have in common. Raises _UnlikeError."""
        parts, twins = self._cuts[0].split(one), self._cuts[1].split(other)
        if parts[::2] != twins[::2]:
            raise _UnlikeError
        pieces, gaps = parts[:1], []
        for text, twin, piece in zip(parts[1::2], twins[1::2], parts[2::2], strict=True):
            if text == twin:
                pieces[-1] += text + piece
            else:
                gaps.append(self._place(text, twin))
                pieces.append(piece)
        return Sheet(pieces, gaps)

    def _place(self, text: bytes, twin: bytes) -> int:
        """What belongs where one change has a text and the other its twin. Raises _UnlikeError."""
        places = self._places[0].get(text), self._places[1].get(twin)
        if places[0] is not None and places[0] == places[1]:
            return places[0]
        if not (text.isdigit() and twin.isdigit()) or int(text) - self._moments[0] != int(twin) - self._moments[1]:
            raise _UnlikeError
        seconds = int(text) - self._moments[0]
        if seconds not in self.offsets_seconds:
            self.offsets_seconds.append(seconds)
        return len(self._places[0]) + self.offsets_seconds.index(seconds)


def _texts(specimen: Filling) -> list[bytes]:
    """The texts of a specimen, in the order in which `RedisPattern.filled` puts in those of a filling."""
    said = [encode(value).decode() for value in specimen.said.values]
    texts = [*specimen.texts, *SpecimenSeals().seal_all(specimen.secrets), *said, _stamp(specimen.now)]
    return [text.encode() for text in texts]


def _cuts(texts: Sequence[bytes]) -> re.Pattern[bytes]:
    """Finds these texts, the longest one where several begin, and seconds."""
    longest_first = map(re.escape, sorted(texts, key=len, reverse=True))
    return re.compile(b"(" + b"|".join([*longest_first, _SECOND]) + b")")


def _stamp(moment: datetime) -> str:
    """A time as it stands in documents."""
    return encode(moment)[1:-1].decode()


def _moment(specimen: Specimen) -> int:
    return int(specimen.filling.now.timestamp())
