"""CDS-WG1-02 sections 3.3 and 3.4: the scope descriptions."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from app.conformance.checks import Problems, Unavailable, check, refuse, require, skip_unless
from app.conformance.formats import is_url, objects, shown
from app.conformance.session import ADMIN, FILES, GRANT_ADMIN, Session
from app.conformance.shapes import (
    OBJECTS,
    STRINGS,
    TEXT,
    TEXT_OR_NULL,
    URL,
    Shape,
    differing,
    lacking,
    listed,
)
from app.conformance.wire import Document

Look = Callable[[str, Document], Iterable[str]]
"""From the key and a scope description to what is wrong with it."""

SCOPE: Final[Shape] = {
    "id": TEXT,
    "type": TEXT,
    "name": TEXT,
    "description": TEXT,
    "documentation": URL,
    "registration_requirements": STRINGS,
    "registration_optional": STRINGS,
    "response_types_supported": STRINGS,
    "grant_types_supported": STRINGS,
    "token_endpoint_auth_methods_supported": STRINGS,
    "code_challenge_methods_supported": STRINGS,
    "coverages_supported": STRINGS,
    "grant_admin_scope": TEXT_OR_NULL,
    "authorization_details_types_supported": STRINGS,
    "authorization_details_fields_supported": OBJECTS,
}
NOTHING: Final[Document] = {
    "registration_requirements": [],
    "registration_optional": [],
    "response_types_supported": [],
    "code_challenge_methods_supported": [],
    "coverages_supported": [],
}
MACHINES: Final[Document] = {
    **NOTHING,
    "grant_types_supported": ["client_credentials"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "grant_admin_scope": None,
}
ADMIN_SCOPE: Final[Document] = {
    **MACHINES,
    "id": ADMIN,
    "type": ADMIN,
    "name": "Client Admin",
    "description": "This scope grants administrative access to the Client management APIs.",
    "authorization_details_types_supported": [],
    "authorization_details_fields_supported": [],
}
GRANT_ADMIN_SCOPE: Final[Document] = {
    **MACHINES,
    "type": GRANT_ADMIN,
    "name": "Grant Admin",
    "description": "This scope grants administrative access to previously created Grants.",
}
FILES_SCOPE: Final[Document] = {
    **NOTHING,
    "type": FILES,
    "grant_types_supported": [],
    "token_endpoint_auth_methods_supported": [],
}
FILES_NAME: Final = "Server-Provided Files"
FILES_DESCRIPTION: Final = (
    "This scope grants access to specific files that the Server wants make available to the Client."
)
ONE_TEXT: Final[Document] = {"format": "string", "is_required": True, "maximum": 1000, "minimum": 1}
CLIENT_ID_FIELD: Final[Document] = {
    **ONE_TEXT,
    "id": "client_id",
    "name": "Client Object identifier",
    "description": "The Client Object identifier for which the Grant is issued.",
}
GRANT_ID_FIELD: Final[Document] = {
    **ONE_TEXT,
    "id": "grant_id",
    "name": "Grant identifier",
    "description": "The Grant identifier for which the returned access_token will be given access.",
}
FILE_ID_FIELD: Final[Document] = {
    **ONE_TEXT,
    "id": "file_id",
    "name": "File identifier",
    "description": "A file provided by the Server that may be accessed by the Client as part of the Grant.",
}
KNOWN_PREFIX: Final = "cds_"
"""How names of the working group's own specifications begin."""


@check("WG1-02-3.3-03")
async def scopes_of_the_server_itself_have_its_name_in_front(session: Session) -> None:
    """What that name is nobody sees; but a prefix there should be."""
    metadata = await session.as_metadata()
    refuse(
        (
            f"{name}: {member} {shown(scope.get(member))} has no prefix"
            for name, scope in (await session.scopes()).items()
            for member in ("id", "type")
            if not any(mark in str(scope.get(member)).strip("_-.:/") for mark in "_-.:/")
        ),
        metadata,
    )


@check("WG1-02-3.3.1-01")
async def the_admin_scope_is_described_as_it_has_to_be(session: Session) -> None:
    """Only its documentation is free."""
    metadata = await session.as_metadata()
    scope = (await session.scopes()).get(ADMIN)
    require(scope, f"cds_scope_descriptions has no {ADMIN}", metadata)
    refuse([*differing(scope or {}, ADMIN_SCOPE), *lacking(scope or {}, {"documentation": URL})], metadata)


@check("WG1-02-3.3.1-02", level="SHOULD")
async def the_documentation_of_the_admin_scope_can_be_opened(session: Session) -> None:
    """It may be the specification."""
    await open_documentation(session, ADMIN)


@check("WG1-02-3.3.2-02")
async def grant_admin_scopes_are_described_as_they_have_to_be(session: Session) -> None:
    """Only id and documentation are free."""

    def look(name: str, scope: Document) -> Iterable[str]:
        own: Document = {**GRANT_ADMIN_SCOPE, "authorization_details_types_supported": [scope.get("id")]}
        return [*differing(scope, own, f"{name}: "), *lacking(scope, {"id": TEXT, "documentation": URL}, f"{name}: ")]

    await note_scopes(session, look, GRANT_ADMIN)


@check("WG1-02-3.3.2-03")
async def the_ids_of_grant_admin_scopes_begin_as_recommended(session: Session) -> None:
    """With cds_grant_admin and a suffix. The bare type is what the fields' for_types say, so it passes."""
    await note_scopes(
        session,
        lambda name, _: (
            [f"{name} does not begin with cds_grant_admin_"]
            * (name != GRANT_ADMIN and not name.startswith(f"{GRANT_ADMIN}_"))
        ),
        GRANT_ADMIN,
    )


@check("WG1-02-3.3.2-04", level="SHOULD")
async def the_documentation_of_grant_admin_scopes_can_be_opened(session: Session) -> None:
    """It may be the specification."""
    await open_documentation(session, GRANT_ADMIN)


@check("WG1-02-3.3.2-05")
async def the_first_field_of_a_grant_admin_scope_is_the_client(session: Session) -> None:
    """Its for_types say cds_grant_admin, or the id of the scope, as section 3.8 wants."""
    await note_field(session, GRANT_ADMIN, 0, CLIENT_ID_FIELD)


@check("WG1-02-3.3.2-06")
async def the_second_field_of_a_grant_admin_scope_is_the_grant(session: Session) -> None:
    """And there is no third."""
    await note_field(session, GRANT_ADMIN, 1, GRANT_ID_FIELD)
    await note_scopes(session, lambda name, scope: count_fields(name, scope, 2), GRANT_ADMIN)


@check("WG1-02-3.3.2-12")
async def several_grant_admin_scopes_differ_in_id(session: Session) -> None:
    """Where there are several."""
    await require_several(session, GRANT_ADMIN)


@check("WG1-02-3.3.2-13", "WG1-02-3.4-16")
async def every_grant_admin_scope_that_is_named_exists(session: Session) -> None:
    """And is of that type."""
    scopes = await session.scopes()

    def look(name: str, scope: Document) -> Iterable[str]:
        wanted = scope.get("grant_admin_scope")
        if wanted is not None and scopes.get(str(wanted), {}).get("type") != GRANT_ADMIN:
            yield f"{name}: grant_admin_scope {shown(wanted)} is no scope of type {GRANT_ADMIN}"

    await note_scopes(session, look)


@check("WG1-02-3.3.3-02")
async def files_scopes_are_described_as_they_have_to_be(session: Session) -> None:
    """Id, name after its beginning, description, documentation and grant admin scope are free."""

    def look(name: str, scope: Document) -> Iterable[str]:
        own: Document = {**FILES_SCOPE, "authorization_details_types_supported": [scope.get("id")]}
        title = str(scope.get("name"))
        called = title == FILES_NAME or title.startswith(f"{FILES_NAME}: ")
        free = {"id": TEXT, "description": TEXT, "documentation": URL, "grant_admin_scope": TEXT}
        return [
            *differing(scope, own, f"{name}: "),
            *lacking(scope, free, f"{name}: "),
            *([f"{name}: name is {shown(title)}"] * (not called)),
        ]

    await note_scopes(session, look, FILES)


@check("WG1-02-3.3.3-03")
async def the_ids_of_files_scopes_begin_as_recommended(session: Session) -> None:
    """With cds_server_provided_files and a suffix."""
    await note_scopes(
        session, lambda name, _: [f"{name} does not begin with {FILES}_"] * (not name.startswith(f"{FILES}_")), FILES
    )


@check("WG1-02-3.3.3-04")
async def files_of_any_kind_are_described_as_recommended(session: Session) -> None:
    """Only where the name does not tell of a special kind, and the description says nothing of its own."""

    def look(name: str, scope: Document) -> Iterable[str]:
        text = str(scope.get("description"))
        meant = scope.get("name") == FILES_NAME and text.startswith("This scope grants access to specific files")
        if meant and text != FILES_DESCRIPTION:
            yield f"{name}: description is {shown(text)}, not {FILES_DESCRIPTION!r}"

    await note_scopes(session, look, FILES)


@check("WG1-02-3.3.3-05", level="SHOULD")
async def the_documentation_of_files_scopes_can_be_opened(session: Session) -> None:
    """It may be the specification."""
    await open_documentation(session, FILES)


@check("WG1-02-3.3.3-07")
async def the_only_field_of_a_files_scope_is_the_file(session: Session) -> None:
    """As it has to be described."""
    await note_field(session, FILES, 0, FILE_ID_FIELD)
    await note_scopes(session, lambda name, scope: count_fields(name, scope, 1), FILES)


@check("WG1-02-3.3.3-09")
async def several_files_scopes_differ_in_id(session: Session) -> None:
    """Where there are several."""
    await require_several(session, FILES)


@check("WG1-02-3.4-01")
async def every_scope_description_has_its_required_fields(session: Session) -> None:
    """Fifteen of them."""
    await note_scopes(session, lambda name, scope: lacking(scope, SCOPE, f"{name}: "))
    metadata = await session.as_metadata()
    described = metadata.object()["cds_scope_descriptions"]
    refuse((f"{name} is no object" for name, scope in described.items() if not isinstance(scope, dict)), metadata)


@check("WG1-02-3.4-02")
async def the_id_of_a_scope_is_its_key(session: Session) -> None:
    """In cds_scope_descriptions."""
    await note_scopes(session, lambda name, scope: differing(scope, {"id": name}, f"{name}: "))


@check("WG1-02-3.4-03")
async def the_type_of_a_scope_is_a_word(session: Session) -> None:
    """It may be the id."""
    await note_scopes(session, lambda name, scope: lacking(scope, {"type": TEXT}, f"{name}: "))


@check("WG1-02-3.4-06")
async def every_required_registration_field_is_described(session: Session) -> None:
    """Under its id."""
    fields = await session.registration_fields()
    await note_scopes(
        session,
        lambda name, scope: [
            f"{name}: cds_registration_fields has no {field}"
            for field in listed(scope, "registration_requirements")
            if field not in fields
        ],
    )


@check("WG1-02-3.4-07")
async def lists_of_registration_fields_are_never_left_out(session: Session) -> None:
    """Empty where there is nothing to list."""
    shape: Shape = {"registration_requirements": STRINGS, "registration_optional": STRINGS}
    await note_scopes(session, lambda name, scope: lacking(scope, shape, f"{name}: "))


@check("WG1-02-3.4-09")
async def response_types_come_with_authorization_codes_and_the_other_way_round(session: Session) -> None:
    """They are empty where no user authorizes."""

    def look(name: str, scope: Document) -> Iterable[str]:
        code = "authorization_code" in listed(scope, "grant_types_supported")
        types = listed(scope, "response_types_supported")
        if code and not types:
            yield f"{name}: it has the grant type authorization_code and no response type"
        elif types == ["code"] and not code:
            yield f"{name}: it has the response type code, but not the grant type authorization_code"

    await note_scopes(session, look)


@check("WG1-02-3.4-10")
async def every_scope_has_a_grant_type(session: Session) -> None:
    """Except for files."""
    await note_scopes(
        session,
        lambda name, scope: (
            [f"{name}: grant_types_supported is empty"]
            * (scope.get("type") != FILES and not listed(scope, "grant_types_supported"))
        ),
    )


@check("WG1-02-3.4-12")
async def scopes_with_authorization_codes_support_s256(session: Session) -> None:
    """Those alone."""

    def look(name: str, scope: Document) -> Iterable[str]:
        code = "authorization_code" in listed(scope, "grant_types_supported")
        if code and "S256" not in listed(scope, "code_challenge_methods_supported"):
            yield f"{name}: code_challenge_methods_supported lacks S256"

    await note_scopes(session, look)


@check("WG1-02-3.4-13")
async def nowhere_is_a_plain_code_challenge_on_offer(session: Session) -> None:
    """Neither in a scope description nor at the top."""
    metadata = await session.as_metadata()
    offered = listed(metadata.object(), "code_challenge_methods_supported")
    require("plain" not in offered, "code_challenge_methods_supported has plain", metadata)
    await note_scopes(
        session,
        lambda name, scope: (
            [f"{name}: code_challenge_methods_supported has plain"]
            * ("plain" in listed(scope, "code_challenge_methods_supported"))
        ),
    )


@check("WG1-02-3.4-14")
async def scopes_without_authorization_codes_have_no_code_challenges(session: Session) -> None:
    """An empty list."""
    await note_scopes(
        session,
        lambda name, scope: (
            []
            if "authorization_code" in listed(scope, "grant_types_supported")
            else differing(scope, {"code_challenge_methods_supported": []}, f"{name}: ")
        ),
    )


@check("WG1-02-3.4-15")
async def every_coverage_of_a_scope_is_a_coverage_entry(session: Session) -> None:
    """By its id."""
    try:
        ids = {entry.get("id") for entry in await session.coverage_entries()}
    except Unavailable:
        ids = set()
    await note_scopes(
        session,
        lambda name, scope: [
            f"{name}: there is no coverage entry {coverage}"
            for coverage in listed(scope, "coverages_supported")
            if coverage not in ids
        ],
    )


@check("WG1-02-3.4-17")
async def without_grant_admin_access_there_is_null(session: Session) -> None:
    """Never nothing, and never an empty string."""
    await note_scopes(
        session,
        lambda name, scope: [
            *lacking(scope, {"grant_admin_scope": TEXT_OR_NULL}, f"{name}: "),
            *([f"{name}: grant_admin_scope is an empty string"] * (scope.get("grant_admin_scope") == "")),
        ],
    )


@check("WG1-02-3.4-19")
async def without_authorization_details_fields_there_is_an_empty_list(session: Session) -> None:
    """Never nothing."""
    shape: Shape = {"authorization_details_fields_supported": OBJECTS}
    await note_scopes(session, lambda name, scope: lacking(scope, shape, f"{name}: "))


async def note_scopes(session: Session, look: Look, of_type: str | None = None) -> None:
    """Look at every scope description, or those of a type.

    Raises:
        Skipped: There is none.
        Violated: Something is wrong with one.
    """
    metadata = await session.as_metadata()
    chosen = {name: scope for name, scope in (await session.scopes()).items() if of_type in {None, scope.get("type")}}
    skip_unless(chosen, f"there is no scope of type {of_type}" if of_type else "there are no scope descriptions")
    problems = Problems(metadata)
    for name, scope in chosen.items():
        problems.found += look(name, scope)
    problems.refuse()


async def note_field(session: Session, of_type: str, place: int, expected: Document) -> None:
    """Compare the field in that place, in every scope of a type."""

    def look(name: str, scope: Document) -> Iterable[str]:
        fields = objects(scope.get("authorization_details_fields_supported"))
        if len(fields) <= place:
            return [f"{name}: there is no authorization details field {expected['id']}"]
        field, where = fields[place], f"{name}, {expected['id']}: "
        allowed: list[Any] = [[scope.get("id")], *([[GRANT_ADMIN]] if of_type == GRANT_ADMIN else [])]
        return [
            *differing(field, expected, where),
            *lacking(field, {"documentation": URL}, where),
            *([f"{where}for_types is {shown(field.get('for_types'))}"] * (field.get("for_types") not in allowed)),
            *(f"{where}{member} is there" for member in ("default", "choices") if member in field),
        ]

    await note_scopes(session, look, of_type)


def count_fields(name: str, scope: Document, expected: int) -> list[str]:
    """What is wrong with the number of authorization details fields."""
    number = len(objects(scope.get("authorization_details_fields_supported")))
    return [] if number == expected else [f"{name}: it has {number} authorization details fields, not {expected}"]


async def require_several(session: Session, of_type: str) -> None:
    """Raises: Skipped: There is at most one scope of a type; Violated: two have one id."""
    metadata = await session.as_metadata()
    ids = [scope.get("id") for scope in (await session.scopes()).values() if scope.get("type") == of_type]
    skip_unless(len(ids) > 1, f"there is only one scope of type {of_type}, or none")
    require(len(ids) == len(set(map(str, ids))), f"two scopes of type {of_type} have the same id", metadata)


async def open_documentation(session: Session, of_type: str) -> None:
    """Raises: Violated: The documentation of a scope of that type, or of one of its fields, cannot be read."""
    metadata = await session.as_metadata()
    scopes = [scope for scope in (await session.scopes()).values() if scope.get("type") == of_type]
    skip_unless(scopes, f"there is no scope of type {of_type}")
    fields = [field for scope in scopes for field in objects(scope.get("authorization_details_fields_supported"))]
    urls = [one.get("documentation") for one in (*scopes, *fields)]
    for url in dict.fromkeys(str(url).partition("#")[0] for url in urls if is_url(url)):
        answer = await session.wire.get(url, follow=True)
        require(answer.ok, f"documentation {url} is answered with {answer.status}", metadata, answer)
