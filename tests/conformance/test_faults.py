"""The suite finds deliberate violations, each on the clause that it violates, and nothing where there is none."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
import structlog

from app.catalog import Catalog
from app.conformance import Options, Report, Status, run
from app.conformance.operator_api import OperatorApi
from app.main import Parts, Service
from app.settings import Settings
from app.store.connect import connect
from tests.conformance import planted_access, planted_documents, planted_objects, planted_staff
from tests.conformance.faulty import FAULTS, Fault, Faulty
from tests.conftest import PUBLIC_URL
from tests.stores import start_valkey

PLANTED = (planted_documents, planted_objects, planted_access, planted_staff)
KEY = "conformance-operator-key-of-a-test-0123456789"
USER = ("mara.lind@customers.example", "winter-wheat")
UNLIMITED = {f"CDS_RATE_LIMIT_{name}": "off" for name in ("ANONYMOUS", "CLIENT", "FAILED_AUTH", "REGISTRATION")}


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """Thousands of requests are not worth a line of log each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(demo_catalog: Catalog, quiet: None) -> AsyncIterator[Service]:
    """The demo utility by the real clock, with an operator. Every run makes registrations of its own."""
    servers = start_valkey()
    environment = {
        "CDS_PUBLIC_URL": PUBLIC_URL,
        "CDS_STORE_URL": "memory:",
        "CDS_FILES_URL": "memory:",
        "CDS_OPERATOR_BOOTSTRAP_KEY": KEY,
        **UNLIMITED,
    }
    store = await connect(servers.url)
    parts = Parts(now=lambda: datetime.now(UTC).replace(microsecond=0), store=store)
    service = Service(Settings.from_environment(environment), demo_catalog, parts)
    await service.start()
    yield service
    await service.stop()
    await store.close()
    servers.stop()


async def checked(service: Service, fault: Fault | None, options: Options, *, staffed: bool) -> Report:
    """A run against the service with a fault; the operator goes straight to the service."""
    staff = OperatorApi(PUBLIC_URL, KEY, user=USER, transport=httpx.ASGITransport(app=service)) if staffed else None
    transport = httpx.ASGITransport(app=Faulty(service, fault), raise_app_exceptions=False)
    report = await run(PUBLIC_URL, options, operator=staff, transport=transport)
    if staff:
        await staff.close()
    assert not report.problem
    return report


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_planted_fault_fails_the_clause_that_it_violates(service: Service, fault: Fault) -> None:
    report = await checked(service, fault, Options(clause_ids=(fault.clause,)), staffed=fault.staffed)

    (result,) = report.results
    strict = result.clause.level in {"MUST", "MUST_NOT"}
    assert result.status is (Status.FAILED if strict else Status.WARNED), f"{result.status}: {result.reason}"
    assert result.reason
    assert "broke off" not in result.reason
    assert any(check.outcome.evidence for check in result.checks), result.reason


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("staffed", [False, True], ids=["alone", "with its staff"])
async def test_our_server_fails_no_clause(service: Service, *, staffed: bool) -> None:
    report = await checked(service, None, Options(), staffed=staffed)

    wrong = {
        result.clause.id: result.reason for result in report.results if result.status in {Status.FAILED, Status.WARNED}
    }
    assert not wrong
    assert report.exit_code == 0


def test_there_are_faults_in_every_section() -> None:
    sections = {fault.clause.rpartition("-")[0].split(".")[0] for fault in FAULTS.values()}

    assert {"WG1-01-3", "WG1-01-4", *(f"WG1-02-{number}" for number in range(3, 10))} <= sections
    assert len(FAULTS) >= 40
