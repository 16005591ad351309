"""CDS-WG1-02 sections 8, 8.1, 8.2, 8.4 and 8.5: Grants as they are listed and read."""

from collections.abc import Container
from functools import partial
from typing import Final

from app.conformance.apis import (
    NO_SUCH_ID,
    Fits,
    created_on,
    creation,
    listed,
    listing,
    note_shapes,
    read,
    refuse_cut,
    refuse_order,
    refuse_shape,
    require_admins_only,
    require_distant,
    require_filter,
    require_foreign_filter,
    require_hidden,
    require_kept_apart,
    require_links,
    require_none,
    require_since,
    require_single,
    require_words,
)
from app.conformance.checks import Need, check, refuse, require, skip_unless
from app.conformance.formats import is_datetime, objects, parse_datetime, shown
from app.conformance.session import ADMIN, Session
from app.conformance.shapes import (
    DATETIME,
    OBJECTS,
    STRINGS,
    TEXT,
    TEXT_OR_NULL,
    URL,
    Shape,
    differing,
    lacking,
    misspelt,
    unknown,
)
from app.conformance.suite.clients import every_client
from app.conformance.suite.registration import scopes_of
from app.conformance.wire import Document

ENDPOINT: Final = "cds_grants_api"
REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)
DATETIME_OR_NULL: Final = (lambda value: value is None or is_datetime(value), "an RFC 3339 date-time or null")
GRANT: Final[Shape] = {
    "grant_id": TEXT,
    "uri": URL,
    "replacing": STRINGS,
    "replaced_by": STRINGS,
    "parent": TEXT_OR_NULL,
    "children": STRINGS,
    "created": DATETIME,
    "modified": DATETIME,
    "not_before": DATETIME_OR_NULL,
    "not_after": DATETIME_OR_NULL,
    "eta": DATETIME_OR_NULL,
    "expires": DATETIME_OR_NULL,
    "status": TEXT,
    "client_id": TEXT,
    "scope": TEXT,
    "authorization_details": OBJECTS,
    "receipt_confirmations": STRINGS,
    "enabled_scope": TEXT,
    "enabled_authorization_details": OBJECTS,
}
STATUSES: Final = (
    "active",
    "future",
    "pending",
    "partial",
    "needs_authorization",
    "needs_sub_grants",
    "disabled",
    "suspended",
    "revoked",
    "closed",
    "expired",
    "delayed",
    "stopped",
    "errored",
)
NO_ACCESS: Final = frozenset({"disabled", "suspended", "revoked", "closed", "expired"})


@check("WG1-02-8-01", needs=REGISTRATION)
async def a_token_without_a_user_has_a_grant(session: Session) -> None:
    """That of its Client Object and scope."""
    client = await session.machine_client()
    scope = scopes_of(client)[0]
    await session.token(await session.caller_for(client), scope=scope)
    found = [one for one in await every_grant(session) if one.get("client_id") == client["client_id"]]
    require([one for one in found if scope in scopes_of(one)], f"after a token for {scope} no Grant of it is listed")


@check("WG1-02-8-02", needs=REGISTRATION)
async def the_grants_api_takes_admin_tokens_and_no_others(session: Session) -> None:
    """401 without one, 403 with one for something else."""
    await require_admins_only(session, await session.endpoint(ENDPOINT))


@check("WG1-02-8.1-01", needs=REGISTRATION)
async def every_grant_has_what_grants_have(session: Session) -> None:
    """Nineteen members, listed and alone."""
    await every_grant(session)
    note_shapes(await listing(session, ENDPOINT), "grants", GRANT, "grant_id")
    for grant in (await every_grant(session))[:5]:
        answer = await read(session, await session.as_admin(), grant)
        refuse(lacking(answer.object(), GRANT), answer)


@check("WG1-02-8.1-04", needs=REGISTRATION)
async def no_grant_was_modified_before_it_was_created(session: Session) -> None:
    """At the same time, or later."""
    for grant in await every_grant(session):
        created, modified = parse_datetime(grant.get("created")), parse_datetime(grant.get("modified"))
        if created and modified:
            require(created <= modified, f"{grant.get('grant_id')} was modified before it was created")


@check("WG1-02-8.1-06", "WG1-02-8.1-08", needs=REGISTRATION)
async def the_two_ends_of_a_grant_agree(session: Session) -> None:
    """not_after and expires mean the same."""
    for grant in await every_grant(session):
        ends = {parse_datetime(grant.get("not_after")), parse_datetime(grant.get("expires"))}
        require(len(ends) == 1, f"{grant.get('grant_id')} has another not_after than expires")


@check("WG1-02-8.1-07", needs=REGISTRATION)
async def only_pending_grants_have_an_eta(session: Session) -> None:
    """It is null elsewhere."""
    for grant in await every_grant(session):
        if grant.get("status") != "pending":
            refuse(differing(grant, {"eta": None}, f"{grant.get('grant_id')} ({grant.get('status')}): "))


@check("WG1-02-8.1-09", needs=REGISTRATION)
async def every_grant_is_of_a_client_object_of_ours(session: Session) -> None:
    """By its client_id."""
    ids = {client.get("client_id") for client in await every_client(session)}
    for grant in await every_grant(session):
        require(grant.get("client_id") in ids, f"{grant.get('grant_id')} is of {shown(grant.get('client_id'))}")


@check("WG1-02-8.1-10", needs=REGISTRATION)
async def a_grant_has_the_scope_that_was_granted(session: Session) -> None:
    """Of its Client Object, and types that go with it."""
    clients = {client.get("client_id"): client for client in await every_client(session)}
    for grant in await every_grant(session):
        client = clients.get(grant.get("client_id"), {})
        more = set(scopes_of(grant)) - set(scopes_of(client))
        require(not more, f"{grant.get('grant_id')} has the scope {', '.join(sorted(more))} beyond its Client Object")


@check("WG1-02-8.1-11", needs=REGISTRATION)
async def grants_without_users_have_no_receipts(session: Session) -> None:
    """An empty list."""
    clients = {client.get("client_id"): client for client in await every_client(session)}
    for grant in await every_grant(session):
        if not clients.get(grant.get("client_id"), {}).get("response_types"):
            refuse(differing(grant, {"receipt_confirmations": []}, f"{grant.get('grant_id')}: "))


@check("WG1-02-8.1-12", needs=REGISTRATION)
async def what_is_enabled_is_part_of_what_was_granted(session: Session) -> None:
    """Never more."""
    for grant in await every_grant(session):
        more = set(str(grant.get("enabled_scope")).split()) - set(scopes_of(grant))
        require(not more, f"enabled_scope of {grant.get('grant_id')} has {', '.join(sorted(more))} as well")


@check("WG1-02-8.1-13", needs=REGISTRATION)
async def an_active_grant_has_everything_enabled(session: Session) -> None:
    """Scope and authorization details."""
    for grant in await every_grant(session):
        if grant.get("status") == "active":
            enabled = {
                "enabled_scope": grant.get("scope"),
                "enabled_authorization_details": grant.get("authorization_details"),
            }
            refuse(differing(grant, enabled, f"{grant.get('grant_id')}: "))


@check("WG1-02-8.1-14", needs=REGISTRATION)
async def a_grant_without_access_has_nothing_enabled(session: Session) -> None:
    """Neither scope nor authorization details."""
    found = [grant for grant in await every_grant(session) if grant.get("status") in NO_ACCESS]
    skip_unless(found, "none of our Grants is without access yet")
    for grant in found:
        refuse(
            differing(grant, {"enabled_scope": "", "enabled_authorization_details": []}, f"{grant.get('grant_id')}: ")
        )


@check("WG1-02-8.2-01", needs=REGISTRATION)
async def no_status_of_a_grant_is_misspelt(session: Session) -> None:
    """Fourteen are defined."""
    for grant in await every_grant(session):
        refuse(misspelt([str(grant.get("status"))], STATUSES))


@check("WG1-02-8.2-01", needs=REGISTRATION, level="SHOULD")
async def every_status_of_a_grant_is_known(session: Session) -> None:
    """Others come from extensions."""
    for grant in await every_grant(session):
        others = unknown([str(grant.get("status"))], STATUSES)
        require(not others, f"only an extension can define the status {', '.join(others)}")


@check("WG1-02-8.2-02", needs=REGISTRATION)
async def the_token_of_an_active_grant_works(session: Session) -> None:
    """That of our admin, for one."""
    own = await session.registration()
    await session.admin_token()
    found = [one for one in await every_grant(session) if one.get("client_id") == own.client_id]
    active = [one for one in found if ADMIN in scopes_of(one) and one.get("status") == "active"]
    require(active, "our admin has no active Grant, and a token that works")


@check("WG1-02-8.4-01", needs=TWO)
async def a_registration_lists_its_own_grants_alone(session: Session) -> None:
    """None is in two listings."""
    await session.admin_token(await session.second_registration())
    await require_kept_apart(session, ENDPOINT, "grants", "grant_id")


@check("WG1-02-8.4-02", needs=REGISTRATION)
async def a_listing_of_grants_has_its_three_members(session: Session) -> None:
    """Always."""
    refuse_shape((await listing(session, ENDPOINT))[0], "grants")


@check("WG1-02-8.4-03", needs=REGISTRATION)
async def a_listing_without_grants_is_an_empty_array(session: Session) -> None:
    """For an id that there is not."""
    await require_none(session, ENDPOINT, "grants", {"grant_ids": NO_SUCH_ID})


@check("WG1-02-8.4-04", needs=REGISTRATION)
async def up_to_a_hundred_grants_come_in_one_page(session: Session) -> None:
    """More than that may be cut."""
    refuse_cut(await listing(session, ENDPOINT), "grants")


@check("WG1-02-8.4-05", needs=REGISTRATION)
async def the_pages_of_grants_lead_there_and_back(session: Session) -> None:
    """And end."""
    await require_links(session, await listing(session, ENDPOINT), "grants", "grant_id")


@check("WG1-02-8.4-06", needs=REGISTRATION)
async def filters_of_grants_take_away_together(session: Session) -> None:
    """By status, Client Object and time."""
    one = (await every_grant(session))[0]
    time = creation(one)
    names = {"statuses": "status", "client_ids": "client_id", "after": "created"}
    await filtered(
        session,
        {name: str(one[member]) for name, member in names.items()},
        lambda other: (
            all(other[name] == one[name] for name in ("status", "client_id")) and created_on(other, "after", time)
        ),
    )
    beside = {"client_ids": str(one["client_id"]), "statuses": NO_SUCH_ID}
    found = await session.wire.get(await session.endpoint(ENDPOINT), await session.as_admin(), params=beside)
    require(not objects(found.find("grants")), "an unknown status beside a client_id finds Grants", found)


@check("WG1-02-8.4-07", needs=REGISTRATION)
async def grants_are_filtered_by_their_ids(session: Session) -> None:
    """Several of them."""
    await every_grant(session)
    await require_words(session, ENDPOINT, "grants", "grant_id", "grant_ids")


@check("WG1-02-8.4-09", needs=REGISTRATION)
async def grants_are_filtered_by_status(session: Session) -> None:
    """One, and several."""
    await every_grant(session)
    for statuses in ({"active"}, {"active", "closed"}, {"errored"}):
        await filtered(session, {"statuses": " ".join(sorted(statuses))}, partial(is_in, "status", statuses))


@check("WG1-02-8.4-10", needs=TWO)
async def grants_are_filtered_by_client_object(session: Session) -> None:
    """Those of others find nothing."""
    one = (await every_grant(session))[0]
    await filtered(session, {"client_ids": str(one["client_id"])}, lambda other: other["client_id"] == one["client_id"])
    other = await session.second_registration()
    await require_foreign_filter(session, ENDPOINT, "grants", "client_ids", other.client_id)


@check("WG1-02-8.4-11", needs=REGISTRATION)
async def grants_are_filtered_by_scope(session: Session) -> None:
    """By whole words, and by the types of authorization details."""
    for scope in {scope for grant in await every_grant(session) for scope in scopes_of(grant)}:
        await filtered(session, {"scopes": scope}, partial(is_about, scope))
        await require_none(session, ENDPOINT, "grants", {"scopes": scope[:-1]})


@check("WG1-02-8.4-13", needs=REGISTRATION)
async def grants_are_filtered_by_the_time_after_which_they_were_created(session: Session) -> None:
    """That time included."""
    await every_grant(session)
    await require_since(session, ENDPOINT, "grants", "grant_id", "after")
    await require_distant(session, ENDPOINT, "grants", "after")


@check("WG1-02-8.4-14", needs=REGISTRATION)
async def grants_are_filtered_by_the_time_before_which_they_were_created(session: Session) -> None:
    """That time included."""
    await every_grant(session)
    await require_since(session, ENDPOINT, "grants", "grant_id", "before")
    await require_distant(session, ENDPOINT, "grants", "before")


@check("WG1-02-8.4-15", needs=REGISTRATION)
async def grants_are_sorted_by_their_last_change(session: Session) -> None:
    """The newest comes first."""
    await every_grant(session)
    refuse_order(await listing(session, ENDPOINT), "grants")


@check("WG1-02-8.5-01", needs=TWO)
async def a_grant_alone_is_the_one_of_the_listing(session: Session) -> None:
    """And not for everybody."""
    found = await every_grant(session)
    await require_single(session, found[:5], "uri", "grant_id")
    await require_hidden(session, found[0], "uri", "grant_id")


async def every_grant(session: Session) -> list[Document]:
    """The Grants of the main registration, of which there are two at least where machines get tokens.

    Raises:
        Violated: There are none, although our admin has a token.
    """

    async def make() -> bool:
        await session.admin_token()
        for client in await session.clients():
            own = "client_credentials" in (client.get("grant_types") or [])
            if own and client.get("cds_status") == "production" and scopes_of(client):
                await session.ask_token(await session.caller_for(client), scope=scopes_of(client)[0])
        return True

    await session.once("grants", make)
    found = await listed(session, ENDPOINT, "grants")
    require(found, "our registration has no Grants, although its admin has a token")
    return found


async def filtered(session: Session, filters: dict[str, str], fits: Fits) -> None:
    """Raises: Violated: A filter does not list what fits."""
    await require_filter(session, ENDPOINT, "grants", "grant_id", filters, fits)


def is_in(name: str, values: Container[object], grant: Document) -> bool:
    """Whether a member of a Grant is one of these."""
    return grant.get(name) in values


def is_about(scope: str, grant: Document) -> bool:
    """Whether a Grant is found by a scope."""
    return scope in has_scopes(grant)


def has_scopes(grant: Document) -> set[str]:
    """By what a Grant is found: its scopes, and the types of its authorization details."""
    return {*scopes_of(grant), *(str(one.get("type")) for one in objects(grant.get("authorization_details")))}
