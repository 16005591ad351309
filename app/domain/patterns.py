"""Changes that are alike but for some texts, worked out once.

A registration writes some twenty objects, and nearly all of what stands in them follows from the scopes that it is for.
So a change of which there are more to come is made twice with *specimens* in the place of whatever is another one each
time: ids, secrets, times, what a Client says about itself. The store lays out both and compares. What is the same in
both is the pattern, and the specimens in it are the gaps that the next change of the kind has to fill.

No rule is written down a second time that way. When something else differs between the two, such as a random number
from elsewhere, there is no pattern, and changes of that kind are made one by one as all others. What two specimens
cannot show is a decision that depends on what a Client says, or on the time: whoever makes such changes has to decide
before, by the kind. A test compares what is filled into patterns with what would have been made one by one.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from app.domain.records import Change

MOST_KINDS: Final = 32
"""Kinds of changes that are remembered, those that were asked for last."""

WORTH_IT: Final = 3
"""The time at which a kind that is asked for again and again gets its pattern; making one costs as much as seven
changes."""

T = TypeVar("T")


class Said(NamedTuple):
    """What a Client says about itself, by name."""

    client_metadata: Mapping[str, Any]
    field_values: Mapping[str, Any]

    @property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names, in their order."""
        return tuple(self.client_metadata), tuple(self.field_values)

    @property
    def values(self) -> list[Any]:
        """The values, in the order of their names."""
        return [*self.client_metadata.values(), *self.field_values.values()]


@dataclass(frozen=True, slots=True)
class Filling:
    """What one change differs in from others of its kind.

    Args:
        registration_id: Of the registration that it creates.
        now: When.
        texts: What stands in it as it is: in specimens and in fillings of a kind the same in the same place.
        secrets: New client_secrets, by credential_id.
        said: What the Client says, under the names of the kind.
    """

    registration_id: str
    now: datetime
    texts: Sequence[str]
    secrets: Sequence[tuple[str, str]]
    said: Said


class Specimen(NamedTuple):
    """A change with a filling of specimens, each a text that is nowhere else in it, and what it is answered with."""

    filling: Filling
    change: Change
    answer: bytes


class Pattern(Protocol):
    """A kind of changes, laid out by a store."""

    async def apply(self, filling: Filling) -> bytes:
        """Write one more change of the kind, as `Records.apply` would; what it is answered with.

        Raises:
            Conflict: There is a registration with that id.
            StoreUnavailable: The store does not answer.
        """


class PatternStore(Protocol):
    """A store that can write changes by their pattern."""

    def pattern(self, one: Specimen, other: Specimen) -> Pattern | None:
        """What two changes of a kind have in common; None when they differ in more than in their fillings."""


class Patterns:
    """The kinds of changes that were asked for lately.

    Args:
        store: Makes patterns.
    """

    def __init__(self, store: PatternStore) -> None:
        self._store = store
        self._known: dict[Hashable, int | Any] = {}

    def get(self, kind: Hashable, make: Callable[[PatternStore], T | None]) -> T | None:
        """What was made of a kind of changes; None while it is rare, and when nothing could be made of it."""
        known = self._known.pop(kind, 0)
        if isinstance(known, int):
            known = known + 1 if known + 1 < WORTH_IT else make(self._store)
        self._known[kind] = known
        if len(self._known) > MOST_KINDS:
            del self._known[next(iter(self._known))]
        return None if isinstance(known, int) else known
