"""`/openapi.json`, and `/docs/api` for people."""

from collections.abc import Sequence
from typing import Any, Final

from app.catalog import Catalog
from app.openapi.document import openapi_document
from app.openapi.operations.public import OPENAPI_PATH
from app.schemas.encoding import encode
from app.settings import Settings
from app.web.documents import Document
from app.web.routing import Limit, Route

ITSELF: Final = Route(OPENAPI_PATH, limit=Limit.ANONYMOUS)
"""The route of the document, as the document describes it."""


def described(served: Sequence[Route], catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The document for the routes of the other rooms and its own."""
    return openapi_document([*served, ITSELF], catalog, settings)


def routes(served: Sequence[Route], catalog: Catalog, settings: Settings) -> list[Route]:
    """The document.

    Args:
        served: All other routes.
        catalog: Of the server.
        settings: Likewise.
    """
    document = described(served, catalog, settings)
    return [Route(OPENAPI_PATH, app=Document(encode(document)), limit=Limit.ANONYMOUS)]
