"""The third step: what a registration has led to, with its secret for those who may see it."""

import hmac
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.catalog import Catalog
from app.crypto.tokens import local_id
from app.domain.consent import day
from app.domain.context import Context
from app.domain.records import Access, Listing
from app.errors import NotFound
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import decode, encode
from app.schemas.messages import Message, MessageStatus

Document = dict[str, Any]


class Part(NamedTuple):
    """A Client Object as the page shows it."""

    names: str
    client_id: str
    scope: str
    status: str
    has_secret: bool


class Task(NamedTuple):
    """A Message that waits for the Client.

    Args:
        fee: What is to be paid, or "".
        link: Where it is done.
    """

    name: str
    description: str
    fee: str
    link: str


class Outcome(NamedTuple):
    """A registration as its Client could read it now.

    Args:
        admin: The admin Client Object.
        credential: Its Credential, with the client_secret.
        parts: All Client Objects, the admin one first.
        tasks: What waits for the Client.
        reviews: What waits for an operator.
    """

    admin: Document
    credential: Document
    parts: list[Part]
    tasks: list[Task]
    reviews: list[str]

    @property
    def secret(self) -> str:
        """The client_secret of the admin object."""
        secret: str = self.credential["client_secret"]
        return secret

    def is_secret(self, text: str) -> bool:
        """Whether somebody knows it."""
        return hmac.compare_digest(text.encode(), self.secret.encode())

    def expires(self, catalog: Catalog) -> str:
        """The day on which it expires; empty when it does not."""
        at = self.credential["client_secret_expires_at"]
        return day(datetime.fromtimestamp(at, tz=UTC), catalog) if at else ""

    @property
    def created(self) -> datetime:
        """When the registration was made."""
        return datetime.fromisoformat(self.admin["cds_created"])

    def document(self) -> bytes:
        """The answer of the registration endpoint, as JSON to keep."""
        return encode(self.admin | {"client_secret": self.secret})


async def read(context: Context, registration_id: str, *, now: datetime) -> Outcome:
    """What a registration consists of. One round trip.

    Raises:
        NotFound: There is none.
    """
    found = await find(context, registration_id, now=now)
    if found is None:
        raise NotFound("There is no such registration.")
    return found


async def find(context: Context, registration_id: str, *, now: datetime) -> Outcome | None:
    """Likewise, or None."""
    listings = (Listing(Client), Listing(Credential), Listing(Message))
    pages = await context.records.pages(Access(registration_id, now), *listings)
    clients, credentials, messages = ([decode(one) for one in page.documents] for page in pages)
    admin = next((one for one in clients if one["client_id"] == registration_id), None)
    if admin is None:
        return None
    return Outcome(
        admin=admin,
        credential=next(one for one in credentials if one["client_id"] == registration_id),
        parts=[_part(context.catalog, one) for one in sorted(clients, key=_number)],
        tasks=[_task(one) for one in reversed(messages) if one["status"] == MessageStatus.OPEN],
        reviews=[one["name"] for one in reversed(messages) if one["status"] == MessageStatus.PENDING],
    )


def _part(catalog: Catalog, client: Document) -> Part:
    ids = client["scope"].split()
    return Part(
        names=", ".join(catalog.scopes[one].name if one in catalog.scopes else one for one in ids),
        client_id=client["client_id"],
        scope=client["scope"],
        status=client["cds_status"],
        has_secret=client["token_endpoint_auth_method"] not in {None, "none"},
    )


def _task(message: Document) -> Task:
    description = message["description"].rpartition("\n\nRegistration field:")[0] or message["description"]
    fee = f"{message['amount']:,.2f} {message['currency']}" if "amount" in message else ""
    return Task(message["name"], description, fee, message.get("related_uri", ""))


def _number(client: Document) -> int:
    """The place of a Client Object in its registration."""
    found = local_id(client["client_id"])
    return int(found.local) if found else 0
