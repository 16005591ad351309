"""Read the YAML of a catalog, with fewer surprises than YAML 1.1 has in store.

`no` stays a country code, `2024-01-01` stays text, fractions are Decimal, and a key that stands twice is an error.
"""

import re
from collections.abc import Hashable
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from app.errors import ConfigurationError

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: slower, otherwise the same.
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # one stands for the other

MAX_BYTES = 4 * 1024 * 1024
"""A catalog is written by people; anything larger is some other file."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)")


class CatalogLoader(_Loader):
    """A safe loader with the scalars of JSON, which remembers keys that stand twice."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[tuple[str, int]] = []
        """Key and line (from 1) of every repetition."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002, ARG002 -- PyYAML's signature
        """A dictionary whose keys are the text that stands there."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "the keys of a mapping are text", key.start_mark)
            if key.value in seen and key.value != "<<":
                self.repeated.append((key.value, key.start_mark.line + 1))
            seen.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def _construct_decimal(loader: CatalogLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(str(loader.construct_scalar(node)))


def _construct_integer(loader: CatalogLoader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)))


# The resolvers of YAML 1.1 (yes, no, on, off, dates, octal and sexagesimal numbers) give way to those of JSON.
CatalogLoader.yaml_implicit_resolvers = {}
CatalogLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), ["t", "f"])
CatalogLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(null|~|)$"), ["n", "~", ""])
CatalogLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(rf"^{_INTEGER.pattern}$"), list("-+0123456789"))
CatalogLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"^{_DECIMAL.pattern}$"), list("-+0123456789")
)
CatalogLoader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
CatalogLoader.add_constructor("tag:yaml.org,2002:float", _construct_decimal)
CatalogLoader.add_constructor("tag:yaml.org,2002:int", _construct_integer)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that the file at `path` holds.

    Raises:
        ConfigurationError: It cannot be read, is not YAML, repeats a key or is not a mapping.
    """
    loader = CatalogLoader(_read_text(path))
    try:
        found = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError([f"{path}{where} is not YAML: {error.problem}."]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError([f"{path} is not YAML."]) from error
    finally:
        loader.dispose()
    if loader.repeated:
        raise ConfigurationError(
            [f'{path} line {line}: the key "{key}" stands twice here; keep one.' for key, line in loader.repeated]
        )
    if not isinstance(found, dict):
        raise ConfigurationError([f'{path} is not a catalog: it needs keys such as "server:" and "scopes:".'])
    return found


def _read_text(path: Path) -> str:
    """The text of the file.

    Raises:
        ConfigurationError: There is no such file, or it is not readable text of a sensible size.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigurationError([f"{path} is larger than {MAX_BYTES} bytes; that is not a catalog."])
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigurationError(
            [f"{path} does not exist; write the path of a catalog file into CDS_CATALOG."]
        ) from error
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path} is not UTF-8 text (byte {error.start})."]) from error
