"""Seals every stored client_secret with the first key of now, while servers go on reading and writing.

Each secret is exchanged only if it still is what was read, so a change that comes between is never lost; what was done
stays done, so that a pass that was interrupted can simply begin again.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from app.crypto.sealing import Sealer
from app.errors import ServerError
from app.store import keys
from app.store.connection import Connection, Script
from app.store.registrations import pages, together

SCRIPTS = (Script.load("reseal", writes=True),)

SEALED: Final = "$"
"""How the fields of `:o` end that hold a sealed client_secret."""

_SCAN_COUNT: Final = 500


@dataclass(slots=True)
class Pass:
    """What a pass has seen and done so far."""

    registrations: int = 0
    secrets: int = 0
    resealed: int = 0
    unreadable: int = 0
    """Secrets that no key opens; they stay as they are."""
    overtaken: int = 0
    """Secrets that somebody else changed meanwhile."""


async def reseal(
    connection: Connection,
    sealer: Sealer,
    batches: AsyncIterator[list[str]],
    *,
    progress: Callable[[Pass], None],
) -> Pass:
    """Seal with the first key whatever is sealed with another one.

    Args:
        connection: With the scripts of this module loaded.
        sealer: Has all keys that may have been used.
        batches: The prefixes of the registrations to look at; webhooks are looked at besides.
        progress: Told after every batch.

    Raises:
        StoreUnavailable: The store does not answer; begin again.
    """
    done = Pass()

    async def one(prefix: str) -> None:
        done.registrations += 1
        await _reseal_one(connection, sealer, prefix, done)

    await _reseal_one(connection, sealer, keys.WEBHOOKS, done)
    async for batch in batches:
        await together(one, batch)
        progress(done)
    return done


async def _reseal_one(connection: Connection, sealer: Sealer, prefix: str, done: Pass) -> None:
    options = ("MATCH", f"*{SEALED}", "COUNT", _SCAN_COUNT)
    async for fields in pages(connection, "HSCAN", f"{prefix}:o", *options):
        done.secrets += len(fields)
        exchanges = _exchanges(sealer, prefix, fields, done)
        if exchanges:
            exchanged = await connection.run("reseal", [prefix], *exchanges)
            done.resealed += exchanged
            done.overtaken += len(exchanges) // 3 - exchanged


def _exchanges(sealer: Sealer, prefix: str, fields: list[tuple[bytes, bytes]], done: Pass) -> list[str | bytes]:
    """Field, old and new value of each secret that is to be sealed anew, as `reseal.lua` wants them."""
    registration_id = keys.registration_id(prefix)
    found: list[str | bytes] = []
    for field, old in fields:
        sealed = old.decode()
        if not sealer.needs_rotation(sealed):
            continue
        credential_id = f"{registration_id}-{field.decode().removesuffix(SEALED)}"
        try:
            new = sealer.seal(sealer.open(sealed, credential_id=credential_id), credential_id=credential_id)
        except ServerError:
            done.unreadable += 1
        else:
            found += [field, old, new]
    return found


async def unfinished(connection: Connection) -> str | None:
    """The kid of the key with which a rotation began that has not come to its end."""
    kid: bytes | None = await connection.command("GET", keys.ROTATION)
    return kid.decode() if kid else None


async def begin(connection: Connection, kid: str) -> None:
    """Note that a rotation has begun."""
    await connection.command("SET", keys.ROTATION, kid, writes=True)


async def finish(connection: Connection) -> None:
    """Note that it came to its end."""
    await connection.command("DEL", keys.ROTATION, writes=True)
