"""CDS-WG1-02 section 9, and 3.3.2 and 3.3.3 as far as they need a file that the staff of the server shares."""

from dataclasses import dataclass
from typing import Final

from app.conformance.apis import (
    FORBIDDEN,
    HIDDEN,
    NO_SUCH_ID,
    OK,
    UNAUTHORIZED,
    listed,
    read,
    refuse_cut,
    refuse_order,
    refuse_shape,
    require_done,
)
from app.conformance.checks import Need, Stage, check, refuse, require
from app.conformance.formats import is_media_type, objects, parse_datetime, shown
from app.conformance.session import FILES, Session, told
from app.conformance.shapes import DATETIME, INTEGER, TEXT, URL, Shape, differing, lacking
from app.conformance.suite.authorization_details import written
from app.conformance.suite.grant_admin import entry, grant_admin, grant_admin_scope
from app.conformance.suite.registration import scopes_of
from app.conformance.wire import NOBODY, Answer, Caller, Document

ENDPOINT: Final = "cds_server_provided_files_api"
STAFFED: Final = (Need.REGISTRATION, Need.OPERATOR)
CONTENT: Final = b"hour,load\n1,17.5\n2,16.25\n"
FILE: Final[Shape] = {
    "file_id": TEXT,
    "uri": URL,
    "created": DATETIME,
    "modified": DATETIME,
    "mime_type": TEXT,
    "size": INTEGER,
    "name": TEXT,
    "description": TEXT,
    "download_uri": URL,
}


@dataclass(frozen=True, slots=True)
class Shared:
    """A file that was shared with us."""

    grant: Document
    token_answer: Answer
    caller: Caller
    pages: tuple[Answer, ...]

    @property
    def files(self) -> list[Document]:
        """What the token opens."""
        return [one for page in self.pages for one in objects(page.find("files"))]


@check("WG1-02-3.3.3-01", needs=STAFFED)
async def a_shared_file_has_a_grant_that_names_it(session: Session) -> None:
    """In its authorization details."""
    grant = (await shared(session)).grant
    entries = objects(grant.get("authorization_details"))
    require(entries, "the Grant of a shared file has no authorization_details")
    for one in entries:
        refuse([*lacking(one, {"file_id": TEXT}), *differing(one, {"type": (await files_scope(session))})])
    scoped = await listed(session, "cds_grants_api", "grants", filters={"scopes": await files_scope(session)})
    ids = [one.get("grant_id") for one in scoped]
    require(grant["grant_id"] in ids, "the Grant of a shared file is not found by its scope")


@check("WG1-02-3.3.2-11", needs=STAFFED)
async def a_grant_admin_token_opens_the_files_of_its_grant(session: Session) -> None:
    """With its authorization details in the answer."""
    seen = await shared(session)
    answer = require_done(seen.token_answer, OK, "a grant admin token request")
    refuse(lacking(answer, {"access_token": TEXT, "token_type": TEXT}), seen.token_answer)
    require(seen.files, "a grant admin token for the Grant of a file opens no file", seen.pages[0])


@check("WG1-02-3.3.2-07", "WG1-02-3.3.3-06", "WG1-02-9.2-06", needs=STAFFED)
async def a_token_opens_the_files_of_its_own_grant_alone(session: Session) -> None:
    """Not those of another one."""
    first, second = await shared(session), await shared(session, "second")
    own = {str(one.get("file_id")) for one in objects(first.grant.get("authorization_details"))}
    got = {str(one.get("file_id")) for one in first.files}
    require(got == own, f"a token for one Grant lists {len(got)} files, and the Grant has {len(own)}", first.pages[0])
    require(got != {str(one.get("file_id")) for one in second.files}, "two Grants open the same files", second.pages[0])


@check("WG1-02-9-02", needs=STAFFED)
async def the_files_api_takes_grant_admin_tokens_and_no_others(session: Session) -> None:
    """401 without one, 403 for an admin."""
    seen, url = await shared(session), await session.endpoint(ENDPOINT)
    answer = await session.wire.get(url, seen.caller)
    require(answer.status == OK, f"with a grant admin token it is answered with {answer.status}", answer)
    await require_closed(session, url)


@check("WG1-02-9.1-01", needs=STAFFED)
async def every_file_has_what_files_have(session: Session) -> None:
    """Nine members, listed and alone."""
    seen = await shared(session)
    for one in seen.files:
        refuse(lacking(one, FILE), seen.pages[0])
        require(is_media_type(one["mime_type"]), f"mime_type is {shown(one['mime_type'])}", seen.pages[0])
        answer = await read(session, seen.caller, one)
        refuse(lacking(answer.object(), FILE), answer)


@check("WG1-02-9.1-02", needs=STAFFED)
async def a_new_file_was_modified_when_it_was_created(session: Session) -> None:
    """Not before, not after."""
    seen = await shared(session)
    for one in seen.files:
        same = parse_datetime(one.get("created")) == parse_datetime(one.get("modified"))
        require(same, f"modified is {shown(one.get('modified'))}, not {one.get('created')}", seen.pages[0])


@check("WG1-02-9.1-03", "WG1-02-9.4-01", needs=STAFFED)
async def the_data_of_a_file_is_what_was_shared(session: Session) -> None:
    """Byte for byte, and as long and of the type that is said."""
    seen = await shared(session)
    for one in seen.files:
        answer = await read(session, seen.caller, one, "download_uri")
        require(answer.content == CONTENT, "the data of a file is not what was shared", answer)
        refuse(differing(one, {"size": len(CONTENT)}), seen.pages[0])
        of_type = answer.media_type == str(one.get("mime_type")).partition(";")[0].strip().lower()
        require(of_type, f"its Content-Type is {shown(answer.media_type)}, not {one.get('mime_type')}", answer)


@check("WG1-02-9.1-04", needs=STAFFED)
async def a_file_without_a_description_has_an_empty_one(session: Session) -> None:
    """Not null."""
    seen = await shared(session)
    for one in seen.files:
        refuse(differing(one, {"description": ""}), seen.pages[0])


@check("WG1-02-9.1-05", "WG1-02-9.4-01", needs=STAFFED)
async def the_data_of_a_file_is_as_protected_as_the_rest(session: Session) -> None:
    """401 without a token, 403 for an admin, nothing for another Grant."""
    first, second = await shared(session), await shared(session, "second")
    for one in first.files:
        await require_closed(session, str(one.get("download_uri")))
        answer = await session.wire.get(str(one.get("download_uri")), second.caller)
        require(not answer.ok, f"with a token for another Grant it is answered with {answer.status}", answer)


@check("WG1-02-9.2-01", "WG1-02-9.2-02", "WG1-02-9.2-05", needs=STAFFED)
async def a_listing_of_files_has_its_three_members(session: Session) -> None:
    """And ends."""
    seen = await shared(session)
    refuse_shape(seen.pages[0], "files")
    refuse(differing(seen.pages[0].object(), {"previous": None}), seen.pages[0])
    refuse(differing(seen.pages[-1].object(), {"next": None}), seen.pages[-1])


@check("WG1-02-9.2-03", "WG1-02-9.2-07", needs=STAFFED)
async def files_are_filtered_by_their_ids(session: Session) -> None:
    """Those of other Grants find nothing."""
    first, second = await shared(session), await shared(session, "second")
    url = await session.endpoint(ENDPOINT)
    own = str(first.files[0].get("file_id")) if first.files else NO_SUCH_ID
    foreign = str(second.files[0].get("file_id")) if second.files else NO_SUCH_ID
    for ids, expected in ((f"{own} {NO_SUCH_ID}", [own]), (NO_SUCH_ID, []), (foreign, [])):
        answer = await session.wire.get(url, first.caller, params={"file_ids": ids})
        got = [one.get("file_id") for one in objects(require_done(answer, OK, "file_ids").get("files"))]
        require(got == expected, f"file_ids lists {len(got)} files, not {len(expected)}", answer)
        require(answer.find("files") is not None, "where nothing fits, files is null", answer)


@check("WG1-02-9.2-04", "WG1-02-9.2-08", needs=STAFFED)
async def files_come_in_one_page_and_the_newest_first(session: Session) -> None:
    """Up to a hundred."""
    seen = await shared(session)
    refuse_cut(seen.pages, "files")
    refuse_order(seen.pages, "files")


@check("WG1-02-9.3-01", needs=STAFFED)
async def a_file_alone_is_the_one_of_the_listing(session: Session) -> None:
    """And only for a token of its Grant."""
    first, second = await shared(session), await shared(session, "second")
    for one in first.files:
        answer = await read(session, first.caller, one)
        require(answer.object() == one, "a file alone differs from its entry in the listing", answer)
        answer = await session.wire.get(str(one["uri"]), second.caller)
        require(answer.status in HIDDEN, f"with a token for another Grant it is answered with {answer.status}", answer)


@check("WG1-02-9.3-01", "WG1-02-8.2-16", "WG1-02-3.3.2-10", needs=STAFFED, stage=Stage.CHANGE)
async def the_files_of_a_closed_grant_are_gone(session: Session) -> None:
    """Its tokens are dead, and there are no new ones."""
    seen = await shared(session, "closed")
    uri = str(seen.grant["uri"])
    answer = await session.wire.ask("PATCH", uri, await session.as_admin(), json={"status": "closed"})
    require_done(answer, OK, "status closed")
    for one in seen.files:
        after = await session.wire.get(str(one["uri"]), seen.caller)
        require(after.status == UNAUTHORIZED, f"after its Grant was closed it is answered with {after.status}", after)
    again = await ask(session, str(seen.grant["grant_id"]))
    require(not again.ok, f"a token request for a closed Grant is answered with {again.status}", again)


async def shared(session: Session, which: str = "first") -> Shared:
    """A file that was shared with us, one for each name."""

    async def make() -> Shared:
        client_id = str((await files_client(session))["client_id"])
        name = f"conformance-{which}.csv"
        grant_id = await session.operator.share_file(client_id, name, CONTENT, "text/csv")
        (grant, *_) = await listed(session, "cds_grants_api", "grants", filters={"grant_ids": grant_id}) or [{}]
        require(grant, "a file is shared, and its Grant is not listed")
        answer = await ask(session, grant_id)
        require(answer.ok, f"a grant admin token is answered with {answer.status}: {told(answer)}", answer)
        caller = Caller.bearer(str(answer.find("access_token")))
        pages = await session.pages(await session.endpoint(ENDPOINT), caller)
        return Shared(grant, answer, caller, tuple(pages))

    return await session.once(f"shared {which}", make)


async def ask(session: Session, grant_id: str) -> Answer:
    """A request for a grant admin token for a Grant of files."""
    scope, client = await grant_admin_scope(session), await files_client(session)
    details = written([entry(scope, str(client["client_id"]), grant_id)])
    return await session.ask_token(await grant_admin(session), scope=scope, authorization_details=details)


async def files_client(session: Session) -> Document:
    """Our Client Object of a files scope.

    Raises:
        Unavailable: We have none.
    """
    types = {name: scope.get("type") for name, scope in (await session.scopes()).items()}
    return await session.client_for(
        lambda client: FILES in {types.get(scope) for scope in scopes_of(client)}, "for files"
    )


async def files_scope(session: Session) -> str:
    """Its scope."""
    types = {name: scope.get("type") for name, scope in (await session.scopes()).items()}
    return next(scope for scope in scopes_of(await files_client(session)) if types.get(scope) == FILES)


async def require_closed(session: Session, url: str) -> None:
    """Raises: Violated: A URL of the files API opens without a token, or with one of an admin."""
    answer = await session.wire.get(url, NOBODY)
    require(answer.status == UNAUTHORIZED, f"without a token it is answered with {answer.status}, not 401", answer)
    answer = await session.wire.get(url, await session.as_admin())
    refused = answer.status in {FORBIDDEN, UNAUTHORIZED}
    require(refused, f"with an admin token it is answered with {answer.status}, not 403", answer)
