"""The operator API: the library of Server-Provided Files."""

from typing import Final

from app.domain.operators import ADMINISTERING, VIEWING
from app.errors import Conflict, InvalidRequest, InvalidScope, KeyReused, NotFound, RangeNotSatisfiable
from app.openapi.described import (
    IDEMPOTENCY_KEY,
    MULTIPART,
    Answer,
    Body,
    Link,
    Operation,
    Operations,
    Who,
    cursor,
    in_path,
)
from app.openapi.operations.files import BYTES_OF_FILE, DOWNLOAD
from app.openapi.operations.operator_registrations import API, SOURCE
from app.openapi.shapes.operator import (
    FileChange,
    FileUpload,
    OperatorFileDetails,
    OperatorFileListing,
    OperatorGrant,
    Share,
    ShareOfFile,
)
from app.schemas.files import ServerProvidedFile

TAG: Final = "Operators: files"

_ID: Final = in_path("file_id", "The id of a file.")
_FIRST: Final = {"file_id": "$response.body#/files/0/file_id"}
_SAME: Final = {"file_id": "$response.body#/file_id"}
_SAME_GRANT: Final = {"grant_id": "$response.body#/grant_id"}
_GONE: Final = (Answer(204, "Done.", None, ""),)

OPERATIONS: Final[Operations] = {
    ("GET", f"{API}/files"): Operation(
        "listLibrary",
        "List the files of the library",
        SOURCE,
        TAG,
        (Answer(200, "A page.", OperatorFileListing),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(cursor(),),
        refusals=(InvalidRequest,),
        links=(Link("getLibraryFile", _FIRST), Link("downloadLibraryFile", _FIRST)),
    ),
    ("POST", f"{API}/files"): Operation(
        "postFile",
        "Bring a file into the library",
        f"{SOURCE}; CDS-WG1-02 9.1",
        TAG,
        (Answer(201, "The file.", ServerProvidedFile, headers=("Location",)),),
        "It may have any size. `name` and `mime_type` are those of the part unless they are given.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(FileUpload, content_type=MULTIPART),
        refusals=(KeyReused, Conflict),
        links=(
            Link("getLibraryFile", _SAME, 201),
            Link("downloadLibraryFile", _SAME, 201),
            Link("patchFile", _SAME, 201),
            Link("deleteFile", _SAME, 201),
        ),
    ),
    ("GET", f"{API}/files/{{file_id}}"): Operation(
        "getLibraryFile",
        "Read what a file is and who has it",
        SOURCE,
        TAG,
        (Answer(200, "The file.", OperatorFileDetails),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_ID,),
        refusals=(NotFound,),
        links=(Link("patchFile", _SAME), Link("downloadLibraryFile", _SAME)),
    ),
    ("PATCH", f"{API}/files/{{file_id}}"): Operation(
        "patchFile",
        "Change what is said about a file",
        SOURCE,
        TAG,
        (Answer(200, "The file.", ServerProvidedFile),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_ID,),
        body=Body(FileChange, {"description": "The study of 2026."}),
        refusals=(NotFound, Conflict),
        links=(Link("getLibraryFile", _SAME),),
    ),
    ("DELETE", f"{API}/files/{{file_id}}"): Operation(
        "deleteFile",
        "Take a file back from everybody, and forget it",
        SOURCE,
        TAG,
        _GONE,
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_ID,),
        refusals=(NotFound, Conflict),
    ),
    ("GET", f"{API}/files/{{file_id}}/download"): Operation(
        "downloadLibraryFile",
        "Download a file of the library",
        SOURCE,
        TAG,
        BYTES_OF_FILE,
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_ID, *DOWNLOAD),
        refusals=(NotFound, RangeNotSatisfiable),
    ),
    ("POST", f"{API}/files/{{file_id}}/shares"): Operation(
        "shareFile",
        "Share a file with a Client Object",
        f"{SOURCE}; CDS-WG1-02 3.3.3",
        TAG,
        (Answer(201, "The Grant that shares it.", OperatorGrant, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_ID, IDEMPOTENCY_KEY),
        body=Body(ShareOfFile, {"client_id": "rk2v7m1x9q-1"}),
        refusals=(NotFound, InvalidScope, KeyReused, Conflict),
        links=(Link("unshare", _SAME_GRANT, 201),),
    ),
    ("POST", f"{API}/shares"): Operation(
        "shareFiles",
        "Share several files with one Grant",
        f"{SOURCE}; CDS-WG1-02 3.3.3",
        TAG,
        (Answer(201, "The Grant that shares them.", OperatorGrant, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(Share, {"client_id": "rk2v7m1x9q-1", "file_ids": ["f8k2m4x7q1d"]}),
        refusals=(NotFound, InvalidScope, KeyReused, Conflict),
        links=(Link("unshare", _SAME_GRANT, 201),),
    ),
    ("DELETE", f"{API}/shares/{{grant_id}}"): Operation(
        "unshare",
        "Take back what a Grant shares",
        SOURCE,
        TAG,
        _GONE,
        "The files stay, and so does the Grant, as `disabled`.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(in_path("grant_id", "The id of the Grant."),),
        refusals=(NotFound, InvalidRequest, Conflict),
    ),
}
