"""A real mail server in the test's own loop, which answers what the test wants and keeps what it took."""

import asyncio
import contextlib
import email
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "cds", "no one: knows/it@"


@dataclass
class MailServer:
    """What came, and what is answered; `answers` are taken from the front, one per recipient or mail."""

    port: int = 0
    letters: list[Message] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    refuse_recipient: list[str] = field(default_factory=list)
    refuse_sender: list[str] = field(default_factory=list)
    refuse_data: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    before_answer: Callable[[], Any] | None = None
    """Called when a mail has been taken and nobody knows it yet."""

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.refuse_sender.pop(0) if self.refuse_sender else "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        if self.refuse_recipient:
            return self.refuse_recipient.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse_data:
            return self.refuse_data.pop(0)
        self.letters.append(email.message_from_bytes(envelope.content, policy=default))
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        if self.before_answer:
            self.before_answer()
        return "250 taken"


@contextlib.asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, at_once: bool = False, sign_in: bool = False
) -> AsyncIterator[MailServer]:
    """A server on a loopback port.

    Args:
        tls: Offers STARTTLS with it, or begins with it.
        at_once: Begin with it.
        sign_in: Require USER and PASSWORD, behind STARTTLS.
    """
    kept = MailServer()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)

    def protocol() -> SMTP:
        return SMTP(
            kept,
            hostname="mail.test",
            tls_context=None if at_once else tls,
            require_starttls=bool(tls and not at_once),
            authenticator=authenticate if sign_in else None,
            auth_required=sign_in,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if at_once else None)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        await server.wait_closed()


def certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server that is 127.0.0.1, and TLS for whoever trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
