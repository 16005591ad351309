"""The console: pages on which operators work (DESIGN.md sections 5 and 7).

`shell` is what all of them share; each other module is one subject with its `routes`. Pages have no scripts.
"""

from app.console import (
    audit,
    broadcasts,
    catalog,
    client_objects,
    files,
    grant_forms,
    grants,
    identity_provider,
    inbox,
    keys,
    mails,
    messages,
    overview,
    registration,
    registrations,
    sign_in,
    webhooks,
    writing,
)
from app.web.routing import Route

routes: list[Route] = [
    *sign_in.routes,
    *identity_provider.routes,
    *overview.routes,
    *inbox.routes,
    *messages.routes,
    *writing.routes,
    *registrations.routes,
    *registration.routes,
    *client_objects.routes,
    *grants.routes,
    *grant_forms.routes,
    *files.routes,
    *broadcasts.routes,
    *catalog.routes,
    *audit.routes,
    *mails.routes,
    *webhooks.routes,
    *keys.routes,
]
