"""CDS-WG1-02 sections 5 and 5.1 to 5.4: Client Objects as they are listed and read."""

from typing import Final

import msgspec

from app.conformance.apis import (
    OK,
    UNAUTHORIZED,
    listing,
    note_shapes,
    read,
    refuse_cut,
    refuse_order,
    refuse_shape,
    require_admins_only,
    require_filter,
    require_foreign_filter,
    require_hidden,
    require_kept_apart,
    require_links,
    require_none,
    require_single,
    require_words,
)
from app.conformance.checks import Need, Problems, check, refuse, require, skip_unless
from app.conformance.formats import is_url, objects, parse_datetime, shown, strings
from app.conformance.session import ADMIN, Registration, Session
from app.conformance.shapes import (
    DATETIME,
    INTEGER,
    OBJECTS,
    STRINGS,
    TEXT,
    TEXT_OR_NULL,
    URL,
    Shape,
    differing,
    lacking,
    listed,
    misspelt,
    unknown,
)
from app.conformance.suite.registration import scopes_of, with_users
from app.conformance.wire import NOBODY, Answer, Caller, Document

ENDPOINT: Final = "cds_clients_api"
REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)
OAUTH: Final[Shape] = {
    "client_id": TEXT,
    "client_id_issued_at": INTEGER,
    "scope": TEXT,
    "redirect_uris": STRINGS,
    "token_endpoint_auth_method": TEXT_OR_NULL,
    "grant_types": STRINGS,
    "response_types": STRINGS,
    "client_name": TEXT,
    "contacts": STRINGS,
}
CDS: Final[Shape] = {
    "cds_created": DATETIME,
    "cds_modified": DATETIME,
    "cds_client_uri": URL,
    "cds_status": TEXT,
    "cds_status_options": STRINGS,
    "cds_server_metadata": URL,
}
DEFAULTS: Final[Shape] = {
    "cds_default_scope": TEXT,
    "cds_default_redirect_uri": TEXT,
    "cds_default_authorization_details": OBJECTS,
}
STATUSES: Final = ("production", "sandbox", "disabled")
PAGES: Final = {
    "client_uri": "https://client.example/about",
    "logo_uri": "https://client.example/logo.png",
    "tos_uri": "https://client.example/terms",
    "policy_uri": "https://client.example/privacy",
}


@check("WG1-02-5-01", needs=REGISTRATION)
async def client_objects_can_be_listed_read_and_written(session: Session) -> None:
    """The last with what they are already."""
    admin = await session.as_admin()
    client = (await every_client(session))[0]
    answer = await read(session, admin, client, "cds_client_uri")
    answer = await session.wire.ask("PUT", str(client["cds_client_uri"]), admin, json=answer.object())
    require(answer.ok, f"a PUT of what is there already is answered with {answer.status}", answer)


@check("WG1-02-5-02", needs=REGISTRATION)
async def the_clients_api_takes_admin_tokens_and_no_others(session: Session) -> None:
    """401 without one, 403 with one for something else."""
    await require_admins_only(session, await session.endpoint(ENDPOINT))


@check("WG1-02-5.1-01", needs=REGISTRATION)
async def every_client_object_has_the_members_of_oauth(session: Session) -> None:
    """In the listing and alone."""
    await require_members(session, OAUTH)


@check("WG1-02-5.1-02", needs=REGISTRATION)
async def what_is_not_set_in_a_client_object_is_there_all_the_same(session: Session) -> None:
    """Empty, or null."""
    own = await bare_registration(session)
    found = await listing(session, ENDPOINT, own)
    for client in objects(found[0].find("clients")):
        refuse([*lacking(client, OAUTH), *differing(client, {"contacts": []})], found[0])
    scopes = await session.scopes()
    for client in await every_client(session):
        described = [scopes[scope] for scope in scopes_of(client) if scope in scopes]
        if described and not any(listed(scope, "token_endpoint_auth_methods_supported") for scope in described):
            expected: Document = {
                "token_endpoint_auth_method": None,
                "grant_types": [],
                "response_types": [],
                "redirect_uris": [],
            }
            refuse(differing(client, expected, f"{client.get('client_id')}: "))


@check("WG1-02-5.1-03", needs=REGISTRATION)
async def a_client_object_without_a_name_is_called_by_its_id(session: Session) -> None:
    """Each by its own."""
    own = await bare_registration(session)
    pages = await listing(session, ENDPOINT, own)
    for client in objects(pages[0].find("clients")):
        refuse(differing(client, {"client_name": client.get("client_id")}), pages[0])


@check("WG1-02-5.1-04", needs=REGISTRATION)
async def every_client_object_has_authorization_details_types(session: Session) -> None:
    """Those of its scopes."""
    scopes = await session.scopes()
    for client in await every_client(session):
        refuse(lacking(client, {"authorization_details_types": STRINGS}, f"{client.get('client_id')}: "))
        usable = {
            name
            for scope in scopes_of(client)
            for name in listed(scopes.get(scope, {}), "authorization_details_types_supported")
        }
        more = sorted(set(client["authorization_details_types"]) - usable)
        require(not more, f"{client.get('client_id')} has types that its scopes do not: {', '.join(more)}")


@check("WG1-02-5.1-05", needs=REGISTRATION)
async def no_client_object_shows_a_secret(session: Session) -> None:
    """Neither listed, nor alone, nor after a PUT."""
    for answer, client in await everywhere(session):
        require("client_secret" not in client, f"{client.get('client_id')} shows its client_secret", answer)


@check("WG1-02-5.1-06", needs=REGISTRATION)
async def no_client_object_says_when_its_secret_expires(session: Session) -> None:
    """That is for Credentials."""
    for answer, client in await everywhere(session):
        there = "client_secret_expires_at" in client
        require(not there, f"{client.get('client_id')} has client_secret_expires_at", answer)


@check("WG1-02-5.1-07", needs=REGISTRATION)
async def other_metadata_of_rfc_7591_is_kept(session: Session) -> None:
    """Four URLs of the Client, as they were submitted."""
    own = await bare_registration(session)
    refuse(differing(own.answer.object(), PAGES), own.answer)


@check("WG1-02-5.1-08", needs=REGISTRATION)
async def every_client_object_has_the_members_of_this_specification(session: Session) -> None:
    """Six of them."""
    await require_members(session, CDS)


@check("WG1-02-5.1-09", needs=REGISTRATION)
async def no_client_object_was_modified_before_it_was_created(session: Session) -> None:
    """At the same time, or later."""
    for client in await every_client(session):
        created, modified = parse_datetime(client.get("cds_created")), parse_datetime(client.get("cds_modified"))
        if created and modified:
            require(created <= modified, f"{client.get('client_id')} was modified before it was created")


@check("WG1-02-5.1-10", needs=REGISTRATION)
async def every_client_object_has_a_uri_of_its_own(session: Session) -> None:
    """And is found there."""
    clients = await every_client(session)
    uris = [client.get("cds_client_uri") for client in clients]
    require(len(set(map(str, uris))) == len(uris), "several Client Objects have the same cds_client_uri")
    for client in clients:
        answer = await read(session, await session.as_admin(), client, "cds_client_uri")
        refuse(differing(answer.object(), {"client_id": client.get("client_id")}), answer)


@check("WG1-02-5.1-12", needs=REGISTRATION)
async def the_admin_cannot_disable_itself(session: Session) -> None:
    """It is not among its options, and refused."""
    own = await session.registration()
    for client in await every_client(session):
        if ADMIN in scopes_of(client):
            there = "disabled" in listed(client, "cds_status_options")
            require(not there, "cds_status_options of the admin Client Object has disabled", own.answer)


@check("WG1-02-5.1-13", needs=REGISTRATION)
async def every_other_client_object_can_be_disabled(session: Session) -> None:
    """By its options."""
    for client in await every_client(session):
        if ADMIN not in scopes_of(client):
            options = listed(client, "cds_status_options")
            require("disabled" in options, f"{client.get('client_id')} has the options {options}, without disabled")


@check("WG1-02-5.1-14", "WG1-02-5.1-16", needs=REGISTRATION)
async def every_client_object_leads_to_the_metadata_that_applies_to_it(session: Session) -> None:
    """With the link to that of the authorization server."""
    admin = await session.as_admin()
    for url in await metadata_urls(session):
        answer = await session.wire.get(url, NOBODY)
        if answer.status == UNAUTHORIZED:
            answer = await session.wire.get(url, admin)
        require(answer.status == OK, f"cds_server_metadata is answered with {answer.status}, not 200", answer)
        refuse(lacking(answer.object(), {"cds_metadata_version": TEXT, "oauth_metadata": URL}), answer)


@check("WG1-02-5.1-17", needs=TWO)
async def metadata_of_a_client_object_that_is_not_public_takes_an_admin_token(session: Session) -> None:
    """Of its own registration."""
    seen = 0
    for url in await metadata_urls(session):
        if (answer := await session.wire.get(url, NOBODY)).ok:
            continue
        seen += 1
        require(answer.status == UNAUTHORIZED, f"without a token it is answered with {answer.status}, not 401", answer)
        answer = await session.wire.get(url, await session.as_admin())
        require(answer.status == OK, f"with an admin token it is answered with {answer.status}, not 200", answer)
        other = await session.as_admin(await session.second_registration())
        answer = await session.wire.get(url, other)
        require(not answer.ok, f"with a token of another registration it is answered with {answer.status}", answer)
    skip_unless(seen, "the metadata of all our Client Objects is public")


@check("WG1-02-5.1-18", "WG1-02-5.1-20", "WG1-02-5.1-22", needs=REGISTRATION)
async def client_objects_that_users_authorize_have_defaults(session: Session) -> None:
    """Three of them."""
    for client in await with_users(session):
        refuse(lacking(client, DEFAULTS, f"{client.get('client_id')}: "))


@check("WG1-02-5.1-19", needs=REGISTRATION)
async def the_default_scope_is_part_of_the_scope(session: Session) -> None:
    """All of it, or some."""
    for client in await with_users(session):
        more = set(str(client.get("cds_default_scope", "")).split()) - set(scopes_of(client))
        require(not more, f"cds_default_scope of {client.get('client_id')} has {', '.join(sorted(more))} as well")


@check("WG1-02-5.1-21", needs=REGISTRATION)
async def the_default_redirect_uri_is_at_first_that_of_the_server(session: Session) -> None:
    """The one in redirect_uris."""
    for client in await with_users(session):
        uris = strings(client.get("redirect_uris"))
        refuse(
            differing(client, {"cds_default_redirect_uri": uris[0] if uris else None}, f"{client.get('client_id')}: ")
        )


@check("WG1-02-5.1-23", needs=REGISTRATION)
async def there_are_no_default_authorization_details_at_first(session: Session) -> None:
    """An empty list."""
    for client in await with_users(session):
        refuse(differing(client, {"cds_default_authorization_details": []}, f"{client.get('client_id')}: "))


@check("WG1-02-5.1-24", needs=REGISTRATION)
async def further_members_of_client_objects_are_fine(session: Session) -> None:
    """Those that are no registration fields either are noted, for whoever looks for them in the documentation."""
    fields = (await session.registration_fields()).values()
    known = {*OAUTH, *CDS, *DEFAULTS, *PAGES, "authorization_details_types", *(one.get("field_name") for one in fields)}
    more = sorted({name for client in await every_client(session) for name in client if name not in known})
    if more:
        told = f"Client Objects have members that neither the specification nor the metadata has: {', '.join(more)}"
        session.notes[told] = None


@check("WG1-02-5.2-01", needs=REGISTRATION)
async def no_status_of_a_client_object_is_misspelt(session: Session) -> None:
    """Three are defined."""
    for client in await every_client(session):
        refuse(misspelt(statuses_of(client), STATUSES))


@check("WG1-02-5.2-01", needs=REGISTRATION, level="SHOULD")
async def every_status_of_a_client_object_is_known(session: Session) -> None:
    """Others come from extensions."""
    for client in await every_client(session):
        others = unknown(statuses_of(client), STATUSES)
        require(not others, f"only an extension can define the status {', '.join(others)}")


@check("WG1-02-5.3-01", needs=TWO)
async def a_registration_lists_its_own_client_objects_alone(session: Session) -> None:
    """None is in two listings."""
    await require_kept_apart(session, ENDPOINT, "clients", "client_id")


@check("WG1-02-5.3-02", needs=REGISTRATION)
async def a_listing_of_client_objects_has_its_three_members(session: Session) -> None:
    """Always."""
    refuse_shape((await listing(session, ENDPOINT))[0], "clients")


@check("WG1-02-5.3-03", needs=REGISTRATION)
async def a_listing_without_client_objects_is_an_empty_array(session: Session) -> None:
    """For an id that there is not."""
    await require_none(session, ENDPOINT, "clients", {"client_ids": "conformance-no-such-id"})


@check("WG1-02-5.3-04", needs=REGISTRATION)
async def up_to_a_hundred_client_objects_come_in_one_page(session: Session) -> None:
    """More than that may be cut."""
    refuse_cut(await listing(session, ENDPOINT), "clients")


@check("WG1-02-5.3-05", needs=REGISTRATION)
async def the_pages_of_client_objects_lead_there_and_back(session: Session) -> None:
    """And end."""
    await require_links(session, await listing(session, ENDPOINT), "clients", "client_id")


@check("WG1-02-5.3-06", needs=REGISTRATION)
async def unknown_filters_of_client_objects_take_nothing_away(session: Session) -> None:
    """And one that is known does so beside them."""
    own = await session.registration()
    filters = {"client_ids": own.client_id, "conformance_unknown": "1"}
    await require_filter(
        session, ENDPOINT, "clients", "client_id", filters, lambda one: one["client_id"] == own.client_id
    )


@check("WG1-02-5.3-07", needs=TWO)
async def client_objects_are_filtered_by_their_ids(session: Session) -> None:
    """Those of others are not found."""
    await require_words(session, ENDPOINT, "clients", "client_id", "client_ids")
    other = await session.second_registration()
    await require_foreign_filter(session, ENDPOINT, "clients", "client_ids", other.client_id)


@check("WG1-02-5.3-08", needs=REGISTRATION)
async def client_objects_are_sorted_by_their_last_change(session: Session) -> None:
    """The newest comes first."""
    refuse_order(await listing(session, ENDPOINT), "clients", "cds_modified")


@check("WG1-02-5.4-01", needs=TWO)
async def a_client_object_alone_is_the_one_of_the_listing(session: Session) -> None:
    """And not for everybody."""
    clients = await every_client(session, anew=True)
    await require_single(session, clients, "cds_client_uri", "client_id")
    await require_hidden(session, clients[0], "cds_client_uri", "client_id")


@check("WG1-02-5.4-02", "WG1-02-5.5-03", needs=REGISTRATION)
async def rfc_7592_leads_to_the_same_client_object(session: Session) -> None:
    """By the same URL, with the other kind of token as well."""
    own = await session.registration()
    uri, token = (own.answer.find(name) for name in ("registration_client_uri", "registration_access_token"))
    skip_unless(uri and token, "the server does not offer RFC 7592")
    session.blackener.learn(str(token))
    refuse(differing(own.answer.object(), {"cds_client_uri": uri}), own.answer)
    for caller in (Caller.bearer(str(token)), await session.as_admin()):
        answer = await session.wire.get(str(uri), caller)
        refuse(differing(answer.object(), {"client_id": own.client_id}), answer)
        written = await session.wire.ask("PUT", str(uri), caller, json=answer.object())
        require(written.ok, f"a PUT of what is there already is answered with {written.status}", written)


async def every_client(session: Session, *, anew: bool = False) -> list[Document]:
    """The Client Objects of the main registration.

    Raises:
        Violated: There are none.
    """
    found = await session.clients(anew=anew)
    require(found, "our registration has no Client Objects")
    return found


async def everywhere(session: Session) -> list[tuple[Answer, Document]]:
    """Our Client Objects as they come in a listing, alone, and after a PUT that changes nothing."""
    admin = await session.as_admin()
    pages = await listing(session, ENDPOINT)
    found = [(page, client) for page in pages for client in objects(page.find("clients"))]
    for client in [client for _, client in found if is_url(client.get("cds_client_uri"))]:
        answer = await session.wire.get(str(client["cds_client_uri"]), admin)
        if answer.ok:
            found.append((answer, answer.object()))
            written = await session.wire.ask("PUT", str(client["cds_client_uri"]), admin, json=client)
            found += [(written, written.object())] if written.ok else []
    return found


async def require_members(session: Session, shape: Shape) -> None:
    """Raises: Violated: A Client Object lacks one of these, in the listing or alone."""
    note_shapes(await listing(session, ENDPOINT), "clients", shape, "client_id")
    for client in await every_client(session):
        answer = await read(session, await session.as_admin(), client, "cds_client_uri")
        refuse(lacking(answer.object(), shape, f"{client.get('client_id')}: "), answer)


async def metadata_urls(session: Session) -> list[str]:
    """The cds_server_metadata of our Client Objects, each once."""
    urls = [client.get("cds_server_metadata") for client in await every_client(session)]
    problems = Problems()
    for url in urls:
        problems.note(is_url(url), f"cds_server_metadata is {shown(url)}, not an absolute URL")
    problems.refuse()
    return list(dict.fromkeys(map(str, urls)))


async def bare_registration(session: Session) -> Registration:
    """A registration without name and contacts, and with all pages of RFC 7591."""

    async def make() -> Registration:
        absent = {"client_name": msgspec.UNSET, "contacts": msgspec.UNSET}
        return await session.new_registration("without name and contacts", [ADMIN], **absent, **PAGES)

    return await session.once("bare registration", make)


def statuses_of(client: Document) -> list[str]:
    """The status of a Client Object, and those that it may get."""
    return [str(client.get("cds_status")), *listed(client, "cds_status_options")]
