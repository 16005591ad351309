"""The RFC 7591 fields that a Client submits about itself, at registration and in a PUT of a Client Object."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from app.domain import urls
from app.domain.texts import is_blank, is_line
from app.errors import InvalidClientMetadata

MAX_NAME_LENGTH = 256
MAX_CONTACTS = 20
MAX_CONTACT_LENGTH = 320
"""Characters; an e-mail address has at most 254, and contacts may be something else."""

MAX_TRANSLATIONS = 100
"""Fields with a language tag in one request."""

_URL_FIELDS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
_SOFTWARE_FIELDS = ("software_id", "software_version")
_TRANSLATION = re.compile(
    r"(?P<field>client_name|client_uri|logo_uri|tos_uri|policy_uri)#[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}"
)

_LINE = f"a string of at most {MAX_NAME_LENGTH} characters on one line"
_URL = f"an absolute http or https URL of at most {urls.MAX_LENGTH} characters without user information"
_CONTACTS = f"a list of at most {MAX_CONTACTS} strings of 1 to {MAX_CONTACT_LENGTH} characters on one line"


class ClientMetadata(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What a Client submitted; UNSET is what it did not submit, or submitted as null or as nothing that can be seen.

    `extra` has what we keep and give back without a meaning for us: `software_id`, `software_version`, and
    translations such as `client_name#de`.
    """

    client_name: str | UnsetType = UNSET
    contacts: list[str] | UnsetType = UNSET
    client_uri: str | UnsetType = UNSET
    logo_uri: str | UnsetType = UNSET
    tos_uri: str | UnsetType = UNSET
    policy_uri: str | UnsetType = UNSET
    extra: dict[str, str] = {}

    def submitted(self) -> dict[str, Any]:
        """The submitted fields under their names, those of `extra` among them."""
        named = {name: getattr(self, name) for name in ("client_name", "contacts", *_URL_FIELDS)}
        return {name: value for name, value in named.items() if value is not UNSET} | self.extra


def validate(metadata: Mapping[str, Any]) -> ClientMetadata:
    """Check the fields of RFC 7591 that a Client decides on; all others are ignored (ambiguities A12, A13, A23).

    A string in which nothing can be seen counts as not submitted, like null (RFC 7592 2.2): users have to see whom they
    authorize.

    Raises:
        InvalidClientMetadata: A field has a wrong type or is too long; names the field and what is accepted.

    Source: RFC 7591 2 and 2.2.
    """
    return ClientMetadata(
        client_name=_line(metadata, "client_name"),
        contacts=_contacts(metadata.get("contacts")),
        client_uri=_url(metadata, "client_uri"),
        logo_uri=_url(metadata, "logo_uri"),
        tos_uri=_url(metadata, "tos_uri"),
        policy_uri=_url(metadata, "policy_uri"),
        extra=_extra(metadata),
    )


def is_metadata(name: str) -> bool:
    """Whether `validate` looks at a field of this name."""
    named = {"client_name", "contacts", *_URL_FIELDS, *_SOFTWARE_FIELDS}
    return name in named or _TRANSLATION.fullmatch(name) is not None


def _line(metadata: Mapping[str, Any], field: str) -> str | UnsetType:
    value = metadata.get(field)
    if value is None:
        return UNSET
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH or not is_line(value):
        raise _refused(field, _LINE)
    return UNSET if is_blank(value) else value


def _url(metadata: Mapping[str, Any], field: str) -> str | UnsetType:
    value = metadata.get(field)
    if value is None or value == "":
        return UNSET
    url = urls.parse(value) if isinstance(value, str) else None
    if url is None or url.has_userinfo:
        raise _refused(field, _URL)
    return str(value)


def _contacts(value: object) -> list[str] | UnsetType:
    if value is None:
        return UNSET
    if not isinstance(value, list) or len(value) > MAX_CONTACTS:
        raise _refused("contacts", _CONTACTS)
    for place, contact in enumerate(value):
        if not isinstance(contact, str) or not 0 < len(contact) <= MAX_CONTACT_LENGTH or not is_line(contact):
            raise InvalidClientMetadata(f"contacts must be {_CONTACTS}.", field=f"contacts.{place}")
    return list(value)


def _extra(metadata: Mapping[str, Any]) -> dict[str, str]:
    translated = {name: match["field"] for name in metadata if (match := _TRANSLATION.fullmatch(name))}
    if len(translated) > MAX_TRANSLATIONS:
        raise InvalidClientMetadata(f"At most {MAX_TRANSLATIONS} fields with a language tag are accepted.")
    kept: dict[str, str | UnsetType] = {name: _line(metadata, name) for name in _SOFTWARE_FIELDS}
    for name, field in translated.items():
        kept[name] = _url(metadata, name) if field in _URL_FIELDS else _line(metadata, name)
    return {name: value for name, value in kept.items() if not isinstance(value, UnsetType)}


def _refused(field: str, accepted: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(f"{field} must be {accepted}.", field=field)
