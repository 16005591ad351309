"""Mails that tell what a Message tells too, for people who do not look at their Messages every day.

They go to the address that a Client has proven to be its own (CDS-WG1-02 3.6 `email_verification`), and to nobody else.
"""

from datetime import UTC, datetime
from typing import Final

from app.domain.context import Context
from app.domain.feed import FeedEvent
from app.domain.mails import Mail
from app.domain.records import Access, Wanted
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.registrations import Registration, RegistrationStatus

EXPIRING: Final = "credential.expiring"
"""The only event that becomes a mail so far."""

TOLD: Final = frozenset({EXPIRING})
"""Types of events that become mails."""


async def mail_of(context: Context, event: FeedEvent, now: datetime) -> Mail | None:
    """The mail that an event leads to, the same one each time; None when there is nobody to write to, or no need.

    One round trip for events of types that are `TOLD`, none for others. Raises StoreUnavailable.
    """
    if event.type not in TOLD or event.registration_id is None:
        return None
    access = Access(event.registration_id, now)
    wanted = (
        Wanted(Registration, event.registration_id),
        Wanted(Client, event.registration_id),
        Wanted(Credential, event.object_id),
    )
    registration, admin, credential = await context.records.load(access, *wanted)
    if registration is None or admin is None or credential is None:
        return None
    address = registration.object.verified_email
    if registration.object.status is not RegistrationStatus.ACTIVE or address not in admin.object.contacts:
        return None
    return _expiring(context, event, credential.object, address, now)


def _expiring(context: Context, event: FeedEvent, credential: Credential, address: str, now: datetime) -> Mail | None:
    expires = datetime.fromtimestamp(credential.client_secret_expires_at, UTC)
    if expires <= now:
        return None
    server = context.catalog.server.name
    return Mail(
        id=f"{EXPIRING} {credential.credential_id} {credential.client_secret_expires_at}",
        kind="credential_expiring",
        to=address,
        subject=f"{server}: a credential expires on {expires:%Y-%m-%d}",
        text=(
            f"Hello,\n\na client_secret that your software uses at {server} expires at "
            f"{expires:%Y-%m-%d %H:%M} UTC.\n\n"
            f"Client Object: {credential.client_id}\n"
            f"Credential: {credential.credential_id}\n\n"
            "If it is still in use, create a new Credential and change over to it before then; both work until then. "
            "There is a Message about it as well.\n\n"
            "You get this mail because this address was verified as a contact of the registration.\n"
        ),
        created=event.at,
        registration_id=event.registration_id or "",
        expires=expires,
    )
