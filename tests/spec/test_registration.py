"""Registration (CDS-WG1-02 section 4 on RFC 7591)."""

import pytest

from tests.conftest import Server


@pytest.mark.clause("WG1-02-4.2-01")
async def test_a_registration_answers_201_with_the_admin_client_object(server: Server) -> None:
    """The answer is the admin Client Object with its secret."""
    registered = await server.register("cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple")
    print(registered.response.text)
