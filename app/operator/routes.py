"""All routes of the operator API (DESIGN.md section 5)."""

from app.operator import attachments, clients, credentials, files, grants, messages, overview, registrations
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
]
