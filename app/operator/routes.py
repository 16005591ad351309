"""All routes of the operator API (DESIGN.md section 5)."""

from app.operator import (
    attachments,
    audit,
    clients,
    credentials,
    events,
    files,
    grants,
    messages,
    operators,
    overview,
    registrations,
)
from app.web.routing import Route

routes: list[Route] = [
    *registrations.routes,
    *messages.routes,
    *attachments.routes,
    *clients.routes,
    *credentials.routes,
    *grants.routes,
    *files.routes,
    *overview.routes,
    *operators.routes,
    *audit.routes,
    *events.routes,
]
