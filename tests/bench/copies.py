"""Copies of registrations, many of them quickly: the commands that would write their keys, with other ids in them.

A registration is made by the domain in a store of its own. What it wrote there is turned into plain commands, packed
once; a copy is the same bytes with an id, a name, a time and secrets of its own, all as long as those that they
replace. So a copy costs a twentieth of a registration, and whatever reads the store cannot tell the two apart.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hiredis import pack_command
from redis import Redis
from redis.exceptions import RedisError

from app.crypto.sealing import Sealer
from app.crypto.tokens import Randomness, digest
from app.domain.records import Change
from app.domain.standing_grants import standing_key
from app.schemas.credentials import Credential
from app.schemas.grants import Grant
from app.store import keys

BYTES_AT_ONCE: Final = 1_000_000
_NOT_COPIED: Final = (b":n:", b":events")
"""What is in the names of keys that are of a moment, or have been taken care of."""

_WRITTEN: Final = "%Y-%m-%dT%H:%M:%SZ"
_random = Randomness()


@dataclass(frozen=True, slots=True)
class Secret:
    """A client_secret as it is kept: its digest and what is sealed."""

    credential_id: str
    digest: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Template:
    """The commands that write a registration, and what in them is its own."""

    packed: bytes
    registration_id: str
    names: tuple[str, ...]
    made: datetime
    grants: tuple[Grant, ...]
    """Those that are found by what they were asked for, for which they need a key."""
    secrets: tuple[Secret, ...]

    def copy(self, names: Sequence[str], made: datetime, sealer: Sealer) -> bytes:
        """The commands that write another one, of other names and of another second."""
        registration_id = _random.registration_id()
        packed = self.packed
        for old, new in self._replacements(registration_id, names, made, sealer):
            if len(old) != len(new):
                message = f"{old!r} cannot become {new!r}, which is not as long"
                raise ValueError(message)
            packed = packed.replace(old, new)
        return packed

    def _replacements(
        self, registration_id: str, names: Sequence[str], made: datetime, sealer: Sealer
    ) -> Iterator[tuple[bytes, bytes]]:
        """Old and new, each time the longer one before what it contains."""
        for secret in self.secrets:
            yield from _other_secret(secret, registration_id, sealer)
        for grant in self.grants:
            client_id = registration_id + grant.client_id[len(registration_id) :]
            old, new = (
                standing_key(one, grant.scope, grant.authorization_details) for one in (grant.client_id, client_id)
            )
            yield old.encode(), new.encode()
        yield keys.prefix(self.registration_id).encode(), keys.prefix(registration_id).encode()
        yield keys.shard(self.registration_id[:2]).encode(), keys.shard(registration_id[:2]).encode()
        yield self.registration_id.encode(), registration_id.encode()
        for before, after in zip(self.names, names, strict=True):
            yield before.encode(), after.encode()
            yield before.lower().encode(), after.lower().encode()
        yield f"{self.made:{_WRITTEN}}".encode(), f"{made:{_WRITTEN}}".encode()
        yield str(int(self.made.timestamp())).encode(), str(int(made.timestamp())).encode()


def _other_secret(secret: Secret, registration_id: str, sealer: Sealer) -> Iterator[tuple[bytes, bytes]]:
    credential_id = registration_id + secret.credential_id[len(registration_id) :]
    plain = _random.client_secret()
    yield secret.sealed, sealer.seal(plain, credential_id=credential_id).encode()
    yield secret.digest.encode(), digest(plain).encode()


async def template_of(client: Any, change: Change, names: tuple[str, ...], sealed: Mapping[str, str]) -> Template:
    """What the one change in a store has written there.

    Args:
        client: An asyncio client of redis-py for that store.
        change: The one that made a registration.
        names: Texts that are to be others in a copy.
        sealed: What each client_secret became, by credential_id.
    """
    commands = [command async for command in _commands(client)]
    made: list[tuple[Any, Any]] = [(put.object, put.internal) for put in change.puts]
    return Template(
        packed=b"".join(pack_command(command) for command in commands),
        registration_id=change.registration_id,
        names=names,
        made=change.now,
        grants=tuple(item for item, internal in made if isinstance(item, Grant) and internal.standing),
        secrets=tuple(
            Secret(item.credential_id, internal.digest, sealed[item.credential_id].encode())
            for item, internal in made
            if isinstance(item, Credential)
        ),
    )


async def _commands(client: Any) -> AsyncIterator[tuple[Any, ...]]:
    """Commands that would write what is in a store."""
    for key in sorted([key async for key in client.scan_iter()]):
        if any(part in key for part in _NOT_COPIED):
            continue
        match (await client.type(key)).decode():
            case "hash":
                fields = await client.hgetall(key)
                yield b"HSET", key, *(part for pair in fields.items() for part in pair)
            case "zset":
                entries = await client.zrange(key, 0, -1, withscores=True)
                yield b"ZADD", key, *(part for member, score in entries for part in (b"%d" % int(score), member))
            case "string":
                yield b"SET", key, await client.get(key)
            case other:
                message = f"{key!r} is a {other}, which nothing of a registration has been so far"
                raise ValueError(message)


class Press:
    """Writes copies into a store of one server.

    Args:
        store_url: As `CDS_STORE_URL`, of one server.
    """

    def __init__(self, store_url: str) -> None:
        path = store_url.removeprefix("unix:")
        self._client = Redis(unix_socket_path=path) if path != store_url else Redis.from_url(store_url)
        self._connection: Any = self._client.connection_pool.get_connection()
        self._waiting: list[bytes] = []

    def put(self, packed: bytes) -> None:
        """Send commands some time soon."""
        self._waiting.append(packed)
        if sum(map(len, self._waiting)) >= BYTES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Send what is waiting; the store answers once.

        Raises:
            RedisError: It refused something since the last time.
        """
        before = self._refused()
        switches = [b"CLIENT REPLY OFF\r\n", b"CLIENT REPLY ON\r\n"]
        self._connection.send_packed_command([switches[0], *self._waiting, switches[1]])
        self._connection.read_response()
        self._waiting = []
        if self._refused() != before:
            raise RedisError("the store refused commands that write copies")

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        self._connection.disconnect()
        self._client.close()

    def _refused(self) -> int:
        errors: int = self._client.info("stats")["total_error_replies"]
        return errors
