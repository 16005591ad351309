"""Public documents, this description, and probes."""

from typing import Final

from app.domain.as_metadata import JWKS_PATH
from app.domain.coverage import COVERAGE_FILES_PATH, COVERAGE_PATH
from app.domain.documentation import OPENAPI_PATH
from app.domain.server_metadata import AS_METADATA_PATH, SERVER_METADATA_PATH
from app.errors import InvalidRequest, NotFound
from app.openapi.described import (
    BYTES,
    IF_NONE_MATCH,
    JSON,
    TEXT,
    Answer,
    Operation,
    Operations,
    cursor,
    in_path,
    listed,
)
from app.openapi.shapes.public import AuthorizationServerMetadata, CoverageListing, JwkSet, ServerMetadata

TAG: Final = "Metadata"
HEALTH: Final = "Health"

_CACHED: Final = ("ETag", "Cache-Control")
_UNCHANGED: Final = Answer(304, "The caller has it already.", content_type="", headers=_CACHED)


def _document(
    operation_id: str, summary: str, source: str, kind: type | None, content_type: str = JSON, text: str = ""
) -> Operation:
    return Operation(
        operation_id,
        summary,
        source,
        TAG,
        (Answer(200, "The document.", kind, content_type, _CACHED), _UNCHANGED),
        text,
        parameters=(IF_NONE_MATCH,),
    )


OPERATIONS: Final[Operations] = {
    ("GET", SERVER_METADATA_PATH): _document(
        "getServerMetadata",
        "Read the server metadata",
        "CDS-WG1-01 3",
        ServerMetadata,
        text="Everything else is found from here. A server that has moved answers 301 instead (section 5).",
    ),
    ("GET", AS_METADATA_PATH): _document(
        "getAuthorizationServerMetadata",
        "Read the authorization server metadata",
        "RFC 8414 3; CDS-WG1-02 3.1, 3.2",
        AuthorizationServerMetadata,
        text="The scopes on offer, what each one asks of Clients, and the endpoints.",
    ),
    ("GET", JWKS_PATH): _document(
        "getJwks",
        "Read the keys that tokens are signed with",
        "RFC 7517 5",
        JwkSet,
        "application/jwk-set+json",
        "Empty as long as nothing is signed.",
    ),
    ("GET", COVERAGE_PATH): Operation(
        "listCoverage",
        "List the territories and groups of customers",
        "CDS-WG1-01 4.1, 4.2",
        TAG,
        (Answer(200, "A page, most recently updated first.", CoverageListing, headers=_CACHED), _UNCHANGED),
        parameters=(listed("ids", "Only entries with these ids."), cursor(), IF_NONE_MATCH),
        refusals=(InvalidRequest,),
    ),
    ("GET", COVERAGE_FILES_PATH): Operation(
        "getCoverageFile",
        "Read a map or the GeoJSON of a territory",
        "CDS-WG1-01 4.3",
        TAG,
        (Answer(200, "The file, of the type that its entry says.", None, BYTES, _CACHED), _UNCHANGED),
        parameters=(in_path("name", "As in `map_resource` and `geojson_resource`."), IF_NONE_MATCH),
        refusals=(NotFound,),
    ),
    ("GET", OPENAPI_PATH): _document(
        "getOpenApi", "Read this description", "OpenAPI 3.1", dict, text="For people it is at `/docs/api`."
    ),
    ("GET", "/metrics"): Operation(
        "getMetrics",
        "Read the metrics of this process",
        "Prometheus",
        HEALTH,
        (Answer(200, "Prometheus text, or OpenMetrics for those who accept that.", None, BYTES, ("Cache-Control",)),),
        "Only for who asks directly: with CDS_METRICS `on`, nothing is here for those who come through a proxy.",
        refusals=(NotFound,),
    ),
    ("GET", "/livez"): Operation(
        "getLiveness",
        "See whether the process answers",
        "this server",
        HEALTH,
        (Answer(200, "It does.", None, TEXT),),
    ),
    ("GET", "/readyz"): Operation(
        "getReadiness",
        "See whether requests are welcome",
        "this server",
        HEALTH,
        (
            Answer(200, "They are.", None, TEXT),
            Answer(503, "Not yet, or no more: the server is about to end.", None, TEXT, ("Retry-After",)),
        ),
    ),
}
