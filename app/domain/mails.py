"""Mails that leave the house: an outbox that keeps every one until the mail server has taken it.

Without a mail server they wait there, and operators can read them in the console. What a mail says is personal: its
text is dropped as soon as the mail is sent or given up, and the rest of it some days later.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import msgspec
from msgspec import Struct

MAIL_PAGE: Final = 50

LEASE_SECONDS: Final = 75
"""For how long whoever takes a mail has it alone: longer than any attempt to send it lasts, with what it takes to note
the end of it. So long it rests when its process dies, and somebody may be waiting for a code."""

PAUSES_SECONDS: Final = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 86400, 86400)
"""How long to wait after each failed attempt. Quick at first, because people wait for codes; over four days together,
as RFC 5321 4.5.4.1 has it."""

WAITING_DAYS: Final = 30
"""How long a mail waits for a mail server, when it does not say itself when it expires."""

KEPT_DAYS: Final = 7
"""How long it is known that a mail was sent, or given up."""


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


class TakenMail(Struct, kw_only=True, frozen=True):
    """A mail that somebody is about to send."""

    mail: Mail
    attempts: int
    """How many there were, this one included."""
    until: int
    """The Unix second until which nobody else gets it."""


class Attempted(Struct, kw_only=True, frozen=True):
    """What has become of a mail that was taken."""

    status: MailStatus
    error: str = ""
    again: datetime | None = None
    """When to try again, while it is waiting."""


class MailNotSent(Exception):
    """The mail server did not take a mail.

    Args:
        error: Why, in words that name no address.
        permanent: Whether it will not take it later either.
    """

    def __init__(self, error: str, *, permanent: bool) -> None:
        super().__init__(error)
        self.error = error
        self.permanent = permanent


class Outbox(Protocol):
    """Keeps mails. Raises StoreUnavailable when the store does not answer."""

    async def put(self, mail: Mail) -> None:
        """Keep a mail until it is sent; nothing happens when there is one with its id."""

    async def latest(
        self, status: MailStatus | None = None, *, before: str | None = None, limit: int = MAIL_PAGE
    ) -> list[KeptMail]:
        """Mails, newest first, from the one after `before` on."""


class MailQueue(Outbox, Protocol):
    """The outbox as those see it who empty it. Raises StoreUnavailable when the store does not answer."""

    async def take(self, now: datetime, *, limit: int) -> list[TakenMail]:
        """Mails that are due, oldest first; nobody else gets them for LEASE_SECONDS."""

    async def settle(self, taken: TakenMail, attempted: Attempted, now: datetime) -> bool:
        """Note what has become of a mail; False when it was nobody's business any more.

        What was sent is noted in any case, a failure only while the mail is still with whoever took it.
        """

    async def forget(self, now: datetime) -> int:
        """Forget mails that have expired and records that are old enough; how many."""


class Mailer(Protocol):
    """Hands mails to a mail server."""

    async def send(self, mail: Mail) -> None:
        """Hand one over; every attempt has the same Message-ID. Raises MailNotSent."""

    async def close(self) -> None:
        """Let go of the mail server."""


def after_failure(taken: TakenMail, failure: MailNotSent, now: datetime) -> Attempted:
    """Whether and when to try again."""
    again = now + timedelta(seconds=PAUSES_SECONDS[min(taken.attempts, len(PAUSES_SECONDS)) - 1])
    in_vain = taken.attempts > len(PAUSES_SECONDS) or bool(taken.mail.expires and again >= taken.mail.expires)
    if failure.permanent or in_vain:
        return Attempted(status=MailStatus.FAILED, error=failure.error)
    return Attempted(status=MailStatus.WAITING, error=failure.error, again=again)


def without_text(mail: Mail) -> Mail:
    """What is kept of a mail that nobody has to send any more."""
    return msgspec.structs.replace(mail, text="")


def forgotten_at(mail: Mail) -> datetime:
    """When a mail that waits is given up without a word."""
    return mail.expires or mail.created + timedelta(days=WAITING_DAYS)
