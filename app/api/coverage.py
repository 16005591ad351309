"""GET /cds-api/v1/coverage, and the maps that its entries link to (WG1-01 section 4)."""

from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from app.catalog.model import Catalog
from app.domain.coverage import COVERAGE_FILES_PATH, COVERAGE_PATH, CoverageListing, coverage_files
from app.errors import InvalidRequest, NotFound
from app.settings import Settings
from app.web.documents import Document
from app.web.routing import Limit, Route

MAX_PARAMETERS = 1000
SVG_POLICY = ((b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),)
"""An SVG may carry scripts, which must not run as ours."""


class CoverageDocuments:
    """The listing: its first page is ready, filtered and later pages are put together from encoded entries."""

    def __init__(self, listing: CoverageListing) -> None:
        self._listing = listing
        self._first_page = Document(listing.page())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page that the query asks for.

        Raises:
            InvalidRequest: The cursor is not one of ours, or there are too many parameters.
            MethodNotAllowed: For everything but GET, HEAD and OPTIONS.
        """
        query = scope["query_string"]
        document = self._page(query) if query and scope["method"] in {"GET", "HEAD"} else self._first_page
        await document(scope, receive, send)

    def _page(self, query: bytes) -> Document:
        ids, cursor = read_query(query)
        return Document(self._listing.page(ids, cursor)) if ids or cursor else self._first_page


def read_query(query: bytes) -> tuple[list[str], str | None]:
    """The `ids` filter (4.2), repetitions joined, and the cursor. Unknown parameters are ignored (J3).

    Raises:
        InvalidRequest: There are too many parameters, or more than one cursor.
    """
    try:
        pairs = parse_qsl(query.decode("latin-1"), max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise InvalidRequest(f"There are more than {MAX_PARAMETERS} parameters.") from error
    cursors = [value for name, value in pairs if name == "cursor"]
    if len(cursors) > 1:
        raise InvalidRequest("There is more than one cursor.", field="cursor")
    ids = [entry_id for name, value in pairs if name == "ids" for entry_id in value.split()]
    return ids, cursors[0] if cursors else None


class CoverageFiles:
    """Maps and GeoJSON by their published names, read once."""

    def __init__(self, catalog: Catalog) -> None:
        self._documents = {
            file.name: Document(
                file.path.read_bytes(),
                file.content_type,
                headers=SVG_POLICY if file.content_type.startswith("image/svg") else (),
            )
            for file in coverage_files(catalog)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file.

        Raises:
            NotFound: No entry has such a file.
            MethodNotAllowed: For everything but GET, HEAD and OPTIONS.
        """
        document = self._documents.get(scope["path_params"]["name"])
        if document is None:
            raise NotFound("There is no such file.")
        await document(scope, receive, send)


def routes(catalog: Catalog, settings: Settings) -> list[Route]:
    """The listing and its files."""
    return [
        Route(COVERAGE_PATH, app=CoverageDocuments(CoverageListing.of(catalog, settings)), limit=Limit.ANONYMOUS),
        Route(COVERAGE_FILES_PATH, app=CoverageFiles(catalog), limit=Limit.ANONYMOUS),
    ]
