"""Webhooks over HTTP: the one implementation of `app.domain.deliveries.WebhookSender`.

An admin of the utility has chosen the URL, so it may lead anywhere, into private networks too: that is where the
systems are that want to know. What a URL cannot do is lead further: no redirect is followed, no proxy or password of
the environment is used, no cookie is kept, and of an answer only the status code counts. So whoever adds webhooks
learns from them whether something answers, and with what number, but never reads what is there.

Source: Standard Webhooks 1.0, "Signature scheme", "Webhook headers", "Server-side request forgery".
"""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import httpx
from standardwebhooks.webhooks import Webhook as Signer

from app.domain.deliveries import Answer, TakenDelivery

ATTEMPT_SECONDS: Final = 10.0
"""From the connection to the last byte; receivers answer first and work afterwards."""

MAX_ANSWER_BYTES: Final = 4096
"""What is read of an answer, so that its connection can be used again; one that says more is cut off."""

MAX_RETRY_AFTER_DIGITS: Final = 9

_CONNECTIONS: Final = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=30)


class HttpSender:
    """Sends.

    Args:
        tls: How certificates are checked, when it is not the system's way.
        transport: Instead of the network, for tests.
        timeout_seconds: For one attempt.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._http = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            limits=_CONNECTIONS,
            timeout=httpx.Timeout(timeout_seconds),
            transport=transport,
            headers={"user-agent": "cds-server", "accept": "*/*", "accept-encoding": "identity"},
        )
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))

    async def send(self, taken: TakenDelivery, now: datetime) -> Answer:
        """See `WebhookSender.send`."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._exchange(taken, now)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(None, f"The endpoint did not answer within {self._timeout_seconds:g} seconds.")
        except httpx.ConnectError as error:
            return Answer(None, _why_not_connected(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Answer(None, f"The endpoint broke off ({type(error).__name__}).")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _exchange(self, taken: TakenDelivery, now: datetime) -> Answer:
        body = taken.queued.payload.encode()
        url = taken.webhook.url
        async with self._http.stream("POST", url, content=body, headers=headers_of(taken, now)) as response:
            read = 0
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read > MAX_ANSWER_BYTES:
                    break
            return Answer(response.status_code, retry_after_seconds=retry_after(response.headers, now))


def retry_after(headers: httpx.Headers, now: datetime) -> int:
    """The seconds that `Retry-After` asks for, as a number or as a date (RFC 9110 10.2.3); 0 for what is neither."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return int(asked[:MAX_RETRY_AFTER_DIGITS])
    try:
        moment = parsedate_to_datetime(asked)
    except ValueError:
        return 0
    if moment.tzinfo is None:  # what "-0000" says: UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0, int((moment - now).total_seconds()))


def headers_of(taken: TakenDelivery, now: datetime) -> dict[str, str]:
    """What goes with the body: the id that stays the same, the time of the attempt, and one signature per secret."""
    queued = taken.queued
    signatures = [Signer(secret).sign(queued.delivery_id, now, queued.payload) for secret in taken.secrets.signing(now)]
    return {
        "content-type": "application/json",
        "webhook-id": queued.delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _why_not_connected(error: BaseException) -> str:
    """In our own words: those of the network may name addresses inside it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "The connection to the endpoint cannot be encrypted, or its certificate is not trusted."
        cause = cause.__cause__ or cause.__context__
    return "Nobody can be reached at the endpoint."
