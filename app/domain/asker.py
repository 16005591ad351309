"""Who asks for an authorization, as far as users get to see it.

A Client chooses these values itself, so all of them are shown as plain text, links lead to https addresses whose host
is shown beside them, and a logo is an image file that we have checked, or one behind https.

Source: RFC 7591 2 and 5 (a name or a logo must not pass for somebody else's); RFC 6749 10.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import UNSET

from app.catalog import Catalog, RegistrationField, field_title
from app.domain import urls
from app.domain.client_objects import listed_fields, scopes_of
from app.domain.consent import Line
from app.schemas.clients import Client
from app.schemas.registrations import Registration


class Link(NamedTuple):
    """A link with the host that it leads to, for the user to judge."""

    label: str
    url: str
    host: str


class Asker(NamedTuple):
    """A Client as users see it.

    Args:
        facts: What it submitted about itself in fields that the catalog shows to users.
        logo_key: Its uploaded logo in the file store, or "".
        logo_url: Its logo behind https, or "". Only used without an uploaded one.
    """

    name: str
    facts: tuple[Line, ...]
    links: tuple[Link, ...]
    logo_key: str
    logo_url: str


def describe(catalog: Catalog, client: Client, registration: Registration) -> Asker:
    """What users see of the Client that asks them."""
    shown = _shown_fields(catalog, client)
    values = [(field, client.extra.get(field.field_name or "")) for field in shown]
    texts = [(field, value) for field, value in values if isinstance(value, str) and _is(field, "string")]
    own_links = [_link(field_title(field.id), value) for field, value in values if _is(field, "url")]
    keys = [registration.field_files.get(field.field_name or "", "") for field in shown]
    return Asker(
        name=client.client_name,
        facts=tuple(Line(field_title(field.id), (value,)) for field, value in texts if value),
        links=_each_once(
            [
                _link("Website", client.client_uri),
                _link("Privacy policy", client.policy_uri),
                _link("Terms of service", client.tos_uri),
                *own_links,
            ]
        ),
        logo_key=next((key for key in keys if key), ""),
        logo_url=client.logo_uri if isinstance(client.logo_uri, str) and _is_https(client.logo_uri) else "",
    )


def origin(url: str) -> str:
    """Scheme, host and port of an accepted URL: what a content security policy needs to know."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    return f"{scheme.lower()}://{authority.lower()}"


def _shown_fields(catalog: Catalog, client: Client) -> list[RegistrationField]:
    ids = listed_fields(scopes_of(catalog, client.scope))
    fields = [catalog.registration_fields[field_id] for field_id in ids if field_id in catalog.registration_fields]
    return [field for field in fields if field.show_to_users]


def _is(field: RegistrationField, format_: str) -> bool:
    return (field.format or "").removesuffix("_or_null") == format_


def _link(label: str, url: object) -> Link | None:
    if url is UNSET or not isinstance(url, str) or not _is_https(url):
        return None
    parts = urls.parse(url)
    return Link(label, url, parts.host) if parts else None


def _is_https(url: str) -> bool:
    parts = urls.parse(url)
    return parts is not None and parts.scheme == "https" and not parts.has_userinfo


def _each_once(links: Iterable[Link | None]) -> tuple[Link, ...]:
    return tuple({link.url: link for link in reversed([one for one in links if one])}.values())[::-1]
