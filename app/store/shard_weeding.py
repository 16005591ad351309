"""Takes out of the indexes across registrations what does not belong there: the last walk of `app.store.reindex`."""

from collections.abc import AsyncIterator
from typing import Final

from msgspec import UNSET

from app.crypto.tokens import REGISTRATION_ID_LENGTH
from app.store import indexes, keys
from app.store.mending import Mender
from app.store.placing import REGISTRATION, Entry, Found
from app.store.registrations import pages, together

_SCAN_COUNT: Final = 200


async def weed_shard(mender: Mender, shard: str) -> None:
    """Weed what a shard says beside its lists of objects."""
    await _weed_registrations(mender, shard)
    await _weed_words(mender, shard)
    await _weed_reminders(mender, shard)


async def weed_list(mender: Mender, key: str) -> None:
    """Weed an index across registrations, `{3f}:d:…`."""
    _, _, name = key.partition(":d:")
    mender.done.indexes += 1
    async for prefix, found, full_id in _objects(mender, key):
        entry = mender.entry_of(prefix, found) if found.document else Entry(found.local)
        if entry and name not in entry.enlist:
            await mender.mend(prefix, [(Entry(found.local, full_id=full_id, delist=[name]), found)])


async def _weed_reminders(mender: Mender, shard: str) -> None:
    async for prefix, found, full_id in _objects(mender, keys.due(shard)):
        entry = mender.entry_of(prefix, found) if found.document else Entry(found.local)
        if entry and (entry.remind is UNSET or entry.remind is False):
            await mender.mend(prefix, [(Entry(found.local, full_id=full_id, remind=False), found)])


async def _weed_registrations(mender: Mender, shard: str) -> None:
    key = keys.registrations(shard)
    async for members in pages(mender.connection, "ZSCAN", key, "COUNT", _SCAN_COUNT):
        for member, _ in members:
            known = await mender.connection.command("HEXISTS", keys.prefix(member.decode()) + ":o", REGISTRATION)
            if not known:
                mender.done.count(await mender.connection.command("ZREM", key, member, writes=True))


async def _weed_words(mender: Mender, shard: str) -> None:
    key = keys.words(shard)
    async for members in pages(mender.connection, "ZSCAN", key, "COUNT", _SCAN_COUNT):
        entries = [member for member, _ in members]
        mender.done.count(await mender.connection.run("weed", [keys.shard(shard)], *entries))


async def _objects(mender: Mender, key: str) -> AsyncIterator[tuple[str, Found, str]]:
    """What the full ids in a sorted set of a shard stand for: prefix of the registration, object, and the id once more.

    Ids that are none of this shard are taken out.
    """
    shard = key[1:3]

    async def one(full_id: str) -> tuple[str, Found, str]:
        prefix = keys.prefix(full_id[:REGISTRATION_ID_LENGTH])
        local = indexes.local(full_id) if "-" in full_id else REGISTRATION
        (found,) = await mender.read(prefix, [local])
        return prefix, found, full_id

    async for members in pages(mender.connection, "ZSCAN", key, "COUNT", _SCAN_COUNT):
        ids = [member.decode() for member, _ in members]
        strangers = [full_id for full_id in ids if not full_id.startswith(shard)]
        if strangers:
            mender.done.count(await mender.connection.command("ZREM", key, *strangers, writes=True))
        for found in await together(one, [full_id for full_id in ids if full_id.startswith(shard)]):
            yield found
