"""A Message as the console shows it: who wrote, what was asked for, what came with it, where its links lead.

Everything in it may come from a Client. Templates escape all of it; links are only followed where `wording.link` says
so, and files are only ever downloaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import UNSET

from app.console import wording
from app.console.wording import Badge, Link, Moment
from app.crypto.tokens import local_id
from app.domain import attachments, consent
from app.domain.context import Context
from app.domain.exchanges import Exchange
from app.domain.field_changes import updates_in
from app.domain.messages_fields import target_of
from app.domain.records import Stored
from app.schemas.messages import GrantRequest, Message, MessageInternal, MessageType, RelatedType

_MOST_LINKS: Final = 20
_ALWAYS_COMPLETE: Final = frozenset(
    {MessageType.NOTIFICATION, MessageType.PRIVATE_MESSAGE, MessageType.CLIENT_SUBMISSION}
)


@dataclass(frozen=True, slots=True)
class Attached:
    """A file to download."""

    name: str
    what: str
    href: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `updates_requested`, in whichever of its three shapes."""

    field: str
    title: str
    description: str
    before: str
    after: str
    link: Link | None
    file: Attached | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One Message of an exchange."""

    message_id: str
    type: MessageType
    type_name: str
    status: Badge
    shows_status: bool
    """Whether the status says something: those of news and of submissions are always complete."""
    author: str
    from_client: bool
    created: Moment
    modified: Moment | None
    """When it has changed since."""
    is_read: bool
    name: str
    description: str
    amount: str
    changes: Sequence[Row]
    """Of `field_changes`: before and after."""
    asked: Sequence[Row]
    """Of a `server_request`: what the Client is asked for."""
    submitted: Sequence[Row]
    """Of a `client_submission`: what it says."""
    grants: Sequence["GrantAsked"]
    files: Sequence[Attached]
    related: Sequence[Link]
    related_name: str
    step: str
    is_noted: bool
    is_asked: bool


@dataclass(frozen=True, slots=True)
class GrantAsked:
    """One of `grants_requested`."""

    scope: str
    parts: Sequence[consent.Part]


def entries(context: Context, base: str, exchange: Exchange, now: datetime) -> list[Entry]:
    """The Messages of an exchange, oldest first."""
    titles = {
        update.field: str(update.name)
        for stored in exchange.messages
        for update in updates_in(stored.object)
        if update.name is not UNSET
    }
    asked = exchange.asked.object.message_id
    return [
        _entry(context, base, one, titles, now, is_asked=one.object.message_id == asked) for one in exchange.messages
    ]


def author_of(context: Context, message: Message) -> str:
    """Who wrote it: the client_id of a Client, or the utility."""
    return message.creator or context.catalog.server.name


def _entry(
    context: Context, base: str, stored: Stored[Message], titles: Mapping[str, str], now: datetime, *, is_asked: bool
) -> Entry:
    message, catalog = stored.object, context.catalog
    internal: MessageInternal = stored.internal
    rows = _rows(base, message, internal, titles)
    return Entry(
        message_id=message.message_id,
        type=message.type,
        type_name=wording.type_name(message.type),
        status=wording.badge(message.status),
        shows_status=message.type not in _ALWAYS_COMPLETE,
        author=author_of(context, message),
        from_client=message.creator is not None,
        created=wording.moment(message.created, now, catalog),
        modified=wording.moment(message.modified, now, catalog) if message.modified > message.created else None,
        is_read=message.read,
        name=message.name,
        description=message.description,
        amount="" if message.amount is UNSET else f"{message.amount} {message.currency or ''}".strip(),
        changes=rows if message.type is MessageType.FIELD_CHANGES else (),
        asked=rows if message.type is MessageType.SERVER_REQUEST else (),
        submitted=rows if message.type is MessageType.CLIENT_SUBMISSION else (),
        grants=_grants(context, message, now),
        files=_attached(base, message),
        related=related_links(context, base, message),
        related_name=_RELATED.get(message.related_type, "") if message.related_type is not UNSET else "",
        step=internal.registration_field,
        is_noted=internal.noted,
        is_asked=is_asked,
    )


_RELATED: Final[Mapping[RelatedType, str]] = {
    RelatedType.MORE_INFO: "More information",
    RelatedType.DOCUMENTATION: "Documentation",
    RelatedType.SUPPORT: "Support",
    RelatedType.ONLINE_FORM: "Form for the Client",
    RelatedType.PDF_FORM: "Form for the Client",
    RelatedType.PAYMENT_FORM: "Payment page for the Client",
    RelatedType.PAYMENT_RECEIPT: "Receipt",
    RelatedType.CLIENT_LIST: "Client Objects",
    RelatedType.CLIENT: "Client Object",
    RelatedType.GRANT_LIST: "Grants",
    RelatedType.GRANT: "Grant",
    RelatedType.MESSAGE_LIST: "Messages",
    RelatedType.MESSAGE: "Message",
    RelatedType.CREDENTIAL_LIST: "Credentials",
    RelatedType.CREDENTIAL: "Credential",
}


def _rows(base: str, message: Message, internal: MessageInternal, titles: Mapping[str, str]) -> list[Row]:
    return [
        Row(
            field=update.field,
            title=titles.get(update.field, update.field),
            description="" if update.description is UNSET else str(update.description),
            before=wording.value(update.previous_value),
            after=_after(update.new_value),
            link=wording.link(update.uri),
            file=_new_file(base, message, update.field) if internal.files.get(update.field) else None,
        )
        for update in updates_in(message)
    ]


def _after(new_value: object) -> str:
    return "" if new_value is UNSET else wording.value(new_value)


def _new_file(base: str, message: Message, field: str) -> Attached:
    return Attached(field, "new file", f"{base}/console/messages/{message.message_id}/field?name={field}")


def _grants(context: Context, message: Message, now: datetime) -> list[GrantAsked]:
    asked: list[GrantRequest] = [] if message.grants_requested is UNSET else message.grants_requested
    return [
        GrantAsked(
            one.scope,
            consent.in_words(context.catalog, _whole_scope(one), one.authorization_details, authorized_at=now),
        )
        for one in asked
    ]


def _whole_scope(asked: GrantRequest) -> str:
    """Entries bring the scope of their type along."""
    types = [str(entry.get("type", "")) for entry in asked.authorization_details]
    return " ".join(dict.fromkeys([*asked.scope.split(), *types]))


def _attached(base: str, message: Message) -> list[Attached]:
    every = [] if message.attachments is UNSET else message.attachments
    return [
        Attached(
            one.filename,
            f"{one.mime_type}, {wording.size(attachments.size_of(one))}",
            f"{base}/console/messages/{message.message_id}/attachment?number={number}",
        )
        for number, one in enumerate(every)
    ]


def related_links(context: Context, base: str, message: Message) -> list[Link]:
    """Where the link of a Message leads: to the console where it means one of our objects, else to where it says."""
    if message.related_uri is UNSET:
        return []
    uri = message.related_uri
    if uri.startswith(f"{context.links.public_url}/onboarding/"):
        return [Link("a page of ours; its address is between the Client and us", "")]
    target = target_of(context.links, uri)
    if target.object_id:
        return [object_link(base, target.type, target.object_id)]
    if target.type is RelatedType.GRANT_LIST:
        ids = parse_qs(urlsplit(uri).query).get("grant_ids", [""])[0].replace(",", " ").split()
        return [object_link(base, RelatedType.GRANT, one) for one in ids[:_MOST_LINKS] if local_id(one)]
    found = wording.link(uri)
    return [found] if found and target.type is RelatedType.MORE_INFO else []


def object_link(base: str, type_: RelatedType, object_id: str) -> Link:
    """The page of the console that has one of our objects; its id without a link when it belongs to nobody."""
    parts = local_id(object_id)
    if parts is None:
        return Link(object_id, "")
    home = f"{base}/console/registrations/{parts.registration_id}"
    match type_:
        case RelatedType.MESSAGE:
            return Link(object_id, f"{base}/console/messages/{object_id}")
        case RelatedType.GRANT:
            return Link(object_id, f"{base}/console/grants/{object_id}")
        case RelatedType.CREDENTIAL:
            return Link(object_id, f"{home}#credentials")
        case _:
            return Link(object_id, f"{home}#client-{object_id}")
