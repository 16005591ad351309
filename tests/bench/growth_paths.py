"""What is asked of a service while it grows: the requests, packed, and a caller that says how long an answer took."""

import asyncio
import base64
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, urlencode, urlsplit

from app.crypto.sealing import Sealer
from app.domain.records import Access, Cursor, Listing
from app.main import SCRIPTS
from app.schemas.credentials import Credential
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Registration
from app.store import keys
from app.store.connect import connect
from app.store.connection import Connection
from app.store.directory import RedisDirectory
from app.store.documents import Documents
from app.store.records import RedisRecords
from app.web.paging import cursor_text
from tests.bench.load import ADJECTIVES, ADMIN_SCOPE, GRID_SCOPE, KINDS, LEAN, MARKS, about

SAMPLED: Final = 300
"""Registrations that are asked about in turn, so that what one has left in a processor's cache helps none of them."""

API: Final = "/cds-api/v1"
OPERATOR: Final = "/operator/api/v1"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    seconds: float


class Caller:
    """Sends packed requests over one connection, one after the other."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> Answer:
        """Send one and wait for all of its answer.

        Raises:
            ConnectionError: There is none.
        """
        start = time.perf_counter()
        self._socket.sendall(request)
        found = self._more(b"")
        while (end := found.find(b"\r\n\r\n")) < 0:
            found = self._more(found)
        head = found[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(found) < end + 4 + length:
            found = self._more(found)
        return Answer(int(head.split(None, 2)[1]), found[end + 4 :], time.perf_counter() - start)

    def _more(self, found: bytes) -> bytes:
        some = self._socket.recv(1_000_000)
        if not some:
            raise ConnectionError("the server has hung up")
        return found + some

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def get(target: str, authorization: str = "") -> bytes:
    """A packed GET."""
    return _packed("GET", target, authorization)


def post(target: str, authorization: str, content_type: str, body: bytes, method: str = "POST") -> bytes:
    """A packed request with a body."""
    return _packed(method, target, authorization, f"Content-Type: {content_type}\r\n", body)


def _packed(method: str, target: str, authorization: str, more: str = "", body: bytes | None = None) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}"
    if authorization:
        head += f"Authorization: {authorization}\r\n"
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


@dataclass(frozen=True, slots=True)
class Path:
    """Requests of one kind, to be sent in turn."""

    name: str
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Known:
    """A registration with what its Client knows about it."""

    registration_id: str
    client_secret: str
    name: str

    @property
    def basic(self) -> str:
        """How it authenticates at the token endpoint."""
        return "Basic " + base64.b64encode(f"{self.registration_id}:{self.client_secret}".encode()).decode()

    def token_request(self) -> bytes:
        """For an access token with the admin scope."""
        return _form("/oauth/token", self.basic, grant_type="client_credentials", scope=ADMIN_SCOPE)

    def bearer(self, caller: Caller) -> str:
        """How it authenticates everywhere else."""
        return "Bearer " + str(json.loads(expect(caller, self.token_request()).body)["access_token"])


def expect(caller: Caller, request: bytes) -> Answer:
    """The answer to a request that has to succeed.

    Raises:
        SystemExit: It did not.
    """
    answer = caller.ask(request)
    if answer.status >= 400:
        raise SystemExit(f"{request.partition(b' HTTP')[0].decode()}: {answer.status} {answer.body.decode()[:300]}")
    return answer


def _form(target: str, authorization: str, **fields: str) -> bytes:
    return post(target, authorization, "application/x-www-form-urlencoded", urlencode(fields).encode())


class Store:
    """A loaded store, read without a server."""

    def __init__(self, connection: Connection, base: str, sealer: Sealer) -> None:
        self.records = RedisRecords(connection, Documents(base), sealer)
        self.directory = RedisDirectory(self.records)

    @classmethod
    @asynccontextmanager
    async def opened(cls, store_url: str, base: str, sealer: Sealer) -> AsyncIterator[Self]:
        """On a connection of its own."""
        store = await connect(store_url)
        connection = Connection(store.client, answer_seconds=60)
        try:
            await connection.load(SCRIPTS)
            yield cls(connection, base, sealer)
        finally:
            await connection.close()
            await store.close()

    async def sample(self, count: int) -> list[Known]:
        """So many registrations from anywhere, all of them when there are no more."""
        found: dict[str, None] = {}
        each = -(-count // len(keys.SHARDS)) + 1
        for shard in random.sample(keys.SHARDS, len(keys.SHARDS)):
            after = shard + random.choice("abcdefghijklmnop")  # noqa: S311 -- any will do
            some = await self.directory.registration_ids(shard, after=after, limit=each)
            some = some or await self.directory.registration_ids(shard, limit=each)
            found |= dict.fromkeys(some)
        return list(await asyncio.gather(*(self.known(one) for one in list(found)[:count])))

    async def known(self, registration_id: str) -> Known:
        """What its Client knows."""
        access = Access(registration_id, datetime.now(UTC))
        registration, credentials = await self.records.pages(access, Listing(Registration), Listing(Credential))
        about_it = json.loads(registration.documents[0])
        secrets = [json.loads(one) for one in credentials.documents]
        secret = next(one["client_secret"] for one in secrets if one["client_id"] == registration_id)
        return Known(registration_id, secret, about_it["client_metadata"]["client_name"])

    async def middle(self, registration_id: str, index: str, size: int) -> str:
        """The cursor of a page in the middle of a listing of `size` objects."""
        key = f"{keys.prefix(registration_id)}:i:{index}"
        found = await self.records.connection.command("ZREVRANGE", key, size // 2, size // 2, "WITHSCORES")
        position = int(float(_flat(found)[1])) if found else 0
        return cursor_text(Cursor(position, newer=False))


def _flat(found: Any) -> list[Any]:
    """Member and score of one entry, however redis-py lays them out."""
    return list(found[0]) if isinstance(found[0], (list, tuple)) else list(found)


def of_registrations(caller: Caller, clients: Sequence[Known], operator: str) -> list[Path]:
    """What is asked whose cost must not depend on how many registrations there are."""
    bearers = [one.bearer(caller) for one in clients]
    pairs = list(zip(clients, bearers, strict=True))
    message = about(("Growth", MARKS[1]), LEAN)
    middle = json.loads(expect(caller, get(f"{OPERATOR}/registrations", operator)).body)["next"]
    once = [
        ("registrations", "/registrations"),
        *([("registrations, second page", "/registrations?" + urlsplit(middle).query)] if middle else []),
        ("registrations of a status and scope", f"/registrations?status=active&scope={ADMIN_SCOPE}&onboarding=false"),
        ("search, a common word", f"/registrations?q={KINDS[0]}"),
        ("search, two common words", f"/registrations?q={ADJECTIVES[0]}+{KINDS[0]}"),
        ("search, nothing", "/registrations?q=nothing+at+all"),
        ("inbox", "/messages?status=waiting"),
        ("outstanding Messages", "/messages"),
        ("Grants", "/grants"),
        ("overview", "/overview"),
    ]
    return [
        Path("server metadata", [get("/.well-known/cds-server-metadata.json")]),
        Path("token", [one.token_request() for one in clients]),
        Path(
            "introspection",
            [_form("/oauth/introspect", one.basic, token=bearer.removeprefix("Bearer ")) for one, bearer in pairs],
        ),
        Path("one client", [get(f"{API}/clients/{one.registration_id}", bearer) for one, bearer in pairs]),
        Path("list of clients", [get(f"{API}/clients", bearer) for bearer in bearers]),
        Path("Credentials", [get(f"{API}/credentials", bearer) for bearer in bearers]),
        Path("Messages", [get(f"{API}/messages", bearer) for bearer in bearers]),
        Path("Grants of one", [get(f"{API}/grants", bearer) for bearer in bearers]),
        Path(
            "operator: one registration",
            [get(f"{OPERATOR}/registrations/{one.registration_id}", operator) for one in clients],
        ),
        Path(
            "operator: search, a rare word",
            [get(f"{OPERATOR}/registrations?q={quote(one.name.split()[0])}", operator) for one in clients],
        ),
        *(Path(f"operator: {name}", [get(OPERATOR + target, operator)]) for name, target in once),
        Path("registration", [post("/oauth/register", "", "application/json", json.dumps(message).encode())]),
    ]


async def of_mailbox(caller: Caller, store: Store, known: Known, operator: str, size: int) -> list[Path]:
    """What is asked whose cost must not depend on how many Messages and Grants a registration has."""
    bearer, rid = known.bearer(caller), known.registration_id
    half = {
        name: await store.middle(rid, name, share)
        for name, share in (
            ("messages:unread", size * 4 // 5),
            ("grants", size),
            ("grants:status:active", size * 4 // 5),
        )
    }
    messages = [f"{API}/messages/{one}" for one in await _ids(store, rid, Message)]
    grants = [f"{API}/grants/{one}" for one in await _ids(store, rid, Grant)]
    one_ids = "+".join(one.rpartition("/")[2] for one in grants[:5])
    day = "2000-01-01T00:00:00Z"
    asked = {
        "Messages": "/messages",
        "Messages, a page in the middle": f"/messages?unread_cursor={half['messages:unread']}",
        "Grants": "/grants",
        "Grants, a page in the middle": f"/grants?cursor={half['grants']}",
        "Grants of a status": "/grants?statuses=active",
        "Grants of two statuses": "/grants?statuses=active+closed",
        "Grants of a status, in the middle": f"/grants?statuses=active&cursor={half['grants:status:active']}",
        "Grants of a status and scope": f"/grants?statuses=active&scopes={GRID_SCOPE}",
        "Grants of a status and scope that one has": f"/grants?statuses=active&scopes={ADMIN_SCOPE}",
        "Grants of a client, status and scope": f"/grants?statuses=active&scopes={GRID_SCOPE}&client_ids={rid}-1",
        "Grants by their ids": f"/grants?grant_ids={one_ids}",
        "Grants created after": f"/grants?after={day}",
        "Grants created before all": f"/grants?before={day}",
    }
    marks = [
        post(target, bearer, "application/json", b'{"read":%s}' % value, "PATCH")
        for target in messages[:20]
        for value in (b"true", b"false")
    ]
    return [
        *(Path(name, [get(API + target, bearer)]) for name, target in asked.items()),
        Path("one Message", [get(target, bearer) for target in messages]),
        Path("one Grant", [get(target, bearer) for target in grants]),
        Path("token", [known.token_request()]),
        Path("operator: the registration", [get(f"{OPERATOR}/registrations/{rid}", operator)]),
        Path("operator: its Messages", [get(f"{OPERATOR}/messages?registration_id={rid}&status=all", operator)]),
        Path("operator: its Grants", [get(f"{OPERATOR}/grants?registration_id={rid}", operator)]),
        Path("marking a Message as read", marks),
    ]


async def _ids(store: Store, registration_id: str, kind: type[Any]) -> list[str]:
    """The ids of the newest hundred."""
    found = await store.records.find(Access(registration_id, datetime.now(UTC)), Listing(kind))
    return [one.object.message_id if kind is Message else one.object.grant_id for one in found]
