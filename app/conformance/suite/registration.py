"""CDS-WG1-02 section 4, and RFC 7591 as far as it applies: registering, and what that creates."""

from typing import Final
from urllib.parse import urlsplit

from app.conformance.checks import Need, Problems, Stage, Unavailable, check, refuse, require, skip_unless
from app.conformance.formats import is_integer, shown, strings
from app.conformance.samples import fields_of
from app.conformance.session import ADMIN, Registration, Session, told
from app.conformance.shapes import (
    DATETIME,
    INTEGER,
    STRINGS,
    TEXT,
    TEXT_OR_NULL,
    URL,
    Shape,
    differing,
    lacking,
    listed,
)
from app.conformance.suite.metadata import is_json
from app.conformance.wire import Answer, Document

CLIENT: Final[Shape] = {
    "client_id": TEXT,
    "client_id_issued_at": INTEGER,
    "scope": TEXT,
    "redirect_uris": STRINGS,
    "token_endpoint_auth_method": TEXT_OR_NULL,
    "grant_types": STRINGS,
    "response_types": STRINGS,
    "client_name": TEXT,
    "contacts": STRINGS,
    "authorization_details_types": STRINGS,
    "cds_created": DATETIME,
    "cds_modified": DATETIME,
    "cds_client_uri": URL,
    "cds_status": TEXT,
    "cds_status_options": STRINGS,
    "cds_server_metadata": URL,
}
CREATED: Final = 201
BAD_REQUEST: Final = 400
ERRORS: Final = frozenset(
    {"invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement", "unapproved_software_statement"}
)
NO_SUCH_SCOPE: Final = "no_such_scope_of_this_server"
REGISTRATION: Final = (Need.REGISTRATION,)


@check(
    "WG1-02-4-01",
    "WG1-02-4.1-01",
    "WG1-02-4.1-02",
    "WG1-02-4.1-06",
    "RFC7591-3.1-01",
    "WG1-02-11.2-01",
    "WG1-02-11.2-02",
    "WG1-02-11.4-01",
    needs=REGISTRATION,
    stage=Stage.REGISTER,
)
async def a_program_registers_with_one_request_and_without_credentials(session: Session) -> None:
    """With the admin scope, all others that are wanted, and what those require."""
    _, answer = await session.first_attempt()
    require(answer.ok, f"our registration is answered with {answer.status}: {told(answer)}", answer)
    refuse(lacking(answer.object(), {"client_id": TEXT, "client_secret": TEXT}), answer)


@check("RFC7591-3.2.1-01", "WG1-02-4.2-01", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_registration_is_answered_with_201_and_json(session: Session) -> None:
    """As RFC 7591 has it; the example of this specification has 200."""
    answer = await accepted(session)
    require(answer.status == CREATED, f"our registration is answered with {answer.status}, not 201", answer)
    require(is_json(answer), f"its Content-Type is {shown(answer.media_type)}, not application/json", answer)


@check("RFC7591-3.2.1-02", needs=REGISTRATION, stage=Stage.REGISTER)
async def nobody_stores_the_answer_to_a_registration(session: Session) -> None:
    """It has a secret."""
    refuse(storable(answer := await accepted(session)), answer)


@check("RFC7591-3.2.1-03", needs=(Need.SECOND_REGISTRATION,), stage=Stage.REGISTER)
async def every_registration_gets_an_id_and_a_secret_of_its_own(session: Session) -> None:
    """And back what it has submitted."""
    first, second = await session.registration(), await session.second_registration()
    answer = second.answer
    require(first.client_id != second.client_id, "two registrations have the same client_id", first.answer, answer)
    require(first.client_secret != second.client_secret, "two registrations have the same client_secret", answer)
    refuse(differing(answer.object(), {name: second.sent[name] for name in ("client_name", "contacts")}), answer)


@check("RFC7591-3.2.1-04", needs=REGISTRATION, stage=Stage.REGISTER, level="SHOULD")
async def the_answer_does_not_say_when_the_secret_expires(session: Session) -> None:
    """RFC 7591 demands it and CDS-WG1-02 forbids it, so that having it is worth no more than a warning."""
    answer = await accepted(session)
    require("client_secret_expires_at" not in answer.object(), "client_secret_expires_at is there", answer)


@check("RFC7591-3.2.2-01", needs=REGISTRATION, stage=Stage.REGISTER)
async def what_is_wrong_with_a_registration_is_said_as_rfc_7591_has_it(session: Session) -> None:
    """400, JSON, and a registered error."""
    for what, body in (("an empty object", {}), ("a scope that is a number", {"scope": 7})):
        answer = await session.try_registration(body)
        require(answer.status == BAD_REQUEST, f"{what} is answered with {answer.status}, not 400", answer)
        error = answer.object().get("error")
        require(error in ERRORS, f"{what} is answered with the error {shown(error)}", answer)


@check("RFC7591-2-01", needs=REGISTRATION, stage=Stage.REGISTER)
async def unknown_members_of_a_registration_are_ignored(session: Session) -> None:
    """Whoever adds one registers all the same."""
    body = await session.registration_body([ADMIN], cds_conformance_unknown={"nested": [1, 2]})
    answer = await session.try_registration(body, "with an unknown member")
    require(answer.ok, f"with an unknown member it is answered with {answer.status}: {told(answer)}", answer)


@check("WG1-02-3.4-05", needs=REGISTRATION, stage=Stage.REGISTER)
async def nobody_registers_without_what_a_scope_requires(session: Session) -> None:
    """Each required field left out once."""
    fields, scopes = await session.registration_fields(), await session.scopes()
    body = await session.registration_body()
    required = [
        fields[field]
        for field in fields_of(scopes, str(body["scope"]).split(), "registration_requirements")
        if field in fields and fields[field].get("type") == "registration_field" and "default" not in fields[field]
    ]
    skip_unless(required, "no scope requires a value with the registration")
    for field in required:
        name = str(field.get("field_name"))
        answer = await session.try_registration({key: value for key, value in body.items() if key != name})
        require(answer.status == BAD_REQUEST, f"without {name} it is answered with {answer.status}, not 400", answer)


@check("WG1-02-3.6-01", needs=REGISTRATION, stage=Stage.REGISTER)
async def only_the_scopes_that_are_asked_for_require_something(session: Session) -> None:
    """The admin scope alone requires nothing."""
    answer = await session.try_registration(await session.registration_body([ADMIN]), "for the admin scope alone")
    require(answer.ok, f"for the admin scope alone it is answered with {answer.status}: {told(answer)}", answer)


@check("WG1-02-4.1-03", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_request_without_the_admin_scope_is_not_one_of_this_specification(session: Session) -> None:
    """It may be an ordinary one of RFC 7591, or refused."""
    scope = next((name for name in await session.scopes() if name != ADMIN), None)
    skip_unless(scope, "there is no other scope")
    body = await session.registration_body([str(scope)])
    answer = await session.try_registration({**body, "scope": scope}, "without the admin scope")
    require(answer.ok or answer.status == BAD_REQUEST, f"without {ADMIN} it is answered with {answer.status}", answer)
    if answer.ok:
        scopes = str(answer.object().get("scope", "")).split()
        require(ADMIN not in scopes, f"whoever does not ask for {ADMIN} gets it all the same", answer)


@check("WG1-02-4.1-05", "WG1-02-4.1-04", needs=REGISTRATION, stage=Stage.REGISTER)
async def scopes_that_are_not_described_are_refused(session: Session) -> None:
    """Together with such that are."""
    body = await session.registration_body([ADMIN])
    answer = await session.try_registration({**body, "scope": f"{ADMIN} {NO_SUCH_SCOPE}"})
    require(answer.status == BAD_REQUEST, f"an unknown scope is answered with {answer.status}, not 400", answer)
    answer.object()


@check("WG1-02-4.1-07", needs=REGISTRATION, stage=Stage.REGISTER)
async def redirect_uris_of_a_registration_are_ignored(session: Session) -> None:
    """Good ones and bad ones."""
    for what, uris in (("valid", ["https://client.example/callback"]), ("malformed", ["no uri", "x:#y"])):
        body = await session.registration_body([ADMIN], redirect_uris=uris)
        answer = await session.try_registration(body, f"with {what} redirect_uris")
        require(answer.ok, f"with {what} redirect_uris it is answered with {answer.status}: {told(answer)}", answer)
        require(answer.object().get("redirect_uris") == [], f"{what} redirect_uris are kept", answer)


@check("WG1-02-4.2-02", needs=REGISTRATION, stage=Stage.REGISTER)
async def the_answer_to_a_registration_is_a_client_object(session: Session) -> None:
    """With its secret."""
    answer = await accepted(session)
    refuse(lacking(answer.object(), {**CLIENT, "client_secret": TEXT}), answer)


@check("WG1-02-4.2-03", needs=REGISTRATION, stage=Stage.REGISTER)
async def the_scope_of_the_answer_is_the_admin_scope(session: Session) -> None:
    """Whatever else was registered."""
    await require_answered(session, {"scope": ADMIN})


@check("WG1-02-4.2-04", needs=REGISTRATION, stage=Stage.REGISTER)
async def the_answer_has_no_redirect_uris(session: Session) -> None:
    """An empty list."""
    await require_answered(session, {"redirect_uris": []})


@check("WG1-02-4.2-05", needs=REGISTRATION, stage=Stage.REGISTER)
async def the_answer_has_no_response_types(session: Session) -> None:
    """An empty list."""
    await require_answered(session, {"response_types": []})


@check("WG1-02-4.2-06", needs=REGISTRATION, stage=Stage.REGISTER)
async def the_answer_has_one_grant_type(session: Session) -> None:
    """client_credentials."""
    await require_answered(session, {"grant_types": ["client_credentials"]})


@check("WG1-02-4.2-07", needs=REGISTRATION, stage=Stage.REGISTER)
async def the_admin_authenticates_with_http_basic(session: Session) -> None:
    """client_secret_basic."""
    await require_answered(session, {"token_endpoint_auth_method": "client_secret_basic"})


@check("WG1-02-4.2-08", needs=REGISTRATION)
async def the_secret_of_the_answer_is_that_of_the_admin_credential(session: Session) -> None:
    """As the Credentials API shows it."""
    own = await session.registration()
    credentials = await session.credentials(own.client_id)
    secrets = [credential.get("client_secret") for credential in credentials]
    require(own.client_secret in secrets, "no Credential has the client_secret of the registration", own.answer)


@check("WG1-02-4.2-09", needs=REGISTRATION)
async def the_admin_client_object_is_listed(session: Session) -> None:
    """With its scope."""
    own = await session.registration()
    clients = await session.clients()
    found = [client for client in clients if client.get("client_id") == own.client_id]
    require(found, "the Client Objects do not have the one of the answer", own.answer)
    require(found[0].get("scope") == ADMIN, f"its scope is {shown(found[0].get('scope'))}, not {ADMIN}")


@check("WG1-02-4.2-10", needs=REGISTRATION)
async def every_scope_of_the_registration_has_a_client_object(session: Session) -> None:
    """And no scope that was not asked for, but grant admin scopes."""
    own, scopes = await session.registration(), await session.scopes()
    has = {scope for client in await session.clients() for scope in scopes_of(client)}
    implied = {str(scopes[scope].get("grant_admin_scope")) for scope in own.scopes if scope in scopes} - {"None"}
    missing, more = set(own.scopes) - has, has - set(own.scopes) - implied
    require(not missing, f"no Client Object has the scope {', '.join(sorted(missing))}")
    require(not more, f"Client Objects have scopes that were not asked for: {', '.join(sorted(more))}")


@check("WG1-02-4.2-11", needs=REGISTRATION)
async def only_alike_scopes_share_a_client_object(session: Session) -> None:
    """With the same response types, grant types and authentication; the admin scope stays alone."""
    scopes = await session.scopes()
    problems = Problems()
    for client in await session.clients():
        own = scopes_of(client)
        problems.note(ADMIN not in own or own == [ADMIN], f"{client.get('client_id')} has {ADMIN} and others")
        for member in (
            "response_types_supported",
            "grant_types_supported",
            "token_endpoint_auth_methods_supported",
        ):
            kinds = {tuple(sorted(listed(scopes[scope], member))) for scope in own if scope in scopes}
            problems.note(len(kinds) < 2, f"{client.get('client_id')} has scopes that differ in {member}")  # noqa: PLR2004
    problems.refuse()


@check("WG1-02-4.2-12", needs=REGISTRATION, stage=Stage.REGISTER)
async def a_scope_with_grant_admin_access_brings_that_scope_along(session: Session) -> None:
    """Not asked for, and once."""
    scopes = await session.scopes()
    wanted = [name for name, scope in scopes.items() if scope.get("grant_admin_scope") in scopes]
    wanted.sort(key=lambda name: len(listed(scopes[name], "registration_requirements")))
    skip_unless(wanted, "no scope has a grant_admin_scope")
    own = await session.new_registration("for the grant admin scope that comes along", wanted[:1])
    implied = str(scopes[wanted[0]]["grant_admin_scope"])
    found = [client for client in await session.clients(own) if implied in scopes_of(client)]
    require(len(found) == 1, f"for {wanted[0]} there are {len(found)} Client Objects with {implied}", own.answer)


@check("WG1-02-4.2-13", needs=REGISTRATION)
async def every_client_object_that_authenticates_has_a_credential(session: Session) -> None:
    """At least one."""
    own = await session.registration()
    for client in await session.clients():
        if client.get("token_endpoint_auth_method") is not None:
            client_id = str(client.get("client_id"))
            require(await session.credentials(client_id, own), f"the Client Object {client_id} has no Credential")


@check("WG1-02-4.2-14", needs=REGISTRATION)
async def client_objects_that_users_authorize_have_a_redirect_uri_of_the_server(session: Session) -> None:
    """One, at first."""
    for client in await with_users(session):
        uris = strings(client.get("redirect_uris"))
        require(len(uris) == 1, f"{client.get('client_id')} has {len(uris)} redirect_uris, not one")
        parts = urlsplit(uris[0])
        require(parts.scheme in {"https", "http"} and parts.netloc, f"redirect_uris is {shown(uris)}, no URL")
        require("client.example" not in parts.netloc, f"{uris[0]} is not of the server")


@check("WG1-02-4.2-17", needs=REGISTRATION)
async def whatever_users_authorize_can_be_tried_in_the_sandbox_at_once(session: Session) -> None:
    """A Client Object for each such scope."""
    sandbox = {
        scope
        for client in await with_users(session)
        if "sandbox" in listed(client, "cds_status_options") and client.get("cds_status") == "sandbox"
        for scope in scopes_of(client)
    }
    users = {scope for client in await with_users(session) for scope in scopes_of(client)}
    missing = sorted(users - sandbox)
    require(not missing, f"no sandbox Client Object has the scope {', '.join(missing)}")


@check("WG1-02-4.2-20", needs=REGISTRATION)
async def no_client_object_is_for_production_and_for_the_sandbox(session: Session) -> None:
    """By its cds_status_options."""
    for client in await session.clients():
        both = {"production", "sandbox"} <= set(listed(client, "cds_status_options"))
        require(not both, f"{client.get('client_id')} has production and sandbox in its cds_status_options")


@check("WG1-02-4.2-21", "RFC7592-3-01", needs=REGISTRATION, stage=Stage.REGISTER)
async def rfc_7592_comes_complete_or_not_at_all(session: Session) -> None:
    """A URL and a token."""
    answer = await accepted(session)
    found = {"registration_client_uri", "registration_access_token"} & answer.object().keys()
    skip_unless(found, "the server does not offer RFC 7592")
    refuse(lacking(answer.object(), {"registration_client_uri": URL, "registration_access_token": TEXT}), answer)
    uris = {answer.find("registration_client_uri"), answer.find("cds_client_uri")}
    require(len(uris) == 1, "registration_client_uri is not the cds_client_uri", answer)


@check("WG1-02-2-04", needs=REGISTRATION)
async def the_time_of_issue_is_a_number(session: Session) -> None:
    """In seconds since 1970."""
    answer = await accepted(session)
    issued = answer.object().get("client_id_issued_at")
    require(is_integer(issued), f"client_id_issued_at is {shown(issued)}, not an integer", answer)


async def accepted(session: Session) -> Answer:
    """The answer to the main registration.

    Raises:
        Unavailable: It was refused.
    """
    _, answer = await session.first_attempt()
    if not answer.ok:
        raise Unavailable(f"the server refused our registration with {answer.status}: {told(answer)}")
    return answer


async def require_answered(session: Session, expected: Document) -> None:
    """Raises: Violated: The answer to the main registration has other values."""
    answer = await accepted(session)
    refuse(differing(answer.object(), expected), answer)


async def with_users(session: Session, registration: Registration | None = None) -> list[Document]:
    """The Client Objects that users authorize.

    Raises:
        Skipped: There are none, because no scope has response types.
    """
    scopes = await session.scopes()
    own = registration or await session.registration()
    expected = any(listed(scopes[scope], "response_types_supported") for scope in own.scopes if scope in scopes)
    skip_unless(expected, "no scope that we registered for has response types")
    found = [client for client in await session.clients(own) if listed(client, "response_types")]
    require(found, "no Client Object has response_types, although scopes have", own.answer)
    return found


def scopes_of(client: Document) -> list[str]:
    """The scopes of a Client Object."""
    return str(client.get("scope", "")).split()


def storable(answer: Answer) -> list[str]:
    """What is wrong with the headers of an answer that must not be stored."""
    problems = []
    if "no-store" not in str(answer.headers.get("cache-control", "")).lower():
        problems.append(f"Cache-Control is {shown(answer.headers.get('cache-control'))}, without no-store")
    if "no-cache" not in str(answer.headers.get("pragma", "")).lower():
        problems.append(f"Pragma is {shown(answer.headers.get('pragma'))}, not no-cache")
    return problems
