"""What there is to say about each operation beyond its path, its method and its types."""

from typing import Final

from app.openapi.described import Operations
from app.openapi.operations import (
    clients,
    credentials,
    files,
    grants,
    messages,
    oauth,
    operator_files,
    operator_messages,
    operator_registrations,
    operator_system,
    public,
)

OPERATIONS: Final[Operations] = {
    **public.OPERATIONS,
    **oauth.OPERATIONS,
    **clients.OPERATIONS,
    **messages.OPERATIONS,
    **credentials.OPERATIONS,
    **grants.OPERATIONS,
    **files.OPERATIONS,
    **operator_registrations.OPERATIONS,
    **operator_messages.OPERATIONS,
    **operator_files.OPERATIONS,
    **operator_system.OPERATIONS,
}
"""All of them, by method and path."""

TAGS: Final = {
    public.TAG: "What anybody may read: where everything else is, and what this server offers.",
    oauth.TAG: "Registration, tokens and authorization requests.",
    clients.TAG: "The Client Objects of a registration (CDS-WG1-02 section 5).",
    messages.TAG: "Everything that a Client and the Server have to tell each other (CDS-WG1-02 section 6).",
    credentials.TAG: "The secrets of Client Objects (CDS-WG1-02 section 7).",
    grants.TAG: "What Client Objects have access to (CDS-WG1-02 section 8).",
    files.TAG: "Files that the Server shares with Clients (CDS-WG1-02 section 9).",
    operator_registrations.TAG: "For the utility's staff: registrations with all that belongs to them.",
    operator_messages.TAG: "For the utility's staff: what waits, what is decided, what is written to Clients.",
    operator_files.TAG: "For the utility's staff: the library of Server-Provided Files.",
    operator_system.TAG: "For the utility's staff and systems: events, webhooks, the audit log, operators.",
    public.HEALTH: "For whatever runs this server.",
}
"""The groups in the order in which they are shown."""
