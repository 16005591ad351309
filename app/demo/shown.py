"""JSON as people read it on a terminal: secrets shortened, long things cut so that a page is enough."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

SECRETS: Final = frozenset({"client_secret", "access_token", "refresh_token", "token"})
SECRET_CHARACTERS: Final = 12
"""What is left of a secret: enough to tell two apart, too little to use one."""

LINES: Final = 40
TEXT_CHARACTERS: Final = 240
WORD_CHARACTERS: Final = 100
"""Strings without blanks, such as files in Base64, tell less and are cut earlier."""

TELLING: Final = ("client_id", "id", "field", "scope", "type", "cds_status", "status", "name")
"""Members that stand for an object when there is no room for all of it; at most four of them are shown."""

_CUTS: Final = ((9, 60), (3, 40), (2, 12), (1, 12))
"""Ever harder limits, as depth and items of a list; the first that fits on a page is taken."""

_REMARK = re.compile(r'"\\u0000(?:[^"\\]|\\.)*"')


def pretty(value: Any, *, ascii_only: bool) -> str:  # noqa: ANN401 -- JSON
    """`value` as indented JSON of about a page; what was left out is told in its place."""
    clean = without_secrets(value)
    text = ""
    for depth, items in _CUTS:
        text = json.dumps(_cut(clean, depth, items), indent=2, ensure_ascii=ascii_only)
        if text.count("\n") < LINES:
            break
    return _REMARK.sub(lambda found: json.loads(found[0])[1:], text)


def without_secrets(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """The same with every secret shortened."""
    if isinstance(value, Mapping):
        return {
            name: shortened(item) if name in SECRETS and isinstance(item, str) else without_secrets(item)
            for name, item in value.items()
        }
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def shortened(secret: str) -> str:
    """The beginning of a secret."""
    return f"{secret[:SECRET_CHARACTERS]}..."


def _cut(value: Any, depth: int, items: int) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, Mapping) and value:
        if depth == 0:
            return _remark(_in_a_line(value))
        return {name: _cut(item, depth - 1, items) for name, item in value.items()}
    if isinstance(value, list) and value:
        if depth == 0:
            return _remark(_few(value))
        more = [_remark(f"... {len(value) - items} more")] if len(value) > items else []
        return [*(_cut(item, depth - 1, items) for item in value[:items]), *more]
    return _shorter(value) if isinstance(value, str) else value


def _in_a_line(value: Mapping[str, Any]) -> str:
    """The members of an object that tell most, or else the names of all."""
    telling = [name for name in TELLING if isinstance(value.get(name), str)][:4]
    if telling:
        return "{" + ", ".join(f'"{name}": {json.dumps(value[name])}' for name in telling) + ", ...}"
    return "{" + ", ".join(f'"{name}": ...' for name in value) + "}"


def _few(value: list[Any]) -> str:
    """A list of plain values as it is, or how many objects there are."""
    if all(isinstance(item, str) for item in value):
        return json.dumps(value)
    return f"[... {len(value)} objects]"


def _shorter(text: str) -> str:
    room = TEXT_CHARACTERS if " " in text else WORD_CHARACTERS
    return text if len(text) <= room else f"{text[:room]}... ({len(text)} characters)"


def _remark(text: str) -> str:
    """Something that is said about the JSON and stands in it without quotes."""
    return f"\0{text}"
