"""`/openapi.json`, and `/docs/api` for people: readable as it is, and with a script that sends requests.

The script is our own and small, so the page needs no third party and its policy allows nothing but itself; it makes its
forms from `/openapi.json`, as any other viewer would.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from app.catalog import Catalog
from app.domain.documentation import API_REFERENCE_PATH
from app.openapi import reference
from app.openapi.document import openapi_document
from app.openapi.operations.public import OPENAPI_PATH
from app.schemas.encoding import encode
from app.settings import Settings
from app.web.documents import Document
from app.web.pages import Policy, Style, public_page
from app.web.routing import ErrorStyle, Limit, Route

SCRIPT_PATH: Final = f"{API_REFERENCE_PATH}/reference.js"
ITSELF: Final = Route(OPENAPI_PATH, limit=Limit.ANONYMOUS)
"""The route of the document, as the document describes it."""

_STYLE: Final = Style.read("web/templates/style.css", "openapi/static/reference.css")
_SCRIPT: Final = Path(__file__).parent / "static" / "reference.js"


class LaterDocument:
    """A document that is made when somebody asks for it first: it takes a while, and few ever ask."""

    def __init__(self, make: Callable[[], Document]) -> None:
        self._make = make
        self._made: Document | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the document does."""
        async with self._turn:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)


def described(served: Sequence[Route], catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The document for the routes of the other rooms and its own."""
    return openapi_document([*served, ITSELF], catalog, settings)


def routes(served: Sequence[Route], catalog: Catalog, settings: Settings, shown: Mapping[str, object]) -> list[Route]:
    """The document, the page and its script.

    Args:
        served: All other routes.
        catalog: Of the server.
        settings: Likewise.
        shown: What every page of the documentation shows.
    """
    document = described(served, catalog, settings)
    page = partial(
        public_page,
        settings,
        catalog,
        "openapi/templates/reference.html",
        policy=Policy(scripts=True),
        style=_STYLE,
        title="API reference",
        current=API_REFERENCE_PATH,
        openapi=OPENAPI_PATH,
        script=SCRIPT_PATH,
        **shown,
    )
    script = Document(_SCRIPT.read_bytes(), "text/javascript; charset=utf-8")
    return [
        Route(OPENAPI_PATH, app=Document(encode(document)), limit=Limit.ANONYMOUS),
        Route(
            API_REFERENCE_PATH,
            app=LaterDocument(lambda: page(**reference.contents(document))),
            errors=ErrorStyle.PAGE,
            limit=Limit.ANONYMOUS,
        ),
        Route(SCRIPT_PATH, app=script, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    ]
