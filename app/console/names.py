"""What the console calls a registration."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime

from app.domain.context import Context
from app.domain.records import Access, Wanted
from app.schemas.registrations import Registration


def title_of(registration: Registration) -> str:
    """The name that a Client gave itself, or the registration_id. Whoever shows it isolates and escapes it."""
    name = registration.client_metadata.get("client_name")
    return name.strip() if isinstance(name, str) and name.strip() else registration.registration_id


async def names_of(context: Context, registration_ids: Iterable[str], now: datetime) -> Mapping[str, str]:
    """The names of registrations; all of them are asked for together."""
    ids = list(dict.fromkeys(registration_ids))
    loaded = await asyncio.gather(*(context.records.load(Access(one, now), Wanted(Registration, one)) for one in ids))
    return {one: title_of(stored.object) if stored else one for one, (stored,) in zip(ids, loaded, strict=True)}
