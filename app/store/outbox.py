"""The outbox in Redis: the one implementation of `app.domain.mails.Outbox` and `app.domain.mails.MailQueue`."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from app.domain.mails import (
    KEPT_DAYS,
    LEASE_SECONDS,
    MAIL_PAGE,
    Attempted,
    KeptMail,
    Mail,
    MailStatus,
    TakenMail,
    forgotten_at,
    without_text,
)
from app.schemas.encoding import encode
from app.store import keys
from app.store.connection import Connection, Script

SCRIPTS = (
    Script.load("mail_put", writes=True),
    Script.load("mail_page"),
    Script.load("mail_take", writes=True),
    Script.load("mail_settle", writes=True),
    Script.load("mail_forget", writes=True),
)

FORGET_BATCH: Final = 200
"""Mails that are forgotten in one step."""

_KEYS: Final = [keys.OUTBOX]
_decoder = msgspec.json.Decoder(Mail)


class RedisOutbox:
    """Keeps mails; every method is one round trip.

    Args:
        connection: With the scripts of this module loaded.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, mail: Mail) -> None:
        """See `Outbox.put`."""
        due, ends = _second(mail.created), _second(forgotten_at(mail))
        await self._connection.run("mail_put", _KEYS, mail.id, encode(mail), due, ends)

    async def latest(
        self, status: MailStatus | None = None, *, before: str | None = None, limit: int = MAIL_PAGE
    ) -> list[KeptMail]:
        """See `Outbox.latest`."""
        flat = await self._connection.run("mail_page", _KEYS, status or "all", before or "", limit)
        return [_kept(*flat[at : at + 3]) for at in range(0, len(flat), 3)]

    async def take(self, now: datetime, *, limit: int) -> list[TakenMail]:
        """See `MailQueue.take`."""
        until = _second(now) + LEASE_SECONDS
        flat = await self._connection.run("mail_take", _KEYS, _second(now), until, limit)
        return [
            TakenMail(mail=_decoder.decode(flat[at]), attempts=int(flat[at + 1]), until=until)
            for at in range(0, len(flat), 2)
        ]

    async def settle(self, taken: TakenMail, attempted: Attempted, now: datetime) -> bool:
        """See `MailQueue.settle`."""
        outcome: list[str | bytes | int] = [taken.mail.id, taken.until, attempted.status, attempted.error]
        if attempted.again:
            outcome += [_second(attempted.again), "", ""]
        else:
            outcome += ["", encode(without_text(taken.mail)), _second(now + timedelta(days=KEPT_DAYS))]
        return bool(await self._connection.run("mail_settle", _KEYS, *outcome))

    async def forget(self, now: datetime) -> int:
        """See `MailQueue.forget`."""
        gone: int = await self._connection.run("mail_forget", _KEYS, _second(now), FORGET_BATCH)
        return gone


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _kept(mail: bytes, state: bytes, attempts: bytes | None) -> KeptMail:
    status, _, error = state.decode().partition("\n")
    return KeptMail(
        mail=_decoder.decode(mail), status=MailStatus(status), attempts=int(attempts or 0), last_error=error
    )
