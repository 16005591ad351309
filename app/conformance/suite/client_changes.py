"""CDS-WG1-02 section 5.5, and what of 5.1 and 5.3 shows when a Client Object is modified."""

import asyncio
import time
from typing import Any, Final

from app.conformance.apis import ACCEPTED, BAD_REQUEST, OK, listing, read, refuse_order, require_done, unchanged
from app.conformance.checks import Need, Problems, Stage, Unavailable, check, refuse, require, skip_unless
from app.conformance.formats import objects, parse_datetime, shown, strings
from app.conformance.mailbox import Mailbox, mailbox, news
from app.conformance.session import ADMIN, Session
from app.conformance.shapes import OBJECTS, Shape, differing, lacking, listed, same
from app.conformance.suite.clients import CDS, ENDPOINT, OAUTH, PAGES, every_client
from app.conformance.suite.registration import scopes_of, with_users
from app.conformance.wire import Answer, Document

REGISTRATION: Final = (Need.REGISTRATION,)
URI: Final = "cds_client_uri"
READ_ONLY: Final[dict[str, Any]] = {
    "client_id": "conformance-another-id",
    "client_id_issued_at": 1,
    "client_secret": "conformance-chosen-secret-0123456789abcdef",
    "client_secret_expires_at": 1,
    "grant_types": ["urn:example:conformance"],
    "response_types": ["token"],
    "token_endpoint_auth_method": "client_secret_post",
    "cds_created": "2001-01-01T00:00:00Z",
    "cds_modified": "2001-01-01T00:00:00Z",
    "cds_client_uri": "https://client.example/elsewhere",
    "cds_server_metadata": "https://client.example/metadata.json",
    "cds_status_options": ["production", "sandbox"],
}
INVALID: Final[dict[str, Any]] = {
    "redirect_uris": ["not a uri"],
    "cds_status": "bogus",
    "contacts": "x",
    "client_name": 5,
    "scope": "conformance_no_such_scope",
    "client_uri": "not a uri",
}
CALLBACK: Final = "https://client.example/conformance-callback"
CHANGES: Final[Shape] = {"updates_requested": OBJECTS}
REVIEWED: Final = ("client_name", "logo_uri", "client_uri", "contacts", "tos_uri", "policy_uri", "redirect_uris")


@check("WG1-02-5.5-01", "WG1-02-5.5-02", "WG1-02-5.5-14", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_put_of_a_change_is_answered_with_the_changed_client_object(session: Session) -> None:
    """200, and all of it."""
    field, value, before, answer = await plain_change(session)
    after = require_done(answer, OK, f"a PUT of {field}")
    refuse([*lacking(after, {**OAUTH, **CDS}), *differing(after, {field: value})], answer)
    refuse(unchanged(before, after, field, "cds_modified"), answer)
    again = await read(session, await session.as_admin(), before, URI)
    refuse(unchanged(after, again.object()), again)


@check("WG1-02-5.5-02", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_object_is_not_modified_by_other_methods(session: Session) -> None:
    """Neither PATCH nor POST."""
    client = await target(session)
    for method in ("PATCH", "POST"):
        answer = await session.wire.ask(method, str(client[URI]), await session.as_admin(), json={"client_name": "x"})
        require(not answer.ok, f"{method} is answered with {answer.status}, not 405", answer)


@check("WG1-02-5.5-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_changes_what_it_may_change(session: Session) -> None:
    """At once, or after a review that a Message tells of."""
    client = await target(session)
    values: dict[str, Any] = {
        "client_name": f"{client.get('client_name')} II",
        "contacts": ["conformance-two@client.example"],
        **{name: f"{url}?two" for name, url in PAGES.items()},
        "scope": client.get("scope"),
        "cds_status": client.get("cds_status"),
    }
    for field, value in values.items():
        await require_changeable(session, client, field, value)


@check("WG1-02-5.5-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_changes_where_its_users_return_to_and_what_they_are_asked_for(session: Session) -> None:
    """Where users authorize it."""
    client = (await with_users(session))[0]
    uris = strings(client.get("redirect_uris"))
    types = listed(client, "authorization_details_types")
    values: dict[str, Any] = {
        "redirect_uris": [*dict.fromkeys([*uris, CALLBACK])],
        "cds_default_redirect_uri": CALLBACK,
        "cds_default_scope": client.get("scope"),
        "cds_default_authorization_details": await plain_details(session, types),
    }
    for field, value in values.items():
        await require_changeable(session, client, field, value)
    back = {"cds_default_redirect_uri": uris[0] if uris else CALLBACK, "cds_default_authorization_details": []}
    await put(session, client, **back)


@check("WG1-02-5.5-05", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_does_not_change_what_the_server_sets(session: Session) -> None:
    """Each of these is refused, or nothing comes of it."""
    client = await target(session)
    secrets = [one.get("client_secret") for one in await session.credentials(str(client["client_id"]))]
    before = (await read(session, await session.as_admin(), client, URI)).object()
    problems = Problems()
    for field, value in READ_ONLY.items():
        answer = await put(session, client, **{field: value})
        problems.note(answer.status in {OK, BAD_REQUEST}, f"another {field} is answered with {answer.status}")
        after = (await read(session, await session.as_admin(), client, URI)).object()
        kept = same(after.get(field), before.get(field)) or (field == "cds_modified" and after.get(field) != value)
        problems.note(kept, f"{field} is {shown(after.get(field))} after a PUT of it")
        problems.answer = answer if problems.found and problems.answer is None else problems.answer
    problems.refuse()
    now = [one.get("client_secret") for one in await session.credentials(str(client["client_id"]))]
    require(now == secrets, "after a PUT of client_secret the Credentials are others")


@check("WG1-02-5.1-12", needs=REGISTRATION, stage=Stage.CHANGE)
async def the_admin_is_not_disabled_by_a_put(session: Session) -> None:
    """It is refused, and works on."""
    own = await session.registration()
    client = await session.client_for(lambda one: one.get("client_id") == own.client_id, "of our admin")
    answer = await put(session, client, cds_status="disabled")
    require(answer.status == BAD_REQUEST, f"disabling the admin is answered with {answer.status}, not 400", answer)


@check("WG1-02-5.5-07", needs=REGISTRATION)
async def what_a_client_object_is_follows_from_its_scopes(session: Session) -> None:
    """Grant types, response types and authentication."""
    scopes = await session.scopes()
    for client in await every_client(session):
        described = [scopes[scope] for scope in scopes_of(client) if scope in scopes]
        if not described:
            continue
        where = f"{client.get('client_id')}: "
        for member, supported in (
            ("grant_types", "grant_types_supported"),
            ("response_types", "response_types_supported"),
        ):
            expected = {name for scope in described for name in listed(scope, supported)}
            found = set(listed(client, member))
            require(found == expected, f"{where}{member} is {sorted(found)}, while its scopes have {sorted(expected)}")
        methods = {name for scope in described for name in listed(scope, "token_endpoint_auth_methods_supported")}
        method = client.get("token_endpoint_auth_method")
        fits = method in methods if methods else method is None
        require(fits, f"{where}token_endpoint_auth_method is {shown(method)}, its scopes have {sorted(methods)}")


@check("WG1-02-5.5-08", needs=REGISTRATION, stage=Stage.CHANGE)
async def invalid_values_are_refused_and_nothing_beside_them_is_applied(session: Session) -> None:
    """400 for each."""
    client = await target(session)
    before = (await read(session, await session.as_admin(), client, URI)).object()
    wrong = dict(INVALID)
    if not listed(before, "redirect_uris"):
        del wrong["redirect_uris"]
    for field, value in wrong.items():
        beside = {"tos_uri": "https://client.example/not-to-be-applied"} if field != "tos_uri" else {}
        answer = await put(session, client, **{**beside, field: value})
        problem = f"{field} {shown(value)} is answered with {answer.status}, not 400"
        require(answer.status == BAD_REQUEST, problem, answer)
        after = (await read(session, await session.as_admin(), client, URI)).object()
        refuse([f"after a PUT with a wrong {field}: {one}" for one in unchanged(before, after)], answer)


@check("WG1-02-5.5-08", needs=REGISTRATION, stage=Stage.CHANGE)
async def invalid_defaults_are_refused(session: Session) -> None:
    """A scope that the Client Object does not have, and a redirect URI that is none."""
    client = (await with_users(session))[0]
    for field, value in (("cds_default_scope", ADMIN), ("redirect_uris", ["not a uri"])):
        answer = await put(session, client, **{field: value})
        problem = f"{field} {shown(value)} is answered with {answer.status}, not 400"
        require(answer.status == BAD_REQUEST, problem, answer)


@check("WG1-02-5.5-09", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_a_put_leaves_out_is_reset(session: Session) -> None:
    """A name to the id, a page to nothing."""
    client = await session.client_for(lambda one: one.get("cds_status") == "sandbox", "in the sandbox")
    answer = await put(session, client, client_uri=PAGES["client_uri"], contacts=["conformance@client.example"])
    skip_unless(answer.status == OK, f"client_uri and contacts cannot be set; that is answered with {answer.status}")
    body = {
        name: value for name, value in answer.object().items() if name not in {"client_uri", "contacts", "client_name"}
    }
    answer = await session.wire.ask("PUT", str(client[URI]), await session.as_admin(), json=body)
    require(answer.ok, f"a PUT without client_name, client_uri and contacts is answered with {answer.status}", answer)
    after = answer.object()
    require(not after.get("client_uri"), f"client_uri is still {shown(after.get('client_uri'))}", answer)
    refuse(differing(after, {"contacts": []}), answer)
    if answer.status == OK:
        refuse(differing(after, {"client_name": client["client_id"]}), answer)
    await put(session, client, client_name=client.get("client_name"), contacts=client.get("contacts"))


@check("WG1-02-5.1-09", "WG1-02-5.3-08", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_change_counts_as_the_last_one(session: Session) -> None:
    """Its time is not before that of the others, and the Client Object comes first."""
    field, _, before, answer = await plain_change(session)
    after = require_done(answer, OK, f"a PUT of {field}")
    refuse(differing(after, {"cds_created": before.get("cds_created")}), answer)
    was, now = parse_datetime(before.get("cds_modified")), parse_datetime(after.get("cds_modified"))
    require(was and now and now >= was, f"cds_modified was {before.get('cds_modified')}, is {shown(now)}", answer)
    pages = await listing(session, ENDPOINT)
    refuse_order(pages, "clients", "cds_modified")
    first = objects(pages[0].find("clients"))[0]
    tied = parse_datetime(first.get("cds_modified")) == now
    require(tied, f"after a change of {after['client_id']} the first one is {first.get('client_id')}", pages[0])


@check("WG1-02-5.1-09", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_change_raises_the_time_of_the_last_change(session: Session) -> None:
    """By a second at least, when as much has passed."""
    client = await target(session)
    was = parse_datetime((await read(session, await session.as_admin(), client, URI)).object().get("cds_modified"))
    await until_later()
    field, _, _, answer = await plain_change(session)
    now = parse_datetime(require_done(answer, OK, f"a PUT of {field}").get("cds_modified"))
    require(was and now and now > was, f"cds_modified is {shown(now)} after a change, and was {shown(was)}", answer)


@check("WG1-02-5.3-09", "WG1-02-6.1-03", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_message_tells_of_the_change_of_a_client_object(session: Session) -> None:
    """Unread, and with a link to it."""
    before = await mailbox(session)
    field, _, client, answer = await plain_change(session)
    require_done(answer, OK, f"a PUT of {field}")
    await news(session, before, "client", client[URI])


@check("WG1-02-5.5-10", "WG1-02-5.5-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_change_under_review_is_accepted_and_not_applied(session: Session) -> None:
    """202 with the previous value, which stays."""
    field, value, before, answer, _ = await reviewed_change(session)
    after = answer.object()
    refuse(lacking(after, {**OAUTH, **CDS}), answer)
    kept = same(after.get(field), before.get(field))
    require(kept, f"{field} is {shown(after.get(field))} before its review has ended", answer)
    require(after.get(field) != value, f"{field} has its new value before its review has ended", answer)
    again = await read(session, await session.as_admin(), before, URI)
    require(
        same(again.object().get(field), before.get(field)), f"{field} has changed before its review has ended", again
    )


@check("WG1-02-5.5-12", "WG1-02-6.2-03", "WG1-02-6.5-01", "WG1-02-6.1-06", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_message_tells_of_a_change_under_review(session: Session) -> None:
    """A pending field_changes of the server, about that Client Object and that field."""
    field, _, client, _, (before, after) = await reviewed_change(session)
    found = reviewed_messages(before, after, client)
    require(found, "no field_changes Message tells of a change under review", after.first)
    refuse([*differing(found[0], {"creator": None, "status": "pending", "related_type": "client"})], after.first)
    refuse(lacking(found[0], CHANGES), after.first)
    fields = {update.get("field") for one in found for update in objects(one.get("updates_requested"))}
    require(field in fields, f"updates_requested is about {shown(sorted(map(str, fields)))}, not {field}", after.first)


@check("WG1-02-6.5-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_change_under_review_shows_both_values(session: Session) -> None:
    """The previous one and the new one."""
    field, value, client, _, (before, after) = await reviewed_change(session)
    updates = [
        update
        for one in reviewed_messages(before, after, client)
        for update in objects(one.get("updates_requested"))
        if update.get("field") == field
    ]
    require(updates, f"no field_changes Message has an update of {field}", after.first)
    refuse(differing(updates[0], {"previous_value": client.get(field), "new_value": value}), after.first)


@check("WG1-02-6.1-10", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_change_under_review_leads_to_the_object_that_it_changes(session: Session) -> None:
    """By its related_uri."""
    _, _, client, _, (before, after) = await reviewed_change(session)
    found = reviewed_messages(before, after, client)
    require(found, "no field_changes Message has the Client Object as related_uri", after.first)
    answer = await session.wire.get(str(found[0]["related_uri"]), await session.as_admin())
    refuse(differing(answer.object(), {"client_id": client["client_id"]}), answer)


async def put(session: Session, client: Document, **changes: object) -> Answer:
    """A Client Object as it is now, with changes.

    Raises:
        Violated: It cannot be read.
    """
    admin = await session.as_admin()
    now = (await read(session, admin, client, URI)).object()
    return await session.wire.ask("PUT", str(client[URI]), admin, json={**now, **changes})


async def target(session: Session) -> Document:
    """The Client Object that is modified: one for machines, or else for users.

    Raises:
        Unavailable: We have nothing but an admin.
    """
    try:
        return await session.machine_client()
    except Unavailable:
        return await session.client_for(lambda one: ADMIN not in scopes_of(one), "beside the admin")


async def plain_change(session: Session) -> tuple[str, Any, Document, Answer]:
    """A change that is worth nothing to anybody: the field, its new value, the object before, and the answer."""
    client = (await read(session, await session.as_admin(), await target(session), URI)).object()
    for field in ("policy_uri", "tos_uri", "contacts"):
        url = f"https://client.example/{time.monotonic_ns()}"
        value: Any = [f"{time.monotonic_ns()}@client.example"] if field == "contacts" else url
        answer = await put(session, client, **{field: value})
        if answer.status != ACCEPTED:
            return field, value, client, answer
    raise Unavailable("every change that we try is put under review")


async def require_changeable(session: Session, client: Document, field: str, value: object) -> None:
    """Raises: Violated: A new value is neither there at once nor under review."""
    before = await mailbox(session)
    answer = await put(session, client, **{field: value})
    accepted = answer.status in {OK, ACCEPTED}
    require(accepted, f"{field} {shown(value)} is answered with {answer.status}, not 200", answer)
    if answer.status == OK:
        found_value = answer.object().get(field)
        require(has(found_value, value), f"{field} is {shown(found_value)}, not {shown(value)}", answer)
    else:
        after = await mailbox(session)
        found = reviewed_messages(before, after, client)
        require(found, f"{field} is under review, and no field_changes Message says so", answer)


async def reviewed_change(session: Session) -> tuple[str, Any, Document, Answer, tuple[Mailbox, Mailbox]]:
    """A change that is put under review: field, value, object before, answer, and the Messages before and after.

    Raises:
        Unavailable: The server reviews none of those that we try.
    """

    async def make() -> tuple[str, Any, Document, Answer, tuple[Mailbox, Mailbox]]:
        for client in sorted(await every_client(session), key=lambda one: one.get("cds_status") != "production"):
            if ADMIN in scopes_of(client):
                continue
            now = (await read(session, await session.as_admin(), client, URI)).object()
            for field in REVIEWED:
                value = new_value(now, field)
                before = await mailbox(session)
                answer = await put(session, now, **{field: value})
                if answer.status == ACCEPTED:
                    return field, value, now, answer, (before, await mailbox(session))
        raise Unavailable("the server reviews none of the changes that we try")

    return await session.once("reviewed change", make)


def has(found: object, wanted: object) -> bool:
    """Whether a value is the one that was sent; objects may have got defaults beside what was sent."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return all(name in found and has(found[name], value) for name, value in wanted.items())
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(has, found, wanted))
    return same(found, wanted)


def new_value(client: Document, field: str) -> Any:  # noqa: ANN401 -- JSON
    """A valid value that a field of a Client Object does not have yet."""
    if field == "contacts":
        return ["conformance-review@client.example"]
    if field == "redirect_uris":
        uris = strings(client.get(field))
        return [*uris, f"{CALLBACK}-review"] if uris else uris
    return f"{client.get(field)} (new)" if field == "client_name" else f"https://client.example/review-{field}"


def reviewed_messages(before: Mailbox, after: Mailbox, client: Document) -> list[Document]:
    """The field_changes about a Client Object that are new or changed."""
    known = before.every
    return [
        one
        for one in after.of_type("field_changes")
        if one.get("related_uri") == client.get(URI) and known.get(str(one.get("uri"))) != one
    ]


async def plain_details(session: Session, types: list[str]) -> list[Document]:
    """One entry of authorization details that leaves out whatever it can, or none where something is required."""
    scopes = await session.scopes()
    for name in types:
        fields = objects(scopes.get(name, {}).get("authorization_details_fields_supported"))
        if not any(field.get("is_required") for field in fields):
            return [{"type": name}]
    return []


async def until_later() -> None:
    """Wait until whole seconds tell the two sides apart."""
    await asyncio.sleep(1.1)
