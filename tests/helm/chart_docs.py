"""What is written about the chart's values: one comment in `values.yaml` each, copied to where people look for it.

`python -m tests.helm.chart_docs` (`make chart`) writes the table of the chart's README and the descriptions of its
schema; without it a test fails.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).parents[2] / "helm"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"

_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z0-9_]+):(?: .*)?")
_COMMENT = re.compile(r" *# -- (?P<text>.*)")


class Value(NamedTuple):
    """One documented value.

    Args:
        path: Its keys, from the outside in.
        default: As YAML has it.
        text: The comment.
    """

    path: tuple[str, ...]
    default: Any
    text: str

    @property
    def name(self) -> str:
        """As it is written after `--set`."""
        return ".".join(self.path)


def documented() -> list[Value]:
    """Every value with a comment, in the order of the file."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    defaults = yaml.safe_load("\n".join(lines))
    return [Value(path, _at(defaults, path), text) for path, text in _comments(lines)]


def undocumented() -> list[str]:
    """Values that neither have a comment nor are part of one that has."""
    known = {value.path for value in documented()}
    leaves = _leaves(yaml.safe_load((CHART / "values.yaml").read_text()), ())
    return [".".join(leaf) for leaf in leaves if not any(leaf[: n + 1] in known for n in range(len(leaf)))]


def _comments(lines: list[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    path: list[str] = []
    text = None
    for line in lines:
        if comment := _COMMENT.fullmatch(line):
            text = comment["text"]
        elif key := _KEY.fullmatch(line):
            path = [*path[: len(key["indent"]) // 2], key["key"]]
            if text is not None:
                yield tuple(path), text
            text = None


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _leaves(tree: dict[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)


def readme() -> str:
    """The README of the chart with its table as it should be."""
    before, _, rest = (CHART / "README.md").read_text().partition(BEGIN)
    rows = [f"| `{value.name}` | {_default(value.default)} | {_cell(value.text)} |" for value in documented()]
    table = "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def _default(value: object) -> str:
    return "" if value in ("", None) else f"`{_cell(json.dumps(value))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def schema() -> str:
    """The schema of the chart with descriptions as they should be."""
    document = json.loads((CHART / "values.schema.json").read_text())
    for value in documented():
        place = document
        for key in value.path:
            place = place["properties"][key]
        place["description"] = value.text
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write both."""
    for name, text in (("README.md", readme()), ("values.schema.json", schema())):
        (CHART / name).write_text(text)
        sys.stdout.write(f"helm/{name} is up to date.\n")


if __name__ == "__main__":
    main()
