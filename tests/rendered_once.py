"""The documentation and the OpenAPI document of one utility, made once for all services of a test process.

Both are functions of the catalog and the settings alone, and make up two thirds of what a service takes to start.
Nearly every test starts one, and nearly none reads them.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import pytest

from app import main
from app.catalog import Catalog
from app.openapi.site import LaterDocument
from app.settings import Settings
from app.web.routing import Route

KEPT = 16
"""Most tests are of the demo utility under the settings that all share; those with their own follow each other."""

Key = tuple[int, Settings, tuple[tuple[str, ...], ...]]


class Kept:
    """The latest results; each keeps its catalog, so that no other one gets its id."""

    def __init__(self) -> None:
        self._found: OrderedDict[Key, tuple[Catalog, list[Route]]] = OrderedDict()

    def get(self, key: Key) -> list[Route] | None:
        """The routes that were kept."""
        if key not in self._found:
            return None
        self._found.move_to_end(key)
        return self._found[key][1]

    def put(self, key: Key, catalog: Catalog, routes: list[Route]) -> list[Route]:
        """Keep them instead of the oldest ones."""
        self._found[key] = catalog, routes
        if len(self._found) > KEPT:
            self._found.popitem(last=False)
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
        key = id(catalog), settings, ()
        return pages.get(key) or pages.put(key, catalog, make_pages(catalog, settings))

    def openapi_routes(
        served: Sequence[Route], catalog: Catalog, settings: Settings, shown: Mapping[str, object]
    ) -> list[Route]:
        key = id(catalog), settings, tuple((route.path, *route.methods) for route in served)
        made = documents.get(key) or documents.put(key, catalog, make_documents(served, catalog, settings, shown))
        return [afresh(route) for route in made]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(main.site, "routes", site_routes)
        patched.setattr(main.openapi_site, "routes", openapi_routes)
        yield
