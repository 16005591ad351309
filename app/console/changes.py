"""What operators have changed in one registration, up to this moment."""

from app.domain.feed import AuditRecord, Feed


async def latest_changes(feed: Feed, registration_id: str, *, limit: int) -> list[AuditRecord]:
    """The last records of the audit log, newest first, with what has not reached it yet."""
    await feed.relay()
    return await feed.latest_audit(registration_id=registration_id, limit=limit)
