"""Somebody who acts for the server and for its users, where a check needs that.

The specifications leave open how staff and users do these things, so they are behind this protocol: other servers can
be given implementations of their own. What one cannot do raises `Skipped` with the reason.
"""

from collections.abc import Mapping
from typing import Any, Protocol

Document = Mapping[str, Any]


class Operator(Protocol):
    """Acts for the server. Ids and URIs are those that the Client sees."""

    async def approve_production(self, client_id: str) -> None:
        """Fulfil or waive whatever is outstanding for this sandbox Client Object, and approve it (section 4.2)."""
        ...

    async def decide(self, message_uri: str, status: str, description: str = "") -> None:
        """Decide a Message: status is complete, rejected, pending, open or errored (section 6.3)."""
        ...

    async def send_message(self, client_id: str, message: Document) -> str:
        """Send a Message that the server creates (section 6.2) to this Client's registration; returns its `uri`."""
        ...

    async def broadcast(self, message: Document) -> None:
        """Send a `notification` to all."""
        ...

    async def suspend(self, client_id: str) -> None:
        """Disable this Client Object so that the Client cannot undo it (section 5.1)."""
        ...

    async def reinstate(self, client_id: str) -> None:
        """Undo `suspend`."""
        ...

    async def change_client(self, client_id: str, changes: Document) -> None:
        """Change members of a Client Object as the server may (section 5.3)."""
        ...

    async def expire_credential(self, credential_id: str) -> None:
        """End a Credential at once (section 7)."""
        ...

    async def make_grant(self, client_id: str, grant: Document) -> str:
        """Make a Grant with these members (section 8.1: scope, authorization_details, ...); returns its `grant_id`."""
        ...

    async def change_grant(self, grant_id: str, changes: Document) -> None:
        """Change members of a Grant (section 8.2: status, enabled_scope, eta, ...)."""
        ...

    async def share_file(self, client_id: str, name: str, content: bytes, mime_type: str) -> str:
        """Share a file with this Client Object of a files scope (section 9); returns the `grant_id`."""
        ...

    async def authorize(self, url: str, *, approve: bool = True) -> str:
        """Go through an authorization in a browser as a test user; returns the URL of the final redirect or page."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
