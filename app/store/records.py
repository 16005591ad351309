"""Registrations in Redis: the one implementation of `app.domain.records.Records`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from app.crypto.tokens import ADMIN, is_file_id, local_id
from app.domain.records import Access, AnyObject, Change, Cursor, Listing, Page, Stored, TokenFacts, Wanted
from app.errors import Conflict, InsufficientScope, InvalidToken, NotFound
from app.schemas.credentials import Credential
from app.schemas.encoding import decode, encode
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.registrations import Registration
from app.store import indexes, keys
from app.store.changes import Writer
from app.store.connection import Connection, Script
from app.store.documents import Documents, unknown_members

DUE_BATCH = 100
"""Grants that are brought up to date in one change."""

SCRIPTS = (
    Script.load("read", prelude="access"),
    Script.load("page", prelude="access"),
    Script.load("list", prelude="access"),
    Script.load("apply", prelude="happened words", writes=True),
    Script.load("due", writes=True),
)

_EXPIRED = "The access token is expired, revoked or unknown."


class Sealer(Protocol):
    """Encrypts client_secrets at rest (see `app.crypto.sealing`)."""

    def seal(self, plain: str, *, credential_id: str) -> str:
        """The text to store for one secret."""

    def seal_all(self, secrets: Sequence[tuple[str, str]]) -> list[str]:
        """The texts to store, for pairs of credential_id and secret."""

    def open(self, sealed: str, *, credential_id: str) -> str:
        """What was sealed for this Credential."""


class DueHook(Protocol):
    """Brings the Grants of a registration up to `now`; called before a read that would show them as they were."""

    async def __call__(self, registration_id: str, now: datetime) -> None:
        """Do it."""


class RedisRecords:
    """Reads and writes registrations; every method is one round trip.

    Args:
        connection: With the scripts of this module loaded.
        documents: Knows the public URL.
        sealer: For the client_secrets of Credentials.
    """

    def __init__(self, connection: Connection, documents: Documents, sealer: Sealer) -> None:
        self.connection = connection
        self.documents = documents
        self.sealer = sealer
        self.settle_due: DueHook | None = None
        self._writer = Writer(documents, sealer)

    async def document(self, access: Access, wanted: Wanted) -> bytes:
        """See `Records.document`."""
        local = _local(access.registration_id, wanted)
        names: tuple[str, ...] = ()
        if local:
            names = (local, local + "$") if wanted.kind is Credential else (local,)
        fields = await self.run_reading(access, "read", len(names), *names, grants=wanted.kind is Grant)
        if not local or fields[0] is None or not _is_kind(wanted.kind, local):
            raise NotFound("There is no such object.")
        return self._outgoing(wanted.kind, fields)

    async def load(self, access: Access, *wanted: Wanted) -> list[Stored[Any] | None]:
        """See `Records.load`."""
        locals_ = [_local(access.registration_id, one) for one in wanted]
        asked = [
            (one, local) for one, local in zip(wanted, locals_, strict=True) if local and _is_kind(one.kind, local)
        ]
        names = [local + suffix for _, local in asked for suffix in ("", "!")]
        positions = [(indexes.COLLECTIONS[one.kind].name, local) for one, local in asked]
        answer = await self._read(access, names, positions, grants=any(one.kind is Grant for one in wanted))
        found = {
            one: self.stored(one.kind, answer[2 * at], answer[2 * at + 1], answer[len(names) + at])
            for at, (one, _) in enumerate(asked)
        }
        return [found.get(one) for one in wanted]

    async def pages(self, access: Access, *listings: Listing) -> list[Page]:
        """See `Records.pages`."""
        if len(listings) == 1 and _is_plain(listings[0]):
            return [await self._plain_page(access, listings[0])]
        suffixes = [["", "$"] if listing.kind is Credential else [""] for listing in listings]
        pages = await self._listed(access, listings, suffixes)
        return [
            self._page(listing.kind, page, len(parts))
            for listing, page, parts in zip(listings, pages, suffixes, strict=True)
        ]

    async def _plain_page(self, access: Access, listing: Listing) -> Page:
        kind, cursor = listing.kind, listing.cursor
        towards_newer, edge = (int(cursor.newer), cursor.position) if cursor else (0, "")
        name = indexes.COLLECTIONS[kind].name
        documents, first, last = await self.run_reading(
            access, "list", name, listing.limit, towards_newer, edge, grants=kind is Grant
        )
        return Page(
            self.documents.expand(kind, documents),
            next=Cursor(int(last), newer=False) if last else None,
            previous=Cursor(int(first), newer=True) if first else None,
        )

    async def find(self, access: Access, listing: Listing) -> Sequence[Stored[Any]]:
        """See `Records.find`."""
        (page,) = await self._listed(access, [listing], [["", "!"]])
        positions, fields = page[0], page[1]
        return [
            self.stored(listing.kind, fields[2 * at], fields[2 * at + 1], position)
            for at, position in enumerate(positions)
        ]

    async def due_grants(self, access: Access) -> Sequence[Stored[Grant]]:
        """See `Records.due_grants`."""
        rid = access.registration_id
        script_keys = [keys.prefix(rid), keys.due(rid[:2])]
        flat = await self.connection.run("due", script_keys, int(access.now.timestamp()), DUE_BATCH, rid)
        return [self.stored(Grant, *flat[at : at + 3]) for at in range(0, len(flat), 3)]

    async def apply(self, change: Change) -> None:
        """See `Records.apply`."""
        await self.write(change.registration_id, self._writer.arguments(change))

    async def write(self, registration_id: str, arguments: tuple[bytes, ...]) -> None:
        """Run `apply.lua`. Raises Conflict."""
        shard = registration_id[:2]
        script_keys = [keys.prefix(registration_id), keys.events(shard), keys.shard(shard)]
        if not await self.connection.run("apply", script_keys, *arguments):
            raise Conflict("The object was changed meanwhile; read it again and repeat.")

    async def _read(
        self, access: Access, names: list[str], positions: list[tuple[str, str]], *, grants: bool = False
    ) -> list[Any]:
        """The fields and positions asked for, after the token was checked and due Grants were settled."""
        flat = [part for pair in positions for part in pair]
        return await self.run_reading(access, "read", len(names), *names, *flat, grants=grants)

    async def run_reading(self, access: Access, script: str, *args: str | bytes | int, grants: bool) -> list[Any]:
        """What a reading script answers behind the token and the due flag, once due Grants are settled.

        Notes whose token it was that the script accepted.

        Raises:
            InvalidToken: The script refused the token.
            InsufficientScope: It lacks the scope that the caller needs.
            TooManyRequests: Its Client Object has used up its allowance.
        """
        script_keys = [keys.prefix(access.registration_id)]
        now = int(access.now.timestamp())
        look = int(grants and not access.settled)
        answer = await self.connection.run(script, script_keys, access.token_digest, now, look, *args)
        if access.token_digest:
            if not answer[0]:
                raise InvalidToken(_EXPIRED)
            access.token = token = token_facts(access.registration_id, answer[0])
            if access.admitted and (asking := access.admitted(token)) is not None:
                await asking
            if access.scope and access.scope not in token.scope.split():
                raise InsufficientScope("The access token does not have the scope that this needs.", scope=access.scope)
        if answer[1]:
            if self.settle_due:
                await self.settle_due(access.registration_id, access.now)
            answer = await self.connection.run(script, script_keys, access.token_digest, now, 0, *args)
            if access.token_digest and not answer[0]:
                raise InvalidToken(_EXPIRED)
        rest: list[Any] = answer[2:]
        return rest

    async def _listed(self, access: Access, listings: Sequence[Listing], suffixes: list[list[str]]) -> list[Any]:
        plans = [
            _listing_plan(access.registration_id, one, parts) for one, parts in zip(listings, suffixes, strict=True)
        ]
        grants = any(listing.kind is Grant for listing in listings)
        return await self.run_reading(access, "page", encode(plans), grants=grants)

    def _outgoing(self, kind: type[AnyObject], fields: Sequence[bytes | None]) -> bytes:
        """A document as it goes out; a Credential gets its secret back."""
        document = self.documents.expand(kind, fields[0] or b"")
        sealed = fields[1] if kind is Credential else None
        if not sealed:
            return document
        credential_id = msgspec.json.decode(document, type=_CredentialId).credential_id
        secret = self.sealer.open(sealed.decode(), credential_id=credential_id)
        return document[:-1] + b',"client_secret":' + encode(secret) + b"}"

    def _page(self, kind: type[AnyObject], page: list[Any], width: int) -> Page:
        positions, fields, newer, older = page
        if kind is Credential:
            listed = b",".join([self._outgoing(kind, fields[at : at + width]) for at in range(0, len(fields), width)])
        else:
            listed = self.documents.expand(kind, b",".join(fields))
        return Page(
            listed,
            next=Cursor(int(positions[-1]), newer=False) if older and positions else None,
            previous=Cursor(int(positions[0]), newer=True) if newer and positions else None,
        )

    def stored(self, kind: type[AnyObject], document: bytes | None, internal: bytes | None, version: Any) -> Any:  # noqa: ANN401
        """A `Stored` of what a script returned, None when there is no such object."""
        if document is None or version is None:
            return None
        part = indexes.COLLECTIONS[kind].internal
        item, unknown = self.documents.read(kind, document)
        if not internal:
            return Stored(item, part(), int(float(version)), (unknown, {}))
        fields = decode(internal)
        known = msgspec.convert(fields, part)
        return Stored(item, known, int(float(version)), (unknown, unknown_members(part, fields)))


class _CredentialId(msgspec.Struct):
    credential_id: str


class _Given(msgspec.Struct):
    """What a token gives, as it is stored."""

    scope: str
    authorization_details: list[dict[str, Any]]


_GIVEN = msgspec.json.Decoder(_Given, float_hook=Decimal)


def token_facts(registration_id: str, raw: bytes) -> TokenFacts:
    """What a stored token (see access.lua) says, with ids in full."""
    client, credential, grant, target, _, expires, rest = raw.decode().split("\n", 6)
    given = _GIVEN.decode(rest)
    return TokenFacts(
        client_id=registration_id if client == ADMIN else f"{registration_id}-{client}",
        credential_id=f"{registration_id}-{credential}" if credential else "",
        grant_id=f"{registration_id}-{grant}",
        target_grant_id=f"{registration_id}-{target}" if target else "",
        scope=given.scope,
        authorization_details=given.authorization_details,
        expires_at=int(expires),
    )


def _local(registration_id: str, wanted: Wanted) -> str | None:
    """The local id of what is wanted, or None when it is not of this registration or not an id."""
    if wanted.kind is ServerProvidedFile:
        return wanted.object_id if is_file_id(wanted.object_id) else None
    if wanted.kind is Registration:
        return "r" if wanted.object_id == registration_id else None
    parts = local_id(wanted.object_id)
    return parts.local if parts and parts.registration_id == registration_id else None


_KIND_LETTERS = {"Message": "m", "Credential": "c", "Grant": "g", "ServerProvidedFile": "f", "Registration": "r"}


def _is_kind(kind: type[AnyObject], local: str) -> bool:
    """Whether a local id is one of that type: Client Objects are numbered, all others begin with a letter."""
    letter = _KIND_LETTERS.get(kind.__name__)
    return local.startswith(letter) if letter else local.isdigit()


def _is_plain(listing: Listing) -> bool:
    """Whether a listing has everything of its type, and nothing in it that only we read out."""
    narrowed = listing.filters or listing.ids is not None or listing.created_after or listing.created_before
    return not narrowed and listing.kind is not Credential


def _listing_plan(registration_id: str, listing: Listing, suffixes: list[str]) -> dict[str, Any]:
    collection = indexes.COLLECTIONS[listing.kind]
    groups = [[indexes.index_name(listing.kind, one) for one in group] for group in listing.filters]
    plan: dict[str, Any] = {
        "all": collection.name,
        "groups": groups or [[collection.name]],
        "newer": False,
        "limit": listing.limit,
        "suffixes": suffixes,
    }
    if listing.ids is not None:
        locals_ = [_local(registration_id, Wanted(listing.kind, one)) for one in listing.ids]
        plan["ids"] = [one for one in locals_ if one and _is_kind(listing.kind, one)]
    if listing.created_after or listing.created_before:
        after = int(listing.created_after.timestamp()) if listing.created_after else 0
        before = int(listing.created_before.timestamp()) if listing.created_before else 2**40
        plan["created"] = [collection.created_index, after, before]
    if listing.created_after:
        plan["from"] = indexes.position(listing.created_after)
    if listing.cursor:
        plan["cursor"], plan["newer"] = listing.cursor.position, listing.cursor.newer
    return plan
