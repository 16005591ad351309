"""Images and PDFs in registration fields, as operators get them (CDS-WG1-02 3.7; ambiguities A5)."""

import base64

import pytest

from app.catalog import Catalog
from tests.conftest import MakeServer, Server, changed
from tests.domain.samples import png
from tests.operators import operator_of

LOGO = base64.b64encode(png()).decode()
SCOPES = "cds_client_admin ple_customer_data"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service whose operators look at new logos."""
    return await make_server(changed(demo_catalog, policies={"field_review": frozenset({"cds_company_logo"})}))


async def test_a_logo_that_was_submitted_can_be_downloaded(server: Server) -> None:
    client = await server.register(SCOPES, cds_company_logo=LOGO)
    viewer = await operator_of(server, "viewer")

    (shown,) = (await viewer.get(f"/registrations/{client.registration_id}")).json()["field_files"]
    download = await viewer.get(shown["download_uri"])

    assert shown["field_name"] == "cds_company_logo"
    assert (download.content, download.headers["content-type"]) == (png(), "image/png")
    assert download.headers["content-disposition"] == 'attachment; filename="cds_company_logo.png"'
    for nothing in (f"{client.registration_id}.cds_other", client.registration_id, "nonsense.cds_company_logo"):
        assert (await viewer.get(f"/field-files/{nothing}")).status_code == 404


async def test_a_logo_under_review_can_be_downloaded_before_the_decision(server: Server) -> None:
    client = await server.register(SCOPES)
    code = (await client.clients())["ple_customer_data"]
    assert (await client.put(code["cds_client_uri"], code | {"cds_company_logo": LOGO})).status_code == 202
    (review,) = await client.messages("field_changes")
    viewer = await operator_of(server, "viewer")

    (shown,) = (await viewer.get(f"/messages/{review['message_id']}")).json()["field_files"]

    assert (await viewer.get(shown["download_uri"])).content == png()
