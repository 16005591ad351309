"""The console: pages on which operators work (DESIGN.md sections 5 and 7).

`shell` is what all of them share; each other module is one subject with its `routes`. Pages have no scripts.
"""

from app.console import catalog, identity_provider, keys, overview, sign_in
from app.web.routing import Route

routes: list[Route] = [
    *sign_in.routes,
    *identity_provider.routes,
    *overview.routes,
    *catalog.routes,
    *keys.routes,
]
