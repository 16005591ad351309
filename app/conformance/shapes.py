"""The shapes of objects: which members they have to have, and of which kind."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from app.conformance import formats
from app.conformance.formats import shown, strings

Test = Callable[[object], bool]
Shape = Mapping[str, tuple[Test, str]]
"""Per member, what it has to pass and how such a value is called."""


def _or_null(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


TEXT: Final = (formats.is_text, "a string")
FLAG: Final = (lambda value: isinstance(value, bool), "true or false")
INTEGER: Final = (formats.is_integer, "an integer")
NUMBER: Final = (formats.is_number, "a number")
URL: Final = (formats.is_url, "an absolute URL")
DATETIME: Final = (formats.is_datetime, "an RFC 3339 date-time")
STRINGS: Final = (formats.is_strings, "an array of strings")
OBJECT: Final = (lambda value: isinstance(value, dict), "an object")
OBJECTS: Final = (_objects, "an array of objects")
TEXT_OR_NULL: Final = (_or_null(formats.is_text), "a string or null")
URL_OR_NULL: Final = (_or_null(formats.is_url), "an absolute URL or null")


def lacking(document: Mapping[str, Any], shape: Shape, where: str = "") -> list[str]:
    """What is wrong with the members of an object that have to be there.

    Args:
        document: The object.
        shape: What it has to have.
        where: Put before each problem, such as the id of the object.
    """
    missing = [name for name in shape if name not in document]
    wrong = [
        f"{name} is {shown(document[name])}, not {kind}"
        for name, (test, kind) in shape.items()
        if name in document and not test(document[name])
    ]
    return [f"{where}{problem}" for problem in (*(f"{name} is missing" for name in missing), *wrong)]


def optional(document: Mapping[str, Any], shape: Shape, where: str = "") -> list[str]:
    """The same for members that may be left out."""
    return lacking(document, {name: kind for name, kind in shape.items() if name in document}, where)


def differing(document: Mapping[str, Any], expected: Mapping[str, Any], where: str = "") -> list[str]:
    """Members that do not have the one value that they have to have."""
    return [
        f"{where}{name} is {shown(document[name])}, not {shown(value)}"
        if name in document
        else f"{where}{name} is missing"
        for name, value in expected.items()
        if name not in document or not same(document[name], value)
    ]


def same(one: object, other: object) -> bool:
    """Equality as JSON has it, where true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def misspelt(values: Iterable[str], known: Iterable[str]) -> list[str]:
    """Values that are not known, but would be in another spelling."""
    spelt = {_letters(value): value for value in known}
    return [
        f"{value!r} is to be spelt {spelt[_letters(value)]!r}"
        for value in values
        if value not in spelt.values() and _letters(value) in spelt
    ]


def unknown(values: Iterable[str], known: Iterable[str]) -> list[str]:
    """Values that only an extension can have added."""
    listed = set(known)
    return sorted({value for value in values if value not in listed})


def listed(document: Mapping[str, Any], name: str) -> list[str]:
    """The strings of a member, or none."""
    return strings(document.get(name))


def _letters(value: str) -> str:
    return re.sub(r"[^a-z0-9]", "", value.lower())
