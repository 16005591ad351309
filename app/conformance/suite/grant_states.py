"""CDS-WG1-02 sections 8.1 to 8.4 and 8.6 as far as the staff of the server, or a test user, takes part."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from app.conformance.apis import NO_SUCH_ID, listed, read, require_done
from app.conformance.checks import Need, Skipped, Stage, check, refuse, require, skip_unless
from app.conformance.formats import objects, parse_datetime, shown, strings
from app.conformance.session import Session
from app.conformance.shapes import differing, lacking
from app.conformance.suite.authorization_details import sample
from app.conformance.suite.client_changes import has
from app.conformance.suite.grant_changes import patch
from app.conformance.suite.grants import ENDPOINT, GRANT
from app.conformance.suite.pushed_requests import asker
from app.conformance.suite.registration import scopes_of
from app.conformance.suite.user_tokens import address
from app.conformance.wire import Document

STAFFED: Final = (Need.REGISTRATION, Need.OPERATOR)
ENDED: Final = ("disabled", "suspended", "revoked", "expired")
WAITING: Final = frozenset({"needs_authorization", "needs_sub_grants", "pending"})
"""What a Grant is until somebody has agreed to more."""

ORDERED: Final = frozenset({"int", "decimal", "relative_or_absolute_date", "relative_or_absolute_datetime"})
"""The formats whose minimum and maximum are values themselves."""

SOON: Final = timedelta(seconds=2)
POLLS: Final = 24
POLL_SECONDS: Final = 0.5
OK: Final = 200
ACCEPTED: Final = 202


@check("WG1-02-3.3.2-01", "WG1-02-8.1-01", needs=STAFFED)
async def a_grant_that_the_server_makes_is_listed(session: Session) -> None:
    """Like any other."""
    grant = await made(session)
    refuse(lacking(grant, GRANT))
    client = await granted_client(session)
    refuse(differing(grant, {"client_id": client["client_id"], "status": "active"}))


@check("WG1-02-8.1-04", needs=STAFFED)
async def a_new_grant_was_modified_when_it_was_created(session: Session) -> None:
    """At the same time."""
    grant = await made(session)
    same = parse_datetime(grant.get("created")) == parse_datetime(grant.get("modified"))
    require(same, f"modified is {shown(grant.get('modified'))}, not {grant.get('created')}")


@check("WG1-02-8.1-02", needs=STAFFED)
async def a_grant_that_replaces_another_refers_to_it(session: Session) -> None:
    """And the other one to it, by URL."""
    old = await made(session)
    new = await made(session, replacing=[old["uri"]])
    again = await reread(session, old)
    refuse([*differing(new, {"replacing": [old["uri"]]}), *differing(again, {"replaced_by": [new["uri"]]})])


@check("WG1-02-8.1-03", "WG1-02-8.4-08", needs=STAFFED)
async def parts_of_a_grant_refer_to_it(session: Session) -> None:
    """And it to them, by id; they are found by it."""
    parent = await made(session)
    children = [await made(session, parent=parent["grant_id"]) for _ in range(2)]
    ids = {str(child["grant_id"]) for child in children}
    for child in children:
        refuse(differing(child, {"parent": parent["grant_id"]}))
    again = await reread(session, parent)
    require(set(again["children"]) == ids, f"children is {shown(again['children'])}, not {shown(sorted(ids))}")
    found = await listed(session, ENDPOINT, "grants", filters={"parents": str(parent["grant_id"])})
    require({one.get("grant_id") for one in found} == ids, f"parents lists {len(found)} Grants, not {len(ids)}")
    nothing = await listed(session, ENDPOINT, "grants", filters={"parents": NO_SUCH_ID})
    require(not nothing, f"an unknown parent lists {len(nothing)} Grants")


@check("WG1-02-8.1-07", needs=STAFFED)
async def a_pending_grant_says_when_it_will_end_to_be(session: Session) -> None:
    """By eta, which is null again afterwards."""
    grant = await made(session, status="pending", eta=moment(timedelta(days=1)))
    refuse(differing(grant, {"status": "pending"}))
    require(parse_datetime(grant.get("eta")), f"eta of a pending Grant is {shown(grant.get('eta'))}")
    after = await changed(session, grant, status="active")
    refuse(differing(after, {"status": "active", "eta": None, "enabled_scope": after.get("scope")}))


@check("WG1-02-8.2-14", "WG1-02-8.2-15", needs=STAFFED)
async def a_grant_may_be_delayed_stopped_or_errored(session: Session) -> None:
    """What is late or has ended keeps its access."""
    grant = await made(session)
    for status in ("delayed", "stopped", "errored"):
        after = await changed(session, grant, status=status)
        refuse(differing(after, {"status": status}))
        if status != "errored":
            refuse(differing(after, {"enabled_scope": grant["scope"]}, f"{status}: "))


@check("WG1-02-8.2-16", "WG1-02-8.1-14", needs=STAFFED)
async def a_grant_that_has_ended_has_nothing_enabled(session: Session) -> None:
    """However it ended."""
    for status in ENDED:
        after = await changed(session, await made(session), status=status)
        expected: Document = {"status": status, "enabled_scope": "", "enabled_authorization_details": []}
        refuse(differing(after, expected, f"{status}: "))


@check("WG1-02-8.1-12", "WG1-02-8.2-04", needs=STAFFED)
async def a_pending_grant_shows_what_of_it_is_enabled(session: Session) -> None:
    """Nothing yet, and then more."""
    grant = await made(session, status="pending", eta=moment(timedelta(days=1)))
    nothing = await changed(session, grant, enabled_scope="")
    refuse(differing(nothing, {"status": "pending", "scope": grant["scope"], "enabled_scope": ""}))
    more = await changed(session, grant, enabled_scope=grant["scope"])
    refuse(differing(more, {"status": "pending", "enabled_scope": grant["scope"]}))


@check("WG1-02-8.1-12", "WG1-02-8.2-05", needs=STAFFED)
async def a_partial_grant_shows_what_of_it_is_enabled(session: Session) -> None:
    """No more than the server says."""
    grant, scopes = await wide(session)
    part = await changed(session, grant, status="partial", enabled_scope=scopes[0])
    refuse(differing(part, {"status": "partial", "scope": grant["scope"], "enabled_scope": scopes[0]}))


@check("WG1-02-8.2-07", needs=STAFFED)
async def a_grant_waits_for_its_parts(session: Session) -> None:
    """Until they have access."""
    parent = await made(session, status="needs_sub_grants")
    refuse(differing(parent, {"status": "needs_sub_grants"}))
    child = await made(session, parent=parent["grant_id"], status="pending", eta=moment(timedelta(days=1)))
    refuse(differing(await reread(session, parent), {"status": "needs_sub_grants"}))
    await changed(session, child, status="active")
    after = await until(session, parent, lambda one: one.get("status") != "needs_sub_grants")
    require(after.get("status") != "needs_sub_grants", "a Grant still needs its parts when all of them are active")


@check("WG1-02-8.1-05", "WG1-02-8.2-03", needs=STAFFED, stage=Stage.CHANGE)
async def a_future_grant_becomes_active_in_time(session: Session) -> None:
    """At not_before, and opens nothing until then."""
    grant = await made(session, status="future", not_before=moment(SOON))
    refuse(differing(grant, {"status": "future", "enabled_scope": ""}))
    require(
        parse_datetime(grant.get("not_before")), f"not_before of a future Grant is {shown(grant.get('not_before'))}"
    )
    after = await until(session, grant, lambda one: one.get("status") == "active")
    refuse(differing(after, {"status": "active", "enabled_scope": grant["scope"]}, "after not_before: "))


@check("WG1-02-8.1-06", "WG1-02-8.1-08", "WG1-02-8.2-13", needs=STAFFED, stage=Stage.CHANGE)
async def a_grant_expires_in_time(session: Session) -> None:
    """At not_after, and opens nothing from then on."""
    grant = await made(session, expires=moment(SOON))
    ends = parse_datetime(grant.get("not_after"))
    same = ends is not None and ends == parse_datetime(grant.get("expires"))
    require(same, f"not_after is {shown(grant.get('not_after'))}, expires is {shown(grant.get('expires'))}")
    after = await until(session, grant, lambda one: one.get("status") == "expired")
    refuse(differing(after, {"status": "expired", "enabled_scope": ""}, "after not_after: "))


@check("WG1-02-8.6-05", needs=STAFFED, stage=Stage.CHANGE)
async def a_smaller_scope_needs_no_user(session: Session) -> None:
    """It is applied at once."""
    grant, scopes = await wide(session)
    answer = await patch(session, grant, {"scope": scopes[0]})
    after = require_done(answer, OK, "a smaller scope")
    refuse(differing(after, {"scope": scopes[0], "enabled_scope": scopes[0], "status": "active"}), answer)


@check("WG1-02-8.6-06", needs=STAFFED, stage=Stage.CHANGE)
async def a_wider_scope_needs_a_user(session: Session) -> None:
    """And what was enabled before stays."""
    grant, scopes = await wide(session)
    small = require_done(await patch(session, grant, {"scope": scopes[0]}), OK, "a smaller scope")
    answer = await patch(session, small, {"scope": " ".join(scopes)})
    require(answer.status in {OK, ACCEPTED}, f"a wider scope is answered with {answer.status}", answer)
    status = answer.object().get("status")
    require(status in WAITING, f"a Grant with a wider scope is {shown(status)}", answer)
    refuse(differing(answer.object(), {"enabled_scope": scopes[0]}), answer)


@check("WG1-02-8.6-08", needs=STAFFED, stage=Stage.CHANGE)
async def a_value_nearer_to_its_minimum_needs_no_user(session: Session) -> None:
    """It is applied at once."""
    least, most = await bounds(session)
    grant = await made(session, authorization_details=[most])
    answer = await patch(session, grant, {"authorization_details": [least]})
    after = require_done(answer, OK, "a smaller value in authorization_details")
    refuse(differing(after, {"status": "active"}), answer)
    require(
        has(after.get("enabled_authorization_details"), [least]), "the smaller value is not what is enabled", answer
    )


@check("WG1-02-8.6-09", needs=STAFFED, stage=Stage.CHANGE)
async def a_value_nearer_to_its_maximum_needs_a_user(session: Session) -> None:
    """And what was enabled before stays."""
    least, most = await bounds(session)
    grant = await made(session, authorization_details=[least])
    answer = await patch(session, grant, {"authorization_details": [most]})
    require(answer.status in {OK, ACCEPTED}, f"a larger value is answered with {answer.status}", answer)
    status = answer.object().get("status")
    require(status in WAITING, f"a Grant with a larger value is {shown(status)}", answer)
    enabled = answer.object().get("enabled_authorization_details")
    require(
        has(enabled, [least]), f"enabled_authorization_details is {shown(enabled)} before a user has approved", answer
    )


@check(
    "WG1-02-8.1-11",
    "WG1-02-8-01",
    "WG1-02-8.3-12",
    "WG1-02-8.4-12",
    "WG1-02-5.2-03",
    needs=STAFFED,
    stage=Stage.CHANGE,
)
async def a_user_who_approves_makes_a_grant_at_once(session: Session) -> None:
    """With a receipt by which it is found, and before any token is asked for."""
    own = await asker(session)
    before = {one["grant_id"] for one in await listed(session, ENDPOINT, "grants")}
    await session.operator.authorize(await asking(session))
    new = [one for one in await listed(session, ENDPOINT, "grants") if one["grant_id"] not in before]
    require(new, "a user has approved, and no Grant has come of it")
    refuse(differing(new[0], {"client_id": own.client_id}))
    receipts = strings(new[0].get("receipt_confirmations"))
    require(receipts, "the Grant of a user has no receipt_confirmations")
    found = await listed(session, ENDPOINT, "grants", filters={"receipt_confirmations": str(receipts[0])})
    ids = [one.get("grant_id") for one in found]
    require(ids == [new[0]["grant_id"]], f"its receipt finds {len(ids)} Grants, not the one that it is of")


@check("WG1-02-8.2-06", "WG1-02-8.3-01", "WG1-02-8.3-11", needs=STAFFED, stage=Stage.CHANGE)
async def a_user_authorizes_a_grant_that_waits_for_it(session: Session) -> None:
    """It is the same Grant afterwards, and has access."""
    own = await asker(session)
    grant = await made(session, client_id=own.client_id, status="needs_authorization")
    refuse(differing(grant, {"status": "needs_authorization"}))
    await session.operator.authorize(await asking(session, cds_grant_id=str(grant["grant_id"]), scope=""))
    after = await reread(session, grant)
    require(after.get("status") != "needs_authorization", "a user has approved, and the Grant still waits for it")
    require(after.get("receipt_confirmations"), "a user has approved, and the Grant has no receipt_confirmations")


async def granted_client(session: Session) -> Document:
    """The Client Object for which Grants are made: one that users authorize, or else one for machines."""
    try:
        return await session.user_client()
    except Skipped:
        return await session.machine_client()


async def made(session: Session, client_id: str = "", **terms: object) -> Document:
    """A new Grant of ours, as the Grants API shows it.

    Raises:
        Skipped: The operator cannot make such a one.
        Violated: It is not listed.
    """
    client = await granted_client(session)
    whole = {"scope": scopes_of(client)[0], "authorization_details": [], **terms}
    grant_id = await session.operator.make_grant(client_id or str(client["client_id"]), whole)
    found = await listed(session, ENDPOINT, "grants", filters={"grant_ids": grant_id})
    require(found, "a Grant that the server has made is not listed")
    return found[0]


async def wide(session: Session) -> tuple[Document, list[str]]:
    """A Grant of two scopes.

    Raises:
        Skipped: No Client Object of ours has as many.
    """
    scopes = scopes_of(await granted_client(session))
    skip_unless(scopes[1:], "no Client Object that users authorize has several scopes")
    return await made(session, scope=" ".join(scopes)), scopes


async def bounds(session: Session) -> tuple[Document, Document]:
    """Two entries of authorization details for our Client Object: with the least and the most of the same field.

    Raises:
        Skipped: No field of its scope has such limits.
    """
    name = scopes_of(await granted_client(session))[0]
    fields = objects((await session.scopes()).get(name, {}).get("authorization_details_fields_supported"))
    entry = {"type": name, **{str(field["id"]): sample(field) for field in fields if field.get("is_required")}}
    for field in fields:
        limits = field.get("minimum"), field.get("maximum")
        if field.get("format") in ORDERED and None not in limits and limits[0] != limits[1]:
            least, most = ({**entry, str(field["id"]): limit} for limit in limits)
            return least, most
    raise Skipped(f"no authorization details field of {name} has a minimum and a maximum to try")


async def changed(session: Session, grant: Document, **changes: object) -> Document:
    """A Grant after the operator has changed it."""
    await session.operator.change_grant(str(grant["grant_id"]), changes)
    return await reread(session, grant)


async def reread(session: Session, grant: Document) -> Document:
    """A Grant as it is now."""
    return (await read(session, await session.as_admin(), grant)).object()


async def until(session: Session, grant: Document, fits: Callable[[Document], object]) -> Document:
    """A Grant once it fits, or as it is after a while."""
    for _ in range(POLLS):
        found = await reread(session, grant)
        if fits(found):
            break
        await asyncio.sleep(POLL_SECONDS)
    return found


async def asking(session: Session, **changes: str) -> str:
    """Where a browser goes to authorize our Client Object."""
    return await address(session, **(await asker(session)).form(**changes))


def moment(ahead: timedelta) -> str:
    """A time from now on, in whole seconds."""
    return (datetime.now(UTC).replace(microsecond=0) + ahead).isoformat().replace("+00:00", "Z")
