"""Server-Provided Files: brought in, shared, revised, taken back (CDS-WG1-02 3.3.3 and section 9)."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import file_id_of, local_id
from app.domain import files, opened_files
from app.domain.context import Context
from app.domain.file_shares import shares_of
from app.domain.files import About
from app.domain.media_types import UNKNOWN_TYPE
from app.domain.operators import ADMINISTERING, VIEWING
from app.domain.records import Access
from app.errors import NotFound
from app.operator import shown
from app.operator.paging import page_answer
from app.operator.reading import (
    API,
    access_of,
    created_answer,
    found,
    make_once,
    refuse_other_fields,
    refuse_other_parameters,
    request_of,
    text,
    texts,
)
from app.schemas.encoding import decode
from app.schemas.grants import Grant
from app.web.answers import empty_answer, json_answer
from app.web.bodies import read_json
from app.web.multipart import Multipart
from app.web.operators import acting
from app.web.paging import cursor
from app.web.routing import Route
from app.web.state import State
from app.web.streaming import Download, download_answer

PATH: Final = f"{API}/files"
SHARES: Final = f"{API}/shares"

_FIELDS: Final = ("name", "description", "mime_type")


async def list_files(request: Request[State]) -> Response:
    """GET: all files of the library."""
    context = (await acting(request, VIEWING, "files.list")).context
    refuse_other_parameters(request, "cursor")
    page = await context.library.page(cursor(request))
    items = [shown.file_document(context.links, decode(document)) for document in page.documents]
    return page_answer(request, PATH, "files", items, page)


async def post_file(request: Request[State]) -> Response:
    """POST: a form with a `file` of any size, and perhaps its `name`, `mime_type` and `description`: 201.

    It goes to the file store while it arrives.
    """
    doing = await acting(request, ADMINISTERING, "files.create")
    context, form = doing.context, Multipart(request)
    asked = request_of(request, doing, None)
    fields = await form.fields_before("file")

    async def about() -> About:
        every = fields | await form.fields_behind()
        refuse_other_fields(every, _FIELDS)
        sent = form.file
        name = every.get("name") or (sent.filename if sent and sent.filename else "")
        mime_type = every.get("mime_type") or (sent.content_type if sent else "")
        return About(_last(name), mime_type or UNKNOWN_TYPE, every.get("description", ""))

    file_id = file_id_of(asked.key) if asked else ""
    file = await files.receive(context, _now(request), form.pieces(), about, file_id=file_id)
    return created_answer(request, f"{PATH}/{file.file_id}", shown.file(context.links, file))


def _last(name: str) -> str:
    """Some browsers send the path of a file with its name."""
    return name.replace("\\", "/").rpartition("/")[2]


async def get_file(request: Request[State]) -> Response:
    """GET: a file, and the Grants that share it, newest first."""
    context = (await acting(request, VIEWING, "files.get")).context
    file_id = request.path_params["file_id"]
    file = (await files.get(context, file_id)).object
    shares = await shares_of(context, file_id, now=request.state["now"]())
    return json_answer(shown.file(context.links, file) | {"shares": [shown.grant(one) for one in shares]})


async def patch_file(request: Request[State]) -> Response:
    """PATCH: `name`, `mime_type` and `description`, for everybody who has access to the file."""
    context = (await acting(request, ADMINISTERING, "files.modify")).context
    submitted = await read_json(request)
    refuse_other_fields(submitted, _FIELDS)
    name, mime_type, description = (
        None if submitted.get(field) is None else text(submitted, field)
        for field in ("name", "mime_type", "description")
    )
    file = await files.revise(
        context,
        _now(request),
        request.path_params["file_id"],
        name=name,
        mime_type=mime_type,
        description=description,
    )
    return json_answer(shown.file(context.links, file))


async def delete_file(request: Request[State]) -> Response:
    """DELETE: take a file back from everybody, and forget it: 204."""
    context = (await acting(request, ADMINISTERING, "files.delete")).context
    await files.delete(context, _now(request), request.path_params["file_id"])
    return empty_answer(204)


async def download_file(request: Request[State]) -> Response:
    """GET: the bytes of a file, or a range of them."""
    context = (await acting(request, VIEWING, "files.get")).context
    stored = await files.get(context, request.path_params["file_id"])
    key = stored.internal.key
    download = Download(
        name=stored.object.name,
        mime_type=stored.object.mime_type,
        size_bytes=stored.object.size,
        etag=f'"{key.rpartition("/")[2]}"',
        pieces=partial(opened_files.pieces, context.files, key),
    )
    return await download_answer(request, download)


async def post_share_of_file(request: Request[State]) -> Response:
    """POST: give a Client Object access to a file: 201 with the Grant."""
    return await _share(request, [request.path_params["file_id"]], ("client_id", "scope"))


async def post_share(request: Request[State]) -> Response:
    """POST: give a Client Object access to several files with one Grant: 201 with the Grant."""
    return await _share(request, [], ("client_id", "scope", "file_ids"))


async def _share(request: Request[State], file_ids: list[str], known: tuple[str, ...]) -> Response:
    doing = await acting(request, ADMINISTERING, "files.share")
    submitted = await read_json(request)
    refuse_other_fields(submitted, known)
    client_id = text(submitted, "client_id")
    if local_id(client_id) is None:
        raise NotFound("There is no such Client Object.", field="client_id")
    access, scope = access_of(request, client_id), text(submitted, "scope", "")
    wanted = file_ids or texts(submitted, "file_ids")

    async def make(context: Context) -> str:
        return (await files.share(context, access, client_id, wanted, scope or None)).grant_id

    grant_id = await make_once(request, doing, access, submitted, Grant, make)
    body = shown.grant(await found(doing.context, access, Grant, grant_id))
    return created_answer(request, f"{API}/grants/{grant_id}", body)


async def delete_share(request: Request[State]) -> Response:
    """DELETE: take back what a Grant shares: 204. The files stay, and so does the Grant, as `disabled`."""
    context = (await acting(request, ADMINISTERING, "files.unshare")).context
    grant_id = request.path_params["grant_id"]
    await files.unshare(context, access_of(request, grant_id), grant_id)
    return empty_answer(204)


def _now(request: Request[State]) -> Access:
    """The access of what concerns files, which belong to no registration: it has the time."""
    return Access("", request.state["now"]())


routes = [
    Route(PATH, {"GET": list_files, "POST": post_file}),
    Route(PATH + "/{file_id}", {"GET": get_file, "PATCH": patch_file, "DELETE": delete_file}),
    Route(PATH + "/{file_id}/download", {"GET": download_file}),
    Route(PATH + "/{file_id}/shares", {"POST": post_share_of_file}),
    Route(SHARES, {"POST": post_share}),
    Route(SHARES + "/{grant_id}", {"DELETE": delete_share}),
]
