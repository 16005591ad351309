"""What the page about extensions shows: fields and strings beyond the specifications (WG1-01 section 6, WG1-02 10)."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from app.catalog import CLIENT_ADMIN, Catalog, codes
from app.catalog.model import AuthorizationDetailsField
from app.domain.as_metadata import field_ids
from app.domain.client_objects import listed_fields
from app.domain.grant_changes import REVIEW
from app.domain.grant_states import SUFFICIENT_SUB_GRANTS
from app.settings import Settings
from app.web import words

ALWAYS: Final = "REQUIRED: always there"
SOMETIMES: Final = "OPTIONAL"
_FORMATS: Final = {bool: "boolean", str: "string", list: "array", dict: "object", int: "integer", Decimal: "decimal"}


class FieldExtension(NamedTuple):
    """A field that is added to an object: `section` of the specification that defines the object."""

    section: str
    object: str
    name: str
    format: str
    presence: str
    description: str


class ListExtension(NamedTuple):
    """A string that is added to an enumerated list."""

    section: str
    list: str
    value: str
    description: str


def ours(catalog: Catalog, settings: Settings) -> Iterator[FieldExtension]:
    """Fields that every installation of this server adds."""
    introspection = ("RFC 7662 section 2.2", "Introspection response")
    yield FieldExtension(
        *introspection,
        "cds_grant_id",
        "string",
        "REQUIRED while active is true",
        "The grant_id of the Grant that the token was issued under.",
    )
    yield FieldExtension(
        *introspection,
        "cds_opened_grant",
        "object",
        "OPTIONAL: for tokens of a grant admin scope",
        "The Grant that the token opens, with its grant_id, client_id, and what is enabled: scope and"
        " authorization_details.",
    )
    problem = ("RFC 9457 section 3.1", "Problem details")
    for name, description in (
        ("error", "The code, as OAuth has it: the error reference lists all."),
        ("error_description", "The same sentence as detail, for people."),
    ):
        yield FieldExtension(*problem, name, "string", ALWAYS, description)
    yield FieldExtension(
        *problem,
        "errors",
        "array of objects",
        "OPTIONAL: when one field is at fault",
        "Each has field, the path in the request (grants_requested.0.scope), and detail.",
    )
    if settings.access_tokens_are_jwts:
        yield FieldExtension(
            "RFC 9068 section 2.2",
            "Access token",
            "cds_grant_id",
            "string",
            ALWAYS,
            "The grant_id of the Grant that the token was issued under.",
        )
    if catalog.registration.rfc7591_compatible:
        yield FieldExtension(
            "CDS-WG1-02 section 4.2",
            "Client Registration Response",
            "client_secret_expires_at",
            "integer",
            ALWAYS,
            "Unix time at which the client_secret expires, 0 for never: strict libraries for RFC 7591 want it in this"
            " answer. Afterwards it is in the Credentials API only.",
        )


def of_clients(catalog: Catalog) -> Iterator[FieldExtension]:
    """Registration fields whose values Client Objects show (5.1, last paragraph)."""
    for field_id in listed_fields(catalog.scopes.values()):
        field = catalog.registration_fields[field_id]
        if field.field_name is None or field.format is None or field.format in codes.FILE_FORMATS:
            continue
        yield FieldExtension(
            "CDS-WG1-02 section 5.1",
            "Client Object",
            field.field_name,
            field.format,
            "OPTIONAL: on objects of scopes that ask for it",
            field.description,
        )


def of_catalog(catalog: Catalog) -> Iterator[FieldExtension]:
    """Fields that this utility has added in its catalog, which are published as they stand."""
    metadata = [
        ("CDS-WG1-01 section 3.2", "CDS server metadata", [catalog.extensions.server_metadata]),
        ("RFC 8414 section 2, CDS-WG1-02 section 3.2", "Metadata object", [catalog.extensions.oauth_metadata]),
        ("CDS-WG1-01 section 4.3", "Coverage entry", [entry.extra for entry in catalog.coverage]),
        ("CDS-WG1-02 section 3.4", "Scope Description", [scope.extra for scope in catalog.scopes.values()]),
        (
            "CDS-WG1-02 section 3.5",
            "Registration Field",
            [catalog.registration_fields[one].extra for one in field_ids(catalog.scopes.values())],
        ),
        ("CDS-WG1-02 section 3.8", "Authorization Details Field", [one.extra for one in details_fields(catalog)]),
    ]
    for section, named, objects in metadata:
        yield from added(section, named, objects)


def added(section: str, named: str, objects: list[dict[str, Any]]) -> Iterator[FieldExtension]:
    """The fields that some of these objects of one kind have on top."""
    values: dict[str, object] = {}
    for one in objects:
        values = {**one, **values}
    for name, value in values.items():
        everywhere = all(name in one for one in objects)
        yield FieldExtension(
            section,
            named,
            name,
            json_type(value),
            ALWAYS if everywhere else SOMETIMES,
            f"Published by this utility, for instance {words.json_text(value)}.",
        )


def json_type(value: object) -> str:
    """What kind of JSON value this is."""
    return next((name for kind, name in _FORMATS.items() if isinstance(value, kind)), "null")


def details_fields(catalog: Catalog) -> Iterable[AuthorizationDetailsField]:
    """All fields of authorization details."""
    return (field for scope in catalog.scopes.values() for field in scope.authorization_details_fields_supported)


def of_lists(catalog: Catalog) -> list[ListExtension]:
    """Strings that are added to enumerated lists."""
    formats = ("CDS-WG1-02 section 3.9", "Authorization Details Field Formats")
    found = [
        ListExtension(*formats, "string_list_or_null", "A list of strings, or null."),
        ListExtension(*formats, "choice_list", "A list of ids of choices, each at most once."),
        ListExtension(*formats, "choice_list_or_null", "Such a list, or null."),
    ]
    entries: Mapping[str, None] = dict.fromkeys(one for entry in catalog.coverage for one in entry.capabilities)
    known = {"coverage", "oauth"}
    return found + [
        ListExtension(
            "CDS-WG1-01 section 3.4",
            "Server Capabilities",
            one,
            "A capability of this utility that its coverage entries name.",
        )
        for one in entries
        if one not in known
    ]


def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    return {
        "fields": [*ours(catalog, settings), *of_catalog(catalog)],
        "client_fields": list(of_clients(catalog)),
        "lists": of_lists(catalog),
        "sufficient": sorted(SUFFICIENT_SUB_GRANTS),
        "with_users": [scope for scope in catalog.scopes.values() if scope.type != CLIENT_ADMIN],
        "review": words.period(int(REVIEW.total_seconds())),
    }
