"""`cds-server keys rotate` and `reindex`: what an operator does to the store now and then, while servers run."""

import asyncio
import contextlib
import getpass
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from joserfc.jwk import OctKey

from app.crypto import key_files, signing_rotation
from app.crypto.sealing import Sealer
from app.crypto.secret_keys import HOW_TO_MAKE_ONE, load_secret_keys, new_key
from app.domain.feed import Actor
from app.domain.operators import Role
from app.errors import ConfigurationError
from app.settings import Settings
from app.store import registrations, rotation
from app.store import reindex as reindexing
from app.store.connect import StoreConnection, connect
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.schema import VERSION, require_compatible, settle

SETTLE_SECONDS: Final = 30.0
"""How long a change may be under way in a server that sealed a secret just before it saw the new key: longer than the
store connection waits and tries again."""

_PROGRESS_SECONDS: Final = 2.0
_SETTLE_ROUNDS: Final = 3
_PROBLEMS_TOLD: Final = 10

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a rotation is to do: add a key first, drop keys that nothing needs any more afterwards."""

    secret_keys: bool = True
    signing_keys: bool = True
    new_key: bool = True
    forget_old: bool = False
    settle_seconds: float = SETTLE_SECONDS
    lead_seconds: int = signing_rotation.LEAD_SECONDS


async def rotate(settings: Settings, wishes: Wishes, tell: Tell) -> bool:
    """Rotate the keys that seal what is stored and those that sign tokens; whether all went well.

    Raises:
        ConfigurationError: The keys are not ours to change, or the settings or the store do not fit.
        StoreUnavailable: The store does not answer; what was done is done, and the next call goes on.
    """
    path = signing_rotation.file_to_rotate(settings) if wishes.signing_keys else None
    if wishes.secret_keys and not await rotate_secret_keys(settings, wishes, tell):
        return False
    if path:
        signing_rotation.rotate(
            path,
            now=datetime.now(UTC),
            access_token_ttl_seconds=settings.access_token_ttl_seconds,
            add=wishes.new_key,
            tell=tell,
            lead_seconds=wishes.lead_seconds,
        )
    elif not wishes.secret_keys:
        tell("There is no file of signing keys to rotate.")
    return True


async def rotate_secret_keys(settings: Settings, wishes: Wishes, tell: Tell) -> bool:
    """Put a new key in front and seal every stored client_secret with it; whether all of them could be.

    Args:
        settings: Of the installation.
        wishes: What to do.
        tell: Told in sentences how it goes.

    Raises:
        ConfigurationError: The keys are not ours to change, or the settings or the store do not fit.
        StoreUnavailable: The store does not answer; what was done is done, and the next call goes on.
    """
    path = key_files.keys_path(settings)
    if path is None and wishes.new_key:
        raise ConfigurationError([how_to_add_a_key(settings)])
    require_store(settings)
    keys = load_secret_keys(settings)
    async with contextlib.AsyncExitStack() as stack:
        if path and (wishes.new_key or wishes.forget_old):
            stack.enter_context(key_files.changing(path))
            keys = load_secret_keys(settings)
        store, connection = await stack.enter_async_context(opened(settings))
        if path and wishes.new_key:
            keys = await with_new_key(connection, path, keys, tell)
        await rotation.begin(connection, str(keys[0].kid))
        if (await reseal(connection, keys, registrations.listed(connection), tell)).unreadable:
            return False
        if wishes.forget_old and not await forget_old(store, connection, path, keys, wishes.settle_seconds, tell):
            return False
        await rotation.finish(connection)
    return True


async def reindex(settings: Settings, tell: Tell) -> bool:
    """Rebuild every index of every registration from the documents; whether all of these could be read.

    Raises:
        ConfigurationError: The settings or the store do not fit.
        StoreUnavailable: The store does not answer; what was done is done.
    """
    require_store(settings)
    now_and_then = NowAndThen(tell)

    def progress(done: reindexing.Progress) -> None:
        now_and_then(f"{many(done.objects, 'object')} and {many(done.indexes, 'index', 'indexes')} looked at ...")

    async with opened(settings) as (store, connection):
        documents = Documents(settings.public_url)
        done = await reindexing.Reindexer(store.client, connection, documents, progress).run()
        is_settled_now = not done.unreadable and await settle(connection)
    tell(
        f"{many(done.objects, 'object')} of {many(done.registrations, 'registration')} and "
        f"{many(done.indexes, 'index', 'indexes')} looked at, {many(done.mended, 'entry', 'entries')} put right."
    )
    if is_settled_now:
        tell(f"The store is settled on schema version {VERSION}: servers of the one before do not start any more.")
    for problem in done.unreadable[:_PROBLEMS_TOLD]:
        tell(f"Not an object of ours: {problem}")
    if done.unreadable:
        tell(f"{many(len(done.unreadable), 'object')} could not be read; nothing was done about them.")
    return not done.unreadable


@contextlib.asynccontextmanager
async def opened(settings: Settings, *, importing: bool = False) -> AsyncIterator[tuple[StoreConnection, Connection]]:
    """The store of the settings, also beside a running server; `importing` says that a half of it may be there.

    Raises:
        ConfigurationError: It does not suit.
        StoreUnavailable: It does not answer.
    """
    store = await connect(
        settings.store_url, wait_replicas=settings.store_wait_replicas, password_file=settings.store_password_file
    )
    connection = Connection(store.client, wait_replicas=store.wait_replicas)
    try:
        await connection.load((*rotation.SCRIPTS, *reindexing.SCRIPTS))
        await require_compatible(connection, importing=importing)
        yield store, connection
    finally:
        await connection.close()
        await store.close()


def require_store(settings: Settings) -> None:
    """Refuse to make an empty store where one was expected. Raises ConfigurationError."""
    kind, _, rest = settings.store_url.partition(":")
    if kind == "memory":
        raise ConfigurationError(
            ["CDS_STORE_URL is memory:, which ends with the server and has nothing to look after."]
        )
    directory = Path(rest.removeprefix("//"))
    if kind == "embedded" and not (directory / "owner.lock").exists():
        raise ConfigurationError([f"CDS_STORE_URL: there is no store in {directory.absolute()}."])


def somebody() -> Actor:
    """Who runs the command, for the audit log: whoever may do that on this machine may do everything."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # the user of a container often has no name; up to Python 3.12 that was a KeyError
        name = "unknown"
    return Actor(name=name, role=Role.ADMIN, via="cli")


def how_to_add_a_key(settings: Settings) -> str:
    """What to do where the command cannot change the keys itself."""
    if settings.secret_keys is None:
        return "CDS_STORE_URL is memory:, which ends with the server and has nothing to look after."
    return (
        "CDS_SECRET_KEYS holds the keys itself, so you have to add one. "
        f"{HOW_TO_MAKE_ONE.partition(' > ')[0]}  with a kid of its own. "
        'Put it last in "keys" of every server and restart them, then put it first and restart them again, '
        "and then run: cds-server keys rotate --no-new-key"
    )


async def with_new_key(connection: Connection, path: Path, keys: Sequence[OctKey], tell: Tell) -> tuple[OctKey, ...]:
    """The keys with a new first one, which is in the file then; an interrupted rotation goes on with its own."""
    if keys[0].kid == await rotation.unfinished(connection):
        tell(f"Going on with key {keys[0].kid}, whose rotation was interrupted.")
        return tuple(keys)
    every = (new_key(), *keys)
    key_files.replace_keys(path, every)
    tell(f"Key {every[0].kid} is the first in {path} now; running servers notice by themselves.")
    return every


async def reseal(
    connection: Connection, keys: Sequence[OctKey], batches: AsyncIterator[list[str]], tell: Tell
) -> rotation.Pass:
    """One pass, and what came of it."""
    now_and_then = NowAndThen(tell)

    def progress(done: rotation.Pass) -> None:
        now_and_then(f"{many(done.registrations, 'registration')} looked at, {done.resealed} secrets sealed again ...")

    done = await rotation.reseal(connection, Sealer(keys), batches, progress=progress)
    tell(
        f"{many(done.registrations, 'registration')} with {many(done.secrets, 'client secret')} looked at, "
        f"{done.resealed} sealed again with key {keys[0].kid}."
    )
    if done.unreadable:
        tell(
            f"{many(done.unreadable, 'client secret')} cannot be opened with any of the keys; nothing was done to them."
        )
    return done


def many(number: int, one: str, others: str = "") -> str:
    """`1 secret`, `2 secrets`, `3 indexes`."""
    return f"{number} {one if number == 1 else others or one + 's'}"


class NowAndThen:
    """Tells how far something has got, but not too often."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell it, unless something was told just before."""
        if time.monotonic() - self._last >= _PROGRESS_SECONDS:
            self._last = time.monotonic()
            self._tell(text)


async def forget_old(
    store: StoreConnection,
    connection: Connection,
    path: Path | None,
    keys: Sequence[OctKey],
    settle_seconds: float,
    tell: Tell,
) -> bool:
    """Drop every key but the first, once a further pass over all that is stored has found that nothing needs them."""
    if len(keys) == 1:
        tell("There is no old key to forget.")
        return True
    if not await is_settled(store, connection, keys, settle_seconds, tell):
        return False
    dropped = ", ".join(str(key.kid) for key in keys[1:])
    if path is None:
        tell(f"Nothing needs these keys any more, so you can take them out of CDS_SECRET_KEYS: {dropped}.")
        return True
    key_files.replace_keys(path, keys[:1])
    tell(f"Nothing needs these keys any more; they are gone from {path}: {dropped}.")
    return True


async def is_settled(
    store: StoreConnection, connection: Connection, keys: Sequence[OctKey], settle_seconds: float, tell: Tell
) -> bool:
    """Whether nothing is sealed with an old key any more, also by a server that was just about to."""
    for _ in range(_SETTLE_ROUNDS):
        tell(f"Waiting {settle_seconds:g} seconds for changes that are under way.")
        await asyncio.sleep(settle_seconds)
        done = await reseal(connection, keys, registrations.stored(store.client, ":o"), tell)
        if done.unreadable:
            return False
        if not done.resealed and not done.overtaken:
            return True
    tell("A server still seals with an old key, so the old keys stay. See that all servers have the same keys.")
    return False
