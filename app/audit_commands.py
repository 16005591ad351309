"""`cds-server audit`: is the audit log as it was written, and a copy of it; also while servers run."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from app.domain import audit_chain
from app.domain.audit_chain import Finding, Link, Sealed, line_of
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.feed import SCRIPTS, RedisFeed
from app.upkeep import opened, require_store

_KNOWN: Final = re.compile(r"([1-9][0-9]{0,14}):([0-9a-f]{64})")
_STANDARD_OUTPUT: Final = Path("-")

Tell = Callable[[str], object]


async def examine(settings: Settings, export: Path | None, known: str | None, tell: Tell) -> bool:
    """Check the audit log; whether all of it is as it was written.

    Args:
        settings: Of the installation.
        export: Where to write the records; `-` is standard output.
        known: A record that was noted earlier, as `NUMBER:HASH`.
        tell: Told in a sentence what came of it.

    Raises:
        ConfigurationError: `known` is not that, the file cannot be written, or the store does not suit.
        StoreUnavailable: The store does not answer.
    """
    places = [place_of(known)] if known else []
    require_store(settings)
    async with opened(settings) as (_, connection):
        await connection.load(SCRIPTS)
        feed = RedisFeed(connection)
        while await feed.relay():
            pass
        places.append(await feed.head())
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(opened_for_writing(export)) if export else None

            def pass_on(sealed: Sealed) -> None:
                if file:
                    file.write(line_of(sealed) + b"\n")

            finding = await audit_chain.examine(feed.sealed(), places, pass_on)
    tell(sentence(finding))
    return finding.broken is None


def place_of(known: str) -> Link:
    """A record as it was noted. Raises ConfigurationError."""
    match = _KNOWN.fullmatch(known)
    if match is None:
        raise ConfigurationError(["--known has to be the number of a record, a colon and its hash."])
    return Link(int(match[1]), match[2])


@contextlib.contextmanager
def opened_for_writing(path: Path) -> Iterator[BinaryIO]:
    """A new file that only its owner can read, or standard output. Raises ConfigurationError when it cannot be made."""
    if path == _STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be written: {error.strerror}."]) from error
    with os.fdopen(number, "wb") as file:
        yield file


def sentence(finding: Finding) -> str:
    """What came of it."""
    if finding.broken:
        return f"The audit log is NOT as it was written. {finding.broken}"
    if not finding.head.number:
        return "The audit log is empty."
    records = "1 record" if finding.head.number == 1 else f"{finding.head.number} records"
    last = f"{finding.head.number}:{finding.head.hash}"
    return f"The audit log has {records}, each as it was written. Note the last one elsewhere: {last}"
