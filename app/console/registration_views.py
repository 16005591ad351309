"""One registration as its page shows it: the dossier of the domain in rows, cards and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from app.catalog import CLIENT_ADMIN, Catalog, field_title
from app.console import wording
from app.console.wording import Badge, Link
from app.domain.client_objects import scopes_of
from app.domain.client_status import State, mode_of
from app.domain.consent import scope_names
from app.domain.context import Context
from app.domain.grant_terms import MADE_OTHERWISE
from app.domain.records import Stored
from app.domain.registrations import Dossier, Step
from app.schemas.clients import Client, ClientInternal, ClientStatus
from app.schemas.credentials import Credential
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Evidence, Registration

_LINKS: Final = (
    ("client_uri", "Website"),
    ("logo_uri", "Logo"),
    ("policy_uri", "Privacy policy"),
    ("tos_uri", "Terms"),
)


class Fact(NamedTuple):
    """One thing to know; `link` when it is a link."""

    name: str
    value: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of the onboarding checklist."""

    field_id: str
    title: str
    type_name: str
    description: str
    status: Badge
    message_id: str
    evidence: Sequence[str]
    is_met: bool
    is_pending: bool
    can_renew: bool
    """Whether the Client has a link of ours that could be sent again."""


@dataclass(frozen=True, slots=True)
class ClientCard:
    """One Client Object."""

    client: Client
    scopes: Sequence[str]
    status: Badge
    mode: str
    """What it is for, whether it is enabled or not."""
    twin: str
    """The production Client Object that was made of it."""
    is_disabled: bool
    is_held: bool
    """Only an operator can enable it."""
    can_disable: bool
    can_approve: bool
    can_have_secret: bool
    can_grant: bool
    """Whether Grants for it are made by hand."""
    pending: Mapping[str, str]
    """Fields under review, and the Message of each."""
    facts: Sequence[Fact]


class SubmittedField(NamedTuple):
    """A registration field value."""

    name: str
    title: str
    value: str
    link: Link | None
    href: str
    """Where a file can be saved from."""


class CredentialRow(NamedTuple):
    """A Credential, without its secret."""

    credential: Credential
    status: Badge
    expires: datetime | None
    is_expired: bool


class GrantRow(NamedTuple):
    """A Grant in a list."""

    grant: Grant
    scopes: Sequence[str]


class ThreadRow(NamedTuple):
    """An exchange in a list: its newest Message."""

    message: Message
    type_name: str
    from_client: bool


def steps(dossier: Dossier, now: datetime, catalog: Catalog) -> list[StepRow]:
    """The onboarding checklist."""
    return [_step(one, now, catalog) for one in dossier.steps]


def _step(step: Step, now: datetime, catalog: Catalog) -> StepRow:
    status = step.requirement.status
    type_ = step.field.type if step.field else ""
    return StepRow(
        field_id=step.field_id,
        title=field_title(step.field_id),
        type_name=wording.STEP_TYPES.get(type_, type_.replace("_", " ") or "No longer in the catalog"),
        description=step.field.description if step.field else "",
        status=wording.badge(status),
        message_id=step.requirement.message_id,
        evidence=[_evidence(one, now, catalog) for one in step.requirement.evidence],
        is_met=status == "met",
        is_pending=status == "pending",
        can_renew=bool(step.requirement.message_id) and status in {"open", "rejected"} and type_ != "pdf_form",
    )


def _evidence(one: Evidence, now: datetime, catalog: Catalog) -> str:
    said = [
        one.name,
        one.email and f"address {one.email}",
        one.issuer and f"account {one.subject} at {one.issuer}",
        one.reference and f"payment reference {one.reference}",
        one.text_digest and f"text {one.text_digest[:12]}…",
    ]
    at = wording.moment(one.at, now, catalog)
    return f"{', '.join(part for part in said if part) or 'done'}, {at.exact}"


def clients(dossier: Dossier, catalog: Catalog) -> list[ClientCard]:
    """The Client Objects: the admin one first, then in the order in which they were made."""
    every = sorted(dossier.clients, key=lambda one: (one.object.client_id_issued_at, _number(one.object.client_id)))
    return [_client(one, catalog) for one in every]


def _number(client_id: str) -> int:
    last = client_id.rpartition("-")[2]
    return int(last) if last.isdecimal() else 0


def _client(stored: Stored[Client], catalog: Catalog) -> ClientCard:
    client = stored.object
    internal: ClientInternal = stored.internal
    mode = mode_of(State(client, internal))
    is_admin = CLIENT_ADMIN in internal.assigned_scope.split()
    is_disabled = client.cds_status is ClientStatus.DISABLED
    return ClientCard(
        client=client,
        scopes=scope_names(catalog, client.scope),
        status=wording.badge(client.cds_status),
        mode=str(mode),
        twin=internal.production_client_id,
        is_disabled=is_disabled,
        is_held=internal.disabled_by_operator,
        can_disable=not is_admin and not is_disabled,
        can_approve=mode is ClientStatus.SANDBOX and not internal.production_client_id,
        can_have_secret=client.token_endpoint_auth_method is not None and not is_disabled,
        can_grant=not is_disabled
        and any(one.type not in MADE_OTHERWISE for one in scopes_of(catalog, internal.assigned_scope)),
        pending=internal.pending_changes,
        facts=_client_facts(client),
    )


def _client_facts(client: Client) -> list[Fact]:
    facts = [
        Fact("Name", client.client_name),
        Fact("Scope", client.scope),
        Fact("Contacts", wording.value(client.contacts)) if client.contacts else None,
        Fact("Redirect URIs", wording.value(client.redirect_uris)) if client.redirect_uris else None,
        Fact("Grant types", wording.value(client.grant_types)) if client.grant_types else None,
        Fact("Authenticates with", client.token_endpoint_auth_method or "nothing: it has no secret"),
        *(_linked(title, getattr(client, name)) for name, title in _LINKS),
    ]
    return [*(fact for fact in facts if fact), *(Fact(name, wording.value(one)) for name, one in client.extra.items())]


def _linked(title: str, uri: Any) -> Fact | None:  # noqa: ANN401 -- a string or UNSET
    return None if uri is UNSET else Fact(title, str(uri), wording.link(uri))


def submitted(context: Context, registration: Registration, home: str) -> list[SubmittedField]:
    """What the Client has submitted in registration fields."""
    titles = {field.field_name: field_title(field.id) for field in context.catalog.registration_fields.values()}
    values = [
        SubmittedField(
            name,
            titles.get(name, name),
            wording.value(value),
            _link_of(value),
            "",
        )
        for name, value in registration.field_values.items()
    ]
    files = [
        SubmittedField(name, titles.get(name, name), "file", None, f"{home}/field?name={name}")
        for name, key in registration.field_files.items()
        if key
    ]
    return [*values, *files]


def _link_of(value: object) -> Link | None:
    return wording.link(value) if isinstance(value, str) and value.startswith(("http://", "https://")) else None


def credentials(dossier: Dossier, now: datetime) -> list[CredentialRow]:
    """The Credentials, those that still work first."""
    rows = []
    for one in dossier.credentials:
        at = one.client_secret_expires_at
        expires = datetime.fromtimestamp(at, UTC) if at else None
        is_expired = expires is not None and expires <= now
        rows.append(CredentialRow(one, wording.badge("expired" if is_expired else "active"), expires, is_expired))
    return sorted(rows, key=lambda row: row.is_expired)


def grants(every: Sequence[Stored[Grant]], catalog: Catalog) -> list[GrantRow]:
    """Grants of which a list is shown."""
    return [GrantRow(one.object, scope_names(catalog, one.object.scope)) for one in every]


def threads(messages: Sequence[Stored[Message]]) -> list[ThreadRow]:
    """Of each exchange its newest Message."""
    newest: dict[str, Message] = {}
    for stored in messages:
        newest.setdefault(stored.internal.thread or stored.object.message_id, stored.object)
    return [ThreadRow(one, wording.type_name(one.type), one.creator is not None) for one in newest.values()]


def all_messages(messages: Sequence[Stored[Message]]) -> list[ThreadRow]:
    """Every Message of a list."""
    return [
        ThreadRow(one.object, wording.type_name(one.object.type), one.object.creator is not None) for one in messages
    ]
