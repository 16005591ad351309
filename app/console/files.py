"""Server-Provided Files: brought in, shared with Clients, taken back.

Source: CDS-WG1-02 3.3.3 and section 9.
"""

import asyncio
from functools import partial
from typing import Final, NamedTuple

from msgspec import convert
from starlette.requests import Request
from starlette.responses import Response

from app.catalog import SERVER_PROVIDED_FILES
from app.console import confirmation, paging, wording
from app.console.confirmation import Question
from app.console.downloads import download
from app.console.names import names_of, title_of
from app.console.registration_views import GrantRow, grants
from app.console.shell import Acting, Form, console_page, console_route, done, posted, require_token, signed_in
from app.crypto.tokens import local_id
from app.domain import files, opened_files
from app.domain.client_objects import scopes_of
from app.domain.context import Context
from app.domain.directory import RegistrationSearch
from app.domain.file_shares import shares_of
from app.domain.files import About
from app.domain.media_types import UNKNOWN_TYPE
from app.domain.operators import ADMINISTERING
from app.domain.records import Access, Listing, Stored
from app.domain.registrations import MAX_QUERY_LENGTH
from app.errors import InvalidRequest, NotFound, Refusal, ServerError, StoreUnavailable
from app.schemas.clients import Client, ClientStatus
from app.schemas.encoding import decode
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import ENDED
from app.web.answers import Answer
from app.web.browser import require_own_site
from app.web.multipart import Multipart
from app.web.paging import cursor
from app.web.routing import Route
from app.web.state import State
from app.web.streaming import Download

PATH: Final = "/console/files"

_MOST_TARGETS: Final = 10
"""Registrations of which a search for somebody to share with shows the Client Objects."""


class Target(NamedTuple):
    """A Client Object that a file can be shared with."""

    client_id: str
    registration_id: str
    registration: str
    scopes: list[tuple[str, str]]


async def index(request: Request[State]) -> Answer:
    """GET: all files, lately changed ones first, and a form for another."""
    return await _index(request, await signed_in(request))


async def _index(
    request: Request[State], acting: Acting, *, form: Form | None = None, refusal: Refusal | None = None
) -> Answer:
    page = await acting.context.library.page(cursor(request, paging.AT))
    found = [convert(decode(document), ServerProvidedFile) for document in page.documents]
    return console_page(
        request,
        "files.html",
        status=refusal.status if refusal else 200,
        title="Files",
        rows=[(one, wording.size(one.size)) for one in found],
        pages=paging.of_documents(request, page),
        form=form or Form([]),
        refusal=refusal,
        may_administer=acting.may(ADMINISTERING),
    )


async def upload(request: Request[State]) -> Answer:
    """POST: a file of any size, which goes to the file store while it arrives."""
    require_own_site(request)
    acting = await signed_in(request, ADMINISTERING, "files.create")
    multipart = Multipart(request)
    fields: dict[str, str] = {}
    try:
        fields = await multipart.fields_before("file")
        require_token(request, acting, fields.get("form_token", ""))

        async def about() -> About:
            fields.update(await multipart.fields_behind())
            sent = multipart.file
            own_name = (sent.filename or "") if sent else ""
            name = fields.get("name", "").strip() or own_name.replace("\\", "/").rpartition("/")[2]
            mime_type = sent.content_type if sent else ""
            return About(name, mime_type or UNKNOWN_TYPE, fields.get("description", "").replace("\r\n", "\n"))

        _require_chosen(multipart)
        file = await files.receive(acting.context, _now(request), multipart.pieces(), about)
    except InvalidRequest as refusal:
        require_token(request, acting, fields.get("form_token", ""))
        return await _index(request, acting, form=Form(list(fields.items())), refusal=refusal)
    return done(request, f"{PATH}/{file.file_id}", "The file is in the library. Nobody has access to it yet.")


def _require_chosen(form: Multipart) -> None:
    """Browsers send a file without a name where none was chosen. Raises InvalidRequest."""
    if form.file and not form.file.filename:
        raise InvalidRequest("Choose a file.", field="file")


async def show(request: Request[State]) -> Answer:
    """GET: one file, who has it, and whom to share it with."""
    return await _page(request, await signed_in(request))


async def _page(
    request: Request[State], acting: Acting, *, form: Form | None = None, refusal: Refusal | None = None
) -> Answer:
    context, now, file_id = acting.context, request.state["now"](), _file_id(request)
    q = (form or Form(list(request.query_params.multi_items()))).get("q")[:MAX_QUERY_LENGTH]
    stored, shares, targets = await asyncio.gather(
        files.get(context, file_id), shares_of(context, file_id, now=now), _targets(request, context, q)
    )
    file = stored.object
    rows = grants(shares, context.catalog)
    ids = [parts.registration_id for one in rows if (parts := local_id(one.grant.client_id))]
    return console_page(
        request,
        "file.html",
        status=refusal.status if refusal else 200,
        title=file.name,
        crumbs=(("Files", PATH),),
        file=file,
        size=wording.size(file.size),
        sharing=[one for one in rows if one.grant.status not in ENDED],
        ended=[one for one in rows if one.grant.status in ENDED],
        also=_also(rows),
        names=await names_of(context, ids, now),
        sought=q,
        targets=targets,
        limit=_MOST_TARGETS,
        form=form or Form([]),
        refusal=refusal,
        may_administer=acting.may(ADMINISTERING),
    )


def _also(rows: list[GrantRow]) -> dict[str, int]:
    """How many files each Grant shares."""
    return {row.grant.grant_id: len(row.grant.authorization_details) for row in rows}


async def _targets(request: Request[State], context: Context, q: str) -> list[Target]:
    """Client Objects with a files scope, in registrations that a search finds, or the one of that client_id."""
    if not q:
        return []
    now, parts = request.state["now"](), local_id(q)
    if parts:
        found = [(parts.registration_id, parts.registration_id)]
        names = await names_of(context, [parts.registration_id], now)
        found = [(one, names[one]) for one, _ in found]
    else:
        sheet = await request.state["directory"].registrations(RegistrationSearch(q=q))
        found = [(one.object.registration_id, title_of(one.object)) for one in sheet.items[:_MOST_TARGETS]]
    clients = await asyncio.gather(
        *(context.records.find(Access(registration_id, now), Listing(Client)) for registration_id, _ in found)
    )
    return [
        target
        for (registration_id, name), every in zip(found, clients, strict=True)
        for stored in every
        if (target := _target(context, stored, registration_id, name))
    ]


def _target(context: Context, stored: Stored[Client], registration_id: str, name: str) -> Target | None:
    client = stored.object
    scopes = [
        (one.id, one.name) for one in scopes_of(context.catalog, client.scope) if one.type == SERVER_PROVIDED_FILES
    ]
    if not scopes or client.cds_status is ClientStatus.DISABLED:
        return None
    return Target(client.client_id, registration_id, name, scopes)


async def share(request: Request[State]) -> Answer:
    """POST: give a Client Object access."""
    acting, form = await posted(request, ADMINISTERING, "files.share")
    file_id = _file_id(request)
    try:
        client_id = form.get("client_id")
        parts = local_id(client_id)
        if parts is None:
            raise InvalidRequest("There is no such Client Object.", field="client_id")
        access = Access(parts.registration_id, request.state["now"]())
        await files.share(acting.context, access, client_id, [file_id], form.get("scope") or None)
    except (ServerError, StoreUnavailable):
        raise
    except NotFound as refusal:
        if refusal.field != "client_id":
            raise
        return await _page(request, acting, form=form, refusal=refusal)
    except Refusal as refusal:
        return await _page(request, acting, form=form, refusal=refusal)
    return done(request, f"{PATH}/{file_id}", f"Shared with {client_id}, and the Client has been told.")


async def unshare(request: Request[State]) -> Answer:
    """POST: take back what a Grant shares, from its own page or from that of the file."""
    acting, form = await posted(request, ADMINISTERING, "files.unshare")
    grant_id: str = request.path_params["grant_id"]
    parts = local_id(grant_id)
    if parts is None:
        raise NotFound("There is no such Grant.")
    await files.unshare(acting.context, Access(parts.registration_id, request.state["now"]()), grant_id)
    file_id = form.get("file_id")
    back = f"{PATH}/{file_id}" if file_id.isalnum() else f"/console/grants/{grant_id}"
    return done(request, back, "Taken back. The Client cannot download it any more.")


async def ask_delete(request: Request[State]) -> Answer:
    """GET: what deleting a file means."""
    acting = await signed_in(request, ADMINISTERING)
    file_id, now = _file_id(request), request.state["now"]()
    stored, shares = await asyncio.gather(
        files.get(acting.context, file_id), shares_of(acting.context, file_id, now=now)
    )
    sharing = sum(one.object.status not in ENDED for one in shares)
    return confirmation.ask(request, _question(stored.object, sharing))


def _question(file: ServerProvidedFile, sharing: int) -> Question:
    whom = "Nobody has access to it." if not sharing else f"It is taken back from {_grants(sharing)}, at once."
    return Question(
        title=f"Delete {file.name}?",
        consequences=(whom, "Its bytes are removed from the file store. This cannot be undone."),
        yes="Delete the file",
        back=f"{PATH}/{file.file_id}",
        crumbs=(("Files", PATH), (file.name, f"{PATH}/{file.file_id}")),
    )


def _grants(count: int) -> str:
    return "one Grant, which ends or is limited to its other files" if count == 1 else f"{count} Grants"


async def delete(request: Request[State]) -> Answer:
    """POST: take it back from everybody, and forget it."""
    acting, _ = await posted(request, ADMINISTERING, "files.delete")
    await files.delete(acting.context, _now(request), _file_id(request))
    return done(request, PATH, "The file is deleted.")


async def save(request: Request[State]) -> Response:
    """GET: the bytes of a file."""
    acting = await signed_in(request)
    stored = await files.get(acting.context, _file_id(request))
    file, key = stored.object, stored.internal.key
    pieces = partial(opened_files.pieces, acting.context.files, key)
    return await download(
        request, Download(file.name, file.mime_type, file.size, f'"{key.rpartition("/")[2]}"', pieces)
    )


def _file_id(request: Request[State]) -> str:
    file_id: str = request.path_params["file_id"]
    return file_id


def _now(request: Request[State]) -> Access:
    """The access of what concerns files, which belong to no registration: it has the time."""
    return Access("", request.state["now"]())


routes: Final[list[Route]] = [
    console_route(PATH, GET=index, POST=upload),
    console_route(f"{PATH}/{{file_id}}", GET=show),
    console_route(f"{PATH}/{{file_id}}/download", GET=save),
    console_route(f"{PATH}/{{file_id}}/share", POST=share),
    console_route(f"{PATH}/{{file_id}}/delete", GET=ask_delete, POST=delete),
    console_route("/console/grants/{grant_id}/unshare", POST=unshare),
]
