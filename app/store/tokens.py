"""Access tokens in Redis: the one implementation of `app.domain.tokens.TokenStore`."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from app.crypto.tokens import digest, registration_of_reference
from app.domain.grant_states import State
from app.domain.records import Stored
from app.domain.tokens import ClientLogin, Inspected, Issued, Login, NotIssued, Revocation, StandingFacts
from app.schemas.clients import Client
from app.schemas.encoding import encode
from app.schemas.grants import Grant, GrantInternal
from app.store import indexes, keys
from app.store.connection import Script
from app.store.records import RedisRecords, token_facts

SCRIPTS = (
    Script.load("issue", writes=True),
    Script.load("stand", writes=True),
    Script.load("inspect", prelude="access"),
    Script.load("inspect", prelude="access", writes=True)._replace(name="revoke"),
    Script.load("show", prelude="access"),
)


_FACTS = msgspec.json.Decoder(StandingFacts, float_hook=Decimal)
_GRANT = msgspec.json.Decoder(Grant, float_hook=Decimal)
_INTERNAL = msgspec.json.Decoder(GrantInternal, float_hook=Decimal)


class RedisTokens:
    """Issues, inspects and forgets access tokens; every method is one round trip.

    Args:
        records: The registrations that the tokens belong to.
    """

    def __init__(self, records: RedisRecords) -> None:
        self._records = records
        self._connection = records.connection

    async def issue(
        self, login: ClientLogin, asked: str, reference: str, *, now: datetime, ttl_seconds: int
    ) -> Issued | NotIssued:
        """See `TokenStore.issue`."""
        answer = await self._connection.run(
            "issue",
            [keys.prefix(login.registration_id)],
            indexes.local(login.client_id),
            login.secret_digest,
            asked,
            digest(reference),
            int(now.timestamp()),
            ttl_seconds,
        )
        if answer[0] == b"issued":
            grant_id = f"{login.registration_id}-{answer[3].decode()}"
            return Issued(_FACTS.decode(answer[1]), int(answer[2]), grant_id)
        return NotIssued.NO_STANDING_GRANT if answer[0] == b"unknown" else NotIssued.REFUSED

    async def stand(
        self,
        client: Stored[Client],
        asked: list[str],
        grant: Stored[Grant],
        target: Stored[Grant] | None,
        facts: StandingFacts,
    ) -> bool:
        """See `TokenStore.stand`."""
        ends = min((one.object.expires for one in (grant, target) if one and one.object.expires), default=None)
        target_id = indexes.local(target.object.grant_id) if target else ""
        grant_id = indexes.local(grant.object.grant_id)
        lines = f"{grant_id}\n{target_id}\n{int(ends.timestamp()) if ends else 0}\n".encode()
        remembered = await self._connection.run(
            "stand",
            [keys.prefix(client.object.client_id[:14])],
            indexes.local(client.object.client_id),
            client.version,
            grant_id,
            grant.version,
            target_id,
            target.version if target else 0,
            lines + encode(facts),
            *asked,
        )
        return bool(remembered)

    async def inspect(self, login: ClientLogin, reference: str, *, now: datetime) -> Inspected | NotIssued | None:
        """See `TokenStore.inspect`."""
        answer = await self._inspect(login, reference, now, delete=False)
        if answer[0] == b"active" and answer[2] and self._records.settle_due:
            await self._records.settle_due(login.registration_id, now)
            answer = await self._inspect(login, reference, now, delete=False)
        if answer[0] != b"active":
            return NotIssued.REFUSED if answer[0] == b"refused" else None
        return Inspected(
            token_facts(login.registration_id, answer[1]),
            self._grant(*answer[3:5]),
            self._grant(*answer[5:7]),
        )

    async def show(self, reference: str, *, now: datetime) -> Inspected | None:
        """See `TokenStore.show`."""
        registration_id = registration_of_reference(reference)
        if not registration_id:
            return None
        answer = await self._show(registration_id, reference, now)
        if answer and answer[1] and self._records.settle_due:
            await self._records.settle_due(registration_id, now)
            answer = await self._show(registration_id, reference, now)
        if not answer:
            return None
        return Inspected(token_facts(registration_id, answer[0]), self._grant(*answer[2:4]), self._grant(*answer[4:6]))

    async def revoke(self, login: Login, reference: str, *, now: datetime) -> Revocation:
        """See `TokenStore.revoke`."""
        answer = await self._inspect(login, reference, now, delete=True)
        return Revocation(answer[0].decode())

    async def _inspect(self, login: Login, reference: str, now: datetime, *, delete: bool) -> list[Any]:
        own = registration_of_reference(reference) == login.registration_id
        answer: list[Any] = await self._connection.run(
            "revoke" if delete else "inspect",
            [keys.prefix(login.registration_id)],
            indexes.local(login.client_id),
            login.secret_digest if isinstance(login, ClientLogin) else "",
            digest(reference) if own else "",
            int(now.timestamp()),
            int(delete),
        )
        return answer

    async def _show(self, registration_id: str, reference: str, now: datetime) -> list[Any] | None:
        script_keys = [keys.prefix(registration_id)]
        answer: list[Any] | None = await self._connection.run(
            "show", script_keys, digest(reference), int(now.timestamp())
        )
        return answer

    def _grant(self, document: bytes | None, internal: bytes | None) -> State | None:
        """To look at: what only a newer version knows of it is left out."""
        if document is None:
            return None
        grant = _GRANT.decode(self._records.documents.expand(Grant, document))
        return State(grant, _INTERNAL.decode(internal or b"{}"))
