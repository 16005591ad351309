"""Registrations by their pattern (see `app.domain.patterns`): what differs from one of a kind to the next.

Of one kind are registrations for the same scopes that say something about the Client under the same names. They differ
in the ids and secrets that are drawn at random, in what follows from those (digests, the keys of standing Grants), in
what is said under the names, and in their time.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from app.crypto.tokens import CLIENT_SECRET, LINK_KEY, REGISTRATION_ID_LENGTH, Randomness, digest
from app.domain.context import Context
from app.domain.patterns import Filling, Pattern, PatternStore, Said, Specimen
from app.domain.records import Change
from app.domain.standing_grants import Entry, standing_key
from app.schemas.credentials import Credential
from app.schemas.grants import Grant

Plan = Callable[[Context, Change, Said], bytes]
"""Puts a registration into a change; what it is answered with."""

_MOMENTS: Final = (datetime(2002, 2, 2, 2, 2, 2, tzinfo=UTC), datetime(2003, 4, 5, 6, 7, 8, tzinfo=UTC))
"""Of the two specimens."""


class Standing(NamedTuple):
    """What the key of a standing Grant is made of; the client_id without its registration_id."""

    client: str
    scope: str
    details: Sequence[Entry]


class Shape(NamedTuple):
    """What fillings of a kind are made of."""

    drawn: Sequence[str]
    """What is drawn at random, in this order, as `Randomness.several` takes it."""
    secrets: Sequence[tuple[int, int]]
    """Where in the texts of a filling the Credentials are, and where their secrets."""
    standing: Sequence[Standing]

    def filling(self, registration_id: str, now: datetime, drawn: Sequence[str], said: Said) -> Filling:
        """A filling with what was drawn for it."""
        texts = [registration_id, *drawn]
        secrets = [(f"{registration_id}-{texts[credential]}", texts[secret]) for credential, secret in self.secrets]
        texts += [digest(secret) for _, secret in secrets]
        texts += [standing_key(f"{registration_id}{one.client}", one.scope, one.details) for one in self.standing]
        return Filling(registration_id, now, texts, secrets, said)


class Kind(NamedTuple):
    """A kind of registrations."""

    pattern: Pattern
    shape: Shape

    def fill(self, randomness: Randomness, registration_id: str, now: datetime, said: Said) -> Filling:
        """What the next one differs in."""
        return self.shape.filling(registration_id, now, randomness.several(self.shape.drawn), said)


class Specimens(Randomness):
    """Draws as ever, and remembers what was drawn: specimens have to look like any others to be treated alike."""

    def __init__(self) -> None:
        self.drawn: dict[str, str] = {}
        """What each text is, as in a Shape."""

    def object_id(self, registration_id: str, kind: str) -> str:
        """See `Randomness.object_id`."""
        object_id = super().object_id(registration_id, kind)
        self.drawn[_own_part(object_id)] = kind
        return object_id

    def client_secret(self) -> str:
        """See `Randomness.client_secret`."""
        secret = super().client_secret()
        self.drawn[secret] = CLIENT_SECRET
        return secret

    def link_key(self) -> str:
        """See `Randomness.link_key`."""
        key = super().link_key()
        self.drawn[key] = LINK_KEY
        return key

    def said(self, names: tuple[tuple[str, ...], tuple[str, ...]]) -> Said:
        """Something under each of these names."""
        return Said(*({name: f"said {self.nonce()}" for name in part} for part in names))


def kind_of(
    context: Context, store: PatternStore, names: tuple[tuple[str, ...], tuple[str, ...]], plan: Plan
) -> Kind | None:
    """The kind of registrations that a plan makes of what is said under these names; None when there is no pattern."""
    (one, shape), (other, same) = (_specimen(context, Specimens(), now, names, plan) for now in _MOMENTS)
    pattern = store.pattern(one, other) if shape == same else None
    return Kind(pattern, shape) if pattern else None


def _specimen(
    context: Context, specimens: Specimens, now: datetime, names: tuple[tuple[str, ...], tuple[str, ...]], plan: Plan
) -> tuple[Specimen, Shape]:
    registration_id, said = specimens.registration_id(), specimens.said(names)
    change = Change(registration_id, now)
    answer = plan(context.drawing_from(specimens), change, said)
    places: dict[object, int] = {text: place for place, text in enumerate(specimens.drawn, 1)}
    made = [put.object for put in change.puts]
    shape = Shape(
        list(specimens.drawn.values()),
        [
            (places[_own_part(one.credential_id)], places[one.client_secret])
            for one in made
            if isinstance(one, Credential) and one.client_secret in places
        ],
        [
            Standing(one.client_id.removeprefix(registration_id), one.scope, one.authorization_details)
            for one in made
            if isinstance(one, Grant)
        ],
    )
    return Specimen(shape.filling(registration_id, now, list(specimens.drawn), said), change, answer), shape


def _own_part(object_id: str) -> str:
    """What comes after the registration_id."""
    return object_id[REGISTRATION_ID_LENGTH + 1 :]
