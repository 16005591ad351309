"""The documentation and the OpenAPI document of one utility, made once for all services of a test process.

Both are functions of the catalog and the settings alone, and make up nine tenths of what a service takes to start.
Nearly every test starts one, and nearly none reads them.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from app import main
from app.catalog import Catalog
from app.openapi.site import LaterDocument
from app.settings import Settings
from app.web.routing import Route

KEPT = 16
"""Most tests are of the demo utility under the settings that all share; those with their own follow each other."""

Paths = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Basis:
    """All that goes into routes. Tests make equal catalogs all the time: what one says counts, not which it is."""

    catalog: Catalog
    settings: Settings
    served: Paths = ()


class Kept:
    """The latest results."""

    def __init__(self) -> None:
        self._found: deque[tuple[Basis, list[Route]]] = deque(maxlen=KEPT)

    def get(self, basis: Basis) -> list[Route] | None:
        """The routes that were kept."""
        for kept in self._found:
            if kept[0] == basis:
                self._found.remove(kept)
                self._found.append(kept)
                return kept[1]
        return None

    def put(self, basis: Basis, routes: list[Route]) -> list[Route]:
        """Keep them instead of the ones unused for longest."""
        self._found.append((basis, routes))
        return routes


def afresh(route: Route) -> Route:
    """The route with nothing that belongs to an event loop which may have ended."""
    if isinstance(route.app, LaterDocument):
        made = LaterDocument(route.app._make)
        return Route(route.path, app=made, errors=route.errors, limit=route.limit)
    return route


@pytest.fixture(scope="session", autouse=True)
def _rendered_once() -> Iterator[None]:
    """Services of this process share what they publish about themselves."""
    pages, documents = Kept(), Kept()
    make_pages, make_documents = main.site.routes, main.openapi_site.routes

    def site_routes(catalog: Catalog, settings: Settings) -> list[Route]:
        basis = Basis(catalog, settings)
        return pages.get(basis) or pages.put(basis, make_pages(catalog, settings))

    def openapi_routes(
        served: Sequence[Route], catalog: Catalog, settings: Settings, shown: Mapping[str, object]
    ) -> list[Route]:
        basis = Basis(catalog, settings, tuple((route.path, *route.methods) for route in served))
        made = documents.get(basis) or documents.put(basis, make_documents(served, catalog, settings, shown))
        return [afresh(route) for route in made]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(main.site, "routes", site_routes)
        patched.setattr(main.openapi_site, "routes", openapi_routes)
        yield
