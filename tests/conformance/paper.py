"""Servers on paper: what a conformance run meets where nothing listens."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx

BASE = "https://utility.example"
WELL_KNOWN = "/.well-known/cds-server-metadata.json"
METADATA: dict[str, Any] = {
    "cds_metadata_version": "v1",
    "cds_metadata_url": BASE + WELL_KNOWN,
    "created": "2026-01-01T00:00:00Z",
    "updated": "2026-02-01T00:00:00.5+01:00",
    "name": "Paper Utility",
    "description": "A utility on paper.",
    "website": f"{BASE}/",
    "documentation": f"{BASE}/",
    "support": f"{BASE}/",
    "capabilities": [],
}

Answers = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def paper(pages: Mapping[str, Answers]) -> httpx.MockTransport:
    """A server with these paths; everything else is not found, or not allowed for other methods than GET."""

    async def answer(request: httpx.Request) -> httpx.Response:
        page = pages.get(request.url.path)
        if page is None:
            return httpx.Response(404, text="not here")
        found = page(request)
        return found if isinstance(found, httpx.Response) else await found

    return httpx.MockTransport(answer)


def utility(**changes: Any) -> httpx.MockTransport:
    """A server that publishes server metadata and nothing else; UNSET members are left out by giving None."""
    document = {name: value for name, value in {**METADATA, **changes}.items() if value is not None}

    def metadata(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=document) if request.method == "GET" else httpx.Response(405)

    return paper({WELL_KNOWN: metadata, "/": lambda _: httpx.Response(200, html="<p>Hello</p>")})


def says(status: int = 200, **options: Any) -> Answers:
    """The same answer always."""
    return lambda _: httpx.Response(status, **options)


def metadata_after(seconds: float) -> Answers:
    """Metadata that keeps one waiting."""

    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        return httpx.Response(200, json=METADATA)

    return answer


class Dripping(httpx.AsyncByteStream):
    """A body that never ends: a byte now and then, or much at once."""

    def __init__(self, piece: bytes, pause: float) -> None:
        self.piece, self.pause = piece, pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield json.dumps(METADATA).encode()[:-1]
        while True:
            await asyncio.sleep(self.pause)
            yield self.piece
