"""Registrations that are filled into a pattern are those that would have been planned one by one."""

import dataclasses
import functools
import random
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.catalog import CLIENT_ADMIN, Catalog, load_catalog
from app.crypto.tokens import CLIENT_SECRET, LINK_KEY, Randomness, local_id
from app.domain.context import Context
from app.domain.patterns import MOST_KINDS, WORTH_IT, Filling, Patterns, Said, Specimen
from app.domain.records import Change
from app.domain.registration import register
from app.main import Parts, build_state
from app.settings import Settings
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.patterns import RedisPatterns
from app.store.records import RedisRecords
from tests.domain.samples import png
from tests.factories import BASE, NOW, make_message

NONCE = 4
"""Which argument of `apply.lua` is another one each time, whatever is written."""


class Foreseeable(Randomness):
    """Draws the same again from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- nothing is secret in a test

    def _text(self, length: int) -> str:
        return "".join(self._random.choices("0123456789abcdefghjkmnpqrstvwxyz", k=length))

    def registration_id(self) -> str:
        return f"{self._random.randrange(256):02x}{self._text(12)}"

    def object_id(self, registration_id: str, kind: str) -> str:
        return f"{registration_id}-{kind}{self._text(10)}"

    def client_secret(self) -> str:
        return f"cdscs_{self._text(43)}"

    def link_key(self) -> str:
        return self._text(43)

    def several(self, kinds: Sequence[str]) -> list[str]:
        own = {CLIENT_SECRET: self.client_secret, LINK_KEY: self.link_key}
        return [own[kind]() if kind in own else self.object_id("", kind)[1:] for kind in kinds]


class Seals:
    """Seals in a way that shows what was sealed for whom."""

    def seal_all(self, secrets: Sequence[tuple[str, str]]) -> list[str]:
        return [f"{credential_id}.{secret}" for credential_id, secret in secrets]


class Written(RedisRecords):
    """Keeps the last change instead of writing it, and knows whether it was planned by itself."""

    arguments: tuple[bytes, ...] = ()
    planned = False

    async def apply(self, change: Change) -> None:
        await super().apply(change)
        self.planned = True

    async def write(self, _registration_id: str, arguments: tuple[bytes, ...]) -> None:
        self.arguments = arguments[:NONCE] + arguments[NONCE + 1 :]
        self.planned = False


def records_nowhere() -> Written:
    """Records behind which there is no store."""
    nothing: Any = object()
    seals: Any = Seals()
    return Written(Connection(nothing, sends=nothing), Documents(BASE), seals)


def context_of(catalog: Catalog) -> Context:
    """A server with that catalog."""
    records = records_nowhere()
    settings = {"CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:", "CDS_PUBLIC_URL": BASE}
    context = build_state(Settings.from_environment(settings), catalog, records.connection, Parts())["context"]
    return dataclasses.replace(context, records=records, patterns=Patterns(RedisPatterns(records)))


def demo(**policy: Any) -> Catalog:
    """The demo utility with other rules for registrations."""
    catalog = load_catalog(None)
    return replace(catalog, registration=replace(catalog.registration, **policy))


@functools.cache
def contexts() -> list[Context]:
    """Servers that differ in what registrations lead to."""
    catalogs = [
        demo(),
        demo(production="automatic", secret_ttl_seconds=86_400, rfc7591_compatible=True),
        demo(welcome_message="Call 5551234567 or 1044072306.", onboarding_link_ttl_seconds=None),
    ]
    return [context_of(one) for one in catalogs]


lines = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
addresses = st.sampled_from(["https://meadow.example/", f"{BASE}/oauth/receipt", f"{BASE}/", "http://a.example/?q=%22"])
METADATA = {
    "cds_company_name": "Meadow",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}
said = st.fixed_dictionaries(
    {
        "cds_company_name": lines | st.just(f'"{BASE}/'),
        "cds_privacy_policy": addresses,
        "cds_security_contact": st.sampled_from(["security@meadow.example", "a.b@c.example"]),
    },
    optional={
        "client_name": lines,
        "contacts": st.lists(lines, max_size=3),
        "client_uri": addresses,
        "tos_uri": addresses,
        "software_version": st.just("1790000000"),
        "client_name#de": lines,
        "cds_use_case": lines | st.none(),
        "cds_newsletter": st.booleans(),
    },
)


@given(
    number=st.integers(0, 2),
    scopes=st.deferred(lambda: st.lists(st.sampled_from(sorted(contexts()[0].catalog.scopes)), unique=True)),
    metadata=said,
    now=st.datetimes(datetime(2026, 1, 1), datetime(2120, 1, 1)),  # noqa: DTZ001 -- UTC is added
    seed=st.integers(0, 2**32),
)
async def test_a_registration_by_its_pattern_is_the_one_that_would_have_been_planned(
    number: int, scopes: list[str], metadata: dict[str, Any], now: datetime, seed: int
) -> None:
    """Byte for byte, and so is its answer; whatever was asked for, said and drawn, and whenever."""
    context = contexts()[number]
    records: Any = context.records
    now = now.replace(microsecond=0, tzinfo=UTC)
    metadata = {"scope": " ".join(dict.fromkeys([CLIENT_ADMIN, *scopes]))} | metadata

    async def written(context: Context) -> tuple[bytes, ...]:
        made = await register(context.drawing_from(Foreseeable(seed)), metadata, now=now)
        return made.answer, *records.arguments

    one_by_one = await written(context.keeping_in(records, context.library))
    assert records.planned
    for _ in range(WORTH_IT - 1):
        await register(context, metadata, now=NOW)

    assert await written(context) == one_by_one
    assert not records.planned


async def test_a_registration_with_a_file_is_planned_by_itself() -> None:
    """Its file has to be stored before it, and forgotten when it does not come about."""
    context = contexts()[0]
    records: Any = context.records
    metadata = METADATA | {"scope": f"{CLIENT_ADMIN} ple_customer_data", "cds_company_logo": b64encode(png()).decode()}

    for _ in range(WORTH_IT + 1):
        await register(context, metadata, now=NOW)
        assert records.planned


def specimen(letter: str, day: int, description: str = "") -> Specimen:
    """A change that makes a Message, and what is different in it from others of its kind."""
    registration_id, local, now = f"00{letter}registration"[:14], f"m{letter}object", NOW + timedelta(days=day)
    change = Change(registration_id, now)
    message_id = f"{registration_id}-{local}"
    uri = f"{BASE}/cds-api/v1/messages/{message_id}"
    times = {"created": now, "modified": now}
    change.create(make_message(registration_id, message_id=message_id, uri=uri, description=description, **times))
    return Specimen(Filling(registration_id, now, [registration_id, local], [], Said({}, {})), change, b"")


@pytest.mark.parametrize("unlike", [("a", "b"), ("1790000000", "1790000001"), ("", "2026-06-01T12:00:00Z")])
def test_changes_that_differ_in_more_than_their_fillings_have_no_pattern(unlike: tuple[str, str]) -> None:
    """A random text from elsewhere, a number that is no time of theirs, a time that only one of them has."""
    patterns = RedisPatterns(records_nowhere())

    assert patterns.pattern(specimen("x", 1), specimen("y", 3))
    assert patterns.pattern(specimen("x", 1, "5551234567"), specimen("y", 3, "5551234567"))
    assert patterns.pattern(specimen("x", 1, unlike[0]), specimen("y", 3, unlike[1])) is None


def test_changes_in_which_two_gaps_cannot_be_told_apart_have_no_pattern() -> None:
    one, other = specimen("x", 1), specimen("y", 3)
    twice = dataclasses.replace(one.filling, texts=[*one.filling.texts, one.filling.texts[1]])
    last = dataclasses.replace(other.filling, texts=[*other.filling.texts, "another"])

    assert RedisPatterns(records_nowhere()).pattern(one._replace(filling=twice), other._replace(filling=last)) is None


def test_what_is_drawn_at_once_is_like_what_is_drawn_by_itself() -> None:
    """Each of its own, in the same characters and as long."""
    chance = Randomness()
    registration_id = chance.registration_id()
    made = chance.several(["m", CLIENT_SECRET, LINK_KEY, "c", CLIENT_SECRET])

    assert len(set(made)) == len(made)
    assert [local_id(f"{registration_id}-{one}") for one in (made[0], made[3])] == [
        (registration_id, made[0]),
        (registration_id, made[3]),
    ]
    assert [len(made[0]), made[0][0], made[3][0]] == [11, "m", "c"]
    for one in (made[1], made[4], f"cdscs_{made[2]}"):
        assert re.fullmatch("cdscs_[A-Za-z0-9_-]{43}", one)
        assert len(one) == len(chance.client_secret())


def test_only_kinds_that_are_asked_for_again_and_again_get_a_pattern() -> None:
    """So nobody makes us work out patterns by asking for something else each time."""
    nowhere: Any = None
    patterns, made = Patterns(nowhere), []

    def make(_store: object) -> str:
        made.append("pattern")
        return "pattern"

    for _ in range(WORTH_IT):
        for kind in range(MOST_KINDS + 1):
            assert patterns.get(kind, make) is None
    assert not made

    answers = [patterns.get("usual", make) for _ in range(WORTH_IT + 1)]

    assert answers == [None, None, "pattern", "pattern"]
    assert made == ["pattern"]
