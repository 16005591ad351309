"""What operators do with Client Objects."""

from app.domain import client_status
from app.domain.client_decisions import modify
from app.domain.records import Wanted
from app.schemas.clients import Client
from tests.conftest import Registered


async def operator_disables(registered: Registered, client_id: str, reason: str = "Misuse.") -> Client:
    """Disable a Client Object so that only an operator can enable it again."""
    changes = {"cds_status": "disabled", "description": reason}
    return await modify(registered.server.context, registered.access, client_id, changes)


async def operator_enables(registered: Registered, client_id: str, reason: str = "") -> Client:
    """Give a disabled Client Object back its production or sandbox."""
    context = registered.server.context
    (stored,) = await context.records.load(registered.access, Wanted(Client, client_id))
    assert stored is not None
    mode = client_status.mode_of(client_status.State(stored.object, stored.internal))
    return await modify(context, registered.access, client_id, {"cds_status": mode, "description": reason})
