"""Mails over SMTP: the one implementation of `app.domain.mails.Mailer`.

A mail is sent on a connection of its own, and its caller learns that the server has it before the connection is
closed: the moment in which a crash would make it go out twice is as short as can be. Should that happen all the same,
both have one Message-ID.

Source: RFC 5321 4.2.1 for codes, 4.5.3.2 for patience; RFC 3207 STARTTLS; RFC 3834 5 Auto-Submitted.
"""

import asyncio
import contextlib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from app.crypto.tokens import digest
from app.domain.email_addresses import is_email
from app.domain.mails import Mail, MailNotSent
from app.setting_values import SmtpServer, is_loopback, sender_of, smtp_server
from app.settings import Settings

ATTEMPT_SECONDS: Final = 60.0
"""For one attempt as a whole; the lease of a mail is longer."""

ANSWER_SECONDS: Final = 30.0
GOODBYE_SECONDS: Final = 5.0
MAX_SUBJECT: Final = 200

_POLICY: Final = SMTP.clone(cte_type="7bit")
"""Every mail server takes mails of such lines."""

_FINAL: Final = 500
"""Codes from here on say that trying again is of no use (RFC 5321 4.2.1)."""


class SmtpMailer:
    """Hands mails to one mail server.

    Args:
        server: Which, and as whom.
        sender: Name and address in `From`.
        tls: How certificates are checked, when it is not the system's way.
    """

    def __init__(self, server: SmtpServer, sender: tuple[str, str], tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._tls = tls or ssl.create_default_context()
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def send(self, mail: Mail) -> None:
        """See `Mailer.send`."""
        letter = self._letter(mail)
        connection = self._connection()
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._ready(connection)
                await _hand_over(connection, self._sender[1], mail.to, letter)
        except TimeoutError as error:
            connection.close()
            raise MailNotSent("The mail server does not answer.", permanent=False) from error
        except BaseException:
            connection.close()
            raise
        self._part_from(connection)

    async def close(self) -> None:
        """Wait until connections are closed."""
        await asyncio.gather(*self._goodbyes)

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        required = server.scheme == "smtp" and not is_loopback(server.host)
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.scheme == "smtps",
            # None: if the server offers it.
            start_tls=True if required else None if server.scheme == "smtp" else False,
            tls_context=self._tls,
            local_hostname=self._sender[1].rpartition("@")[2],
            timeout=ANSWER_SECONDS,
        )

    async def _ready(self, connection: aiosmtplib.SMTP) -> None:
        """Connect, encrypt and sign in. What fails here is nothing about a mail, so it may well be sent later."""
        try:
            await connection.connect()
        except SMTPResponseException as error:
            raise MailNotSent(f"The mail server does not let us in ({error.code}).", permanent=False) from error
        except ssl.SSLError as error:
            raise MailNotSent("The connection to the mail server cannot be encrypted.", permanent=False) from error
        except (SMTPException, OSError, ValueError) as error:
            reason = type(error).__name__
            raise MailNotSent(f"The mail server cannot be used ({reason}).", permanent=False) from error

    def _part_from(self, connection: aiosmtplib.SMTP) -> None:
        """Say goodbye without anybody waiting for it."""
        goodbye = asyncio.get_running_loop().create_task(_say_goodbye(connection))
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    def _letter(self, mail: Mail) -> bytes:
        """The mail as it goes over the wire; always the same for the same mail.

        The headers are set as structured ones, of which no part can begin another: the package refuses line breaks, and
        the address is one of a shape that has none of its own meaning.
        """
        if not is_email(mail.to):
            raise MailNotSent("That is no address that a mail can be sent to.", permanent=True)
        name, address = self._sender
        domain = address.rpartition("@")[2]
        letter = EmailMessage(policy=_POLICY)
        try:
            letter["From"] = Address(display_name=name, addr_spec=address)
            letter["To"] = Address(addr_spec=mail.to)
            letter["Subject"] = one_line(mail.subject)
            letter["Date"] = mail.created
            letter["Message-ID"] = f"<{digest(mail.id)[:32]}@{domain}>"
            letter["Auto-Submitted"] = "auto-generated"
            letter.set_content(mail.text)
            return letter.as_bytes()
        except (MessageError, ValueError) as error:
            raise MailNotSent("The mail cannot be written.", permanent=True) from error


def open_mailer(settings: Settings) -> SmtpMailer | None:
    """The mail server of the settings, which is not asked for anything yet."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return SmtpMailer(smtp_server(settings.smtp_url), sender_of(settings.mail_from))


def one_line(subject: str) -> str:
    """A subject without line breaks and other control characters, and not endless.

    Nor may it look encoded (RFC 2047): the email package decodes what does when a header is set, and then writes the
    line breaks that were hidden in it.
    """
    plain = "".join(one if one.isprintable() else " " for one in subject)
    return " ".join(plain.replace("=?", "= ?").split())[:MAX_SUBJECT]


async def _hand_over(connection: aiosmtplib.SMTP, sender: str, recipient: str, letter: bytes) -> None:
    """The transaction itself. Raises MailNotSent: only what the server says about recipient or content is final."""
    try:
        await connection.sendmail(sender, [recipient], letter)
    except SMTPRecipientsRefused as error:
        code = error.recipients[0].code
        raise MailNotSent(f"The mail server refuses the address ({code}).", permanent=code >= _FINAL) from error
    except SMTPDataError as error:
        raise MailNotSent(
            f"The mail server refuses the mail ({error.code}).", permanent=error.code >= _FINAL
        ) from error
    except SMTPResponseException as error:
        raise MailNotSent(f"The mail server refuses our mails ({error.code}).", permanent=False) from error
    except (SMTPException, OSError) as error:
        reason = type(error).__name__
        raise MailNotSent(f"The mail server broke off ({reason}).", permanent=False) from error


async def _say_goodbye(connection: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(SMTPException, OSError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await connection.quit()
    connection.close()
