"""Web sites of others on ports of this machine: where Clients get their answers, and where attackers have pages."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

READ_SECONDS = 60
ANSWER = """HTTP/1.1 {status}\r
Content-Type: text/html; charset=utf-8\r
Content-Length: {length}\r
Cache-Control: no-store\r
Connection: close\r
\r
"""


class Site:
    """A web site that serves the `pages` it was given, and remembers what was asked of it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.pages: dict[str, str] = {}
        self.asked: list[str] = []
        """The path and query of each request but those for an icon."""
        self.referers: list[bytes] = []
        """From where browsers say that they came."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, host: str = "127.0.0.1", **pages: str) -> AsyncIterator[Self]:
        """A site on a free port; `host` is the name by which browsers call it."""
        site = cls(host)
        site.pages = {f"/{name}": page for name, page in pages.items()}
        server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
        site.port = server.sockets[0].getsockname()[1]
        try:
            yield site
        finally:
            server.close()
            await server.wait_closed()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        # Browsers open connections ahead of time and drop them unused.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode("ascii")
                if target != "/favicon.ico":
                    self.asked.append(target)
                    self.referers += [line for line in head.splitlines() if line.lower().startswith(b"referer:")]
                writer.write(self.answer(target))
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def answer(self, target: str) -> bytes:
        """The page at a path, or an empty 404."""
        page = self.pages.get(target.partition("?")[0])
        body = (page or "").encode()
        head = ANSWER.format(status="200 OK" if page else "404 Not Found", length=len(body))
        return head.encode("ascii") + body
