"""Which characters we accept in values, and which may stand in an error that goes out."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_PUBLIC = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")
_NAME = re.compile(r"[A-Za-z0-9_#.:-]{1,64}")

_NAMES_IN_A_LIST = 20

_SEEN: Final = frozenset("LNPS")
"""Letters, numbers, punctuation and symbols, by the first letter of their Unicode category."""

_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that look like nothing."""


def is_text(value: str) -> bool:
    """Whether `value` has no control characters but tab and line ends, and nothing that UTF-8 cannot carry."""
    return _NOT_TEXT.search(value) is None


def is_line(value: str) -> bool:
    """Whether `value` is text on a single line."""
    return _NOT_A_LINE.search(value) is None


def is_blank(value: str) -> bool:
    """Whether nothing of `value` can be seen: only white space, and what joins, steers or hides other characters."""
    return not any(unicodedata.category(one)[0] in _SEEN and one not in _FILLERS for one in value)


def public(text: str, limit: int = 80) -> str:
    """`text` as it may stand in an `error_description`: at most `limit` of the characters that RFC 6749 5.2 permits."""
    cleaned = _NOT_PUBLIC.sub("?", text)
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 3] + "..."


def is_name(value: object) -> bool:
    """Whether `value` is a short plain name, so that an error may repeat it although a caller chose it."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def one_of(names: Iterable[str]) -> str:
    """`one of a, b, c` for an error; a long list is cut short."""
    return f"one of {listed(names)}"


def listed(names: Iterable[str]) -> str:
    """`a, b, c` for an error; a long list is cut short."""
    every = [public(name) for name in names]
    shown = every[:_NAMES_IN_A_LIST]
    return ", ".join(shown) + (", ..." if len(every) > len(shown) else "")
