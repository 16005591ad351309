"""The threat model: what could go wrong, what stands against it, and the tests that show it.

All of it is in `threats.yaml`. The page is made of that file, and tests see to it that every test it names exists.
"""

from importlib.resources import files
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from app.catalog import Catalog
from app.settings import Settings


class Asset(Struct, kw_only=True, frozen=True):
    """Something that others want."""

    name: str
    worth: str


class Actor(Struct, kw_only=True, frozen=True):
    """Somebody who has to do with the server: what they may, and what they might want beyond that."""

    name: str
    may: str
    wants: str


class Boundary(Struct, kw_only=True, frozen=True):
    """Where those meet who do not trust each other; `id` is its number in the picture."""

    id: int
    between: str
    crossing: str
    guard: str


class Threat(Struct, kw_only=True, frozen=True):
    """One threat.

    Args:
        id: Its anchor in the page.
        against: What this server does.
        remains: What it does not, and what the utility does instead.
        tests: The names of tests that show it, by file.
    """

    id: str
    title: str
    danger: str
    against: str
    remains: str
    tests: dict[str, list[str]]

    @property
    def node_ids(self) -> list[str]:
        """The tests as pytest is told them."""
        return [f"{path}::{name}" for path, names in self.tests.items() for name in names]


class Group(Struct, kw_only=True, frozen=True):
    """Threats that belong together."""

    title: str
    threats: list[Threat]


class Practice(Struct, kw_only=True, frozen=True):
    """What RFC 9700 asks for, how it is done here, and the threats that it is about."""

    section: str
    says: str
    here: str
    threats: list[str]


class Duty(Struct, kw_only=True, frozen=True):
    """What the utility has to do, and the threats that it is about."""

    text: str
    threats: list[str]


class Model(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    duties: list[Duty]
    assets: list[Asset]
    actors: list[Actor]
    boundaries: list[Boundary]
    groups: list[Group]
    practices: list[Practice]

    @property
    def threats(self) -> list[Threat]:
        """All of them, in their order."""
        return [threat for group in self.groups for threat in group.threats]


def read_model() -> Model:
    """The threat model. It is read when somebody asks for the page first."""
    text = (files(__package__) / "threats.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.load(text, _LOADER), Model)  # noqa: S506 -- a safe one


_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same one, written in C where PyYAML was built with that: ten times as fast."""


def contents(_catalog: Catalog, _settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    model = read_model()
    return {
        "model": model,
        "titles": {threat.id: threat.title for threat in model.threats},
        "shown_by": sum(len(threat.node_ids) for threat in model.threats),
    }
