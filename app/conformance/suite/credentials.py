"""CDS-WG1-02 sections 7 and 7.1 to 7.5: Credentials as they are listed, read and created."""

from typing import Final

from app.conformance.apis import (
    BAD_REQUEST,
    CREATED,
    NO_SUCH_ID,
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
    require_done,
    require_filter,
    require_foreign_filter,
    require_hidden,
    require_kept_apart,
    require_links,
    require_none,
    require_refused,
    require_since,
    require_single,
    require_words,
    server_time,
)
from app.conformance.checks import Need, Stage, check, refuse, require
from app.conformance.formats import is_integer, shown
from app.conformance.mailbox import mailbox, news
from app.conformance.session import Session, told
from app.conformance.shapes import DATETIME, INTEGER, TEXT, URL, Shape, differing, lacking, misspelt, unknown
from app.conformance.suite.clients import every_client
from app.conformance.wire import Answer, Caller, Document

ENDPOINT: Final = "cds_credentials_api"
REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)
CREDENTIAL: Final[Shape] = {
    "credential_id": TEXT,
    "uri": URL,
    "client_id": TEXT,
    "created": DATETIME,
    "modified": DATETIME,
    "type": TEXT,
}
SECRET: Final[Shape] = {"client_secret": TEXT, "client_secret_expires_at": INTEGER}
TYPES: Final = ("client_secret",)
ENOUGH_CHARACTERS: Final = 22
"""Of Base64: 128 bits."""


@check("WG1-02-7-01", needs=REGISTRATION)
async def credentials_can_be_listed_and_read(session: Session) -> None:
    """With an admin token."""
    for credential in (await every_credential(session))[:1]:
        await read(session, await session.as_admin(), credential)


@check("WG1-02-7-04", needs=REGISTRATION)
async def the_credentials_api_takes_admin_tokens_and_no_others(session: Session) -> None:
    """401 without one, 403 with one for something else."""
    await require_admins_only(session, await session.endpoint(ENDPOINT))


@check("WG1-02-7.1-01", needs=REGISTRATION)
async def every_credential_has_what_credentials_have(session: Session) -> None:
    """Listed, alone, and when it is created."""
    note_shapes(await listing(session, ENDPOINT), "credentials", CREDENTIAL, "credential_id")
    for credential in await every_credential(session):
        answer = await read(session, await session.as_admin(), credential)
        refuse(lacking(answer.object(), CREDENTIAL), answer)
    answer = await created(session)
    refuse(lacking(require_done(answer, CREATED, "a new Credential"), CREDENTIAL), answer)


@check("WG1-02-7.1-02", needs=REGISTRATION)
async def a_secret_is_shown_whenever_it_is_asked_for(session: Session) -> None:
    """The same each time, and it works."""
    own = await session.registration()
    for credential in await secret_ones(session):
        require("client_secret" in credential, f"{credential.get('credential_id')} does not show its client_secret")
        for _ in range(2):
            answer = await read(session, await session.as_admin(), credential)
            refuse(differing(answer.object(), {"client_secret": credential["client_secret"]}), answer)
    secrets = [one.get("client_secret") for one in await session.credentials(own.client_id)]
    answer = await session.ask_token(Caller.client(own.client_id, str(secrets[-1])))
    require(
        answer.ok, f"the listed client_secret of the admin is answered with {answer.status}: {told(answer)}", answer
    )


@check("WG1-02-7.1-03", needs=REGISTRATION)
async def secrets_are_long_and_never_the_same(session: Session) -> None:
    """And made by the server alone."""
    chosen = "conformance-chosen-secret-0123456789abcdef"
    own = await session.registration()
    answer = await post(session, {"client_id": own.client_id, "client_secret": chosen})
    credential = require_done(answer, CREATED, "a new Credential")
    require(credential.get("client_secret") != chosen, "a client_secret that was sent is taken", answer)
    secrets = [str(one.get("client_secret")) for one in await secret_ones(session)]
    require(len(set(secrets)) == len(secrets), "two Credentials have the same client_secret", answer)
    for secret in secrets:
        require(len(secret) >= ENOUGH_CHARACTERS, f"a client_secret has only {len(secret)} characters", answer)


@check("WG1-02-7.1-04", needs=REGISTRATION)
async def every_secret_says_when_it_expires(session: Session) -> None:
    """In seconds since 1970, or never."""
    pages = await listing(session, ENDPOINT)
    for credential in await secret_ones(session):
        expires = credential.get("client_secret_expires_at")
        where = f"{credential.get('credential_id')}: client_secret_expires_at"
        require(is_integer(expires), f"{where} is {shown(expires)}, not an integer", pages[0])
    answer = await created(session)
    expires = require_done(answer, CREATED, "a new Credential").get("client_secret_expires_at")
    ahead = expires == 0 or (isinstance(expires, int) and expires > server_time(answer).timestamp())
    require(ahead, f"client_secret_expires_at of a new Credential is {shown(expires)}", answer)


@check("WG1-02-7.2-01", needs=REGISTRATION)
async def no_type_of_credential_is_misspelt(session: Session) -> None:
    """One is defined."""
    for credential in await every_credential(session):
        refuse(misspelt([str(credential.get("type"))], TYPES))


@check("WG1-02-7.2-01", needs=REGISTRATION, level="SHOULD")
async def every_type_of_credential_is_known(session: Session) -> None:
    """Others come from extensions."""
    for credential in await every_credential(session):
        others = unknown([str(credential.get("type"))], TYPES)
        require(not others, f"only an extension can define the type {', '.join(others)}")


@check("WG1-02-7.3-01", needs=TWO)
async def a_registration_lists_its_own_credentials_alone(session: Session) -> None:
    """Those of all of its Client Objects, and of no others."""
    ids = {client.get("client_id") for client in await every_client(session)}
    for credential in await every_credential(session):
        client_id = credential.get("client_id")
        require(client_id in ids, f"a Credential is of {shown(client_id)}, which is no Client Object of ours")
    await require_kept_apart(session, ENDPOINT, "credentials", "credential_id")


@check("WG1-02-7.3-02", needs=REGISTRATION)
async def a_listing_of_credentials_has_its_three_members(session: Session) -> None:
    """Always."""
    refuse_shape((await listing(session, ENDPOINT))[0], "credentials")


@check("WG1-02-7.3-03", needs=REGISTRATION)
async def a_listing_without_credentials_is_an_empty_array(session: Session) -> None:
    """For an id that there is not."""
    await require_none(session, ENDPOINT, "credentials", {"credential_ids": NO_SUCH_ID})


@check("WG1-02-7.3-04", needs=REGISTRATION)
async def up_to_a_hundred_credentials_come_in_one_page(session: Session) -> None:
    """More than that may be cut."""
    refuse_cut(await listing(session, ENDPOINT), "credentials")


@check("WG1-02-7.3-05", needs=REGISTRATION)
async def the_pages_of_credentials_lead_there_and_back(session: Session) -> None:
    """And end."""
    await require_links(session, await listing(session, ENDPOINT), "credentials", "credential_id")


@check("WG1-02-7.3-06", needs=REGISTRATION)
async def filters_of_credentials_take_away_together(session: Session) -> None:
    """By Client Object and by time."""
    one = (await every_credential(session))[0]
    time = creation(one)
    filters = {"client_ids": str(one["client_id"]), "after": str(one["created"])}
    await require_filter(
        session,
        ENDPOINT,
        "credentials",
        "credential_id",
        filters,
        lambda other: other["client_id"] == one["client_id"] and created_on(other, "after", time),
    )
    beside = {"client_ids": str(one["client_id"]), "before": "1990-01-01T00:00:00Z"}
    await require_none(session, ENDPOINT, "credentials", beside)


@check("WG1-02-7.3-07", needs=REGISTRATION)
async def credentials_are_filtered_by_their_ids(session: Session) -> None:
    """Several of them."""
    await require_words(session, ENDPOINT, "credentials", "credential_id", "credential_ids")


@check("WG1-02-7.3-08", needs=TWO)
async def credentials_are_filtered_by_client_object(session: Session) -> None:
    """Those of others find nothing."""
    own, other = await session.registration(), await session.second_registration()
    await require_filter(
        session,
        ENDPOINT,
        "credentials",
        "credential_id",
        {"client_ids": own.client_id},
        lambda one: one["client_id"] == own.client_id,
    )
    await require_foreign_filter(session, ENDPOINT, "credentials", "client_ids", other.client_id)


@check("WG1-02-7.3-09", needs=REGISTRATION)
async def credentials_are_filtered_by_the_time_after_which_they_were_created(session: Session) -> None:
    """That time included."""
    await require_since(session, ENDPOINT, "credentials", "credential_id", "after")
    await require_distant(session, ENDPOINT, "credentials", "after")


@check("WG1-02-7.3-10", needs=REGISTRATION)
async def credentials_are_filtered_by_the_time_before_which_they_were_created(session: Session) -> None:
    """That time included."""
    await require_since(session, ENDPOINT, "credentials", "credential_id", "before")
    await require_distant(session, ENDPOINT, "credentials", "before")


@check("WG1-02-7.3-11", needs=REGISTRATION)
async def credentials_are_sorted_by_their_last_change(session: Session) -> None:
    """The newest comes first."""
    await created(session)
    refuse_order(await listing(session, ENDPOINT), "credentials")


@check("WG1-02-7.3-12", "WG1-02-6.1-03", needs=REGISTRATION)
async def a_message_tells_of_a_new_credential(session: Session) -> None:
    """Unread, with a link to it, and without its secret."""
    before = await mailbox(session)
    credential = require_done(await create(session), CREATED, "a new Credential")
    message = await news(session, before, "credential", credential["uri"])
    told_ = str(credential.get("client_secret")) in f"{message.get('name')} {message.get('description')}"
    require(not told_, "the Message that tells of a new Credential has its client_secret")


@check("WG1-02-7.4-01", needs=TWO)
async def a_credential_alone_is_the_one_of_the_listing(session: Session) -> None:
    """And not for everybody."""
    found = await every_credential(session)
    await require_single(session, found[:5], "uri", "credential_id")
    await require_hidden(session, found[0], "uri", "credential_id")


@check("WG1-02-7-01", "WG1-02-7.5-01", "WG1-02-7.5-03", needs=REGISTRATION)
async def a_new_credential_works_beside_the_others(session: Session) -> None:
    """201, and both secrets get tokens."""
    own = await session.registration()
    answer = await created(session)
    credential = require_done(answer, CREATED, "a new Credential")
    refuse(
        [*lacking(credential, {**CREDENTIAL, **SECRET}), *differing(credential, {"client_id": own.client_id})], answer
    )
    for what, secret in (("new", credential["client_secret"]), ("first", own.client_secret)):
        got = await session.ask_token(Caller.client(own.client_id, str(secret)))
        require(got.ok, f"the {what} client_secret is answered with {got.status}: {told(got)}", answer, got)


@check("WG1-02-7.5-02", needs=TWO)
async def a_credential_is_not_created_for_anything(session: Session) -> None:
    """Neither for nothing, nor for somebody else."""
    other = await session.second_registration()
    bodies: dict[str, object] = {
        "an empty object": {},
        "a number as client_id": {"client_id": 5},
        "an unknown client_id": {"client_id": NO_SUCH_ID},
        "a client_id of another registration": {"client_id": other.client_id},
        "a list": [],
    }
    silent = [one for one in await every_client(session) if one.get("token_endpoint_auth_method") is None]
    if silent:
        bodies["a Client Object that does not authenticate"] = {"client_id": silent[0]["client_id"]}
    await require_refused(session, "POST", await session.endpoint(ENDPOINT), bodies)


@check("WG1-02-7.5-02", needs=REGISTRATION)
async def a_credential_is_created_from_json_alone(session: Session) -> None:
    """Nothing else is understood."""
    url, admin = await session.endpoint(ENDPOINT), await session.as_admin()
    answer = await session.wire.post(url, admin, content=b"{", headers={"Content-Type": "application/json"})
    require(answer.status == BAD_REQUEST, f"what is no JSON is answered with {answer.status}, not 400", answer)


@check("WG1-02-7.6-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_secret_stays_what_it_was_at_the_registration(session: Session) -> None:
    """Whatever was done to its Client Object since."""
    own = await session.registration()
    secrets = [one.get("client_secret") for one in await session.credentials(own.client_id)]
    require(own.client_secret in secrets, "no Credential of our admin has the client_secret of the registration")


async def every_credential(session: Session) -> list[Document]:
    """The Credentials of the main registration.

    Raises:
        Violated: There are none.
    """
    found = await listed(session, ENDPOINT, "credentials")
    session.blackener.learn(*(str(one.get("client_secret")) for one in found))
    require(found, "our registration has no Credentials")
    return found


async def secret_ones(session: Session) -> list[Document]:
    """Those that are secrets."""
    return [one for one in await every_credential(session) if one.get("type") == "client_secret"]


async def post(session: Session, body: object) -> Answer:
    """Ask for a new Credential."""
    answer = await session.wire.post(await session.endpoint(ENDPOINT), await session.as_admin(), json=body)
    secret = answer.find("client_secret")
    session.blackener.learn(secret if isinstance(secret, str) else None)
    return answer


async def create(session: Session) -> Answer:
    """A new Credential of our admin."""
    return await post(session, {"client_id": (await session.registration()).client_id})


async def created(session: Session) -> Answer:
    """One that is made once in a run."""
    return await session.once("credential", lambda: create(session))
