"""The vocabulary in which operations are described: what each one takes, answers and refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from app.domain.operators import Role
from app.errors import Refusal

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
BYTES: Final = "*/*"


class Who(Enum):
    """How callers say who they are."""

    ANYBODY = "anybody"
    CLIENT = "client"
    """client_id and client_secret in HTTP Basic, or client_id alone for a Client Object without a secret."""
    INTROSPECTOR = "introspector"
    """client_id and client_secret in HTTP Basic, or an operator key."""
    GATEWAY = "gateway"
    """An operator key beside the access token of somebody else."""
    TOKEN = "token"  # noqa: S105 -- a word
    """A client admin access token."""
    FILES_TOKEN = "files_token"  # noqa: S105 -- a word
    """An access token for Server-Provided Files."""
    OPERATOR = "operator"
    """An operator key."""
    SIGNED = "signed"
    """A signature over the body."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, the path or the headers."""

    name: str
    text: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"
    example: object = None
    required: bool = False

    @property
    def is_list(self) -> bool:
        """Whether it has several values, with spaces in between."""
        return self.schema.get("type") == "array"


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries.

    Args:
        kind: Its type.
        example: A whole one; made of the members' examples when there is none.
        content_type: Its media type.
        required: Whether it has to be there.
    """

    kind: type
    example: object = None
    content_type: str = JSON
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back when all is well.

    Args:
        status: Its status.
        text: What it means.
        kind: The type of its body; None without one, or for a body that is not JSON.
        content_type: The media type of the body; "" without one.
        headers: By name, those that it has beside the common ones (`app.openapi.responses`).
        example: Members of its example that differ from what the schema shows.
    """

    status: int
    text: str
    kind: type | None = None
    content_type: str = JSON
    headers: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """What can be done next with something in the answer.

    Args:
        operation: The operationId of what comes next.
        parameters: Its parameters, as runtime expressions.
        status: Of the answer.
    """

    operation: str
    parameters: dict[str, str]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Args:
        id: The operationId, which generated clients name their functions after.
        summary: A few words.
        source: Where the specifications say so.
        text: What there is to know beyond them.
        tag: The group it is shown in.
        who: How callers say who they are.
        roles: Of operators who may; for `Who.OPERATOR`.
        refusals: The errors that are its own; common ones are added (`app.openapi.responses`).
    """

    id: str
    summary: str
    source: str
    tag: str
    answers: tuple[Answer, ...]
    text: str = ""
    who: Who = Who.ANYBODY
    roles: frozenset[Role] = frozenset()
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    refusals: tuple[type[Refusal], ...] = ()
    links: tuple[Link, ...] = ()


Operations = dict[tuple[str, str], Operation]
"""By method and path."""


def listed(name: str, text: str) -> Parameter:
    """A filter with several values, which are separated by spaces."""
    return Parameter(name, text, {"type": "array", "items": {"type": "string"}})


def moment(name: str, text: str) -> Parameter:
    """A filter by time."""
    return Parameter(name, text, {"type": "string", "format": "date-time"}, example="2026-06-01T12:00:00Z")


def choice(name: str, text: str, values: Any) -> Parameter:  # noqa: ANN401 -- enumerations and tuples of words
    """A filter with one of some words."""
    return Parameter(name, text, {"type": "string", "enum": [str(one) for one in values]})


def in_path(name: str, text: str) -> Parameter:
    """A segment of the path."""
    return Parameter(name, text, {"type": "string", "pattern": "^[A-Za-z0-9._@-]+$"}, "path", required=True)


def cursor(name: str = "cursor") -> Parameter:
    """The place in a listing."""
    return Parameter(name, "A place in the listing. It is in the links to neighbouring pages: follow them as they are.")


IDEMPOTENCY_KEY: Final = Parameter(
    "Idempotency-Key",
    "Makes the request repeatable: the same request with the same key, within a day, makes nothing new.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "header",
    "7d8e1c7b-4c1e-4c61-a8f6-2d9b2f0f0f55",
)
IF_NONE_MATCH: Final = Parameter(
    "If-None-Match",
    "The ETag of what the caller has: 304 when that is still the newest.",
    place="header",
    example='"x"',
)
RANGE: Final = Parameter(
    "Range",
    "A part of the bytes (RFC 9110 14.2); what is not understood counts as left out.",
    place="header",
    example="bytes=0-1023",
)
