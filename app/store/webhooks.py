"""Webhooks in Redis: the one implementation of `app.domain.webhooks.WebhookStore`.

They belong to no registration and lie where operators do, in whose slot their audit entries are written with them.
"""

import secrets
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from app.domain.feed import AuditEntry
from app.domain.webhooks import MAX_WEBHOOKS, OVERLAP, Secrets, Webhook, WebhookStatus
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection, Script

SCRIPTS = (
    Script.load("webhook_put", prelude="happened", writes=True),
    Script.load("webhook_delete", prelude="happened", writes=True),
)

TOO_MANY: Final = -1

_HASH: Final = f"{keys.WEBHOOKS}:o"
_KEYS: Final = [keys.WEBHOOKS, keys.OPERATOR_EVENTS]
_BINDING: Final = keys.registration_id(keys.WEBHOOKS)
_SUFFIXES: Final = ("$", "@")
_decoder = msgspec.json.Decoder(Webhook)


class Sealer(Protocol):
    """Encrypts secrets at rest (see `app.crypto.sealing`)."""

    def seal(self, plain: str, *, credential_id: str) -> str:
        """The text to store."""

    def open(self, sealed: str, *, credential_id: str) -> str:
        """What was sealed for this place."""


class RedisWebhooks:
    """Keeps webhooks.

    Args:
        connection: With the scripts of this module loaded.
        sealer: For their secrets. What it binds them to is the field that they are in, as `app.store.rotation` has it.
    """

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def create(self, webhook: Webhook, secret: str, audit: AuditEntry) -> bool:
        """See `WebhookStore.create`."""
        sealed = self._seal(webhook.webhook_id, secret)
        return await self._put(b"", webhook, audit, secret=(sealed, "", "", "")) != TOO_MANY

    async def list(self) -> list[Webhook]:
        """See `WebhookStore.list`."""
        found = await self._connection.command("HGETALL", _HASH)
        webhooks = [_decoder.decode(value) for name, value in found.items() if not name.decode().endswith(_SUFFIXES)]
        return sorted(webhooks, key=lambda one: (one.created, one.webhook_id))

    async def get(self, webhook_id: str) -> Webhook | None:
        """See `WebhookStore.get`."""
        found: bytes | None = await self._connection.command("HGET", _HASH, webhook_id)
        return _decoder.decode(found) if found else None

    async def replace(self, old: Webhook, new: Webhook, audit: AuditEntry) -> bool:
        """See `WebhookStore.replace`."""
        body, _ = await self._kept(old)
        return body is not None and await self._put(body, new, audit) == 1

    async def rotate(self, old: Webhook, new: Webhook, secret: str, audit: AuditEntry) -> bool:
        """See `WebhookStore.rotate`."""
        webhook_id = new.webhook_id
        body, kept = await self._kept(old)
        if body is None or kept is None:
            return False
        previous = self._sealer.open(kept.decode(), credential_id=f"{_BINDING}-{webhook_id}")
        ends = int((new.modified + OVERLAP).timestamp())
        sealed = (self._seal(webhook_id, secret), kept, self._seal(f"{webhook_id}+", previous), ends)
        return await self._put(body, new, audit, secret=sealed) == 1

    async def delete(self, webhook: Webhook, audit: AuditEntry, now: datetime) -> bool:
        """See `WebhookStore.delete`."""
        script_keys = [*_KEYS, keys.operator_change(secrets.token_urlsafe(9))]
        said = (webhook.webhook_id, int(now.timestamp()), encode(audit))
        return bool(await self._connection.run("webhook_delete", script_keys, *said))

    def opened(self, webhook_id: str, current: bytes, previous: bytes | None, until: bytes | None) -> Secrets:
        """What signs, from its three fields. Raises ServerError when no key opens them."""
        secret = self._sealer.open(current.decode(), credential_id=f"{_BINDING}-{webhook_id}")
        if previous is None or until is None:
            return Secrets(secret)
        before = self._sealer.open(previous.decode(), credential_id=f"{_BINDING}-{webhook_id}+")
        return Secrets(secret, before, datetime.fromtimestamp(int(until), UTC))

    async def _kept(self, old: Webhook) -> tuple[bytes | None, bytes | None]:
        """The bytes that `old` was read from, which an earlier version may have written, and the sealed secret."""
        body, sealed = await self._connection.command("HMGET", _HASH, old.webhook_id, f"{old.webhook_id}$")
        return (body, sealed) if body and _decoder.decode(body) == old else (None, None)

    async def _put(
        self,
        old: bytes,
        new: Webhook,
        audit: AuditEntry,
        *,
        secret: tuple[str | bytes | int, ...] = ("", "", "", ""),
    ) -> int:
        active = "1" if new.status is WebhookStatus.ACTIVE else ""
        said = (new.webhook_id, old, encode(new), active)
        now = int(new.modified.timestamp())
        done: int = await self._connection.run("webhook_put", _KEYS, *said, *secret, now, encode(audit), MAX_WEBHOOKS)
        return done

    def _seal(self, field: str, secret: str) -> str:
        return self._sealer.seal(secret, credential_id=f"{_BINDING}-{field}")
