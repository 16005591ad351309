"""Mails that leave the house: an outbox that keeps every one until the mail server has taken it.

Without a mail server they wait there, and operators can read them in the console.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

MAIL_PAGE: Final = 50


class MailStatus(StrEnum):
    """How far a mail has got."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Mail(Struct, kw_only=True, frozen=True):
    """One mail to one address, in plain text. Logs never show any of it but its id and kind."""

    id: str
    """Chosen by whoever writes it: the same id is the same mail, however often it is put into the outbox."""
    kind: str
    """E.g. `verification_code`."""
    to: str
    subject: str
    text: str
    created: datetime
    registration_id: str = ""
    expires: datetime | None = None
    """When nobody needs it any more; it is not sent after that, and forgotten."""


class KeptMail(Struct, kw_only=True, frozen=True):
    """A mail in the outbox."""

    mail: Mail
    status: MailStatus
    attempts: int
    last_error: str = ""
    """What went wrong, in words that name no address."""


class Outbox(Protocol):
    """Keeps mails. Raises StoreUnavailable when the store does not answer."""

    async def put(self, mail: Mail) -> None:
        """Keep a mail until it is sent; nothing happens when there is one with its id."""

    async def latest(
        self, status: MailStatus | None = None, *, before: str | None = None, limit: int = MAIL_PAGE
    ) -> list[KeptMail]:
        """Mails, newest first, from the one after `before` on."""
