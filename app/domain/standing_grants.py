"""The standing Grants of client_credentials (CDS-WG1-02 section 8; ambiguities E2).

There is one Grant per Client Object, scope and authorization details. The first token request makes it, later ones are
served under it. Once it is closed, or gone with the Grant that it opened, it is not used again: its key is taken from
it, and the next token request makes another. Two first requests at once do not make two Grants, because the change that
creates one demands that no Grant has its key yet.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.crypto.tokens import digest
from app.domain.context import Context
from app.domain.records import Access, Change, Listing, Stored
from app.schemas.clients import Client
from app.schemas.grants import Grant, GrantInternal, GrantStatus

Entry = dict[str, Any]

_KEY_LENGTH = 22
"""Characters of a key: 132 bits of its digest."""

_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def canonical(entries: Sequence[Entry]) -> str:
    """One text for equal authorization details, whatever the order of their entries and members."""
    return ",".join(sorted(_encoder.encode(entry).decode() for entry in entries))


def standing_key(client_id: str, scope: str, details: Sequence[Entry]) -> str:
    """The key of the standing Grant for this access."""
    parts = (client_id, " ".join(sorted(scope.split())), canonical(details))
    return digest("\n".join(parts))[:_KEY_LENGTH]


def standing_grant(
    context: Context,
    change: Change,
    client: Client,
    scope: str,
    details: Sequence[Entry],
    *,
    target: Grant | None = None,
) -> Grant:
    """Add the standing Grant for this access to `change`; applying it raises Conflict when there is one already.

    `scope` is within that of `client` and `details` are validated. `target` is the Grant that tokens of a grant admin
    scope open (3.3.2); the new Grant ends when it does.
    """
    grant_id = context.randomness.object_id(change.registration_id, "g")
    ends = target.expires if target else None
    grant = Grant(
        grant_id=grant_id,
        uri=context.links.grant(grant_id),
        replacing=[],
        replaced_by=[],
        parent=None,
        children=[],
        created=change.now,
        modified=change.now,
        not_before=None,
        not_after=ends,
        eta=None,
        expires=ends,
        status=GrantStatus.ACTIVE,
        client_id=client.client_id,
        scope=scope,
        authorization_details=list(details),
        receipt_confirmations=[],
        enabled_scope=scope,
        enabled_authorization_details=list(details),
    )
    key = standing_key(client.client_id, scope, details)
    change.vacant.append((Grant, ("standing", key)))
    change.create(grant, GrantInternal(standing=key, target_grant_id=target.grant_id if target else ""))
    change.event("grant.created", grant_id)
    if ends:
        change.due[grant_id] = ends
    return grant


async def find_standing(
    context: Context, access: Access, client_id: str, scope: str, details: Sequence[Entry]
) -> Stored[Grant] | None:
    """The standing Grant for this access, or None when there is none. One round trip."""
    key = standing_key(client_id, scope, details)
    found = await context.records.find(access, Listing(Grant, filters=((("standing", key),),), limit=1))
    return found[0] if found else None
