"""`/openapi.json`, and `/docs/api` for people: readable as it is, and with a script that sends requests.

The script is our own and small, so the page needs no third party and its policy allows nothing but itself; it makes its
forms from `/openapi.json`, as any other viewer would.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from app.catalog import Catalog
from app.domain.documentation import API_REFERENCE_PATH, OPENAPI_PATH
from app.schemas.encoding import encode
from app.settings import Settings
from app.web.documents import Document, LaterDocument
from app.web.pages import Policy, Style, public_page
from app.web.routing import ErrorStyle, Limit, Route

SCRIPT_PATH: Final = f"{API_REFERENCE_PATH}/reference.js"
ITSELF: Final = Route(OPENAPI_PATH, limit=Limit.ANONYMOUS)
"""The route of the document, as the document describes it."""

_STYLE: Final = Style.read("web/templates/style.css", "openapi/static/reference.css")
_SCRIPT: Final = Path(__file__).parent / "static" / "reference.js"


def described(served: Sequence[Route], catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The document for the routes of the other rooms and its own."""
    # What is said about operations takes a megabyte and a tenth of a start, and few servers are asked for it.
    from app.openapi.document import openapi_document  # noqa: PLC0415

    return openapi_document([*served, ITSELF], catalog, settings)


def routes(served: Sequence[Route], catalog: Catalog, settings: Settings, shown: Mapping[str, object]) -> list[Route]:
    """The document, the page and its script.

    Args:
        served: All other routes.
        catalog: Of the server.
        settings: Likewise.
        shown: What every page of the documentation shows.
    """
    shows: dict[str, object] = {
        "title": "API reference",
        "current": API_REFERENCE_PATH,
        "openapi": OPENAPI_PATH,
        "script": SCRIPT_PATH,
        **shown,
    }

    def document() -> Document:
        return Document(encode(described(served, catalog, settings)))

    def page() -> Document:
        from app.openapi.reference import contents  # noqa: PLC0415 -- as in `described`

        template, policy = "openapi/templates/reference.html", Policy(scripts=True)
        values = shows | contents(described(served, catalog, settings))
        return public_page(settings, catalog, template, policy=policy, style=_STYLE, **values)

    script = Document(_SCRIPT.read_bytes(), "text/javascript; charset=utf-8")
    return [
        Route(OPENAPI_PATH, app=LaterDocument(document), limit=Limit.ANONYMOUS),
        Route(API_REFERENCE_PATH, app=LaterDocument(page), errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
        Route(SCRIPT_PATH, app=script, errors=ErrorStyle.PAGE, limit=Limit.ANONYMOUS),
    ]
