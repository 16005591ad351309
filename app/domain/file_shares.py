"""Who has a Server-Provided File: the Grants that share it, across registrations."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.crypto.tokens import local_id
from app.domain.context import Context
from app.domain.records import Access, Stored, Wanted
from app.schemas.grants import Grant

MOST: Final = 100


async def shares_of(context: Context, file_id: str, *, now: datetime, limit: int = MOST) -> Sequence[Stored[Grant]]:
    """The newest Grants that have shared a file, newest first, whatever became of them since. Two round trips.

    One more when Grants are due.
    """
    grant_ids = list(reversed(await context.library.shares(file_id)))[:limit]
    wanted: dict[str, list[str]] = {}
    for grant_id in grant_ids:
        if parts := local_id(grant_id):
            wanted.setdefault(parts.registration_id, []).append(grant_id)
    loads = (
        context.records.load(Access(registration_id, now), *(Wanted(Grant, one) for one in ids))
        for registration_id, ids in wanted.items()
    )
    found = {one.object.grant_id: one for loaded in await asyncio.gather(*loads) for one in loaded if one}
    return [found[grant_id] for grant_id in grant_ids if grant_id in found]
