"""Systems of the utility that take webhooks: real HTTP servers in the test's own loop, which check every signature."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import uvicorn
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError
from starlette.requests import Request
from starlette.responses import Response


@dataclass
class Received:
    """One attempt that reached the endpoint."""

    webhook_id: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float = field(default_factory=time.monotonic)


@dataclass
class Endpoint:
    """Answers what the test wants and keeps what came with a good signature."""

    url: str = ""
    secret: str = ""
    received: list[Received] = field(default_factory=list)
    forged: int = 0
    answers: list[int] = field(default_factory=list)
    """Status codes, taken from the front; 204 when there are none."""
    always: int = 204
    hang: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    under_way: int = 0
    most: int = 0
    """How many came at once at most."""

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of everything that came."""
        return [one.webhook_id for one in self.received]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request."""
        request = Request(scope, receive)
        body, headers = await request.body(), dict(request.headers)
        try:
            verified = Verifier(self.secret).verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            await Response(status_code=401)(scope, receive, send)
            return
        self.received.append(Received(headers["webhook-id"], verified, headers))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(3600 if self.hang else 0.01)
        finally:
            self.under_way -= 1
        status = self.answers.pop(0) if self.answers else self.always
        await Response(self.content, status_code=status, headers=self.headers)(scope, receive, send)


@contextlib.asynccontextmanager
async def endpoint(**fields: Any) -> AsyncIterator[Endpoint]:
    """An endpoint on a loopback port."""
    app = Endpoint(**fields)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, ws="none"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    app.url = f"http://127.0.0.1:{port}/hooks?tenant=1"
    try:
        yield app
    finally:
        server.should_exit = server.force_exit = True
        await task


def believe_in(monkeypatch: pytest.MonkeyPatch, now: Callable[[], datetime]) -> None:
    """Let verifiers believe in the clock of the test."""

    class At(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # noqa: ARG003
            return now()

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", At)
