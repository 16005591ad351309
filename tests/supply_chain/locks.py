"""Lock files, as `uv pip compile --generate-hashes` writes them."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

_ENTRY: Final = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)(?P<marker> ;[^\\\n]*)?", re.MULTILINE
)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_WANTED_BY: Final = re.compile(r"^    #(?: via)? +([a-zA-Z0-9][^ \n]*)", re.MULTILINE)


class Locked(NamedTuple):
    """One entry.

    Args:
        name: As the package index normalizes it.
        is_everywhere: It has no marker, so it is installed on every platform.
        sha256: Of each file that may be installed for it.
        wanted_by: The names of what needs it; the project itself is among them.
    """

    name: str
    version: str
    is_everywhere: bool
    sha256: tuple[str, ...]
    wanted_by: tuple[str, ...]


def read(path: Path) -> list[Locked]:
    """The entries of a lock, in its order."""
    text = path.read_text(encoding="utf-8")
    found = list(_ENTRY.finditer(text))
    starts = [*(one.start() for one in found), len(text)]
    return [_locked(one, text[start:end]) for one, (start, end) in zip(found, pairwise(starts), strict=True)]


def _locked(entry: re.Match[str], text: str) -> Locked:
    return Locked(
        entry["name"],
        entry["version"],
        entry["marker"] is None,
        tuple(_HASH.findall(text)),
        tuple(_WANTED_BY.findall(text)),
    )
