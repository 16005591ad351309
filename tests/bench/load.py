"""Fills a store with registrations of the demo utility: `python -m tests.bench.load 10000 --store redis://localhost`.

Four of them are made by the domain as requests would make them, the others are copies (see `tests.bench.copies`). The
store ends up as it would after as many requests: each can be read through the API with a secret of its own, and all
indexes have it. Only the events are left out, as if whatever follows them had been done with them long ago.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from app.catalog import load_catalog
from app.crypto.jwk_sets import written_keys
from app.crypto.sealing import Sealer
from app.crypto.secret_keys import SETTING, new_key, parse_keys
from app.domain.context import Context
from app.domain.records import Change, Records
from app.domain.registration import Registered, register
from app.main import SCRIPTS, Parts, build_state
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType
from app.settings import Settings
from app.store.connect import connect
from app.store.connection import Connection
from app.store.records import RedisRecords
from tests.bench.copies import Press, Template, template_of
from tests.bench.scenarios import REQUIRED_FIELDS, SIX_OBJECTS
from tests.factories import BASE, NOW, make_grant, make_message

TOGETHER = 100
"""Messages, and Grants, that are written to a mailbox in one change."""

ADJECTIVES = ("Bold", "Calm", "Deep", "Easy", "Fair", "Good", "High", "Just", "Keen", "Long", "Mild")
NOUNS = ("Barn", "Cape", "Dike", "Echo", "Ford", "Gale", "Hill", "Isle", "Lake", "Moor", "Oaks", "Pier")
KINDS = (
    *("Commerce", "Electric", "Holdings", "Industry", "Mobility"),
    *("Networks", "Partners", "Services", "Software", "Ventures"),
)
"""Of equal length, as what is exchanged in a copy has to be (see `tests.bench.copies`)."""

MARKS = ("Qqqqzzzz0000000", "Qqqqqqqq")
"""The two words of the name of a template."""

ADMIN_SCOPE, GRID_SCOPE = "cds_client_admin", "ple_grid_status"


@dataclass(frozen=True, slots=True)
class Kind:
    """What registrations are like."""

    scope: str
    letters: int
    """Messages beside those that the utility sends. The first of them is a question in every fourth registration."""


FULL = Kind(SIX_OBJECTS, letters=3)
"""One with all scopes of the demo utility: five Client Objects, ten Messages."""

LEAN = Kind(ADMIN_SCOPE, letters=1)
"""The smallest that there is: one Client Object, one Credential, one Grant; two Messages."""


class _Sealed(Sealer):
    """Remembers what became of each client_secret."""

    def __init__(self) -> None:
        super().__init__([new_key()])
        self.by_credential: dict[str, str] = {}

    def seal_all(self, secrets: Sequence[tuple[str, str]]) -> list[str]:
        """See `Sealer.seal_all`."""
        sealed = super().seal_all(secrets)
        self.by_credential |= {credential_id: one for (credential_id, _), one in zip(secrets, sealed, strict=True)}
        return sealed


class _Extending:
    """Adds Messages to a registration on its way into the store, and remembers all that it consists of."""

    change: Change

    def __init__(self, records: Records, letters: int, *, asked: bool) -> None:
        self._records = records
        self._letters = letters
        self._asked = asked

    async def apply(self, change: Change) -> None:
        """See `Records.apply`."""
        for number in range(self._letters):
            letter = _letter(change.registration_id, change.now, asked=self._asked and number == 0)
            change.create(letter, MessageInternal())
        change.events.clear()
        self.change = change
        await self._records.apply(change)


def context_on(connection: Connection, **settings: str) -> Context:
    """What the domain needs, on a connection with our scripts."""
    environ = {"CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:", "CDS_PUBLIC_URL": BASE} | settings
    return build_state(Settings.from_environment(environ), load_catalog(None), connection, Parts())["context"]


async def template(kind: Kind, *, asked: bool, now: datetime = NOW) -> Template:
    """A registration as the domain makes it, in a store of its own; one that `asked` has a question for operators."""
    store = await connect("memory:")
    connection = Connection(store.client)
    await connection.load(SCRIPTS)
    context = context_on(connection)
    assert isinstance(context.records, RedisRecords)
    sealed = _Sealed()
    extending = _Extending(RedisRecords(connection, context.records.documents, sealed), kind.letters, asked=asked)
    anything: Any = extending  # `register` only writes
    await register(context.keeping_in(anything, context.library), about(MARKS, kind), now=now)
    try:
        return await template_of(store.client, extending.change, MARKS, sealed.by_credential)
    finally:
        await connection.close()
        await store.close()


async def load(
    store_url: str,
    count: int,
    *,
    sealer: Sealer,
    kind: Kind = FULL,
    first: int = 0,
    now: datetime = NOW,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Write so many registrations, one per second of the past up to `now`, numbered from `first` on.

    Args:
        store_url: As `CDS_STORE_URL`, of one server.
        count: How many.
        sealer: For their secrets, with a key of whoever is to serve them.
        kind: What they are like.
        first: The number of the first one.
        now: When that one was made, if it is number 0.
        tell: Told how many there are, again and again.
    """
    templates = [await template(kind, asked=number == 0) for number in range(4)]
    press = Press(store_url)
    for number in range(first, first + count):
        made = now - timedelta(seconds=number)
        press.put(templates[number % 4].copy(name_of(number), made, sealer))
        if (number - first) % 1000 == 999:
            tell(number - first + 1)
    press.close()
    tell(count)


def about(name: Sequence[str], kind: Kind) -> dict[str, Any]:
    """What a registration request says."""
    fields = {
        "scope": kind.scope,
        "client_name": " ".join(name),
        "client_uri": f"https://{name[0].lower()}.example/",
        "contacts": [f"team@{name[0].lower()}.example"],
    }
    required = REQUIRED_FIELDS | {"cds_company_name": f"{' '.join(name)} Ltd"} if kind.scope == SIX_OBJECTS else {}
    return fields | required


def name_of(number: int) -> tuple[str, str]:
    """The two words of a name: the first nobody else has, the second is that of every tenth registration."""
    adjective, noun = ADJECTIVES[number % 11], NOUNS[number // 11 % 12]
    return f"{adjective}{noun}{number:07}", KINDS[number // 132 % 10]


async def fill(context: Context, size: int, *, now: datetime = NOW) -> Registered:
    """Write a registration with so many Messages and as many Grants.

    Of five Messages three are unread, one has been read, one is a question of the Client that waits for an answer. Of
    five Grants four are active, for one Client Object and scope, and one is closed, for another: so only the Grant that
    a registration begins with has both the status of some and the scope of the others.
    """
    registered = await register(context, about(("Full", "Mailbox"), Kind(f"{ADMIN_SCOPE} {GRID_SCOPE}", 0)), now=now)
    registration_id = registered.client_id
    for start in range(0, size, TOGETHER):
        change = Change(registration_id, now)
        for number in range(start, min(start + TOGETHER, size)):
            at = now - timedelta(seconds=number)
            change.create(_mail(registration_id, number, at), MessageInternal())
            change.create(_grant(registration_id, number, at), GrantInternal())
        await context.records.apply(change)
    return registered


def _mail(registration_id: str, number: int, at: datetime) -> Message:
    letter = _letter(registration_id, at, asked=number % 5 == 0)
    return replace(letter, read=number % 5 == 1)


def _grant(registration_id: str, number: int, at: datetime) -> Grant:
    closed = number % 5 == 0
    scope = ADMIN_SCOPE if closed else GRID_SCOPE
    return make_grant(
        registration_id if closed else f"{registration_id}-1",
        created=at,
        modified=at,
        scope=scope,
        status=GrantStatus.CLOSED if closed else GrantStatus.ACTIVE,
        enabled_scope="" if closed else scope,
    )


def _letter(registration_id: str, at: datetime, *, asked: bool) -> Message:
    text = "The data of last month for two of our customers arrived later than announced. " * 4
    letter = make_message(registration_id, name="Late data", description=text, created=at, modified=at)
    if not asked:
        return letter
    return replace(letter, type=MessageType.SUPPORT_REQUEST, status=MessageStatus.PENDING, creator=registration_id)


async def main() -> None:
    """Load what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load")
    parser.add_argument("count", type=int)
    parser.add_argument("--store", required=True, help="as CDS_STORE_URL")
    parser.add_argument("--secret-keys", default="", help="as CDS_SECRET_KEYS, if their secrets are to open anything")
    parser.add_argument("--lean", action="store_true", help="the smallest registrations that there are")
    parser.add_argument("--first", type=int, default=0, help="the number of the first, when there are others already")
    options = parser.parse_args()
    keys = parse_keys(written_keys(options.secret_keys, SETTING), SETTING) if options.secret_keys else [new_key()]
    start = time.perf_counter()

    def tell(done: int) -> None:
        if done % 10_000 == 0 or done == options.count:
            sys.stdout.write(f"{done:,} registrations, {done / (time.perf_counter() - start):,.0f} a second\n")

    now = datetime.now(UTC).replace(microsecond=0)
    kind = LEAN if options.lean else FULL
    await load(options.store, options.count, sealer=Sealer(keys), kind=kind, first=options.first, now=now, tell=tell)


if __name__ == "__main__":
    asyncio.run(main())
