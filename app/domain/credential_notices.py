"""Credentials that will expire: their Clients hear of it while there is time to make new ones (CDS-WG1-02 7.1, 6.2)."""

from datetime import UTC, datetime

from msgspec.structs import replace

from app.domain.changelog import tell
from app.domain.context import Context
from app.domain.mail_notices import EXPIRING
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.reminders import expiry_notice
from app.domain.retries import until_written
from app.errors import NotFound
from app.schemas.credentials import Credential
from app.schemas.messages import RelatedType


async def notify(context: Context, registration_id: str, credential_id: str, now: datetime) -> None:
    """Tell a Client that a Credential will expire, if it is time for that; once, whoever is quicker.

    Nothing is told of one that has expired meanwhile. Two round trips.

    Raises:
        NotFound: There is no such Credential.
        StoreUnavailable: The store does not answer.
    """
    access = Access(registration_id, now)

    async def attempt() -> None:
        (stored,) = await context.records.load(access, Wanted(Credential, credential_id))
        if stored is None:
            raise NotFound("There is no such object.")
        at = expiry_notice(stored.object, stored.internal)
        change = Change(registration_id, now)
        if at is None or at > now:  # somebody has told, or the expiry is another one
            change.remind(credential_id, at)
            change.unchanged.append(stored)
        else:
            _tell(context, change, stored)
        await context.records.apply(change)

    await until_written(attempt)


def _tell(context: Context, change: Change, stored: Stored[Credential]) -> None:
    """Add the Message, and that it was told; the Credential does not count as modified by that."""
    credential = stored.object
    expires_at = credential.client_secret_expires_at
    change.replace(stored, credential, replace(stored.internal, told_expiry=expires_at))
    if expires_at <= int(change.now.timestamp()):
        return
    tell(
        context,
        change,
        "Credential expires soon",
        f"Credential {credential.credential_id} of Client Object {credential.client_id} expires at "
        f"{datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}. If you still use it, create a new Credential "
        "and change over to it before then; both work until then.",
        about=(credential.uri, RelatedType.CREDENTIAL),
    )
    change.event(EXPIRING, credential.credential_id)
