"""Codes and refresh tokens in Redis: the one implementation of `app.domain.user_tokens.UserTokenStore`."""

from datetime import datetime
from typing import Any

from app.crypto.tokens import (
    Handle,
    Randomness,
    digest,
    full_id,
    next_refresh_token,
    refresh_token_parts,
    registration_of_handle,
)
from app.domain.records import CodeFacts, Stored
from app.domain.tokens import ClientLogin, Login, Revocation
from app.domain.user_tokens import REFRESH_GRACE_SECONDS, NewTokens, NotExchanged, Presented, RefreshFacts
from app.schemas.clients import Client
from app.schemas.encoding import encode
from app.schemas.grants import Grant
from app.store import indexes, keys
from app.store.authorizations import read
from app.store.connection import Script
from app.store.records import RedisRecords

SCRIPTS = (
    Script.load("look", prelude="callers"),
    Script.load("redeem", prelude="callers", writes=True),
    Script.load("rotate", prelude="callers", writes=True),
    Script.load("give_back", prelude="callers", writes=True),
)

USED_CODE_SECONDS = 3600
"""For how long at least a second use of a code is recognised as such."""


class RedisUserTokens:
    """Exchanges codes and refresh tokens.

    Args:
        records: The registrations that they belong to.
        randomness: For the nonces of exchanges.
    """

    def __init__(self, records: RedisRecords, randomness: Randomness) -> None:
        self._records = records
        self._randomness = randomness

    async def client_of(self, login: Login, *, now: datetime) -> Stored[Client] | None:
        """See `UserTokenStore.client_of`."""
        seen = await self._look(login, now, "", "")
        return seen[0] if seen else None

    async def look_at_code(self, login: Login, code: str, *, now: datetime) -> Presented[CodeFacts] | None:
        """See `UserTokenStore.look_at_code`."""
        own = registration_of_handle(Handle.AUTHORIZATION_CODE, code) == login.registration_id
        what = ("code", digest(code)) if own else ("", "")
        seen = await self._look(login, now, *what)
        if seen is None:
            return None
        client, found = seen
        if not found:
            return Presented(client)
        place, _, facts = found[1].partition(b"\n")
        return Presented(client, read(CodeFacts, facts), self._stored_grant(found), place == b"stale")

    async def redeem(
        self, login: Login, code: str, presented: Presented[CodeFacts], new: NewTokens, *, now: datetime
    ) -> NotExchanged | None:
        """See `UserTokenStore.redeem`."""
        answer = await self._run(
            "redeem",
            login,
            now,
            digest(code),
            *_issue(presented, new),
            _family_digest(new.refresh_token) if new.refresh_token else "",
            digest(new.refresh_token) if new.refresh_token else "",
            new.refresh_ttl_seconds,
            max(USED_CODE_SECONDS, new.access_ttl_seconds),
        )
        return None if answer == b"issued" else NotExchanged(answer.decode())

    async def end_copied_code(self, login: Login, code: str, *, now: datetime) -> None:
        """See `UserTokenStore.end_copied_code`: one more exchange, of something that can only be refused."""
        await self._run("redeem", login, now, digest(code), 0, 0, "", 0, "", "", "", 0, 0)

    async def look_at_refresh_token(
        self, login: Login, refresh_token: str, *, now: datetime
    ) -> Presented[RefreshFacts] | None:
        """See `UserTokenStore.look_at_refresh_token`."""
        own = _registration_of(refresh_token) == login.registration_id
        what = ("family", _family_digest(refresh_token), digest(refresh_token)) if own else ("", "", "")
        seen = await self._look(login, now, *what)
        if seen is None:
            return None
        client, found = seen
        if not found:
            return Presented(client)
        place, _, expires = found[1].partition(b"\n")
        facts = RefreshFacts(full_id(login.registration_id, found[0].decode()), int(expires))
        return Presented(client, facts, self._stored_grant(found), place == b"stale")

    async def rotate(
        self, login: Login, refresh_token: str, presented: Presented[RefreshFacts], new: NewTokens, *, now: datetime
    ) -> str | NotExchanged:
        """See `UserTokenStore.rotate`."""
        nonce = self._randomness.nonce()
        answer = await self._run(
            "rotate",
            login,
            now,
            _family_digest(refresh_token),
            *_issue(presented, new),
            digest(refresh_token),
            digest(next_refresh_token(refresh_token, nonce)),
            new.refresh_ttl_seconds,
            nonce,
            REFRESH_GRACE_SECONDS,
        )
        if answer[0] != b"issued":
            return NotExchanged(answer[0].decode())
        return next_refresh_token(refresh_token, answer[1].decode())

    async def give_back(self, login: Login, refresh_token: str, *, now: datetime) -> Revocation:
        """See `UserTokenStore.give_back`."""
        own = _registration_of(refresh_token) == login.registration_id
        answer = await self._run("give_back", login, now, _family_digest(refresh_token) if own else "")
        return Revocation(answer.decode())

    async def _look(
        self, login: Login, now: datetime, kind: str, what: str, token: str = ""
    ) -> tuple[Any, list[Any]] | None:
        """The caller, and what was found with its Grant; None when the caller is nobody."""
        settle = self._records.settle_due
        rest = (kind, what, token, REFRESH_GRACE_SECONDS)
        answer = await self._run("look", login, now, int(settle is not None), *rest)
        if answer[0] == b"seen" and answer[1] and settle:
            await settle(login.registration_id, now)
            answer = await self._run("look", login, now, 0, *rest)
        if answer[0] != b"seen":
            return None
        client = self._records.stored(Client, *answer[2:5])
        return client, answer[5:]

    async def _run(self, script: str, login: Login, now: datetime, *args: str | bytes | int) -> Any:  # noqa: ANN401
        """What a script answers that begins with the authentication of its caller."""
        secret = login.secret_digest if isinstance(login, ClientLogin) else ""
        script_keys = [keys.prefix(login.registration_id)]
        caller = indexes.local(login.client_id)
        return await self._records.connection.run(script, script_keys, caller, secret, int(now.timestamp()), *args)

    def _stored_grant(self, found: list[Any]) -> Any:  # noqa: ANN401 -- Stored[Grant] or None
        return self._records.stored(Grant, *found[2:5])


def _issue(presented: Presented[Any], new: NewTokens) -> tuple[int, int, str, int, bytes]:
    """What every exchange issues, and under which condition."""
    if presented.grant is None:
        message = "nothing to exchange"
        raise ValueError(message)
    return (
        presented.client.version,
        presented.grant.version,
        digest(new.reference),
        new.access_ttl_seconds,
        encode(new.facts),
    )


def _registration_of(refresh_token: str) -> str | None:
    parts = refresh_token_parts(refresh_token)
    return parts.registration_id if parts else None


def _family_digest(refresh_token: str) -> str:
    parts = refresh_token_parts(refresh_token)
    return digest(parts.family) if parts else ""
