"""How fields of other specifications join a document of ours (WG1-01 section 6, WG1-02 section 10)."""

from collections.abc import Iterable, Mapping
from typing import Any


def union(*lists: Iterable[str]) -> list[str]:
    """All values in the order of their first appearance, each once."""
    return list(dict.fromkeys(value for values in lists for value in values))


def extended(document: dict[str, Any], extension: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the fields of the extension; where both have a list, theirs is added to ours.

    The catalog has refused extensions that would replace a field of ours.
    """
    merged = dict(document)
    for name, value in extension.items():
        ours = merged.get(name)
        merged[name] = union(ours, value) if isinstance(ours, list) else value
    return merged
