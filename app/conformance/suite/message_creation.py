"""CDS-WG1-02 section 6.9: what Clients write."""

from datetime import timedelta
from typing import Any, Final

from app.conformance.apis import BAD_REQUEST, CREATED, NO_SUCH_ID, read, require_done, server_time, unchanged
from app.conformance.checks import Need, Stage, check, refuse, require, skip_unless
from app.conformance.formats import parse_datetime, shown
from app.conformance.mailbox import ENDPOINT, mailbox, post, posted
from app.conformance.samples import in_base64, png
from app.conformance.session import Session
from app.conformance.shapes import TEXT, differing, lacking, listed
from app.conformance.suite.messages import MESSAGE
from app.conformance.suite.registration import scopes_of
from app.conformance.wire import Answer, Document

REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)
TEXTS: Final[dict[str, Any]] = {
    "name": "Conformance: a subject — äöü",
    "description": "First line.\nSecond line <b>&amp;</b>",
}
NOT_FOR_CLIENTS: Final = (
    "notification", "field_changes", "server_request", "payment_request", "online_form_request", "pdf_form_request",
    "request_update", "conformance_bogus",
)  # fmt: skip
PICTURE: Final = {"filename": "pixel.png", "mime_type": "image/png", "data": in_base64(png())}
UNKNOWN: Final = {"filename": "data.bin", "mime_type": "application/octet-stream", "data": in_base64(b"\0\1\2")}
TEN_MEGABYTES: Final = 10 * 1024 * 1024
TOO_LARGE_BYTES: Final = 32 * 1024 * 1024
"""More than what one attaches to a Message; a server that takes even that is left in peace."""

TOO_LARGE: Final = 413
CLOCKS: Final = timedelta(minutes=5)


@check("WG1-02-6.9-01", "WG1-02-6.9-17", needs=REGISTRATION)
async def a_message_is_answered_with_201_and_all_of_it(session: Session) -> None:
    """With the members of every Message."""
    answer = await post(session, type="private_message", **TEXTS)
    refuse(lacking(require_done(answer, CREATED, "a private_message"), MESSAGE), answer)


@check("WG1-02-6.1-05", "WG1-02-6.9-07", needs=REGISTRATION)
async def subject_and_body_come_back_as_they_were_written(session: Session) -> None:
    """And have to be texts."""
    for kind in ("private_message", "support_request"):
        answer = await post(session, type=kind, **TEXTS)
        refuse(differing(require_done(answer, CREATED, f"a {kind}"), TEXTS, f"{kind}: "), answer)
        for name in TEXTS:
            await require_refused_message(
                session, f"a {kind} whose {name} is a number", type=kind, **{**TEXTS, name: 5}
            )


@check("WG1-02-6.9-18", needs=REGISTRATION)
async def a_message_is_found_at_its_uri(session: Session) -> None:
    """With an id."""
    message = await written(session)
    refuse(lacking(message, {"message_id": MESSAGE["message_id"], "uri": MESSAGE["uri"]}))
    answer = await read(session, await session.as_admin(), message)
    refuse(unchanged(message, answer.object()), answer)


@check("WG1-02-6.9-19", needs=REGISTRATION)
async def whoever_writes_a_message_has_read_it(session: Session) -> None:
    """Whatever is sent."""
    answer = await post(session, type="private_message", read=False, **TEXTS)
    message = require_done(answer, CREATED, "a private_message with read false")
    refuse(differing(message, {"read": True}), answer)
    there = {one.get("uri") for one in (await mailbox(session)).list("read")}
    require(message.get("uri") in there, "a Message of ours is not among the read ones", answer)


@check("WG1-02-6.9-20", "WG1-02-6.1-04", needs=REGISTRATION)
async def the_creator_of_a_message_is_who_sent_it(session: Session) -> None:
    """Whatever is sent."""
    own = await session.registration()
    answer = await post(session, type="private_message", creator="somebody-else", **TEXTS)
    refuse(differing(require_done(answer, CREATED, "a private_message"), {"creator": own.client_id}), answer)


@check("WG1-02-6.9-21", needs=REGISTRATION)
async def the_server_says_when_a_message_was_written(session: Session) -> None:
    """Whatever is sent."""
    old = "2001-01-01T00:00:00Z"
    answer = await post(session, type="private_message", created=old, modified=old, **TEXTS)
    message = require_done(answer, CREATED, "a private_message")
    created, modified = parse_datetime(message.get("created")), parse_datetime(message.get("modified"))
    near = created is not None and abs(created - server_time(answer)) <= CLOCKS
    require(near, f"created is {shown(message.get('created'))}, at {server_time(answer)}", answer)
    require(created == modified, f"modified is {shown(message.get('modified'))}, not {message.get('created')}", answer)


@check("WG1-02-6.9-22", needs=REGISTRATION)
async def a_private_message_is_complete_at_once(session: Session) -> None:
    """Whatever is sent."""
    answer = await post(session, type="private_message", status="pending", **TEXTS)
    refuse(differing(require_done(answer, CREATED, "a private_message"), {"status": "complete"}), answer)


@check("WG1-02-6.9-23", needs=REGISTRATION)
async def a_request_is_pending_at_first(session: Session) -> None:
    """Whatever is sent."""
    answer = await post(session, type="support_request", status="complete", **TEXTS)
    refuse(differing(require_done(answer, CREATED, "a support_request"), {"status": "pending"}), answer)
    answer = await grant_request(session)
    refuse(differing(require_done(answer, CREATED, "a grant_request"), {"status": "pending"}), answer)


@check("WG1-02-6.9-23", "WG1-02-6.1-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def production_is_requested_for_a_sandbox_object(session: Session) -> None:
    """And pending."""
    client = await session.client_for(lambda one: "sandbox" in listed(one, "cds_status_options"), "of the sandbox")
    answer = await post(session, type="production_request", related_uri=client["cds_client_uri"])
    message = require_done(answer, CREATED, "a production_request for a sandbox object")
    expected = {"status": "pending", "related_uri": client["cds_client_uri"], "related_type": "client"}
    refuse(differing(message, expected), answer)


@check("WG1-02-6.1-11", "WG1-02-6.9-14", needs=TWO)
async def production_is_not_requested_for_anything_else(session: Session) -> None:
    """The admin, an unknown object, or one of another registration."""
    own, other = await session.registration(), await session.second_registration()
    admin = await session.client_for(lambda one: one.get("client_id") == own.client_id, "of our admin")
    uri = str(admin["cds_client_uri"])
    foreign = await session.clients(other)
    for what, related_uri in (
        ("the admin", uri),
        ("an unknown Client Object", uri.replace(own.client_id, NO_SUCH_ID)),
        ("a Client Object of another registration", foreign[0]["cds_client_uri"]),
        ("a page of ours", "https://client.example/"),
    ):
        await require_refused_message(
            session, f"a production_request for {what}", type="production_request", related_uri=related_uri
        )


@check("WG1-02-6.1-12", "WG1-02-6.1-17", needs=REGISTRATION)
async def help_is_asked_for_a_page(session: Session) -> None:
    """Whose URL comes back, with a type."""
    page = await session.endpoint("cds_clients_api")
    answer = await post(session, type="support_request", related_uri=page, **TEXTS)
    message = require_done(answer, CREATED, "a support_request with a related_uri")
    refuse([*differing(message, {"related_uri": page}), *lacking(message, {"related_type": TEXT})], answer)


@check("WG1-02-6.9-04", "WG1-02-6.1-02", needs=TWO)
async def a_message_answers_another_one_or_none(session: Session) -> None:
    """One of the same registration."""
    first = await written(session)
    for kind in ("private_message", "support_request"):
        answer = await post(session, type=kind, previous_uri=first["uri"], **TEXTS)
        message = require_done(answer, CREATED, f"a {kind} that answers another Message")
        refuse(differing(message, {"previous_uri": first["uri"]}), answer)
    foreign = await posted(session, await session.second_registration(), type="private_message", **TEXTS)
    unknown = str(first["uri"]).replace(str(first["message_id"]), NO_SUCH_ID)
    for what, uri in (("an unknown Message", unknown), ("one of another registration", foreign["uri"])):
        await require_refused_message(
            session, f"a private_message that answers {what}", type="private_message", previous_uri=uri, **TEXTS
        )


@check("WG1-02-6.9-05", needs=REGISTRATION)
async def clients_do_not_write_what_is_for_the_server_to_write(session: Session) -> None:
    """400 for each other type."""
    for kind in NOT_FOR_CLIENTS:
        await require_refused_message(session, f"a {kind}", type=kind, **TEXTS)


@check("WG1-02-6.9-03", needs=REGISTRATION)
async def a_submission_answers_a_request(session: Session) -> None:
    """Not nothing, not something unknown, not a private message."""
    message = await written(session)
    unknown = str(message["uri"]).replace(str(message["message_id"]), NO_SUCH_ID)
    updates = [{"field": "conformance", "description": "an answer"}]
    for what, uri in (("nothing", None), ("an unknown Message", unknown), ("a private_message", message["uri"])):
        await require_refused_message(
            session,
            f"a client_submission that answers {what}",
            type="client_submission",
            previous_uri=uri,
            updates_requested=updates,
        )


@check("WG1-02-6.1-07", "WG1-02-6.9-09", needs=REGISTRATION)
async def a_request_for_grants_says_which(session: Session) -> None:
    """Not none, and not anything."""
    wrong: dict[str, dict[str, Any]] = {
        "without grants_requested": {},
        "for no Grants": {"grants_requested": []},
        "for a text": {"grants_requested": "all"},
        "for a list of texts": {"grants_requested": ["all"]},
    }
    for what, members in wrong.items():
        await require_refused_message(session, f"a grant_request {what}", type="grant_request", **members)


@check("WG1-02-6.6-01", needs=REGISTRATION)
async def a_requested_grant_has_a_scope_and_authorization_details(session: Session) -> None:
    """Both, each of its kind."""
    client = await session.machine_client()
    good: Document = {"scope": client["scope"], "authorization_details": []}
    wrong: dict[str, Document] = {
        "without a scope": {"authorization_details": []},
        "without authorization_details": {"scope": client["scope"]},
        "with a number as scope": {**good, "scope": 5},
        "with an object as authorization_details": {**good, "authorization_details": {}},
    }
    for what, grant in wrong.items():
        answer = await grant_request(session, grant)
        problem = f"a request for a Grant {what} is answered with {answer.status}, not 400"
        require(answer.status == BAD_REQUEST, problem, answer)
    require_done(await grant_request(session, good), CREATED, "a grant_request")


@check("WG1-02-6.6-02", needs=REGISTRATION)
async def a_requested_grant_has_types_of_its_client_object(session: Session) -> None:
    """Of authorization details."""
    client = await session.machine_client()
    unknown = {"scope": client["scope"], "authorization_details": [{"type": NO_SUCH_ID}]}
    answer = await grant_request(session, unknown)
    require(answer.status == BAD_REQUEST, f"an unknown type is answered with {answer.status}, not 400", answer)


@check("WG1-02-6.1-16", needs=REGISTRATION)
async def grants_are_requested_for_a_client_object_of_ours(session: Session) -> None:
    """With its URI."""
    client = await session.machine_client()
    answer = await grant_request(session)
    message = require_done(answer, CREATED, "a grant_request for a Client Object of ours")
    refuse(differing(message, {"related_uri": client["cds_client_uri"]}), answer)


@check("WG1-02-6.1-08", "WG1-02-6.7-01", "WG1-02-6.7-02", needs=REGISTRATION)
async def attachments_come_back_as_they_were_sent(session: Session) -> None:
    """With name, type and content."""
    answer = await post(session, type="private_message", attachments=[PICTURE, UNKNOWN], **TEXTS)
    message = require_done(answer, CREATED, "a private_message with attachments")
    answer = await read(session, await session.as_admin(), message)
    refuse(differing(answer.object(), {"attachments": [PICTURE, UNKNOWN]}), answer)


@check("WG1-02-6.7-01", "WG1-02-6.9-14", needs=REGISTRATION)
async def attachments_are_complete_and_in_base64(session: Session) -> None:
    """Or refused."""
    for what, attachment in (
        *((f"without {name}", {key: value for key, value in PICTURE.items() if key != name}) for name in PICTURE),
        ("that is not Base64", {**PICTURE, "data": "%%%%"}),
        ("that is a text", "pixel.png"),
    ):
        await require_refused_message(
            session, f"an attachment {what}", type="private_message", attachments=[attachment], **TEXTS
        )


@check("WG1-02-6.9-14", needs=REGISTRATION)
async def incomplete_and_malformed_messages_are_refused(session: Session) -> None:
    """400, and nothing comes of them."""
    before = set((await mailbox(session)).every)
    url, admin = await session.endpoint(ENDPOINT), await session.as_admin()
    for what, content in (("no JSON", b"{"), ("an array", b"[]"), ("nothing", b""), ("an empty object", b"{}")):
        answer = await session.wire.post(url, admin, content=content, headers={"Content-Type": "application/json"})
        require(answer.status == BAD_REQUEST, f"{what} is answered with {answer.status}, not 400", answer)
    for what, members in (
        ("without a type", {}),
        ("with a number as type", {"type": 5}),
        ("with a malformed previous_uri", {"type": "private_message", "previous_uri": 5}),
        ("with a malformed related_uri", {"type": "support_request", "related_uri": "no url"}),
        ("with a text as attachments", {"type": "private_message", "attachments": "x"}),
    ):
        await require_refused_message(session, f"a Message {what}", **members)
    answer = await session.wire.post(url, admin, json={"type": "private_message", "previous_uri": None})
    require(answer.status == BAD_REQUEST, f"without texts it is answered with {answer.status}, not 400", answer)
    new = set((await mailbox(session)).every) - before
    require(not new, f"{len(new)} Messages came of requests that were refused")


@check("WG1-02-6.9-16", needs=REGISTRATION, stage=Stage.SPOIL)
async def ten_megabytes_can_be_attached(session: Session) -> None:
    """In one piece. Late, because from then on each listing of Messages is as long as that."""
    answer = await post(session, type="private_message", attachments=[sized(TEN_MEGABYTES)], **TEXTS)
    require_done(answer, CREATED, f"an attachment of {TEN_MEGABYTES} bytes")


@check("WG1-02-6.9-15", needs=REGISTRATION, stage=Stage.SPOIL)
async def too_much_is_refused_as_too_large(session: Session) -> None:
    """413, and nothing else."""
    answer = await post(session, type="private_message", attachments=[sized(TOO_LARGE_BYTES)], **TEXTS)
    skip_unless(not answer.ok, f"the server takes even {TOO_LARGE_BYTES} bytes; we do not try more")
    problem = f"an attachment of {TOO_LARGE_BYTES} bytes is answered with {answer.status}, not 413"
    require(answer.status == TOO_LARGE, problem, answer)


async def written(session: Session) -> Document:
    """A private message of ours."""
    return await session.once("written", lambda: posted(session, type="private_message", **TEXTS))


async def grant_request(session: Session, grant: Document | None = None) -> Answer:
    """Ask for a Grant for our Client Object for machines."""
    client = await session.machine_client()
    wanted = grant or {"scope": scopes_of(client)[0], "authorization_details": []}
    return await post(
        session, type="grant_request", related_uri=client["cds_client_uri"], grants_requested=[wanted], **TEXTS
    )


async def require_refused_message(session: Session, what: str, **message: Any) -> None:  # noqa: ANN401 -- JSON
    """Raises: Violated: A Message is not answered with 400."""
    answer = await post(session, **{**TEXTS, **message})
    require(answer.status == BAD_REQUEST, f"{what} is answered with {answer.status}, not 400", answer)


def sized(size_bytes: int) -> Document:
    """An attachment of that size."""
    return {"filename": "large.bin", "mime_type": "application/octet-stream", "data": in_base64(bytes(size_bytes))}
