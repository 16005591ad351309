"""The Server-Provided Files API (CDS-WG1-02 section 9)."""

from typing import Final

from app.errors import NotFound, RangeNotSatisfiable
from app.openapi.described import (
    BYTES,
    IF_NONE_MATCH,
    RANGE,
    Answer,
    Link,
    Operation,
    Operations,
    Who,
    cursor,
    in_path,
    listed,
)
from app.openapi.shapes.apis import FileListing
from app.schemas.files import ServerProvidedFile

TAG: Final = "Server-Provided Files"
PATH: Final = "/cds-api/v1/server-provided-files"

_ID: Final = in_path("file_id", "The id of a file.")
_FIRST: Final = {"file_id": "$response.body#/files/0/file_id"}
_SAME: Final = {"file_id": "$response.body#/file_id"}
_ABOUT: Final = ("ETag", "Accept-Ranges", "Cache-Control")

BYTES_OF_FILE: Final = (
    Answer(200, "The file, of the type that its object says.", None, BYTES, (*_ABOUT, "Content-Disposition")),
    Answer(206, "The part of it.", None, BYTES, (*_ABOUT, "Content-Disposition", "Content-Range")),
    Answer(304, "The caller has it already.", None, "", _ABOUT),
)
DOWNLOAD: Final = (RANGE, IF_NONE_MATCH)

OPERATIONS: Final[Operations] = {
    ("GET", PATH): Operation(
        "listFiles",
        "List the files that a Grant shares",
        "CDS-WG1-02 9.2",
        TAG,
        (Answer(200, "A page.", FileListing),),
        who=Who.FILES_TOKEN,
        parameters=(listed("file_ids", "Only these."), cursor()),
        links=(Link("getFile", _FIRST), Link("downloadFile", _FIRST)),
    ),
    ("GET", f"{PATH}/{{file_id}}"): Operation(
        "getFile",
        "Read what a file is",
        "CDS-WG1-02 9.3",
        TAG,
        (Answer(200, "The file object.", ServerProvidedFile),),
        who=Who.FILES_TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
        links=(Link("downloadFile", _SAME),),
    ),
    ("GET", f"{PATH}/{{file_id}}/download"): Operation(
        "downloadFile",
        "Download a file",
        "CDS-WG1-02 9.4; RFC 9110 13, 14",
        TAG,
        BYTES_OF_FILE,
        who=Who.FILES_TOKEN,
        parameters=(_ID, *DOWNLOAD),
        refusals=(NotFound, RangeNotSatisfiable),
    ),
}
