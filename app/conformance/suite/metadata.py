"""CDS-WG1-01 sections 2 and 3: the server metadata object."""

from datetime import timedelta
from typing import Final

from app.conformance.checks import check, require
from app.conformance.formats import shown
from app.conformance.session import Session

CLOCKS: Final = timedelta(minutes=5)
"""How far apart our clock and the server's may be."""


@check("WG1-01-3.2-02")
async def the_metadata_version_is_v1(session: Session) -> None:
    """The one literal value of this version."""
    metadata = await session.server_metadata()
    version = metadata.object().get("cds_metadata_version")
    require(version == "v1", f"cds_metadata_version is {shown(version)}, not 'v1'", metadata)
