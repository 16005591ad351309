"""The list of everything that is wrong with a catalog, each with its place and with what to write instead."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from app.errors import ConfigurationError


class Problems:
    """Problems of one catalog file, in the order in which they were found."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sentences: list[str] = []

    def add(self, path: str, wrong: str, instead: str) -> None:
        """Note a problem.

        Args:
            path: The place in the file, such as `scopes.acme_usage.registration_requirements[1]`.
            wrong: What is wrong, as a clause without a full stop.
            instead: What to write, as a clause that starts with a verb.
        """
        sentence = f"{self.file}: {path}: {wrong}; {instead}."
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def refuse(self) -> None:
        """Raise ConfigurationError when there is any problem."""
        if self.sentences:
            raise ConfigurationError(self.sentences)


def nearest(wrong: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that looks most like `wrong`, or None when none does."""
    found = difflib.get_close_matches(wrong, list(known), n=1, cutoff=cutoff)
    return found[0] if found else None


def listed(names: Iterable[str]) -> str:
    """Names as they stand in a sentence."""
    return ", ".join(names) or "nothing"


def one_of(wrong: str, known: Iterable[str]) -> str:
    """What to write instead of a name that is not among the known ones."""
    names = list(known)
    if not names:
        return "remove it"
    guess = nearest(wrong, names)
    return f'did you mean "{guess}"? Accepted are {listed(names)}' if guess else f"write one of {listed(names)}"


def within(path: str, key: str) -> str:
    """The place of `key` inside the mapping at `path`."""
    return f"{path}.{key}" if path else key
