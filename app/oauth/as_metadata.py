"""GET /.well-known/oauth-authorization-server (RFC 8414, WG1-02 3.1 and 3.2)."""

from urllib.parse import urlsplit

from app.catalog.model import Catalog
from app.domain.as_metadata import as_metadata
from app.domain.server_metadata import AS_METADATA_PATH
from app.schemas.encoding import encode
from app.settings import Settings
from app.web.documents import Document
from app.web.routing import Limit, Route


def routes(catalog: Catalog, settings: Settings) -> list[Route]:
    """The document below our public URL, and where RFC 8414 3.1 looks for an issuer that has a path.

    For the issuer `https://host/energy` that is `https://host/.well-known/oauth-authorization-server/energy`.
    """
    document = Document(encode(as_metadata(catalog, settings)))
    prefix = urlsplit(settings.public_url).path
    paths = dict.fromkeys((AS_METADATA_PATH, AS_METADATA_PATH + prefix))
    return [Route(path, app=document, limit=Limit.ANONYMOUS) for path in paths]
