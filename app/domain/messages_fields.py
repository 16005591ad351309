"""The values that Messages share, whoever creates them: texts, links, what a link leads to (CDS-WG1-02 6.1, 6.4)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType

from app.crypto.tokens import local_id
from app.domain import urls
from app.domain.links import Links
from app.domain.records import AnyObject, Stored, Wanted
from app.domain.texts import is_blank, is_line, is_text
from app.errors import InvalidRequest
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.grants import Grant
from app.schemas.messages import Message, RelatedType

MAX_NAME_LENGTH: Final = 256
MAX_DESCRIPTION_LENGTH: Final = 65_536
"""Characters; whoever has more to say attaches a file."""

MAX_FIELD_LENGTH: Final = 128
"""Characters of the identifier of a requested submission."""

_API_LINKS: Final = {
    "clients": (RelatedType.CLIENT_LIST, RelatedType.CLIENT),
    "messages": (RelatedType.MESSAGE_LIST, RelatedType.MESSAGE),
    "credentials": (RelatedType.CREDENTIAL_LIST, RelatedType.CREDENTIAL),
    "grants": (RelatedType.GRANT_LIST, RelatedType.GRANT),
}

_KINDS: Final[dict[RelatedType, type[AnyObject]]] = {
    RelatedType.CLIENT: Client,
    RelatedType.MESSAGE: Message,
    RelatedType.CREDENTIAL: Credential,
    RelatedType.GRANT: Grant,
}

Related = tuple[str, RelatedType]
"""`related_uri` and `related_type`."""


class Target(NamedTuple):
    """What a URL leads to; `object_id` only when that is a single object of our APIs."""

    type: RelatedType
    object_id: str | None = None

    @property
    def wanted(self) -> Wanted | None:
        """The object to load, or None when it is none of ours."""
        return Wanted(_KINDS[self.type], self.object_id) if self.object_id else None


def target_of(links: Links, uri: str) -> Target:
    """What a URL leads to: an object or a list of our own APIs, or more information elsewhere (ambiguities C5)."""
    base = f"{links.public_url}/cds-api/v1/"
    if not uri.startswith(base):
        return Target(RelatedType.MORE_INFO)
    path, query, _ = uri.removeprefix(base).partition("?")
    collection, slash, object_id = path.partition("/")
    if collection not in _API_LINKS:
        return Target(RelatedType.MORE_INFO)
    list_type, object_type = _API_LINKS[collection]
    if not slash:
        return Target(list_type)
    if query or local_id(object_id) is None:
        return Target(RelatedType.MORE_INFO)
    return Target(object_type, object_id)


def wanted_message(links: Links, uri: object) -> Wanted:
    """The Message that a `previous_uri` names; one that cannot be found when it names none."""
    wanted = target_of(links, uri).wanted if isinstance(uri, str) else None
    return wanted if wanted and wanted.kind is Message else Wanted(Message, "")


def thread_of(previous: Stored[Message] | None) -> str:
    """The `thread` of a reply to `previous`: the message_id with which the exchange began, or "" for no reply."""
    return (previous.internal.thread or previous.object.message_id) if previous else ""


def read_name(submitted: Mapping[str, Any], *, required: bool = False) -> str:
    """The subject line; may be empty unless `required`. Raises InvalidRequest."""
    name = submitted.get("name")
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not is_line(name) or (required and is_blank(name)):
        raise InvalidRequest(
            f"name must be a string of at most {MAX_NAME_LENGTH} characters on one line.", field="name"
        )
    return name


def require_reason(description: str) -> None:
    """What a rejection tells the Client (6.3). Raises InvalidRequest when it tells nothing."""
    if is_blank(description):
        raise InvalidRequest("A rejection needs a description that says why.", field="description")


def read_description(value: object, field: str = "description", *, required: bool = False) -> str:
    """A text of several lines; may be empty unless `required`. Raises InvalidRequest."""
    if (
        not isinstance(value, str)
        or len(value) > MAX_DESCRIPTION_LENGTH
        or not is_text(value)
        or (required and is_blank(value))
    ):
        at_least = 1 if required else 0
        raise InvalidRequest(
            f"{field} must be a string of {at_least} to {MAX_DESCRIPTION_LENGTH} characters.", field=field
        )
    return value


def read_field_id(value: object, field: str) -> str:
    """The identifier of a requested submission (6.5). Raises InvalidRequest."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_FIELD_LENGTH or not is_line(value):
        raise InvalidRequest(
            f"{field} must be a string of 1 to {MAX_FIELD_LENGTH} characters on one line.", field=field
        )
    return value


def read_uri(value: object, field: str) -> str | UnsetType:
    """An absolute URL, or UNSET for null (ambiguities C6). Raises InvalidRequest."""
    if value is None:
        return UNSET
    url = urls.parse(value) if isinstance(value, str) else None
    if url is None or url.has_userinfo:
        raise InvalidRequest(
            f"{field} must be an absolute http or https URL of at most {urls.MAX_LENGTH} characters.", field=field
        )
    return str(value)


def read_entries(value: object, field: str, *, limit: int) -> list[Mapping[str, Any]]:
    """A list of 1 to `limit` objects. Raises InvalidRequest."""
    if not isinstance(value, list) or not 0 < len(value) <= limit:
        raise InvalidRequest(f"{field} must be a list of 1 to {limit} objects.", field=field)
    for place, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise InvalidRequest(f"{field}.{place} must be an object.", field=f"{field}.{place}")
    return value
