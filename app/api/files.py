"""The Server-Provided Files API (CDS-WG1-02 section 9): listing, one file, its bytes."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.catalog import Catalog
from app.domain import opened_files
from app.domain.records import Access
from app.web.access import bearer
from app.web.answers import json_answer
from app.web.paging import cursor, link, listing_body, words
from app.web.routing import Route
from app.web.state import State
from app.web.streaming import Download, download_answer

PATH: Final = "/cds-api/v1/server-provided-files"


async def list_files(request: Request[State]) -> Response:
    """9.2: the files that the token's Grant shares, filtered by `file_ids`."""
    access, scopes = _caller(request)
    ids, place = words(request, "file_ids"), cursor(request)
    page = await request.state["opened_files"].page(access, scopes, ids=ids, cursor=place)
    next_, previous = link(request, PATH, page.next), link(request, PATH, page.previous)
    return json_answer(listing_body("files", page, next_=next_, previous=previous))


async def get_file(request: Request[State]) -> Response:
    """9.3: one file object."""
    access, scopes = _caller(request)
    file_id = request.path_params["file_id"]
    return json_answer(await opened_files.document(request.state["opened_files"], access, scopes, file_id))


async def download_file(request: Request[State]) -> Response:
    """9.4: the bytes of a file, or a range of them."""
    access, scopes = _caller(request)
    file_id = request.path_params["file_id"]
    file, internal = await opened_files.download(request.state["opened_files"], access, scopes, file_id)
    content_id = internal.key.rpartition("/")[2]
    download = Download(
        name=file.name,
        mime_type=file.mime_type,
        size_bytes=file.size,
        etag=f'"{content_id}"',
        pieces=partial(opened_files.pieces, request.state["context"].files, internal.key),
    )
    return await download_answer(request, download)


def _caller(request: Request[State]) -> tuple[Access, dict[str, str]]:
    """Who asks, and which files scopes there are. Any grant admin scope may be the right one: the store looks."""
    return bearer(request, ""), opened_files.files_scopes(request.state["context"].catalog)


def routes(catalog: Catalog) -> list[Route]:
    """The API, unless the catalog has no scope of files: then the metadata does not name it either (`WG1-02-9-01`)."""
    if not opened_files.files_scopes(catalog):
        return []
    return [
        Route(PATH, {"GET": list_files}),
        Route(f"{PATH}/{{file_id}}", {"GET": get_file}),
        Route(f"{PATH}/{{file_id}}/download", {"GET": download_file}),
    ]
