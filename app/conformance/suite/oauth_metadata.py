"""CDS-WG1-02 sections 2, 3.1 and 3.2, and RFC 8414: the authorization server metadata."""

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from app.conformance.checks import Problems, check, refuse, require, skip_unless
from app.conformance.formats import (
    INFINITE,
    is_date,
    is_datetime,
    is_integer,
    is_number,
    is_relative_date,
    is_relative_datetime,
    is_timezone,
    is_url,
    shown,
)
from app.conformance.session import ADMIN, FILES, Session
from app.conformance.shapes import NUMBER, OBJECT, STRINGS, TEXT, URL, Shape, lacking, listed, optional
from app.conformance.subject import OK
from app.conformance.suite.metadata import is_json, note_unless_open
from app.conformance.wire import Answer, Document

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"

OAUTH_REQUIRED: Final[Shape] = {
    "registration_endpoint": URL,
    "scopes_supported": STRINGS,
    "service_documentation": URL,
    "op_policy_uri": URL,
    "op_tos_uri": URL,
    "revocation_endpoint": URL,
    "introspection_endpoint": URL,
    "code_challenge_methods_supported": STRINGS,
}
CDS_REQUIRED: Final[Shape] = {
    "cds_oauth_version": TEXT,
    "cds_human_registration": URL,
    "cds_timezone": TEXT,
    "cds_clients_api": URL,
    "cds_messages_api": URL,
    "cds_credentials_api": URL,
    "cds_grants_api": URL,
    "cds_scope_descriptions": OBJECT,
    "cds_registration_fields": OBJECT,
}
UNIONS: Final = (
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "authorization_details_types_supported",
)
DATES: Final = ("relative_or_absolute_date", "relative_or_absolute_datetime")
USERS: Final = frozenset({"authorization_code", "implicit"})
"""Grant types that use the authorization endpoint."""


@check("WG1-02-2-02")
async def relative_dates_have_no_hours_minutes_or_seconds(session: Session) -> None:
    """In the limits and defaults of authorization details fields."""
    await note_times(session, "relative_or_absolute_date", lambda value: is_relative_date(value) or is_date(value))


@check("WG1-02-2-03")
async def dates_and_durations_are_those_of_rfc_3339(session: Session) -> None:
    """In the limits and defaults of authorization details fields."""
    await note_times(
        session,
        "relative_or_absolute_datetime",
        lambda value: is_relative_datetime(value) or is_datetime(value),
        else_skip=False,
    )
    await note_times(
        session,
        "relative_or_absolute_date",
        lambda value: is_relative_datetime(value) or is_date(value),
        else_skip=False,
    )


@check("WG1-02-2-04")
async def numbers_are_json_numbers(session: Session) -> None:
    """Not strings of digits."""
    metadata = await session.as_metadata()
    problems = Problems(metadata)
    for name, field in (await session.registration_fields()).items():
        for limit in ("max_length", "max_size"):
            value = field.get(limit)
            problems.note(value is None or is_integer(value), f"{name}: {limit} is {shown(value)}, not an integer")
        problems.found += optional(field, {"amount": NUMBER}, f"{name}: ")
    for where, field in await details_fields(session):
        for limit in ("maximum", "minimum"):
            value, wanted = field.get(limit), field.get("format") in {"int", "decimal"}
            problems.note(
                not wanted or limit not in field or is_number(value) or value == INFINITE,
                f"{where}: {limit} is {shown(value)}, not a number",
            )
    problems.refuse()


@check("WG1-02-2-05", "WG1-02-3.2-17")
async def the_time_zone_is_one_of_iana(session: Session) -> None:
    """Relative dates count in it."""
    metadata = await session.as_metadata()
    zone = metadata.object().get("cds_timezone")
    require(is_timezone(zone), f"cds_timezone is {shown(zone)}, no name of the IANA time zone database", metadata)


@check("WG1-02-3-01", "WG1-02-3.1-01", "RFC8414-3.2-01")
async def the_authorization_server_metadata_is_a_json_object(session: Session) -> None:
    """At the URL that the server metadata names, to a plain GET."""
    answer = await oauth_metadata_answer(session)
    require(answer.status == OK, f"oauth_metadata is answered with {answer.status}, not 200", answer)
    require(is_json(answer), f"its Content-Type is {shown(answer.media_type)}, not application/json", answer)
    answer.object()


@check("WG1-02-3.1-01")
async def the_authorization_server_metadata_is_served_over_https(session: Session) -> None:
    """As all that it links; on a loopback address nobody expects that."""
    metadata = await session.as_metadata()
    skip_unless(not session.subject.local, "the server is on this machine, where TLS is not expected")
    plain = [
        name
        for name, value in metadata.object().items()
        if name.endswith(("_endpoint", "_api")) and urlsplit(str(value)).scheme != "https"
    ]
    plain += ["oauth_metadata"] * (urlsplit(metadata.url).scheme != "https")
    require(not plain, f"no https URL: {', '.join(plain)}", metadata)


@check("WG1-02-3.1-03")
async def the_capabilities_hold_oauth(session: Session) -> None:
    """Whoever links oauth_metadata says so."""
    metadata = await session.server_metadata()
    skip_unless(session.claims_registration, "the server does not offer registration")
    require("oauth" in listed(metadata.object(), "capabilities"), "the capabilities do not hold oauth", metadata)


@check("WG1-02-3.1-04")
async def the_server_metadata_links_that_of_the_authorization_server(session: Session) -> None:
    """Whoever has the capability oauth."""
    skip_unless(session.claims_registration, "the server does not offer registration")
    metadata = await session.server_metadata()
    refuse(lacking(metadata.object(), {"oauth_metadata": URL}), metadata)
    answer = await oauth_metadata_answer(session)
    require(answer.ok, f"oauth_metadata is answered with {answer.status}", answer)


@check("WG1-02-3.1-05", "RFC8414-3.3-01")
async def the_issuer_is_the_one_of_the_well_known_url(session: Session) -> None:
    """Where the URL has the form of RFC 8414."""
    metadata = await session.as_metadata()
    url = str((await session.server_metadata()).object()["oauth_metadata"])
    parts = urlsplit(url)
    skip_unless(parts.path.startswith(WELL_KNOWN), f"{url} has not the well-known form")
    expected = f"{parts.scheme}://{parts.netloc}{parts.path.removeprefix(WELL_KNOWN)}"
    issuer = metadata.object().get("issuer")
    require(issuer in {expected, f"{expected}/"}, f"issuer is {shown(issuer)}, not {expected!r}", metadata)


@check("WG1-02-3-02", "RFC8414-2-01")
async def issuer_and_endpoints_are_those_of_rfc_8414(session: Session) -> None:
    """Always an issuer and a token endpoint, and an authorization endpoint where users authorize."""
    metadata = await session.as_metadata()
    document = metadata.object()
    problems = Problems(metadata)
    problems.found += lacking(document, {"issuer": URL, "token_endpoint": URL, "response_types_supported": STRINGS})
    parts = urlsplit(str(document.get("issuer")))
    problems.note(not parts.query and not parts.fragment, "the issuer has a query or a fragment")
    problems.note(session.subject.local or parts.scheme == "https", "the issuer is no https URL")
    if USERS & set(listed(document, "grant_types_supported")):
        problems.found += lacking(document, {"authorization_endpoint": URL})
    problems.refuse()


@check("WG1-02-3.2-01")
async def the_metadata_has_the_fields_that_this_specification_requires_of_oauth(session: Session) -> None:
    """Eight that are optional in RFC 8414."""
    metadata = await session.as_metadata()
    refuse(lacking(metadata.object(), OAUTH_REQUIRED), metadata)


@check("WG1-02-3.2-03")
async def every_described_scope_is_supported(session: Session) -> None:
    """By the id of its description."""
    metadata = await session.as_metadata()
    supported = set(listed(metadata.object(), "scopes_supported"))
    missing = [str(scope.get("id")) for scope in (await session.scopes()).values() if scope.get("id") not in supported]
    require(not missing, f"scopes_supported lacks {', '.join(missing)}", metadata)


@check("WG1-02-3.2-07")
async def the_code_challenge_methods_are_those_of_all_scopes(session: Session) -> None:
    """At least."""
    await require_union(session, "code_challenge_methods_supported")


@check("WG1-02-3.2-08")
async def the_unions_hold_nothing_of_no_scope(session: Session) -> None:
    """Unless there are scopes without a description."""
    metadata = await session.as_metadata()
    scopes = await session.scopes()
    undescribed = set(listed(metadata.object(), "scopes_supported")) - scopes.keys()
    skip_unless(not undescribed, "there are scopes without a description, to which more values may belong")
    for name in UNIONS:
        more = set(listed(metadata.object(), name)) - union(scopes, name)
        require(not more, f"{name} has values of no scope: {', '.join(sorted(more))}", metadata)


@check("WG1-02-3.2-09")
async def the_authorization_details_types_are_those_of_all_scopes(session: Session) -> None:
    """At least, and always there."""
    await require_union(session, "authorization_details_types_supported")


@check("WG1-02-3.2-10")
async def users_come_with_pushed_authorization_requests(session: Session) -> None:
    """Wherever there are response types."""
    metadata = await require_users(session)
    refuse(lacking(metadata, {"pushed_authorization_request_endpoint": URL}), await session.as_metadata())


@check("WG1-02-3.2-11")
async def the_response_types_are_those_of_all_scopes(session: Session) -> None:
    """At least, and always there."""
    await require_union(session, "response_types_supported")


@check("WG1-02-3.2-12")
async def the_grant_types_are_those_of_all_scopes(session: Session) -> None:
    """At least, and always there."""
    await require_union(session, "grant_types_supported")


@check("WG1-02-3.2-13")
async def the_authentication_methods_are_those_of_all_scopes(session: Session) -> None:
    """At least, and always there."""
    await require_union(session, "token_endpoint_auth_methods_supported")


@check("WG1-02-3.2-14", "WG1-02-4.2-22")
async def the_metadata_has_the_fields_of_this_specification(session: Session) -> None:
    """Nine of them."""
    metadata = await session.as_metadata()
    refuse(lacking(metadata.object(), CDS_REQUIRED), metadata)


@check("WG1-02-3.2-15")
async def the_oauth_version_is_v1(session: Session) -> None:
    """The one literal value of this version."""
    metadata = await session.as_metadata()
    version = metadata.object().get("cds_oauth_version")
    require(version == "v1", f"cds_oauth_version is {shown(version)}, not 'v1'", metadata)


@check("WG1-02-3.2-16")
async def people_can_open_the_page_for_registration(session: Session) -> None:
    """Whether they can register there, a person has to judge."""
    answer = await session.wire.get(await session.endpoint("cds_human_registration"), follow=True)
    require(answer.ok, f"cds_human_registration is answered with {answer.status}", answer)
    require(
        answer.media_type in {"text/html", "application/xhtml+xml"},
        f"cds_human_registration is no page, but {answer.media_type or 'of no type'}",
        answer,
    )


@check("WG1-02-3.2-18")
async def files_come_with_their_api(session: Session) -> None:
    """Wherever a scope is of their type."""
    metadata = await session.as_metadata()
    types = {scope.get("type") for scope in (await session.scopes()).values()}
    skip_unless(FILES in types, f"no scope is of type {FILES}")
    refuse(lacking(metadata.object(), {"cds_server_provided_files_api": URL}), metadata)


@check("WG1-02-3.2-19")
async def users_come_with_test_accounts(session: Session) -> None:
    """Wherever there are response types."""
    metadata = await require_users(session)
    refuse(lacking(metadata, {"cds_test_accounts": URL}), await session.as_metadata())
    answer = await session.wire.get(metadata["cds_test_accounts"], follow=True)
    require(answer.ok, f"cds_test_accounts is answered with {answer.status}", answer)


@check("WG1-02-3.2-20", "WG1-02-3.3-01")
async def the_described_scopes_are_supported_ones_and_the_admin_scope_is_there(session: Session) -> None:
    """Keys of cds_scope_descriptions."""
    metadata = await session.as_metadata()
    keys = set(await session.scopes())
    stray = sorted(keys - set(listed(metadata.object(), "scopes_supported")))
    require(not stray, f"described, but not in scopes_supported: {', '.join(stray)}", metadata)
    require(ADMIN in keys, f"cds_scope_descriptions has no {ADMIN}", metadata)


@check("WG1-02-3.2-21")
async def every_registration_field_of_a_scope_is_described(session: Session) -> None:
    """Required ones and optional ones."""
    metadata = await session.as_metadata()
    fields = await session.registration_fields()
    refuse(
        (
            f"{name}: cds_registration_fields has no {field}"
            for name, scope in (await session.scopes()).items()
            for member in ("registration_requirements", "registration_optional")
            for field in listed(scope, member)
            if field not in fields
        ),
        metadata,
    )


@check("WG1-02-3.2-22")
async def without_requirements_there_is_an_empty_object_of_fields(session: Session) -> None:
    """Only for servers that require nothing."""
    metadata = await session.as_metadata()
    scopes = (await session.scopes()).values()
    skip_unless(
        not any(scope.get("registration_requirements") or scope.get("registration_optional") for scope in scopes),
        "scopes list registration fields",
    )
    fields = metadata.object().get("cds_registration_fields")
    require(fields == {}, f"cds_registration_fields is {shown(fields)}, not an empty object", metadata)


@check("WG1-02-3.2-25", level="SHOULD")
async def the_pages_of_the_authorization_server_can_be_opened(session: Session) -> None:
    """Documentation, policy and terms."""
    metadata = await session.as_metadata()
    problems = Problems(metadata)
    for name in ("service_documentation", "op_policy_uri", "op_tos_uri"):
        url = metadata.object().get(name)
        if is_url(url):
            await note_unless_open(session, problems, name, str(url))
    problems.refuse()


@check("WG1-02-11.2-02")
async def what_is_linked_from_public_metadata_is_public_too(session: Session) -> None:
    """The authorization server metadata without credentials, and with ones that mean nothing."""
    answer = await oauth_metadata_answer(session)
    require(answer.ok, f"without credentials oauth_metadata is answered with {answer.status}", answer)


async def oauth_metadata_answer(session: Session) -> Answer:
    """What comes from `oauth_metadata`, even if nothing can be made of it.

    Raises:
        Skipped: There is no such URL.
    """
    url = (await session.server_metadata()).object().get("oauth_metadata")
    skip_unless(is_url(url), "the server metadata object has no oauth_metadata URL")
    return await session.wire.get(str(url), follow=True)


async def require_users(session: Session) -> Document:
    """The metadata of a server where users authorize.

    Raises:
        Skipped: It has no response types.
    """
    metadata = (await session.as_metadata()).object()
    skip_unless(metadata.get("response_types_supported"), "the server has no response types: no user authorizes")
    return metadata


async def require_union(session: Session, name: str) -> None:
    """Raises: Violated: A list is not there, or lacks what a scope description has."""
    metadata = await session.as_metadata()
    refuse(lacking(metadata.object(), {name: STRINGS}), metadata)
    missing = union(await session.scopes(), name) - set(listed(metadata.object(), name))
    require(not missing, f"{name} lacks {', '.join(sorted(missing))} of a scope description", metadata)


def union(scopes: dict[str, Document], name: str) -> set[str]:
    """What the scope descriptions have in a list, together."""
    return {value for scope in scopes.values() for value in listed(scope, name)}


async def details_fields(session: Session) -> list[tuple[str, Document]]:
    """Every authorization details field, with the names of its scope and of itself."""
    return [
        (f"{name}, {field.get('id')}", field)
        for name, scope in (await session.scopes()).items()
        for field in scope.get("authorization_details_fields_supported") or ()
        if isinstance(field, dict)
    ]


async def note_times(session: Session, kind: str, test: Callable[[object], bool], *, else_skip: bool = True) -> None:
    """Look at the limits and defaults of all fields of a format.

    Raises:
        Skipped: There is no such field.
        Violated: One does not pass.
    """
    fields = [(where, field) for where, field in await details_fields(session) if field.get("format") == kind]
    skip_unless(fields or not else_skip, f"no authorization details field has the format {kind}")
    refuse(times_that_fail(fields, test), await session.as_metadata())


def times_that_fail(fields: list[tuple[str, Document]], test: Callable[[object], bool]) -> Iterator[str]:
    """What is wrong with their limits and defaults."""
    for where, field in fields:
        for name in ("default", "maximum", "minimum"):
            value = field.get(name)
            if value is not None and not test(value):
                yield f"{where}: {name} is {shown(value)}"
