"""Walk through the YAML of a catalog and note every value that is not what its place needs.

A reader never stops at a problem: it notes it, goes on with a harmless value, and `Problems.refuse` speaks at the end.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.catalog import values
from app.catalog.problems import Problems, listed, nearest, one_of, within

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in for a datetime that was refused."""

_KINDS = {str: "text", int: "a whole number", Decimal: "a number", bool: "true or false", list: "a list", dict: "keys"}


def kind(value: object) -> str:
    """What `value` is, in the words of somebody who writes YAML."""
    return "empty" if value is None else _KINDS.get(type(value), "something else")


class Section:
    """One mapping of the catalog and its place.

    Args:
        found: What stands there; anything but a mapping is a problem.
        path: Its place, for the problems.
        known: The keys that have a meaning. Others are refused, or kept as `extra` when `extensible`.
    """

    def __init__(
        self, found: object, path: str, problems: Problems, known: Iterable[str], *, extensible: bool = False
    ) -> None:
        self.path = path
        self.problems = problems
        self.known = tuple(known)
        if not isinstance(found, dict):
            problems.add(path or "the file", f"this is {kind(found)}", f"write keys such as {listed(self.known[:3])}")
            found = {}
            # One problem is enough: that its keys are missing goes without saying.
            self.problems = Problems(problems.file)
        self.found: dict[str, Any] = {key: value for key, value in found.items() if key in self.known}
        self.extra: dict[str, Any] = {key: value for key, value in found.items() if key not in self.known}
        if extensible:
            self._refuse_slips()
        else:
            self._refuse_unknown()

    def _refuse_unknown(self) -> None:
        for key in self.extra:
            self.problem(key, f'"{key}" is not a key that has a meaning here', one_of(key, self.known))
        self.extra = {}

    def _refuse_slips(self) -> None:
        """Extension fields are welcome, misspelt known ones are not."""
        for key in list(self.extra):
            if guess := nearest(key, self.known, cutoff=0.9):
                self.problem(key, f'"{key}" looks like a slip of the pen', f'write "{guess}"')
                del self.extra[key]

    def problem(self, key: str, wrong: str, instead: str) -> None:
        """Note what is wrong with the value of `key`."""
        self.problems.add(within(self.path, key), wrong, instead)

    def has(self, key: str) -> bool:
        """Whether there is a value that is not null."""
        return self.found.get(key) is not None

    def text(self, key: str) -> str:
        """Text that has to be there."""
        if not self.has(key):
            self.problem(key, "this is missing", "write some text")
            return ""
        return self.optional_text(key) or ""

    def optional_text(self, key: str) -> str | None:
        """Text, or None when there is none."""
        value = self.found.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.problem(key, f"this is {kind(value)}", "write text, in quotes if it looks like something else")
            return None
        if not value.strip():
            self.problem(key, "this text is empty", "write some text or remove the key")
        return value.strip()

    def optional_link(self, key: str) -> str | None:
        """A URL, or a path of this server."""
        value = self.optional_text(key)
        if value and not values.is_link(value):
            self.problem(
                key,
                f'"{value}" is not a URL',
                "write one that starts with https://, or with / for a page of this server",
            )
        return value

    def link(self, key: str) -> str:
        """A URL, or a path of this server, that has to be there."""
        if not self.has(key):
            self.problem(key, "this is missing", "write a URL, or a path such as /docs for a page of this server")
        return self.optional_link(key) or ""

    def optional_url(self, key: str) -> str | None:
        """An absolute URL."""
        value = self.optional_text(key)
        if value and not values.is_url(value):
            self.problem(key, f'"{value}" is not an absolute URL', "write one that starts with https://")
        return value

    def word(self, key: str, accepted: Iterable[str], default: str | None = None) -> str:
        """One word of a closed list."""
        if not self.has(key) and default is not None:
            return default
        words = tuple(accepted)
        if not self.has(key):
            self.problem(key, "this is missing", f"write one of {listed(words)}")
            return words[0]
        value = self.optional_text(key)
        if value is not None and value not in words:
            self.problem(key, f'"{value}" is not known', one_of(value, words))
        return value if value in words else words[0]

    def optional_texts(self, key: str, accept: Callable[[str], str | None] | None = None) -> tuple[str, ...] | None:
        """A list of texts without repetition, or None when there is none.

        `accept` answers with what to write instead, or with None when the text is fine.
        """
        found = self.found.get(key)
        if found is None:
            return None
        if not isinstance(found, list):
            self.problem(
                key, f"this is {kind(found)}", "write a list, in square brackets or with a dash before each entry"
            )
            return None
        kept: list[str] = []
        for index, value in enumerate(found):
            place = f"{key}[{index}]"
            if not isinstance(value, str) or not value:
                self.problem(place, f"this is {kind(value) if value != '' else 'empty'}", "write text")
            elif value in kept:
                self.problem(place, f'"{value}" stands twice in this list', "keep one")
            elif accept is not None and (instead := accept(value)):
                self.problem(place, f'"{value}" is not accepted', instead)
            else:
                kept.append(value)
        return tuple(kept)

    def texts(self, key: str, accept: Callable[[str], str | None] | None = None) -> tuple[str, ...]:
        """A list of texts; an absent one is empty."""
        return self.optional_texts(key, accept) or ()

    def words(self, key: str, accepted: Iterable[str]) -> tuple[str, ...]:
        """A list of words of a closed list."""
        known = tuple(accepted)
        return self.texts(key, lambda value: None if value in known else one_of(value, known))

    def flag(self, key: str, *, default: bool) -> bool:
        """A truth value."""
        value = self.found.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.problem(key, f"this is {kind(value)}", "write true or false")
            return default
        return value

    def optional_count(self, key: str) -> int | None:
        """A whole number above zero."""
        value = self.found.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.problem(
                key, f"this is {value if isinstance(value, int) else kind(value)}", "write a whole number above 0"
            )
            return None
        return value

    def moment(self, key: str) -> datetime:
        """A date or a datetime that has to be there."""
        value = self.found.get(key)
        found = values.parse_moment(value) if isinstance(value, str) else None
        if found is None:
            wrong = "this is missing" if value is None else f'"{value}" is not a datetime'
            self.problem(key, wrong, "write one such as 2026-01-31T08:00:00Z, with Z or an offset")
            return NEVER
        return found

    def section(self, key: str, known: Iterable[str], *, extensible: bool = False) -> "Section":
        """The mapping under `key`; an absent one is empty."""
        found = self.found.get(key)
        return Section(
            {} if found is None else found, within(self.path, key), self.problems, known, extensible=extensible
        )

    def sections(self, key: str, known: Iterable[str], *, extensible: bool = False) -> "list[Section]":
        """The mappings in the list under `key`; an absent list is empty."""
        found = self.found.get(key)
        if found is None:
            return []
        if not isinstance(found, list):
            self.problem(key, f"this is {kind(found)}", "write a list, with a dash before each entry")
            return []
        keys = tuple(known)
        return [
            Section(entry, f"{within(self.path, key)}[{index}]", self.problems, keys, extensible=extensible)
            for index, entry in enumerate(found)
        ]

    def named(self, key: str, known: Iterable[str], *, extensible: bool = False) -> "dict[str, Section]":
        """The mappings under `key` by their ids."""
        found = self.found.get(key)
        if found is None:
            return {}
        place = within(self.path, key)
        if not isinstance(found, dict):
            self.problem(key, f"this is {kind(found)}", "write an id, a colon, and its keys indented below")
            return {}
        keys = tuple(known)
        for name, entry in found.items():
            self.require_id(f"{key}.{name}", name)
            if isinstance(entry, dict) and entry.pop("id", name) != name:
                self.problem(f"{key}.{name}.id", "this is not the name of the entry", f'remove it, or write "{name}"')
        return {
            name: Section(entry, f"{place}.{name}", self.problems, keys, extensible=extensible)
            for name, entry in found.items()
        }

    def require_id(self, key: str, value: str) -> None:
        """Ids travel in space-separated lists and in URLs (E16)."""
        if not values.is_id(value):
            self.problem(key, f'"{value}" cannot be an id', "use 1 to 128 of the characters A-Z, a-z, 0-9, _ and -")

    def open_mapping(self, key: str) -> dict[str, Any]:
        """The mapping under `key` with keys of its own; an absent one is empty."""
        found = self.found.get(key)
        if found is None:
            return {}
        if not isinstance(found, dict):
            self.problem(key, f"this is {kind(found)}", "write keys and values")
            return {}
        return found
