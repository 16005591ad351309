"""GET /.well-known/cds-server-metadata.json (WG1-01 section 3)."""

from app.catalog.model import Catalog
from app.domain.server_metadata import SERVER_METADATA_PATH, server_metadata
from app.schemas.encoding import encode
from app.settings import Settings
from app.web.documents import Document, MovedDocument
from app.web.routing import Limit, Route


def routes(catalog: Catalog, settings: Settings) -> list[Route]:
    """The metadata, or the way to it after the server has moved (section 5)."""
    moved_to = catalog.server.moved_to
    document = MovedDocument(moved_to) if moved_to else Document(encode(server_metadata(catalog, settings)))
    return [Route(SERVER_METADATA_PATH, app=document, limit=Limit.ANONYMOUS)]
