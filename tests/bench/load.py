"""Fills a store with registrations of the demo utility: `python -m tests.bench.load 10000 --store redis://localhost`.

A few registrations are made by the domain as requests would make them. Each is then written again and again under
other ids, names and times, by the script that writes all registrations, so that the store ends up as it would have.
Only their secrets open nothing, because they are sealed for the first one.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace as with_fields

from app.catalog import load_catalog
from app.crypto.sealing import Sealer
from app.crypto.secret_keys import new_key
from app.crypto.tokens import Randomness
from app.domain.records import Change
from app.domain.registration import register
from app.main import SCRIPTS, Parts, build_state
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType
from app.settings import Settings
from app.store import keys
from app.store.changes import Writer
from app.store.connect import connect
from app.store.connection import Connection
from app.store.records import RedisRecords
from tests.bench.scenarios import REQUIRED_FIELDS, SIX_OBJECTS
from tests.factories import BASE, NOW, make_message

TOGETHER = 200
"""Registrations that are written in one pipeline."""

LETTERS = 3
"""Messages that a registration has beside the seven that the demo utility sends."""

ADJECTIVES = ("Bright", "Clear", "Copper", "Dutch", "Early", "Fresh", "Golden", "Green", "Inner", "Joint", "Kind")
NOUNS = ("Barn", "Canal", "Delta", "Field", "Grid", "Harbor", "Island", "Lake", "Meadow", "Orchard", "River", "Valley")
KINDS = ("Analytics", "Cooperative", "Energy", "Labs", "Mobility", "Partners", "Power", "Software", "Solar", "Trading")

_NAME, _KIND, _HOST = "Qqname", "Qqkind", "qqhost"


class Template(NamedTuple):
    """What a registration writes."""

    registration_id: str
    plan: bytes
    fields: bytes


class _Captured:
    """Stands in for the store while templates are made."""

    change: Change

    async def apply(self, change: Change) -> None:
        """Keep it."""
        self.change = change


async def load(connection: Connection, count: int, *, tell: Callable[[int], None] = lambda _: None) -> None:
    """Write so many registrations, one per second of the past up to `NOW`, on a connection with our scripts."""
    made = [await _template(connection, waits=number == 0) for number in range(4)]
    for start in range(0, count, TOGETHER):
        numbers = range(start, min(start + TOGETHER, count))
        await asyncio.gather(*(_write(connection, made[one % len(made)], one) for one in numbers))
        tell(numbers[-1] + 1)


async def _template(connection: Connection, *, waits: bool) -> Template:
    """A registration with all scopes of the demo utility; in one that `waits`, questions wait for an operator."""
    settings = Settings.from_environment(
        {"CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:", "CDS_PUBLIC_URL": BASE}
    )
    context = build_state(settings, load_catalog(None), connection, Parts())["context"]
    assert isinstance(context.records, RedisRecords)
    writer = Writer(context.records.documents, Sealer([new_key()]))
    captured = _Captured()
    about = {
        "client_name": f"{_NAME} {_KIND}",
        "client_uri": f"https://{_HOST}.example/",
        "contacts": [f"team@{_HOST}.example"],
        "cds_company_name": f"{_NAME} {_KIND} Ltd",
    }
    stand_in = replace(context, records=captured)  # type: ignore[arg-type]  # only `apply` is called
    await register(stand_in, {"scope": SIX_OBJECTS} | REQUIRED_FIELDS | about, now=NOW)
    change = captured.change
    for number in range(LETTERS):
        change.create(_letter(change.registration_id, asked=waits and number == 0), MessageInternal())
    return Template(change.registration_id, *writer.arguments(change))


def _letter(registration_id: str, *, asked: bool) -> Message:
    text = "The data of last month for two of our customers arrived later than announced. " * 4
    letter = make_message(registration_id, name="Late data", description=text)
    if not asked:
        return letter
    return with_fields(letter, type=MessageType.SUPPORT_REQUEST, status=MessageStatus.PENDING, creator=registration_id)


async def _write(connection: Connection, template: Template, number: int) -> None:
    registration_id = Randomness().registration_id()
    prefix, shard = keys.prefix(registration_id), registration_id[:2]
    plan, fields = (_with_others(part, template, registration_id, number) for part in template[1:])
    await connection.run("apply", [prefix, keys.events(shard), keys.shard(shard)], plan, fields)


def _with_others(part: bytes, template: Template, registration_id: str, number: int) -> bytes:
    """The same under another id, name and time."""
    adjective, noun = ADJECTIVES[number % 11], NOUNS[number // 11 % 12]
    name, kind = f"{adjective}{noun}{number}", KINDS[number // 132 % 10]
    at = NOW - timedelta(seconds=number)
    for old, new in (
        (template.registration_id, registration_id),
        (_NAME, name),
        (_NAME.lower(), name.lower()),
        (_KIND, kind),
        (_KIND.lower(), kind.lower()),
        (_HOST, name.lower()),
        (_written(NOW), _written(at)),
        (str(int(NOW.timestamp())), str(int(at.timestamp()))),
    ):
        part = part.replace(old.encode(), new.encode())
    return part


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


async def main() -> None:
    """Load what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load")
    parser.add_argument("count", type=int)
    parser.add_argument("--store", required=True, help="as CDS_STORE_URL")
    options = parser.parse_args()
    store = await connect(options.store)
    connection = Connection(store.client, answer_seconds=60)
    await connection.load(SCRIPTS)
    start = time.perf_counter()

    def tell(done: int) -> None:
        if done % 10_000 == 0 or done == options.count:
            sys.stdout.write(f"{done:,} registrations, {done / (time.perf_counter() - start):,.0f} a second\n")

    await load(connection, options.count, tell=tell)
    await connection.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
